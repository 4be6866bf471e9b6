/** Page-table walks spelled out, for people: every entry read on the way, and what its bits mean. Cold. */
import {
  NO_PFN,
  NO_SWAP_ENTRY,
  PAGE_WORDS,
  type Pfn,
  PT_LEVEL_PGD,
  PT_LEVEL_PTE,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  PTE_PCD,
  PTE_PS,
  PTE_PWT,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  PTE_US,
  PTE_WORDS,
  pteIsNone,
  pteIsPresent,
  ptePfn,
  pteToSwapEntry,
  type SwapEntry,
  type Vpn,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { isTablePointer, tableIndex } from "./layout.ts";

/** One entry read on the way down. */
export interface WalkStep {
  /** 4 (PGD) down to 1 (PTE). */
  readonly level: number;
  readonly tablePfn: Pfn;
  /** Index in the table, 0..511. */
  readonly index: number;
  readonly lo: number;
  readonly hi: number;
}

/** Collects the entries from the root to the leaf, or to the empty entry that ends the walk. */
export function collectWalk(contents: FrameContents, rootPfn: Pfn, vpn: Vpn): WalkStep[] {
  const steps: WalkStep[] = [];
  let tablePfn = rootPfn;
  for (let level = PT_LEVEL_PGD; level >= PT_LEVEL_PTE; level--) {
    const index = tableIndex(vpn, level);
    const entry = contents.slotOf[tablePfn] * PAGE_WORDS + index * PTE_WORDS;
    const lo = contents.words[entry];
    const hi = contents.words[entry + 1];
    steps.push({ level, tablePfn, index, lo, hi });
    if (!isTablePointer(lo)) break;
    tablePfn = ptePfn(lo, hi);
  }
  return steps;
}

/** What an entry says. */
export interface DecodedPte {
  /** `present` to the processor, `protnone` to the kernel alone, `swap` or another software form, `empty`. */
  readonly kind: "empty" | "present" | "protnone" | "swap";
  /** Frame of a present or PROT_NONE entry, else NO_PFN. */
  readonly pfn: Pfn;
  /** Swap entry of a `swap` entry, else NO_SWAP_ENTRY. */
  readonly swapEntry: SwapEntry;
  /** Names of the flags that are set, lowest bit first: P RW US PWT PCD A D PS G SPECIAL UFFD_WP SOFT_DIRTY PKn NX. */
  readonly flags: readonly string[];
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [PTE_P, "P"],
  [PTE_RW, "RW"],
  [PTE_US, "US"],
  [PTE_PWT, "PWT"],
  [PTE_PCD, "PCD"],
  [PTE_A, "A"],
  [PTE_D, "D"],
  [PTE_PS, "PS"],
  [PTE_G, "G"],
  [PTE_SPECIAL, "SPECIAL"],
  [PTE_UFFD_WP, "UFFD_WP"],
  [PTE_SOFT_DIRTY, "SOFT_DIRTY"],
];

/**
 * Names what the two halves of an entry say. Bit 7 is called PS; in a PTE it is PAT. Of a not-present entry without
 * PROT_NONE the bits are a swap entry's, so no flags are named.
 */
export function decodePte(lo: number, hi: number): DecodedPte {
  if (pteIsNone(lo, hi)) return { kind: "empty", pfn: NO_PFN, swapEntry: NO_SWAP_ENTRY, flags: [] };
  if (!pteIsPresent(lo)) return { kind: "swap", pfn: NO_PFN, swapEntry: pteToSwapEntry(lo, hi), flags: [] };
  const isProtNone = (lo & PTE_P) === 0;
  const flags = FLAG_NAMES.filter(([bit]) => (lo & bit) !== 0).map(([, name]) =>
    isProtNone && name === "G" ? "PROTNONE" : name,
  );
  const protectionKey = (hi >>> 27) & 15;
  if (protectionKey !== 0) flags.push(`PK${protectionKey}`);
  if ((hi & PTE_HI_NX) !== 0) flags.push("NX");
  return { kind: isProtNone ? "protnone" : "present", pfn: ptePfn(lo, hi), swapEntry: NO_SWAP_ENTRY, flags };
}
