/** Makes the observation of a step from its result, with the recorder's fields in the recorder's order. */
import { BUS_ADRERR, SEGV_ACCERR, SEGV_MAPERR, SIGBUS, SIGSEGV } from "@pageframe/contracts";
import { type Observation } from "./observation.ts";
import { type Places, placeName } from "./place-names.ts";
import { type ScriptLine } from "./script.ts";
import { type StepResult, type StepSignal } from "./step-result.ts";

const SEGV_PKUERR = 4;
const BUS_MCEERR_AR = 4;
/** Errors that the recorder has names for; others are E and the number. Source: include/uapi/asm-generic/errno*.h. */
const ERROR_NAMES: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  5: "EIO",
  6: "ENXIO",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  14: "EFAULT",
  16: "EBUSY",
  17: "EEXIST",
  19: "ENODEV",
  22: "EINVAL",
  26: "ETXTBSY",
  38: "ENOSYS",
  75: "EOVERFLOW",
  95: "EOPNOTSUPP",
};
const MAX_ERRNO = 4095;

/** Faults of a step. */
export interface StepFaults {
  readonly minor: number;
  readonly major: number;
}

/** The observation of a step that ran. */
export function stepObservation(
  line: ScriptLine,
  process: string,
  result: StepResult,
  faults: StepFaults,
  places: Places,
): Observation {
  return {
    l: line.number,
    p: process,
    op: line.text,
    ...resultFields(result, places),
    ...faultFields(result, faults),
  };
}

/** The observation of a step whose process has ended, now or before. */
export function endObservation(line: ScriptLine, process: string): Observation {
  const head = { l: line.number, p: process, op: line.text };
  return line.operation.name === "exit" ? { ...head, exited: 1 } : { ...head, died: 1 };
}

/** Is it a negative errno, as system calls return it? */
function isErrno(ret: number): boolean {
  return ret < 0 && ret >= -MAX_ERRNO;
}

function resultFields(result: StepResult, places: Places): Partial<Observation> {
  const { ret, kind, signal, vec, nrWritten, waitStatus } = result;
  const wait = waitStatus === undefined ? {} : { wstatus: waitStatus };
  if (signal !== undefined) {
    const done = nrWritten === undefined ? {} : { done: nrWritten };
    return { ...signalFields(signal, places), ...done };
  }
  if (isErrno(ret) && result.faults !== "none") return { err: errorName(-ret), ...wait };
  if (kind === "address") return { ret: placeName(ret, places) };
  return { ret, ...(vec === undefined ? {} : { vec: vecText(vec) }), ...wait };
}

function faultFields(result: StepResult, { minor, major }: StepFaults): Partial<Observation> {
  if (result.faults === "hidden") return {};
  return result.faults === "none" ? { min: 0, maj: 0 } : { min: minor, maj: major };
}

function signalFields({ signal, code, address }: StepSignal, places: Places): Partial<Observation> {
  return { sig: signalName(signal), code: codeName(signal, code), addr: placeName(address, places) };
}

function signalName(signal: number): string {
  return signal === SIGSEGV ? "SIGSEGV" : signal === SIGBUS ? "SIGBUS" : "SIG?";
}

/** Codes of all signals but SIGSEGV are read as those of SIGBUS. */
function codeName(signal: number, code: number): string {
  if (signal === SIGSEGV) {
    return code === SEGV_MAPERR
      ? "MAPERR"
      : code === SEGV_ACCERR
        ? "ACCERR"
        : code === SEGV_PKUERR
          ? "PKUERR"
          : "?";
  }
  return code === BUS_ADRERR ? "ADRERR" : code === BUS_MCEERR_AR ? "MCEERR" : "?";
}

function errorName(errno: number): string {
  return ERROR_NAMES[errno] ?? `E${errno}`;
}

function vecText(vec: Uint8Array): string {
  return Array.from(vec, (byte) => byte & 1).join("");
}
