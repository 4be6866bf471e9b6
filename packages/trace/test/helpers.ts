import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { runCount, runKind, runVpnHi, vpnOf, type Vpn } from "@pageframe/contracts";
import {
  type CompiledTrace,
  LackeyReader,
  StraceReader,
  type SyscallEvent,
  type TraceSource,
} from "../src/index.ts";

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

/** Compiles a log of strace; errors call it `t.strace`. */
export function compileStrace(...lines: string[]): CompiledTrace {
  const reader = new StraceReader({ sourceName: "t.strace" });
  reader.push(bytesOf(lines.map((line) => `${line}\n`).join("")));
  return reader.end();
}

/** Compiles a recording of strace in test/data. */
export function compileRecording(name: string): CompiledTrace {
  const url = new URL(`data/${name}`, import.meta.url);
  const reader = new StraceReader({ sourceName: name });
  reader.push(gunzipSync(readFileSync(url)));
  return reader.end();
}

/** Events on files in short: `name file@open offset+length ...`, with `tN` first when not of thread 1. */
export function describeEvents(trace: TraceSource): string[] {
  const { files } = trace.metadata;
  return collectEvents(trace).map((event) => {
    const { name, tid, ...fields } = event;
    const { fileId, openId, offsetBytes, lengthBytes, ...others } = fields as Record<
      string,
      number | undefined
    >;
    const file = fileId === undefined || fileId < 0 ? "" : ` ${files[fileId].name}`;
    const range =
      offsetBytes === undefined
        ? lengthBytes === undefined
          ? ""
          : ` ${lengthBytes}`
        : ` ${offsetBytes}+${lengthBytes}`;
    const rest = Object.entries(others)
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => ` ${field}=${value}`);
    const open = openId === undefined ? "" : `@${openId}`;
    return `${tid === 1 ? "" : `t${tid} `}${name}${file}${open}${range}${rest.join("")}`;
  });
}

/** Sizes of the files after a trace, by name, as a file system without caches would have them. */
export function sizesAfter(trace: TraceSource): Map<string, number> {
  const { files } = trace.metadata;
  const sizes = files.map((file) => file.sizeBytes);
  for (const event of collectEvents(trace)) {
    if (event.name === "open" && (event.flags & 0o1000) !== 0 && (event.flags & 3) !== 0)
      sizes[event.fileId] = 0;
    if (event.name === "truncate") sizes[event.fileId] = event.lengthBytes;
    if (event.name === "write") {
      sizes[event.fileId] = Math.max(sizes[event.fileId], event.offsetBytes + event.lengthBytes);
    }
  }
  return new Map(files.map((file, fileId) => [file.name, sizes[fileId]]));
}
