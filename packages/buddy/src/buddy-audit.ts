/** Walks all free lists of the buddy allocator. Cold: for tests and audits. */
import {
  bug,
  MAX_PAGE_ORDER,
  MIGRATE_HIGHATOMIC,
  MIGRATE_ISOLATE,
  MIGRATE_PCPTYPES,
  MIGRATE_TYPES,
  NR_FREE_PAGES,
  NR_FREE_PAGES_BLOCKS,
  NR_PAGE_ORDERS,
  PAGEBLOCK_ORDER,
  PG_BUDDY,
  PG_ORDER_SHIFT,
} from "@pageframe/contracts";
import { type Memmap, type VmStat } from "@pageframe/memmap";
import { type FreeAreas } from "./free-area.ts";
import { type ZoneTable } from "./zone-table.ts";

/**
 * Checks that every free block is on the list of its zone, type and order, aligned, unmergeable and counted, and that no
 * frame claims to be one without being listed. Sets `isFree` of the frames. Calls bug(). O(frames).
 */
export function checkFreeAreas(
  areas: FreeAreas,
  memmap: Memmap,
  vmstat: VmStat,
  table: ZoneTable,
  isFree: Uint8Array,
): void {
  for (let zoneId = 0; zoneId < table.nrZones; zoneId++) {
    if (table.present[zoneId] > 0) checkZone(areas, memmap, vmstat, table, zoneId, isFree);
  }
  for (let pfn = 0; pfn < memmap.nrFrames; pfn++) {
    if (memmap.hasFlags(pfn, PG_BUDDY) && isFree[pfn] === 0)
      bug(`pfn ${pfn} has PG_buddy and is on no free list`);
  }
}

function checkZone(
  areas: FreeAreas,
  memmap: Memmap,
  vmstat: VmStat,
  table: ZoneTable,
  zoneId: number,
  isFree: Uint8Array,
): void {
  const nrBlocks = new Int32Array(NR_PAGE_ORDERS);
  let nrFreePages = 0;
  let nrWholeBlocks = 0;
  let nrHighatomic = 0;
  for (let type = 0; type < MIGRATE_TYPES; type++) {
    for (let order = 0; order < NR_PAGE_ORDERS; order++) {
      const head = areas.head(zoneId, type, order);
      const nrListed = memmap.lists.checkList(head);
      const isMarked = (areas.nonEmpty[zoneId * MIGRATE_TYPES + type] & (1 << order)) !== 0;
      if (isMarked !== nrListed > 0)
        bug(`zone ${zoneId} type ${type} order ${order}: mask disagrees with list`);
      for (let row = memmap.lists.next[head]; row !== head; row = memmap.lists.next[row]) {
        checkBlock(memmap, zoneId, type, order, row, isFree);
      }
      const nrPages = nrListed << order;
      nrBlocks[order] += nrListed;
      if (type === MIGRATE_ISOLATE) continue;
      nrFreePages += nrPages;
      if (order >= PAGEBLOCK_ORDER) nrWholeBlocks += nrPages;
      if (type === MIGRATE_HIGHATOMIC) nrHighatomic += nrPages;
    }
  }
  for (let order = 0; order < NR_PAGE_ORDERS; order++) {
    const counted = areas.nrFree[zoneId * NR_PAGE_ORDERS + order];
    if (counted !== nrBlocks[order]) {
      bug(`zone ${zoneId} order ${order}: ${counted} blocks counted, ${nrBlocks[order]} listed`);
    }
  }
  checkCount(zoneId, "nr_free_pages", vmstat.zoneStat(zoneId, NR_FREE_PAGES), nrFreePages);
  checkCount(zoneId, "nr_free_pages_blocks", vmstat.zoneStat(zoneId, NR_FREE_PAGES_BLOCKS), nrWholeBlocks);
  checkCount(zoneId, "free highatomic pages", table.nrFreeHighatomic[zoneId], nrHighatomic);
}

function checkCount(zoneId: number, name: string, counted: number, found: number): void {
  if (counted !== found) bug(`zone ${zoneId}: ${name} is ${counted}, the free lists hold ${found}`);
}

function checkBlock(
  memmap: Memmap,
  zoneId: number,
  type: number,
  order: number,
  pfn: number,
  isFree: Uint8Array,
): void {
  const block = `free block ${pfn} of order ${order}`;
  const size = 1 << order;
  if (pfn % size !== 0) bug(`${block} is not aligned`);
  if (memmap.flags[pfn] !== (PG_BUDDY | (order << PG_ORDER_SHIFT)))
    bug(`${block} has flags ${memmap.flags[pfn]}`);
  for (let row = pfn; row < pfn + size; row++) {
    if (isFree[row] !== 0) bug(`${block}: frame ${row} is free twice`);
    isFree[row] = 1;
    if (memmap.zoneId[row] !== zoneId) bug(`${block}: frame ${row} is of zone ${memmap.zoneId[row]}`);
    if (memmap.refcount[row] !== 0) bug(`${block}: frame ${row} has ${memmap.refcount[row]} references`);
    if (row > pfn && memmap.flags[row] !== 0) bug(`${block}: frame ${row} has flags ${memmap.flags[row]}`);
    if (memmap.migratetypeOf(row) !== type) {
      bug(`${block} is on the list of type ${type} in a pageblock of type ${memmap.migratetypeOf(row)}`);
    }
  }
  const buddy = pfn ^ size;
  if (order === MAX_PAGE_ORDER || buddy >= memmap.nrFrames) return;
  const isMergeable =
    memmap.flags[buddy] === memmap.flags[pfn] &&
    memmap.zoneId[buddy] === zoneId &&
    (memmap.migratetypeOf(buddy) === type ||
      (type < MIGRATE_PCPTYPES && memmap.migratetypeOf(buddy) < MIGRATE_PCPTYPES));
  if (isMergeable) bug(`${block} and its buddy ${buddy} are both free`);
}
