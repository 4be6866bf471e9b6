/** The files of /proc about memory: as numbers for programs, as the text that Linux prints for people. Cold. */
import { type Pfn, type Vpn } from "@pageframe/contracts";
import {
  formatMaps,
  formatMeminfo,
  formatNumaMaps,
  formatSmaps,
  formatSmapsRollup,
  formatStat,
  formatStatm,
  formatStatus,
  type MapsEntry,
  meminfoFields,
  type NumaMapsEntry,
  type SmapsEntry,
  type SmapsRollup,
  type TaskMem,
  type TaskStat,
  type TaskStatus,
} from "@pageframe/procfs";
import { clearRefs } from "../mm/clear-refs.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { kpagecount, kpageflags } from "./kpage.ts";
import { buddyinfoText, meminfoSource, swapsText, vmstatCounters, vmstatText } from "./machine.ts";
import { mapsEntries } from "./maps.ts";
import { numaMapsEntries } from "./numa-maps.ts";
import { oomScoreOf } from "./oom-score.ts";
import { pagemapEntries } from "./pagemap.ts";
import { smapsEntries, smapsRollup } from "./smaps.ts";
import { taskStat } from "./stat.ts";
import { taskMem, taskStatus } from "./status.ts";

/** A view of a machine; it keeps nothing. Files of a task that has exited are empty. */
export class Proc {
  readonly sys: System;

  constructor(sys: System) {
    this.sys = sys;
  }

  /** Writes a number, CLEAR_REFS_*, to /proc/PID/clear_refs: 0 or -EINVAL. */
  clearRefs(task: Task, type: number): number {
    return clearRefs(this.sys, task.mm, type);
  }

  /** /proc/PID/maps. */
  maps(task: Task): MapsEntry[] {
    return mapsEntries(this.sys, task);
  }

  mapsText(task: Task): string {
    return formatMaps(this.maps(task));
  }

  /** /proc/PID/smaps; smapsFields() of procfs makes names and KiB of an entry. O(populated page-table entries). */
  smaps(task: Task): SmapsEntry[] {
    return smapsEntries(this.sys, task);
  }

  smapsText(task: Task): string {
    return formatSmaps(this.smaps(task));
  }

  /** /proc/PID/smaps_rollup. */
  smapsRollup(task: Task): SmapsRollup {
    return smapsRollup(this.sys, task);
  }

  smapsRollupText(task: Task): string {
    return task.hasExited ? "" : formatSmapsRollup(this.smapsRollup(task));
  }

  /** /proc/PID/status; taskMemFields() of procfs makes names and KiB of `mem`. */
  status(task: Task): TaskStatus {
    return taskStatus(this.sys, task);
  }

  statusText(task: Task): string {
    return formatStatus(this.status(task));
  }

  /** /proc/PID/statm, and the memory lines of status; null of a task that has exited. */
  mem(task: Task): TaskMem | null {
    return taskMem(task);
  }

  statmText(task: Task): string {
    return formatStatm(this.mem(task));
  }

  /** /proc/PID/stat. */
  stat(task: Task): TaskStat {
    return taskStat(this.sys, task);
  }

  statText(task: Task): string {
    return formatStat(this.stat(task));
  }

  /** /proc/PID/numa_maps. O(populated page-table entries). */
  numaMaps(task: Task): NumaMapsEntry[] {
    return numaMapsEntries(this.sys, task);
  }

  numaMapsText(task: Task): string {
    return formatNumaMaps(this.numaMaps(task));
  }

  /**
   * /proc/PID/pagemap: one 64-bit entry (PM_*_BIT) for each of `nrPages` pages from `startVpn` on; fewer at the end of user
   * space. O(nrPages).
   */
  pagemap(task: Task, startVpn: Vpn, nrPages: number): BigUint64Array {
    return pagemapEntries(this.sys, task, startVpn, nrPages);
  }

  /** /proc/PID/oom_score. */
  oomScore(task: Task): number {
    return oomScoreOf(this.sys, task);
  }

  /** Entry of /proc/kpageflags for a frame: bits KPF_*, below 2^43. */
  kpageflags(pfn: Pfn): number {
    return kpageflags(this.sys, pfn);
  }

  /** Entry of /proc/kpagecount for a frame. */
  kpagecount(pfn: Pfn): number {
    return kpagecount(this.sys, pfn);
  }

  /** /proc/meminfo by name: KiB, but for HugePages_*. */
  meminfo(): Record<string, number> {
    return Object.fromEntries(meminfoFields(meminfoSource(this.sys)));
  }

  meminfoText(): string {
    return formatMeminfo(meminfoSource(this.sys));
  }

  /** /proc/vmstat by name. */
  vmstat(): Record<string, number> {
    return vmstatCounters(this.sys);
  }

  vmstatText(): string {
    return vmstatText(this.sys);
  }

  /** /proc/buddyinfo. */
  buddyinfoText(): string {
    return buddyinfoText(this.sys);
  }

  /** /proc/swaps. */
  swapsText(): string {
    return swapsText(this.sys);
  }
}
