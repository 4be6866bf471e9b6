/** Checks everything that tlb-store.ts promises. Cold. */
import { bug, PTE_PS, TLB_1G, TLB_ENTRY_1G } from "@pageframe/contracts";
import {
  FLAGS,
  L2,
  L2_HUGE,
  LINK,
  NEVER_VICTIM,
  NO_ENTRY,
  NR_ARRAYS,
  PFN,
  type TlbStore,
  USE,
} from "./tlb-store.ts";
import { flagsForSize, signatureOf, TAG_SPECIAL, tagSize } from "./tlb-tag.ts";

/** Calls bug() for the first invariant of a store that does not hold. O(entries * ways). */
export function checkStore(store: TlbStore): void {
  const { cells, nrRows } = store;
  let nrSpecial = 0;
  let nrValid = 0;
  for (let array = 0; array < NR_ARRAYS; array++) {
    for (let entry = store.arrayFirst[array]; entry < store.arrayFirst[array + 1]; entry++) {
      const tag = cells[nrRows + entry];
      if (tag !== 0) {
        nrValid++;
        if ((tag & TAG_SPECIAL) !== 0) nrSpecial++;
        checkEntry(store, entry, array);
      }
      if (array < L2) checkUse(store, entry, array);
    }
  }
  if (nrValid !== store.nrValid) bug(`${nrValid} TLB entries are valid, ${store.nrValid} counted`);
  if (nrSpecial !== store.nrSpecial) bug(`${nrSpecial} TLB entries are special, ${store.nrSpecial} counted`);
  checkLists(store, L2, 0);
  checkLists(store, L2_HUGE, store.lruHead.length - nrSetsOf(store, L2_HUGE));
}

function checkEntry(store: TlbStore, entry: number, array: number): void {
  const { cells, nrRows } = store;
  const tag = cells[nrRows + entry];
  const pageSize = tagSize(tag);
  const isHome = array < L2 ? pageSize === array : (pageSize === TLB_1G) === (array === L2_HUGE);
  if (!isHome) bug(`TLB entry ${entry} of page size ${pageSize} is in array ${array}`);
  if (store.validEntry(store.placeOf(entry)) !== entry) bug(`TLB entry ${entry} is not on the valid list`);
  const flags = cells[FLAGS * nrRows + entry];
  const sizeFlags = flags & (PTE_PS | TLB_ENTRY_1G);
  if (sizeFlags !== flagsForSize(0, pageSize))
    bug(`TLB entry ${entry} has page size ${pageSize}, flags ${flags}`);
  const signature = signatureOf(cells[entry]);
  if (store.signatures[entry] !== signature) {
    bug(`TLB entry ${entry} has signature ${store.signatures[entry]}, its page ${signature}`);
  }
  const first = store.setFirst(array, cells[entry]);
  const end = first + store.arrayWays[array];
  if (entry < first || entry >= end) bug(`TLB entry ${entry} is in the wrong set`);
  for (let other = first; other < end; other++) {
    if (other !== entry && cells[other] === cells[entry] && cells[nrRows + other] === tag) {
      bug(`TLB entries ${entry} and ${other} hold the same page`);
    }
  }
  const copy = array < L2 ? store.copyInL2(entry) : NO_ENTRY;
  if (copy === NO_ENTRY) return;
  if (cells[PFN * nrRows + copy] !== cells[PFN * nrRows + entry] || cells[FLAGS * nrRows + copy] !== flags) {
    bug(`TLB entries ${entry} and ${copy} are one page with different translations`);
  }
}

/** A way's clock is its own, and small exactly when it is empty. */
function checkUse(store: TlbStore, entry: number, array: number): void {
  const { cells, nrRows, tick } = store;
  const first = store.arrayFirst[array];
  const way = (entry - first) % store.arrayStride[array];
  const use = cells[USE * nrRows + entry];
  if (way >= store.arrayWays[array]) {
    if (use !== NEVER_VICTIM || cells[nrRows + entry] !== 0)
      bug(`TLB entry ${entry} is beyond the ways and used`);
    return;
  }
  if ((use & (tick - 1)) !== way)
    bug(`TLB entry ${entry} is way ${way} and its clock says ${use & (tick - 1)}`);
  if (use >= tick !== (cells[nrRows + entry] !== 0))
    bug(`TLB entry ${entry} is empty or not, and its clock differs`);
  if (use - way > store.clock) bug(`TLB entry ${entry} was used at ${use - way}, and it is ${store.clock}`);
  for (let other = entry - way; other < entry; other++) {
    const otherUse = cells[USE * nrRows + other];
    if (use >= tick && otherUse - (other - entry + way) === use - way) {
      bug(`TLB entries ${other} and ${entry} were used at the same time`);
    }
  }
}

function checkLists(store: TlbStore, array: number, firstLruSet: number): void {
  const { cells, nrRows } = store;
  const ways = store.arrayWays[array];
  for (let set = 0; set < nrSetsOf(store, array); set++) {
    const first = store.arrayFirst[array] + set * store.arrayStride[array];
    const head = store.lruHead[firstLruSet + set];
    const seen = new Set<number>();
    let isEmptySeen = false;
    let entry = head;
    do {
      if (entry < first || entry >= first + ways)
        bug(`TLB entry ${entry} is on the list of the set at ${first}`);
      seen.add(entry);
      const isEmpty = cells[nrRows + entry] === 0;
      if (isEmptySeen && !isEmpty) bug(`TLB entry ${entry} is valid and less recent than an empty way`);
      isEmptySeen = isEmpty;
      const next = cells[USE * nrRows + entry];
      if (cells[LINK * nrRows + next] !== entry) bug(`TLB entry ${next} does not point back to ${entry}`);
      entry = next;
    } while (entry !== head && seen.size <= ways);
    if (seen.size !== ways) bug(`the list of the TLB set at ${first} has ${seen.size} of ${ways} ways`);
  }
}

function nrSetsOf(store: TlbStore, array: number): number {
  const nrEntries = store.arrayFirst[array + 1] - store.arrayFirst[array];
  return nrEntries === 0 ? 0 : nrEntries / store.arrayStride[array];
}
