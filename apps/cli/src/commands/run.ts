/** `pageframe run`: replays a trace and says what happened. */
import { type TraceSource } from "@pageframe/contracts";
import { hasImages } from "../disks.ts";
import { runError, usageError } from "../errors.ts";
import { type Io } from "../io.ts";
import { jsonReport } from "../json-report.ts";
import { type Machine, type MachineOptions, planMachine } from "../machine.ts";
import { OutputFile } from "../output-file.ts";
import { replayAll, withSwapFiles } from "../replay-runs.ts";
import { saveSnapshot } from "../snapshot-input.ts";
import { colorsFor, describeTrace, drawTable } from "../table.ts";
import { openTrace } from "../trace-input.ts";

/** Options of `run`: those of the machine, and how to report. */
export interface RunOptions extends MachineOptions {
  readonly json?: true;
  /** File to save the machine in at the end. */
  readonly save?: string;
}

/** Runs the command. What was asked for is checked and swap files are opened before the trace is read. */
export async function runCommand(tracePath: string, options: RunOptions, io: Io): Promise<void> {
  const machine = planMachine(options);
  if (machine.memorySizes.length > 1 && hasImages(machine)) {
    throw usageError(
      "a disk image is for one run, and --memory asks for several",
      "give one --memory size, or leave the image out: the disk is in memory then",
    );
  }
  const output = await startSave(options.save, machine, tracePath);
  try {
    await replayAndReport(tracePath, options, machine, output, io);
  } finally {
    await output?.discard();
  }
}

/** Checks whether the machine can be saved, and starts the file. */
async function startSave(
  path: string | undefined,
  machine: Machine,
  tracePath: string,
): Promise<OutputFile | null> {
  if (path === undefined) return null;
  if (machine.memorySizes.length > 1) {
    throw usageError("--save saves one machine, and --memory asks for several", "give one --memory size");
  }
  if (machine.swapFiles.some((file) => file !== null)) {
    throw usageError(
      "--save cannot save a machine that swaps to a file",
      "leave the swap file out: swap is in memory then",
    );
  }
  if (hasImages(machine) || machine.mounts.length > 0) {
    throw usageError(
      "--save cannot save a machine that uses files of this host",
      "leave disk images and --mount out: disks are in memory then",
    );
  }
  return await OutputFile.start(path, tracePath === "-" ? null : tracePath);
}

async function replayAndReport(
  tracePath: string,
  options: RunOptions,
  machine: Machine,
  output: OutputFile | null,
  io: Io,
): Promise<void> {
  const { source, reports } = await withSwapFiles(machine, async (swapFiles) => {
    const source: TraceSource = await openTrace(tracePath, io);
    return { source, reports: await replayAll(machine, source, swapFiles, io) };
  });
  if (output !== null) {
    const [{ kernel, pid, result }] = reports;
    await saveSnapshot(kernel, pid, result.accesses, output);
  }
  if (options.json === true) {
    io.stdout.write(jsonReport(source.metadata, reports));
  } else {
    const colors = colorsFor(io);
    io.stdout.write(`${describeTrace(source.metadata, colors)}\n${drawTable(reports, colors)}`);
  }
  const failures = reports.flatMap(({ memory, failures }) =>
    failures.map((text) => `at ${memory.text}: ${text}`),
  );
  if (failures.length > 0) throw runError(failures.join("; "), "the counts hold what these failures led to");
}
