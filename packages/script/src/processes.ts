/** Operations on processes: fork, exit, wait. */
import { KernelError } from "@pageframe/contracts";
import { type OperationOf } from "./script.ts";
import { ScriptProcess } from "./script-process.ts";
import { type StepResult } from "./step-result.ts";
import { warm } from "./subject.ts";
import { type World } from "./world.ts";

/** No child to wait for. */
const ECHILD = 10;

/** Forks the current process; both sides then touch their own memory, the parent first. */
export function forkProcess(world: World, operation: OperationOf<"fork">): StepResult {
  const { kernel, current } = world;
  try {
    const child = kernel.fork(current.task!);
    world.processes.push(new ScriptProcess(operation.process, child, current, current.base));
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
  kernel.exit(current.task!);
  current.waitStatus = (operation.code & 0xff) << 8;
  return { ret: 0, isGone: true };
}

/** Waits for a child of the current process. One that never ends lets the recorder give the process up. */
export function waitForChild({ processes, current }: World): StepResult {
  const children = processes.filter(
    ({ parent, task, isReaped }) => parent === current && task !== null && !isReaped,
  );
  if (children.length === 0) return { ret: -ECHILD, waitStatus: current.waitedStatus };
  const ended = children.find(({ task }) => task!.hasExited);
  if (ended === undefined) return { ret: 0, isGone: true };
  ended.isReaped = true;
  current.waitedStatus = ended.waitStatus;
  return { ret: 0, waitStatus: ended.waitStatus };
}
