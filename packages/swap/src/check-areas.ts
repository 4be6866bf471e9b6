/** Audit of swap areas and the swap cache. Cold. */
import { bug, NO_PFN, NO_SHADOW, NO_SWAP_ENTRY, PG_SWAPCACHE, swapEntry } from "@pageframe/contracts";
import { type Memmap } from "@pageframe/memmap";
import { SWAP_MAP_MAX, type SwapArea } from "./swap-area.ts";

/** What the audit looks at. */
export interface AuditedAreas {
  readonly areas: readonly (SwapArea | null)[];
  readonly order: readonly number[];
  readonly nrFreeSlots: number;
  readonly nrTotalSlots: number;
}

/** Calls bug() when slots, counts, cache, memmap and totals contradict each other. O(slots + frames). */
export function checkAreas(swap: AuditedAreas, memmap: Memmap): void {
  let nrTotal = 0;
  let nrFree = 0;
  let nrCached = 0;
  let nrOn = 0;
  for (const area of swap.areas) {
    if (area === null) continue;
    nrOn++;
    nrTotal += area.nrPages;
    nrFree += area.slots.nrFree;
    nrCached += checkArea(area, memmap);
  }
  if (nrTotal !== swap.nrTotalSlots) bug(`${nrTotal} swap slots are there and ${swap.nrTotalSlots} counted`);
  if (nrFree !== swap.nrFreeSlots) bug(`${nrFree} swap slots are free and ${swap.nrFreeSlots} counted`);
  let nrFlagged = 0;
  for (let pfn = 0; pfn < memmap.nrFrames; pfn++) if (memmap.hasFlags(pfn, PG_SWAPCACHE)) nrFlagged++;
  if (nrFlagged !== nrCached)
    bug(`${nrFlagged} frames say they are in the swap cache, which holds ${nrCached}`);
  checkOrder(swap, nrOn);
}

/** Checks one area; returns its cached pages. */
function checkArea(area: SwapArea, memmap: Memmap): number {
  area.slots.checkInvariants();
  let nrCached = 0;
  let nrUsed = 0;
  for (let offset = 0; offset < area.slots.nrSlots; offset++) {
    const count = area.countOf(offset);
    const pfn = area.cachedAt(offset);
    const isUsed = offset > 0 && area.slots.isUsed(offset);
    if (isUsed) nrUsed++;
    if (isUsed !== (count > 0 || pfn !== NO_PFN)) {
      bug(`slot ${offset} of ${area.name}: used ${isUsed}, named ${count} times, cached in pfn ${pfn}`);
    }
    if (!isUsed && area.shadowAt(offset) !== NO_SHADOW)
      bug(`free slot ${offset} of ${area.name} has a shadow`);
    if (!isUsed && area.isZeroFilled[offset] !== 0)
      bug(`free slot ${offset} of ${area.name} is in the zeromap`);
    if (area.continuation.has(offset) && area.swapMap[offset] !== SWAP_MAP_MAX) {
      bug(`slot ${offset} of ${area.name} continues a count of ${area.swapMap[offset]}`);
    }
    if (pfn === NO_PFN) continue;
    nrCached++;
    const entry = swapEntry(area.type, offset);
    if (memmap.private[pfn] !== entry || !memmap.hasFlags(pfn, PG_SWAPCACHE)) {
      bug(
        `pfn ${pfn} is cached for swap entry ${entry} and says ${memmap.private[pfn]} (none: ${NO_SWAP_ENTRY})`,
      );
    }
  }
  if (nrUsed !== area.nrUsedPages)
    bug(`${area.name} has ${nrUsed} used slots and counts ${area.nrUsedPages}`);
  return nrCached;
}

function checkOrder(swap: AuditedAreas, nrOn: number): void {
  if (swap.order.length !== nrOn || new Set(swap.order).size !== nrOn) {
    bug(`${nrOn} swap areas are on, and the order by priority is ${swap.order.join(" ")}`);
  }
  let before = Infinity;
  for (const type of swap.order) {
    const area = swap.areas[type] ?? bug(`the order by priority names type ${type}, which is off`);
    if (area.priority > before) bug(`${area.name} of priority ${area.priority} is behind one of ${before}`);
    before = area.priority;
  }
}
