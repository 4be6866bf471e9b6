import ts from "typescript";

/** One ```ts block of a README. */
export interface Example {
  /** Counts from 1 within its file. */
  readonly block: number;
  /** Line of the README that holds the first line of code; counts from 1. */
  readonly line: number;
  readonly code: string;
}

/** A `console.log(...); // text` in an example: what must be printed whenever it runs. */
export interface Expectation {
  /** Line of the README. */
  readonly line: number;
  readonly text: string;
}

/** An example made ready to run: each console.log reports the README line it stands on. */
export interface Instrumented {
  readonly code: string;
  readonly expectations: readonly Expectation[];
}

/** Takes the README line of a call and the arguments given to console.log there. */
export type Report = (line: number, ...args: unknown[]) => void;

/** Name of the {@link Report} function that an instrumented example finds on globalThis. */
export const REPORT_NAME = "__pageframeReadmeReport";

/** Collects the blocks fenced as ```ts (or ```typescript) of a README. */
export function collectExamples(markdown: string): Example[] {
  const examples: Example[] = [];
  const lines = markdown.split("\n");
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(`{3,})\s*(\S*)/.exec(lines[at]);
    if (fence === null) continue;
    const [, ticks, language] = fence;
    const first = at + 1;
    for (at = first; at < lines.length && !lines[at].startsWith(ticks); at++);
    if (language !== "ts" && language !== "typescript") continue;
    examples.push({
      block: examples.length + 1,
      line: first + 1,
      code: lines.slice(first, at).join("\n"),
    });
  }
  return examples;
}

/**
 * Replaces each `console.log` of an example by a report of its README line, and reads the comment that ends the
 * line of the statement as the text it must print. Nothing else changes, line numbers included.
 */
export function instrument(example: Example): Instrumented {
  const { code } = example;
  const file = ts.createSourceFile("example.ts", code, ts.ScriptTarget.Latest, true);
  const expectations: Expectation[] = [];
  let out = "";
  let copied = 0;
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.getText(file) === "console.log") {
      const line = example.line + file.getLineAndCharacterOfPosition(node.getStart(file)).line;
      const open = code.indexOf("(", node.expression.end) + 1;
      const call = `globalThis.${REPORT_NAME}(${line}, `;
      out += code.slice(copied, node.getStart(file)) + call;
      copied = open;
      const comment = ts
        .getTrailingCommentRanges(code, ts.isExpressionStatement(node.parent) ? node.parent.end : node.end)
        ?.find((range) => range.kind === ts.SyntaxKind.SingleLineCommentTrivia);
      if (comment) expectations.push({ line, text: code.slice(comment.pos + 2, comment.end).trim() });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { code: out + code.slice(copied), expectations };
}

/**
 * Compares what an example printed with what its comments promise. Returns one sentence for each difference.
 * An expected line may run several times (in a loop) and must then print the same text each time.
 */
export function compare(
  where: string,
  expectations: readonly Expectation[],
  printed: readonly Expectation[],
): string[] {
  return expectations.flatMap(({ line, text }) => {
    const got = printed.filter((entry) => entry.line === line).map((entry) => entry.text.trim());
    if (got.length > 0 && got.every((entry) => entry === text)) return [];
    const wrong = got.find((entry) => entry !== text) ?? "nothing: the line did not run";
    return [`${where}, line ${line}\n  expected: ${text}\n  got:      ${wrong}`];
  });
}
