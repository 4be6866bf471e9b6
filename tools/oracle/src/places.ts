/** Places in an address space as observations write them: `A+3`, `A+3.16`, `B-1`, `M-14`, `S+2`, `0x7fff1000`. */

/** A place: pages from an anchor. Places with different anchors cannot be compared. */
export interface Place {
  /** `A` arena, `B` initial break, `M` top of the mmap area, `S` bottom of the stack, empty for an absolute address. */
  readonly anchor: string;
  readonly page: number;
}

/** Parses a place; null when the text is none. */
export function parsePlace(text: string): Place | null {
  const relative = /^([ABMS])([+-]\d+)(?:\.\d+)?$/.exec(text);
  if (relative !== null) return { anchor: relative[1], page: Number(relative[2]) };
  const absolute = /^0x([0-9a-f]+)$/.exec(text);
  return absolute === null ? null : { anchor: "", page: Math.floor(parseInt(absolute[1], 16) / 4096) };
}

/** Writes a place. */
export function placeText({ anchor, page }: Place): string {
  if (anchor === "") return `0x${(page * 4096).toString(16)}`;
  return `${anchor}${page < 0 ? "-" : "+"}${Math.abs(page)}`;
}
