/** `pageframe record`: runs a program under Valgrind's lackey and compiles the trace while it runs. */
import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";
import { type Readable } from "node:stream";
import { LackeyReader } from "@pageframe/trace";
import { isSystemError, runError, systemSentence } from "../errors.ts";
import { Interrupted, type Io } from "../io.ts";
import { OutputFile } from "../output-file.ts";
import { describeStored, storeTrace } from "./compile.ts";

/** Options of `record`. */
export interface RecordOptions {
  readonly output?: string;
}

/** How a child process ended. */
interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const VALGRIND = "valgrind";
/** Descriptor that Valgrind writes to: out of the way of those that programs count on getting. */
const LOG_FD = 99;
/** How long to wait for a log that something holds open after the program has ended. */
const LINGER_MS = 500;

const HOW_TO_INSTALL =
  "install it: apt install valgrind (Debian, Ubuntu), dnf install valgrind (Fedora), brew install valgrind (Homebrew)";

/** Runs the command. The trace is written also when the program fails; that is reported then. */
export async function recordCommand(
  command: readonly string[],
  options: RecordOptions,
  io: Io,
): Promise<void> {
  const path = options.output ?? `${basename(command[0])}.pft.gz`;
  const output = await OutputFile.start(path);
  try {
    const reader = new LackeyReader({ sourceName: "valgrind's log" });
    const ending = await trace(command, reader, io);
    const outcome = describeEnding(ending);
    let source;
    try {
      source = reader.end();
    } catch (error) {
      if (outcome === "") throw error;
      throw runError(
        `"${command.join(" ")}" ${outcome} before anything could be traced`,
        "does it run by itself?",
      );
    }
    const nrBytes = await storeTrace(source, output);
    io.stderr.write(`${describeStored(source, path, nrBytes)}\n`);
    if (outcome !== "") {
      throw runError(`"${command.join(" ")}" ${outcome}`, `${path} holds the trace up to there`);
    }
  } finally {
    await output.discard();
  }
}

/** Runs the program; its input and output are the user's. Feeds the log to `reader` as it comes. */
async function trace(command: readonly string[], reader: LackeyReader, io: Io): Promise<Ending> {
  const child = await start(command, io);
  const ended = new Promise<Ending>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  // An interrupt from a terminal reaches the program by itself; what it did until then is worth keeping.
  const passOn = (): void => {
    const { reason } = io.interrupt as { reason: unknown };
    if (reason instanceof Interrupted && reason.signal === "SIGTERM") child.kill("SIGTERM");
  };
  io.interrupt.addEventListener("abort", passOn);
  try {
    await readLog((child.stdio as readonly unknown[])[LOG_FD] as Readable, reader, ended);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    io.interrupt.removeEventListener("abort", passOn);
  }
  return await ended;
}

/** Reads whole lines of the log until it ends: a program that is killed may leave half a line. */
async function readLog(log: Readable, reader: LackeyReader, ended: Promise<Ending>): Promise<void> {
  let halfLine = Buffer.alloc(0);
  let lastReadMs = performance.now();
  // Something that the program left in the background may hold the log open: all that was traced is in it by then.
  void ended.then(() => {
    if (log.destroyed) return;
    const poll = setInterval(() => {
      if (log.destroyed) clearInterval(poll);
      else if (performance.now() - lastReadMs > LINGER_MS) log.destroy();
    }, LINGER_MS / 5);
  });
  await new Promise<void>((resolve, reject) => {
    log.on("data", (chunk: Buffer) => {
      lastReadMs = performance.now();
      const end = chunk.lastIndexOf("\n") + 1;
      try {
        if (end > 0) {
          reader.push(Buffer.concat([halfLine, chunk.subarray(0, end)]));
          halfLine = Buffer.from(chunk.subarray(end));
        } else {
          halfLine = Buffer.concat([halfLine, chunk]);
        }
      } catch (error) {
        // Comes back as the stream's error.
        log.destroy(error as Error);
      }
    });
    log.on("error", reject);
    log.on("close", resolve);
  });
}

/** Starts Valgrind. Throws a run error when there is none. */
async function start(command: readonly string[], io: Io): Promise<ChildProcess> {
  const valgrindArgs = [
    "--tool=lackey",
    "--trace-mem=yes",
    "--trace-syscalls=yes",
    // A forked child would write its accesses among its parent's.
    "--child-silent-after-fork=yes",
    `--log-fd=${LOG_FD}`,
    "--",
    ...command,
  ];
  const stdio: ("inherit" | "ignore" | "pipe")[] = ["inherit", "inherit", "inherit"];
  while (stdio.length < LOG_FD) stdio.push("ignore");
  stdio.push("pipe");
  const child = spawn(VALGRIND, valgrindArgs, { stdio, env: { ...io.env } });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => {
      reject(
        isSystemError(error, "ENOENT")
          ? runError('"valgrind" was not found; recording needs its tool lackey', HOW_TO_INSTALL)
          : runError(`valgrind cannot be started: ${systemSentence(error)}`, HOW_TO_INSTALL),
      );
    });
  });
  return child;
}

function describeEnding({ code, signal }: Ending): string {
  if (signal !== null) return `was ended by ${signal}`;
  return code === 0 ? "" : `exited with status ${code ?? "unknown"}`;
}
