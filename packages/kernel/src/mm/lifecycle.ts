/**
 * Tasks come and go: creating the first, fork, vfork, exit, wait, context switches.
 *
 * A child that has exited stays as a zombie until its parent waits for it; init's are reaped at once, and so are those of
 * tasks that the machine's user started, which have no parent. A zombie has no memory: of the task its task_struct,
 * signal_struct and sighand_struct are left.
 * Source: Linux 6.18 kernel/fork.c, copy_process(), copy_mm(), dup_task_struct(), kernel_clone(); kernel/exit.c, exit_mm(),
 * forget_original_parent(), exit_notify(), release_task(), wait_consider_task().
 */
import {
  type CpuId,
  ECHILD,
  EINTR,
  ENOMEM,
  GFP_KERNEL,
  NO_PFN,
  NR_KERNEL_STACK,
  NUMA_NO_NODE,
  type Pfn,
} from "@pageframe/contracts";
import { exitTask as leaveDirtied } from "@pageframe/pagecache";
import { NO_FILE } from "@pageframe/vma";
import { createMm, destroyMm, enterKernel } from "./create-mm.ts";
import { dupMm } from "./fork.ts";
import { enterKernelMode, exitToUserMode } from "../tlb/kpti.ts";
import { parseBytes } from "../sizes.ts";
import { enterLazyTlb, switchMm } from "../tlb/switch-mm.ts";
import { type Cpu, type System } from "../system.ts";
import { Process, type Zombie } from "../process.ts";
import { applyLimits } from "../syscalls/prlimit.ts";
import { PR_MDWE_NO_INHERIT } from "../syscalls/prctl.ts";
import { type Mm, Task } from "../task.ts";
import { finishUffdForks } from "../uffd/events.ts";

/** Pages of a kernel stack: 16 KiB (THREAD_SIZE); and KiB of one, as nr_kernel_stack counts. */
const KERNEL_STACK_PAGES = 4;
const KERNEL_STACK_KIB = 16;
/** Task objects that a zombie keeps: the first ones. */
const NR_ZOMBIE_OBJECTS = 3;
/** Process that inherits children whose parent has gone. */
const INIT_PID = 1;

/** What wait(2) found: a child that ended, and how: exit code times 256, or the number of the signal. */
export interface WaitResult {
  readonly pid: number;
  readonly status: number;
}

/** Makes a task with an empty address space. Returns it, or a negative errno. */
export function createTask(sys: System, name: string, cpu: CpuId): Task | number {
  const mm = createMm(sys, cpu);
  if (typeof mm === "number") return mm;
  const process = new Process(parseBytes(sys.config.stackLimit));
  applyLimits(mm, process);
  const task = createTaskStruct(sys, name, 0, mm, process, cpu, false);
  if (typeof task === "number") destroyMm(sys, mm, cpu);
  return task;
}

/** fork(2). Returns the child, or a negative errno with nothing left behind. */
export function forkTask(sys: System, parent: Task): Task | number {
  const child = copyProcess(sys, parent);
  if (sys.uffd.forks.size > 0) finishUffdForks(sys, typeof child !== "number");
  return child;
}

function copyProcess(sys: System, parent: Task): Task | number {
  const mm = createMm(sys, parent.cpu);
  if (typeof mm === "number") return mm;
  const copied = dupMm(sys, parent.mm, mm, parent.cpu);
  if (copied < 0) {
    destroyMm(sys, mm, parent.cpu);
    return copied;
  }
  copyMmFlags(sys, parent.mm, mm);
  const child = createTaskStruct(sys, parent.name, parent.pid, mm, parent.process.fork(), parent.cpu, false);
  if (typeof child === "number") {
    destroyMm(sys, mm, parent.cpu);
    return child;
  }
  applyLimits(mm, child.process);
  return unlessKilled(sys, parent, child);
}

/**
 * vfork(2): a child in the parent's address space, which stands still until the child exits or executes a program. Returns
 * the child, or a negative errno.
 */
export function vforkTask(sys: System, parent: Task): Task | number {
  const { name, pid, mm, process, cpu } = parent;
  const child = createTaskStruct(sys, name, pid, mm, process.fork(), cpu, false);
  if (typeof child === "number") return child;
  child.vforkParentPid = pid;
  parent.vforkChildPid = child.pid;
  return unlessKilled(sys, parent, child);
}

/** clone(2) with CLONE_VM | CLONE_THREAD: a second task in the address space. Returns it, or a negative errno. */
export function cloneThread(sys: System, leader: Task, cpu: CpuId): Task | number {
  const thread = createTaskStruct(sys, leader.name, leader.pid, leader.mm, leader.process, cpu, true);
  return typeof thread === "number" ? thread : unlessKilled(sys, leader, thread);
}

/**
 * Ends a task: its kernel stack and objects are freed, and with the last of an address space its memory. `exitStatus` is
 * what wait(2) will tell; without it, the signal that killed the task, if any.
 */
export function exitTask(sys: System, task: Task, exitStatus: number = task.killedBy?.signal ?? 0): void {
  if (task.hasExited) return;
  task.hasExited = true;
  const { process } = task;
  if (!task.isThread) process.exitStatus = exitStatus;
  for (const cpu of sys.cpus) {
    if (cpu.current === task) goIdle(sys, cpu);
  }
  sys.uffd.dropWait(task.pid);
  leaveDirtied(task.wb, sys.writeback.cpus[task.cpu]);
  releaseMm(sys, task);
  process.nrThreads--;
  sys.tasks.delete(task.pid);
  for (const family of [sys.tasks, sys.zombies]) {
    for (const child of family.values()) if (child.parentPid === task.pid) child.parentPid = INIT_PID;
  }
  // Init waits for every child.
  for (const zombie of sys.zombies.values()) if (zombie.parentPid === INIT_PID) reap(sys, zombie);
  freeStack(sys, task.stackPfns, task.cpu);
  freeObjects(sys, task, NR_ZOMBIE_OBJECTS);
  if (!task.isThread && task.parentPid !== INIT_PID && sys.tasks.has(task.parentPid)) {
    const { pid, parentPid, cpu, objects, objectAddresses } = task;
    sys.zombies.set(pid, { pid, parentPid, process, cpu, objects, objectAddresses });
  } else {
    freeObjects(sys, task, 0);
  }
}

/** Takes a task out of its address space, which goes with the last one; ends the wait of a parent in vfork. */
export function releaseMm(sys: System, task: Task): void {
  if (--task.mm.nrUsers === 0) destroyMm(sys, task.mm, task.cpu);
  const parent = sys.tasks.get(task.vforkParentPid);
  if (parent?.vforkChildPid === task.pid) parent.vforkChildPid = 0;
  task.vforkParentPid = 0;
}

/** wait4(2) with WNOHANG for any child: reaps one that has ended, the oldest; 0 when all run still, or -ECHILD. */
export function waitForChild(sys: System, task: Task): WaitResult | number {
  let found: Zombie | null = null;
  for (const child of sys.zombies.values()) {
    const isReady = child.parentPid === task.pid && child.process.nrThreads === 0;
    if (isReady && (found === null || child.pid < found.pid)) found = child;
  }
  if (found !== null) {
    reap(sys, found);
    return { pid: found.pid, status: found.process.exitStatus };
  }
  for (const child of sys.tasks.values()) if (child.parentPid === task.pid && !child.isThread) return 0;
  for (const child of sys.zombies.values()) if (child.parentPid === task.pid) return 0;
  return -ECHILD;
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

/** A parent that was killed meanwhile has lost pages, and the child what it would have shared (fatal_signal_pending). */
function unlessKilled(sys: System, parent: Task, child: Task): Task | number {
  if (parent.killedBy !== null) {
    exitTask(sys, child);
    return -EINTR;
  }
  child.oomScoreAdj = parent.oomScoreAdj;
  return child;
}

/** What a forked address space takes over of its parent's settings (mmf_init_flags). */
function copyMmFlags(sys: System, parent: Mm, child: Mm): void {
  child.image = { ...parent.image };
  child.exeFileId = parent.exeFileId;
  if (child.exeFileId !== NO_FILE) sys.files.holdProgram(child.exeFileId);
  child.dumpable = parent.dumpable;
  child.thpDisable = parent.thpDisable;
  child.mdwe = (parent.mdwe & PR_MDWE_NO_INHERIT) !== 0 ? 0 : parent.mdwe;
  child.space.isMdwe = child.mdwe !== 0;
}

/** Frees what is left of a zombie (release_task). */
function reap(sys: System, zombie: Zombie): void {
  sys.zombies.delete(zombie.pid);
  freeObjects(sys, zombie, 0);
}

/** Takes what the kernel keeps of every task; nothing stays when a part is missing. */
function createTaskStruct(
  sys: System,
  name: string,
  parentPid: number,
  mm: Mm,
  process: Process,
  cpu: CpuId,
  isThread: boolean,
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
  sys.vmstat.modNode(0, NR_KERNEL_STACK, KERNEL_STACK_KIB);
  const isComplete = stackPfns.length === KERNEL_STACK_PAGES && !addresses.includes(-1);
  const pid = isComplete ? sys.nextPid++ : 0;
  const { nowNs } = sys.time;
  const task = new Task(
    pid,
    parentPid,
    name,
    mm,
    process,
    isThread,
    cpu,
    nowNs,
    objects,
    addresses,
    stackPfns,
  );
  if (!isComplete) {
    freeStack(sys, stackPfns, cpu);
    freeObjects(sys, task, 0);
    return -ENOMEM;
  }
  sys.tasks.set(pid, task);
  mm.nrUsers++;
  process.nrThreads++;
  return task;
}

function freeStack(sys: System, stackPfns: Pfn[], cpu: CpuId): void {
  for (const pfn of stackPfns) sys.frames.freePages(pfn, 0, cpu);
  stackPfns.length = 0;
  sys.vmstat.modNode(0, NR_KERNEL_STACK, -KERNEL_STACK_KIB);
}

/** Frees the objects of a task from number `first` on, those that are there. */
function freeObjects(sys: System, task: Task | Zombie, first: number): void {
  const { objects, objectAddresses } = task;
  for (let at = first; at < objects.length; at++) {
    if (objectAddresses[at] < 0) continue;
    sys.slab.freeObject(objects[at], objectAddresses[at], task.cpu);
    objectAddresses[at] = -1;
  }
}
