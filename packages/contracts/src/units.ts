/**
 * Units: what a number counts, in its type. A unit type accepts a plain number and refuses a number of another unit,
 * so mix-ups stop at package edges and arithmetic needs no casts.
 */
import { EINVAL, KernelError } from "./errno.ts";

declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]?: Name };

/** Page frame number: int32, 0..MAX_PFN, or {@link NO_PFN}. */
export type Pfn = Unit<"Pfn">;
/** Virtual page number: below 2^36 with four levels, 2^45 with five. Never `& | << >>` on it. */
export type Vpn = Unit<"Vpn">;
/** Physical address in bytes. */
export type Paddr = Unit<"Paddr">;
/** Virtual address in bytes; the kernel half is held as the 48-bit value. */
export type Vaddr = Unit<"Vaddr">;
/** Power of two of a block of pages, 0..MAX_PAGE_ORDER. */
export type Order = Unit<"Order">;
/** NUMA node, 0..MAX_NUMNODES - 1, or {@link NUMA_NO_NODE}. */
export type NodeId = Unit<"NodeId">;
/** CPU, from 0. */
export type CpuId = Unit<"CpuId">;
/** Address-space identifier in the TLB: the 12-bit PCID of x86. */
export type Asid = Unit<"Asid">;
/** Address space (mm_struct) by its row, from 0. */
export type MmId = Unit<"MmId">;
/** VMA by its row, or {@link NO_VMA}. */
export type VmaId = Unit<"VmaId">;
/** Swap entry as a number: area type and offset, see swap-entry.ts. */
export type SwapEntry = Unit<"SwapEntry">;

/** Absence of a frame. Zero is a valid pfn. */
export const NO_PFN = -1;
/** Absence of a VMA. */
export const NO_VMA = -1;
/** Absence of a node: "no preference" (include/linux/numa.h). */
export const NUMA_NO_NODE = -1;

export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;
/** int32 words in one page. */
export const PAGE_WORDS = 1024;
/** Largest pfn: 8 TiB of 4 KiB frames. */
export const MAX_PFN = 0x7fffffff;
const TWO_32 = 4294967296;

/** Checks a page frame number at an edge. Throws EINVAL when it is not an integer in 0..MAX_PFN. */
export function pfn(n: number): Pfn {
  if (!Number.isInteger(n) || n < 0 || n > MAX_PFN) {
    throw new KernelError(EINVAL, `pfn ${n} is not an integer from 0 to ${MAX_PFN}`);
  }
  return n;
}

/** Checks a virtual page number at an edge. Throws EINVAL when it is not an integer below 2^45. */
export function vpn(n: number): Vpn {
  if (!Number.isInteger(n) || n < 0 || n >= 2 ** 45) {
    throw new KernelError(EINVAL, `vpn ${n} is not an integer from 0 to 2^45 - 1`);
  }
  return n;
}

/** Low 32 bits of a virtual page number, as int32. */
export function vpnLo(vpn: Vpn): number {
  return vpn | 0;
}

/** High 13 bits of a virtual page number. */
export function vpnHi(vpn: Vpn): number {
  return (vpn / TWO_32) | 0;
}

/** Joins the two halves of a virtual page number; `lo` may be negative (int32). */
export function vpnOf(lo: number, hi: number): Vpn {
  return hi * TWO_32 + (lo >>> 0);
}

/** Index into the page table of `level` (1 = PTE, 2 = PMD, 3 = PUD, 4 = P4D/PGD, 5 = PGD), 0..511. */
export function vpnIndex(vpn: Vpn, level: number): number {
  return Math.floor(vpn / 2 ** (9 * (level - 1))) % 512;
}

/** Virtual page that holds an address. */
export function vpnOfAddress(address: Vaddr): Vpn {
  return Math.floor(address / PAGE_SIZE);
}

/** First address of a virtual page. */
export function addressOfVpn(vpn: Vpn): Vaddr {
  return vpn * PAGE_SIZE;
}

/** Whole pages that `nrBytes` fill, rounded up. */
export function pagesOfBytes(nrBytes: number): number {
  return Math.ceil(nrBytes / PAGE_SIZE);
}

/** Kibibytes in `nrPages`. */
export function kibOfPages(nrPages: number): number {
  return nrPages * (PAGE_SIZE / 1024);
}
