/** Where Linux would use huge pages, which the model does not have. */
import { MAP_HUGETLB, NO_VMA, VM_HUGEPAGE, VM_SHARED } from "@pageframe/contracts";
import { type Task } from "@pageframe/kernel";
import { notModelled } from "./not-modelled-error.ts";

/** Pages of a huge page. */
const HPAGE_PMD_NR = 512;

/** Ends the run at a mapping of huge pages. */
export function refuseHugetlb(mapFlags: number): void {
  if ((mapFlags & MAP_HUGETLB) !== 0) notModelled("mmap with hugetlb");
}

/**
 * Ends the run when a private mapping with MADV_HUGEPAGE covers an aligned 2 MiB: its next fault there would take a huge page.
 * Shared memory takes none unless its mount says so.
 */
export function refuseHugeFaults({ mm, hasExited }: Task): void {
  if (hasExited) return;
  const { space } = mm;
  const { vmFlags, startVpn, endVpn } = space.pool;
  for (let vma = space.firstVma; vma !== NO_VMA; vma = space.nextVma(vma)) {
    if ((vmFlags[vma] & VM_HUGEPAGE) === 0 || (vmFlags[vma] & VM_SHARED) !== 0) continue;
    const first = Math.ceil(startVpn[vma] / HPAGE_PMD_NR) * HPAGE_PMD_NR;
    if (first + HPAGE_PMD_NR <= endVpn[vma]) notModelled("a 2 MiB range under madvise hugepage");
  }
}
