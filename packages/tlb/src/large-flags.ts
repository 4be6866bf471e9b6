/** The flags by which an entry tells its page size. Hot: per insert. */
import { PTE_PS, TLB_1G, TLB_4K, TLB_ENTRY_1G } from "@pageframe/contracts";

/** Both of them. */
export const LARGE_FLAGS: number = PTE_PS | TLB_ENTRY_1G;

/** The flags of a page size. */
export function largeFlags(pageSize: number): number {
  if (pageSize === TLB_4K) return 0;
  return pageSize === TLB_1G ? LARGE_FLAGS : PTE_PS;
}
