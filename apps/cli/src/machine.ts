/**
 * The machine that a replay is asked to run on: command-line options over the configuration file over defaults.
 */
import { EINVAL, KernelError, PAGE_SIZE, type TraceMetadata } from "@pageframe/contracts";
import { bootKernel, type KernelConfigInput, parseKernelConfig, replayDiskSize } from "@pageframe/kernel";
import { readConfigFile } from "./config-file.ts";
import { usageError } from "./errors.ts";
import { type MemorySize, parseMemorySizes } from "./memory-sizes.ts";

/** Options of a replay as the command line gives them; absent ones were not given. */
export interface MachineOptions {
  readonly memory?: readonly MemorySize[];
  /** A size, or `none`. */
  readonly swap?: string;
  readonly swapFile?: string;
  readonly keepSwapFile?: true;
  readonly cpus?: number;
  readonly nodes?: number;
  readonly seed?: number;
  readonly contents?: "none" | "sparse" | "dense";
  readonly verify?: true;
  readonly reclaim?: string;
  readonly oom?: string;
  readonly numa?: string;
  readonly frameAllocator?: string;
  readonly readahead?: string;
  /** What the page cache holds at first. */
  readonly start?: "cold" | "warm";
  readonly disk?: string;
  readonly diskModel?: string;
  readonly diskImage?: string;
  readonly mount?: readonly HostMount[];
  readonly config?: string;
}

/** A directory of the host, to be seen at a path. */
export interface HostMount {
  readonly directory: string;
  readonly path: string;
}

/** A machine, complete but for the amount of memory and, by default, of swap: those may depend on the trace. */
export interface Machine {
  readonly memorySizes: readonly MemorySize[];
  /** Without `memory`. `swap` is absent when the default is to be taken. */
  readonly kernel: Omit<KernelConfigInput, "memory">;
  /** Paths of the swap areas' files, in order; null where an area is in memory. */
  readonly swapFiles: readonly (string | null)[];
  readonly isSwapFileKept: boolean;
  readonly start: "cold" | "warm";
  /** Image of the first disk; null for a disk in memory, or as the configuration says. */
  readonly diskImage: string | null;
  /** Model of the disk that a trace with files gets when the configuration names none. */
  readonly diskModel: string;
  readonly mounts: readonly HostMount[];
  readonly verify: boolean;
}

/** Memory of a run that does not say: as much as the trace touches. */
const DEFAULT_MEMORY = "100%";
/** Kind of disk of a run that does not say. */
const DEFAULT_DISK_MODEL = "nvme";
/** Swap of a run that does not say: room for all that the trace touches, and at least this. */
const DEFAULT_SWAP_BYTES = 16 * 2 ** 20;

/** Puts a machine together and checks it. Throws usage errors. */
export function planMachine(options: MachineOptions): Machine {
  const file =
    options.config === undefined ? { memorySizes: null, kernel: {} } : readConfigFile(options.config);
  const { swap, swapFile, verify = false, reclaim, oom, numa, frameAllocator, readahead } = options;
  const contents = options.contents ?? (verify ? withBytes(file.kernel.contents) : undefined);
  if (verify && contents === "none") {
    throw usageError(
      '--verify needs memory with bytes; "none" was given',
      "leave --contents out, or say sparse or dense",
    );
  }
  const seats = given({ reclaim, oom, numa, frameAllocator, readahead });
  const areas = swapAreas(swap, swapFile, file.kernel.swap);
  const kernel: Omit<KernelConfigInput, "memory"> = {
    ...file.kernel,
    ...given({ cpus: options.cpus, nodes: options.nodes, seed: options.seed, contents, swap: areas }),
    seats: { ...file.kernel.seats, ...seats },
    ...given({ disks: firstDisk(options, file.kernel.disks) }),
  };
  tryBoot(kernel, options.config);
  return {
    memorySizes: options.memory ?? file.memorySizes ?? parseMemorySizes(DEFAULT_MEMORY),
    kernel,
    swapFiles: areas?.map((area) => area.file ?? null) ?? [swapFile ?? null],
    start: options.start ?? "cold",
    diskImage: options.diskImage ?? null,
    diskModel: options.diskModel ?? DEFAULT_DISK_MODEL,
    mounts: options.mount ?? [],
    isSwapFileKept: options.keepSwapFile === true,
    verify,
  };
}

/** The configuration of one run, for `bootKernel`. */
export function kernelConfigOf(
  machine: Machine,
  nrMemoryPages: number,
  metadata: TraceMetadata,
): KernelConfigInput {
  const { kernel, diskModel: model } = machine;
  const swap = kernel.swap ?? [{ size: defaultSwap(metadata.nrFootprintPages) }];
  const hasOwnDisk = kernel.disks === undefined && metadata.files.length > 0;
  const disks = hasOwnDisk ? [{ size: replayDiskSize(metadata), model }] : (kernel.disks ?? []);
  return { ...kernel, swap, disks, memory: `${(nrMemoryPages * PAGE_SIZE) / 1024}KiB` };
}

/** What was given, without what was not: `undefined` must not hide a setting of the file. */
function given<Options extends object>(
  options: Options,
): { [Name in keyof Options]?: NonNullable<Options[Name]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Options]?: NonNullable<Options[Name]>;
  };
}

function withBytes(contents: KernelConfigInput["contents"]): NonNullable<KernelConfigInput["contents"]> {
  return contents === undefined || contents === "none" ? "sparse" : contents;
}

/** The areas, or undefined for one of the default size. `--swap` and `--swap-file` are about the first. */
function swapAreas(
  swap: string | undefined,
  file: string | undefined,
  areas: KernelConfigInput["swap"],
): KernelConfigInput["swap"] {
  if (swap === "none") {
    if (file === undefined) return [];
    throw usageError("--swap none and --swap-file exclude each other", "leave one of them out");
  }
  if (swap !== undefined) return [{ size: swap, ...given({ file }) }];
  if (file === undefined || areas === undefined) return areas;
  if (areas.length === 0) {
    throw usageError("--swap-file has no swap area to be for: the config file says none", "add --swap SIZE");
  }
  const [first, ...others] = areas;
  return [{ ...first, file }, ...others];
}

/** The disks, or undefined for one whose size follows from the trace. `--disk` and its kind are about the first. */
function firstDisk(
  { disk, diskModel }: MachineOptions,
  disks: KernelConfigInput["disks"],
): KernelConfigInput["disks"] {
  const [first, ...others] = disks ?? [];
  if (disks === undefined || disks.length === 0) {
    return disk === undefined ? undefined : [{ size: disk, ...given({ model: diskModel }) }];
  }
  return [{ ...first, ...given({ size: disk, model: diskModel }) }, ...others];
}

function defaultSwap(nrFootprintPages: number): string {
  const nrBytes = Math.max(DEFAULT_SWAP_BYTES, nrFootprintPages * PAGE_SIZE);
  return `${Math.ceil(nrBytes / 2 ** 20)}MiB`;
}

/** Boots the smallest machine of the kind, so that what it will not do is known before anything is read or written. */
function tryBoot(kernel: Omit<KernelConfigInput, "memory">, configPath: string | undefined): void {
  try {
    // Less swap and no bytes: only the kind matters.
    const swap = kernel.swap?.map((area) => ({ ...area, size: "64KiB" })) ?? [];
    const disks = kernel.disks?.map((disk) => ({ ...disk, size: "64KiB" })) ?? [];
    parseKernelConfig(kernel);
    bootKernel({
      ...kernel,
      swap,
      disks,
      contents: "none",
      memory: "1MiB",
    });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const sentence =
      error.errno === EINVAL ? error.sentence : `this machine does not boot: ${error.sentence}`;
    throw usageError(sentence, configPath === undefined ? "" : `the options or ${configPath} ask for it`);
  }
}
