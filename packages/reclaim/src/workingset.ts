/**
 * Tells a page that comes back soon from one that comes back late. Hot: per page evicted and per refault.
 *
 * Each eviction and each activation moves a node's inactive pages one place on, so a counter of both (nonresident_age) is a
 * clock of the list. A page that is evicted leaves the time behind, its shadow; when it comes back, the time since says how many more
 * places it would have needed to still be there: the refault distance. If that is no more than the pages that it competes with,
 * it starts as active, and if it was active before, its list's reclaim is charged for it.
 *
 *     shadow     bit 0 was it PG_WORKINGSET | 1.. node, as many bits as nodes need | age in buckets, the rest of 30 bits
 *
 * Source: Linux 6.18 mm/workingset.c. Differs: no memory cgroups, so a lruvec is a node; 30 bits of shadow, not 63, and only
 * as many for the node as there are nodes: of one node's age 29 bits are left, so it laps after 2^29 pages (2 TiB); buckets begin
 * where memory is larger than that.
 */
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  MAX_NR_ZONES,
  type NodeId,
  NR_LRU_LISTS,
  PG_ACTIVE,
  PG_SWAPBACKED,
  PG_WORKINGSET,
  type Pfn,
  type ReclaimHost,
  WORKINGSET_ACTIVATE_ANON,
  WORKINGSET_REFAULT_ANON,
  WORKINGSET_RESTORE_ANON,
} from "@pageframe/contracts";
import { type Memmap, type VmStat } from "@pageframe/memmap";
import { type Lruvecs, nrPagesOfFlags } from "./lruvec.ts";
import { type ReclaimPolicyConfig } from "./policy-config.ts";
import { type ScanBalance } from "./scan-balance.ts";

/** Bits of a shadow, and of it for PG_WORKINGSET. */
const SHADOW_BITS = 30;
const WORKINGSET_SHIFT = 1;

/** Clocks of all nodes, and what comes of a refault. */
export class Workingset {
  /** Evictions and activations so far, in pages, by node (lruvec->nonresident_age). */
  readonly nonresidentAge: Float64Array;
  /** log2 of the ages that a shadow does not tell apart (bucket_order). */
  readonly bucketOrder: number;
  private readonly nodesShift: number;
  /** 2^(bits of an age in a shadow) (EVICTION_MASK + 1). */
  private readonly ageSpan: number;
  private readonly memmap: Memmap;
  private readonly vmstat: VmStat;
  private readonly host: ReclaimHost;
  private readonly lruvecs: Lruvecs;
  private readonly balance: ScanBalance;

  constructor(config: ReclaimPolicyConfig, lruvecs: Lruvecs, balance: ScanBalance) {
    this.memmap = config.memmap;
    this.vmstat = config.vmstat;
    this.host = config.host;
    this.lruvecs = lruvecs;
    this.balance = balance;
    this.nodesShift = bitsOf(config.nrNodes - 1);
    const ageBits = SHADOW_BITS - WORKINGSET_SHIFT - this.nodesShift;
    this.ageSpan = 2 ** ageBits;
    this.bucketOrder = Math.max(0, bitsOf(config.memmap.nrFrames - 1) - ageBits);
    this.nonresidentAge = new Float64Array(config.nrNodes);
  }

  /** Moves the clock of a page's node on by its pages: it became or stayed active (workingset_age_nonresident). */
  ageBy(pfn: Pfn): void {
    this.nonresidentAge[this.nodeOf(pfn)] += nrPagesOfFlags(this.memmap.flags[pfn]);
  }

  /** Shadow of a page that reclaim takes, 0..MAX_SHADOW; moves its node's clock on (workingset_eviction). */
  eviction(pfn: Pfn): number {
    const nodeId = this.nodeOf(pfn);
    const bucket = Math.floor(this.nonresidentAge[nodeId] / 2 ** this.bucketOrder) % this.ageSpan;
    this.ageBy(pfn);
    const wasWorkingset = (this.memmap.flags[pfn] & PG_WORKINGSET) !== 0 ? 1 : 0;
    return (((bucket << this.nodesShift) | nodeId) << WORKINGSET_SHIFT) | wasWorkingset;
  }

  /**
   * Was a page evicted so recently that it would still be there if it had had the places of those it competes with? A file
   * page competes with active file pages, an anonymous one with all file pages; where swap is free also with anonymous ones: all,
   * or the active. Source: Linux 6.18 mm/workingset.c, workingset_test_recent().
   */
  testRecent(shadow: number, isFile: boolean): boolean {
    const packed = shadow >> WORKINGSET_SHIFT;
    const nodeId = packed & ((1 << this.nodesShift) - 1);
    const eviction = (packed >> this.nodesShift) * 2 ** this.bucketOrder;
    const { ageSpan } = this;
    const distance = (((this.nonresidentAge[nodeId] - eviction) % ageSpan) + ageSpan) % ageSpan;
    const { nrPages } = this.lruvecs;
    const first = nodeId * NR_LRU_LISTS;
    let size = nrPages[first + LRU_ACTIVE_FILE];
    if (!isFile) size += nrPages[first + LRU_INACTIVE_FILE];
    if (this.host.nrFreeSwapSlots() > 0) {
      size += nrPages[first + LRU_ACTIVE_ANON];
      if (isFile) size += nrPages[first + LRU_INACTIVE_ANON];
    }
    return distance <= size;
  }

  /**
   * Weighs the return of a page, before it is put on a list: counts it, and makes it active when it was gone for a short
   * time. Source: Linux 6.18 mm/workingset.c, workingset_refault().
   */
  refault(pfn: Pfn, shadow: number): void {
    const { vmstat } = this;
    const pageFlags = this.memmap.flags;
    const isFile = (pageFlags[pfn] & PG_SWAPBACKED) === 0;
    const kind = isFile ? 1 : 0;
    const nr = nrPagesOfFlags(pageFlags[pfn]);
    const nodeId = this.nodeOf(pfn);
    vmstat.modNode(nodeId, WORKINGSET_REFAULT_ANON + kind, nr);
    if (!this.testRecent(shadow, isFile)) return;
    pageFlags[pfn] |= PG_ACTIVE;
    this.ageBy(pfn);
    vmstat.modNode(nodeId, WORKINGSET_ACTIVATE_ANON + kind, nr);
    if ((shadow & 1) === 0) return;
    pageFlags[pfn] |= PG_WORKINGSET;
    this.balance.noteCost(nodeId, isFile, nr, 0);
    vmstat.modNode(nodeId, WORKINGSET_RESTORE_ANON + kind, nr);
  }

  private nodeOf(pfn: Pfn): NodeId {
    return (this.memmap.zoneId[pfn] / MAX_NR_ZONES) | 0;
  }
}

/** Bits that a number below 2^31 needs (fls). */
function bitsOf(n: number): number {
  return 32 - Math.clz32(n);
}
