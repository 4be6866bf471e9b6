/** What kernels and recorders show in different ways, and how it is taken out of observations. */
import { isObject, type Json, type Observation } from "./observations.ts";
import { joinRuns, parseRuns, runsToJson } from "./runs.ts";

/** What can be left out, and why one would. */
export const leftOutReasons = {
  "soft-dirty": "a kernel without soft-dirty writes neither d in pagemap nor sd in VmFlags",
  "guard-flag": "kernels before 6.18.20 or so have no gu in VmFlags",
  "ksm-flag": "early 6.18 kernels set K in kpageflags on every anonymous page",
  VmHWM: "the high-water mark comes from per-CPU counters, and what was in them before is the recorder's own",
  "zero-page":
    "each use of the page of zeros by the kernel flips its r, and what came before the script is not known",
  oom_score:
    "the score is a share of memory and swap, of which the recorded machine has not as much as the model's",
  status: "lines that the recorded kernel's status does not have",
} as const;

export type LeftOut = keyof typeof leftOutReasons;

/** Names of what can be left out. */
export const leftOutNames = Object.keys(leftOutReasons) as readonly LeftOut[];

/** Which of a directory's observations are left out. */
export interface LeftOutHere {
  readonly names: ReadonlySet<LeftOut>;
  /** Keys of status that stay, for the name `status`. */
  readonly statusKeys: ReadonlySet<string>;
}

/**
 * The observation without those. Runs of pages that are equal then are joined, also where two VMAs meet, so both sides
 * of a comparison must go through here.
 */
export function leaveOut(observation: Observation, { names, statusKeys }: LeftOutHere): Observation {
  if (names.size === 0) return observation;
  const fields = new Map(observation.fields);
  if (names.has("soft-dirty")) stripLetter(fields, "pagemap", "d");
  if (names.has("ksm-flag")) stripLetter(fields, "kpf", "K");
  // It is the one page on no list that has r and nothing else.
  if (names.has("zero-page")) mapRuns(fields, "lru", (text) => (text === "r" ? "-" : text));
  const vmFlags = new Set([
    ...(names.has("soft-dirty") ? ["sd"] : []),
    ...(names.has("guard-flag") ? ["gu"] : []),
  ]);
  const smaps = fields.get("smaps");
  if (Array.isArray(smaps)) {
    fields.set(
      "smaps",
      (smaps as readonly Json[]).map((vma) => withoutVmFlags(vma, vmFlags)),
    );
  }
  if (names.has("oom_score")) fields.delete("oom_score");
  const status = fields.get("status");
  if (isObject(status)) {
    const isKept = (key: string): boolean =>
      !(key === "VmHWM" && names.has("VmHWM")) && !(names.has("status") && !statusKeys.has(key));
    fields.set("status", Object.fromEntries(Object.entries(status).filter(([key]) => isKept(key))));
  }
  return { ...observation, fields };
}

function stripLetter(fields: Map<string, Json>, key: string, letter: string): void {
  mapRuns(fields, key, (text) => text.replaceAll(letter, ""));
}

function mapRuns(fields: Map<string, Json>, key: string, change: (text: string) => string): void {
  const runs = parseRuns(fields.get(key));
  if (runs === null) return;
  const changed = runs.map((run) => ({ ...run, text: change(run.text) }));
  fields.set(key, runsToJson(joinRuns(changed)));
}

function withoutVmFlags(vma: Json, names: ReadonlySet<string>): Json {
  if (!isObject(vma)) return vma;
  const { VmFlags: flags } = vma;
  if (typeof flags !== "string") return vma;
  const kept = flags.split(" ").filter((flag) => !names.has(flag));
  return { ...vma, VmFlags: kept.join(" ") };
}
