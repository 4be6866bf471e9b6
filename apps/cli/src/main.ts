#!/usr/bin/env node
import { constants } from "node:os";
import { main } from "./cli.ts";
import { Interrupted, processIo } from "./io.ts";

// A reader that has seen enough (`| head`) is no failure. Nothing is left to clean up once output is written.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

const controller = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // Once: a second one ends the process as if nobody had listened.
  process.once(signal, () => {
    controller.abort(new Interrupted(signal));
  });
}

process.exitCode = await main(process.argv.slice(2), processIo(controller.signal));
const { reason } = controller.signal as { reason: unknown };
// Not by itself: a read of standard input may still be waiting.
if (reason instanceof Interrupted) process.exit(128 + constants.signals[reason.signal]);
