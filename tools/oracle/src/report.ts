/** What the scoreboard prints. */
import { type Tallies, type Tally, totalOf } from "./compare.ts";
import { differenceText } from "./difference-text.ts";
import { kinds } from "./kinds.ts";
import { type Score } from "./scoreboard.ts";

/** Most places to name for one reason. */
const MAX_PLACES = 4;

/** The counts as JSON, and nothing else. */
export function jsonReport({ tallies }: Score): string {
  return `${JSON.stringify({ ...totalOf(tallies), byKind: tallies })}\n`;
}

/** The report for people: what could not be run, the first differences, the table. */
export function textReport(result: Score, nrDifferences: number): string {
  const sections = [
    crashText(result),
    notModelledText(result),
    differencesText(result, nrDifferences),
    tableText(result.tallies),
    summaryText(result),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

/** What the kernel itself was of two minds about; empty when nothing. */
export function twoAnswersText(fields: readonly string[]): string {
  if (fields.length === 0) return "";
  return `Left out, because the kernel gave two answers: ${fields.length} fields: ${fields.join(", ")}\n`;
}

function crashText({ scripts }: Score): string {
  return scripts
    .flatMap(({ name, crash }) =>
      crash === null ? [] : [`${name}:${crash.line}: the model failed: ${crash.message}`],
    )
    .join("\n");
}

/** One line a reason: a hundred scripts may lack the same. */
function notModelledText({ scripts }: Score): string {
  const places = new Map<string, string[]>();
  for (const { name, notModelled } of scripts) {
    if (notModelled === null) continue;
    const { line, reason } = notModelled;
    places.set(reason, [...(places.get(reason) ?? []), `${name}:${line}`]);
  }
  return [...places]
    .map(([reason, at]) => {
      const more = at.length > MAX_PLACES ? ` and ${at.length - MAX_PLACES} more` : "";
      return `not modelled from there on: ${reason}: ${at.slice(0, MAX_PLACES).join(", ")}${more}`;
    })
    .join("\n");
}

/** The first differences. What is missing because the model failed before is counted, but says nothing more. */
function differencesText({ differences, scripts }: Score, nrDifferences: number): string {
  const ends = new Map(scripts.map(({ name, crash }) => [name, crash?.line ?? Infinity]));
  const telling = differences.filter(({ scriptName, line }) => line < ends.get(scriptName)!);
  const shown = telling.slice(0, nrDifferences).map(differenceText);
  const nrHidden = telling.length - shown.length;
  if (nrHidden > 0) shown.push(`${nrHidden} more; --differences ${telling.length} prints all`);
  return shown.join("\n");
}

function tableText(tallies: Tallies): string {
  const total = totalOf(tallies);
  const rows = [
    ["kind", "equal", "different", "not modelled", "equal of modelled"],
    ...kinds.map((kind) => rowOf(kind, tallies[kind])),
    rowOf("total", total),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join("  "),
  );
  return lines.join("\n");
}

function rowOf(name: string, tally: Tally): string[] {
  const { equal, different, notModelled } = tally;
  return [name, String(equal), String(different), String(notModelled), percentText(equal, equal + different)];
}

/** Rounded down, so that only all of them are 100 %. */
function percentText(part: number, whole: number): string {
  if (whole === 0) return "-";
  return `${(Math.floor((part / whole) * 10000) / 100).toFixed(2)} %`;
}

function summaryText({ scripts, tallies, leftOut }: Score): string {
  const nrEqual = scripts.filter(
    ({ nrDifferent, notModelled, crash }) => nrDifferent === 0 && notModelled === null && crash === null,
  ).length;
  const { equal, different, notModelled } = totalOf(tallies);
  return [
    `${nrEqual} of ${scripts.length} scripts equal in every field; ${equal} of ${equal + different} fields equal` +
      (notModelled > 0 ? `, ${notModelled} not modelled` : ""),
    ...leftOut,
  ].join("\n");
}
