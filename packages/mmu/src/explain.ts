/** Says how an address is translated, level by level, without touching anything. Cold: for teaching and messages. */
import {
  NO_PFN,
  PAGE_SHIFT,
  PAGE_SIZE,
  PAGE_WORDS,
  type Paddr,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  PTE_PCD,
  PTE_PS,
  PTE_PWT,
  PTE_RW,
  PTE_US,
  PTE_WORDS,
  ptePfn,
  type Pfn,
  TLB_ENTRY_NX,
  type Vaddr,
  vpnIndex,
  vpnOfAddress,
  X86_PF_PROT,
  X86_PF_RSVD,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { type RightTable } from "./rights.ts";

/** One entry on the way. */
export interface ExplainedLevel {
  /** PGD, P4D, PUD, PMD or PTE. */
  readonly name: string;
  readonly tablePfn: Pfn;
  /** Of the entry in the table, 0..511. */
  readonly index: number;
  /** The 64 bits of the entry. */
  readonly entry: bigint;
  /** The processor's flags of the entry, such as `P RW US A`; empty when it is not present. */
  readonly flags: string;
}

/** A translation, or why there is none. */
export interface Explanation {
  readonly vaddr: Vaddr;
  /** From the top table down, as far as the walk gets. */
  readonly levels: readonly ExplainedLevel[];
  /** Bytes that the leaf maps; 0 without one. */
  readonly pageBytes: number;
  /** 4 KiB frame and physical address; NO_PFN (-1) both when the access faults. */
  readonly pfn: Pfn;
  readonly paddr: Paddr;
  /** X86_PF_* bits of the fault, or -1. */
  readonly faultCode: number;
}

/** Bits that must be zero: above 43 bits of address, and below the size of a 2 MiB and 1 GiB page. */
const HI_RESERVED = 0xff800;
const LO_RESERVED: readonly number[] = [0, 0, 0x1fe000, 0x3fffe000];
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
];

/** Walks for an address as PageWalker does, but reads only. `right` is as rights.ts has it. */
export function explainTranslation(
  contents: FrameContents,
  rights: RightTable,
  hasNoExecute: boolean,
  nrLevels: number,
  rootPfn: Pfn,
  vaddr: Vaddr,
  right: number,
): Explanation {
  const vpn = vpnOfAddress(vaddr);
  const levels: ExplainedLevel[] = [];
  const faulted = (code: number): Explanation => ({
    vaddr,
    levels,
    pageBytes: 0,
    pfn: NO_PFN,
    paddr: NO_PFN,
    faultCode: rights.faultCode[right] | code,
  });
  let tablePfn = rootPfn;
  let deny = 0;
  for (let level = nrLevels; level >= 1; level--) {
    const index = vpnIndex(vpn, level);
    const slot = tablePfn < contents.slotOf.length ? contents.slotOf[tablePfn] : NO_SLOT;
    const at = slot * PAGE_WORDS + index * PTE_WORDS;
    const lo = slot === NO_SLOT ? 0 : contents.words[at];
    const hi = slot === NO_SLOT ? 0 : contents.words[at + 1];
    const entry = BigInt.asUintN(32, BigInt(lo)) | (BigInt.asUintN(32, BigInt(hi)) << 32n);
    levels.push({ name: levelName(level, nrLevels), tablePfn, index, entry, flags: flagText(lo, hi) });
    if ((lo & PTE_P) === 0) return faulted(0);
    const isLeaf = level === 1 || ((level === 2 || level === 3) && (lo & PTE_PS) !== 0);
    const hiReserved = HI_RESERVED | (hasNoExecute ? 0 : PTE_HI_NX);
    const loReserved = isLeaf ? LO_RESERVED[level] : PTE_PS;
    if ((hi & hiReserved) !== 0 || (lo & loReserved) !== 0) return faulted(X86_PF_PROT | X86_PF_RSVD);
    deny |= (~lo & (PTE_RW | PTE_US)) | (hi & TLB_ENTRY_NX);
    tablePfn = ptePfn(lo, hi);
    if (!isLeaf) continue;
    const flags = deny ^ (PTE_RW | PTE_US);
    if (((flags ^ rights.want[right]) & rights.mask[right]) !== 0) return faulted(X86_PF_PROT);
    const nrPages = 512 ** (level - 1);
    const pfn = tablePfn - (tablePfn % nrPages) + (vpn % nrPages);
    const paddr = pfn * PAGE_SIZE + (vaddr % PAGE_SIZE);
    return { vaddr, levels, pageBytes: nrPages << PAGE_SHIFT, pfn, paddr, faultCode: -1 };
  }
  return faulted(0);
}

function levelName(level: number, nrLevels: number): string {
  return level === nrLevels ? "PGD" : ["", "PTE", "PMD", "PUD", "P4D"][level];
}

function flagText(lo: number, hi: number): string {
  if ((lo & PTE_P) === 0) return "";
  const names = FLAG_NAMES.filter(([bit]) => (lo & bit) !== 0).map(([, name]) => name);
  return [...names, ...((hi & PTE_HI_NX) !== 0 ? ["NX"] : [])].join(" ");
}
