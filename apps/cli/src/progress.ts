/** A progress bar on stderr, only when that is a terminal. */
import { SingleBar } from "cli-progress";
import { type Io } from "./io.ts";

/** Shows how far something is. */
export interface Progress {
  /** How far, in the unit of the total. */
  update(done: number): void;
  /** Takes the bar away. */
  stop(): void;
}

/** Shows nothing. */
export const SILENT: Progress = {
  update: () => undefined,
  stop: () => undefined,
};

/** Starts a bar; without a terminal, or without a known total, nothing is shown. */
export function startProgress(io: Io, label: string, total: number): Progress {
  if (io.stderr.isTTY !== true || !(total > 0)) return SILENT;
  const bar = new SingleBar({
    stream: io.stderr as unknown as NodeJS.WritableStream,
    format: "{label} [{bar}] {percentage}%  {duration_formatted}, {eta_formatted} left",
    barCompleteChar: "#",
    barIncompleteChar: "-",
    clearOnComplete: true,
    hideCursor: true,
    fps: 10,
  });
  bar.start(total, 0, { label });
  return {
    update: (done) => bar.update(Math.min(done, total)),
    stop: () => bar.stop(),
  };
}
