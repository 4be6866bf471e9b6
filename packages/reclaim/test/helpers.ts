import {
  DEF_PRIORITY,
  EVICT_FREED,
  type FrameAllocator,
  findOccupant,
  MAX_NR_ZONES,
  type MemoryPressureHandler,
  NO_PFN,
  type Order,
  PG_ANON,
  PG_HEAD,
  PG_LRU,
  PG_SWAPBACKED,
  type Pfn,
  type ReclaimHost,
  type ReclaimPolicy,
  type ScanControl,
  SWAP_CLUSTER_MAX,
  type TraceSink,
  ZONE_MOVABLE,
  ZONE_NORMAL,
  type ZoneView,
} from "@pageframe/contracts";
import { Memmap, VmStat } from "@pageframe/memmap";
import { newScanWrites, reclaimPolicies } from "../src/index.ts";

/** Pages in an anonymous or file state, and what the "rest of the system" answers about them. */
export class TestHost implements ReclaimHost {
  /** How many page-table entries would be found accessed. */
  readonly accessed: Int32Array;
  readonly executable: Uint8Array;
  /** EVICT_* by pfn; EVICT_FREED at first. */
  readonly verdict: Int32Array;
  /** Victims in order. */
  readonly evicted: number[] = [];
  /** Proposals in order, refused ones too. */
  readonly asked: number[] = [];
  freeSwapSlots = 1000;
  totalSwapSlots = 1000;
  /** Told of each freed frame. */
  frames: TestFrames | null = null;
  /** Run within evictPage. */
  nested: MemoryPressureHandler | null = null;
  nestedReclaimed = -1;
  private readonly memmap: Memmap;

  constructor(memmap: Memmap) {
    this.memmap = memmap;
    this.accessed = new Int32Array(memmap.nrFrames);
    this.executable = new Uint8Array(memmap.nrFrames);
    this.verdict = new Int32Array(memmap.nrFrames).fill(EVICT_FREED);
  }

  pageReferenced(pfn: Pfn): number {
    const nr = this.accessed[pfn];
    this.accessed[pfn] = 0;
    return nr;
  }

  evictPage(pfn: Pfn): number {
    const { memmap } = this;
    if (memmap.refcount[pfn] === 0) throw new Error(`pfn ${pfn} is evicted though free`);
    if (memmap.hasFlags(pfn, PG_LRU) || memmap.lists.isListed(pfn)) {
      throw new Error(`pfn ${pfn} is evicted while on a list`);
    }
    this.asked.push(pfn);
    if (this.nested !== null) this.nestedReclaimed = this.nested.directReclaim(0, 0, 0);
    if (this.verdict[pfn] !== EVICT_FREED) return this.verdict[pfn];
    this.evicted.push(pfn);
    memmap.flags[pfn] = 0;
    memmap.refcount[pfn] = 0;
    this.frames?.noteFreed(pfn);
    return EVICT_FREED;
  }

  nrFreeSwapSlots(): number {
    return this.freeSwapSlots;
  }

  nrSwapSlots(): number {
    return this.totalSwapSlots;
  }

  isMappedExecutable(pfn: Pfn): boolean {
    return this.executable[pfn] !== 0;
  }
}

export const ANON: number = PG_ANON | PG_SWAPBACKED;
export const FILE = 0;

/** One machine: frames of node n are [n, n + 1) * nrFramesPerNode, all in ZONE_NORMAL unless changed. */
export interface Machine {
  readonly memmap: Memmap;
  readonly vmstat: VmStat;
  readonly host: TestHost;
  readonly policy: ReclaimPolicy;
}

export function makeMachine(
  policyName: string,
  nrFramesPerNode = 256,
  nrNodes = 1,
  trace: TraceSink | null = null,
): Machine {
  const memmap = new Memmap(nrFramesPerNode * nrNodes, 64);
  for (let node = 0; node < nrNodes; node++) {
    memmap.zoneId.fill(
      node * MAX_NR_ZONES + ZONE_NORMAL,
      node * nrFramesPerNode,
      (node + 1) * nrFramesPerNode,
    );
  }
  const vmstat = new VmStat(nrNodes);
  const host = new TestHost(memmap);
  const policy = findOccupant("reclaim policy", reclaimPolicies, policyName).create({
    memmap,
    vmstat,
    host,
    nrNodes,
    swappiness: 60,
    seed: 1,
    trace,
  });
  return { memmap, vmstat, host, policy };
}

/** Makes a used frame of a kind and gives it to the policy. */
export function addPage({ memmap, policy }: Machine, pfn: number, flags: number): void {
  memmap.flags[pfn] = flags;
  memmap.refcount[pfn] = 1;
  policy.addPage(pfn);
}

export function addPages(machine: Machine, first: number, nr: number, flags: number): void {
  for (let pfn = first; pfn < first + nr; pfn++) addPage(machine, pfn, flags);
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A pass of direct reclaim over node 0 with everything allowed. */
export function makeScan(changes: Partial<ScanControl> = {}): Writable<ScanControl> {
  return {
    nodeId: 0,
    nrToReclaim: SWAP_CLUSTER_MAX,
    priority: DEF_PRIORITY,
    isKswapd: false,
    highestZoneType: ZONE_MOVABLE,
    maySwap: true,
    nrScanned: 0,
    nrReclaimed: 0,
    nrFreePages: 0,
    highWatermark: 0,
    forceDeactivate: false,
    noCacheTrimMode: false,
    skippedDeactivate: false,
    cacheTrimModeFailed: false,
    nr: newScanWrites(),
    isNodeUnderWriteback: false,
    wakeupFlushers: () => undefined,
    lruAddDrain: () => undefined,
    ...changes,
  };
}

/** A frame allocator that only knows how many frames are free, per zone of every node. */
export class TestFrames implements FrameAllocator {
  readonly name = "test";
  readonly zones: ZoneView[] = [];
  readonly nrFree: Int32Array;
  private readonly memmap: Memmap;

  /** One zone per node holds pages: ZONE_NORMAL with watermarks min, low, high. */
  constructor(memmap: Memmap, nrNodes: number, watermarks: readonly [number, number, number]) {
    this.memmap = memmap;
    const nrFree = new Int32Array(nrNodes * MAX_NR_ZONES);
    this.nrFree = nrFree;
    for (let id = 0; id < nrNodes * MAX_NR_ZONES; id++) {
      const zoneType = id % MAX_NR_ZONES;
      const managedPages = zoneType === ZONE_NORMAL ? memmap.nrFrames / nrNodes : 0;
      this.zones.push({
        id,
        nodeId: Math.floor(id / MAX_NR_ZONES),
        zoneType,
        name: "test",
        startPfn: 0,
        spannedPages: managedPages,
        presentPages: managedPages,
        managedPages,
        get nrFreePages() {
          return nrFree[id];
        },
        watermarks: Int32Array.of(...watermarks, watermarks[2]),
        lowmemReserve: new Int32Array(MAX_NR_ZONES),
        nrFreeBlocks: () => 0,
        nrFreeBlocksOfType: () => 0,
        nrPcpPages: () => 0,
      });
    }
  }

  noteFreed(pfn: number): void {
    this.nrFree[this.memmap.zoneId[pfn]]++;
  }

  allocPages(): number {
    return NO_PFN;
  }

  freePages(): void {
    throw new Error("not used");
  }

  drainPcp(): void {
    throw new Error("not used");
  }

  setPressureHandler(): void {
    throw new Error("not used");
  }

  nodeOfCpu(cpu: number): number {
    return cpu;
  }

  nrFreePages(): number {
    return this.nrFree.reduce((sum, nr) => sum + nr, 0);
  }

  totalReservePages(): number {
    return 0;
  }

  /** Blocks above order 0 never form: memory is fragmented. */
  zoneWatermarkOk(zoneId: number, order: Order, watermark: number): boolean {
    return order === 0 && this.nrFree[zoneId] > watermark;
  }

  checkInvariants(): void {
    // Nothing to contradict.
  }
}

/** Keeps events as `[tracepoint, a, b, c, d]`. */
export class TestTrace implements TraceSink {
  readonly events: number[][] = [];

  emit(tracepoint: number, a: number, b: number, c: number, d: number): void {
    this.events.push([tracepoint, a, b, c, d]);
  }

  of(tracepoint: number): number[][] {
    return this.events.filter((event) => event[0] === tracepoint).map((event) => event.slice(1));
  }
}

/** Makes [pfn, pfn + 2^order) a compound page that nobody has given to the policy. */
export function makeCompound({ memmap }: Machine, pfn: number, order: number, flags: number): void {
  memmap.flags[pfn] = flags;
  memmap.refcount[pfn] = 1;
  memmap.prepCompound(pfn, order);
  if (!memmap.hasFlags(pfn, PG_HEAD)) throw new Error("no compound page was made");
}
