/** One level of a general TLB: looking there, and putting there. Hot: per access. */
import { RUN_KIND_MASK } from "@pageframe/contracts";
import { NR_ENTRY_SIZES, NR_KINDS } from "./model-tlb-config.ts";
import { NO_ARRAY } from "./model-tlb-places.ts";
import { type ModelTlbStore, NO_ENTRY } from "./model-tlb-store.ts";
import { flagsForSize, TAG_GLOBAL, TAG_PCID_SHIFT, TAG_SIZE_SHIFT, TAG_VALID } from "./tlb-tag.ts";

/** Searches one level for one kind of access: level * NR_KINDS + kind. */
export function findInLevel(
  store: ModelTlbStore,
  levelKind: number,
  vpnLo: number,
  vpnHi: number,
  pcid: number,
): number {
  const { probes, nrOf } = store;
  const end = store.probeFirst[levelKind + 1];
  for (let at = store.probeFirst[levelKind]; at < end; at++) {
    const probe = probes[at];
    const entrySize = probe & (NR_ENTRY_SIZES - 1);
    if (nrOf[2 * probe] !== 0) {
      const own = store.find(probe >>> 2, entrySize, vpnLo, vpnHi, pcid << TAG_PCID_SHIFT);
      if (own !== NO_ENTRY) return own;
    }
    if (nrOf[2 * probe + 1] !== 0) {
      const global = store.find(probe >>> 2, entrySize, vpnLo, vpnHi, TAG_GLOBAL);
      if (global !== NO_ENTRY) return global;
    }
  }
  return NO_ENTRY;
}

/** Puts a page, or the part of it that the level can hold, into one level. Returns the entry, or NO_ENTRY. */
export function fillLevel(
  store: ModelTlbStore,
  level: number,
  kind: number,
  vpnLo: number,
  vpnHi: number,
  owner: number,
  entrySize: number,
  pfn: number,
  flags: number,
  notes: number,
): number {
  const { sizeShift } = store;
  const at = (level * NR_KINDS + (kind & RUN_KIND_MASK)) * NR_ENTRY_SIZES + entrySize;
  const array = store.homeOf[at];
  if (array === NO_ARRAY) return NO_ENTRY;
  const stored = store.storedAs[at];
  const shift = sizeShift[stored];
  const pageLo = shift === 0 ? vpnLo : (vpnLo >>> shift) | (vpnHi << (32 - shift));
  const tagHi = (vpnHi >>> shift) | owner | (stored << TAG_SIZE_SHIFT) | TAG_VALID;
  if (stored === entrySize) return store.fill(array, pageLo, tagHi, pfn, flags, notes);
  const part = vpnLo & ((1 << sizeShift[entrySize]) - 1) & -(1 << shift);
  return store.fill(array, pageLo, tagHi, pfn + part, flagsForSize(flags, stored), notes);
}
