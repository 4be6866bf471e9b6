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
import { blamingTheUser, hasImages, mountDirectories, openImages } from "./disks.ts";
import { HostFileBlockBackend } from "./host-file-block.ts";
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
  /** What the page cache held at first. */
  readonly start: "cold" | "warm";
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
    const config = kernelConfigOf(machine, memory.nrPages, source.metadata);
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
  const images = openImages(machine, config);
  try {
    const kernel = bootKernel(config, { swapBackends, diskBackends: images });
    mountDirectories(kernel, machine);
    const { verify, start } = machine;
    const replay = blamingTheUser(() => new Replay(kernel, source, { verify, start }));
    await runReplay(replay, `replaying at ${memory.text}`, io);
    // What is left in memory would be written some time later; images are for other runs to see.
    const result = replay.result();
    if (hasImages(machine))
      for (const mount of kernel.sys.mounts) if (mount !== null) kernel.umount(mount.path);
    return reportOf(machine, config, memory, kernel, replay, result, swapBackends, images);
  } finally {
    for (const image of images) image?.close();
  }
}

function reportOf(
  machine: Machine,
  config: KernelConfigInput,
  memory: ResolvedMemory,
  kernel: Kernel,
  replay: Replay,
  result: ReplayResult,
  swapBackends: readonly SwapBackend[],
  images: readonly (HostFileBlockBackend | null)[],
): RunReport {
  return {
    memory,
    config,
    start: machine.start,
    result,
    kernel,
    pid: replay.task.pid,
    isVerified: machine.verify,
    failures: [...swapBackends, ...images].flatMap((backend) =>
      (backend instanceof HostFileSwapBackend || backend instanceof HostFileBlockBackend) &&
      backend.nrFailures > 0
        ? [backend.describeFailures()]
        : [],
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
