/**
 * Replays a trace once for each amount of memory, and reports what happened.
 */
import { type SwapBackend, type TraceSource } from "@pageframe/contracts";
import {
  bootKernel,
  type Kernel,
  type KernelConfigInput,
  parsePages,
  Replay,
  type ReplayResult,
} from "@pageframe/kernel";
import { MemorySwapBackend } from "@pageframe/swap";
import { HostFileSwapBackend, HostSwapFile } from "./host-file-swap.ts";
import { breathe, type Io } from "./io.ts";
import { kernelConfigOf, type Machine } from "./machine.ts";
import { type ResolvedMemory, resolveMemorySizes } from "./memory-sizes.ts";
import { startProgress } from "./progress.ts";

/** One replay. */
export interface RunReport {
  readonly memory: ResolvedMemory;
  readonly config: KernelConfigInput;
  readonly result: ReplayResult;
  /** The machine as it was at the end, and the program's pid. */
  readonly kernel: Kernel;
  readonly pid: number;
  /** Whether contents were checked; what does not agree would have ended the run. */
  readonly isVerified: boolean;
  /** Sentences on transfers to swap files that failed. */
  readonly failures: readonly string[];
}

/** Work between looks at the clock is a block of a trace; this is how long the event loop may wait. */
const MAX_BLOCKING_MS = 50;

/** Opens the machine's swap files, lets `work` use them, and closes them whatever happens. */
export async function withSwapFiles<Result>(
  machine: Machine,
  work: (files: readonly (HostSwapFile | null)[]) => Promise<Result>,
): Promise<Result> {
  const files: (HostSwapFile | null)[] = [];
  try {
    for (const path of machine.swapFiles) files.push(path === null ? null : new HostSwapFile(path));
    return await work(files);
  } finally {
    for (const file of files) file?.close(machine.isSwapFileKept);
  }
}

/** Replays `source` with each memory size of the machine. */
export async function replayAll(
  machine: Machine,
  source: TraceSource,
  swapFiles: readonly (HostSwapFile | null)[],
  io: Io,
): Promise<RunReport[]> {
  const { nrFootprintPages, nrFilePages } = source.metadata;
  const memories = resolveMemorySizes(machine.memorySizes, nrFootprintPages + nrFilePages);
  const reports: RunReport[] = [];
  for (const memory of memories) {
    const config = kernelConfigOf(machine, memory.nrPages, nrFootprintPages);
    reports.push(await replayOne(machine, config, memory, source, swapFiles, io));
  }
  return reports;
}

async function replayOne(
  machine: Machine,
  config: KernelConfigInput,
  memory: ResolvedMemory,
  source: TraceSource,
  swapFiles: readonly (HostSwapFile | null)[],
  io: Io,
): Promise<RunReport> {
  const swapBackends: SwapBackend[] = (config.swap ?? []).map((area, at) => {
    // The header comes on top of the size.
    const nrPages = parsePages(area.size) + 1;
    return swapFiles[at]?.makeArea(nrPages) ?? new MemorySwapBackend(nrPages);
  });
  const kernel = bootKernel(config, { swapBackends });
  const replay = new Replay(kernel, source, { verify: machine.verify });
  await runReplay(replay, `replaying at ${memory.text}`, io);
  return {
    memory,
    config,
    result: replay.result(),
    kernel,
    pid: replay.task.pid,
    isVerified: machine.verify,
    failures: swapBackends.flatMap((backend) =>
      backend instanceof HostFileSwapBackend && backend.nrFailures > 0 ? [backend.describeFailures()] : [],
    ),
  };
}

/** Replays to the end of the trace, with a progress bar; stops when the user interrupts. */
export async function runReplay(replay: Replay, label: string, io: Io): Promise<void> {
  const progress = startProgress(io, label, replay.nrRunsTotal);
  try {
    let breathedAtMs = performance.now();
    while (replay.step()) {
      const nowMs = performance.now();
      if (nowMs - breathedAtMs < MAX_BLOCKING_MS) continue;
      progress.update(replay.nrRunsDone);
      await breathe(io);
      breathedAtMs = nowMs;
    }
  } finally {
    progress.stop();
  }
}
