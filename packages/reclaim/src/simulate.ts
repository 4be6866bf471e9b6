/** A policy alone over a string of page accesses: no kernel, no swap device, only frames. */
import {
  DEF_PRIORITY,
  EINVAL,
  EVICT_FREED,
  findOccupant,
  KernelError,
  NO_SHADOW,
  PG_ANON,
  PG_SWAPBACKED,
  PG_UPTODATE,
  type Pfn,
  type ReclaimHost,
  type ReclaimPolicy,
  ZONE_NORMAL,
} from "@pageframe/contracts";
import { Memmap, VmStat } from "@pageframe/memmap";
import { reclaimPolicies } from "./policies.ts";
import { DEFAULT_SWAPPINESS } from "./policy-config.ts";
import { MAX_RECLAIM_RETRIES } from "./reclaimer.ts";
import { Scan } from "./scan.ts";

/** What a string of accesses cost. */
export interface ReplacementResult {
  /** Accesses to pages that were in no frame, first ones included. */
  readonly faults: number;
  /** Pages that had to go. */
  readonly evictions: number;
}

const NO_FRAME = -1;

/** Frames that hold anonymous pages, with accessed bits and endless swap. */
class SimulatedMemory implements ReclaimHost {
  nrEvictions = 0;
  readonly memmap: Memmap;
  readonly accessed: Uint8Array;
  /** By page: its frame, or NO_FRAME. */
  readonly frameOf: Int32Array;
  /** By page: what the policy left in its place when it was evicted, or NO_SHADOW. */
  readonly shadowOf: Int32Array;
  /** Set once it is made. */
  policy: ReclaimPolicy | null = null;
  private readonly pageOf: Int32Array;
  private readonly freeFrames: Int32Array;
  private nrFree: number;

  constructor(nrPages: number, nrFrames: number) {
    this.memmap = new Memmap(nrFrames, 64);
    this.memmap.zoneId.fill(ZONE_NORMAL);
    this.accessed = new Uint8Array(nrFrames);
    this.frameOf = new Int32Array(nrPages).fill(NO_FRAME);
    this.shadowOf = new Int32Array(nrPages).fill(NO_SHADOW);
    this.pageOf = new Int32Array(nrFrames);
    this.freeFrames = new Int32Array(nrFrames);
    for (let pfn = 0; pfn < nrFrames; pfn++) this.freeFrames[pfn] = nrFrames - 1 - pfn;
    this.nrFree = nrFrames;
  }

  isFull(): boolean {
    return this.nrFree === 0;
  }

  /** Gives a page a free frame. */
  load(page: number): Pfn {
    const pfn = this.freeFrames[--this.nrFree];
    this.pageOf[pfn] = page;
    this.frameOf[page] = pfn;
    this.memmap.flags[pfn] = PG_ANON | PG_SWAPBACKED | PG_UPTODATE;
    return pfn;
  }

  pageReferenced(pfn: Pfn): number {
    const was = this.accessed[pfn];
    this.accessed[pfn] = 0;
    return was;
  }

  evictPage(pfn: Pfn): number {
    this.shadowOf[this.pageOf[pfn]] = this.policy?.evictedShadow?.(pfn) ?? NO_SHADOW;
    this.frameOf[this.pageOf[pfn]] = NO_FRAME;
    this.memmap.flags[pfn] = 0;
    this.freeFrames[this.nrFree++] = pfn;
    this.nrEvictions++;
    return EVICT_FREED;
  }

  nrFreeSwapSlots(): number {
    return 1;
  }

  nrSwapSlots(): number {
    return 1;
  }

  isMappedExecutable(_pfn: Pfn): boolean {
    return false;
  }
}

/**
 * Runs page accesses through a reclaim policy with `nrFrames` frames, all zones and batches left out. Each access sets
 * the page's accessed bit, the faulting one too; a fault that finds no free frame reclaims, at rising priority, until
 * `nrToReclaim` are free. "active-inactive" looks at up to 32 pages at a time and so often frees more, as Linux does.
 * Throws EINVAL for an unknown policy name or a frame count below 1.
 */
export function simulateReplacement(
  policyName: string,
  pages: Int32Array,
  nrFrames: number,
  nrToReclaim = 1,
): ReplacementResult {
  if (!Number.isInteger(nrToReclaim) || nrToReclaim < 1) {
    throw new KernelError(EINVAL, `nrToReclaim (${nrToReclaim}) must be a positive integer`);
  }
  const ids = new Map<number, number>();
  const dense = new Int32Array(pages.length);
  for (let at = 0; at < pages.length; at++) {
    let id = ids.get(pages[at]);
    if (id === undefined) ids.set(pages[at], (id = ids.size));
    dense[at] = id;
  }
  const memory = new SimulatedMemory(ids.size, nrFrames);
  const policy = findOccupant("reclaim policy", reclaimPolicies, policyName).create({
    memmap: memory.memmap,
    vmstat: new VmStat(1),
    host: memory,
    nrNodes: 1,
    swappiness: DEFAULT_SWAPPINESS,
    seed: 0,
    trace: null,
  });
  memory.policy = policy;
  const scan = new Scan(null);
  scan.nrToReclaim = nrToReclaim;
  const { frameOf, accessed } = memory;
  let faults = 0;
  for (let at = 0; at < dense.length; at++) {
    let pfn = frameOf[dense[at]];
    if (pfn === NO_FRAME) {
      faults++;
      if (memory.isFull()) makeRoom(memory, policy, scan);
      pfn = memory.load(dense[at]);
      const shadow = memory.shadowOf[dense[at]];
      if (shadow !== NO_SHADOW) policy.refault?.(pfn, shadow);
      policy.addPage(pfn);
    }
    accessed[pfn] = 1;
  }
  policy.checkInvariants();
  return { faults, evictions: memory.nrEvictions };
}

/** Reclaims as an allocation at its limit does. */
function makeRoom(memory: SimulatedMemory, policy: ReclaimPolicy, scan: Scan): void {
  for (let retry = 0; retry < MAX_RECLAIM_RETRIES && memory.isFull(); retry++) {
    scan.nrReclaimed = 0;
    for (scan.priority = DEF_PRIORITY; scan.priority >= 0; scan.priority--) {
      policy.shrinkNode(scan);
      if (scan.nrReclaimed >= scan.nrToReclaim) break;
    }
    policy.snapshotRefaults?.(scan.nodeId);
    scan.forceDeactivate = scan.nrReclaimed === 0;
  }
  if (memory.isFull()) {
    throw new KernelError(EINVAL, `policy "${policy.name}" freed nothing in ${MAX_RECLAIM_RETRIES} tries`);
  }
}
