/**
 * Policies with one list per node and kind (anonymous, file): first in, first out, with or without a second chance.
 * Hot: per page scanned. All pages stand on the inactive lists; PG_ACTIVE is never set. A refused victim becomes the
 * newest, so a pass ends.
 */
import {
  bug,
  EVICT_FREED,
  EVICT_NO_SWAP,
  EVICT_WRITTEN,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  type NodeId,
  NR_LRU_LISTS,
  PG_ACTIVE,
  PG_REFERENCED,
  PG_UNEVICTABLE,
  PGROTATED,
  type Pfn,
  type ReclaimHost,
  type ReclaimPolicy,
  type ScanControl,
  SWAP_CLUSTER_MAX,
  TP_MM_VMSCAN_LRU_ISOLATE,
  type TraceSink,
} from "@pageframe/contracts";
import { type Memmap, NOT_LISTED, type VmStat } from "@pageframe/memmap";
import { Lruvecs, nrPagesOfFlags } from "./lruvec.ts";
import { type ReclaimPolicyConfig } from "./policy-config.ts";
import { countScan, countSteal } from "./scan-counts.ts";

/** What the two have in common; they differ in whom they spare. */
abstract class OneListPolicy implements ReclaimPolicy {
  abstract readonly name: string;
  /** Not looked at: both kinds are scanned in proportion to their number. */
  swappiness: number;
  /** The lists; for tests and reports. */
  readonly lruvecs: Lruvecs;
  protected readonly memmap: Memmap;
  protected readonly host: ReclaimHost;
  private readonly vmstat: VmStat;
  private readonly trace: TraceSink | null;

  constructor(config: ReclaimPolicyConfig) {
    this.swappiness = config.swappiness;
    this.memmap = config.memmap;
    this.host = config.host;
    this.vmstat = config.vmstat;
    this.trace = config.trace;
    this.lruvecs = new Lruvecs(config.memmap, config.vmstat, config.nrNodes);
  }

  abstract markAccessed(pfn: Pfn): boolean;
  /** Does the oldest page get another round? */
  protected abstract spares(pfn: Pfn): boolean;

  /** There is no active list. */
  activatePage(pfn: Pfn): void {
    bug(`pfn ${pfn} is activated, which ${this.name} asks for no page`);
  }

  addPage(pfn: Pfn): void {
    this.memmap.flags[pfn] &= ~PG_ACTIVE;
    this.lruvecs.addPage(pfn);
  }

  removePage(pfn: Pfn): void {
    this.lruvecs.removePage(pfn);
    this.memmap.flags[pfn] &= ~PG_UNEVICTABLE;
  }

  rotatePage(pfn: Pfn): void {
    this.removePage(pfn);
    this.lruvecs.addPageLast(pfn);
    this.vmstat.countEvents(PGROTATED, nrPagesOfFlags(this.memmap.flags[pfn]));
  }

  /** Nothing ages. */
  ageNode(_sc: ScanControl): void {
    // The one list is in order of arrival.
  }

  shrinkNode(sc: ScanControl): void {
    const canSwap = sc.maySwap && this.host.nrFreeSwapSlots() > 0;
    let nrAnon = canSwap ? this.nrShare(LRU_INACTIVE_ANON, sc) : 0;
    let nrFile = this.nrShare(LRU_INACTIVE_FILE, sc);
    const goal = sc.nrReclaimed + sc.nrToReclaim;
    while (nrAnon + nrFile > 0 && sc.nrReclaimed < goal) {
      nrAnon = this.scanList(nrAnon, LRU_INACTIVE_ANON, goal, sc);
      nrFile = this.scanList(nrFile, LRU_INACTIVE_FILE, goal, sc);
    }
  }

  nrLruPages(nodeId: NodeId, lru: number): number {
    return this.lruvecs.nrPages[nodeId * NR_LRU_LISTS + lru];
  }

  checkInvariants(): void {
    this.lruvecs.checkInvariants();
  }

  /** Pages of a list that one pass at this priority looks at. */
  private nrShare(lru: number, sc: ScanControl): number {
    return this.lruvecs.nrEligiblePages(sc.nodeId, lru, sc.highestZoneType) >> sc.priority;
  }

  /** Looks at SWAP_CLUSTER_MAX of `share` old pages, fewer when the goal is reached; returns what is left to look at. */
  private scanList(share: number, lru: number, goal: number, sc: ScanControl): number {
    if (share === 0) return 0;
    const nrToScan = Math.min(share, SWAP_CLUSTER_MAX);
    const { lruvecs, vmstat } = this;
    const { flags } = this.memmap;
    const isFile = lru === LRU_INACTIVE_FILE;
    sc.lruAddDrain();
    let nrScanned = 0;
    let nrTaken = 0;
    let nrReclaimed = 0;
    let verdict = EVICT_FREED;
    while (nrScanned < nrToScan && sc.nrReclaimed < goal && verdict !== EVICT_NO_SWAP) {
      lruvecs.isolate(sc.nodeId, lru, 1, sc.highestZoneType);
      const pfn = lruvecs.takeIsolated();
      if (pfn === NOT_LISTED) break;
      const nr = nrPagesOfFlags(flags[pfn]);
      nrScanned += nr;
      if (this.spares(pfn)) {
        lruvecs.addPage(pfn);
        continue;
      }
      nrTaken += nr;
      verdict = this.host.evictPage(pfn);
      if (verdict === EVICT_FREED) {
        nrReclaimed += nr;
        sc.nrReclaimed += nr;
      } else if (verdict === EVICT_WRITTEN) lruvecs.addPageLast(pfn);
      else lruvecs.addPage(pfn);
    }
    sc.nrScanned += nrScanned;
    countScan(vmstat, sc, isFile, nrScanned);
    countSteal(vmstat, sc, isFile, nrReclaimed);
    this.trace?.emit(TP_MM_VMSCAN_LRU_ISOLATE, sc.nodeId, lru, nrScanned, nrTaken);
    return nrScanned < nrToScan ? 0 : Math.max(0, share - nrScanned);
  }
}

/** The page that came first goes first, whether it was used or not. */
export class FifoPolicy extends OneListPolicy {
  readonly name: string = "fifo";

  /** Use is not looked at. */
  markAccessed(_pfn: Pfn): boolean {
    return false;
  }

  protected spares(_pfn: Pfn): boolean {
    return false;
  }
}

/**
 * A page whose accessed bit is set has it cleared and goes round again. The list's old end is the hand; a new page
 * comes in just behind it. Source: Corbato 1968, A Paging Experiment with the Multics System.
 */
export class ClockPolicy extends OneListPolicy {
  readonly name: string = "clock";

  /** Sets PG_REFERENCED, which counts like an accessed bit. */
  markAccessed(pfn: Pfn): boolean {
    this.memmap.flags[pfn] |= PG_REFERENCED;
    return false;
  }

  protected spares(pfn: Pfn): boolean {
    const pageFlags = this.memmap.flags;
    const wasMarked = (pageFlags[pfn] & PG_REFERENCED) !== 0;
    pageFlags[pfn] &= ~PG_REFERENCED;
    return this.host.pageReferenced(pfn) > 0 || wasMarked;
  }
}
