/** What an address space asks of the rest of the kernel when its mappings change. */
import type { MmId, Paddr, Vpn } from "./units.ts";

/** Carries out the effects of mmap, munmap, mprotect and brk on pages. Implemented by whoever owns page tables. */
export interface AddressSpaceHost {
  /** Removes every page of [startVpn, endVpn) from the page table and drops the references (unmap_vmas). */
  unmapPages(mm: MmId, startVpn: Vpn, endVpn: Vpn): void;
  /**
   * Frees page tables that served [startVpn, endVpn) only; nothing is mapped between floorVpn and ceilingVpn
   * (free_pgtables).
   */
  freePageTables(mm: MmId, startVpn: Vpn, endVpn: Vpn, floorVpn: Vpn, ceilingVpn: Vpn): void;
  /** Makes the entries of [startVpn, endVpn) agree with `vmFlags` (change_protection). */
  changeProtection(mm: MmId, startVpn: Vpn, endVpn: Vpn, vmFlags: number): void;
  /**
   * Moves the entries of `nrPages` pages from `fromVpn` on to `toVpn` on (move_page_tables); VMAs for both are there,
   * the target is empty. Returns 0, or -ENOMEM with every entry back in its place. Needed for mremap.
   */
  movePages?(mm: MmId, fromVpn: Vpn, toVpn: Vpn, nrPages: number): number;
  /**
   * A mapping that the userfaultfd watches was moved, with its pages. Returns whether the userfaultfd goes along, which the
   * one does that wants to hear of it (mremap_userfaultfd_prep).
   */
  remapUffd?(uffd: number, fromVpn: Vpn, toVpn: Vpn, nrPages: number): boolean;
  /** [startVpn, endVpn) is about to be unmapped, and the userfaultfd watches some of it (userfaultfd_unmap_prep). */
  unmapUffd?(uffd: number, startVpn: Vpn, endVpn: Vpn): void;
  /** Gives the userfaultfd for a mapping of `child`, a fork's, or -1 when nobody watches it there (dup_userfaultfd). */
  forkUffd?(uffd: number, child: MmId): number;
  /** Takes memory for one vm_area_struct; returns its address, or -1 when none is left (-ENOMEM). */
  allocVmaObject(): Paddr;
  freeVmaObject(address: Paddr): void;
  /**
   * Told when a VMA that maps a file appears (mmap, split, fork) and when one goes (munmap, merge): get_file, fput.
   * getFile() returns the id of the object that the file's pages belong to (f_mapping), which other files may share.
   */
  getFile?(fileId: number): number;
  putFile?(fileId: number): void;
  /** Must the file's owner hear of each VMA that goes, so that none may go by merging (vm_ops->close)? No when absent. */
  hasCloseHook?(fileId: number): boolean;
}

/** An {@link AddressSpaceHost} without pages: for address spaces studied alone. */
export const NO_PAGES_HOST: AddressSpaceHost = {
  unmapPages: () => undefined,
  freePageTables: () => undefined,
  changeProtection: () => undefined,
  allocVmaObject: () => 0,
  freeVmaObject: () => undefined,
};
