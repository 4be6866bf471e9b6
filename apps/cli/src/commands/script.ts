/** `pageframe script`: runs a script of memory operations on the model and prints what each did, as the recorder does on Linux. */
import { readFileSync } from "node:fs";
import { type KernelConfigInput } from "@pageframe/kernel";
import {
  explainLine,
  observationLine,
  parseScript,
  type Script,
  ScriptError,
  ScriptRunner,
} from "@pageframe/script";
import { readConfigFile } from "../config-file.ts";
import { runError, systemSentence, usageError } from "../errors.ts";
import { explanationText } from "../explanation-text.ts";
import { breathe, type Io } from "../io.ts";

/** Options of `script`. */
export interface ScriptOptions {
  /** Line to explain, from 1. */
  readonly explain?: number;
  readonly config?: string;
}

/** Lines between two looks at whether the user has interrupted. */
const LINES_PER_BREATH = 64;

/** Runs the command. */
export async function scriptCommand(path: string, options: ScriptOptions, io: Io): Promise<void> {
  const script = readScript(path);
  const machine = machineOf(options.config);
  if (options.explain !== undefined) {
    io.stdout.write(explain(script, options.explain, machine));
    return;
  }
  const runner = new ScriptRunner(script, { machine });
  for (let nrSteps = 1; runner.nextLine !== null; nrSteps++) {
    const observation = runner.step();
    if (observation !== null) io.stdout.write(`${observationLine(observation)}\n`);
    if (nrSteps % LINES_PER_BREATH === 0) await breathe(io);
  }
  if (runner.notModelled !== null) {
    const { line, reason } = runner.notModelled;
    throw runError(`${path}:${line}: ${reason}`, "the lines before it were run, those behind it were not");
  }
}

/** Explains a line. Throws a usage error for one that holds no operation, a run error for one that is not reached. */
function explain(script: Script, number: number, machine: KernelConfigInput): string {
  const { fileName, lines } = script;
  if (!lines.some((line) => line.number === number)) {
    const last = lines.at(-1)?.number ?? 0;
    throw usageError(`${fileName}:${number}: there is no operation; the last is in line ${last}`);
  }
  const explanation = explainLine(script, number, { machine });
  if ("faults" in explanation && explanation.notModelled === null) return explanationText(explanation);
  const { line, reason } = "faults" in explanation ? explanation.notModelled! : explanation;
  throw runError(`${fileName}:${line}: ${reason}`, `so line ${number} cannot be explained`);
}

/** Reads and parses a script. Throws usage errors. */
function readScript(path: string): Script {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw usageError(`script ${path} cannot be read: ${systemSentence(error)}`);
  }
  try {
    return parseScript(text, path);
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    const { problemLines } = error;
    if (problemLines.length === 1) throw usageError(problemLines[0]);
    throw usageError(
      `script ${path} has ${problemLines.length} lines that cannot be read:`,
      "",
      problemLines,
    );
  }
}

/** The settings of a file, for bootKernel. */
function machineOf(path: string | undefined): KernelConfigInput {
  if (path === undefined) return {};
  const { memorySizes, kernel } = readConfigFile(path);
  if (memorySizes === null) return kernel;
  const [memory] = memorySizes;
  if (memorySizes.length > 1 || memory.kind === "percent") {
    const texts = memorySizes.map(({ text }) => text).join(",");
    throw usageError(`config ${path}: a script runs on one machine, and memory "${texts}" is not one size`);
  }
  return { ...kernel, memory: memory.text };
}
