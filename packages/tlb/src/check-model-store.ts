/** Checks everything that model-tlb-store.ts promises. Cold. */
import { bug, PTE_D } from "@pageframe/contracts";
import { entrySizeCode, NR_ENTRY_SIZES } from "./model-tlb-config.ts";
import { FLAGS, type ModelTlbStore, NO_ENTRY, PFN, ROW_SHIFT } from "./model-tlb-store.ts";
import { Replacement, REPLACEMENTS } from "./replacement.ts";
import { flagsForSize, TAG_GLOBAL, TAG_SPECIAL, tagSize } from "./tlb-tag.ts";

const NRU: number = REPLACEMENTS.indexOf("nru");

/** Calls bug() for the first invariant of a store that does not hold. O(entries * arrays). */
export function checkModelStore(store: ModelTlbStore): void {
  const arrays = store.config.levels.flat();
  const nrOf = new Int32Array(store.nrOf.length);
  let nrValid = 0;
  let nrSpecial = 0;
  let nrFragments = 0;
  for (const [array, { name, holds }] of arrays.entries()) {
    for (let entry = store.arrayFirst[array]; entry < store.arrayFirst[array + 1]; entry++) {
      const tagHi = store.tagHi(entry);
      if (tagHi === 0) continue;
      nrValid++;
      if ((tagHi & TAG_SPECIAL) !== 0) nrSpecial++;
      if (store.isFragment(entry)) nrFragments++;
      const entrySize = tagSize(tagHi);
      nrOf[2 * (array * NR_ENTRY_SIZES + entrySize) + ((tagHi & TAG_GLOBAL) !== 0 ? 1 : 0)]++;
      if (!holds.some((held) => entrySizeCode(held) === entrySize)) {
        bug(`${name} holds TLB entry ${entry} of size ${entrySize}`);
      }
      checkEntry(store, array, entry);
    }
    checkSets(store, array);
  }
  if (nrValid !== store.nrValid) bug(`${nrValid} TLB entries are valid, ${store.nrValid} counted`);
  if (nrSpecial !== store.nrSpecial) bug(`${nrSpecial} TLB entries are special, ${store.nrSpecial} counted`);
  if (nrFragments !== store.nrFragments) {
    bug(`${nrFragments} TLB entries are fragments, ${store.nrFragments} counted`);
  }
  for (const [at, nr] of nrOf.entries()) {
    if (nr !== store.nrOf[at]) bug(`${nr} TLB entries are of row ${at}, ${store.nrOf[at]} counted`);
  }
}

function checkEntry(store: ModelTlbStore, array: number, entry: number): void {
  const { cells } = store;
  const tagHi = store.tagHi(entry);
  const set = store.setOf(entry, array);
  const first = store.firstOfSet(array, set);
  if (entry < first || entry >= first + store.arrayWays[array]) bug(`TLB entry ${entry} is in the wrong set`);
  if (store.validEntry(store.placeOf(entry)) !== entry) bug(`TLB entry ${entry} is not on the valid list`);
  if (store.findTag(array, store.tagLo(entry), tagHi) !== entry)
    bug(`TLB entry ${entry} is not what its hash finds`);
  const flags = cells[(entry << ROW_SHIFT) + FLAGS];
  const pageSize = tagSize(tagHi) % (NR_ENTRY_SIZES - 1); // a group's pages are of 4 KiB
  if (flags !== flagsForSize(flags, pageSize)) bug(`TLB entry ${entry} has size ${pageSize}, flags ${flags}`);
  for (let other = 0; other < array; other++) {
    const copy = store.findTag(other, store.tagLo(entry), tagHi);
    if (copy === NO_ENTRY) continue;
    const differ = (cells[(copy << ROW_SHIFT) + FLAGS] ^ flags) & ~(store.isFragment(entry) ? PTE_D : 0);
    if (cells[(copy << ROW_SHIFT) + PFN] !== cells[(entry << ROW_SHIFT) + PFN] || differ !== 0) {
      bug(`TLB entries ${entry} and ${copy} are one page with different translations`);
    }
  }
}

function checkSets(store: ModelTlbStore, array: number): void {
  const { replacement } = store;
  const ways = store.arrayWays[array];
  for (let set = store.arrayFirstSet[array]; set < store.arrayFirstSet[array + 1]; set++) {
    const first = store.firstOfSet(array, set);
    let nrValid = 0;
    let nrMarked = 0;
    for (let entry = first; entry < first + ways; entry++) {
      if (store.tagHi(entry) !== 0) nrValid++;
      if (replacement.marks[entry] !== 0) nrMarked++;
    }
    if (nrValid !== store.setValid[set]) {
      bug(`TLB set ${set} has ${nrValid} valid entries, ${store.setValid[set]} counted`);
    }
    if (store.arrayPolicy[array] === NRU && ways > 1 && nrMarked === ways) {
      bug(`all ways of TLB set ${set} are marked as used`);
    }
    if (Replacement.hasList(store.arrayPolicy[array])) checkList(store, set, first, ways, nrValid);
  }
}

/** The list of a set has every way once, the valid ones first. */
function checkList(store: ModelTlbStore, set: number, first: number, ways: number, nrValid: number): void {
  const { replacement } = store;
  const seen = new Set<number>();
  let entry = replacement.head[set];
  while (!seen.has(entry)) {
    if (entry < first || entry >= first + ways) bug(`TLB entry ${entry} is on the list of set ${set}`);
    if ((store.tagHi(entry) !== 0) !== seen.size < nrValid) {
      bug(`TLB entry ${entry} is at place ${seen.size} of a list with ${nrValid} valid entries`);
    }
    seen.add(entry);
    const next = replacement.next[entry];
    if (replacement.prev[next] !== entry) bug(`TLB entry ${next} does not point back to ${entry}`);
    entry = next;
  }
  if (seen.size !== ways || entry !== replacement.head[set]) {
    bug(`the list of TLB set ${set} has ${seen.size} of ${ways} ways`);
  }
}
