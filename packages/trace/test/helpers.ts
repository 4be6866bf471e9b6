import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { runCount, runKind, runVpnHi, vpnOf, type Vpn } from "@pageframe/contracts";
import { type CompiledTrace, LackeyReader, type SyscallEvent, type TraceSource } from "../src/index.ts";

/** A run with its fields apart. */
export interface PlainRun {
  vpn: Vpn;
  kind: number;
  isSplit: boolean;
  nrAccesses: number;
}

/** Everything a trace holds, in order, as plain values. */
export type PlainItem = PlainRun | SyscallEvent;

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Compiles text given in pieces; errors call it `t.lackey`. */
export function compileText(...pieces: string[]): CompiledTrace {
  const reader = new LackeyReader({ sourceName: "t.lackey" });
  for (const piece of pieces) reader.push(bytesOf(piece));
  return reader.end();
}

/** Compiles a recording below the test directory or anywhere else. */
export function compileGzip(url: URL): CompiledTrace {
  const reader = new LackeyReader({ sourceName: url.pathname });
  reader.push(gunzipSync(readFileSync(url)));
  return reader.end();
}

/** Reads a trace from its beginning into plain values. */
export function collectItems(trace: TraceSource): PlainItem[] {
  const items: PlainItem[] = [];
  trace.rewind();
  for (let block = trace.next(); block !== null; block = trace.next()) {
    if (block.kind === "syscall") items.push(block.event);
    else {
      for (let run = 0; run < block.nrRuns; run++) {
        const word1 = block.words[2 * run + 1];
        items.push({
          vpn: vpnOf(block.words[2 * run], runVpnHi(word1)),
          kind: runKind(word1),
          isSplit: (word1 & (1 << 15)) !== 0,
          nrAccesses: runCount(word1),
        });
      }
    }
  }
  return items;
}

/** Keeps the events of a trace. */
export function collectEvents(trace: TraceSource): SyscallEvent[] {
  return collectItems(trace).filter((item) => "name" in item);
}

/** The recording of test/data/tour.c. */
export const TOUR_URL: URL = new URL("data/tour.lackey.gz", import.meta.url);
/** The recording of /bin/true that the project's planners shared; not in the repository. */
export const TRUE_URL: URL = new URL("../../../../shared/data/true.lackey.gz", import.meta.url);
