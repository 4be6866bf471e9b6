/** `pageframe run`: replays a trace and says what happened. */
import { type TraceSource } from "@pageframe/contracts";
import { runError } from "../errors.ts";
import { type Io } from "../io.ts";
import { jsonReport } from "../json-report.ts";
import { type MachineOptions, planMachine } from "../machine.ts";
import { replayAll, withSwapFiles } from "../replay-runs.ts";
import { colorsFor, describeTrace, drawTable } from "../table.ts";
import { openTrace } from "../trace-input.ts";

/** Options of `run`: those of the machine, and how to report. */
export interface RunOptions extends MachineOptions {
  readonly json?: true;
}

/** Runs the command. What was asked for is checked and swap files are opened before the trace is read. */
export async function runCommand(tracePath: string, options: RunOptions, io: Io): Promise<void> {
  const machine = planMachine(options);
  const { source, reports } = await withSwapFiles(machine, async (swapFiles) => {
    const source: TraceSource = await openTrace(tracePath, io);
    return { source, reports: await replayAll(machine, source, swapFiles, io) };
  });
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
