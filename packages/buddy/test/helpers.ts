import { MAX_NR_ZONES, type MemoryRange, ZONE_DMA, ZONE_DMA32, ZONE_NORMAL } from "@pageframe/contracts";
import { Memmap, VmStat } from "@pageframe/memmap";
import { type BootableFrameAllocator, type FrameAllocatorConfig, frameAllocators } from "../src/index.ts";

/** Zone ids of node 0. */
export const DMA = ZONE_DMA;
export const DMA32 = ZONE_DMA32;
export const NORMAL = ZONE_NORMAL;
/** Zone id of node 1's DMA32. */
export const NODE1_DMA32: number = MAX_NR_ZONES + ZONE_DMA32;

export interface Machine {
  readonly memmap: Memmap;
  readonly vmstat: VmStat;
  readonly allocator: BootableFrameAllocator;
}

type Options = Omit<FrameAllocatorConfig, "memmap" | "vmstat" | "ranges" | "nrCpus" | "cpuNodes">;

/** A machine whose RAM is all still reserved. */
export function makeMachine(
  ranges: readonly MemoryRange[],
  cpuNodes: readonly number[] = [0],
  options: Options = {},
  occupant = "buddy",
): Machine {
  const nrFrames = Math.max(...ranges.map((range) => range.endPfn));
  const memmap = new Memmap(nrFrames);
  const vmstat = new VmStat(Math.max(...ranges.map((range) => range.nodeId)) + 1);
  const config = { memmap, vmstat, ranges, nrCpus: cpuNodes.length, cpuNodes, ...options };
  const allocator = frameAllocators.find(({ name }) => name === occupant)!.create(config);
  return { memmap, vmstat, allocator };
}

/** One node with frames [0, nrFrames), all of them released. */
export function bootFlat(nrFrames: number, options: Options = {}, occupant = "buddy"): Machine {
  const machine = makeMachine([{ startPfn: 0, endPfn: nrFrames, nodeId: 0 }], [0], options, occupant);
  machine.allocator.releaseBootMemory(0, nrFrames);
  machine.allocator.finishBoot();
  return machine;
}
