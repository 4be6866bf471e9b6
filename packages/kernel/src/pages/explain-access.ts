/**
 * Says of one page what its translation is made of: table entries, what the TLB holds, the mapping it lies in. Cold.
 */
import { NO_VMA, PAGE_SIZE, type Vpn } from "@pageframe/contracts";
import { type Explanation } from "@pageframe/mmu";
import { formatMapsLine } from "@pageframe/procfs";
import { addressAreaOf } from "../kernel-space/kernel-layout.ts";
import { userRootPfnOf } from "../tlb/kpti.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { mapsEntry } from "../proc/maps.ts";

/** All that decides about an access to a page. */
export interface AccessExplanation {
  /** The walk of the page table, what the TLB of the task's CPU holds, and the fault that an access would end in. */
  readonly walk: Explanation;
  /** Line of /proc/PID/maps of the mapping that holds the page, or null. */
  readonly mapping: string | null;
  /** Part of the address space (mm.rst), or null in a hole. */
  readonly area: string | null;
}

/** Explains an access of a task that is loaded on its CPU. Changes and counts nothing. */
export function explainAccess(sys: System, task: Task, vpn: Vpn, kind: number): AccessExplanation {
  return {
    walk: explainWalk(sys, task, vpn, kind),
    mapping: mappingLine(sys, task, vpn),
    area: areaName(sys, vpn),
  };
}

/** The walk that user mode would do; a CPU that is in the kernel goes over to the user root for as long as it is looked at. */
function explainWalk(sys: System, task: Task, vpn: Vpn, kind: number): Explanation {
  const { mmu, isolation } = sys.cpus[task.cpu];
  const { rootPfn, currentPcid } = mmu;
  const isAway = isolation?.isInKernel === true;
  if (isAway) mmu.loadCr3(userRootPfnOf(task.mm), isolation.userPcid(currentPcid), true);
  const walk = mmu.translateAddress(vpn * PAGE_SIZE, kind);
  if (isAway) mmu.loadCr3(rootPfn, currentPcid, true);
  return walk;
}

/** The kernel's areas are those of x86-64. */
function areaName(sys: System, vpn: Vpn): string | null {
  const { layout } = sys.kernelHalf;
  if (layout.isRiscv && vpn >= layout.limitVpn / 2) return null;
  return addressAreaOf(vpn, layout.nrLevels)?.name ?? null;
}

function mappingLine(sys: System, task: Task, vpn: Vpn): string | null {
  const { space } = task.mm;
  const vma = space.findVma(vpn);
  if (vma === NO_VMA || space.pool.startVpn[vma] > vpn) return null;
  return formatMapsLine(mapsEntry(sys, task.mm, vma));
}
