/**
 * RISC-V page-table entries as two int32 halves, and their translation from and to the canonical form (pte.ts). Hot: per
 * walk and per entry.
 *
 *     lo bit 0 V  valid          lo bit 5 G  global             lo bits 10..31 PPN bits 0..21
 *            1 R  readable              6 A  accessed           hi bits  0..21 PPN bits 22..43
 *            2 W  writable              7 D  dirty              hi bit  27 software: soft-dirty (Svrsw60t59b)
 *            3 X  executable            8    software: special          28 software: uffd-wp (Svrsw60t59b)
 *            4 U  user                  9    software: free     hi bits 29..30 memory type (Svpbmt): 0 PMA, 1 NC, 2 IO
 *                                                               hi bit  31 N (Svnapot), unused
 *
 * V with R, W and X clear points to the next table (A, D and U must then be clear); V with any of them set is a leaf, at
 * every level. A leaf of level n > 1 is a superpage of 512^(n-1) pages; its low PPN bits must be zero.
 *
 * An entry without V is software's: it is stored in its canonical form, which has bit 0 clear as well. Differs: Linux on
 * RISC-V has other swap and PROT_NONE encodings; the processor sees no difference.
 * What RISC-V has no bit for is lost: protection keys, PAT, and whether uncached is UC or UC-.
 * Source: RISC-V Privileged Architecture, sections "Sv39" and "Sv48" (12.4, 12.5), Svpbmt, Svrsw60t59b; Linux
 * arch/riscv/include/asm/pgtable-bits.h, pgtable-64.h.
 */
import { type BitNames } from "./bit-names.ts";
import {
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
  PTE_TABLE_USER,
  PTE_UFFD_WP,
  PTE_US,
} from "./pte.ts";

export const RISCV_PTE_V: number = 1 << 0;
export const RISCV_PTE_R: number = 1 << 1;
export const RISCV_PTE_W: number = 1 << 2;
export const RISCV_PTE_X: number = 1 << 3;
export const RISCV_PTE_U: number = 1 << 4;
export const RISCV_PTE_G: number = 1 << 5;
export const RISCV_PTE_A: number = 1 << 6;
export const RISCV_PTE_D: number = 1 << 7;
/** Software bit of a page without struct page (_PAGE_SPECIAL). */
export const RISCV_PTE_SPECIAL: number = 1 << 8;
/** Names of the processor's bits in the low half, lowest first. */
export const RISCV_FLAG_NAMES: BitNames = [
  [RISCV_PTE_V, "V"],
  [RISCV_PTE_R, "R"],
  [RISCV_PTE_W, "W"],
  [RISCV_PTE_X, "X"],
  [RISCV_PTE_U, "U"],
  [RISCV_PTE_G, "G"],
  [RISCV_PTE_A, "A"],
  [RISCV_PTE_D, "D"],
];
/** R, W and X: any of them makes a leaf (_PAGE_LEAF). */
export const RISCV_PTE_LEAF: number = RISCV_PTE_R | RISCV_PTE_W | RISCV_PTE_X;
export const RISCV_PPN_SHIFT = 10;
/** In the high half. */
export const RISCV_PTE_HI_SOFT_DIRTY: number = 1 << 27;
export const RISCV_PTE_HI_UFFD_WP: number = 1 << 28;
/** In the high half: memory type NC (non-cacheable main memory). */
export const RISCV_PTE_HI_NC: number = 1 << 29;
/** In the high half: memory type IO. */
export const RISCV_PTE_HI_IO: number = 1 << 30;

const RISCV_PTE_HI_FLAGS: number =
  RISCV_PTE_HI_SOFT_DIRTY | RISCV_PTE_HI_UFFD_WP | RISCV_PTE_HI_NC | RISCV_PTE_HI_IO;

/** Frame number of a valid RISC-V entry. */
export function riscvPfn(lo: number, hi: number): number {
  return (lo >>> 10) | ((hi & 0x1ff) << 22);
}

/** Does an entry point to the next table? */
export function riscvIsPointer(lo: number): boolean {
  return (lo & (RISCV_PTE_V | RISCV_PTE_LEAF)) === RISCV_PTE_V;
}

/** Low half in RAM of a leaf of `level` whose canonical halves are given. */
export function riscvLo(lo: number, hi: number, level: number): number {
  if ((lo & PTE_P) === 0) return lo;
  // Of a large leaf bit 12 is PAT.
  const pfnBits = level > 1 ? (lo >>> 13) << 11 : (lo >>> 12) << 10;
  return (
    RISCV_PTE_V |
    RISCV_PTE_R |
    ((lo & (PTE_RW | PTE_A | PTE_D)) << 1) |
    ((hi & PTE_HI_NX) === 0 ? RISCV_PTE_X : 0) |
    ((lo & PTE_US) << 2) |
    ((lo & PTE_G) >>> 3) |
    ((lo & PTE_SPECIAL) >>> 1) |
    pfnBits |
    ((hi & 3) << 30)
  );
}

/** High half in RAM of a leaf whose canonical halves are given. */
export function riscvHi(lo: number, hi: number): number {
  if ((lo & PTE_P) === 0) return hi;
  const bits = ((hi & 0x7ff) >>> 2) | ((lo & PTE_SOFT_DIRTY) << 16) | ((lo & PTE_UFFD_WP) << 18);
  if ((lo & (PTE_PCD | PTE_PWT)) === 0) return bits;
  return bits | ((lo & PTE_PCD) !== 0 ? RISCV_PTE_HI_IO : RISCV_PTE_HI_NC);
}

/** Canonical low half of an entry of `level` that is `lo`, `hi` in RAM. A pointer reads as one of x86-64 does. */
export function riscvToCanonicalLo(lo: number, hi: number, level: number): number {
  if ((lo & RISCV_PTE_V) === 0) return lo;
  const pfnBits = (lo >>> 10) << 12;
  if ((lo & RISCV_PTE_LEAF) === 0) return pfnBits | PTE_TABLE_USER;
  const bits =
    PTE_P |
    ((lo & (RISCV_PTE_W | RISCV_PTE_A | RISCV_PTE_D)) >>> 1) |
    ((lo & RISCV_PTE_U) >>> 2) |
    ((lo & RISCV_PTE_G) << 3) |
    ((lo & RISCV_PTE_SPECIAL) << 1) |
    (level > 1 ? PTE_PS : 0) |
    pfnBits;
  if ((hi & RISCV_PTE_HI_FLAGS) === 0) return bits;
  return (
    bits |
    ((hi & RISCV_PTE_HI_NC) !== 0 ? PTE_PWT : 0) |
    ((hi & RISCV_PTE_HI_IO) !== 0 ? PTE_PCD : 0) |
    ((hi & RISCV_PTE_HI_SOFT_DIRTY) >>> 16) |
    ((hi & RISCV_PTE_HI_UFFD_WP) >>> 18)
  );
}

/** Canonical high half of an entry that is `lo`, `hi` in RAM. */
export function riscvToCanonicalHi(lo: number, hi: number): number {
  if ((lo & RISCV_PTE_V) === 0) return hi;
  const isLeaf = (lo & RISCV_PTE_LEAF) !== 0;
  return (lo >>> 30) | ((hi & 0x1ff) << 2) | (isLeaf && (lo & RISCV_PTE_X) === 0 ? PTE_HI_NX : 0);
}
