/**
 * Write protection by userfaultfd: of pages, of what is in swap, and by markers of what is not there yet.
 * Source: Linux 6.18 mm/userfaultfd.c, mwriteprotect_range(), uffd_wp_range(); include/linux/mm_inline.h,
 * pte_install_uffd_wp_if_needed().
 */
import {
  ENOENT,
  NO_VMA,
  PTE_SWP_UFFD_WP,
  PTE_UFFD_WP,
  pteIsNonSwap,
  pteIsPresent,
  VM_UFFD_WP,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { NO_FILE } from "@pageframe/vma";
import {
  changeProtection,
  markEmptyEntries,
  MM_CP_UFFD_WP,
  MM_CP_UFFD_WP_RESOLVE,
} from "../mm/change-protection.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";
import { type UserfaultCtx } from "./context.ts";

/**
 * Protects what is mapped in [startVpn, endVpn), or takes the protection away. Returns 0; -ENOENT where nothing is mapped, or at
 * a mapping that is not watched for writes, with those below it done; -ENOMEM.
 */
export function writeProtectRange(
  sys: System,
  ctx: UserfaultCtx,
  startVpn: Vpn,
  endVpn: Vpn,
  isEnabled: boolean,
): number {
  const { mm } = ctx;
  const { space } = mm;
  const { pool } = space;
  let error = -ENOENT;
  for (let vma = space.findVma(startVpn); vma !== NO_VMA; vma = space.nextVma(vma)) {
    if (pool.startVpn[vma] >= endVpn) break;
    if ((pool.vmFlags[vma] & VM_UFFD_WP) === 0) return -ENOENT;
    const start = Math.max(startVpn, pool.startVpn[vma]);
    error = writeProtectVma(sys, mm, vma, start, Math.min(endVpn, pool.endVpn[vma]), isEnabled);
    if (error !== 0) return error;
  }
  return error;
}

/** Protects a part of one mapping, or takes the protection away. 0 or -ENOMEM (uffd_wp_range). */
export function writeProtectVma(
  sys: System,
  mm: Mm,
  vma: VmaId,
  startVpn: Vpn,
  endVpn: Vpn,
  isEnabled: boolean,
): number {
  const { pool } = mm.space;
  const cpFlags = isEnabled ? MM_CP_UFFD_WP : MM_CP_UFFD_WP_RESOLVE;
  changeProtection(sys, mm, startVpn, endVpn, pool.vmFlags[vma], cpFlags);
  // What a file has may be mapped without a fault that is seen; anonymous memory is marked when the context asked for it.
  const usesMarkers = pool.fileId[vma] !== NO_FILE || sys.uffd.context(pool.uffd[vma]).isWpUnpopulated;
  return isEnabled && usesMarkers ? markEmptyEntries(mm, startVpn, endVpn) : 0;
}

/** Must an entry that is emptied leave a marker behind, because its mapping of a file is protected? */
export function leavesMarkers(mm: Mm, vma: VmaId): boolean {
  const { pool } = mm.space;
  return vma !== NO_VMA && (pool.vmFlags[vma] & VM_UFFD_WP) !== 0 && pool.fileId[vma] !== NO_FILE;
}

/** Is an entry write-protected by a userfaultfd, be it present or in swap? */
export function entryIsUffdWp(lo: number, hi: number): boolean {
  if (pteIsPresent(lo)) return (lo & PTE_UFFD_WP) !== 0;
  return !pteIsNonSwap(hi) && (lo & PTE_SWP_UFFD_WP) !== 0;
}
