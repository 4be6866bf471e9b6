/**
 * Making a page of an address space's own: its anon_vma, its contents, its first entry. Hot: per page fault.
 * Source: Linux 6.18 mm/memory.c, vmf_anon_prepare(), __wp_page_copy_user(), do_anonymous_page().
 */
import {
  type CpuId,
  NO_PFN,
  PG_UPTODATE,
  type Pfn,
  pteHi,
  pteLo,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { NO_ANON_VMA } from "@pageframe/vma";
import { allocUserPage, putUserPage, vmFlagsToPteHi, vmFlagsToPteLo, writtenPteLo } from "./pages.ts";
import { type System } from "../system.ts";
import { type Mm, type Task } from "../task.ts";
import { CAUSE_COPY_PAGE, CAUSE_ZERO_PAGE } from "../time.ts";

/** Writes the entry of a page that was just written, writable and dirty. */
export function mapWritten(
  sys: System,
  task: Task,
  vpn: Vpn,
  entry: number,
  pfn: Pfn,
  vmFlags: number,
): void {
  const lo = pteLo(pfn, vmFlagsToPteLo(vmFlags) | writtenPteLo(vmFlags));
  task.mm.pageTable.setEntry(entry, lo, pteHi(pfn, vmFlagsToPteHi(vmFlags)));
}

/** Takes a page of zeros, or NO_PFN; a page that came while the task was killed is given back. */
export function allocZeroedPage(sys: System, task: Task, vpn: Vpn): Pfn {
  const pfn = allocUserPage(sys, task.cpu, task.pid, vpn);
  if (pfn === NO_PFN) return NO_PFN;
  if (task.killedBy !== null) {
    putUserPage(sys, pfn, task.cpu);
    return NO_PFN;
  }
  sys.contents.zeroPage(pfn);
  sys.time.spend(CAUSE_ZERO_PAGE, 1);
  return pfn;
}

/** Makes `to` hold what `from` holds. */
export function copyContents(sys: System, to: Pfn, from: Pfn): void {
  sys.contents.copyPage(to, from);
  sys.memmap.setFlags(to, PG_UPTODATE);
  sys.time.spend(CAUSE_COPY_PAGE, 1);
}

/** Gives the mapping an anon_vma before its first anonymous page. False when there is no memory for it. */
export function prepareAnonVma(sys: System, task: Task, vma: VmaId): boolean {
  return prepareMmAnonVma(sys, task.mm, vma, task.cpu);
}

/** As prepareAnonVma(), in an address space that is not the caller's. */
export function prepareMmAnonVma(sys: System, mm: Mm, vma: VmaId, cpu: CpuId): boolean {
  const { space } = mm;
  const { anonVma } = space.pool;
  if (anonVma[vma] >= 0) return true;
  space.anonVmaPrepare(vma);
  // A neighbour's anon_vma has its object already.
  if (anonVma[vma] < sys.nrAnonVmas) return true;
  const address = sys.allocObject(sys.caches.anonVma, cpu);
  if (address < 0) {
    anonVma[vma] = NO_ANON_VMA;
    return false;
  }
  mm.anonVmaAddresses.push(address);
  sys.nrAnonVmas = anonVma[vma] + 1;
  return true;
}
