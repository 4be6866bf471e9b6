/** The command line: commands, options, and what becomes of errors. */
import { readFileSync } from "node:fs";
import { MAX_NUMNODES, MAX_SWAP_OFFSET } from "@pageframe/contracts";
import { formatPages, isSize, parsePages } from "@pageframe/kernel";
import { Command, CommanderError, Option } from "commander";
import { compileCommand, type CompileOptions } from "./commands/compile.ts";
import { demoCommand } from "./commands/demo.ts";
import {
  diskCheckCommand,
  diskGetCommand,
  diskInfoCommand,
  diskLsCommand,
  diskMakeCommand,
  type DiskMakeOptions,
  diskPutCommand,
  type DiskPutOptions,
  type DiskShowOptions,
} from "./commands/disk.ts";
import { infoCommand, type InfoOptions } from "./commands/info.ts";
import { recordCommand, type RecordOptions } from "./commands/record.ts";
import { runCommand, type RunOptions } from "./commands/run.ts";
import { scriptCommand, type ScriptOptions } from "./commands/script.ts";
import { walkCommand, type WalkOptions } from "./commands/walk.ts";
import { reportError, usageError } from "./errors.ts";
import { type Io } from "./io.ts";
import { type HostMount } from "./machine.ts";
import { parseMemorySizes } from "./memory-sizes.ts";
import { diskModelNames, refuseOccupant, seats } from "./seats.ts";

/** Most CPUs and seeds that a configuration takes (config.ts of the kernel). */
const MAX_CPUS = 64;
const MAX_SEED = 0xffffffff;
/** More than any image has: the file system says how many fit. */
const MAX_INODES = 0xffffffff;
/** Largest pid of Linux (PID_MAX_LIMIT). */
const MAX_PID = 4194304;

const RUN_EXAMPLES = `
Examples:
  pageframe run sort.pft.gz --memory 100%,75%,50%,25%
  pageframe run sort.pft.gz --memory 1MiB --swap 16MiB --reclaim clock --json
  pageframe run sort.pft.gz --memory 50% --swap-file swap.img --verify
  pageframe run cat.strace --memory 64MiB --start warm --readahead none --disk-model hdd
`;

const DISK_EXAMPLES = `
Examples:
  pageframe disk make disk.img --size 64MiB
  pageframe disk put disk.img --parents data.csv notes.txt /home/
  pageframe disk ls disk.img /home
  pageframe disk check disk.img
`;

const WALK_EXAMPLES = `
Examples:
  pageframe walk 0x1ffeffff00 sort.pft.gz
  pageframe run sort.pft.gz --save sort.snapshot && pageframe walk 0x1ffeffff00 --snapshot sort.snapshot
  pageframe walk 0x1ffeffff00 sort.pft.gz --after 100000 --memory 50% --write
`;

/** Runs the command with the given arguments (without node and script). Returns the exit code; never throws. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    // --help and --version end this way too.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return reportError(error, io);
  }
}

function createProgram(io: Io): Command {
  const program = new Command("pageframe")
    .description("Replays the memory accesses of real programs through a model of Linux's memory manager.")
    .version(readVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      // Errors are reported in main(), in the form of all others.
      writeErr: () => undefined,
    });
  addRun(program, io);
  addWalk(program, io);
  program
    .command("compile")
    .description("turn a trace into a .pft file, which is smaller and opens faster")
    .argument("<trace>", "lackey or strace text or .pft, gzipped or not; - for standard input")
    .requiredOption("-o, --output <file>", "file to write; gzipped when its name ends in .gz")
    .action((trace: string, options: CompileOptions) => compileCommand(trace, options, io));
  program
    .command("record")
    .description("run a program under Valgrind's lackey and write its trace")
    .usage("[options] -- <command...>")
    .argument("<command...>", "program to run, with its arguments")
    .option("-o, --output <file>", "file to write; default: the program's name with .pft.gz")
    .passThroughOptions()
    .action((command: string[], options: RecordOptions) => recordCommand(command, options, io));
  program
    .command("info")
    .description("say what a trace holds")
    .argument("<trace>", "lackey or strace text or .pft, gzipped or not; - for standard input")
    .option("--json", "print JSON")
    .action((trace: string, options: InfoOptions) => infoCommand(trace, options, io));
  program
    .command("script")
    .description("run a script of memory operations and print what each did, as on a real kernel")
    .argument("<file>", "script: one operation a line, # begins a comment")
    .addOption(
      integerOption("--explain <line>", "say what led to one line instead", 1, Number.MAX_SAFE_INTEGER),
    )
    .option("-c, --config <file>", "YAML or JSON with settings of the machine (default: that of the records)")
    .action((file: string, options: ScriptOptions) => scriptCommand(file, options, io));
  addDisk(program, io);
  program
    .command("demo")
    .description("replay a recorded sort(1) with less and less memory")
    .action(() => demoCommand(io));
  return program;
}

function addRun(program: Command, io: Io): void {
  const run = program
    .command("run")
    .description("replay a trace and print what the memory manager did")
    .argument("<trace>", "lackey or strace text or .pft, gzipped or not; - for standard input");
  addMachineOptions(run)
    .option(
      "--swap-file <path>",
      "put the swap area in this file; it is created, and removed afterwards. A file that exists must be a swap area of " +
        "pageframe's, or empty",
    )
    .option("--keep-swap-file", "leave a created swap file there")
    .option(
      "--disk-image <path>",
      "put the first disk in this image file, which keeps what is written; it is created when it does not exist",
    )
    .addOption(
      new Option(
        "--mount <dir=path>",
        "show a directory of this host, read-only, at a path of the machine; may be repeated",
      ).argParser(parseMount),
    )
    .option("--save <file>", "save the machine at the end, for walk --snapshot")
    .option("--verify", "check that what is read is what was written; slow")
    .option("--json", "print JSON, with counters under Linux's names")
    .addHelpText("after", RUN_EXAMPLES)
    .action((trace: string, options: RunOptions) => runCommand(trace, options, io));
}

function addDisk(program: Command, io: Io): void {
  const disk = program
    .command("disk")
    .description("make disk images with a file system, check them, and move files in and out")
    .helpCommand(false)
    .addHelpText("after", DISK_EXAMPLES);
  disk
    .command("make")
    .description("make an image with an empty file system")
    .argument("<image>", "file to make")
    .requiredOption("--size <size>", "size with a unit, such as 64MiB, rounded up to 4KiB")
    .addOption(
      integerOption("--inodes <n>", "files that it can hold (default: one per 16KiB)", 1, MAX_INODES),
    )
    .addOption(integerOption("--seed <n>", "seed of its id (default: by chance)", 0, MAX_SEED))
    .option("--force", "replace a file that is there")
    .action((image: string, options: DiskMakeOptions) => {
      diskMakeCommand(image, options, io);
    });
  disk
    .command("check")
    .description("say what is wrong with an image, which does not change; exits with 1 when something is")
    .argument("<image>", "image that pageframe disk make has made")
    .option("--json", "print JSON")
    .action((image: string, options: DiskShowOptions) => {
      diskCheckCommand(image, options, io);
    });
  disk
    .command("ls")
    .description("list a directory of an image")
    .argument("<image>", "image that pageframe disk make has made")
    .argument("[path]", "path in the image", "/")
    .option("--json", "print JSON")
    .action((image: string, path: string, options: DiskShowOptions) =>
      diskLsCommand(image, path, options, io),
    );
  disk
    .command("put")
    .description("copy files of the host into an image; a file of that name is replaced")
    .usage("[options] <image> <hostfile...> <path>")
    .argument("<image>", "image that pageframe disk make has made")
    .argument("<names...>", "files of the host, then a path in the image: a name, or a directory")
    .option("-p, --parents", "make directories of the path that are not there")
    .action((image: string, names: string[], options: DiskPutOptions) =>
      diskPutCommand(image, names, options, io),
    );
  disk
    .command("get")
    .description("copy a file of an image to the host")
    .argument("<image>", "image that pageframe disk make has made")
    .argument("<path>", "path in the image")
    .argument("<hostfile>", "file to write, or a directory for it")
    .action((image: string, path: string, hostFile: string) => diskGetCommand(image, path, hostFile, io));
  disk
    .command("info")
    .description("say what an image is, and how full")
    .argument("<image>", "image that pageframe disk make has made")
    .option("--json", "print JSON")
    .action((image: string, options: DiskShowOptions) => diskInfoCommand(image, options, io));
}

function addWalk(program: Command, io: Io): void {
  const walk = program
    .command("walk")
    .description("say how an address is translated at a point of a replay, level by level")
    .argument("<address>", "hexadecimal with 0x in front, or decimal")
    .argument("[trace]", "lackey or strace text or .pft, gzipped or not; - for standard input")
    .option("--snapshot <file>", "look at a machine that run --save has saved, and replay nothing")
    .addOption(
      integerOption("--after <n>", "accesses to replay first (default: all)", 0, Number.MAX_SAFE_INTEGER),
    )
    .addOption(
      integerOption("--pid <n>", "whose address it is (default: the replayed program's)", 1, MAX_PID),
    )
    .option("--write", "ask for a write, not a read")
    .addOption(new Option("--exec", "ask for an instruction fetch, not a read").conflicts("write"));
  addMachineOptions(walk)
    .option("--json", "print JSON")
    .addHelpText("after", WALK_EXAMPLES)
    .action((address: string, trace: string | undefined, options: WalkOptions) =>
      walkCommand(address, trace, options, io),
    );
}

/** Options of a machine that a trace is replayed on. */
function addMachineOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "-m, --memory <sizes>",
        "RAM left to programs after boot: a size (1MiB), a percentage of what the trace touches (50%), or a list " +
          "of these, one column each (default: 100%)",
      ).argParser(parseMemorySizes),
    )
    .addOption(
      new Option(
        "-s, --swap <size>",
        'swap area: a size or "none" (default: as much as the trace touches, at least 16MiB)',
      ).argParser(parseSwap),
    )
    .addOption(integerOption("--cpus <n>", "processors", 1, MAX_CPUS))
    .addOption(integerOption("--nodes <n>", "NUMA nodes", 1, MAX_NUMNODES))
    .addOption(integerOption("--seed <n>", "seed of all chance", 0, MAX_SEED))
    .addOption(seatOption("--reclaim <policy>", "what to evict", "reclaim"))
    .addOption(seatOption("--oom <policy>", "whom to kill when memory is out", "oom"))
    .addOption(seatOption("--numa <policy>", "which node a page comes from", "numa"))
    .addOption(seatOption("--frame-allocator <name>", "which frames to hand out", "frameAllocator"))
    .addOption(
      seatOption("--readahead <policy>", "what to read of files before it is asked for", "readahead"),
    )
    .addOption(
      new Option(
        "--start <state>",
        "page cache at first: cold is empty, warm has the trace's files as far as they fit (default: cold)",
      ).choices(["cold", "warm"]),
    )
    .addOption(
      new Option("--disk <size>", "disk that the trace's files lie on (default: large enough)").argParser(
        parseDisk,
      ),
    )
    .addOption(
      new Option("--disk-model <model>", "how long the disk takes (default: nvme)").choices(diskModelNames),
    )
    .addOption(
      new Option("--contents <mode>", "whether pages have bytes (default: none)").choices([
        "none",
        "sparse",
        "dense",
      ]),
    )
    .option("-c, --config <file>", "YAML or JSON with these and all other settings; options win over it");
}

function integerOption(flags: string, description: string, min: number, max: number): Option {
  const name = flags.split(" ")[0];
  return new Option(flags, `${description}, ${min} to ${max}`).argParser((text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) {
      throw usageError(`${name} "${text}" is not an integer from ${min} to ${max}`);
    }
    return value;
  });
}

/** An option that names the occupant of a seat; the help lists them. */
function seatOption(flags: string, description: string, seat: string): Option {
  return new Option(flags, `${description}: ${seats[seat].names.join(", ")}`).argParser((name) => {
    const refusal = refuseOccupant(seat, name);
    if (refusal !== null) throw usageError(refusal);
    return name;
  });
}

function parseSwap(text: string): string {
  if (text === "none") return text;
  if (!isSize(text)) {
    throw usageError(
      `swap "${text}" is neither a size with a unit (B, KiB, MiB, GiB, TiB) nor none`,
      "write --swap 16MiB, or --swap none",
    );
  }
  const nrPages = parsePages(text);
  if (nrPages < 1 || nrPages > MAX_SWAP_OFFSET) {
    throw usageError(
      `swap ${text} is not from ${formatPages(1)} to ${formatPages(MAX_SWAP_OFFSET)}`,
      "--swap none is a machine without swap",
    );
  }
  return text;
}

function parseDisk(text: string): string {
  if (isSize(text) && parsePages(text) > 0) return text;
  throw usageError(
    `disk "${text}" is not a size with a unit (B, KiB, MiB, GiB, TiB)`,
    "write --disk 64MiB, or leave it out",
  );
}

function parseMount(text: string, before: readonly HostMount[] | undefined): HostMount[] {
  const at = text.lastIndexOf("=");
  if (at > 0 && text[at + 1] === "/") {
    return [...(before ?? []), { directory: text.slice(0, at), path: text.slice(at + 1) }];
  }
  throw usageError(
    `mount "${text}" is not a directory and a path that begins with /`,
    "write --mount /usr/lib=/usr/lib",
  );
}

function readVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
