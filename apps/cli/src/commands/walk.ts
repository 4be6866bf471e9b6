/** `pageframe walk`: says how an address is translated at some point of a replay or on a saved machine, level by level. */
import { bootKernel, type Kernel, Replay, tableFormat, type Task, type TaskSignal } from "@pageframe/kernel";
import { type Address, locateAddress, parseAddress } from "../address.ts";
import { blamingTheUser } from "../disks.ts";
import { runError, usageError } from "../errors.ts";
import { formatCount, signalName } from "../format.ts";
import { type Io } from "../io.ts";
import { jsonText } from "../json-report.ts";
import { LimitedTrace } from "../limited-trace.ts";
import { kernelConfigOf, type MachineOptions, planMachine } from "../machine.ts";
import { resolveMemorySizes } from "../memory-sizes.ts";
import { runReplay } from "../replay-runs.ts";
import { openSnapshot } from "../snapshot-input.ts";
import { openTrace } from "../trace-input.ts";
import { reportWalk } from "../walk-report.ts";
import { walkText } from "../walk-text.ts";

/** Options of `walk`: those of the machine, where in the replay to look, and what to ask. */
export interface WalkOptions extends MachineOptions {
  /** Accesses to replay first; all when absent. */
  readonly after?: number;
  readonly pid?: number;
  /** File with the machine to look at. */
  readonly snapshot?: string;
  readonly write?: true;
  readonly exec?: true;
  readonly json?: true;
}

/** Where to look. */
interface Place {
  readonly kernel: Kernel;
  readonly address: Address;
  /** Accesses that the program had made. */
  readonly accesses: number;
  readonly pid: number;
  readonly killedBy: TaskSignal | null;
}

/** Options that are about a replay, and nothing to a saved machine. */
const REPLAY_OPTIONS: readonly (keyof WalkOptions)[] = [
  "after",
  "memory",
  "swap",
  "cpus",
  "nodes",
  "seed",
  "reclaim",
  "oom",
  "numa",
  "frameAllocator",
  "readahead",
  "start",
  "disk",
  "diskModel",
  "contents",
  "config",
];

/** Runs the command. */
export async function walkCommand(
  addressText: string,
  tracePath: string | undefined,
  options: WalkOptions,
  io: Io,
): Promise<void> {
  const access = options.write === true ? "write" : options.exec === true ? "exec" : "read";
  const number = parseAddress(addressText);
  const place = await findPlace(number, tracePath, options, io);
  const task = findTask(place, options.pid);
  const report = reportWalk(place.kernel, task, place.address, access, place.accesses);
  io.stdout.write(options.json === true ? jsonText(report) : walkText(report));
}

async function findPlace(
  number: bigint,
  tracePath: string | undefined,
  options: WalkOptions,
  io: Io,
): Promise<Place> {
  if (options.snapshot === undefined) {
    if (tracePath !== undefined) return await replayTo(number, tracePath, options, io);
    throw usageError(
      "a trace or --snapshot is missing",
      "pageframe walk ADDRESS TRACE, or ADDRESS --snapshot FILE",
    );
  }
  const other = REPLAY_OPTIONS.find((name) => options[name] !== undefined);
  if (tracePath !== undefined || other !== undefined) {
    const what =
      tracePath !== undefined
        ? "a trace"
        : `--${other?.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw usageError(
      `--snapshot has its machine already; ${what} is about a replay`,
      "leave one of them out",
    );
  }
  const { kernel, note } = await openSnapshot(options.snapshot);
  return {
    kernel,
    address: locateAddress(number, kernel.sys.kernelHalf.layout.nrLevels),
    accesses: Number(note["accesses"]),
    pid: Number(note["pid"]),
    killedBy: null,
  };
}

async function replayTo(number: bigint, tracePath: string, options: WalkOptions, io: Io): Promise<Place> {
  const machine = planMachine(options);
  if (machine.memorySizes.length > 1) {
    const texts = machine.memorySizes.map(({ text }) => text).join(",");
    throw usageError(
      `walk looks at one machine, and memory "${texts}" are several`,
      "give one --memory size",
    );
  }
  // The machine was booted once to see whether it can be, so the table is known.
  const address = locateAddress(
    number,
    tableFormat(machine.kernel.seats?.pageTable ?? "radix4").layout.nrLevels,
  );
  const trace = new LimitedTrace(await openTrace(tracePath, io), options.after ?? Infinity);
  const { nrFootprintPages, nrFilePages } = trace.metadata;
  const [memory] = resolveMemorySizes(machine.memorySizes, nrFootprintPages + nrFilePages);
  const kernel = bootKernel(kernelConfigOf(machine, memory.nrPages, trace.metadata));
  const replay = blamingTheUser(() => new Replay(kernel, trace, { start: machine.start }));
  await runReplay(replay, `replaying at ${memory.text}`, io);
  const accesses = trace.nrAccessesPassed;
  if (options.after !== undefined && accesses < options.after && !replay.task.hasExited) {
    throw usageError(
      `--after ${options.after} is behind the end of the trace, which has ${formatCount(accesses)} accesses`,
      "without --after the walk is at the end",
    );
  }
  const result = replay.result();
  return {
    kernel,
    address,
    accesses: replay.task.hasExited ? result.accesses : accesses,
    pid: replay.task.pid,
    killedBy: result.killedBy,
  };
}

/** The task with a pid, or the program's. Throws when there is none. */
function findTask({ kernel, pid, killedBy, accesses }: Place, wantedPid: number | undefined): Task {
  const task = kernel.sys.tasks.get(wantedPid ?? pid);
  if (task !== undefined) return task;
  if (wantedPid === undefined) {
    const signal = killedBy === null ? "" : ` by ${signalName(killedBy.signal)}`;
    throw runError(
      `the program was ended${signal} after ${formatCount(accesses)} accesses; it has no address space any more`,
      "a smaller --after looks at it before that",
    );
  }
  const known = [...kernel.sys.tasks.values()].map(({ pid, name }) => `${pid} (${name})`).join(", ");
  throw usageError(`pid ${wantedPid} does not exist`, `there are ${known}`);
}
