/** `pageframe walk`: says how an address is translated at some point of a replay, level by level. */
import { bootKernel, type Kernel, Replay, type Task } from "@pageframe/kernel";
import { locateAddress, parseAddress } from "../address.ts";
import { runError, usageError } from "../errors.ts";
import { formatCount, signalName } from "../format.ts";
import { type Io } from "../io.ts";
import { jsonText } from "../json-report.ts";
import { LimitedTrace } from "../limited-trace.ts";
import { kernelConfigOf, type MachineOptions, planMachine } from "../machine.ts";
import { resolveMemorySizes } from "../memory-sizes.ts";
import { runReplay } from "../replay-runs.ts";
import { openTrace } from "../trace-input.ts";
import { reportWalk } from "../walk-report.ts";
import { walkText } from "../walk-text.ts";

/** Options of `walk`: those of the machine, where in the replay to look, and what to ask. */
export interface WalkOptions extends MachineOptions {
  /** Accesses to replay first; all when absent. */
  readonly after?: number;
  readonly pid?: number;
  readonly write?: true;
  readonly exec?: true;
  readonly json?: true;
}

const LEVELS_OF_TABLE: Readonly<Record<string, number>> = { radix4: 4, radix5: 5 };

/** Runs the command. */
export async function walkCommand(
  addressText: string,
  tracePath: string,
  options: WalkOptions,
  io: Io,
): Promise<void> {
  const access = options.write === true ? "write" : options.exec === true ? "exec" : "read";
  const number = parseAddress(addressText);
  const machine = planMachine(options);
  if (machine.memorySizes.length > 1) {
    const texts = machine.memorySizes.map(({ text }) => text).join(",");
    throw usageError(
      `walk looks at one machine, and memory "${texts}" are several`,
      "give one --memory size",
    );
  }
  // The machine was booted once to see whether it can be, so the table is known.
  const address = locateAddress(number, LEVELS_OF_TABLE[machine.kernel.seats?.pageTable ?? "radix4"]);
  const trace = new LimitedTrace(await openTrace(tracePath, io), options.after ?? Infinity);
  const { nrFootprintPages } = trace.metadata;
  const [memory] = resolveMemorySizes(machine.memorySizes, nrFootprintPages);
  const kernel = bootKernel(kernelConfigOf(machine, memory.nrPages, nrFootprintPages));
  const replay = new Replay(kernel, trace);
  await runReplay(replay, `replaying at ${memory.text}`, io);
  const nrDone = trace.nrAccessesPassed;
  if (options.after !== undefined && nrDone < options.after && !replay.task.hasExited) {
    throw usageError(
      `--after ${options.after} is behind the end of the trace, which has ${formatCount(nrDone)} accesses`,
      "without --after the walk is at the end",
    );
  }
  const task = findTask(kernel, replay, options.pid);
  const report = reportWalk(kernel, task, address, access, nrDone);
  io.stdout.write(options.json === true ? jsonText(report) : walkText(report));
}

/** The task with a pid, or the replayed one. Throws when there is none. */
function findTask(kernel: Kernel, replay: Replay, pid: number | undefined): Task {
  const task = pid === undefined ? replay.task : kernel.sys.tasks.get(pid);
  if (task === undefined) {
    const known = [...kernel.sys.tasks.values()].map(({ pid, name }) => `${pid} (${name})`).join(", ");
    throw usageError(`pid ${pid} does not exist`, `there are ${known}`);
  }
  if (task.hasExited) {
    const { killedBy, accesses } = replay.result();
    const signal = killedBy === null ? "" : ` by ${signalName(killedBy.signal)}`;
    throw runError(
      `the program was ended${signal} after ${formatCount(accesses)} accesses; it has no address space any more`,
      "a smaller --after looks at it before that",
    );
  }
  return task;
}
