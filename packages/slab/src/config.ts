/** What an object allocator is made from. */
import { type FrameAllocator, type NodeId, type TraceSink } from "@pageframe/contracts";
import { type Memmap, type VmStat } from "@pageframe/memmap";

/** What an object allocator stands on. */
export interface ObjectAllocatorConfig {
  readonly memmap: Memmap;
  readonly vmstat: VmStat;
  readonly frames: FrameAllocator;
  /** CPUs of the machine; decides how many objects a slab should hold. */
  readonly nrCpus: number;
  /** Node of each CPU. */
  readonly cpuNodes: readonly NodeId[];
  readonly trace: TraceSink | null;
  /** slub_min_order, slub_max_order and slub_min_objects; Linux's defaults where absent. */
  readonly slubMinOrder?: number;
  readonly slubMaxOrder?: number;
  readonly slubMinObjects?: number;
}
