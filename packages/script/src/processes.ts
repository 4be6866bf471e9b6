/** Operations on processes: fork, exit, wait. */
import { KernelError } from "@pageframe/contracts";
import { type OperationOf } from "./script.ts";
import { ScriptProcess } from "./script-process.ts";
import { type StepResult } from "./step-result.ts";
import { warm } from "./subject.ts";
import { type World } from "./world.ts";

/** Forks the current process; both sides then touch their own memory, the parent first. */
export function forkProcess(world: World, operation: OperationOf<"fork">): StepResult {
  const { kernel, current } = world;
  try {
    const child = kernel.fork(current.task!);
    world.processes.push(new ScriptProcess(operation.process, child, current, current.base));
    // From here on it is their own memory.
    if (world.recorder !== null) world.recorder.isOn = false;
    warm(kernel, current.task!);
    warm(kernel, child);
    return { ret: 0, faults: "hidden" };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    world.processes.push(new ScriptProcess(operation.process, null, current, current.base));
    return { ret: -error.errno, faults: "hidden" };
  }
}

/** Ends the current process. */
export function exitProcess({ kernel, current }: World, operation: OperationOf<"exit">): StepResult {
  kernel.exit(current.task!, operation.code);
  return { ret: 0, isGone: true };
}

/** Waits for a child of the current process. One that never ends lets the recorder give the process up. */
export function waitForChild({ kernel, processes, current }: World): StepResult {
  const waited = kernel.wait(current.task!);
  if (waited === 0) return { ret: 0, isGone: true };
  if (typeof waited === "number") return { ret: waited, waitStatus: current.waitedStatus };
  for (const process of processes) if (process.task?.pid === waited.pid) process.isReaped = true;
  current.waitedStatus = waited.status;
  return { ret: 0, waitStatus: waited.status };
}
