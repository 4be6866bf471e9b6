/** Runs one operation in the current process, as a system call or as accesses. */
import {
  EINVAL,
  ESRCH,
  OOM_SCORE_ADJ_MAX,
  OOM_SCORE_ADJ_MIN,
  PAGE_SIZE,
  type Vaddr,
} from "@pageframe/contracts";
import {
  type Kernel,
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_MEMLOCK,
  RLIMIT_STACK,
  type Task,
} from "@pageframe/kernel";
import { execute, readPages, writePages } from "./accesses.ts";
import { refuseHugetlb } from "./huge-pages.ts";
import { notModelled } from "./not-modelled-error.ts";
import { isInArena } from "./place-names.ts";
import { exitProcess, forkProcess, waitForChild } from "./processes.ts";
import { runFileOperation } from "./script-files.ts";
import { type LimitName, type Operation, type OperationOf } from "./script.ts";
import { statusValues } from "./status-values.ts";
import { addressResult, numberResult, type StepResult } from "./step-result.ts";
import { flushByScratch } from "./subject.ts";
import { type World } from "./world.ts";

/** MADV_COLLAPSE, MADV_HWPOISON, MADV_SOFT_OFFLINE. */
const ADVICES_NOT_MODELLED: ReadonlyMap<number, string> = new Map([
  [25, "collapse"],
  [100, "hwpoison"],
  [101, "soft_offline"],
]);

/** Numbers of the limits that scripts set. */
const LIMITS: Readonly<Record<LimitName, number>> = {
  data: RLIMIT_DATA,
  stack: RLIMIT_STACK,
  memlock: RLIMIT_MEMLOCK,
  as: RLIMIT_AS,
};
const KIB = 1024;
/** Pages that mincore is asked for at most: the recorder has no room for more. */
const MAX_MINCORE_PAGES = 2048;
/** User id without rights. */
const NOBODY = 65534;
/** Kinds of prctl that the kernel package has: dumpable, PR_SET_MM, no_new_privs, THP_DISABLE, MDWE, MEMORY_MERGE. */
const PRCTLS_MODELLED: ReadonlySet<number> = new Set([3, 4, 35, 38, 39, 41, 42, 65, 66, 67, 68]);

/** Runs an operation of the current process, which is alive. Throws NotModelledError. */
export function runOperation(world: World, operation: Operation): StepResult {
  const { kernel, current } = world;
  const task = current.task!;
  switch (operation.name) {
    case "mmap":
      return mmap(world, kernel, task, operation);
    case "munmap":
      return numberResult(kernel.munmap(task, world.addressOf(operation.at), operation.lengthBytes));
    case "mprotect":
      return numberResult(
        kernel.mprotect(task, world.addressOf(operation.at), operation.lengthBytes, operation.prot),
      );
    case "madvise":
      refuseAdvice(operation.advice);
      return numberResult(
        kernel.madvise(task, world.addressOf(operation.at), operation.lengthBytes, operation.advice),
      );
    case "mremap":
      return mremap(world, kernel, task, operation);
    case "mlock":
      return numberResult(kernel.mlock(task, world.addressOf(operation.at), operation.lengthBytes));
    case "munlock":
      return numberResult(kernel.munlock(task, world.addressOf(operation.at), operation.lengthBytes));
    case "mseal":
      return numberResult(kernel.mseal(task, world.addressOf(operation.at), operation.lengthBytes));
    case "mlock2":
      return numberResult(
        kernel.mlock2(task, world.addressOf(operation.at), operation.lengthBytes, operation.flags),
      );
    case "mlockall":
      return { ret: kernel.mlockall(task, operation.flags), faults: "hidden" };
    case "munlockall":
      return numberResult(kernel.munlockall(task));
    case "msync":
      return numberResult(
        kernel.msync(task, world.addressOf(operation.at), operation.lengthBytes, operation.flags),
      );
    case "mincore":
      return mincore(kernel, task, world.addressOf(operation.at), operation.lengthBytes);
    case "pmadvise":
      return numberResult(adviseProcess(world, operation));
    case "ftruncate":
    case "fsync":
    case "fadvise":
    case "punch":
    case "pread":
    case "pwrite":
      return numberResult(runFileOperation(world, operation));
    case "brk":
      return addressResult(kernel.brk(task, world.places.brk0 + operation.nrPages * PAGE_SIZE));
    case "read":
      return readPages(kernel, task, world.addressOf(operation.at), operation);
    case "write":
      return writePages(kernel, task, world.addressOf(operation.at), operation);
    case "exec":
      return execute(kernel, task, world.addressOf(operation.at));
    case "fork":
      return forkProcess(world, operation);
    case "exit":
      return exitProcess(world, operation);
    case "wait":
      return waitForChild(world);
    case "clear_refs": {
      const ret = kernel.proc.clearRefs(task, operation.what);
      flushByScratch(kernel, task);
      return { ret, faults: "none" };
    }
    case "rlimit":
      return numberResult(setLimit(kernel, task, operation));
    case "prctl":
      return numberResult(prctl(kernel, task, operation));
    case "dropcaps":
      return { ret: kernel.setuid(task, NOBODY), faults: "hidden" };
    case "oom_score_adj":
      return { ret: setOomScoreAdj(kernel, task, operation.value), faults: "none" };
    default:
      return notModelled(operation.name);
  }
}

/** Advices that are about hardware or huge pages end the run. */
function refuseAdvice(advice: number): void {
  const what = ADVICES_NOT_MODELLED.get(advice);
  if (what !== undefined) notModelled(`madvise ${what}`);
}

function mmap(world: World, kernel: Kernel, task: Task, operation: OperationOf<"mmap">): StepResult {
  const { lengthBytes, prot, flags, file, offsetPages } = operation;
  refuseHugetlb(flags);
  const address: Vaddr = operation.at === null ? 0 : world.addressOf(operation.at);
  const fileId = file === null ? -1 : world.fileOf(file).fileId;
  const ret = kernel.mmap(task, address, lengthBytes, prot, flags, fileId, offsetPages * PAGE_SIZE);
  if (operation.at === null && ret >= 0) world.lastMap = ret;
  return addressResult(ret);
}

function mremap(world: World, kernel: Kernel, task: Task, operation: OperationOf<"mremap">): StepResult {
  const { oldBytes, newBytes, flags, to } = operation;
  const target = to === null ? 0 : world.addressOf(to);
  const ret = kernel.mremap(task, world.addressOf(operation.at), oldBytes, newBytes, flags, target);
  if (ret >= 0 && !isInArena(ret)) world.lastMap = ret;
  return addressResult(ret);
}

/** Sets both limits of a resource; relative ones are added to what status tells. */
function setLimit(kernel: Kernel, task: Task, operation: OperationOf<"rlimit">): number {
  const { limit, kib, isRelative } = operation;
  const used = isRelative ? statusValues(kernel, task)[limit === "as" ? "VmSize" : "VmData"] : 0;
  const nrBytes = (used + kib) * KIB;
  return kernel.prlimit(task, LIMITS[limit], nrBytes, nrBytes);
}

function prctl(kernel: Kernel, task: Task, { option, arg2, arg3 }: OperationOf<"prctl">): number {
  if (!PRCTLS_MODELLED.has(option)) notModelled(`prctl ${option}`);
  return kernel.prctl(task, option, arg2, arg3);
}

/** Writes oom_score_adj. Returns 0, or -EINVAL out of range. */
function setOomScoreAdj(kernel: Kernel, task: Task, value: number): number {
  if (value < OOM_SCORE_ADJ_MIN || value > OOM_SCORE_ADJ_MAX) return -EINVAL;
  kernel.setOomScoreAdj(task, value);
  return 0;
}

function mincore(kernel: Kernel, task: Task, address: Vaddr, lengthBytes: number): StepResult {
  const nrPages = Math.ceil(lengthBytes / PAGE_SIZE);
  const vec = new Uint8Array(Math.min(nrPages, MAX_MINCORE_PAGES));
  const ret = kernel.mincore(task, address, lengthBytes, vec);
  return { ret, vec };
}

/** Advises on the memory of a process. */
function adviseProcess(world: World, operation: OperationOf<"pmadvise">): number {
  const { kernel, current } = world;
  const { task } = world.processOf(operation.process);
  refuseAdvice(operation.advice);
  if (task === null) return -ESRCH;
  const { at, lengthBytes, advice } = operation;
  return kernel.processMadvise(current.task!, task, [[world.addressOf(at), lengthBytes]], advice);
}
