/**
 * What all walkers of entries of x86-64's form (pte.ts in contracts) check in them and take from them. Hot: per TLB miss.
 *
 * Physical addresses have 43 bits, so a frame number fits int32; the bits above must be zero, and so must the address bits
 * below a large page's own size, but for bit 12, its PAT.
 * Source: Intel SDM vol. 3A section 5.5.4 (tables 5-15 to 5-20).
 */
import { PTE_HI_NX, PTE_P, PTE_PS, TLB_ENTRY_1G, X86_PF_PROT, X86_PF_RSVD } from "@pageframe/contracts";

/** Frame-number bits 31..39. */
const HI_RESERVED = 0xff800;
/** Address bits of a large page's own size. */
export const LO_RESERVED_2M = 0x1fe000;
export const LO_RESERVED_1G = 0x3fffe000;
const LO_RESERVED: readonly number[] = [0, 0, LO_RESERVED_2M, LO_RESERVED_1G];

/** Bits of an entry's high half that must be zero: NX too unless EFER.NXE. */
export function hiReservedOf(noExecute: boolean): number {
  return HI_RESERVED | (noExecute ? 0 : PTE_HI_NX);
}

/** Error bits of an entry of `level` that cannot be used, whatever the right: 0 for not present; -1 for one that can. */
export function entryProblem(
  lo: number,
  hi: number,
  level: number,
  isLeaf: boolean,
  hiReserved: number,
): number {
  if ((lo & PTE_P) === 0) return 0;
  const loReserved = isLeaf ? LO_RESERVED[level] : PTE_PS;
  return (hi & hiReserved) !== 0 || (lo & loReserved) !== 0 ? X86_PF_PROT | X86_PF_RSVD : -1;
}

/** First frame of a leaf of `level`: bit 12 of a large one is its PAT, not bit 0 of its frame number. */
export function leafFrame(lo: number, hi: number, level: number): number {
  const pfn = (lo >>> 12) | (hi << 20);
  return level === 1 ? pfn : pfn & ~1;
}

/** Flags in the TLB that tell the size of a leaf of `level`; of 512 GiB it holds pieces of 1 GiB. */
export function sizeFlagsOf(level: number): number {
  return level === 1 ? 0 : level === 2 ? PTE_PS : PTE_PS | TLB_ENTRY_1G;
}
