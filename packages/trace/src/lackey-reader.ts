/**
 * Reads the text of Valgrind's lackey (`--trace-mem=yes --trace-syscalls=yes`) and compiles it. Hot: per line.
 *
 *     I  04001090,3     fetch of 3 bytes at hexadecimal address 04001090
 *      L 1fff000658,8   load
 *      S 1fff000650,8   store
 *      M 0402ecc8,4     load and store of the same place: one access, a write
 *     SYSCALL[...        see lackey-syscalls.ts
 *     ==PID== text      Valgrind's own remarks; also --PID-- and **PID**
 *
 * Text arrives in chunks cut anywhere; the tail of a chunk waits for the rest of its line. The pages that a system call
 * reads or writes on the program's behalf do not show in such a trace.
 * Source: Valgrind 3.19 lackey/lk_main.c, trace_load() and its neighbours.
 */
import { EINVAL, KernelError, RUN_EXEC, RUN_READ, RUN_WRITE } from "@pageframe/contracts";
import { AddressSpaceSurvey } from "./address-space-survey.ts";
import { CompiledTrace } from "./compiled-trace.ts";
import { FileTable } from "./file-table.ts";
import { inferInitialRegions } from "./infer-regions.ts";
import { LackeySyscalls } from "./lackey-syscalls.ts";
import { RunFolder } from "./run-folder.ts";
import { RunLog, RunLogCursor } from "./run-log.ts";

/** What {@link LackeyReader} needs to know besides the text. */
export interface LackeyReaderOptions {
  /** What errors call the text: its file name. */
  readonly sourceName: string;
  /** Command line for the metadata, when not the one that Valgrind noted: to keep private paths out. */
  readonly command?: string;
}

/**
 * Largest access: one page, so that an access touches two pages at most. Lackey itself stops at 512 bytes (MAX_DSIZE).
 */
const MAX_ACCESS_BYTES = 4096;
/** Shortest access line: `I  0,1` and its newline. */
const MIN_LINE_BYTES = 7;
/** A line longer than this is not lackey's; paths in system calls reach 4096 bytes. */
const MAX_LINE_BYTES = 65536;
/** Lines per access kind are counted per chunk in int32; larger chunks are cut. */
const MAX_PARSED_BYTES = 1 << 28;

const NEWLINE = 10;
const SPACE = 32;
const COMMA = 44;
const DIGIT_0 = 48;
const LETTER_I = 73;
const LETTER_L = 76;
const LETTER_M = 77;
const LETTER_S = 83;

/** Value of a hexadecimal digit by its character; -1 for other characters. */
const HEX_VALUES = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) HEX_VALUES[digit.toString(16).charCodeAt(0)] = digit;

const EXPECTED_ACCESS =
  `'I  addr,size', ' L addr,size', ' S addr,size' or ' M addr,size' ` +
  `with a hexadecimal address below 2^57 and a size of 1 to ${MAX_ACCESS_BYTES}`;

/** Compiles lackey's text: `push` all chunks, then `end`. */
export class LackeyReader {
  readonly #sourceName: string;
  #command: string;
  readonly #hasCommand: boolean;
  #recordedWith = "";
  readonly #log = new RunLog();
  readonly #folder = new RunFolder(this.#log);
  readonly #files = new FileTable();
  readonly #syscalls = new LackeySyscalls(this.#files);
  /** Complete lines read. */
  #nrLines = 0;
  #nrReads = 0;
  #nrWrites = 0;
  #nrFetches = 0;
  #nrSplits = 0;
  /** Bytes of a line whose end has not arrived: the first `#carryBytes` of `#carry`. */
  #carry = new Uint8Array(256);
  #carryBytes = 0;

  constructor(options: LackeyReaderOptions) {
    this.#sourceName = options.sourceName;
    this.#hasCommand = options.command !== undefined;
    this.#command = options.command ?? "";
  }

  /** Reads the next bytes of the text. Throws EINVAL with source, line number and text at a malformed line. */
  push(chunk: Uint8Array): void {
    let start = 0;
    if (this.#carryBytes > 0) {
      const newline = chunk.indexOf(NEWLINE);
      start = newline < 0 ? chunk.length : newline + 1;
      this.#keep(chunk, 0, start);
      if (newline < 0) return;
      const carryBytes = this.#carryBytes;
      this.#carryBytes = 0;
      this.#parse(this.#carry, 0, carryBytes);
    }
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    while (start < end) {
      let stop = end;
      if (end - start > MAX_PARSED_BYTES) stop = chunk.lastIndexOf(NEWLINE, start + MAX_PARSED_BYTES) + 1;
      this.#parse(chunk, start, stop);
      start = stop;
    }
    if (start < chunk.length) this.#keep(chunk, start, chunk.length);
  }

  /**
   * Ends the text and returns the trace. Throws EINVAL when the text stops inside a line or holds no access.
   * O(runs) for the footprint and the initial regions.
   */
  end(): CompiledTrace {
    if (this.#carryBytes > 0) {
      const text = textOf(this.#carry, 0, this.#carryBytes);
      this.#fail(this.#nrLines + 1, "a newline at the end of the last line (is the file cut short?)", text);
    }
    this.#folder.close();
    this.#syscalls.end();
    const nrRuns = this.#log.nrRuns;
    if (nrRuns === 0) {
      throw new KernelError(
        EINVAL,
        `${this.#sourceName}: no access in ${this.#nrLines} lines; record with valgrind --tool=lackey --trace-mem=yes`,
      );
    }
    const survey = new AddressSpaceSurvey();
    const cursor = new RunLogCursor(this.#log);
    for (let block = cursor.next(); block !== null; block = cursor.next()) {
      if (block.kind === "runs") survey.addRuns(block.words, block.nrRuns);
      else survey.addEvent(block.event);
    }
    const initialRegions = inferInitialRegions(survey, this.#files);
    const metadata = {
      command: this.#command,
      source: "lackey",
      recordedWith: this.#recordedWith,
      counts: {
        nrReads: this.#nrReads,
        nrWrites: this.#nrWrites,
        nrFetches: this.#nrFetches,
        nrSplits: this.#nrSplits,
        nrRuns,
        nrEvents: this.#log.events.length,
        nrFailedSyscalls: this.#syscalls.nrFailedSyscalls,
        nrSkippedSyscalls: this.#syscalls.nrSkippedSyscalls,
        nrLines: this.#nrLines,
      },
      nrFootprintPages: survey.pages.nrPages,
      startBrk: survey.startBrk,
      files: this.#files.collectFiles(),
      initialRegions,
    };
    return new CompiledTrace(metadata, this.#log);
  }

  /** Parses whole lines: `bytes[end - 1]` is a newline. */
  #parse(bytes: Uint8Array, start: number, end: number): void {
    const folder = this.#folder;
    const hexValues = HEX_VALUES;
    let nrReads = 0;
    let nrWrites = 0;
    let nrFetches = 0;
    let at = start;
    while (at < end) {
      const lineStart = at;
      let kind = -1;
      if (end - at >= MIN_LINE_BYTES && bytes[at + 2] === SPACE) {
        const first = bytes[at];
        const second = bytes[at + 1];
        if (first === LETTER_I && second === SPACE) kind = RUN_EXEC;
        else if (first === SPACE) {
          if (second === LETTER_L) kind = RUN_READ;
          else if (second === LETTER_S || second === LETTER_M) kind = RUN_WRITE;
        }
      }
      if (kind < 0) {
        const newline = bytes.indexOf(NEWLINE, at);
        this.#nrLines++;
        this.#readOtherLine(bytes, at, newline, nrReads + nrWrites + nrFetches);
        at = newline + 1;
        continue;
      }
      at += 3;
      let lo = 0;
      let hi = 0;
      let digit = hexValues[bytes[at]];
      while (digit >= 0) {
        hi = (hi << 4) | (lo >>> 28);
        lo = (lo << 4) | digit;
        digit = hexValues[bytes[++at]];
      }
      const nrDigits = at - lineStart - 3;
      let isMalformed = nrDigits === 0 || nrDigits > 16 || hi >>> 25 !== 0 || bytes[at] !== COMMA;
      let sizeBytes = 0;
      if (!isMalformed) {
        let character = bytes[++at];
        while (character >= DIGIT_0 && character <= DIGIT_0 + 9 && sizeBytes <= MAX_ACCESS_BYTES) {
          sizeBytes = sizeBytes * 10 + character - DIGIT_0;
          character = bytes[++at];
        }
        isMalformed = character !== NEWLINE || sizeBytes === 0 || sizeBytes > MAX_ACCESS_BYTES;
      }
      if (isMalformed) {
        const newline = bytes.indexOf(NEWLINE, lineStart);
        const line = this.#nrLines + nrReads + nrWrites + nrFetches + 1;
        this.#fail(line, EXPECTED_ACCESS, textOf(bytes, lineStart, newline));
      }
      at++;
      if (kind === RUN_EXEC) nrFetches++;
      else if (kind === RUN_READ) nrReads++;
      else nrWrites++;
      folder.access((hi << 20) | (lo >>> 12), hi >>> 12, kind);
      if ((lo & 4095) + sizeBytes > 4096) {
        this.#nrSplits++;
        folder.accessNextPage(kind);
      }
    }
    this.#nrLines += nrReads + nrWrites + nrFetches;
    this.#nrReads += nrReads;
    this.#nrWrites += nrWrites;
    this.#nrFetches += nrFetches;
  }

  /** Reads a line that is not an access. `nrUncounted`: access lines not yet in `#nrLines`. */
  #readOtherLine(bytes: Uint8Array, start: number, end: number, nrUncounted: number): void {
    if (start === end) return;
    const text = textOf(bytes, start, end);
    if (/^(==|--|\*\*)\d+\1/.test(text)) {
      this.#readRemark(text);
      return;
    }
    const line = this.#nrLines + nrUncounted;
    if (!text.startsWith("SYSCALL") && !text.startsWith(" -->")) this.#fail(line, EXPECTED_ACCESS, text);
    const event = this.#syscalls.readLine(text);
    if (event === null) return;
    if (typeof event === "string") this.#fail(line, event, text);
    this.#folder.close();
    this.#log.addEvent(event);
  }

  #readRemark(text: string): void {
    const remark = text.replace(/^(==|--|\*\*)\d+\1 ?/, "");
    if (!this.#hasCommand && this.#command === "" && remark.startsWith("Command: ")) {
      this.#command = remark.slice("Command: ".length);
    }
    const version = /\b[Vv]algrind-(\d[\w.]*)/.exec(remark);
    if (this.#recordedWith === "" && version !== null) this.#recordedWith = `Valgrind-${version[1]}`;
  }

  /** Keeps bytes of an unfinished line. */
  #keep(chunk: Uint8Array, start: number, end: number): void {
    const nrBytes = this.#carryBytes + end - start;
    if (nrBytes > MAX_LINE_BYTES) {
      const text = textOf(chunk, start, end);
      this.#fail(this.#nrLines + 1, `a line of at most ${MAX_LINE_BYTES} bytes (is this text?)`, text);
    }
    if (nrBytes > this.#carry.length) {
      const grown = new Uint8Array(2 * nrBytes);
      grown.set(this.#carry);
      this.#carry = grown;
    }
    this.#carry.set(chunk.subarray(start, end), this.#carryBytes);
    this.#carryBytes = nrBytes;
  }

  #fail(line: number, expected: string, found: string): never {
    const shortened = found.length > 80 ? `${found.slice(0, 77)}...` : found;
    throw new KernelError(
      EINVAL,
      `${this.#sourceName}:${line}: expected ${expected}; found ${JSON.stringify(shortened)}`,
    );
  }
}

/** Text of `bytes[start..end)`, one character a byte; long text is cut, as only its beginning is ever looked at. */
function textOf(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, Math.min(end, start + MAX_LINE_BYTES)));
}
