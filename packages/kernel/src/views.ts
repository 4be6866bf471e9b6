/**
 * What people watch a machine with: numbers and text computed from state and counters when they are read. Cold.
 */
import {
  NODE_STAT_NAMES,
  NR_FILE_PAGES,
  NR_SHMEM,
  NR_SLAB_RECLAIMABLE,
  NUMA_STAT_NAMES,
  VM_EVENT_NAMES,
  WMARK_LOW,
  ZONE_STAT_NAMES,
} from "@pageframe/contracts";
import { type System } from "./system.ts";
import { type Task } from "./task.ts";

/** Pages that programs can take without swapping: si_mem_available(). */
export function availablePages(sys: System): number {
  return Math.max(0, pagesAboveReserves(sys));
}

/** The same, below zero when the machine lacks even what it keeps in reserve. */
export function pagesAboveReserves(sys: System): number {
  const { vmstat, frames } = sys;
  const low = frames.zones.reduce((sum, zone) => sum + zone.watermarks[WMARK_LOW], 0);
  const pagecache = vmstat.globalNode(NR_FILE_PAGES) - vmstat.globalNode(NR_SHMEM);
  const reclaimable = vmstat.globalNode(NR_SLAB_RECLAIMABLE);
  return (
    frames.nrFreePages() -
    frames.totalReservePages() +
    (pagecache - Math.min(Math.floor(pagecache / 2), low)) +
    (reclaimable - Math.min(Math.floor(reclaimable / 2), low))
  );
}

/** /proc/vmstat as numbers by name. */
export function vmstatCounters(sys: System): Record<string, number> {
  const { vmstat } = sys;
  const counters: Record<string, number> = {};
  ZONE_STAT_NAMES.forEach((name, item) => (counters[name] = vmstat.globalZone(item)));
  NUMA_STAT_NAMES.forEach((name, item) => (counters[name] = vmstat.globalNuma(item)));
  NODE_STAT_NAMES.forEach((name, item) => (counters[name] = vmstat.globalNode(item)));
  VM_EVENT_NAMES.forEach((name, event) => (counters[name] = vmstat.events[event]));
  return counters;
}
export function vmstatText(_sys: System): string {
  return "";
}
export function meminfo(_sys: System): string {
  return "";
}
export function buddyinfo(_sys: System): string {
  return "";
}
export function maps(_sys: System, _task: Task): string {
  return "";
}
