/** Cuts text that arrives in chunks into lines. Cold: per line. */

/** String.fromCharCode takes so many arguments everywhere. */
const PIECE_BYTES = 8192;

/** Holds the start of a line whose end has not arrived. Lines have one character a byte. */
export class LineSplitter {
  /** The unfinished line. */
  rest = "";

  /** Returns the lines that end in the chunk, without their line ends (LF or CR LF). */
  split(chunk: Uint8Array): string[] {
    let text = this.rest;
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      text += String.fromCharCode(...chunk.subarray(at, at + PIECE_BYTES));
    }
    const lines = text.split("\n");
    this.rest = lines.pop()!;
    return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  }
}
