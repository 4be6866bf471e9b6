/**
 * /proc/PID/status and statm.
 * Source: Linux 6.18 fs/proc/array.c, proc_pid_status(), proc_pid_statm(); fs/proc/task_mmu.c, task_mem(), task_statm();
 * mm/hugetlb.c, hugetlb_report_usage().
 * Differs: of status the lines of identity, memory and threads; those of signals, credentials, CPU masks and counts of
 * switches, which a machine of memory does not have, are left out.
 */
import { kibOfPages } from "@pageframe/contracts";
import { padded } from "./text.ts";

/** What a process's memory adds up to, in pages. */
export interface TaskMem {
  readonly hiwaterVm: number;
  readonly totalVm: number;
  readonly lockedVm: number;
  readonly pinnedVm: number;
  readonly hiwaterRss: number;
  readonly rssAnon: number;
  readonly rssFile: number;
  readonly rssShmem: number;
  readonly dataVm: number;
  readonly stackVm: number;
  /** Executable mappings, the program's text among them (exec_vm). */
  readonly execVm: number;
  /** Pages between the first and the last of the program's text (start_code, end_code). */
  readonly textPages: number;
  /** Page tables without the top one (mm_pgtables_bytes). */
  readonly pageTablePages: number;
  readonly swapEntries: number;
  readonly hugetlbPages: number;
}

/** A process. */
export interface TaskStatus {
  readonly name: string;
  /** Such as `R (running)`. */
  readonly state: string;
  readonly tgid: number;
  readonly pid: number;
  readonly ppid: number;
  readonly nrThreads: number;
  /** Null when it has none any more: then the lines are left out. */
  readonly mem: TaskMem | null;
}

/** Collects the numbers of task_mem() in the order of their lines, in KiB. */
export function taskMemFields(mem: TaskMem): (readonly [name: string, kib: number])[] {
  const rss = mem.rssAnon + mem.rssFile + mem.rssShmem;
  const text = Math.min(mem.textPages, mem.execVm);
  const pages: (readonly [string, number])[] = [
    ["VmPeak", Math.max(mem.hiwaterVm, mem.totalVm)],
    ["VmSize", mem.totalVm],
    ["VmLck", mem.lockedVm],
    ["VmPin", mem.pinnedVm],
    ["VmHWM", Math.max(mem.hiwaterRss, rss)],
    ["VmRSS", rss],
    ["RssAnon", mem.rssAnon],
    ["RssFile", mem.rssFile],
    ["RssShmem", mem.rssShmem],
    ["VmData", mem.dataVm],
    ["VmStk", mem.stackVm],
    ["VmExe", text],
    ["VmLib", mem.execVm - text],
    ["VmPTE", mem.pageTablePages],
    ["VmSwap", mem.swapEntries],
    ["HugetlbPages", mem.hugetlbPages],
  ];
  return pages.map(([name, nrPages]) => [name, kibOfPages(nrPages)] as const);
}

/** Writes the lines of /proc/PID/status that this package knows. */
export function formatStatus(status: TaskStatus): string {
  const mem = status.mem === null ? [] : taskMemFields(status.mem);
  return (
    `Name:\t${status.name}\n` +
    `State:\t${status.state}\n` +
    `Tgid:\t${status.tgid}\n` +
    `Pid:\t${status.pid}\n` +
    `PPid:\t${status.ppid}\n` +
    mem.map(([name, kib]) => `${name}:\t${padded(kib, 8)} kB\n`).join("") +
    `Threads:\t${status.nrThreads}\n`
  );
}

/** Numbers of /proc/PID/statm in pages: size, resident, shared, text, lib (always 0), data, dt (always 0). */
export function statmFields(mem: TaskMem): number[] {
  const shared = mem.rssFile + mem.rssShmem;
  return [mem.totalVm, shared + mem.rssAnon, shared, mem.textPages, 0, mem.dataVm + mem.stackVm, 0];
}

/** Writes /proc/PID/statm; of a process without memory all are 0. */
export function formatStatm(mem: TaskMem | null): string {
  return `${(mem === null ? [0, 0, 0, 0, 0, 0, 0] : statmFields(mem)).join(" ")}\n`;
}
