import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from "@pageframe/contracts";
import { type Kernel, type Task } from "@pageframe/kernel";

/** First page of the range that test programs map: above 2^32, so that both halves of page numbers are in play. */
export const ARENA_VPN = 0x100000000;
export const HEAP_START = 0x500000;
export const READ_WRITE: number = PROT_READ | PROT_WRITE;
export const PRIVATE_ANON: number = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
export const SHARED_ANON: number = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED;

/** Address of a page of the arena. */
export function at(page: number): number {
  return (ARENA_VPN + page) * PAGE_SIZE;
}

/** Maps pages of the arena, private and anonymous unless `flags` and `fileId` say otherwise. */
export function mapPages(
  kernel: Kernel,
  task: Task,
  page: number,
  nrPages: number,
  prot = READ_WRITE,
  flags = PRIVATE_ANON,
  fileId = -1,
): number {
  return kernel.mmap(task, at(page), nrPages * PAGE_SIZE, prot, flags, fileId, 0);
}

/** Starts a task with `nrPages` pages of private anonymous memory from a page of the arena on. */
export function spawnWith(kernel: Kernel, name: string, nrPages: number, cpu = 0, page = 0): Task {
  const task = kernel.spawn(name, cpu);
  mapPages(kernel, task, page, nrPages);
  return task;
}

/** Writes `stamp + page` (modulo 251, never 0) to the first byte of each page; false when a signal ended it. */
export function fill(kernel: Kernel, task: Task, firstPage: number, nrPages: number, stamp = 0): boolean {
  for (let page = firstPage; page < firstPage + nrPages; page++) {
    if (kernel.write(task, at(page), stampOf(page, stamp)) !== null) return false;
  }
  return true;
}

/** What fill() writes to a page. */
export function stampOf(page: number, stamp = 0): number {
  return 1 + ((((page + stamp) % 251) + 251) % 251);
}

/** Pages of a range whose first byte is not what fill() wrote. */
export function wrongPages(
  kernel: Kernel,
  task: Task,
  firstPage: number,
  nrPages: number,
  stamp = 0,
): number[] {
  const wrong: number[] = [];
  for (let page = firstPage; page < firstPage + nrPages; page++) {
    if (kernel.read(task, at(page)) !== stampOf(page, stamp)) wrong.push(page);
  }
  return wrong;
}

/** Minor and major faults that `action` makes a task take. */
export function faultsOf(task: Task, action: () => unknown): [number, number] {
  const { nrMinorFaults, nrMajorFaults } = task;
  action();
  return [task.nrMinorFaults - nrMinorFaults, task.nrMajorFaults - nrMajorFaults];
}

/** By how much counters of /proc/vmstat change while `action` runs. */
export function countersOf<Name extends string>(
  kernel: Kernel,
  names: readonly Name[],
  action: () => unknown,
): Record<Name, number> {
  const before = kernel.proc.vmstat();
  action();
  const after = kernel.proc.vmstat();
  return Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as Record<Name, number>;
}

/** Free pages once nothing waits in per-CPU batches and lists. */
export function settledFreePages(kernel: Kernel): number {
  kernel.sys.lru.drainAll();
  kernel.sys.frames.drainPcp(-1);
  return kernel.sys.frames.nrFreePages();
}

/** Number of a line of /proc/meminfo, in KiB. */
export function meminfoKib(kernel: Kernel, name: string): number {
  const match = new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(kernel.proc.meminfoText());
  return match === null ? NaN : Number(match[1]);
}

/** Lines of /proc/PID/maps without the columns that are the same for all anonymous memory, and without [vsyscall]. */
export function mapsOf(kernel: Kernel, task: Task): string[] {
  return kernel.proc
    .mapsText(task)
    .split("\n")
    .filter((line) => line !== "" && !line.endsWith("[vsyscall]"))
    .map((line) => line.split(" ", 2).join(" "));
}

/** A line of mapsOf() for pages [page, endPage) of the arena. */
export function mapsLine(page: number, endPage: number, perms: string): string {
  return `${at(page).toString(16)}-${at(endPage).toString(16)} ${perms}`;
}
