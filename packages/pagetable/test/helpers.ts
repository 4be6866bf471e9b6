import { NO_ENTRY, NO_PFN, type PageTable, type Pfn, type TableFrames } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { pageTables, RadixPageTable, type SharedHalf } from "../src/index.ts";

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

/** A page table and what it lives on. */
export interface Machine<Table extends PageTable = PageTable> {
  readonly table: Table;
  readonly frames: CountingFrames;
  readonly contents: FrameContents;
}

/** A page table over its own little machine of 4096 frames; table frames come from 100 on. */
export function newPageTable(
  kernelHalf: SharedHalf | null = null,
  frames: CountingFrames = new CountingFrames(100, 3000),
  contents: FrameContents = new FrameContents(4096, "none"),
): Machine<RadixPageTable> {
  return { table: new RadixPageTable({ contents, frames, kernelHalf }), frames, contents };
}

/** An occupant of the seat over its own little machine of 4096 frames; table frames come from 100 on. */
export function newOccupant(name: string): Machine {
  const contents = new FrameContents(4096, "none");
  const frames = new CountingFrames(100, 3900);
  const table = pageTables.find((occupant) => occupant.name === name)!.create({ contents, frames });
  return { table, frames, contents };
}

/** The entry of a page as one 64-bit number in canonical form; 0 when there is none. */
export function readEntry(table: PageTable, vpn: number): bigint {
  const entry = table.findEntry(vpn);
  return entry === NO_ENTRY ? 0n : joined(table.entryLo(entry), table.entryHi(entry));
}

/** Two halves as one 64-bit number. */
export function joined(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}
