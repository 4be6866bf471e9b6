/** What the suite prints and writes. */
import CliTable from "cli-table3";
import colors from "picocolors";
import { type CaseResult, type Side, type Spread } from "./case-result.ts";
import { type HostFacts } from "./host-facts.ts";
import { type Scale } from "./bench-case.ts";

/** Everything that a run of the suite found. */
export interface SuiteReport {
  /** When the suite began, ISO 8601. */
  readonly date: string;
  readonly host: HostFacts;
  readonly scale: Scale;
  readonly nrRuns: number;
  readonly cases: readonly CaseResult[];
}

const HEADINGS = ["case", "unit", "JS", "C", "JS/C", "range", "target", "", "spread JS", "C"];
const NO_BORDERS = {
  ...{ "top-mid": "", "top-left": "", "top-right": "", bottom: "", "bottom-mid": "", "bottom-left": "" },
  ...{ "bottom-right": "", left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "" },
  ...{ top: "", middle: "  " },
};

/** A table for people. */
export function reportText({ host, scale, nrRuns, cases }: SuiteReport): string {
  const right = { hAlign: "right" as const };
  const table = new CliTable({
    head: HEADINGS.map((heading) => colors.bold(heading)),
    colAligns: ["left", "left", "right", "right", "right", "right", "right", "left", "right", "right"],
    chars: NO_BORDERS,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const { name, unit, js, c, ratio, target, verdict } of cases) {
    const goal = target === null ? "" : `≥ ${target.atLeast}${target.of === "C" ? " of C" : ""}`;
    const cells = [shown(js.median), c === null ? "" : shown(c.median), ...ratioCells(ratio), goal];
    table.push([
      name,
      unit,
      ...cells.map((content) => ({ content, ...right })),
      verdictText(verdict),
      ...[spreadText(js), spreadText(c)].map((content) => ({ content, ...right })),
    ]);
  }
  return [
    `Node ${host.node}, ${host.platform}, ${host.cpuModel}, ${host.nrCores} cores, load ${host.loadAverage}; ${
      host.compiler ?? "no C compiler"
    }`,
    `Medians of ${nrRuns} ${nrRuns === 1 ? "run" : "runs"} in turn, one process each, processor time${
      scale === "full" ? "" : `; ${scale} sizes: for a look, not for numbers`
    }.`,
    "",
    table.toString(),
  ].join("\n");
}

function ratioCells(ratio: Spread | null): [string, string] {
  if (ratio === null) return ["", ""];
  return [ratio.median.toFixed(2), `${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)}`];
}

function verdictText(verdict: CaseResult["verdict"]): string {
  if (verdict === null) return "";
  return verdict === "met" ? colors.green(verdict) : colors.yellow(verdict);
}

function spreadText(side: Side | null): string {
  return side === null || side.values.length === 1 ? "" : `${side.spreadPercent.toFixed(0)} %`;
}

/** Three significant digits. */
function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
