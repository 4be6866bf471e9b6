/**
 * Frames for the kernel's tables that are there before any can be allocated: they lie in the kernel image, like
 * level3_kernel_pgt and level1_fixmap_pgt. Cold.
 * Source: Linux 6.18 arch/x86/kernel/head_64.S.
 */
import { PAGE_WORDS, type Pfn, type TableFrames } from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";

/** Takes tables from the image while `isStatic`, and from the machine's allocator otherwise or when those run out. */
export class StaticTableFrames implements TableFrames {
  isStatic = false;
  private readonly contents: FrameContents;
  private readonly frames: TableFrames;
  private readonly pfns: readonly Pfn[];
  private nrTaken = 0;

  constructor(contents: FrameContents, frames: TableFrames, pfns: readonly Pfn[]) {
    this.contents = contents;
    this.frames = frames;
    this.pfns = pfns;
  }

  allocTable(level: number): Pfn {
    if (!this.isStatic || this.nrTaken === this.pfns.length) return this.frames.allocTable(level);
    const pfn = this.pfns[this.nrTaken++];
    const base = this.contents.ensureSlot(pfn);
    this.contents.words.fill(0, base, base + PAGE_WORDS);
    return pfn;
  }

  /** Static tables stay what they are. */
  freeTable(pfn: Pfn, level: number): void {
    if (!this.pfns.includes(pfn)) this.frames.freeTable(pfn, level);
  }
}
