/** Compiles the C programs of `c/`, when there is a compiler. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Counterpart, type Scale } from "./bench-case.ts";

const SOURCE_DIRECTORY = fileURLToPath(new URL("../c", import.meta.url));
const COMPILER_FLAGS = ["-O2"];

/** A compiler that answers. */
export interface Compiler {
  readonly command: string;
  /** First line of its --version. */
  readonly version: string;
  readonly flags: readonly string[];
}

/** Finds the compiler that $CC names, or else cc, gcc or clang; null when none answers. */
export function findCompiler(): Compiler | null {
  const wanted = process.env["CC"];
  for (const command of wanted === undefined ? ["cc", "gcc", "clang"] : [wanted]) {
    const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
    if (status === 0) return { command, version: stdout.split("\n")[0], flags: COMPILER_FLAGS };
  }
  return null;
}

/** Compiles programs into a directory, each once. */
export class CPrograms {
  readonly compiler: Compiler;
  private readonly directory: string;
  private readonly paths = new Map<string, string>();

  constructor(compiler: Compiler, directory: string) {
    this.compiler = compiler;
    this.directory = directory;
  }

  /** Path of a case's program. Throws an Error with what the compiler says when it does not compile. */
  pathOf(counterpart: Counterpart, scale: Scale): string {
    const macros = Object.entries(counterpart.macros(scale)).map(([name, value]) => `-D${name}=${value}`);
    const key = [counterpart.program, ...macros].join(" ");
    let path = this.paths.get(key);
    if (path === undefined) {
      path = join(this.directory, `c-program-${this.paths.size}`);
      const source = join(SOURCE_DIRECTORY, `${counterpart.program}.c`);
      const { command, flags } = this.compiler;
      const { status, stderr } = spawnSync(command, [...flags, ...macros, "-o", path, source], {
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(`${command} cannot compile ${counterpart.program}.c:\n${stderr}`);
      this.paths.set(key, path);
    }
    return path;
  }
}
