/** How observations name addresses: relative to the places that a script can name too. */
import { PAGE_SIZE, type Vaddr } from "@pageframe/contracts";

/** First byte of the arena, and the first behind it: 256 GiB. */
export const ARENA_START = 0x100000000000;
const ARENA_END = 0x104000000000;

/** Places of a process that addresses are relative to; 0 while not known. */
export interface Places {
  /** Initial break, page-aligned. */
  readonly brk0: Vaddr;
  /** Where the first un-hinted page would go: the top of the mmap area, less a page. */
  readonly mmapTop: Vaddr;
  /** Bottom of the initial stack. */
  readonly stackBottom: Vaddr;
}

/** Bytes below and above the initial break that count as the heap, below the mmap area's top, and around the stack. */
const HEAP_BELOW = 0x100000;
const HEAP_ABOVE = 0x40000000;
const MMAP_BELOW = 0x10000000000;
const STACK_AROUND = 0x1000000;

/** Is it in the arena? */
export function isInArena(address: Vaddr): boolean {
  return address >= ARENA_START && address < ARENA_END;
}

/**
 * Names an address: `A+N` or `A+N.B` in the arena, `B+N` near the initial break, `M-N` below the top of the mmap area, `S-N` near
 * the stack, else hexadecimal. N are pages, towards zero.
 */
export function placeName(address: Vaddr, { brk0, mmapTop, stackBottom }: Places): string {
  if (isInArena(address)) {
    const offset = address % PAGE_SIZE;
    return `A+${Math.floor((address - ARENA_START) / PAGE_SIZE)}${offset === 0 ? "" : `.${offset}`}`;
  }
  if (brk0 !== 0 && address >= brk0 - HEAP_BELOW && address < brk0 + HEAP_ABOVE) {
    return `B${signedPages(address - brk0)}`;
  }
  if (mmapTop !== 0 && address > mmapTop - MMAP_BELOW && address <= mmapTop + PAGE_SIZE) {
    return `M-${Math.floor((mmapTop + PAGE_SIZE - address) / PAGE_SIZE)}`;
  }
  if (stackBottom !== 0 && address >= stackBottom - STACK_AROUND && address < stackBottom + STACK_AROUND) {
    return `S${signedPages(address - stackBottom)}`;
  }
  return `0x${address.toString(16)}`;
}

function signedPages(nrBytes: number): string {
  const nrPages = Math.trunc(nrBytes / PAGE_SIZE);
  return nrPages < 0 ? String(nrPages) : `+${nrPages === 0 ? 0 : nrPages}`;
}
