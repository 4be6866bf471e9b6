/** Runs one operation in the current process, as a system call or as accesses. */
import { type Vaddr } from "@pageframe/contracts";
import { type Kernel, type Task } from "@pageframe/kernel";
import { execute, readPages, writePages } from "./accesses.ts";
import { notModelled } from "./not-modelled-error.ts";
import { isInArena } from "./place-names.ts";
import { exitProcess, forkProcess, waitForChild } from "./processes.ts";
import { runFileOperation } from "./script-files.ts";
import { type Operation, type OperationOf } from "./script.ts";
import { addressResult, numberResult, type StepResult } from "./step-result.ts";
import { flushByScratch } from "./subject.ts";
import { type World } from "./world.ts";
import { PAGE_SIZE } from "@pageframe/contracts";

/** Result of an operation that is no system call's and no file's. */
const DONE: StepResult = { ret: 0 };

/** MADV_COLLAPSE, MADV_HWPOISON, MADV_SOFT_OFFLINE. */
const ADVICES_NOT_MODELLED: ReadonlyMap<number, string> = new Map([
  [25, "collapse"],
  [100, "hwpoison"],
  [101, "soft_offline"],
]);

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
    case "mlock2":
      return numberResult(
        kernel.mlock2(task, world.addressOf(operation.at), operation.lengthBytes, operation.flags),
      );
    case "mlockall":
      return { ret: kernel.mlockall(task, operation.flags), faults: "hidden" };
    case "munlockall":
      return numberResult(kernel.munlockall(task));
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
    case "oom_score_adj":
      kernel.setOomScoreAdj(task, operation.value);
      return { ...DONE, faults: "none" };
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
