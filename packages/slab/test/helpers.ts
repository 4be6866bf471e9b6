import {
  __GFP_COMP,
  type FrameAllocator,
  MAX_NR_ZONES,
  NO_PFN,
  NODE_STAT_NAMES,
  type TraceSink,
  ZONE_NORMAL,
  type ZoneView,
} from "@pageframe/contracts";
import { Memmap, VmStat } from "@pageframe/memmap";
import { type ObjectAllocatorConfig, SlubAllocator } from "../src/index.ts";

/** Lowest aligned run of unused frames; frame 0 is never given. Each node has as many frames. */
export class NaiveFrames implements FrameAllocator {
  readonly name = "naive";
  readonly zones: ZoneView[];
  /** No block above this order is given. */
  maxOrder = 10;
  /** What was asked: `order` and flags of every call. */
  readonly calls: { gfp: number; order: number }[] = [];
  /** Called before a search, as direct reclaim would be. */
  beforeAlloc: () => void = () => undefined;
  private readonly memmap: Memmap;
  private readonly framesPerNode: number;
  private readonly cpuNodes: readonly number[];

  constructor(memmap: Memmap, nrNodes: number, cpuNodes: readonly number[]) {
    this.memmap = memmap;
    this.framesPerNode = memmap.nrFrames / nrNodes;
    this.cpuNodes = cpuNodes;
    this.zones = new Array<ZoneView>(nrNodes * MAX_NR_ZONES);
    for (let pfn = 0; pfn < memmap.nrFrames; pfn++) {
      memmap.zoneId[pfn] = Math.floor(pfn / this.framesPerNode) * MAX_NR_ZONES + ZONE_NORMAL;
    }
    memmap.refcount[0] = 1;
  }

  allocPages(gfp: number, order: number, cpu: number): number {
    this.calls.push({ gfp, order });
    this.beforeAlloc();
    if (order > this.maxOrder) return NO_PFN;
    const nrNodes = this.zones.length / MAX_NR_ZONES;
    for (let step = 0; step < nrNodes; step++) {
      const node = (this.cpuNodes[cpu] + step) % nrNodes;
      const end = (node + 1) * this.framesPerNode;
      for (let first = node * this.framesPerNode; first + 2 ** order <= end; first += 2 ** order) {
        const block = this.memmap.refcount.subarray(first, first + 2 ** order);
        if (block.some((refcount) => refcount !== 0)) continue;
        block.fill(1);
        if ((gfp & __GFP_COMP) !== 0 && order > 0) this.memmap.prepCompound(first, order);
        return first;
      }
    }
    return NO_PFN;
  }

  freePages(pfn: number, order: number): void {
    if (order > 0) this.memmap.destroyCompound(pfn);
    if (this.memmap.flags[pfn] !== 0) throw new Error(`frame ${pfn} is freed with flags`);
    this.memmap.refcount.fill(0, pfn, pfn + 2 ** order);
  }

  nrFreePages(): number {
    return this.memmap.refcount.filter((refcount) => refcount === 0).length;
  }

  nodeOfCpu(cpu: number): number {
    return this.cpuNodes[cpu];
  }

  drainPcp(): void {
    /* There are no per-CPU lists. */
  }
  setPressureHandler(): void {
    /* Nobody reclaims. */
  }
  totalReservePages(): number {
    return 0;
  }
  zoneWatermarkOk(): boolean {
    return true;
  }
  checkInvariants(): void {
    this.memmap.checkInvariants();
  }
}

export interface Machine {
  readonly memmap: Memmap;
  readonly vmstat: VmStat;
  readonly frames: NaiveFrames;
  readonly config: ObjectAllocatorConfig;
  readonly slub: SlubAllocator;
}

/** A machine with `cpuNodes.length` CPUs on the given nodes. */
export function makeMachine(
  cpuNodes: readonly number[] = [0],
  framesPerNode = 256,
  options: Partial<ObjectAllocatorConfig> & { trace?: TraceSink } = {},
): Machine {
  const nrNodes = Math.max(...cpuNodes) + 1;
  const memmap = new Memmap(nrNodes * framesPerNode);
  const vmstat = new VmStat(nrNodes);
  const frames = new NaiveFrames(memmap, nrNodes, cpuNodes);
  const config = { memmap, vmstat, frames, nrCpus: cpuNodes.length, cpuNodes, trace: null, ...options };
  return { memmap, vmstat, frames, config, slub: new SlubAllocator(config) };
}

/** A node's counter by its /proc/vmstat name. */
export function nodeStat(machine: Machine, node: number, name: string): number {
  return machine.vmstat.nodeStat(node, NODE_STAT_NAMES.indexOf(name));
}
