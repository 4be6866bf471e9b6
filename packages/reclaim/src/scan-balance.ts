/**
 * How many pages of each list one pass of the classic LRU scans: anonymous against file, active against inactive.
 * Source: Linux 6.18 mm/vmscan.c, prepare_scan_control(), get_scan_count(), inactive_is_low(); mm/swap.c, lru_note_cost().
 */
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  NR_LRU_LISTS,
  type ReclaimHost,
  type ScanControl,
  SWAP_CLUSTER_MAX,
  WORKINGSET_ACTIVATE_ANON,
} from "@pageframe/contracts";
import { type VmStat } from "@pageframe/memmap";
import { type Lruvecs } from "./lruvec.ts";

/** Lists that are scanned: all but the unevictable one. */
export const NR_EVICTABLE_LISTS: number = LRU_ACTIVE_FILE + 1;
/** vm.swappiness at which anonymous pages bear the whole cost (MAX_SWAPPINESS). */
const MAX_SWAPPINESS = 200;
/** log2 of the pages in one GiB. */
const PAGES_PER_GIB_SHIFT = 18;

/** Weighs the lists of every lruvec. */
export class ScanBalance {
  /** Recent cost of reclaiming anonymous pages, by lruvec: writes times SWAP_CLUSTER_MAX, and rotations. */
  readonly anonCost: Float64Array;
  /** The same of file pages. */
  readonly fileCost: Float64Array;
  /** Pages to scan, by LRU_* list: getScanCount() writes it, shrinking counts it down. */
  readonly nrToScan: Int32Array;
  /** What getScanCount() wrote. */
  readonly targets: Int32Array;
  /** May the active anonymous list be scanned in this pass? */
  mayDeactivateAnon = false;
  /** May the active file list be scanned in this pass? */
  mayDeactivateFile = false;
  /** Many file pages are inactive: spare the anonymous ones. */
  isCacheTrimMode = false;
  /** Next to no file pages are left: take anonymous ones only. */
  isFileTiny = false;
  /** WORKINGSET_ACTIVATE_* as the last reclaim left them: lruvec * 2 + (1 for file). */
  private readonly refaults: Float64Array;
  private readonly lruvecs: Lruvecs;
  private readonly vmstat: VmStat;
  private readonly host: ReclaimHost;

  constructor(lruvecs: Lruvecs, vmstat: VmStat, host: ReclaimHost) {
    this.lruvecs = lruvecs;
    this.vmstat = vmstat;
    this.host = host;
    this.refaults = new Float64Array(lruvecs.nrLruvecs * 2);
    this.anonCost = new Float64Array(lruvecs.nrLruvecs);
    this.fileCost = new Float64Array(lruvecs.nrLruvecs);
    this.nrToScan = new Int32Array(NR_EVICTABLE_LISTS);
    this.targets = new Int32Array(NR_EVICTABLE_LISTS);
  }

  /**
   * Is an inactive list too short for its active one to be left alone? The ratio grows with memory: 1 below 1 GiB,
   * 3 at 1 GiB, 10 at 10 GiB. `inactiveLru` is LRU_INACTIVE_ANON or LRU_INACTIVE_FILE.
   */
  inactiveIsLow(lruvec: number, inactiveLru: number): boolean {
    const slot = lruvec * NR_LRU_LISTS + inactiveLru;
    const nrInactive = this.lruvecs.nrPages[slot];
    const nrActive = this.lruvecs.nrPages[slot + 1];
    const gib = (nrInactive + nrActive) >> PAGES_PER_GIB_SHIFT;
    const ratio = gib === 0 ? 1 : Math.floor(Math.sqrt(10 * gib));
    return nrInactive * ratio < nrActive;
  }

  /** Notes the refaults so far of a lruvec: prepare() looks for new ones. Source: Linux 6.18 mm/vmscan.c, snapshot_refaults(). */
  snapshotRefaults(lruvec: number): void {
    for (let kind = 0; kind < 2; kind++) {
      this.refaults[lruvec * 2 + kind] = this.vmstat.nodeStat(lruvec, WORKINGSET_ACTIVATE_ANON + kind);
    }
  }

  /** Did pages of a kind, 0 anonymous or 1 file, come back as active since the last reclaim of a lruvec? */
  private hasRefaulted(lruvec: number, kind: number): boolean {
    return this.vmstat.nodeStat(lruvec, WORKINGSET_ACTIVATE_ANON + kind) !== this.refaults[lruvec * 2 + kind];
  }

  /**
   * Settles the modes of one pass over a node. Pages that came back as active say that a new working set is forming: the old
   * one's active list is then scanned however long the inactive one is.
   */
  prepare(lruvec: number, sc: ScanControl): void {
    const { nrPages } = this.lruvecs;
    const first = lruvec * NR_LRU_LISTS;
    const force = sc.forceDeactivate;
    this.mayDeactivateAnon =
      force || this.hasRefaulted(lruvec, 0) || this.inactiveIsLow(lruvec, LRU_INACTIVE_ANON);
    this.mayDeactivateFile =
      force || this.hasRefaulted(lruvec, 1) || this.inactiveIsLow(lruvec, LRU_INACTIVE_FILE);
    const nrInactiveFile = nrPages[first + LRU_INACTIVE_FILE];
    this.isCacheTrimMode =
      nrInactiveFile >> sc.priority > 0 && !this.mayDeactivateFile && !sc.noCacheTrimMode;
    const nrFile = nrInactiveFile + nrPages[first + LRU_ACTIVE_FILE];
    this.isFileTiny =
      nrFile + sc.nrFreePages <= sc.highWatermark &&
      !this.mayDeactivateAnon &&
      nrPages[first + LRU_INACTIVE_ANON] >> sc.priority > 0;
  }

  /** Writes `nrToScan` and `targets` for one pass. */
  getScanCount(lruvec: number, sc: ScanControl, swappiness: number): void {
    let anonPart = 1;
    let filePart = 1;
    let parts = 1;
    if (!sc.maySwap || this.host.nrFreeSwapSlots() <= 0 || (sc.highWatermark < 0 && swappiness === 0)) {
      anonPart = 0;
    } else if (sc.priority === 0 && swappiness !== 0) {
      // Close to killing somebody: both kinds, all of them.
    } else if (this.isFileTiny) {
      filePart = 0;
    } else if (this.isCacheTrimMode) {
      anonPart = 0;
    } else {
      const costs = this.anonCost[lruvec] + this.fileCost[lruvec];
      const anonCost = costs + this.anonCost[lruvec];
      const fileCost = costs + this.fileCost[lruvec];
      const total = anonCost + fileCost;
      anonPart = Math.floor((swappiness * (total + 1)) / (anonCost + 1));
      filePart = Math.floor(((MAX_SWAPPINESS - swappiness) * (total + 1)) / (fileCost + 1));
      parts = anonPart + filePart;
    }
    for (let lru = 0; lru < NR_EVICTABLE_LISTS; lru++) {
      const share = this.lruvecs.nrEligiblePages(lruvec, lru, sc.highestZoneType) >> sc.priority;
      const part = lru < LRU_INACTIVE_FILE ? anonPart : filePart;
      const nr = Math.floor((share * part) / parts);
      this.nrToScan[lru] = nr;
      this.targets[lru] = nr;
    }
  }

  /** Pages still to be scanned that let the pass go on; the active anonymous list alone does not. */
  hasWork(): boolean {
    const { nrToScan } = this;
    return nrToScan[LRU_INACTIVE_ANON] + nrToScan[LRU_ACTIVE_FILE] + nrToScan[LRU_INACTIVE_FILE] > 0;
  }

  /**
   * Once enough is freed, drops the kind with less left to scan and cuts the other to the same proportion of its
   * target. Returns false when nothing is left to do.
   */
  rebalance(): boolean {
    const { nrToScan, targets } = this;
    const nrAnon = nrToScan[LRU_INACTIVE_ANON] + nrToScan[LRU_ACTIVE_ANON];
    const nrFile = nrToScan[LRU_INACTIVE_FILE] + nrToScan[LRU_ACTIVE_FILE];
    if (nrAnon === 0 || nrFile === 0) return false;
    const dropped = nrFile > nrAnon ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE;
    const kept = dropped === LRU_INACTIVE_ANON ? LRU_INACTIVE_FILE : LRU_INACTIVE_ANON;
    const target = targets[dropped] + targets[dropped + 1] + 1;
    const percentLeft = Math.floor((Math.min(nrAnon, nrFile) * 100) / target);
    nrToScan[dropped] = 0;
    nrToScan[dropped + 1] = 0;
    for (let lru = kept; lru <= kept + 1; lru++) {
      const nrDone = targets[lru] - nrToScan[lru];
      const nr = Math.floor((targets[lru] * (100 - percentLeft)) / 100);
      nrToScan[lru] = Math.max(0, nr - nrDone);
    }
    return true;
  }

  /**
   * Adds what reclaiming from one kind of list cost: `nrIo` pages written, `nrRotated` pages looked at in vain. Halves
   * old costs when they outgrow a quarter of the lists.
   */
  noteCost(lruvec: number, isFile: boolean, nrIo: number, nrRotated: number): void {
    const cost = nrIo * SWAP_CLUSTER_MAX + nrRotated;
    if (cost === 0) return;
    if (isFile) this.fileCost[lruvec] += cost;
    else this.anonCost[lruvec] += cost;
    let nrPages = 0;
    for (let lru = 0; lru < NR_EVICTABLE_LISTS; lru++)
      nrPages += this.lruvecs.nrPages[lruvec * NR_LRU_LISTS + lru];
    if (this.anonCost[lruvec] + this.fileCost[lruvec] > Math.floor(nrPages / 4)) {
      this.anonCost[lruvec] = Math.floor(this.anonCost[lruvec] / 2);
      this.fileCost[lruvec] = Math.floor(this.fileCost[lruvec] / 2);
    }
  }
}
