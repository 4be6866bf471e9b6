/** Says how a walk of x86-64's tables goes, level by level, without touching anything. Cold: for teaching and messages. */
import {
  namesOfBits,
  NO_PFN,
  PAGE_SIZE,
  PAGE_WORDS,
  PTE_FLAG_NAMES,
  PTE_HI_NX,
  PTE_P,
  PTE_PS,
  PTE_RW,
  PTE_US,
  PTE_WORDS,
  ptePfn,
  type Pfn,
  ptePkey,
  TLB_ENTRY_NX,
  type Vpn,
  vpnIndex,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { FAULT_GP } from "./fault-code.ts";
import { type ExplainedLevel, type ExplainedWalk } from "./hardware-walker.ts";
import { FLAGS_PKEY_SHIFT, type RightTable } from "./rights.ts";
import { entryProblem } from "./x86-entry.ts";

const LEVEL_NAMES: readonly string[] = ["", "PTE", "PMD", "PUD", "P4D", "PGD"];

/** Walks for an address as PageWalker does, but reads only. `right` is as rights.ts has it. */
export function explainWalk(
  contents: FrameContents,
  rights: RightTable,
  hiReserved: number,
  nrLevels: number,
  rootPfn: Pfn,
  vpn: Vpn,
  right: number,
): ExplainedWalk {
  const levels: ExplainedLevel[] = [];
  const kindCode = rights.faultCode[right];
  if (vpn >= 512 ** nrLevels) return faultedWalk(levels, FAULT_GP);
  let tablePfn = rootPfn;
  let deny = 0;
  for (let level = nrLevels; level >= 1; level--) {
    const index = vpnIndex(vpn, level);
    const slot = tablePfn < contents.slotOf.length ? contents.slotOf[tablePfn] : NO_SLOT;
    const at = slot * PAGE_WORDS + index * PTE_WORDS;
    const lo = slot === NO_SLOT ? 0 : contents.words[at];
    const hi = slot === NO_SLOT ? 0 : contents.words[at + 1];
    const entry = explainedEntry(level, tablePfn, index, lo, hi, entryFlags(lo, hi));
    levels.push({ ...entry, name: tableName(level, nrLevels) });
    const isLeaf = level === 1 || ((level === 2 || level === 3) && (lo & PTE_PS) !== 0);
    const problem = entryProblem(lo, hi, level, isLeaf, hiReserved);
    if (problem >= 0) return faultedWalk(levels, kindCode | problem);
    deny |= (~lo & (PTE_RW | PTE_US)) | (hi & TLB_ENTRY_NX);
    tablePfn = ptePfn(lo, hi);
    if (!isLeaf) continue;
    const flags = (deny ^ (PTE_RW | PTE_US)) | (ptePkey(hi) << FLAGS_PKEY_SHIFT);
    const isRefused = ((flags ^ rights.want[right]) & rights.mask[right]) !== 0;
    const refusal = isRefused ? rights.refusal(flags, right) : 0;
    if (refusal !== 0) return faultedWalk(levels, kindCode | refusal);
    const nrPages = 512 ** (level - 1);
    const pfn = tablePfn - (tablePfn % nrPages) + (vpn % nrPages);
    return { levels, nrPages, pfn, faultCode: -1 };
  }
  return faultedWalk(levels, kindCode);
}

/** A walk that ends with a fault of that code. */
export function faultedWalk(levels: readonly ExplainedLevel[], faultCode: number): ExplainedWalk {
  return { levels, nrPages: 0, pfn: NO_PFN, faultCode };
}

/** Linux's name of the tables of a level: the top one is the PGD. */
export function tableName(level: number, nrLevels: number): string {
  return level === nrLevels ? "PGD" : LEVEL_NAMES[level];
}

/** An entry of two words in a table of nothing else, of x86-64's form, named by its level. */
export function explainedEntry(
  level: number,
  tablePfn: Pfn,
  index: number,
  lo: number,
  hi: number,
  flags: string,
): ExplainedLevel {
  const entry = joinedEntry(lo, hi);
  const paddr = tablePfn * PAGE_SIZE + index * PTE_WORDS * 4;
  return { name: LEVEL_NAMES[level], tablePfn, index, paddr, entry, canonical: entry, flags };
}

/** The two halves of an entry as one number. */
export function joinedEntry(lo: number, hi: number): bigint {
  return BigInt.asUintN(32, BigInt(lo)) | (BigInt.asUintN(32, BigInt(hi)) << 32n);
}

/** Names of the flags of an entry of x86-64's form; empty when it is not present to the processor. */
export function entryFlags(lo: number, hi: number): string {
  if ((lo & PTE_P) === 0) return "";
  const names = namesOfBits(PTE_FLAG_NAMES, lo);
  if (ptePkey(hi) !== 0) names.push(`PK${ptePkey(hi)}`);
  if ((hi & PTE_HI_NX) !== 0) names.push("NX");
  return names.join(" ");
}
