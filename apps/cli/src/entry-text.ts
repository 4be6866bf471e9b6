/** What a page-table entry says, in words. */
import {
  leafPfn,
  MAX_SWAPFILES,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  PTE_PAT,
  PTE_PAT_LARGE,
  PTE_PCD,
  PTE_PROTNONE,
  PTE_PS,
  PTE_PWT,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_SWP_EXCLUSIVE,
  PTE_SWP_SOFT_DIRTY,
  PTE_SWP_UFFD_WP,
  PTE_UFFD_WP,
  PTE_US,
  PT_LEVEL_PTE,
  pteIsMigration,
  pteMarkers,
  ptePfn,
  ptePkey,
  pteSwpPfn,
  pteToSwapEntry,
  swapOffset,
  swapType,
} from "@pageframe/contracts";

/** What an entry stands for. */
export interface DecodedEntry {
  /** Names of the bits that are set, lowest first; those of Linux's own in small letters. */
  readonly flags: readonly string[];
  readonly kind: "empty" | "table" | "page" | "prot-none" | "swap" | "migration" | "marker" | "other";
  /** Frame of the table or page, or offset in the swap area; null where there is none. */
  readonly pfn: number | null;
  readonly swap: { readonly area: number; readonly offset: number } | null;
}

type Names = readonly (readonly [number, string])[];

const TABLE_NAMES: Names = [
  [PTE_P, "P"],
  [PTE_RW, "RW"],
  [PTE_US, "US"],
  [PTE_PWT, "PWT"],
  [PTE_PCD, "PCD"],
  [PTE_A, "A"],
  [PTE_D, "D"],
];
const PTE_NAMES: Names = [
  ...TABLE_NAMES,
  [PTE_PAT, "PAT"],
  [PTE_G, "G"],
  [PTE_SPECIAL, "special"],
  [PTE_UFFD_WP, "uffd-wp"],
  [PTE_SOFT_DIRTY, "soft-dirty"],
];
const LARGE_NAMES: Names = [
  ...TABLE_NAMES,
  [PTE_PS, "PS"],
  ...PTE_NAMES.slice(TABLE_NAMES.length + 1),
  [PTE_PAT_LARGE, "PAT"],
];
const SWAP_NAMES: Names = [
  [PTE_SWP_SOFT_DIRTY, "soft-dirty"],
  [PTE_SWP_UFFD_WP, "uffd-wp"],
  [PTE_SWP_EXCLUSIVE, "exclusive"],
];

/** Decodes the 64 bits of an entry of `level` (1 PTE, 2 PMD, ...). */
export function decodeEntry(entry: bigint, level: number): DecodedEntry {
  const lo = Number(BigInt.asIntN(32, entry));
  const hi = Number(BigInt.asIntN(32, entry >> 32n));
  if ((lo & PTE_P) !== 0) {
    const isPage = level === PT_LEVEL_PTE || (lo & PTE_PS) !== 0;
    const names = !isPage ? TABLE_NAMES : level === PT_LEVEL_PTE ? PTE_NAMES : LARGE_NAMES;
    return {
      flags: [...namesOf(lo, names), ...highNames(hi)],
      kind: isPage ? "page" : "table",
      pfn: isPage ? leafPfn(lo, hi, level) : ptePfn(lo, hi),
      swap: null,
    };
  }
  if (lo === 0 && hi === 0) return { flags: [], kind: "empty", pfn: null, swap: null };
  if ((lo & PTE_PROTNONE) !== 0) {
    // The global bit of an entry that is not present.
    const flags = namesOf(lo, PTE_NAMES).map((name) => (name === "G" ? "protnone" : name));
    return {
      flags: [...flags, ...highNames(hi)],
      kind: "prot-none",
      pfn: leafPfn(lo, hi, level),
      swap: null,
    };
  }
  return decodeSoftware(lo, hi);
}

/** An entry whose bits are Linux's own. */
function decodeSoftware(lo: number, hi: number): DecodedEntry {
  const flags = namesOf(lo, SWAP_NAMES);
  if (pteMarkers(lo, hi) !== 0) return { flags, kind: "marker", pfn: null, swap: null };
  if (pteIsMigration(hi)) return { flags, kind: "migration", pfn: pteSwpPfn(lo, hi), swap: null };
  const entry = pteToSwapEntry(lo, hi);
  if (swapType(entry) >= MAX_SWAPFILES) return { flags, kind: "other", pfn: null, swap: null };
  return { flags, kind: "swap", pfn: null, swap: { area: swapType(entry), offset: swapOffset(entry) } };
}

function namesOf(bits: number, names: Names): string[] {
  return names.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
}

function highNames(hi: number): string[] {
  const pkey = ptePkey(hi);
  return [...(pkey === 0 ? [] : [`pkey${pkey}`]), ...((hi & PTE_HI_NX) === 0 ? [] : ["NX"])];
}
