/**
 * /proc/PID/numa_maps. Source: Linux 6.18 fs/proc/task_mmu.c, show_numa_map(), gather_pte_stats().
 * Differs: the policy is always the default one: mbind and set_mempolicy are not modelled.
 */
import {
  leafPfn,
  NO_VMA,
  PAGE_SIZE,
  PG_ACTIVE,
  PG_ANON,
  PG_DIRTY,
  PG_RESERVED,
  PG_SWAPCACHE,
  PG_UNEVICTABLE,
  PG_WRITEBACK,
  PT_LEVEL_PTE,
  PTE_D,
  PTE_SPECIAL,
  pteIsPresent,
  type VmaId,
} from "@pageframe/contracts";
import { type NumaMapsEntry } from "@pageframe/procfs";
import { type System } from "../system.ts";
import { type Mm, type Task } from "../task.ts";
import { mapsEntry } from "./maps.ts";

/** Collects the mappings of a task with where their pages are. O(populated entries). */
export function numaMapsEntries(sys: System, task: Task): NumaMapsEntry[] {
  const { mm } = task;
  const entries: NumaMapsEntry[] = [];
  for (let vma = mm.space.firstVma; vma !== NO_VMA; vma = mm.space.nextVma(vma)) {
    entries.push(numaMapsEntry(sys, mm, vma));
  }
  return entries;
}

function numaMapsEntry(sys: System, mm: Mm, vma: VmaId): NumaMapsEntry {
  const { memmap } = sys;
  const { space } = mm;
  const line = mapsEntry(sys, mm, vma);
  const stats = {
    nrPages: 0,
    nrAnon: 0,
    nrDirty: 0,
    nrSwapCache: 0,
    nrActive: 0,
    nrWriteback: 0,
    mapcountMax: 0,
    nrOnNode: new Float64Array(1 + Math.max(...sys.frames.zones.map((zone) => zone.nodeId))),
  };
  const cursor = mm.pageTable.cursor(line.startVpn, line.endVpn);
  while (cursor.next()) {
    const { lo, hi } = cursor;
    if (!pteIsPresent(lo) || (lo & PTE_SPECIAL) !== 0) continue;
    const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
    const flags = memmap.flags[memmap.compoundHead(pfn)];
    if ((flags & PG_RESERVED) !== 0) continue;
    stats.nrPages++;
    if ((lo & PTE_D) !== 0 || (flags & PG_DIRTY) !== 0) stats.nrDirty++;
    if ((flags & PG_SWAPCACHE) !== 0) stats.nrSwapCache++;
    if ((flags & (PG_ACTIVE | PG_UNEVICTABLE)) !== 0) stats.nrActive++;
    if ((flags & PG_WRITEBACK) !== 0) stats.nrWriteback++;
    if ((flags & PG_ANON) !== 0) stats.nrAnon++;
    stats.mapcountMax = Math.max(stats.mapcountMax, memmap.mapcount[pfn]);
    stats.nrOnNode[sys.nodeOf(pfn)]++;
  }
  const isFile = line.inode !== 0;
  return {
    ...stats,
    startVpn: line.startVpn,
    policy: "default",
    file: isFile ? line.name : null,
    isHeap: !isFile && space.isHeapVma(vma),
    isStack: !isFile && space.isStackVma(vma),
    kernelPageBytes: PAGE_SIZE,
  };
}
