/** How the records of one directory are compared: what their kernel shows, and what is left out for it. */
import { STATUS_FIELDS } from "@pageframe/script";
import { type LeftOut, type LeftOutHere, leftOutReasons } from "./left-out.ts";
import { type Machine, readMachine } from "./machine.ts";
import { type Observation } from "./observations.ts";
import { type Shown, SHOWN_BY_MODEL, shownByRecords } from "./shown.ts";

/** Of one directory. */
export interface Circumstances extends LeftOutHere {
  readonly shown: Shown;
  readonly machine: Machine | null;
  /** What is left out and why, a sentence each. */
  readonly sentences: readonly string[];
}

/** What is left out where a kernel shows something else than the model. */
const LEFT_OUT: Readonly<Record<keyof Shown, LeftOut>> = {
  softDirty: "soft-dirty",
  guardVmFlag: "guard-flag",
  ksmFlagOnAnonymous: "ksm-flag",
};
/** Memory and swap of the machine behind the shared records, which the model's has, and how far another may be off. */
const MEM_TOTAL_KB = 990_130;
const SWAP_TOTAL_KB = 65_532;
const SIZE_TOLERANCE = 0.05;
const OTHER_MACHINE = "another machine than that of the shared records";

/**
 * Looks at the machine that `directory` tells of, and at its records for what that leaves open. `ignored` is left out
 * anyway. Throws InputError.
 */
export function circumstancesOf(
  directory: string,
  records: readonly (readonly Observation[])[],
  ignored: readonly LeftOut[],
): Circumstances {
  const machine = readMachine(directory);
  const found = shownByRecords(records);
  const shown: Shown = { ...SHOWN_BY_MODEL, ...found.shown, ...machine?.shown };
  const names = new Set<LeftOut>(ignored);
  const sentences = new Map(ignored.map((name) => [name, sentenceOf(name, "as asked for")]));
  const leaveOut = (name: LeftOut, because: string): void => {
    names.add(name);
    if (!sentences.has(name)) sentences.set(name, sentenceOf(name, because));
  };
  for (const key of Object.keys(LEFT_OUT) as (keyof Shown)[]) {
    if (shown[key] === SHOWN_BY_MODEL[key]) continue;
    const isSaid = machine?.shown[key] !== undefined;
    leaveOut(
      LEFT_OUT[key],
      isSaid ? "machine.json says so" : `the records ${shown[key] ? "have some" : "have none"}`,
    );
  }
  // The model begins with the counters of the recorder behind the shared records, and with its program in memory.
  if (machine !== null || names.size > ignored.length) {
    leaveOut("VmHWM", OTHER_MACHINE);
    if (records.some((record) => record.some(({ fields }) => fields.has("lru")))) {
      leaveOut("zero-page", OTHER_MACHINE);
    }
  }
  if (machine !== null && !hasSizesOfModel(machine)) leaveOut("oom_score", "machine.json says so");
  const statusKeys = found.statusKeys ?? new Set<string>();
  const lacking = STATUS_FIELDS.filter((key) => !statusKeys.has(key));
  if (statusKeys.size > 0 && lacking.length > 0) leaveOut("status", `no record has ${lacking.join(", ")}`);
  return { shown, machine, names, statusKeys, sentences: [...sentences.values()] };
}

function sentenceOf(name: LeftOut, because: string): string {
  return `Left out: ${name} (${leftOutReasons[name]}; ${because}).`;
}

function hasSizesOfModel({ memTotalKb, swapTotalKb }: Machine): boolean {
  return isNear(memTotalKb, MEM_TOTAL_KB) && isNear(swapTotalKb, SWAP_TOTAL_KB);
}

function isNear(sizeKb: number | null, wantedKb: number): boolean {
  return sizeKb === null || Math.abs(sizeKb - wantedKb) <= wantedKb * SIZE_TOLERANCE;
}
