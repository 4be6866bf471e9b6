/**
 * Says of one page what its translation is made of: table entries, what the TLB holds, the mapping it lies in. Cold.
 */
import { NO_VMA, PAGE_SIZE, PAGES_PER_LEVEL, type Pfn, PTE_G, type Vpn, vpnOf } from "@pageframe/contracts";
import { type Explanation } from "@pageframe/mmu";
import { formatMapsLine } from "@pageframe/procfs";
import { addressAreaOf } from "./kernel-layout.ts";
import { type System } from "./system.ts";
import { type Task } from "./task.ts";
import { mapsEntry } from "./views.ts";

/** A translation in a TLB. */
export interface HeldTranslation {
  /** Frame of the page asked for, not of the large page around it. */
  readonly pfn: Pfn;
  /** TLB_4K, TLB_2M or TLB_1G. */
  readonly pageSize: number;
  /** Low flags of the page-table entry with the TLB's own (contracts tlb.ts). */
  readonly flags: number;
}

/** All that decides about an access to a page. */
export interface AccessExplanation {
  /** The walk of the page table, with the fault that it would end in. */
  readonly walk: Explanation;
  /** What the TLB of the task's CPU holds for the page, or null. */
  readonly held: HeldTranslation | null;
  /** Line of /proc/PID/maps of the mapping that holds the page, or null. */
  readonly mapping: string | null;
  /** Part of the address space (mm.rst), or null in a hole. */
  readonly area: string | null;
}

/** Explains an access of a task that is loaded on its CPU. Changes and counts nothing. O(TLB entries). */
export function explainAccess(sys: System, task: Task, vpn: Vpn, kind: number): AccessExplanation {
  const { mmu } = sys.cpus[task.cpu];
  return {
    walk: mmu.translateAddress(vpn * PAGE_SIZE, kind),
    held: heldTranslation(sys, task, vpn),
    mapping: mappingLine(sys, task, vpn),
    area: addressAreaOf(vpn, task.mm.pageTable.nrLevels)?.name ?? null,
  };
}

function heldTranslation(sys: System, task: Task, vpn: Vpn): HeldTranslation | null {
  const holder: { held: HeldTranslation | null } = { held: null };
  sys.cpus[task.cpu].tlb.forEachEntry((vpnLo, vpnHi, pcid, pageSize, pfn, flags) => {
    const nrPages = PAGES_PER_LEVEL[pageSize + 1];
    const startVpn = vpnOf(vpnLo, vpnHi);
    const firstVpn = startVpn - (startVpn % nrPages);
    if (pcid !== sys.cpus[task.cpu].mmu.currentPcid && (flags & PTE_G) === 0) return;
    if (vpn < firstVpn || vpn >= firstVpn + nrPages) return;
    holder.held = { pfn: pfn + (vpn - firstVpn), pageSize, flags };
  });
  return holder.held;
}

function mappingLine(sys: System, task: Task, vpn: Vpn): string | null {
  const { space } = task.mm;
  const vma = space.findVma(vpn);
  if (vma === NO_VMA || space.pool.startVpn[vma] > vpn) return null;
  return formatMapsLine(mapsEntry(sys, task.mm, vma));
}
