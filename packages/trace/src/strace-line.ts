/**
 * Takes a line of strace apart. Cold: per line.
 *
 *     PID TIME (+ RELATIVE) [ NR] [IP] NAME(ARGUMENTS) = RESULT <DURATION>
 *     [pid PID] NAME(ARGUMENTS <unfinished ...>
 *     [pid PID] <... NAME resumed>ARGUMENTS) = RESULT
 *     PID --- SIGNAL {...} ---
 *     PID +++ exited with STATUS +++
 *     strace: Process PID attached
 *
 * Everything before the name is there or not, as the options -f, -t, -r, -n, -i say.
 * Source: strace(1); strace 6.1 src/strace.c, printleader(), src/syscall.c, print_syscall_exit().
 */

/** What the first characters of a line say besides what happened. */
const PREFIX = new RegExp(
  "^(?:\\[pid +(\\d+)(?:<[^>]*>)?\\] +|(\\d+)(?:<[^>]*>)? +)?" +
    " *(?:\\d+:\\d\\d:\\d\\d(?:\\.\\d+)? +|\\d+\\.\\d+ +)?" +
    "(?:\\(\\+ *\\d+\\.\\d+\\) +)?" +
    "(?:\\[ *\\d+\\] +)?(?:\\[[0-9a-f?]+\\] +)?",
);
const CALL = /^([a-z_]\w*|\?+)\(/;
const UNFINISHED = /\s*<(?:unfinished|detached) \.\.\.>(?:\) += \?)?\s*$/;

/** A line taken apart. `pid` is empty when the line names none. */
export type StraceLine =
  | {
      readonly kind: "call";
      readonly pid: string;
      readonly name: string;
      readonly args: string;
      readonly result: string;
    }
  | { readonly kind: "unfinished"; readonly pid: string; readonly name: string; readonly args: string }
  | { readonly kind: "resumed"; readonly pid: string; readonly name: string; readonly rest: string }
  | { readonly kind: "exited"; readonly pid: string; readonly status: number }
  | { readonly kind: "killed"; readonly pid: string; readonly signal: string }
  | { readonly kind: "superseded"; readonly pid: string; readonly byPid: string }
  | { readonly kind: "attached"; readonly pid: string }
  /** A signal, a remark of strace, a line of a stack (-k): nothing to do. */
  | { readonly kind: "other" }
  /** The table of -C: the rest of the text is no calls. */
  | { readonly kind: "summary" }
  | { readonly kind: "malformed"; readonly expected: string };

const OTHER: StraceLine = { kind: "other" };
const EXPECTED_LINE =
  "'NAME(ARGUMENTS) = RESULT', '<... NAME resumed>', '--- SIGNAL ---' or '+++ exited with STATUS +++'";

/** Takes apart a line that is not empty. */
export function parseStraceLine(line: string): StraceLine {
  const prefix = PREFIX.exec(line)!;
  const pid = prefix.at(1) ?? prefix.at(2) ?? "";
  const text = line.slice(prefix[0].length);
  const call = CALL.exec(text);
  if (call !== null) return parseCall(pid, call[1], text.slice(call[0].length));
  const resumed = /^<\.\.\. (\w+|\?+) resumed> ?/.exec(text);
  if (resumed !== null)
    return { kind: "resumed", pid, name: resumed[1], rest: text.slice(resumed[0].length) };
  if (text.startsWith("+++ ")) return parseEnd(pid, text);
  if (/^--- .* ---$/.test(text)) return OTHER;
  const attached = /^(?:strace: )?Process (\d+) attached/.exec(text);
  if (attached !== null) return { kind: "attached", pid: attached[1] };
  if (/^strace: |^(?:strace: )?Process \d+ |^\[ Process PID=/.test(text) || line.startsWith(" > "))
    return OTHER;
  if (line.startsWith("% time ")) return { kind: "summary" };
  return { kind: "malformed", expected: EXPECTED_LINE };
}

/** Takes apart what follows the parenthesis of a call: also of one put together from two lines. */
export function parseCall(pid: string, name: string, text: string): StraceLine {
  if (UNFINISHED.test(text)) return { kind: "unfinished", pid, name, args: text.replace(UNFINISHED, "") };
  // The last parenthesis before an equals sign: strings may hold others.
  const end = /^(.*)\)\s*= (.*?)(?: <\d+\.\d+>)?$/s.exec(text);
  if (end === null)
    return { kind: "malformed", expected: `') = RESULT' or '<unfinished ...>' after ${name}(` };
  return { kind: "call", pid, name, args: end[1], result: end[2] };
}

function parseEnd(pid: string, text: string): StraceLine {
  const exited = /^\+\+\+ exited with (\d+) \+\+\+$/.exec(text);
  if (exited !== null) return { kind: "exited", pid, status: Number(exited[1]) };
  const killed = /^\+\+\+ killed by (\w+)(?: \(core dumped\))? \+\+\+$/.exec(text);
  if (killed !== null) return { kind: "killed", pid, signal: killed[1] };
  const superseded = /^\+\+\+ superseded by execve in pid (\d+) \+\+\+$/.exec(text);
  if (superseded !== null) return { kind: "superseded", pid, byPid: superseded[1] };
  return { kind: "malformed", expected: "'+++ exited with STATUS +++' or '+++ killed by SIGNAL +++'" };
}

/** How a call ended. */
export interface StraceResult {
  /** What it returned, NaN when it did not return. */
  readonly value: number;
  readonly hasFailed: boolean;
  /** Where what strace says of a returned descriptor starts in the text, -1 when it says nothing. */
  readonly targetAt: number;
}

/** Reads what stands behind the equals sign, or returns null when it is no result. */
export function parseStraceResult(text: string): StraceResult | null {
  const match = /^(0x[0-9a-f]+|-?\d+|\?)(<?)/.exec(text);
  if (match === null) return null;
  // -1 ENOENT (No such file or directory), ? ERESTARTSYS (To be restarted ...), -1 (errno 524)
  const hasFailed = /^(?:-\d+|\?) (?:E[A-Z0-9_]+|\(errno )/.test(text);
  const value = match[1] === "?" ? NaN : Number(match[1]);
  return { value, hasFailed, targetAt: match[2] === "<" ? match[0].length - 1 : -1 };
}

/** Tells whether a text is strace's from its first characters, a few hundred of them: its first line that says anything. */
export function isStraceText(start: string): boolean {
  const first = start.split("\n").find((line) => line.trim() !== "");
  if (first === undefined) return false;
  const text = first.slice(PREFIX.exec(first)![0].length);
  return CALL.test(text) || /^(?:<\.\.\. |\+\+\+ |--- SIG|strace: |% time |Process \d+ attached)/.test(text);
}
