/** What a two-level set-associative TLB holds, for those who ask and do not use it. Cold. */
import {
  type Asid,
  TLB_1G,
  TLB_2M,
  TLB_4K,
  type TlbHolding,
  vpnHi as highOf,
  vpnLo as lowOf,
} from "@pageframe/contracts";
import { FLAGS, L2, L2_HUGE, NO_ENTRY, PFN, type TlbStore } from "./tlb-store.ts";
import { tagPcid, tagSize } from "./tlb-tag.ts";

/** Each array by its name in the configuration, and the page sizes in it. */
const PLACES: readonly (readonly [array: number, name: string, pageSize: number])[] = [
  [TLB_4K, "l1", TLB_4K],
  [TLB_2M, "l1Large", TLB_2M],
  [TLB_1G, "l1Huge", TLB_1G],
  [L2, "l2", TLB_4K],
  [L2, "l2", TLB_2M],
  [L2_HUGE, "l2Huge", TLB_1G],
];

/** Calls the visitor with every translation, once, whatever levels hold it. */
export function visitStore(
  store: TlbStore,
  visit: (vpnLo: number, vpnHi: number, pcid: number, pageSize: number, pfn: number, flags: number) => void,
): void {
  const { cells, nrRows } = store;
  for (let at = 0; at < store.nrValid; at++) {
    const entry = store.validEntry(at);
    if (entry < store.l2First && store.copyInL2(entry) !== NO_ENTRY) continue;
    const tag = cells[nrRows + entry];
    const vpn = store.entryVpn(entry);
    visit(
      lowOf(vpn),
      highOf(vpn),
      tagPcid(tag),
      tagSize(tag),
      cells[PFN * nrRows + entry],
      cells[FLAGS * nrRows + entry],
    );
  }
}

/** What every array holds for a page, the first level first. */
export function collectStoreHoldings(
  store: TlbStore,
  vpnLo: number,
  vpnHi: number,
  pcid: Asid,
): TlbHolding[] {
  const { cells, nrRows } = store;
  const held: TlbHolding[] = [];
  for (const [array, name, pageSize] of PLACES) {
    const entry = store.findIn(array, vpnLo, vpnHi, pcid, pageSize);
    if (entry === NO_ENTRY) continue;
    held.push({
      array: name,
      pageSize,
      pfn: cells[PFN * nrRows + entry],
      flags: cells[FLAGS * nrRows + entry],
    });
  }
  return held;
}
