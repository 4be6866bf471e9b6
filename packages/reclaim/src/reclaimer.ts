/**
 * Decides when pages are reclaimed and how many; a policy decides which. kswapd works ahead of need until the node is
 * balanced, direct reclaim in the name of an allocation that found nothing.
 * Source: Linux 6.18 mm/vmscan.c, wakeup_kswapd(), kswapd(), balance_pgdat(), try_to_free_pages(), shrink_node().
 * Differs: no memory cgroups yet, no slab shrinkers, no watermark boosting, no compaction; kswapd goes
 * to sleep at once, without the tenth of a second that Linux waits first (kswapd_low_wmark_hit_quickly stays 0).
 */
import {
  __GFP_IO,
  __GFP_THISNODE,
  ALLOCSTALL_DMA,
  bug,
  type CpuId,
  DEF_PRIORITY,
  EINVAL,
  type FrameAllocator,
  type Gfp,
  GFP_KERNEL,
  KernelError,
  KSWAPD_HIGH_WMARK_HIT_QUICKLY,
  MAX_NR_ZONES,
  type NodeId,
  NUMA_NO_NODE,
  type Order,
  PAGEOUTRUN,
  type ReclaimPolicy,
  SWAP_CLUSTER_MAX,
  TP_MM_VMSCAN_DIRECT_RECLAIM_BEGIN,
  TP_MM_VMSCAN_DIRECT_RECLAIM_END,
  TP_MM_VMSCAN_KSWAPD_SLEEP,
  TP_MM_VMSCAN_KSWAPD_WAKE,
  type TraceSink,
  WMARK_HIGH,
  type Zonelists,
} from "@pageframe/contracts";
import { type VmStat } from "@pageframe/memmap";
import { gfpZone } from "./gfp-zone.ts";
import { type LruCache } from "./lru-cache.ts";
import { clearScanWrites, HIGHEST_ZONE_TYPE, Scan, type WriteWaits } from "./scan.ts";

/** Fruitless rounds after which kswapd leaves a node to direct reclaim (mm/internal.h). */
export const MAX_RECLAIM_RETRIES = 16;
/** `kswapdHighestZone` when nobody asked for anything. */
const NO_REQUEST: number = MAX_NR_ZONES;

/** What a {@link Reclaimer} is made from. */
export interface ReclaimerConfig {
  readonly vmstat: VmStat;
  readonly frames: FrameAllocator;
  readonly policy: ReclaimPolicy;
  readonly lru: LruCache;
  readonly nrNodes: number;
  /** The allocator's zonelists. Left out: a node's own zones first, then those of the other nodes by number. */
  readonly zonelists?: Zonelists;
  readonly trace: TraceSink | null;
  /** Who writes dirty pages; left out where there are none. */
  readonly writers?: WriteWaits;
}

/** The node was found full of pages being written (PGDAT_WRITEBACK), or all dirty ones come round twice (LRUVEC_NODE_CONGESTED). */
const NODE_WRITEBACK = 1;
const NODE_CONGESTED = 2;

/** kswapd of every node, and direct reclaim. */
export class Reclaimer {
  /** CPU that reclaims now: its batch of new pages is drained. Set by whoever switches CPUs. */
  currentCpu: CpuId = 0;
  /** Rounds in a row of kswapd that freed nothing, by node; 16 and more: it gave up (pgdat->kswapd_failures). */
  readonly kswapdFailures: Int32Array;
  private readonly vmstat: VmStat;
  private readonly frames: FrameAllocator;
  private readonly policy: ReclaimPolicy;
  private readonly nrNodes: number;
  private readonly zonelists: Zonelists;
  private readonly trace: TraceSink | null;
  private readonly scan: Scan;
  private readonly writers: WriteWaits | null;
  /** NODE_* bits, by node. */
  private readonly nodeFlags: Uint8Array;
  /** kswapd's step ends before its time: it has to sleep. */
  private isKswapdThrottled = false;
  /** Is kswapd awake? */
  private readonly pending: Uint8Array;
  private readonly kswapdOrder: Int32Array;
  private readonly kswapdHighestZone: Int32Array;
  /** Zone type of kswapd's last round: used again when it goes on without a new request. */
  private readonly lastHighestZone: Int32Array;
  /** Reclaim does not start reclaim (PF_MEMALLOC). */
  isReclaiming = false;

  constructor(config: ReclaimerConfig) {
    const { nrNodes, zonelists = zonelistsByNumber(config.nrNodes) } = config;
    if (zonelists.fallback.length !== nrNodes || zonelists.thisNode.length !== nrNodes) {
      throw new KernelError(
        EINVAL,
        `zonelists are for ${zonelists.fallback.length} nodes, the machine has ${nrNodes}`,
      );
    }
    this.vmstat = config.vmstat;
    this.frames = config.frames;
    this.policy = config.policy;
    this.nrNodes = nrNodes;
    this.zonelists = zonelists;
    this.trace = config.trace;
    this.writers = config.writers ?? null;
    this.nodeFlags = new Uint8Array(nrNodes);
    this.scan = new Scan(config.lru, this.writers);
    this.kswapdFailures = new Int32Array(nrNodes);
    this.pending = new Uint8Array(nrNodes);
    this.kswapdOrder = new Int32Array(nrNodes);
    this.kswapdHighestZone = new Int32Array(nrNodes).fill(NO_REQUEST);
    this.lastHighestZone = new Int32Array(nrNodes).fill(HIGHEST_ZONE_TYPE);
  }

  /** Asks kswapd of a node for blocks of 2^order; it wakes unless the node is balanced or hopeless. Allocates nothing. */
  wakeKswapd(nodeId: NodeId, order: Order, highestZoneType: number): void {
    const asked = this.kswapdHighestZone[nodeId];
    if (asked === NO_REQUEST || asked < highestZoneType) this.kswapdHighestZone[nodeId] = highestZoneType;
    if (this.kswapdOrder[nodeId] < order) this.kswapdOrder[nodeId] = order;
    if (this.pending[nodeId] !== 0 || this.isHopeless(nodeId)) return;
    if (!this.isBalanced(nodeId, order, highestZoneType)) this.pending[nodeId] = 1;
  }

  /** Does kswapd of a node have something to do? */
  isKswapdPending(nodeId: NodeId): boolean {
    return this.pending[nodeId] !== 0;
  }

  /**
   * Lets kswapd of a node run until the node is balanced or one round through all priorities is over; returns pages
   * freed. It stays pending when the node is not balanced; after 16 fruitless rounds it gives up and sleeps, so
   * `while (isKswapdPending(n)) kswapdStep(n)` ends.
   */
  kswapdStep(nodeId: NodeId): number {
    if (this.pending[nodeId] === 0 || this.isReclaiming) return 0;
    const order = this.kswapdOrder[nodeId];
    const highestZoneType = this.takeZoneRequest(nodeId);
    this.kswapdOrder[nodeId] = 0;
    this.trace?.emit(TP_MM_VMSCAN_KSWAPD_WAKE, nodeId, highestZoneType, order, 0);
    this.isReclaiming = true;
    const balancedOrder = this.balanceNode(nodeId, order, highestZoneType);
    this.policy.snapshotRefaults?.(nodeId);
    this.isReclaiming = false;
    if (this.isKswapdThrottled) {
      if (this.kswapdOrder[nodeId] < balancedOrder) this.kswapdOrder[nodeId] = balancedOrder;
      return this.scan.nrReclaimed;
    }
    // Falling back to order 0 it may sleep on that; otherwise only new requests keep it awake.
    const sleepOrder = balancedOrder < order ? balancedOrder : this.kswapdOrder[nodeId];
    if (this.isHopeless(nodeId) || this.isBalanced(nodeId, sleepOrder, this.peekZoneRequest(nodeId))) {
      this.pending[nodeId] = 0;
      this.trace?.emit(TP_MM_VMSCAN_KSWAPD_SLEEP, nodeId, 0, 0, 0);
    } else {
      this.vmstat.countEvents(KSWAPD_HIGH_WMARK_HIT_QUICKLY, 1);
    }
    return this.scan.nrReclaimed;
  }

  /**
   * Reclaims SWAP_CLUSTER_MAX pages in the caller's name from the nodes of the preferred node's zonelist; returns pages
   * freed, 0 when a second and third, more forceful try freed nothing either. Within reclaim it returns 0 at once.
   * Differs: without __GFP_IO anonymous pages are not scanned at all (Linux scans and keeps them).
   */
  directReclaim(gfp: Gfp, order: Order, nodeId: NodeId): number {
    if (this.isReclaiming) return 0;
    const preferred = nodeId === NUMA_NO_NODE ? this.frames.nodeOfCpu(this.currentCpu) : nodeId;
    if (preferred < 0 || preferred >= this.nrNodes) bug(`direct reclaim for node ${preferred}`);
    this.trace?.emit(TP_MM_VMSCAN_DIRECT_RECLAIM_BEGIN, order, gfp, 0, 0);
    this.isReclaiming = true;
    const nrReclaimed = this.tryToFreePages(gfp, preferred);
    this.isReclaiming = false;
    this.trace?.emit(TP_MM_VMSCAN_DIRECT_RECLAIM_END, nrReclaimed, 0, 0, 0);
    return nrReclaimed;
  }

  /** Is some zone of the node, up to a type, above its high watermark? True when there is no such zone. */
  isBalanced(nodeId: NodeId, order: Order, highestZoneType: number): boolean {
    const { frames } = this;
    let hasZone = false;
    for (let zoneType = 0; zoneType <= highestZoneType; zoneType++) {
      const zone = frames.zones[nodeId * MAX_NR_ZONES + zoneType];
      if (zone.managedPages === 0) continue;
      hasZone = true;
      if (frames.zoneWatermarkOk(zone.id, order, zone.watermarks[WMARK_HIGH], highestZoneType)) return true;
    }
    return !hasZone;
  }

  private isHopeless(nodeId: NodeId): boolean {
    return this.kswapdFailures[nodeId] >= MAX_RECLAIM_RETRIES;
  }

  private peekZoneRequest(nodeId: NodeId): number {
    const asked = this.kswapdHighestZone[nodeId];
    return asked === NO_REQUEST ? this.lastHighestZone[nodeId] : asked;
  }

  private takeZoneRequest(nodeId: NodeId): number {
    const highestZoneType = this.peekZoneRequest(nodeId);
    this.lastHighestZone[nodeId] = highestZoneType;
    this.kswapdHighestZone[nodeId] = NO_REQUEST;
    return highestZoneType;
  }

  /** Reclaims until the node is balanced or the priorities are used up; returns the order it ended with. */
  private balanceNode(nodeId: NodeId, requested: Order, highestZoneType: number): Order {
    const scan = this.beginScan(true, highestZoneType);
    let order = requested;
    let isRestart = false;
    this.vmstat.countEvents(PAGEOUTRUN, 1);
    while (true) {
      for (scan.priority = DEF_PRIORITY; scan.priority >= 1;) {
        if (this.isBalanced(nodeId, order, highestZoneType)) {
          this.nodeFlags[nodeId] = 0;
          return order;
        }
        scan.nrScanned = 0;
        scan.nodeId = nodeId;
        this.policy.ageNode(scan);
        const nrBefore = scan.nrReclaimed;
        scan.nrToReclaim = this.nrToBalance(nodeId, highestZoneType);
        this.shrinkNode(nodeId, GFP_KERNEL);
        if (this.isKswapdThrottled) return order;
        // Twice the block freed and still none: fragmented. Go on for single pages.
        if (order > 0 && scan.nrReclaimed >= 2 * 2 ** order) order = 0;
        const nrReclaimed = scan.nrReclaimed - nrBefore;
        if (Math.max(scan.nrScanned, nrReclaimed) < scan.nrToReclaim || nrReclaimed === 0) scan.priority--;
      }
      if (scan.nrReclaimed > 0 || isRestart || !scan.cacheTrimModeFailed) break;
      isRestart = true;
      scan.noCacheTrimMode = true;
    }
    if (scan.nrReclaimed === 0) this.kswapdFailures[nodeId]++;
    return order;
  }

  /** Pages that one round of kswapd aims at: a high watermark's worth for every eligible zone. */
  private nrToBalance(nodeId: NodeId, highestZoneType: number): number {
    let nr = 0;
    for (let zoneType = 0; zoneType <= highestZoneType; zoneType++) {
      const zone = this.frames.zones[nodeId * MAX_NR_ZONES + zoneType];
      if (zone.managedPages > 0) nr += Math.max(zone.watermarks[WMARK_HIGH], SWAP_CLUSTER_MAX);
    }
    return nr;
  }

  /**
   * Up to three tries: as is; the same again; taking from active lists that the first two spared.
   * Source: do_try_to_free_pages(). The second is Linux's full walk over the memory cgroups; it counts as a stall too.
   */
  private tryToFreePages(gfp: Gfp, preferred: NodeId): number {
    const highestZoneType = gfpZone(gfp);
    const scan = this.beginScan(false, highestZoneType);
    scan.maySwap = (gfp & __GFP_IO) !== 0;
    scan.nrToReclaim = SWAP_CLUSTER_MAX;
    const { fallback, thisNode } = this.zonelists;
    const zonelist = ((gfp & __GFP_THISNODE) !== 0 ? thisNode : fallback)[preferred];
    let isFullWalk = false;
    while (true) {
      this.vmstat.countEvents(ALLOCSTALL_DMA + highestZoneType, 1);
      for (scan.priority = DEF_PRIORITY; scan.priority >= 0; scan.priority--) {
        scan.nrScanned = 0;
        this.shrinkZones(zonelist, highestZoneType, gfp);
        if (scan.nrReclaimed >= scan.nrToReclaim) break;
      }
      this.snapshotRefaults(zonelist, highestZoneType);
      if (scan.nrReclaimed > 0) return scan.nrReclaimed;
      if (!isFullWalk) isFullWalk = true;
      else if (scan.skippedDeactivate) {
        scan.forceDeactivate = true;
        scan.skippedDeactivate = false;
      } else return 0;
    }
  }

  /** One pass over each node that has an eligible zone on a zonelist, in its order. */
  private shrinkZones(zonelist: Int32Array, highestZoneType: number, gfp: Gfp): void {
    let lastNode = NUMA_NO_NODE;
    for (let nth = 0; nth < zonelist.length; nth++) {
      const nodeId = this.eligibleNode(zonelist[nth], highestZoneType);
      if (nodeId === NUMA_NO_NODE || nodeId === lastNode) continue;
      lastNode = nodeId;
      this.shrinkNode(nodeId, gfp);
    }
  }

  /** Tells the policy that a try is over, for the same nodes. */
  private snapshotRefaults(zonelist: Int32Array, highestZoneType: number): void {
    for (let nth = 0; nth < zonelist.length; nth++) {
      const nodeId = this.eligibleNode(zonelist[nth], highestZoneType);
      if (nodeId !== NUMA_NO_NODE) this.policy.snapshotRefaults?.(nodeId);
    }
  }

  /** Node of a zone that helps a caller who may use zone types up to one; else NUMA_NO_NODE. */
  private eligibleNode(zoneId: number, highestZoneType: number): NodeId {
    const zone = this.frames.zones[zoneId];
    return zone.zoneType > highestZoneType || zone.managedPages === 0 ? NUMA_NO_NODE : zone.nodeId;
  }

  /** One pass of the policy over one node at the scan's priority. Progress wakes a kswapd that gave up. */
  private shrinkNode(nodeId: NodeId, gfp: Gfp): void {
    const { scan, frames } = this;
    scan.nodeId = nodeId;
    scan.nrFreePages = 0;
    scan.highWatermark = 0;
    for (let zoneType = 0; zoneType < MAX_NR_ZONES; zoneType++) {
      const zone = frames.zones[nodeId * MAX_NR_ZONES + zoneType];
      if (zone.managedPages === 0) continue;
      scan.nrFreePages += zone.nrFreePages;
      scan.highWatermark += zone.watermarks[WMARK_HIGH];
    }
    const nrBefore = scan.nrReclaimed;
    clearScanWrites(scan.nr);
    scan.isNodeUnderWriteback = (this.nodeFlags[nodeId] & NODE_WRITEBACK) !== 0;
    this.policy.shrinkNode(scan);
    if (this.writers !== null) this.waitForWrites(this.writers, nodeId, gfp);
    if (scan.nrReclaimed > nrBefore) this.kswapdFailures[nodeId] = 0;
  }

  /** Makes who reclaims wait when pages come round faster than they are written. Source: shrink_node(). */
  private waitForWrites(writers: WriteWaits, nodeId: NodeId, gfp: Gfp): void {
    const { nodeFlags } = this;
    const { nr, isKswapd } = this.scan;
    if (isKswapd && nr.writeback > 0 && nr.writeback === nr.taken) nodeFlags[nodeId] |= NODE_WRITEBACK;
    if (isKswapd && nr.immediate > 0) {
      this.isKswapdThrottled = true;
      writers.throttleKswapd(nodeId);
    }
    if (isKswapd && nr.dirty > 0 && nr.dirty === nr.congested) nodeFlags[nodeId] |= NODE_CONGESTED;
    if (!isKswapd && (nodeFlags[nodeId] & NODE_CONGESTED) !== 0) writers.throttleDirect(nodeId, gfp);
  }

  private beginScan(isKswapd: boolean, highestZoneType: number): Scan {
    const { scan } = this;
    scan.isKswapd = isKswapd;
    scan.highestZoneType = highestZoneType;
    scan.maySwap = true;
    scan.nrScanned = 0;
    scan.nrReclaimed = 0;
    scan.forceDeactivate = false;
    scan.noCacheTrimMode = false;
    scan.skippedDeactivate = false;
    scan.cacheTrimModeFailed = false;
    scan.cpu = this.currentCpu;
    this.isKswapdThrottled = false;
    return scan;
  }
}

/** Each node's zones from the highest down, first its own, then those of the other nodes in order of their number. */
function zonelistsByNumber(nrNodes: number): Zonelists {
  const ofNode = (nodeId: number): number[] =>
    Array.from({ length: MAX_NR_ZONES }, (_, down) => nodeId * MAX_NR_ZONES + HIGHEST_ZONE_TYPE - down);
  const nodes = Array.from({ length: nrNodes }, (_, nodeId) => nodeId);
  return {
    fallback: nodes.map((own) =>
      Int32Array.from([own, ...nodes.filter((other) => other !== own)].flatMap(ofNode)),
    ),
    thisNode: nodes.map((own) => Int32Array.from(ofNode(own))),
  };
}
