/** Page-table walks spelled out, for people: every entry read on the way, and what its bits mean. Cold. */
import {
  type BitNames,
  namesOfBits,
  PTE_FLAG_NAMES,
  RISCV_FLAG_NAMES,
  leafPfn,
  NO_PFN,
  NO_SWAP_ENTRY,
  PAGE_WORDS,
  type Pfn,
  PT_LEVEL_PTE,
  PTE_HI_NX,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISONED,
  PTE_MARKER_UFFD_WP,
  PTE_P,
  PTE_PAT_LARGE,
  PTE_PS,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_SWP_EXCLUSIVE,
  PTE_SWP_SOFT_DIRTY,
  PTE_SWP_UFFD_WP,
  PTE_UFFD_WP,
  PTE_WORDS,
  pteIsMigration,
  pteIsNone,
  pteIsNonSwap,
  pteIsPresent,
  pteMarkers,
  pteMigrationIsDirty,
  pteMigrationIsYoung,
  ptePkey,
  pteSwpPfn,
  pteSwpType,
  pteToSwapEntry,
  RISCV_PTE_HI_IO,
  RISCV_PTE_HI_NC,
  RISCV_PTE_HI_SOFT_DIRTY,
  RISCV_PTE_HI_UFFD_WP,
  RISCV_PTE_SPECIAL,
  RISCV_PTE_V,
  riscvPfn,
  SWP_DEVICE_WRITE,
  SWP_HWPOISON,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  type SwapEntry,
  type Vpn,
  type WalkStep,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { type RadixLayout, tableIndex } from "./layout.ts";

/** Collects the entries from the root of a radix table to the leaf, or to the empty entry that ends the walk. */
export function collectWalk(
  contents: FrameContents,
  layout: RadixLayout,
  rootPfn: Pfn,
  vpn: Vpn,
): WalkStep[] {
  const steps: WalkStep[] = [];
  let tablePfn = rootPfn;
  for (let level = layout.nrLevels; level >= PT_LEVEL_PTE; level--) {
    const index = tableIndex(vpn, level);
    const entry = contents.slotOf[tablePfn] * PAGE_WORDS + index * PTE_WORDS;
    const lo = contents.words[entry];
    const hi = contents.words[entry + 1];
    steps.push({ level, tablePfn, index, lo, hi });
    if ((lo & layout.pointerMask) !== layout.pointerValue) break;
    tablePfn = ((lo >>> layout.pfnShift) | (hi << (32 - layout.pfnShift))) & 0x7fffffff;
  }
  return steps;
}

/** What an entry says. */
export interface DecodedPte {
  /**
   * `present` to the processor, `protnone` to the kernel alone, `swap`, `migration`, `device` or `poison` (hardware), a
   * `marker`, `empty`.
   */
  readonly kind: "empty" | "present" | "protnone" | "swap" | "migration" | "device" | "poison" | "marker";
  /** Frame of an entry that holds one, else NO_PFN. */
  readonly pfn: Pfn;
  /** Swap entry of a `swap` entry, else NO_SWAP_ENTRY. */
  readonly swapEntry: SwapEntry;
  /**
   * Names of the flags that are set, lowest bit first: P RW US PWT PCD A D PS (PAT at level 1) G SPECIAL UFFD_WP SOFT_DIRTY PKn
   * NX; of what is not present SOFT_DIRTY UFFD_WP EXCLUSIVE, READ or WRITE, A D, GUARD POISONED UFFD_WP.
   */
  readonly flags: readonly string[];
}

const FLAG_NAMES: BitNames = [
  ...PTE_FLAG_NAMES,
  [PTE_SPECIAL, "SPECIAL"],
  [PTE_UFFD_WP, "UFFD_WP"],
  [PTE_SOFT_DIRTY, "SOFT_DIRTY"],
];
const SWAP_FLAG_NAMES: BitNames = [
  [PTE_SWP_SOFT_DIRTY, "SOFT_DIRTY"],
  [PTE_SWP_UFFD_WP, "UFFD_WP"],
  [PTE_SWP_EXCLUSIVE, "EXCLUSIVE"],
];
const MARKER_NAMES: BitNames = [
  [PTE_MARKER_UFFD_WP, "UFFD_WP"],
  [PTE_MARKER_POISONED, "POISONED"],
  [PTE_MARKER_GUARD, "GUARD"],
];
const RISCV_NAMES: BitNames = [...RISCV_FLAG_NAMES, [RISCV_PTE_SPECIAL, "SPECIAL"]];
const RISCV_HI_NAMES: BitNames = [
  [RISCV_PTE_HI_SOFT_DIRTY, "SOFT_DIRTY"],
  [RISCV_PTE_HI_UFFD_WP, "UFFD_WP"],
  [RISCV_PTE_HI_NC, "NC"],
  [RISCV_PTE_HI_IO, "IO"],
];

/** Names what the two halves of a canonical entry say. `level` tells PAT from PS and finds the frame of a large leaf. */
export function decodePte(lo: number, hi: number, level = 0): DecodedPte {
  if (pteIsNone(lo, hi)) return { kind: "empty", pfn: NO_PFN, swapEntry: NO_SWAP_ENTRY, flags: [] };
  if (!pteIsPresent(lo)) return decodeSwapPte(lo, hi);
  const isProtNone = (lo & PTE_P) === 0;
  const flags = namesOfBits(FLAG_NAMES, lo).map((name) =>
    isProtNone && name === "G" ? "PROTNONE" : level === PT_LEVEL_PTE && name === "PS" ? "PAT" : name,
  );
  const isLargeLeaf = level > PT_LEVEL_PTE && (lo & PTE_PS) !== 0;
  if (isLargeLeaf && (lo & PTE_PAT_LARGE) !== 0) flags.push("PAT");
  if (ptePkey(hi) !== 0) flags.push(`PK${ptePkey(hi)}`);
  if ((hi & PTE_HI_NX) !== 0) flags.push("NX");
  const pfn = leafPfn(lo, hi, isLargeLeaf ? level : PT_LEVEL_PTE);
  return { kind: isProtNone ? "protnone" : "present", pfn, swapEntry: NO_SWAP_ENTRY, flags };
}

/** Names what the two halves of a RISC-V entry say; without V it is in canonical form. */
export function decodeRiscvPte(lo: number, hi: number): DecodedPte {
  if ((lo & RISCV_PTE_V) === 0) return decodePte(lo, hi);
  const flags = [...namesOfBits(RISCV_NAMES, lo), ...namesOfBits(RISCV_HI_NAMES, hi)];
  return { kind: "present", pfn: riscvPfn(lo, hi), swapEntry: NO_SWAP_ENTRY, flags };
}

function decodeSwapPte(lo: number, hi: number): DecodedPte {
  const flags = namesOfBits(SWAP_FLAG_NAMES, lo);
  if (!pteIsNonSwap(hi)) return { kind: "swap", pfn: NO_PFN, swapEntry: pteToSwapEntry(lo, hi), flags };
  const type = pteSwpType(hi);
  const markers = pteMarkers(lo, hi);
  if (markers !== 0) {
    return {
      kind: "marker",
      pfn: NO_PFN,
      swapEntry: NO_SWAP_ENTRY,
      flags: [...flags, ...namesOfBits(MARKER_NAMES, markers)],
    };
  }
  let kind: DecodedPte["kind"] = "device";
  if (type === SWP_HWPOISON) kind = "poison";
  else if (pteIsMigration(hi)) {
    kind = "migration";
    flags.push(type === SWP_MIGRATION_READ || type === SWP_MIGRATION_READ_EXCLUSIVE ? "READ" : "WRITE");
    if (type === SWP_MIGRATION_READ_EXCLUSIVE) flags.push("EXCLUSIVE");
    if (pteMigrationIsYoung(hi)) flags.push("A");
    if (pteMigrationIsDirty(hi)) flags.push("D");
  } else flags.push(type === SWP_DEVICE_WRITE ? "WRITE" : "READ");
  return { kind, pfn: pteSwpPfn(lo, hi), swapEntry: NO_SWAP_ENTRY, flags };
}
