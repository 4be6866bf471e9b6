/** `npm run -s oracle -- DIR`: exits with 0 when all is equal, 1 on a difference, 2 on bad input. */
import { runCommand } from "./command.ts";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

process.exitCode = runCommand(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  freshSeed: () => Date.now() % 1_000_000,
});
