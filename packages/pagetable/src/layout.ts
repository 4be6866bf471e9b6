/**
 * How a virtual page number is cut into indices, and what lies where in the 48-bit address space.
 *
 *     vpn   bits 27..35 PGD (level 4) | 18..26 PUD (3) | 9..17 PMD (2) | 0..8 PTE (1)
 *
 *     0x000000000 .. 0x7ffffffff   user half, top entries 0..255
 *     0x800000000 .. 0xfffffffff   kernel half, top entries 256..511; printed with the high 16 bits set
 *
 * Source: Intel SDM vol. 3A section 5.5.4, figure 5-8; Linux 6.18 Documentation/arch/x86/x86_64/mm.rst.
 */
import { PTE_P, PTE_PS, PTRS_PER_TABLE, type Pfn, type Vpn, vpnLo } from "@pageframe/contracts";

/** First page of the kernel half. */
export const KERNEL_HALF_VPN: number = 2 ** 35;
/** First page number that four levels cannot translate. */
export const VPN_LIMIT: number = 2 ** 36;
/** First top entry of the kernel half. */
export const KERNEL_TOP_INDEX = 256;
/** Page of ffff888000000000, where frame 0 is mapped (PAGE_OFFSET); top entry 273. */
export const DIRECT_MAP_VPN = 0x888000000;
/** Page of ffffc90000000000, where vmalloc starts (VMALLOC_START); top entry 402. */
export const VMALLOC_START_VPN = 0xc90000000;

/** log2 of the int32 words in a table: `entry >>> TABLE_WORDS_SHIFT` is the contents slot of its table. */
export const TABLE_WORDS_SHIFT = 10;

/** Index into the table of `level` (1..4) for a page number below VPN_LIMIT. */
export function tableIndex(vpn: Vpn, level: number): number {
  if (level === 4) return (vpn / 134217728) & (PTRS_PER_TABLE - 1);
  return (vpnLo(vpn) >>> (9 * (level - 1))) & (PTRS_PER_TABLE - 1);
}

/** Does an entry above level 1 point to a lower table, rather than be a leaf or hold nothing? */
export function isTablePointer(lo: number): boolean {
  return (lo & (PTE_P | PTE_PS)) === PTE_P;
}

/** Page at which the direct map shows a frame (__va). */
export function directMapVpn(pfn: Pfn): Vpn {
  return DIRECT_MAP_VPN + pfn;
}
