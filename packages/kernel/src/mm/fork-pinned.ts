/**
 * What fork does with a page that may be pinned: the parent keeps it, because a device uses that very frame, and the child
 * gets a copy at once.
 * Source: Linux 6.18 mm/memory.c, copy_present_page().
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
import {
  addNewAnonPage,
  allocUserPage,
  putUserPage,
  vmFlagsToPteHi,
  vmFlagsToPteLo,
  writtenPteLo,
} from "../pages/pages.ts";
import { type System } from "../system.ts";
import { COUNT_BATCHED } from "./rss-stat.ts";
import { type Mm } from "../task.ts";
import { CAUSE_COPY_PAGE } from "../time.ts";

/** Pid in whose name the page is placed: the child has none yet. */
const NO_PID = 0;

/** Maps a copy of `pfn` into the child's mapping, written and its own. False when there is no memory. */
export function copyPresentPage(
  sys: System,
  child: Mm,
  vma: VmaId,
  vpn: Vpn,
  entry: number,
  pfn: Pfn,
  cpu: CpuId,
): boolean {
  const { memmap } = sys;
  // Allocating may kill the parent and take its pages; this one must outlast the copy.
  memmap.getPage(pfn);
  const copy = allocUserPage(sys, cpu, NO_PID, vpn);
  if (copy !== NO_PFN) {
    sys.contents.copyPage(copy, pfn);
    memmap.setFlags(copy, PG_UPTODATE);
    sys.time.spend(CAUSE_COPY_PAGE, 1);
    const vmFlags = child.space.pool.vmFlags[vma];
    const lo = pteLo(copy, vmFlagsToPteLo(vmFlags) | writtenPteLo(vmFlags));
    child.pageTable.setEntry(entry, lo, pteHi(copy, vmFlagsToPteHi(vmFlags)));
    addNewAnonPage(sys, child, vma, vpn, copy, cpu, COUNT_BATCHED);
  }
  putUserPage(sys, pfn, cpu);
  return copy !== NO_PFN;
}
