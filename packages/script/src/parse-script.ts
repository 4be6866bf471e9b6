/** Reads the text of a script. */
import { OPERATIONS } from "./operations.ts";
import { type Operation, type Script, type ScriptLine } from "./script.ts";
import { ScriptError, type ScriptProblem } from "./script-error.ts";
import { BadWord, MAX_WORDS, Words } from "./words.ts";

/** The process that a script begins in. */
export const FIRST_PROCESS = "P0";
/** Processes, and files, that a script has at most. */
const MAX_PROCESSES = 16;
const MAX_FILES = 16;

/** Names that lines before have made. */
interface KnownNames {
  readonly files: string[];
  readonly processes: string[];
}

/**
 * Reads a script: one operation a line, `#` begins a comment. Throws ScriptError with every bad line: a word that does not fit, an
 * operation that is not known, a file or a process that no line before has made.
 */
export function parseScript(text: string, fileName: string): Script {
  const lines: ScriptLine[] = [];
  const problems: ScriptProblem[] = [];
  const names: KnownNames = { files: [], processes: [FIRST_PROCESS] };
  text.split("\n").forEach((whole, at) => {
    const content = whole.replace(/\r$/, "").replace(/#.*/, "");
    const words = content.split(/[ \t]+/).filter((word) => word !== "");
    if (words.length === 0) return;
    const number = at + 1;
    try {
      const operation = readOperation(words);
      checkNames(operation, names);
      lines.push({ number, text: content.replace(/ +$/, ""), operation });
    } catch (error) {
      if (!(error instanceof BadWord)) throw error;
      problems.push({ line: number, message: error.message });
    }
  });
  if (problems.length > 0) throw new ScriptError(fileName, problems);
  return { fileName, lines };
}

function readOperation(line: readonly string[]): Operation {
  if (!Object.hasOwn(OPERATIONS, line[0])) {
    const known = Object.keys(OPERATIONS).join(", ");
    throw new BadWord(`unknown operation "${line[0]}"; known: ${known}`);
  }
  if (line.length > MAX_WORDS)
    throw new BadWord(`"${line[MAX_WORDS]}" is word ${MAX_WORDS + 1}; a line has ${MAX_WORDS}`);
  const { usage, read } = OPERATIONS[line[0]];
  const words = new Words(line, usage);
  const operation = read(words);
  words.end();
  return operation;
}

/** Notes the file or process that an operation makes (a name of a process may be used again); what it uses must be there. */
function checkNames(operation: Operation, { files, processes }: KnownNames): void {
  if (operation.name === "file") {
    if (files.includes(operation.file)) {
      throw new BadWord(`"${operation.file}" is a file already; expected a new name`);
    }
    makeName("file", operation.file, files, MAX_FILES);
  } else if (operation.name === "fork") {
    makeName("process", operation.process, processes, MAX_PROCESSES);
  } else if ("process" in operation) {
    findName("process", operation.process, processes);
  } else if ("file" in operation && operation.file !== null) {
    findName("file", operation.file, files);
  }
}

function makeName(what: string, name: string, known: string[], nrMost: number): void {
  if (known.length === nrMost)
    throw new BadWord(`"${name}" is ${what} ${nrMost + 1}; a script has at most ${nrMost}`);
  known.push(name);
}

function findName(what: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const expected = known.length === 0 ? `one that a line before makes` : `one of ${known.join(", ")}`;
  throw new BadWord(`"${name}" is no ${what}; expected ${expected}`);
}
