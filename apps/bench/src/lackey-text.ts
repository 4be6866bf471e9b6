/**
 * Lackey's text for a trace: one line an access, with the pages and the kinds of the trace. What a compiled trace does
 * not keep is made up: offsets within pages, sizes, and where in a run its reads stand. System calls are left out.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { RUN_EXEC, RUN_SPLIT, runCount, runKind, runVpnHi, type TraceSource } from "@pageframe/contracts";
import { type BenchInput, type Scale } from "./bench-case.ts";
import { TraceReader } from "@pageframe/trace";
import { traceBytes } from "./demo-trace.ts";

const MAX_LINES: Readonly<Record<Scale, number>> = { full: Infinity, quick: 1_000_000, tiny: 5_000 };
const BUFFER_BYTES = 1 << 20;
const MAX_LINE_BYTES = 32;
const NEWLINE = 10;
const SPACE = 32;
const COMMA = 44;
const LETTER_I = 73;
const LETTER_L = 76;
const LETTER_S = 83;
const HEX_DIGITS = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

/** The text as a file. */
export const lackeyInput: BenchInput = {
  name: "lackey",
  write: (path, scale) => {
    const file = openSync(path, "w");
    const writer = new LackeyWriter((bytes) => writeSync(file, bytes));
    writer.writeTrace(new TraceReader(traceBytes(scale)), MAX_LINES[scale]);
    closeSync(file);
  },
};

/** Writes text through a buffer. */
class LackeyWriter {
  private readonly buffer = new Uint8Array(BUFFER_BYTES);
  private nrBytes = 0;
  private nrLines = 0;
  private state = 1;
  private readonly flushTo: (bytes: Uint8Array) => void;

  constructor(flushTo: (bytes: Uint8Array) => void) {
    this.flushTo = flushTo;
  }

  /** Writes the accesses of a trace; stops at the end of a run that reaches `maxLines`. */
  writeTrace(trace: TraceSource, maxLines: number): void {
    trace.rewind();
    // The last access of a run straddles two pages when the next run is a second half: so it waits for that run.
    let waiting = 0;
    let waitingLo = 0;
    let waitingHi = 0;
    let hasWaiting = false;
    for (let block = trace.next(); block !== null && this.nrLines < maxLines; block = trace.next()) {
      if (block.kind !== "runs") continue;
      for (let run = 0; run < block.nrRuns && this.nrLines < maxLines; run++) {
        const lo = block.words[2 * run];
        const word1 = block.words[2 * run + 1];
        const isSplit = (word1 & RUN_SPLIT) !== 0;
        const kind = runKind(word1);
        if (hasWaiting) this.writeAccess(waitingLo, waitingHi, isSplit ? kind : waiting, isSplit);
        const hi = runVpnHi(word1);
        let nrLeft = runCount(word1);
        hasWaiting = false;
        if (isSplit) nrLeft--;
        for (let isFirst = !isSplit; nrLeft > 0; nrLeft--, isFirst = false) {
          const isRead = !isFirst && (this.random() & 7) < (kind === RUN_EXEC ? 1 : 4);
          if (nrLeft > 1) {
            this.writeAccess(lo, hi, isRead ? 0 : kind, false);
          } else {
            waiting = isRead ? 0 : kind;
            waitingLo = lo;
            waitingHi = hi;
            hasWaiting = true;
          }
        }
      }
    }
    if (hasWaiting) this.writeAccess(waitingLo, waitingHi, waiting, false);
    this.flushTo(this.buffer.subarray(0, this.nrBytes));
    this.nrBytes = 0;
  }

  private writeAccess(vpnLo: number, vpnHi: number, kind: number, isStraddling: boolean): void {
    if (this.nrBytes > BUFFER_BYTES - MAX_LINE_BYTES) {
      this.flushTo(this.buffer.subarray(0, this.nrBytes));
      this.nrBytes = 0;
    }
    const random = this.random();
    const isFetch = kind === RUN_EXEC;
    this.put(isFetch ? LETTER_I : SPACE);
    this.put(isFetch ? SPACE : kind === 0 ? LETTER_L : LETTER_S);
    this.put(SPACE);
    const nrBytes = isFetch ? 1 + (random & 7) : 1 << (random & 3);
    const offset = (random >>> 8) & 0xff8;
    this.putAddress(vpnLo, vpnHi, isStraddling ? 0xffe : offset);
    this.put(COMMA);
    this.put(HEX_DIGITS[isStraddling ? 4 : nrBytes]);
    this.put(NEWLINE);
    this.nrLines++;
  }

  /** At least 8 digits, as lackey's %08lx. */
  private putAddress(vpnLo: number, vpnHi: number, offset: number): void {
    const top = (vpnHi << 12) | (vpnLo >>> 20);
    for (let shift = 28; shift >= 0; shift -= 4) {
      if (top >>> shift !== 0) this.put(HEX_DIGITS[(top >>> shift) & 15]);
    }
    for (let shift = 16; shift >= 0; shift -= 4) this.put(HEX_DIGITS[(vpnLo >>> shift) & 15]);
    for (let shift = 8; shift >= 0; shift -= 4) this.put(HEX_DIGITS[(offset >>> shift) & 15]);
  }

  private put(character: number): void {
    this.buffer[this.nrBytes++] = character;
  }

  /** Marsaglia's xorshift with 13, 17, 5. */
  private random(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x;
  }
}
