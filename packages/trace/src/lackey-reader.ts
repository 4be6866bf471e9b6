/**
 * Reads the text of Valgrind's lackey (`--trace-mem=yes --trace-syscalls=yes`) and compiles it.
 *
 * Lines are accesses (access-decoder.ts), system calls (lackey-syscalls.ts), Valgrind's remarks (`==PID== text`, also
 * with `--` and `**`), or blank. Text arrives in chunks cut anywhere; the tail of a chunk waits for the rest of its
 * line. The pages that a system call reads or writes on the program's behalf do not show in such a trace.
 */
import { EINVAL, KernelError, vpnHi, vpnLo } from "@pageframe/contracts";
import { AccessDecoder } from "./access-decoder.ts";
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

/** Largest access: one page, so that it touches two pages at most. Lackey itself stops at 512 bytes (MAX_DSIZE). */
const MAX_ACCESS_BYTES = 4096;
/** Addresses have 57 bits with five levels of page tables. */
const VPN_END = 2 ** 45;
/** A line longer than this is not lackey's; paths in system calls reach 4096 bytes. */
const MAX_LINE_BYTES = 65536;
const NEWLINE = 10;

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
  readonly #decoder = new AccessDecoder();
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
    if (start < end) this.#parse(chunk, start, end);
    if (end < chunk.length) this.#keep(chunk, end, chunk.length);
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
    const decoder = this.#decoder;
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
        nrReads: decoder.nrReads,
        nrWrites: decoder.nrWrites,
        nrFetches: decoder.nrFetches,
        nrSplits: decoder.nrSplits,
        nrRuns,
        nrEvents: this.#log.events.length,
        nrFailedSyscalls: this.#syscalls.nrFailedSyscalls,
        nrSkippedSyscalls: this.#syscalls.nrSkippedSyscalls,
        nrLines: this.#nrLines,
      },
      nrFootprintPages: survey.pages.nrPairs,
      nrFilePages: this.#files.countTouchedPages(),
      startBrk: survey.startBrk,
      files: this.#files.collectFiles(),
      initialRegions,
    };
    return new CompiledTrace(metadata, this.#log);
  }

  /** Parses whole lines: `bytes[end - 1]` is a newline. */
  #parse(bytes: Uint8Array, start: number, end: number): void {
    const decoder = this.#decoder;
    let at = start;
    while (at < end) {
      at = decoder.decode(bytes, at, end);
      if (decoder.nrLines === 0) {
        const newline = bytes.indexOf(NEWLINE, at);
        this.#nrLines++;
        if (newline > at) this.#readUnusualLine(textOf(bytes, at, newline));
        at = newline + 1;
      } else {
        this.#nrLines += decoder.nrLines;
        this.#folder.addAccesses(decoder.words, decoder.nrAccesses);
      }
    }
  }

  /** Reads a line that is not blank and that the decoder leaves: the one with number `#nrLines`. */
  #readUnusualLine(text: string): void {
    if (/^(==|--|\*\*)\d+\1/.test(text)) {
      this.#readRemark(text);
    } else if (text.startsWith("SYSCALL") || text.startsWith(" -->")) {
      const expected = this.#syscalls.readLine(text);
      if (expected !== null) this.#fail(this.#nrLines, expected, text);
      if (this.#syscalls.events.length > 0) this.#folder.close();
      for (const event of this.#syscalls.events) this.#log.addEvent(event);
    } else {
      const access = /^(?:I | L| S| M) ([0-9a-f]{1,16}),(\d{1,4})$/.exec(text);
      if (access === null) this.#fail(this.#nrLines, EXPECTED_ACCESS, text);
      const [, address, size] = access;
      const sizeBytes = Number(size);
      // Without its offset an address is exact.
      const vpn = parseInt(address.slice(0, -3) || "0", 16);
      const offset = parseInt(address.slice(-3), 16);
      const isSane = vpn < VPN_END && sizeBytes > 0 && sizeBytes <= MAX_ACCESS_BYTES;
      if (!isSane) this.#fail(this.#nrLines, EXPECTED_ACCESS, text);
      const decoder = this.#decoder;
      decoder.setOne(text.charCodeAt(1), vpnLo(vpn), vpnHi(vpn), offset + sizeBytes);
      this.#folder.addAccesses(decoder.words, decoder.nrAccesses);
    }
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
