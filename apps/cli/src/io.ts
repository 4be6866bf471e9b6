/** What the command sees of the process that it runs in; tests give their own. */

/** Somewhere to write text. */
export interface Output {
  write(text: string): unknown;
  /** Present and true on a terminal. */
  readonly isTTY?: boolean;
}

/** Why work stopped: the user said so. */
export class Interrupted extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** The process, as far as commands need it. */
export interface Io {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted, for an Interrupted, when the user interrupts: whoever works long looks at it, and cleans up. */
  readonly interrupt: AbortSignal;
}

/** The process itself. */
export function processIo(interrupt: AbortSignal): Io {
  const { stdin, stdout, stderr, env } = process;
  return { stdin, stdout, stderr, env, interrupt };
}

/** Lets signals and timers in, then throws if the user has interrupted. */
export async function breathe(io: Io): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  io.interrupt.throwIfAborted();
}
