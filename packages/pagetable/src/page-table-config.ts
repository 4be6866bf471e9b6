/** What every kind of page table is made of. */
import { ENOMEM, KernelError, type TableFrames } from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { type SharedHalf } from "./table-counts.ts";

/** What a page table is made of. */
export interface PageTableConfig {
  readonly contents: FrameContents;
  readonly frames: TableFrames;
  /** Shared kernel half; null or absent: the table owns the whole address space. */
  readonly kernelHalf?: SharedHalf | null;
}

/** The error of a page table whose root has no frame. */
export function noFrameForRoot(): KernelError {
  return new KernelError(ENOMEM, "a page table needs one frame for its root and none is free");
}
