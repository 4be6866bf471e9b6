/** `pageframe demo`: shows what less and less memory does to a recorded program. */
import { readdirSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { runError } from "../errors.ts";
import { type Io } from "../io.ts";
import { parseMemorySizes } from "../memory-sizes.ts";
import { runCommand } from "./run.ts";

const DEMO_MEMORY = "100%,75%,50%,25%";

/** Runs the command. */
export async function demoCommand(io: Io): Promise<void> {
  const trace = findDemoTrace();
  await runCommand(trace, { memory: parseMemorySizes(DEMO_MEMORY) }, io);
  const name = relative(process.cwd(), trace);
  const path = /^[\w./-]+$/.test(name) ? name : `"${name}"`;
  const call = "npm run -s pageframe --";
  io.stdout.write(`
What to try next:

  # Let another policy choose what to evict.
  ${call} run ${path} --memory 50% --reclaim clock

  # Without swap, too little memory ends in the OOM killer.
  ${call} run ${path} --memory 50%,25% --swap none

  # Swap to a real file, and check that every page comes back as it left.
  ${call} run ${path} --memory 25% --swap-file pageframe.swap --verify

  # Trace a program of your own (needs Valgrind), then replay it.
  ${call} record -o ls.pft.gz -- ls -l && ${call} run ls.pft.gz

"${call} run --help" lists all there is to change.
`);
}

function findDemoTrace(): string {
  const folder = fileURLToPath(new URL("../../demo/", import.meta.url));
  const name = readdirSync(folder).find((file) => /\.pft(\.gz)?$/.test(file));
  if (name === undefined) {
    throw runError(`the demo trace is missing from ${folder}`, "a fresh checkout has it");
  }
  return folder + name;
}
