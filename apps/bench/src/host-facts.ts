/** What the numbers were measured on. */
import { availableParallelism, cpus, loadavg } from "node:os";
import { type Compiler } from "./c-programs.ts";

/** Facts about the machine. */
export interface HostFacts {
  readonly node: string;
  readonly v8: string;
  /** Such as `linux x64`. */
  readonly platform: string;
  readonly cpuModel: string;
  readonly nrCores: number;
  /** Runnable processes over the last minute, when the suite began: much above 0, and the numbers are of a busy machine. */
  readonly loadAverage: number;
  /** The C compiler's version and flags, or null. */
  readonly compiler: string | null;
}

export function hostFacts(compiler: Compiler | null): HostFacts {
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    cpuModel: cpus()[0]?.model.trim() ?? "unknown",
    nrCores: availableParallelism(),
    loadAverage: Math.round(loadavg()[0] * 100) / 100,
    compiler: compiler === null ? null : `${compiler.version} ${compiler.flags.join(" ")}`,
  };
}
