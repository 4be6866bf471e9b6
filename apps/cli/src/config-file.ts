/**
 * Reads a configuration file, YAML or JSON: the kernel's own settings, where `memory` may also be percentages and a
 * list, as on the command line. All mistakes are reported at once, each with its path and line.
 */
import { readFileSync } from "node:fs";
import { configProblems, type KernelConfigInput, kernelConfigSchema } from "@pageframe/kernel";
import { LineCounter, parseDocument, type Document, isMap, isNode, isScalar } from "yaml";
import { z } from "zod";
import { CliError, systemSentence, usageError } from "./errors.ts";
import { type MemorySize, parseMemorySizes } from "./memory-sizes.ts";
import { refuseOccupant } from "./seats.ts";

/** What a file holds: memory apart, because it needs the trace. */
export interface FileConfig {
  /** Null when the file does not say. */
  readonly memorySizes: readonly MemorySize[] | null;
  readonly kernel: Omit<KernelConfigInput, "memory">;
}

const fileSchema = kernelConfigSchema.extend({
  memory: z
    .string()
    .superRefine((text, context) => {
      try {
        parseMemorySizes(text);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        context.addIssue({ code: "custom", message: error.message });
      }
    })
    .optional(),
  seats: kernelConfigSchema.shape.seats
    .unwrap()
    .superRefine((seats, context) => {
      for (const [seat, name] of Object.entries(seats)) {
        const message = refuseOccupant(seat, name);
        if (message !== null) context.addIssue({ code: "custom", message, path: [seat] });
      }
    })
    .prefault({}),
});

/** Reads and checks a file. Throws a usage error with every mistake. */
export function readConfigFile(path: string): FileConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw usageError(`config ${path} cannot be read: ${systemSentence(error)}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    throw mistakes(
      path,
      faults.map(({ pos: [offset], message }) => {
        const { line, col } = lines.linePos(offset);
        return `${path}:${line}:${col}: ${message}`;
      }),
    );
  }
  return checkConfig(path, document, lines);
}

function checkConfig(path: string, document: Document, lines: LineCounter): FileConfig {
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch (error) {
    throw usageError(`config ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const checked = fileSchema.safeParse(value);
  if (!checked.success) {
    const found = checked.error.issues
      .flatMap(splitIssue)
      .map((issue) => ({ line: lineOf(document, lines, issue.path), problem: configProblems([issue])[0] }))
      .sort((a, b) => a.line - b.line);
    throw mistakes(
      path,
      found.map(({ line, problem }) => {
        return `${path}:${line}: ${problem.path === "" ? "" : `${problem.path}: `}${problem.message}`;
      }),
    );
  }
  const { memory, ...kernel } = value as { memory?: string } & Omit<KernelConfigInput, "memory">;
  return { memorySizes: memory === undefined ? null : parseMemorySizes(memory), kernel };
}

/** One issue for each unknown setting, which says what is known. */
function splitIssue(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "unrecognized_keys") return [issue];
  const message = `no such setting; expected one of ${knownKeys(issue.path).join(", ")}`;
  return issue.keys.map((key) => ({ ...issue, message, path: [...issue.path, key] }));
}

/** Settings that exist where `path` leads, from the schema. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: unknown = z.toJSONSchema(fileSchema, { io: "input" });
  for (const step of path) {
    const { properties, items } = schema as { properties?: Record<string, unknown>; items?: unknown };
    schema = typeof step === "number" ? items : properties?.[String(step)];
  }
  return Object.keys((schema as { properties?: object } | undefined)?.properties ?? {});
}

/** Line of the setting's name, or of what holds it when it is missing. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) break;
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else {
      node = document.getIn(path.slice(0, path.indexOf(step) + 1), true);
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    }
  }
  return lines.linePos(offset).line;
}

function mistakes(path: string, sentences: readonly string[]): CliError {
  if (sentences.length === 1) return usageError(sentences[0]);
  return usageError(
    `config ${path} has ${sentences.length} mistakes:`,
    "",
    sentences.map((sentence) => `  ${sentence}`),
  );
}
