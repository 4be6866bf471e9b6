/** `[start, count, text]` runs of pages, as pagemap, kpf, lru and mapcount have them. */
import { type Json } from "./observations.ts";
import { parsePlace, placeText } from "./places.ts";

/** Pages in a row with the same text. */
export interface Run {
  readonly anchor: string;
  readonly start: number;
  readonly nrPages: number;
  readonly text: string;
}

/** Pages in a row where two lists of runs say different things; null where a list says nothing. */
export interface RunDifference {
  readonly at: string;
  readonly nrPages: number;
  readonly expected: string | null;
  readonly actual: string | null;
}

/** Reads runs; null when the value is no list of them. */
export function parseRuns(value: Json | undefined): Run[] | null {
  if (!Array.isArray(value)) return null;
  const runs: Run[] = [];
  for (const item of value as readonly Json[]) {
    if (!Array.isArray(item)) return null;
    const [at, nrPages, text] = item as readonly Json[];
    if (typeof at !== "string" || typeof nrPages !== "number" || typeof text !== "string") return null;
    const place = parsePlace(at);
    if (place === null) return null;
    runs.push({ anchor: place.anchor, start: place.page, nrPages, text });
  }
  return runs;
}

/** Writes runs as observations do. */
export function runsToJson(runs: readonly Run[]): Json {
  return runs.map(({ anchor, start, nrPages, text }) => [placeText({ anchor, page: start }), nrPages, text]);
}

/** Joins neighbours with the same text, and drops runs whose text is empty. */
export function joinRuns(runs: readonly Run[]): Run[] {
  const joined: Run[] = [];
  for (const run of runs) {
    if (run.text === "") continue;
    const last = joined.at(-1);
    const isNext = last?.anchor === run.anchor && last.start + last.nrPages === run.start;
    if (isNext && last.text === run.text) {
      joined[joined.length - 1] = { ...last, nrPages: last.nrPages + run.nrPages };
    } else {
      joined.push(run);
    }
  }
  return joined;
}

/** Collects the pages where two lists of runs differ, in order of address. Cost grows with runs, not with pages. */
export function collectRunDifferences(expected: readonly Run[], actual: readonly Run[]): RunDifference[] {
  const anchors = new Set([...expected, ...actual].map(({ anchor }) => anchor));
  return [...anchors].flatMap((anchor) => differencesAt(anchor, expected, actual));
}

function differencesAt(anchor: string, expected: readonly Run[], actual: readonly Run[]): RunDifference[] {
  const ours = { expected: sorted(anchor, expected), actual: sorted(anchor, actual) };
  const cuts = new Set(
    [...ours.expected, ...ours.actual].flatMap((run) => [run.start, run.start + run.nrPages]),
  );
  const edges = [...cuts].sort((left, right) => left - right);
  const found: { start: number; nrPages: number; expected: string | null; actual: string | null }[] = [];
  const cursor = { expected: 0, actual: 0 };
  for (let edge = 0; edge + 1 < edges.length; edge++) {
    const start = edges[edge];
    const nrPages = edges[edge + 1] - start;
    const texts = { expected: null as string | null, actual: null as string | null };
    for (const side of ["expected", "actual"] as const) {
      const runs = ours[side];
      while (cursor[side] < runs.length && runs[cursor[side]].start + runs[cursor[side]].nrPages <= start) {
        cursor[side]++;
      }
      const run = runs.at(cursor[side]);
      if (run !== undefined && run.start <= start) texts[side] = run.text;
    }
    if (texts.expected === texts.actual) continue;
    const last = found.at(-1);
    const isNext = last !== undefined && last.start + last.nrPages === start;
    if (isNext && last.expected === texts.expected && last.actual === texts.actual) {
      last.nrPages += nrPages;
    } else {
      found.push({ start, nrPages, ...texts });
    }
  }
  return found.map(({ start, ...rest }) => ({ at: placeText({ anchor, page: start }), ...rest }));
}

function sorted(anchor: string, runs: readonly Run[]): Run[] {
  return runs.filter((run) => run.anchor === anchor).sort((left, right) => left.start - right.start);
}
