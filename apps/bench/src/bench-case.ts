/** What a benchmark case is. */

/** How large a run is: `full` for numbers, `quick` for a look, `tiny` for tests. */
export type Scale = "full" | "quick" | "tiny";

/** What one run in one process measured. C programs print the same. */
export interface Measurement {
  readonly operations: number;
  /** Processor time of the measured section. */
  readonly seconds: number;
  /** Memory that the operations took, where that is what is measured. */
  readonly bytes?: number;
  /** Counts that every run of the case must give, in either language. */
  readonly checks: Readonly<Record<string, number>>;
}

/** How a measurement is shown: operations per second, time per operation, or memory per operation. */
export interface Unit {
  readonly kind: "rate" | "time" | "memory";
  /** Such as `M pairs/s`, `ns/fault` or `bytes/page`. */
  readonly label: string;
  /** Operations per second, seconds per operation, or bytes per operation that are shown as 1. */
  readonly one: number;
}

/** What a case should reach: a share of the C program's rate, or a value in its unit. */
export interface Target {
  readonly of: "C" | "value";
  readonly atLeast: number;
}

/** The C program that does the same work. */
export interface Counterpart {
  /** File in `c/`, without extension. */
  readonly program: "buddy" | "tlb" | "lackey" | "syscalls" | "files";
  /** Macros by name, as sizes that the compiler should know. */
  macros(scale: Scale): Readonly<Record<string, number>>;
  arguments(scale: Scale, inputPath: string): readonly string[];
}

/** A file that a case reads, made before it is measured. Cases share an input by its name. */
export interface BenchInput {
  readonly name: string;
  write(path: string, scale: Scale): void;
}

/** One thing to measure. */
export interface BenchCase {
  readonly name: string;
  /** What `--only` may say instead of the name. */
  readonly group: string;
  /** One line: what an operation is. */
  readonly describe: string;
  readonly unit: Unit;
  readonly target: Target | null;
  readonly counterpart: Counterpart | null;
  readonly input: BenchInput | null;
  /** Warms up, then measures. Called once in a process. `inputPath` is empty for a case without input. */
  run(scale: Scale, inputPath: string): Measurement;
}

/** A measurement in the unit of its case. */
export function valueIn(unit: Unit, { operations, seconds, bytes = 0 }: Measurement): number {
  switch (unit.kind) {
    case "rate":
      return operations / seconds / unit.one;
    case "time":
      return seconds / operations / unit.one;
    case "memory":
      return bytes / operations / unit.one;
  }
}
