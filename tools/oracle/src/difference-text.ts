/** Says what differs inside a field, so that a person sees it at once. */
import { isDeepStrictEqual } from "node:util";
import { type Difference } from "./compare.ts";
import { isObject, type Json } from "./observations.ts";
import { collectRunDifferences, parseRuns } from "./runs.ts";

/** Most lines of detail for one field. */
const MAX_DETAILS = 8;
const ABSENT = "nothing";

/** A heading and the details below it, without newlines at the end. */
export function differenceText(difference: Difference): string {
  const { scriptName, line, process, op, key, expected, actual } = difference;
  const what = op === "" ? "snap" : op;
  const heading = `${scriptName}:${line}: ${process === "" ? "" : `${process}: `}${what}: ${key}`;
  const details = detailsOf(key, expected, actual);
  const shown = details.slice(0, MAX_DETAILS);
  if (details.length > MAX_DETAILS) shown.push(`... and ${details.length - MAX_DETAILS} more`);
  return [heading, ...shown.map((detail) => `    ${detail}`)].join("\n");
}

function detailsOf(key: string, expected: Json | undefined, actual: Json | undefined): string[] {
  const whole = [versus(expected, actual)];
  if (expected === undefined || actual === undefined) return whole;
  const details = DETAILS[key]?.(expected, actual) ?? [];
  return details.length === 0 ? whole : details;
}

type Details = (expected: Json, actual: Json) => string[];

const DETAILS: Readonly<Record<string, Details | undefined>> = {
  maps: (expected, actual) => listDetails(expected, actual, mapText),
  smaps: smapsDetails,
  pagemap: runDetails,
  mapcount: runDetails,
  kpf: runDetails,
  lru: runDetails,
  status: (expected, actual) => keyDetails("", expected, actual),
  numa_maps: (expected, actual) => listDetails(expected, actual, valueText),
  vec: vecDetails,
};

/** A VMA as /proc/PID/maps has it: `A+0-A+8 rw-p f0 4`. */
function mapText(vma: Json): string {
  if (!Array.isArray(vma)) return valueText(vma);
  const [start, end, ...rest] = vma as readonly Json[];
  return [`${plain(start)}-${plain(end)}`, ...rest.map(plain)].join(" ");
}

/** Entries that only one side has, in the order of the lists. */
function listDetails(expected: Json, actual: Json, text: (entry: Json) => string): string[] {
  if (!Array.isArray(expected) || !Array.isArray(actual)) return [];
  const theirs = (expected as readonly Json[]).map(text);
  const ours = (actual as readonly Json[]).map(text);
  return [
    ...theirs.filter((entry) => !ours.includes(entry)).map((entry) => `expected ${entry}`),
    ...ours.filter((entry) => !theirs.includes(entry)).map((entry) => `got      ${entry}`),
  ];
}

/** Field by field of the VMAs that both sides have, whole VMAs that only one has. */
function smapsDetails(expected: Json, actual: Json): string[] {
  const theirs = vmasByPlace(expected);
  const ours = vmasByPlace(actual);
  const places = new Set([...theirs.keys(), ...ours.keys()]);
  return [...places].flatMap((at) => {
    const vma = theirs.get(at);
    const other = ours.get(at);
    if (vma === undefined || other === undefined) return [`${at}: ${versus(vma, other)}`];
    return keyDetails(`${at}: `, vma, other);
  });
}

function vmasByPlace(smaps: Json): Map<string, Json> {
  const vmas = Array.isArray(smaps) ? (smaps as readonly Json[]) : [];
  return new Map(vmas.map((vma) => [isObject(vma) ? plain(vma["at"] ?? "?") : valueText(vma), vma]));
}

/** Keys whose values differ. */
function keyDetails(prefix: string, expected: Json, actual: Json): string[] {
  if (!isObject(expected) || !isObject(actual)) return [];
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  const details: string[] = [];
  for (const key of keys) {
    const theirs = expected[key] as Json | undefined;
    const ours = actual[key] as Json | undefined;
    if (isDeepStrictEqual(theirs, ours)) continue;
    const isFlags = key === "VmFlags" && typeof theirs === "string" && typeof ours === "string";
    details.push(`${prefix}${key}: ${isFlags ? flagsText(theirs, ours) : versus(theirs, ours)}`);
  }
  return details;
}

/** What a list of flags lacks and has too much; the lists themselves when only the order differs. */
function flagsText(expected: string, actual: string): string {
  const theirs = expected.split(" ");
  const ours = actual.split(" ");
  const lacks = theirs.filter((flag) => !ours.includes(flag));
  const extra = ours.filter((flag) => !theirs.includes(flag));
  const parts = [
    ...(lacks.length === 0 ? [] : [`lacks ${lacks.join(" ")}`]),
    ...(extra.length === 0 ? [] : [`has ${extra.join(" ")} too much`]),
  ];
  return parts.length === 0
    ? versus(expected, actual)
    : `${parts.join(", ")} (expected ${valueText(expected)})`;
}

/** Pages that differ; where only the ends of runs do, that is said. */
function runDetails(expected: Json, actual: Json): string[] {
  const theirs = parseRuns(expected);
  const ours = parseRuns(actual);
  if (theirs === null || ours === null) return [];
  const details = collectRunDifferences(theirs, ours).map(
    (run) =>
      `${run.at}, ${pagesText(run.nrPages)}: ${versus(run.expected ?? undefined, run.actual ?? undefined)}`,
  );
  if (details.length > 0) return details;
  return [
    "the same pages, but runs end elsewhere (a run ends where its VMA does)",
    ...boundaryDetails(expected, actual),
  ];
}

function boundaryDetails(expected: Json, actual: Json): string[] {
  return listDetails(expected, actual, valueText);
}

function pagesText(nrPages: number): string {
  return nrPages === 1 ? "1 page" : `${nrPages} pages`;
}

/** Both vectors below each other: the eye finds the page. */
function vecDetails(expected: Json, actual: Json): string[] {
  return [`expected ${valueText(expected)}`, `got      ${valueText(actual)}`];
}

function versus(expected: Json | undefined, actual: Json | undefined): string {
  return `expected ${valueText(expected)}, got ${valueText(actual)}`;
}

function valueText(value: Json | undefined): string {
  return value === undefined ? ABSENT : JSON.stringify(value);
}

function plain(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
