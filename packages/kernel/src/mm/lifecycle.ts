/**
 * Tasks come and go: creating the first, fork, exit, context switches.
 * Source: Linux 6.18 kernel/fork.c, copy_process(), dup_task_struct(); kernel/exit.c, exit_mm(); mm/mmap.c, exit_mmap().
 */
import {
  type CpuId,
  EINTR,
  ENOMEM,
  findOccupant,
  GFP_KERNEL,
  KernelError,
  NO_PFN,
  NR_KERNEL_STACK,
  NUMA_NO_NODE,
  type PageTable,
  type Pfn,
} from "@pageframe/contracts";
import { pageTables, type UserRoot } from "@pageframe/pagetable";
import { AddressSpace } from "@pageframe/vma";
import { dupMm } from "./fork.ts";
import { createUserRoot, enterKernelMode, exitToUserMode } from "../tlb/kpti.ts";
import { parseBytes } from "../sizes.ts";
import { enterLazyTlb, switchMm } from "../tlb/switch-mm.ts";
import { type Cpu, type System } from "../system.ts";
import { tableFormat } from "../kernel-space/table-format.ts";
import { Mm, Task } from "../task.ts";
import { TRIM_CPUMASK_NS } from "../tlb/tlb-flush.ts";

/** Pages of a kernel stack: 16 KiB (THREAD_SIZE); and KiB of one, as nr_kernel_stack counts. */
const KERNEL_STACK_PAGES = 4;
const KERNEL_STACK_KIB = 16;

/** Makes a task with an empty address space. Returns it, or a negative errno. */
export function createTask(sys: System, name: string, cpu: CpuId): Task | number {
  const mm = createMm(sys, cpu);
  if (typeof mm === "number") return mm;
  const task = createTaskStruct(sys, name, 0, mm, cpu);
  if (typeof task === "number") destroyMm(sys, mm, cpu);
  return task;
}

/** fork(2). Returns the child, or a negative errno with nothing left behind. */
export function forkTask(sys: System, parent: Task): Task | number {
  const mm = createMm(sys, parent.cpu);
  if (typeof mm === "number") return mm;
  const copied = dupMm(sys, parent.mm, mm, parent.cpu);
  if (copied < 0) {
    destroyMm(sys, mm, parent.cpu);
    return copied;
  }
  const child = createTaskStruct(sys, parent.name, parent.pid, mm, parent.cpu);
  if (typeof child === "number") {
    destroyMm(sys, mm, parent.cpu);
    return child;
  }
  // A parent that was killed meanwhile has lost pages, and the child what it would have shared (fatal_signal_pending).
  if (parent.killedBy !== null) {
    exitTask(sys, child);
    return -EINTR;
  }
  child.oomScoreAdj = parent.oomScoreAdj;
  return child;
}

/** clone(2) with CLONE_VM | CLONE_THREAD: a second task in the address space. Returns it, or a negative errno. */
export function cloneThread(sys: System, leader: Task, cpu: CpuId): Task | number {
  const thread = createTaskStruct(sys, leader.name, leader.pid, leader.mm, cpu, true);
  if (typeof thread === "number") return thread;
  if (leader.killedBy !== null) {
    exitTask(sys, thread);
    return -EINTR;
  }
  thread.oomScoreAdj = leader.oomScoreAdj;
  return thread;
}

/** Ends a task: its kernel stack and objects are freed, and with the last of an address space its memory. */
export function exitTask(sys: System, task: Task): void {
  if (task.hasExited) return;
  task.hasExited = true;
  for (const cpu of sys.cpus) {
    if (cpu.current === task) goIdle(sys, cpu);
  }
  if (--task.mm.nrUsers === 0) destroyMm(sys, task.mm, task.cpu);
  freeTaskStruct(sys, task.objects, task.objectAddresses, task.stackPfns, task.cpu);
  sys.tasks.delete(task.pid);
}

/** The kernel works on a CPU from here on: what it takes for itself comes from this CPU's lists and node. */
function enterKernel(sys: System, cpu: CpuId): void {
  sys.currentCpu = cpu;
  sys.reclaimer.currentCpu = cpu;
}

/** Lets a task run on a CPU. The CPU that it ran on before, if another, idles. */
export function switchTo(sys: System, cpu: CpuId, task: Task): void {
  const processor = sys.cpus[cpu];
  enterKernel(sys, cpu);
  if (processor.current === task) return;
  for (const other of sys.cpus) if (other.current === task) goIdle(sys, other);
  enterKernelMode(sys, processor);
  task.cpu = cpu;
  processor.current = task;
  switchMm(sys, processor, task.mm);
  exitToUserMode(sys, processor);
}

/** Leaves a CPU to its idle thread. */
export function goIdle(sys: System, cpu: Cpu): void {
  cpu.current = null;
  enterLazyTlb(sys, cpu);
}

/** Makes an empty address space with its root table. */
function createMm(sys: System, cpu: CpuId): Mm | number {
  enterKernel(sys, cpu);
  let id = sys.mms.indexOf(null);
  if (id < 0) id = sys.mms.length;
  const address = sys.allocObject(sys.caches.mm, cpu);
  if (address < 0) return -ENOMEM;
  const tables = createPageTable(sys);
  if (tables === null) {
    sys.slab.freeObject(sys.caches.mm, address, cpu);
    return -ENOMEM;
  }
  const { taskSizeVpn, mmapLegacyBase } = tableFormat(sys.config.seats.pageTable);
  const space = new AddressSpace(sys.vmaPool, sys.addressSpaceHost, {
    id,
    commit: sys.vmCommit,
    rlimitStackBytes: parseBytes(sys.config.stackLimit),
    maxMapCount: sys.config.maxMapCount,
    taskSizeVpn,
    mmapLegacyBase,
    isThpEnabled: sys.config.transparentHugepage,
  });
  const mm = new Mm(id, space, tables.pageTable, tables.userRoot, address, sys.config.cpus);
  mm.nextTrimNs = sys.time.nowNs + TRIM_CPUMASK_NS;
  sys.mms[id] = mm;
  sys.asids.addMm(id);
  return mm;
}

/** Makes a page table of the configured kind and its user root, if any; null when there is no frame for the roots. */
function createPageTable(sys: System): { pageTable: PageTable; userRoot: UserRoot | null } | null {
  let pageTable: PageTable | null = null;
  try {
    pageTable = findOccupant("page table", pageTables, sys.config.seats.pageTable).create({
      contents: sys.contents,
      frames: sys.tableFrames,
      kernelHalf: sys.kernelHalf,
    });
    return { pageTable, userRoot: createUserRoot(sys, pageTable) };
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== ENOMEM) throw error;
    pageTable?.destroy();
    return null;
  }
}

/** Frees an address space and everything in it (mmput, exit_mmap). */
function destroyMm(sys: System, mm: Mm, cpu: CpuId): void {
  const caller = sys.currentCpu;
  enterKernel(sys, cpu);
  sys.lru.drain(cpu);
  sys.gather.begin(mm, true);
  mm.space.unmapAll();
  if (sys.gather.isOpen) sys.gather.finish();
  // Lazy CPUs were told to leave when the tables went; where there were none to free, some are left.
  for (const processor of sys.cpus) if (processor.loadedMm === mm) switchMm(sys, processor, null);
  sys.asids.removeMm(mm.id);
  mm.userRoot?.destroy();
  mm.pageTable.destroy();
  for (const address of mm.anonVmaAddresses) sys.slab.freeObject(sys.caches.anonVma, address, cpu);
  sys.slab.freeObject(sys.caches.mm, mm.objectAddress, cpu);
  sys.mms[mm.id] = null;
  enterKernel(sys, caller);
}

/** Takes what the kernel keeps of every task; nothing stays when a part is missing. */
function createTaskStruct(
  sys: System,
  name: string,
  parentPid: number,
  mm: Mm,
  cpu: CpuId,
  isThread = false,
): Task | number {
  const { caches } = sys;
  // A thread shares signal handlers and files with its process.
  const objects = isThread
    ? Int32Array.of(caches.taskStruct)
    : Int32Array.of(caches.taskStruct, caches.signal, caches.sighand, caches.files);
  const addresses = new Float64Array(objects.length).fill(-1);
  const stackPfns: Pfn[] = [];
  for (let at = 0; at < objects.length; at++) addresses[at] = sys.allocObject(objects[at], cpu);
  for (let page = 0; page < KERNEL_STACK_PAGES; page++) {
    const pfn = sys.frames.allocPages(GFP_KERNEL, 0, cpu, NUMA_NO_NODE);
    if (pfn !== NO_PFN) stackPfns.push(pfn);
  }
  if (stackPfns.length < KERNEL_STACK_PAGES || addresses.includes(-1)) {
    sys.vmstat.modNode(0, NR_KERNEL_STACK, KERNEL_STACK_KIB);
    freeTaskStruct(sys, objects, addresses, stackPfns, cpu);
    return -ENOMEM;
  }
  sys.vmstat.modNode(0, NR_KERNEL_STACK, KERNEL_STACK_KIB);
  const pid = sys.nextPid++;
  const task = new Task(pid, parentPid, name, mm, cpu, sys.time.nowNs, objects, addresses, stackPfns);
  sys.tasks.set(pid, task);
  mm.nrUsers++;
  return task;
}

function freeTaskStruct(
  sys: System,
  objects: Int32Array,
  addresses: Float64Array,
  stackPfns: readonly Pfn[],
  cpu: CpuId,
): void {
  for (const pfn of stackPfns) sys.frames.freePages(pfn, 0, cpu);
  for (let at = 0; at < objects.length; at++) {
    if (addresses[at] >= 0) sys.slab.freeObject(objects[at], addresses[at], cpu);
  }
  sys.vmstat.modNode(0, NR_KERNEL_STACK, -KERNEL_STACK_KIB);
}
