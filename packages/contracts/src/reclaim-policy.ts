/** The reclaim seat: which page goes next. */
import type { NodeId, Pfn } from "./units.ts";

/** Answers of {@link ReclaimHost.evictPage}. */
export const EVICT_FREED = 0;
/** Somebody holds a reference, or the page is locked or under writeback: keep it. */
export const EVICT_BUSY = 1;
/** Anonymous and no swap space is left: keep it, it would be in vain to ask again soon. */
export const EVICT_NO_SWAP = 2;
/** Writing it out failed (EIO): keep it. */
export const EVICT_IO_ERROR = 3;
/** Locked into memory, or of a kind that cannot be evicted. */
export const EVICT_UNEVICTABLE = 4;
/** Unmapped and written out; the frame is still the swap cache's. Put it at the old end: the next look frees it. */
export const EVICT_WRITTEN = 5;
/** Used after all, such as a page that was to be dropped and was written since: make it active. */
export const EVICT_IN_USE = 6;
/** A page of a disk that must be written first, which reclaim leaves to the flusher: make it active, marked PG_RECLAIM. */
export const EVICT_DIRTY = 7;

/** Largest shadow that a page leaves behind when it is evicted: shadows are ints of 30 bits. */
export const MAX_SHADOW = 0x3fffffff;
/** No shadow: the page was never there, went for another reason, or the policy leaves none. */
export const NO_SHADOW = -1;

/** The rest of the system, as a reclaim policy sees it. */
export interface ReclaimHost {
  /** Clears the accessed bit in every page-table entry that maps the page; returns how many were set (folio_referenced). */
  pageReferenced(pfn: Pfn): number;
  /**
   * Proposes a victim: unmaps it, writes it to swap or drops it, frees the frame. Returns EVICT_*. The page is on no
   * list and carries no PG_LRU; the policy holds no reference to it. Must free no other page and add none to the lists.
   */
  evictPage(pfn: Pfn): number;
  /** Swap slots that are free over all areas (get_nr_swap_pages). */
  nrFreeSwapSlots(): number;
  /** Swap slots of all areas, used or not (total_swap_pages); 0 when there is no swap. */
  nrSwapSlots(): number;
  /** Is the page mapped executable somewhere? Only file pages are asked for. */
  isMappedExecutable(pfn: Pfn): boolean;
}

/**
 * What one pass found of file pages that are dirty or being written, in pages (struct reclaim_stat, scan_control.nr). A
 * policy that leaves them at 0 never makes reclaim wait for writes.
 */
export interface ScanWrites {
  /** Dirty or being written; dirty and not on their way; being written, and come round a second time (PG_RECLAIM). */
  dirty: number;
  unqueuedDirty: number;
  congested: number;
  /** Being written, and marked PG_RECLAIM now; or come round while the node is known to be full of such. */
  writeback: number;
  immediate: number;
  /** Isolated; those of file lists among them. */
  taken: number;
  fileTaken: number;
}

/** One pass of reclaim; the policy adds to the counts. */
export interface ScanControl {
  readonly nodeId: NodeId;
  /** Stop at this many pages freed. */
  nrToReclaim: number;
  /** DEF_PRIORITY (a small part of each list) down to 0 (all of it). */
  priority: number;
  readonly isKswapd: boolean;
  /** Frames of zone types above this do not help the caller. */
  readonly highestZoneType: number;
  /** Anonymous pages may go. */
  readonly maySwap: boolean;
  nrScanned: number;
  nrReclaimed: number;
  /** Free pages of the node's zones. */
  readonly nrFreePages: number;
  /** Sum of the node's high watermarks; -1 when reclaim works for a limit and not for the node. */
  readonly highWatermark: number;
  /** Take from active lists whatever their size: an earlier try that spared them freed nothing. */
  readonly forceDeactivate: boolean;
  /** Do not keep to file pages even when many are inactive: an earlier try that did freed nothing. */
  readonly noCacheTrimMode: boolean;
  /** Set by a policy that spared an active list in this pass. */
  skippedDeactivate: boolean;
  /** Set by a policy that kept to file pages in this pass and freed nothing. */
  cacheTrimModeFailed: boolean;
  /** File pages that have to be written, since the pass over the node began. */
  readonly nr: ScanWrites;
  /** The node was found full of pages being written (PGDAT_WRITEBACK): those that come round count as `immediate`. */
  readonly isNodeUnderWriteback: boolean;
  /** All pages of a batch are dirty and not on their way: flushers are to write (wakeup_flusher_threads). */
  wakeupFlushers(): void;
  /** Puts pages that wait in the running CPU's batch on the lists; Linux does so before each isolation (lru_add_drain). */
  lruAddDrain(): void;
}

/**
 * Orders pages and proposes victims. The core tells it of every page that comes and goes; pages are on the policy's
 * own lists through the memmap's `next`/`prev`, with PG_LRU set while they are.
 */
export interface ReclaimPolicy {
  readonly name: string;
  /** How readily anonymous pages go: 0..200, vm.swappiness. May change between calls; a policy may ignore it. */
  swappiness: number;
  /**
   * A page became reclaimable. Node and kind are in the memmap: PG_SWAPBACKED means "anon" lists (anonymous, shmem),
   * PG_ACTIVE that it starts as active, PG_MLOCKED that it goes to the unevictable list. They change only off the lists.
   */
  addPage(pfn: Pfn): void;
  /**
   * The page goes away for another reason (freed, locked, migrated). It is on one of the policy's lists, PG_LRU set.
   * Clears PG_LRU, PG_ACTIVE and PG_UNEVICTABLE, as freeing does.
   */
  removePage(pfn: Pfn): void;
  /**
   * The page was used other than through a page-table entry (folio_mark_accessed). Returns true for a page that is to
   * become active for it: the caller sees to that, by activatePage() when the CPU's batch of such pages is drained.
   */
  markAccessed(pfn: Pfn): boolean;
  /** Makes a page active that markAccessed() asked for; it is on an inactive list, PG_LRU set (lru_activate). */
  activatePage(pfn: Pfn): void;
  /**
   * Moves a page on one of its lists to where reclaim looks next, as inactive: what kept it there, a write, is over
   * (lru_move_tail). Without it such pages stay where they are.
   */
  rotatePage?(pfn: Pfn): void;
  /** Makes a page on one of its lists inactive and unused, first of its list (lru_deactivate). Without it: taken off and put on. */
  deactivatePage?(pfn: Pfn): void;
  /**
   * The page is about to leave memory because reclaim took it (workingset_eviction): returns what the caller keeps in its place,
   * in the file's page index or with the swap slot, or NO_SHADOW. Called from within evictPage(), once it is sure that
   * the page goes and while its flags are as they were. A policy without it leaves no shadows.
   */
  evictedShadow?(pfn: Pfn): number;
  /**
   * A page comes back to where a shadow was found (workingset_refault). Called before it is queued for the lists, its node
   * and PG_SWAPBACKED set; may set PG_ACTIVE and PG_WORKINGSET. Not called for NO_SHADOW.
   */
  refault?(pfn: Pfn, shadow: number): void;
  /** Reclaim of a node is over: refaults from now on are new ones (snapshot_refaults). */
  snapshotRefaults?(nodeId: NodeId): void;
  /** Ages pages of one node without evicting; kswapd calls it before each pass (kswapd_age_node). */
  ageNode(sc: ScanControl): void;
  /** Scans and evicts on one node under `sc`. Returns when it freed `nrToReclaim` or did this priority's share. */
  shrinkNode(sc: ScanControl): void;
  /** Pages of one LRU_* list of a node; a policy without such lists counts all of a kind as inactive. */
  nrLruPages(nodeId: NodeId, lru: number): number;
  checkInvariants(): void;
}
