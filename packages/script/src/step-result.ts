/** What an operation did to the process that ran it. */
import { type Vaddr } from "@pageframe/contracts";

/** A signal that a step raised, and was caught. */
export interface StepSignal {
  readonly signal: number;
  readonly code: number;
  readonly address: Vaddr;
}

/** How an operation's `ret` is printed. */
export type ResultKind = "number" | "address";

/** Result of an operation. */
export interface StepResult {
  /** As the system call returns it: a value, or a negative errno. */
  readonly ret: number;
  readonly kind?: ResultKind;
  readonly signal?: StepSignal;
  /** Residency of mincore, a byte a page. */
  readonly vec?: Uint8Array;
  /** Pages written, by `write`. */
  readonly nrWritten?: number;
  readonly waitStatus?: number;
  /** Is the process gone? */
  readonly isGone?: boolean;
  /** Are faults counted and printed? Of operations in which the process touches its own memory they are not. */
  readonly faults?: "counted" | "none" | "hidden";
}

/** Result of an operation that gives a number or an errno. */
export function numberResult(ret: number): StepResult {
  return { ret };
}

/** Result of an operation that gives an address or an errno. */
export function addressResult(ret: number): StepResult {
  return { ret, kind: "address" };
}
