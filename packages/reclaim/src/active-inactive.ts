/**
 * Linux's classic LRU: pages enter an inactive list, move to an active one when found used twice, and come back when
 * the inactive list is short. Hot: per page scanned.
 * Source: Linux 6.18 mm/vmscan.c, shrink_lruvec(), shrink_inactive_list(), shrink_folio_list(),
 * folio_check_references(), shrink_active_list(); mm/swap.c, folio_mark_accessed().
 */
import {
  EVICT_BUSY,
  EVICT_DIRTY,
  EVICT_FREED,
  EVICT_IN_USE,
  EVICT_NO_SWAP,
  EVICT_UNEVICTABLE,
  EVICT_WRITTEN,
  DEF_PRIORITY,
  LRU_ACTIVE_ANON,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  MAX_NR_ZONES,
  type NodeId,
  NR_LRU_LISTS,
  NR_VMSCAN_IMMEDIATE_RECLAIM,
  PG_ACTIVE,
  PG_ANON,
  PG_DIRTY,
  PG_MLOCKED,
  PG_RECLAIM,
  PG_REFERENCED,
  PG_SWAPCACHE,
  PG_UNEVICTABLE,
  PG_WORKINGSET,
  PG_WRITEBACK,
  PGACTIVATE,
  PGDEACTIVATE,
  PGREFILL,
  PGROTATED,
  type Pfn,
  type ReclaimHost,
  type ReclaimPolicy,
  type ScanControl,
  SWAP_CLUSTER_MAX,
  TP_MM_VMSCAN_LRU_ISOLATE,
  TP_MM_VMSCAN_LRU_SHRINK_ACTIVE,
  TP_MM_VMSCAN_LRU_SHRINK_INACTIVE,
  type TraceSink,
} from "@pageframe/contracts";
import { type Memmap, NOT_LISTED, type VmStat } from "@pageframe/memmap";
import { isFileLru, Lruvecs, nrPagesOfFlags } from "./lruvec.ts";
import { type ReclaimPolicyConfig } from "./policy-config.ts";
import { NR_EVICTABLE_LISTS, ScanBalance } from "./scan-balance.ts";
import { countIsolated, countScan, countSteal } from "./scan-counts.ts";
import { Workingset } from "./workingset.ts";

/** What becomes of an isolated page (enum folio_references, and the labels of shrink_folio_list). */
const KEEP = 0;
const ACTIVATE = 1;
const RECLAIM = 2;
/** Freed without a write. */
const FREED = 3;
/** Freed after a write to swap. */
const FREED_BY_WRITE = 4;
/** Written, and to be freed when it is looked at next. */
const WRITTEN = -1;

/** Active and inactive lists of anonymous and file pages per node, and the unevictable list. */
export class ActiveInactivePolicy implements ReclaimPolicy {
  readonly name: string = "active-inactive";
  swappiness: number;
  /** The lists; for tests and reports. */
  readonly lruvecs: Lruvecs;
  /** The weights between lists; for tests and reports. */
  readonly balance: ScanBalance;
  /** How long pages have been gone; for tests and reports. */
  readonly workingset: Workingset;
  private readonly memmap: Memmap;
  private readonly vmstat: VmStat;
  private readonly host: ReclaimHost;
  private readonly trace: TraceSink | null;

  constructor(config: ReclaimPolicyConfig) {
    this.swappiness = config.swappiness;
    this.memmap = config.memmap;
    this.vmstat = config.vmstat;
    this.host = config.host;
    this.trace = config.trace;
    this.lruvecs = new Lruvecs(config.memmap, config.vmstat, config.nrNodes);
    this.balance = new ScanBalance(this.lruvecs, config.vmstat, config.host);
    this.workingset = new Workingset(config, this.lruvecs, this.balance);
  }

  addPage(pfn: Pfn): void {
    this.lruvecs.addPage(pfn);
  }

  removePage(pfn: Pfn): void {
    this.lruvecs.removePage(pfn);
    this.memmap.flags[pfn] &= ~(PG_ACTIVE | PG_UNEVICTABLE);
  }

  /** First use sets PG_REFERENCED, the second clears it and asks for the page to become active. */
  markAccessed(pfn: Pfn): boolean {
    const pageFlags = this.memmap.flags;
    const flags = pageFlags[pfn];
    if ((flags & PG_REFERENCED) === 0) {
      pageFlags[pfn] = flags | PG_REFERENCED;
      return false;
    }
    if ((flags & (PG_UNEVICTABLE | PG_ACTIVE)) !== 0) return false;
    pageFlags[pfn] = flags & ~PG_REFERENCED;
    this.workingset.ageBy(pfn);
    return true;
  }

  activatePage(pfn: Pfn): void {
    this.lruvecs.activatePage(pfn);
    this.vmstat.countEvents(PGACTIVATE, nrPagesOfFlags(this.memmap.flags[pfn]));
  }

  rotatePage(pfn: Pfn): void {
    this.removePage(pfn);
    this.lruvecs.addPageLast(pfn);
    this.vmstat.countEvents(PGROTATED, nrPagesOfFlags(this.memmap.flags[pfn]));
  }

  deactivatePage(pfn: Pfn): void {
    const flags = this.memmap.flags[pfn];
    this.removePage(pfn);
    this.memmap.flags[pfn] &= ~PG_REFERENCED;
    this.lruvecs.addPage(pfn);
    if ((flags & PG_ACTIVE) !== 0) this.vmstat.countEvents(PGDEACTIVATE, nrPagesOfFlags(flags));
  }

  evictedShadow(pfn: Pfn): number {
    return this.workingset.eviction(pfn);
  }

  refault(pfn: Pfn, shadow: number): void {
    this.workingset.refault(pfn, shadow);
  }

  snapshotRefaults(nodeId: NodeId): void {
    this.balance.snapshotRefaults(nodeId);
  }

  /** Moves some of the active anonymous list to the inactive one when that is short. */
  ageNode(sc: ScanControl): void {
    if (this.host.nrSwapSlots() > 0 && this.balance.inactiveIsLow(sc.nodeId, LRU_INACTIVE_ANON)) {
      this.shrinkActiveList(SWAP_CLUSTER_MAX, LRU_ACTIVE_ANON, sc);
    }
  }

  shrinkNode(sc: ScanControl): void {
    const { balance } = this;
    balance.prepare(sc.nodeId, sc);
    const isCacheTrimMode = balance.isCacheTrimMode;
    const nrReclaimed = this.shrinkLruvec(sc);
    sc.nrReclaimed += nrReclaimed;
    this.ageNode(sc);
    if (nrReclaimed === 0 && isCacheTrimMode) sc.cacheTrimModeFailed = true;
  }

  nrLruPages(nodeId: NodeId, lru: number): number {
    return this.lruvecs.nrPages[nodeId * NR_LRU_LISTS + lru];
  }

  checkInvariants(): void {
    this.lruvecs.checkInvariants();
  }

  /** Scans the lists in turns of SWAP_CLUSTER_MAX pages; returns pages freed. */
  private shrinkLruvec(sc: ScanControl): number {
    const { balance } = this;
    const { nrToScan } = balance;
    balance.getScanCount(sc.nodeId, sc, this.swappiness);
    // The first, gentle round of direct reclaim goes through with its whole share.
    const goesThrough = sc.highWatermark >= 0 && !sc.isKswapd && sc.priority === DEF_PRIORITY;
    let nrReclaimed = 0;
    while (balance.hasWork()) {
      for (let lru = 0; lru < NR_EVICTABLE_LISTS; lru++) {
        const nr = Math.min(nrToScan[lru], SWAP_CLUSTER_MAX);
        if (nr === 0) continue;
        nrToScan[lru] -= nr;
        if ((lru & 1) === 0) nrReclaimed += this.shrinkInactiveList(nr, lru, sc);
        else if (isFileLru(lru) ? balance.mayDeactivateFile : balance.mayDeactivateAnon) {
          this.shrinkActiveList(nr, lru, sc);
        } else sc.skippedDeactivate = true;
      }
      if (nrReclaimed >= sc.nrToReclaim && !goesThrough && !balance.rebalance()) break;
    }
    return nrReclaimed;
  }

  /** Looks at up to `nrToScan` old pages of an inactive list: frees, keeps or activates each. Returns pages freed. */
  private shrinkInactiveList(nrToScan: number, lru: number, sc: ScanControl): number {
    const { lruvecs, vmstat } = this;
    const { flags } = this.memmap;
    const isFile = lru === LRU_INACTIVE_FILE;
    const nodeId = sc.nodeId;
    sc.lruAddDrain();
    const nrTaken = lruvecs.isolate(nodeId, lru, nrToScan, sc.highestZoneType);
    const nrScanned = lruvecs.nrIsolateScanned;
    countScan(vmstat, sc, isFile, nrScanned);
    this.trace?.emit(TP_MM_VMSCAN_LRU_ISOLATE, nodeId, lru, nrScanned, nrTaken);
    if (nrTaken === 0) return 0;
    countIsolated(vmstat, nodeId, isFile, nrTaken);
    let nrReclaimed = 0;
    let nrWritten = 0;
    let nrActivated = 0;
    const nrUnqueuedBefore = sc.nr.unqueuedDirty;
    for (let pfn = lruvecs.takeIsolated(); pfn !== NOT_LISTED; pfn = lruvecs.takeIsolated()) {
      const nr = nrPagesOfFlags(flags[pfn]);
      sc.nrScanned += nr;
      const outcome = this.shrinkPage(pfn, isFile, sc);
      if (outcome >= FREED) {
        nrReclaimed += nr;
        if (outcome === FREED_BY_WRITE) nrWritten += nr;
        continue;
      }
      if (outcome === ACTIVATE && (flags[pfn] & PG_MLOCKED) === 0) {
        flags[pfn] |= PG_ACTIVE;
        nrActivated += nr;
      }
      if (outcome === WRITTEN) {
        nrWritten += nr;
        lruvecs.addPageLast(pfn);
      } else this.putBack(pfn);
    }
    countIsolated(vmstat, nodeId, isFile, -nrTaken);
    countSteal(vmstat, sc, isFile, nrReclaimed);
    vmstat.countEvents(PGACTIVATE, nrActivated);
    this.balance.noteCost(nodeId, isFile, nrWritten, nrScanned - nrReclaimed);
    // Flushers do not keep up, or nothing has told them yet.
    if (sc.nr.unqueuedDirty - nrUnqueuedBefore === nrTaken) sc.wakeupFlushers();
    sc.nr.taken += nrTaken;
    if (isFile) sc.nr.fileTaken += nrTaken;
    this.trace?.emit(TP_MM_VMSCAN_LRU_SHRINK_INACTIVE, nodeId, nrScanned, nrReclaimed, sc.priority);
    return nrReclaimed;
  }

  /** Decides on one isolated page and carries it out as far as the host lets it. */
  private shrinkPage(pfn: Pfn, isFile: boolean, sc: ScanControl): number {
    const pageFlags = this.memmap.flags;
    // Pages that MADV_FREE gave up lie among file pages; flushers know nothing of them.
    if (isFile && (pageFlags[pfn] & PG_ANON) === 0) noteWrites(pageFlags[pfn], sc);
    if ((pageFlags[pfn] & PG_WRITEBACK) !== 0) {
      const isImmediate = sc.isKswapd && sc.isNodeUnderWriteback && (pageFlags[pfn] & PG_RECLAIM) !== 0;
      if (isImmediate) sc.nr.immediate += nrPagesOfFlags(pageFlags[pfn]);
      else sc.nr.writeback += nrPagesOfFlags(pageFlags[pfn]);
      pageFlags[pfn] |= PG_RECLAIM;
      return ACTIVATE;
    }
    const reference = this.checkReferences(pfn, isFile);
    if (reference !== RECLAIM) return reference;
    const flags = pageFlags[pfn];
    const isWritten =
      (flags & PG_DIRTY) !== 0 || ((flags & PG_ANON) !== 0 && !isFile && (flags & PG_SWAPCACHE) === 0);
    switch (this.host.evictPage(pfn)) {
      case EVICT_FREED:
        return isWritten ? FREED_BY_WRITE : FREED;
      case EVICT_WRITTEN:
        return WRITTEN;
      case EVICT_NO_SWAP:
      case EVICT_UNEVICTABLE:
      case EVICT_IN_USE:
        return ACTIVATE;
      case EVICT_BUSY:
        // A dirty file page waits for the flusher out of the way.
        return isFile && (flags & PG_DIRTY) !== 0 ? this.leaveToFlusher(pfn) : KEEP;
      case EVICT_DIRTY:
        return this.leaveToFlusher(pfn);
      default:
        return KEEP;
    }
  }

  /** Makes a dirty page active: it is freed once it is written. */
  private leaveToFlusher(pfn: Pfn): number {
    const { flags, zoneId } = this.memmap;
    const nodeId = (zoneId[pfn] / MAX_NR_ZONES) | 0;
    this.vmstat.modNode(nodeId, NR_VMSCAN_IMMEDIATE_RECLAIM, nrPagesOfFlags(flags[pfn]));
    flags[pfn] |= PG_RECLAIM;
    return ACTIVATE;
  }

  /**
   * A page mapped since it was last looked at is kept and marked; found so twice, used through several entries, or
   * executable, it becomes active. Source: Linux 6.18 mm/vmscan.c, folio_check_references().
   */
  private checkReferences(pfn: Pfn, isFile: boolean): number {
    const pageFlags = this.memmap.flags;
    const nrReferenced = this.host.pageReferenced(pfn);
    const wasReferenced = (pageFlags[pfn] & PG_REFERENCED) !== 0;
    if (nrReferenced === 0) {
      pageFlags[pfn] &= ~PG_REFERENCED;
      return RECLAIM;
    }
    pageFlags[pfn] |= PG_REFERENCED;
    if (wasReferenced || nrReferenced > 1) return ACTIVATE;
    return isFile && this.host.isMappedExecutable(pfn) ? ACTIVATE : KEEP;
  }

  /** Moves up to `nrToScan` old pages of an active list to the inactive one; used executable file pages stay. */
  private shrinkActiveList(nrToScan: number, lru: number, sc: ScanControl): void {
    const { lruvecs, vmstat, host } = this;
    const { flags } = this.memmap;
    const isFile = isFileLru(lru);
    const nodeId = sc.nodeId;
    sc.lruAddDrain();
    const nrTaken = lruvecs.isolate(nodeId, lru, nrToScan, sc.highestZoneType);
    const nrScanned = lruvecs.nrIsolateScanned;
    if (sc.highWatermark >= 0) vmstat.countEvents(PGREFILL, nrScanned);
    this.trace?.emit(TP_MM_VMSCAN_LRU_ISOLATE, nodeId, lru, nrScanned, nrTaken);
    let nrRotated = 0;
    let nrDeactivated = 0;
    for (let pfn = lruvecs.takeIsolated(); pfn !== NOT_LISTED; pfn = lruvecs.takeIsolated()) {
      if ((flags[pfn] & PG_MLOCKED) === 0) {
        const nr = nrPagesOfFlags(flags[pfn]);
        if (host.pageReferenced(pfn) !== 0 && isFile && host.isMappedExecutable(pfn)) nrRotated += nr;
        else {
          flags[pfn] = (flags[pfn] & ~PG_ACTIVE) | PG_WORKINGSET;
          nrDeactivated += nr;
        }
      }
      this.putBack(pfn);
    }
    vmstat.countEvents(PGDEACTIVATE, nrDeactivated);
    this.balance.noteCost(nodeId, isFile, 0, nrRotated);
    this.trace?.emit(TP_MM_VMSCAN_LRU_SHRINK_ACTIVE, nodeId, nrTaken, nrDeactivated, sc.priority);
  }

  /** Puts an isolated page on the list of its flags; one that becomes or stays active pushes inactive ones on (move_folios_to_lru). */
  private putBack(pfn: Pfn): void {
    this.lruvecs.addPage(pfn);
    if ((this.memmap.flags[pfn] & PG_ACTIVE) !== 0) this.workingset.ageBy(pfn);
  }
}

/** Counts a page of a file that is dirty or being written (folio_check_dirty_writeback). */
function noteWrites(flags: number, sc: ScanControl): void {
  if ((flags & (PG_DIRTY | PG_WRITEBACK)) === 0) return;
  const { nr } = sc;
  const nrPages = nrPagesOfFlags(flags);
  nr.dirty += nrPages;
  if ((flags & PG_WRITEBACK) === 0) nr.unqueuedDirty += nrPages;
  else if ((flags & PG_RECLAIM) !== 0) nr.congested += nrPages;
}
