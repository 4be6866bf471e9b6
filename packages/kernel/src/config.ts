/**
 * What a machine is made of: the schema of a kernel's configuration, checked once, at the edge.
 */
import { EINVAL, KernelError, MAX_NUMNODES } from "@pageframe/contracts";
import { tlbProblems } from "@pageframe/tlb";
import { z } from "zod";
import { isSize } from "./sizes.ts";
import { COST_NAMES, DEFAULT_COSTS_NS } from "./time.ts";

/** Least RAM, in bytes, that a machine may leave to programs: below it not even a shell's stack and text fit. */
export const MIN_MEMORY_BYTES = 65536;

const size = z
  .string()
  .refine(isSize, { error: (issue) => `"${String(issue.input)}" is not a size with a unit, such as 64MiB` });

const seatNames = z.strictObject({
  frameAllocator: z.string().default("buddy"),
  objectAllocator: z.string().default("slub"),
  pageTable: z.string().default("radix4"),
  tlb: z.string().default("set-associative"),
  reclaim: z.string().default("active-inactive"),
  swapSlots: z.string().default("clusters"),
  numa: z.string().default("local"),
  oom: z.string().default("badness"),
  asids: z.string().default("dynamic"),
  readahead: z.string().default("linux"),
});

const tlbLevel = z.strictObject({
  // Aborting: what is no number of entries is not looked at together with the others.
  entries: z.int().positive({ abort: true }),
  ways: z.int().positive({ abort: true }),
});

const costs = z.strictObject(
  Object.fromEntries(
    COST_NAMES.map((name, cause) => [name, z.number().min(0).default(DEFAULT_COSTS_NS[cause])]),
  ),
);

/** Every setting of a kernel with its default; `z.toJSONSchema(kernelConfigSchema)` describes it to editors. */
export const kernelConfigSchema = z.strictObject({
  /** RAM left to programs after boot: what MemAvailable shows then. */
  memory: size.default("64MiB"),
  nodes: z.int().min(1).max(MAX_NUMNODES).default(1),
  cpus: z.int().min(1).max(64).default(1),
  /** Nodes that the NUMA policy is about (preferred, bind, interleave), and pages in a row by node for weighted-interleave. */
  numaNodes: z.array(z.int().min(0)).optional(),
  numaWeights: z.array(z.int().min(1)).optional(),
  /** SLIT distances, one row a node; default 10 at home and 20 elsewhere. */
  distances: z.array(z.array(z.int().min(10).max(254))).optional(),
  /** Swap areas. `file` is a path that the application opens; without it the area is in memory. */
  swap: z
    .array(
      z.strictObject({
        size: size,
        priority: z.int().min(-1).max(32767).default(-1),
        file: z.string().optional(),
        /** Is the device as quick as memory, as zram is? So by default where there is no `file`. */
        synchronous: z.boolean().optional(),
        /** Does the device turn, so that neighbours on it are read ahead and not neighbours in the mapping? */
        rotational: z.boolean().default(false),
      }),
    )
    .default([]),
  /** Disks, named vda, vdb, ... unless named. `file` is a path that the application opens; without it the disk is in memory. */
  disks: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(/^[a-z][a-z0-9]*$/, "a disk's name is lower-case letters and digits, such as vda")
          .optional(),
        size: size,
        file: z.string().optional(),
        /** How long it takes: a row of the block package's table of models. */
        model: z.string().default("nvme"),
        scheduler: z.string().default("none"),
      }),
    )
    .default([]),
  /** Bytes in RAM: none, sparse or dense. */
  contents: z.enum(["none", "sparse", "dense"]).default("none"),
  /** vm.* settings. */
  minFreeKbytes: z.int().min(1).optional(),
  watermarkScaleFactor: z.int().min(1).max(3000).default(10),
  /** At most 2^pageCluster pages are read from swap at a time. */
  pageCluster: z.int().min(0).max(31).default(3),
  swappiness: z.int().min(0).max(200).default(60),
  overcommitMemory: z.literal([0, 1, 2]).default(0),
  overcommitRatio: z.int().min(0).max(1000).default(50),
  maxMapCount: z.int().min(1).default(65530),
  /** Is the kernel built with transparent huge pages? Large mappings are then placed at multiples of 2 MiB. */
  transparentHugepage: z.boolean().default(true),
  /** Does the kernel track writes to pages (CONFIG_MEM_SOFT_DIRTY)? Without, pagemap and smaps show nothing of them. */
  softDirty: z.boolean().default(true),
  /** Bytes of kernel text and data in RAM. */
  kernelImage: size.default("2MiB"),
  /** RLIMIT_STACK of tasks. */
  stackLimit: size.default("8MiB"),
  seed: z.int().min(0).max(0xffffffff).default(1),
  seats: seatNames.prefault({}),
  tlb: z
    .strictObject({
      l1: tlbLevel.default({ entries: 64, ways: 4 }),
      l2: tlbLevel.default({ entries: 1536, ways: 12 }),
    })
    .superRefine((levels, context) => {
      for (const { array, message } of tlbProblems(levels)) {
        context.addIssue({ code: "custom", message, path: array === null ? [] : [array] });
      }
    })
    .prefault({}),
  /** Pages above which a range is flushed whole (tlb_single_page_flush_ceiling). */
  tlbSinglePageFlushCeiling: z.int().min(0).default(33),
  /** The page at ffffffffff600000: calls of it are emulated, or fault. */
  vsyscall: z.enum(["xonly", "none"]).default("xonly"),
  /** Page-table isolation: user mode runs on a root of its own, which shows nothing of the kernel but its entry area. */
  kpti: z.boolean().default(false),
  /** Nanoseconds an event takes, by cause. */
  costs: costs.prefault({}),
});

/** A configuration as people write it: anything may be left out. */
export type KernelConfigInput = z.input<typeof kernelConfigSchema>;
/** A checked configuration with all defaults filled in. */
export type KernelConfig = z.output<typeof kernelConfigSchema>;

/** One mistake in a configuration. */
export interface ConfigProblem {
  /** Where, such as `swap[0].size`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

/** All mistakes of a configuration at once. */
export class ConfigError extends KernelError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(
      EINVAL,
      problems.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; "),
    );
    this.problems = problems;
  }
}

/** Checks a configuration and fills in defaults. Throws ConfigError with every mistake and its path. */
export function parseKernelConfig(input: unknown): KernelConfig {
  const result = kernelConfigSchema.safeParse(input);
  if (!result.success) throw new ConfigError(configProblems(result.error.issues));
  return Object.freeze(result.data);
}

/** Turns a schema's issues into problems with readable paths. */
export function configProblems(issues: readonly z.core.$ZodIssue[]): ConfigProblem[] {
  return issues.map((issue) => ({
    path: issue.path.reduce<string>(
      (path, step) =>
        typeof step === "number"
          ? `${path}[${step}]`
          : path === ""
            ? String(step)
            : `${path}.${String(step)}`,
      "",
    ),
    message: issue.message,
  }));
}
