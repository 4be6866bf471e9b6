/**
 * The lists that pages to be reclaimed stand on, and their counters: `struct lruvec`. Hot: per page.
 *
 *     head of list `lru` of lruvec v   firstHead + v * NR_LRU_LISTS + lru     first = newest, last = oldest
 *     nrPages                          v * NR_LRU_LISTS + lru
 *     nrZonePages                      (v * NR_LRU_LISTS + lru) * MAX_NR_ZONES + zoneType
 *
 * A lruvec is a node: v = nodeId. PG_LRU is set exactly while a page is on one of these lists; then the list is the one
 * that its flags name (lruOfFlags), and the node and zone counters of the VmStat say the same as `nrPages`. Links are the
 * memmap's, so a page on a list is on no other. A compound page stands on a list by its head and counts with all pages.
 * Source: Linux 6.18 include/linux/mm_inline.h, lruvec_add_folio(), lruvec_del_folio(); mm/vmscan.c, isolate_lru_folios().
 */
import {
  bug,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
  MAX_NR_ZONES,
  type NodeId,
  NR_INACTIVE_ANON,
  NR_LRU_LISTS,
  NR_ZONE_INACTIVE_ANON,
  PG_ACTIVE,
  PG_HEAD,
  PG_LRU,
  PG_MLOCKED,
  PG_SWAPBACKED,
  PG_UNEVICTABLE,
  PGSKIP_DMA,
  type Pfn,
  pageFlagsOrder,
  SWAP_CLUSTER_MAX,
  UNEVICTABLE_PGS_CULLED,
  UNEVICTABLE_PGS_RESCUED,
} from "@pageframe/contracts";
import { type Memmap, NO_ZONE, NOT_LISTED, type VmStat } from "@pageframe/memmap";

/** Pages of too high a zone that one isolation passes over before it takes them as well (SWAP_CLUSTER_MAX_SKIPPED). */
const SWAP_CLUSTER_MAX_SKIPPED: number = SWAP_CLUSTER_MAX << 10;

/** List that a page with these flags belongs on (folio_lru_list). */
function lruOfFlags(flags: number): number {
  if ((flags & PG_UNEVICTABLE) !== 0) return LRU_UNEVICTABLE;
  const base = (flags & PG_SWAPBACKED) !== 0 ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE;
  return (flags & PG_ACTIVE) !== 0 ? base + 1 : base;
}

/** Is a list one of file pages? LRU_UNEVICTABLE is not. */
export function isFileLru(lru: number): boolean {
  return (lru & ~1) === LRU_INACTIVE_FILE;
}

/** Pages in the folio that a flags word heads. */
export function nrPagesOfFlags(flags: number): number {
  return (flags & PG_HEAD) !== 0 ? 1 << pageFlagsOrder(flags) : 1;
}

/** The lists of all lruvecs of a machine. */
export class Lruvecs {
  readonly nrLruvecs: number;
  readonly firstHead: number;
  readonly nrPages: Int32Array;
  readonly nrZonePages: Int32Array;
  /** Head of the list that isolate() fills, oldest first; whoever called it empties it. */
  readonly isolatedHead: number;
  /** Pages that the last isolate() looked at, those of too high a zone included. */
  nrIsolateScanned = 0;
  private readonly skippedHead: number;
  private readonly memmap: Memmap;
  private readonly vmstat: VmStat;

  constructor(memmap: Memmap, vmstat: VmStat, nrNodes: number) {
    this.memmap = memmap;
    this.vmstat = vmstat;
    this.nrLruvecs = nrNodes;
    this.firstHead = memmap.lists.newHeads(nrNodes * NR_LRU_LISTS);
    this.nrPages = new Int32Array(nrNodes * NR_LRU_LISTS);
    this.nrZonePages = new Int32Array(nrNodes * NR_LRU_LISTS * MAX_NR_ZONES);
    this.isolatedHead = memmap.lists.newHead();
    this.skippedHead = memmap.lists.newHead();
  }

  /** Row of a list's head. */
  headOf(lruvec: number, lru: number): number {
    return this.firstHead + lruvec * NR_LRU_LISTS + lru;
  }

  /**
   * Puts a page first on the list that its flags name, and sets PG_LRU. A PG_MLOCKED page goes to the unevictable list.
   * Source: Linux 6.18 mm/swap.c, lru_add(). Differs: mappings marked unevictable as a whole are not known here.
   */
  addPage(pfn: Pfn): void {
    const pageFlags = this.memmap.flags;
    let flags = pageFlags[pfn];
    if ((flags & PG_LRU) !== 0) bug(`pfn ${pfn} is put on a list while on one`);
    if ((flags & (PG_MLOCKED | PG_UNEVICTABLE)) !== 0) flags = this.settleUnevictable(flags);
    this.put(pfn, flags);
  }

  /** Moves a page from an inactive list to the active one, where even one that is about to be locked goes (lru_activate). */
  activatePage(pfn: Pfn): void {
    this.removePage(pfn);
    this.put(pfn, this.memmap.flags[pfn] | PG_ACTIVE);
  }

  /** Gives a page its flags and puts it first on the list that they name. */
  private put(pfn: Pfn, flags: number): void {
    this.memmap.flags[pfn] = flags | PG_LRU;
    const lru = lruOfFlags(flags);
    const lruvec = this.account(this.memmap.zoneId[pfn], lru, nrPagesOfFlags(flags));
    this.memmap.lists.addFirst(this.headOf(lruvec, lru), pfn);
  }

  /** Puts a page last on its list, where reclaim looks next, and sets PG_LRU (folio_rotate_reclaimable). */
  addPageLast(pfn: Pfn): void {
    this.addPage(pfn);
    const { lists } = this.memmap;
    lists.remove(pfn);
    lists.addLast(
      this.headOf((this.memmap.zoneId[pfn] / MAX_NR_ZONES) | 0, lruOfFlags(this.memmap.flags[pfn])),
      pfn,
    );
  }

  /** Takes a page off its list and clears PG_LRU; calls bug() when it is on none. */
  removePage(pfn: Pfn): void {
    const flags = this.memmap.flags[pfn];
    if ((flags & PG_LRU) === 0) bug(`pfn ${pfn} is taken off a list while on none`);
    this.memmap.flags[pfn] = flags & ~PG_LRU;
    this.account(this.memmap.zoneId[pfn], lruOfFlags(flags), -nrPagesOfFlags(flags));
    this.memmap.lists.remove(pfn);
  }

  /** Pages of a list in zone types up to `highestZoneType` (lruvec_lru_size). */
  nrEligiblePages(lruvec: number, lru: number, highestZoneType: number): number {
    const first = (lruvec * NR_LRU_LISTS + lru) * MAX_NR_ZONES;
    let nr = 0;
    for (let zoneType = 0; zoneType <= highestZoneType; zoneType++) nr += this.nrZonePages[first + zoneType];
    return nr;
  }

  /**
   * Takes up to `nrToScan` pages off a list's old end onto `isolatedHead`, PG_LRU cleared; returns how many. Pages of
   * zones above `highestZoneType` are put first on their list instead and do not count, up to SWAP_CLUSTER_MAX_SKIPPED.
   * Source: Linux 6.18 mm/vmscan.c, isolate_lru_folios(). Differs: no reference is taken; nothing runs in between.
   */
  isolate(lruvec: number, lru: number, nrToScan: number, highestZoneType: number): number {
    const { lists, zoneId, flags } = this.memmap;
    const head = this.headOf(lruvec, lru);
    const { isolatedHead, skippedHead, vmstat } = this;
    if (!lists.isEmpty(isolatedHead)) bug("pages are isolated while others still are");
    let nrScanned = 0;
    let nrSkipped = 0;
    let nrTaken = 0;
    let runZone = NO_ZONE;
    let nrRun = 0;
    while (nrTaken < nrToScan) {
      const pfn = lists.last(head);
      if (pfn === NOT_LISTED) break;
      const nr = nrPagesOfFlags(flags[pfn]);
      const zone = zoneId[pfn];
      const zoneType = zone % MAX_NR_ZONES;
      nrScanned += nr;
      if (zoneType > highestZoneType && nrSkipped < SWAP_CLUSTER_MAX_SKIPPED) {
        nrSkipped++;
        vmstat.countEvents(PGSKIP_DMA + zoneType, nr);
        lists.remove(pfn);
        lists.addLast(skippedHead, pfn);
        continue;
      }
      if (zone !== runZone) {
        if (nrRun > 0) this.account(runZone, lru, -nrRun);
        runZone = zone;
        nrRun = 0;
      }
      nrRun += nr;
      nrTaken += nr;
      flags[pfn] &= ~PG_LRU;
      lists.remove(pfn);
      lists.addLast(isolatedHead, pfn);
    }
    if (nrRun > 0) this.account(runZone, lru, -nrRun);
    for (let pfn = lists.first(skippedHead); pfn !== NOT_LISTED; pfn = lists.first(skippedHead)) {
      lists.remove(pfn);
      lists.addFirst(head, pfn);
    }
    this.nrIsolateScanned = nrScanned;
    return nrTaken;
  }

  /** Takes the oldest page off the isolated list; NOT_LISTED when it is empty. */
  takeIsolated(): number {
    const { lists } = this.memmap;
    const pfn = lists.first(this.isolatedHead);
    if (pfn !== NOT_LISTED) lists.remove(pfn);
    return pfn;
  }

  /** Checks lists, flags and counters against each other; calls bug() at the first contradiction. O(frames). */
  checkInvariants(): void {
    const { lists, flags, zoneId, nrFrames } = this.memmap;
    if (!lists.isEmpty(this.isolatedHead)) bug("pages are left on the isolated list");
    let nrListed = 0;
    for (let lruvec = 0; lruvec < this.nrLruvecs; lruvec++) {
      for (let lru = 0; lru < NR_LRU_LISTS; lru++) {
        const head = this.headOf(lruvec, lru);
        nrListed += lists.checkList(head);
        const nrByZone = new Int32Array(MAX_NR_ZONES);
        for (let pfn = lists.next[head]; pfn !== head; pfn = lists.next[pfn]) {
          const name = `pfn ${pfn} on list ${lru} of lruvec ${lruvec}`;
          if ((flags[pfn] & PG_LRU) === 0) bug(`${name} does not carry PG_LRU`);
          if (lruOfFlags(flags[pfn]) !== lru) bug(`${name} belongs on list ${lruOfFlags(flags[pfn])}`);
          if (Math.floor(zoneId[pfn] / MAX_NR_ZONES) !== lruvec) bug(`${name} is in zone ${zoneId[pfn]}`);
          nrByZone[zoneId[pfn] % MAX_NR_ZONES] += nrPagesOfFlags(flags[pfn]);
        }
        this.checkCounters(lruvec, lru, nrByZone);
      }
    }
    for (let pfn = 0; pfn < nrFrames; pfn++) if ((flags[pfn] & PG_LRU) !== 0) nrListed--;
    if (nrListed !== 0) bug(`${-nrListed} more pages carry PG_LRU than are on lists`);
  }

  private checkCounters(lruvec: number, lru: number, nrByZone: Int32Array): void {
    let nr = 0;
    for (let zoneType = 0; zoneType < MAX_NR_ZONES; zoneType++) {
      const found = nrByZone[zoneType];
      nr += found;
      const own = this.nrZonePages[(lruvec * NR_LRU_LISTS + lru) * MAX_NR_ZONES + zoneType];
      const stat = this.vmstat.zoneStat(lruvec * MAX_NR_ZONES + zoneType, NR_ZONE_INACTIVE_ANON + lru);
      if (own !== found || stat !== found) {
        bug(
          `list ${lru} of lruvec ${lruvec} holds ${found} pages of zone ${zoneType}, counted ${own} and ${stat}`,
        );
      }
    }
    const own = this.nrPages[lruvec * NR_LRU_LISTS + lru];
    const stat = this.vmstat.nodeStat(lruvec, NR_INACTIVE_ANON + lru);
    if (own !== nr || stat !== nr) {
      bug(`list ${lru} of lruvec ${lruvec} holds ${nr} pages, counted ${own} and ${stat}`);
    }
  }

  /** Counts `delta` pages of a zone on a list; returns the zone's lruvec. */
  private account(zoneId: number, lru: number, delta: number): NodeId {
    const lruvec = (zoneId / MAX_NR_ZONES) | 0;
    const slot = lruvec * NR_LRU_LISTS + lru;
    this.nrPages[slot] += delta;
    this.nrZonePages[slot * MAX_NR_ZONES + zoneId - lruvec * MAX_NR_ZONES] += delta;
    this.vmstat.modNode(lruvec, NR_INACTIVE_ANON + lru, delta);
    this.vmstat.modZone(zoneId, NR_ZONE_INACTIVE_ANON + lru, delta);
    return lruvec;
  }

  /** Makes PG_UNEVICTABLE agree with PG_MLOCKED; returns the new flags. */
  private settleUnevictable(flags: number): number {
    const wasUnevictable = (flags & PG_UNEVICTABLE) !== 0;
    const nr = nrPagesOfFlags(flags);
    if ((flags & PG_MLOCKED) !== 0) {
      if (!wasUnevictable) this.vmstat.countEvents(UNEVICTABLE_PGS_CULLED, nr);
      return (flags & ~PG_ACTIVE) | PG_UNEVICTABLE;
    }
    this.vmstat.countEvents(UNEVICTABLE_PGS_RESCUED, nr);
    return flags & ~PG_UNEVICTABLE;
  }
}
