/**
 * What flushes drop when they look at every valid entry, in whatever store the entries are. Hot: per flush. Each costs the
 * valid entries.
 *
 * Source: Intel SDM vol. 3A section 5.10.4.1; vol. 2A, INVPCID types 1 to 3.
 */
import { TAG_GLOBAL, tagPcid, tagServes } from "./tlb-tag.ts";

/** Valid entries, by their place on a list. drop() puts the last one in the place of one that goes. */
export interface FlushedStore {
  readonly nrValid: number;
  validEntry(at: number): number;
  /** High half of an entry's tag (tlb-tag.ts). */
  tagHi(entry: number): number;
  /** First 4 KiB page that an entry maps. */
  entryVpn(entry: number): number;
  /** 4 KiB pages, aligned, around that one: a flush of any of them must drop the entry. */
  leafPages(entry: number): number;
  drop(entry: number): void;
}

/** Drops what translates any of `nrPages` pages from `start` on for a PCID, and the global ones when `andGlobal`. */
export function dropRange(
  store: FlushedStore,
  start: number,
  nrPages: number,
  pcid: number,
  andGlobal: boolean,
): void {
  for (let at = store.nrValid - 1; at >= 0; at--) {
    const entry = store.validEntry(at);
    const tagHi = store.tagHi(entry);
    if (!tagServes(tagHi, pcid) || (!andGlobal && (tagHi & TAG_GLOBAL) !== 0)) continue;
    const leafPages = store.leafPages(entry);
    const vpn = store.entryVpn(entry);
    const first = vpn - (vpn % leafPages);
    if (first < start + nrPages && start < first + leafPages) store.drop(entry);
  }
}

/** Drops what one PCID owns. */
export function dropPcid(store: FlushedStore, pcid: number): void {
  for (let at = store.nrValid - 1; at >= 0; at--) {
    const entry = store.validEntry(at);
    const tagHi = store.tagHi(entry);
    if ((tagHi & TAG_GLOBAL) === 0 && tagPcid(tagHi) === pcid) store.drop(entry);
  }
}

/** Drops everything; without `andGlobal` everything but global entries. */
export function dropAll(store: FlushedStore, andGlobal: boolean): void {
  for (let at = store.nrValid - 1; at >= 0; at--) {
    const entry = store.validEntry(at);
    if (andGlobal || (store.tagHi(entry) & TAG_GLOBAL) === 0) store.drop(entry);
  }
}
