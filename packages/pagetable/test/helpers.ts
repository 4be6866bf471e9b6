import { NO_PFN, type Pfn, type TableFrames } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { RadixPageTable, type SharedHalf } from "../src/index.ts";

/** Hands out frames from `first` on, and again those given back; fails after `nrFrames` at once. */
export class CountingFrames implements TableFrames {
  readonly inUse = new Map<Pfn, number>();
  limit: number;
  private readonly free: Pfn[] = [];
  private next: Pfn;

  constructor(first: Pfn, limit: number) {
    this.next = first;
    this.limit = limit;
  }

  allocTable(level: number): Pfn {
    if (this.inUse.size >= this.limit) return NO_PFN;
    const pfn = this.free.pop() ?? this.next++;
    this.inUse.set(pfn, level);
    return pfn;
  }

  freeTable(pfn: Pfn, level: number): void {
    if (this.inUse.get(pfn) !== level) throw new Error(`pfn ${pfn} is no table of level ${level}`);
    this.inUse.delete(pfn);
    this.free.push(pfn);
  }
}

/** A page table over its own little machine of 4096 frames; table frames come from 100 on. */
export function newPageTable(
  kernelHalf: SharedHalf | null = null,
  frames: CountingFrames = new CountingFrames(100, 3000),
  contents: FrameContents = new FrameContents(4096, "none"),
): { table: RadixPageTable; frames: CountingFrames; contents: FrameContents } {
  return { table: new RadixPageTable({ contents, frames, kernelHalf }), frames, contents };
}
