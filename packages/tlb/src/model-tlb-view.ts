/** What a general TLB holds, for those who ask and do not use it. Cold. */
import { type Asid, TLB_4K, type TlbHolding, vpnHi as highOf, vpnLo as lowOf } from "@pageframe/contracts";
import { NR_ENTRY_SIZES, SIZE_COALESCED } from "./model-tlb-config.ts";
import { FLAGS, type ModelTlbStore, NO_ENTRY, PFN, ROW_SHIFT } from "./model-tlb-store.ts";
import { TAG_GLOBAL, TAG_PCID_SHIFT, tagPcid, tagSize } from "./tlb-tag.ts";

/**
 * Calls the visitor with every translation, once: a coalesced entry as its pages, a part of a large page as a page of the
 * size that it has here.
 */
export function visitEntries(
  store: ModelTlbStore,
  visit: (vpnLo: number, vpnHi: number, pcid: number, pageSize: number, pfn: number, flags: number) => void,
): void {
  for (let at = 0; at < store.nrValid; at++) {
    const entry = store.validEntry(at);
    if (isHeldBefore(store, entry)) continue;
    const tagHi = store.tagHi(entry);
    const isGroup = tagSize(tagHi) === SIZE_COALESCED;
    const nrVisits = isGroup ? store.entryPages(entry) : 1;
    const row = entry << ROW_SHIFT;
    for (let page = 0; page < nrVisits; page++) {
      const vpn = store.entryVpn(entry) + page;
      if (isGroup && isHeldAlone(store, vpn, tagHi)) continue;
      const pageSize = isGroup ? TLB_4K : tagSize(tagHi);
      const { cells } = store;
      visit(lowOf(vpn), highOf(vpn), tagPcid(tagHi), pageSize, cells[row + PFN] + page, cells[row + FLAGS]);
    }
  }
}

/** What every array holds for a page, of the own PCID before global; a coalesced entry as the page of it. */
export function collectHoldings(
  store: ModelTlbStore,
  vpnLo: number,
  vpnHi: number,
  pcid: Asid,
): TlbHolding[] {
  const held: TlbHolding[] = [];
  const arrays = store.config.levels.flat();
  for (const probe of store.allProbes) {
    const array = probe >>> 2;
    const entrySize = probe & (NR_ENTRY_SIZES - 1);
    let entry = store.find(array, entrySize, vpnLo, vpnHi, pcid << TAG_PCID_SHIFT);
    if (entry === NO_ENTRY) entry = store.find(array, entrySize, vpnLo, vpnHi, TAG_GLOBAL);
    if (entry === NO_ENTRY) continue;
    const row = entry << ROW_SHIFT;
    const isGroup = entrySize === SIZE_COALESCED;
    const page = isGroup ? vpnLo & (store.entryPages(entry) - 1) : 0;
    held.push({
      array: arrays[array].name,
      pageSize: isGroup ? TLB_4K : entrySize,
      pfn: store.cells[row + PFN] + page,
      flags: store.cells[row + FLAGS],
    });
  }
  return held;
}

/** Does an array before an entry's own hold the same? */
function isHeldBefore(store: ModelTlbStore, entry: number): boolean {
  for (let array = 0; array < store.arrayOf[entry]; array++) {
    if (store.findTag(array, store.tagLo(entry), store.tagHi(entry)) !== NO_ENTRY) return true;
  }
  return false;
}

/** Has a page of a group an entry of its own? */
function isHeldAlone(store: ModelTlbStore, vpn: number, groupTag: number): boolean {
  const owner = (groupTag & TAG_GLOBAL) !== 0 ? TAG_GLOBAL : tagPcid(groupTag) << TAG_PCID_SHIFT;
  for (let array = 0; array < store.nrArrays; array++) {
    if (store.find(array, TLB_4K, lowOf(vpn), highOf(vpn), owner) !== NO_ENTRY) return true;
  }
  return false;
}
