import { type SwapBackend } from "@pageframe/contracts";
import { type ContentsMode, FrameContents, Memmap, VmStat } from "@pageframe/memmap";
import { ClusterSlots, MemorySwapBackend, SwapAreas } from "../src/index.ts";

export interface Machine {
  readonly swap: SwapAreas;
  readonly memmap: Memmap;
  readonly contents: FrameContents;
  readonly vmstat: VmStat;
}

/** A machine of 64 frames, all on node 0, without swap areas. */
export function newMachine(mode: ContentsMode = "sparse"): Machine {
  const memmap = new Memmap(64, 16);
  memmap.zoneId.fill(2);
  const contents = new FrameContents(64, mode);
  const vmstat = new VmStat(1);
  return { swap: new SwapAreas({ memmap, contents, vmstat, trace: null }), memmap, contents, vmstat };
}

/** Turns on an area of `nrPages` slots besides the header. */
export function addArea(
  swap: SwapAreas,
  name: string,
  nrPages: number,
  priority = -1,
  backend: SwapBackend = new MemorySwapBackend(nrPages + 1),
): number {
  return swap.swapon({ name, slots: new ClusterSlots(nrPages + 1), backend, priority });
}
