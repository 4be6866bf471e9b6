/**
 * Where things lie in the 64-bit address space, with KASLR off; and which addresses there are at all. Cold.
 *
 * A `Vpn` has no sign extension: 36 bits with four levels, 45 with five. The functions here go between that and the 64
 * bits that a program passes and a message shows.
 * Source: Linux 6.18 Documentation/arch/x86/x86_64/mm.rst; arch/x86/include/asm/pgtable_64_types.h, fixmap.h; Intel SDM
 * vol. 1 section 3.3.7.1 (canonical addresses).
 */
import { PAGE_SHIFT, type Vpn } from "@pageframe/contracts";
import { canonicalVpn as vpnOfAddress64, NO_VPN } from "@pageframe/mmu";

/** The address is not canonical: there is no such page. */
export const NOT_CANONICAL: number = NO_VPN;
/** Page of the legacy vsyscall ABI, ffffffffff600000 (VSYSCALL_ADDR), with all 52 bits. */
export const VSYSCALL_PAGE_52 = 0xffffffffff600;

/** Pages of all 64 bits. */
const NR_PAGES_64_BITS: number = 2 ** 52;
const BITS_PER_LEVEL = 9;

/** A part of the address space. */
export interface AddressArea {
  /** As mm.rst describes it. */
  readonly name: string;
  /** First page, and first page past it, with all 52 bits. */
  readonly startPage: number;
  readonly endPage: number;
}

function area(startPage: number, endPage: number, name: string): AddressArea {
  return Object.freeze({ name, startPage, endPage });
}

/** From fffffc0000000000 up both layouts are the same. */
const SHARED_AREAS: readonly AddressArea[] = [
  area(0xfffffe0000000, 0xfffffe8000000, "cpu_entry_area mapping"),
  area(0xffffff0000000, 0xffffff8000000, "%esp fixup stacks"),
  area(0xffffffef00000, 0xffffffff00000, "EFI region mapping space"),
  area(0xffffffff80000, 0xffffffffa0000, "kernel text mapping"),
  area(0xffffffffa0000, 0xffffffffff000, "module mapping space"),
  area(0xffffffffff400, VSYSCALL_PAGE_52, "fixmap"),
  area(VSYSCALL_PAGE_52, VSYSCALL_PAGE_52 + 1, "legacy vsyscall ABI"),
  area(VSYSCALL_PAGE_52 + 1, 0xffffffffff800, "fixmap"),
];

/** The layout with four levels, ascending; what lies between the areas is unused. */
export const ADDRESS_AREAS_4: readonly AddressArea[] = [
  area(0, 0x800000000, "user space"),
  area(0xffff800000000, 0xffff880000000, "guard hole"),
  area(0xffff880000000, 0xffff888000000, "LDT remap for PTI"),
  area(0xffff888000000, 0xffffc88000000, "direct map"),
  area(0xffffc90000000, 0xffffe90000000, "vmalloc"),
  area(0xffffea0000000, 0xffffeb0000000, "virtual memory map"),
  area(0xffffec0000000, 0xfffffc0000000, "KASAN shadow memory"),
  ...SHARED_AREAS,
];

/** The layout with five levels. */
export const ADDRESS_AREAS_5: readonly AddressArea[] = [
  area(0, 0x100000000000, "user space"),
  area(0xff00000000000, 0xff10000000000, "guard hole"),
  area(0xff10000000000, 0xff11000000000, "LDT remap for PTI"),
  area(0xff11000000000, 0xff91000000000, "direct map"),
  area(0xffa0000000000, 0xffd2000000000, "vmalloc"),
  area(0xffd4000000000, 0xffd6000000000, "virtual memory map"),
  area(0xffdf000000000, 0xfffffc0000000, "KASAN shadow memory"),
  ...SHARED_AREAS,
];

/**
 * Page of a 64-bit address, or NOT_CANONICAL: bits 63 to 47 must be equal with four levels, 63 to 56 with five. An
 * access to such an address is a general-protection fault, whatever is mapped.
 */
export function canonicalVpn(address: bigint, nrLevels: number): Vpn {
  return vpnOfAddress64(address, PAGE_SHIFT + BITS_PER_LEVEL * nrLevels);
}

/** A page with all 52 bits as a Vpn, or NOT_CANONICAL. */
export function vpnOfPage(page: number, nrLevels: number): Vpn {
  const limitVpn = limitVpnOf(nrLevels);
  if (page < limitVpn / 2) return page;
  const vpn = page - (NR_PAGES_64_BITS - limitVpn);
  return vpn >= limitVpn / 2 ? vpn : NOT_CANONICAL;
}

/** A Vpn with its sign extension: all 52 bits. */
export function pageOfVpn(vpn: Vpn, nrLevels: number): number {
  const limitVpn = limitVpnOf(nrLevels);
  return vpn < limitVpn / 2 ? vpn : vpn + (NR_PAGES_64_BITS - limitVpn);
}

/** The area that a page lies in, or null in a hole. */
export function addressAreaOf(vpn: Vpn, nrLevels: number): AddressArea | null {
  const page = pageOfVpn(vpn, nrLevels);
  const areas = nrLevels === 5 ? ADDRESS_AREAS_5 : ADDRESS_AREAS_4;
  return areas.find(({ startPage, endPage }) => page >= startPage && page < endPage) ?? null;
}

/** First page number that tables of so many levels cannot translate. */
function limitVpnOf(nrLevels: number): Vpn {
  return 2 ** (BITS_PER_LEVEL * nrLevels);
}
