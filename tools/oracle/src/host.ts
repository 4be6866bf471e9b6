/** Whether the machine that this runs on can record, and the recorder built on it. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { release } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "./input-error.ts";

const SOURCE_DIRECTORY = fileURLToPath(new URL("../recorder", import.meta.url));
const RECORDER = fileURLToPath(new URL("../.generated/recorder", import.meta.url));
/** As in recorder/Makefile: static and not position-independent, so that its address space is the same everywhere. */
const COMPILER_FLAGS = ["-std=gnu11", "-O2", "-static", "-no-pie"];
/** process_madvise() of oneself and PR_SET_VMA came by then. */
const OLDEST_KERNEL = [6, 1] as const;

/** What recording depends on. */
export interface Host {
  readonly platform: string;
  readonly arch: string;
  /** As `uname -r` has it. */
  readonly release: string;
  /** User id, or null where there are none. */
  readonly uid: number | null;
  /** A C compiler that answers, or null. */
  readonly compiler: string | null;
  /** Whether swap is on. */
  readonly hasSwap: boolean;
}

/** This machine. */
export function thisHost(): Host {
  return {
    platform: process.platform,
    arch: process.arch,
    release: release(),
    uid: process.getuid?.() ?? null,
    compiler: findCompiler(),
    hasSwap: readSwaps().trim().split("\n").length > 1,
  };
}

/** Collects what a host lacks for recording, a sentence each; empty when it can record. */
export function collectMissing(host: Host): string[] {
  if (host.platform !== "linux" || host.arch !== "x64") {
    return [`recording needs Linux on x86-64, this is ${host.platform} on ${host.arch}`];
  }
  const [major, minor] = host.release.split(".").map(Number);
  const isOld = major < OLDEST_KERNEL[0] || (major === OLDEST_KERNEL[0] && minor < OLDEST_KERNEL[1]);
  return [
    ...(isOld ? [`recording needs Linux ${OLDEST_KERNEL.join(".")} or later, this is ${host.release}`] : []),
    ...(host.uid === 0 ? [] : ["recording needs root, to read frame numbers from /proc/PID/pagemap"]),
    ...(host.compiler === null ? ["recording needs a C compiler: install gcc, or name one in $CC"] : []),
    ...(host.hasSwap
      ? []
      : ["recording needs swap, for pages to be paged out: mkswap a file of 64 MiB and swapon it"]),
  ];
}

/** Builds the recorder. Returns its path. Throws InputError with what the compiler says. */
export function buildRecorder(compiler: string): string {
  mkdirSync(dirname(RECORDER), { recursive: true });
  const sources = readdirSync(SOURCE_DIRECTORY)
    .filter((name) => name.endsWith(".c"))
    .map((name) => join(SOURCE_DIRECTORY, name));
  const { status, stderr } = spawnSync(compiler, [...COMPILER_FLAGS, "-o", RECORDER, ...sources], {
    encoding: "utf8",
  });
  if (status !== 0) throw new InputError(`${compiler} cannot build the recorder:\n${stderr}`);
  return RECORDER;
}

function findCompiler(): string | null {
  const wanted = process.env["CC"];
  const commands = wanted === undefined ? ["cc", "gcc", "clang"] : [wanted];
  return commands.find((command) => spawnSync(command, ["--version"]).status === 0) ?? null;
}

/** Does some swap lie on a disk that rotates? Readahead then goes by what was read before, by all (nr_rotate_swap). */
export function hasRotatingSwap(): boolean {
  const areas = readSwaps().trim().split("\n").slice(1);
  return areas.some((area) => {
    const [path, type] = area.split(/\s+/);
    const status = statSync(path);
    const device = type === "partition" ? status.rdev : status.dev;
    const directory = `/sys/dev/block/${(device >> 8) & 0xfff}:${(device & 0xff) | ((device >> 12) & 0xfff00)}`;
    // A partition's queue is its disk's.
    const queues = [`${directory}/queue/rotational`, `${directory}/../queue/rotational`];
    const queue = queues.find((each) => existsSync(each));
    return queue !== undefined && readFileSync(queue, "utf8").trim() === "1";
  });
}

function readSwaps(): string {
  return existsSync("/proc/swaps") ? readFileSync("/proc/swaps", "utf8") : "";
}
