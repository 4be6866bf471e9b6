/** What goes out of a general TLB, by page: flushes, and room for what is put in. Hot: per miss. */
import { PTE_G, TLB_4K, vpnOf } from "@pageframe/contracts";
import { dropRange } from "./flushed-store.ts";
import { NR_ENTRY_SIZES, NR_KINDS, SIZE_COALESCED } from "./model-tlb-config.ts";
import { FLAGS, type ModelTlbStore, NO_ENTRY, PFN, ROW_SHIFT } from "./model-tlb-store.ts";
import { flagsForSize, TAG_GLOBAL, TAG_PCID_SHIFT } from "./tlb-tag.ts";

/**
 * Empties all entries that translate a page for a PCID, and the global ones when `andGlobal`; parts of a large page that
 * it is in too. Source: Intel SDM vol. 3A section 5.10.4.1.
 */
export function dropPage(
  store: ModelTlbStore,
  vpnLo: number,
  vpnHi: number,
  pcid: number,
  andGlobal: boolean,
): void {
  if (store.nrFragments !== 0) {
    dropRange(store, vpnOf(vpnLo, vpnHi), 1, pcid, andGlobal);
    return;
  }
  const { allProbes, nrOf } = store;
  for (let at = 0; at < allProbes.length; at++) {
    const probe = allProbes[at];
    const array = probe >>> 2;
    const entrySize = probe & (NR_ENTRY_SIZES - 1);
    if (nrOf[2 * probe] !== 0) {
      const own = store.find(array, entrySize, vpnLo, vpnHi, pcid << TAG_PCID_SHIFT);
      if (own !== NO_ENTRY) store.drop(own);
    }
    if (andGlobal && nrOf[2 * probe + 1] !== 0) {
      const global = store.find(array, entrySize, vpnLo, vpnHi, TAG_GLOBAL);
      if (global !== NO_ENTRY) store.drop(global);
    }
  }
}

/**
 * Makes room for a new translation of a page: empties the entries for it that serve `kind`. Others stay if they have the
 * same frame and owner, and get the new flags; a coalesced one only if its flags are the same already. `pfn` is the frame
 * of the 4 KiB page itself. `isMissed`: a lookup of this kind has just found nothing.
 */
export function dropReplaced(
  store: ModelTlbStore,
  vpnLo: number,
  vpnHi: number,
  pcid: number,
  kind: number,
  pfn: number,
  flags: number,
  isMissed: boolean,
): void {
  const { allProbes, nrOf, servesKinds } = store;
  const isGlobal = (flags & PTE_G) !== 0;
  for (let at = 0; at < allProbes.length; at++) {
    const probe = allProbes[at];
    const array = probe >>> 2;
    const entrySize = probe & (NR_ENTRY_SIZES - 1);
    const isKind = servesKinds[array * NR_KINDS + kind] !== 0;
    if (isKind && isMissed) continue;
    if (nrOf[2 * probe] !== 0) {
      const own = store.find(array, entrySize, vpnLo, vpnHi, pcid << TAG_PCID_SHIFT);
      if (own !== NO_ENTRY && (isKind || isGlobal || !renew(store, own, entrySize, vpnLo, pfn, flags))) {
        store.drop(own);
      }
    }
    if (nrOf[2 * probe + 1] !== 0) {
      const global = store.find(array, entrySize, vpnLo, vpnHi, TAG_GLOBAL);
      if (
        global !== NO_ENTRY &&
        (isKind || !isGlobal || !renew(store, global, entrySize, vpnLo, pfn, flags))
      ) {
        store.drop(global);
      }
    }
  }
}

/** Gives an entry new flags; false when it is not right about a page's frame, or about others than this page. */
function renew(
  store: ModelTlbStore,
  entry: number,
  entrySize: number,
  vpnLo: number,
  pfn: number,
  flags: number,
): boolean {
  const { cells } = store;
  const row = entry << ROW_SHIFT;
  const page = vpnLo & ((1 << store.sizeShift[entrySize]) - 1);
  if (cells[row + PFN] + page !== pfn) return false;
  const isGroup = entrySize === SIZE_COALESCED;
  const renewed = flagsForSize(flags, isGroup ? TLB_4K : entrySize);
  if (isGroup) return cells[row + FLAGS] === renewed;
  cells[row + FLAGS] = renewed;
  return true;
}
