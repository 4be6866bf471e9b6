/**
 * The bytes in simulated RAM. Hot: per page-table walk.
 *
 * Page tables always have bytes, because the MMU walks them there. Data pages have them according to the mode:
 *
 *     none     never: replay at full speed
 *     sparse   from the first non-zero write on; reading a page without bytes reads zeros
 *     dense    always, one buffer for all RAM
 *
 * A frame's bytes are slot `slotOf[pfn]` of one buffer, seen as int32 `words` (1024 a slot) and as `bytes`. In sparse
 * and none mode the buffer grows: re-read `words` and `bytes` after ensureSlot(). Word indices never change.
 *
 * `slotOf` and the first slots lie in an arena, where compiled loops reach them together with what else is in it. When
 * there are more slots than it has room for, they all move out, and JavaScript does the work from then on.
 */
import { bug, EINVAL, KernelError, NO_PFN, PAGE_SIZE, PAGE_WORDS, type Pfn } from "@pageframe/contracts";
import { Arena } from "./arena.ts";

/** How much of RAM has bytes. */
export type ContentsMode = "none" | "sparse" | "dense";
/** The modes, as configs spell them. */
export const CONTENTS_MODES: readonly ContentsMode[] = ["none", "sparse", "dense"];
/** `slotOf` of a frame without bytes. */
export const NO_SLOT = -1;

/** Slots in the arena of a machine whose data has no bytes of its own: page tables take one frame in 512 or few more. */
const FRAMES_PER_SLOT = 8;
const MIN_ARENA_SLOTS = 1024;
/** Bytes of a word. */
const WORD_BYTES = 4;
/** Room for what else is put into the arena: TLBs, walk caches, batches of accesses. */
const OTHER_ARENA_BYTES: number = 4 << 20;

/** Bytes of all frames. */
export class FrameContents {
  readonly mode: ContentsMode;
  /** Memory that `slotOf` lies in, and `words` at least at first; null when there is none. */
  readonly arena: Arena | null;
  /** The same while `words` is still in it. */
  compiledArena: Arena | null;
  /** Slot of each frame's bytes, or NO_SLOT. */
  readonly slotOf: Int32Array;
  words: Int32Array;
  bytes: Uint8Array;
  private readonly freeSlots: number[] = [];
  private nrSlots: number;
  private nextSlot: number;

  constructor(nrFrames: number, mode: ContentsMode) {
    if (!CONTENTS_MODES.includes(mode)) {
      throw new KernelError(EINVAL, `contents mode "${mode}" is not one of ${CONTENTS_MODES.join(", ")}`);
    }
    this.mode = mode;
    const nrArenaSlots = arenaSlots(nrFrames, mode);
    this.arena = Arena.reserve(nrFrames * 4 + OTHER_ARENA_BYTES, nrArenaSlots * PAGE_WORDS);
    this.slotOf = this.arena?.takeWords(nrFrames) ?? new Int32Array(nrFrames);
    this.slotOf.fill(NO_SLOT);
    const words = this.arena?.tail ?? null;
    this.nrSlots = mode === "dense" ? nrFrames : words === null ? Math.min(nrFrames, 64) : nrArenaSlots;
    this.nextSlot = mode === "dense" ? nrFrames : 0;
    this.compiledArena = words === null ? null : this.arena;
    this.words = words ?? new Int32Array(this.nrSlots * PAGE_WORDS);
    this.bytes = new Uint8Array(this.words.buffer, this.words.byteOffset, this.words.byteLength);
    if (mode === "dense") for (let frame = 0; frame < nrFrames; frame++) this.slotOf[frame] = frame;
  }

  /** Do data pages have bytes? */
  get hasData(): boolean {
    return this.mode !== "none";
  }

  /** Frames that have bytes now. */
  get nrUsedSlots(): number {
    return this.nextSlot - this.freeSlots.length;
  }

  /** Index of the frame's first word in `words`; calls bug() when the frame has no bytes. */
  wordBase(pfn: Pfn): number {
    const slot = this.slotOf[pfn];
    if (slot === NO_SLOT) bug(`pfn ${pfn} has no contents`);
    return slot * PAGE_WORDS;
  }

  /** Gives the frame bytes (zero when it had none); returns the index of its first word. */
  ensureSlot(pfn: Pfn): number {
    let slot = this.slotOf[pfn];
    if (slot === NO_SLOT) {
      slot = this.freeSlots.pop() ?? this.newSlot();
      this.slotOf[pfn] = slot;
      this.words.fill(0, slot * PAGE_WORDS, (slot + 1) * PAGE_WORDS);
    }
    return slot * PAGE_WORDS;
  }

  /** Forgets the frame's bytes: it reads as zeros again. */
  releaseSlot(pfn: Pfn): void {
    const slot = this.slotOf[pfn];
    if (slot === NO_SLOT) return;
    if (this.mode === "dense") {
      this.words.fill(0, slot * PAGE_WORDS, (slot + 1) * PAGE_WORDS);
      return;
    }
    this.slotOf[pfn] = NO_SLOT;
    this.freeSlots.push(slot);
  }

  /** Reads one byte; zero where the frame has none. `offset` is 0..4095. */
  readByte(pfn: Pfn, offset: number): number {
    const slot = this.slotOf[pfn];
    return slot === NO_SLOT ? 0 : this.bytes[slot * PAGE_SIZE + offset];
  }

  /** Writes one byte. Does nothing in mode `none`. */
  writeByte(pfn: Pfn, offset: number, value: number): void {
    if (this.mode === "none") return;
    if (this.slotOf[pfn] === NO_SLOT) {
      if ((value & 0xff) === 0) return;
      this.ensureSlot(pfn);
    }
    this.bytes[this.slotOf[pfn] * PAGE_SIZE + offset] = value;
  }

  /** Copies a page (copy_user_highpage). Does nothing in mode `none`. */
  copyPage(to: Pfn, from: Pfn): void {
    if (this.mode === "none") return;
    if (this.slotOf[from] === NO_SLOT) {
      this.zeroPage(to);
      return;
    }
    const target = this.ensureSlot(to);
    const source = this.wordBase(from);
    this.words.copyWithin(target, source, source + PAGE_WORDS);
  }

  /** Makes a page read as zeros (clear_highpage). Does nothing in mode `none`. */
  zeroPage(pfn: Pfn): void {
    if (this.mode !== "none") this.releaseSlot(pfn);
  }

  /** Copies a page's 4096 bytes out; zeros where the frame has none. */
  readPage(pfn: Pfn, into: Uint8Array): void {
    const slot = this.slotOf[pfn];
    if (slot === NO_SLOT) into.fill(0, 0, PAGE_SIZE);
    else into.set(this.bytes.subarray(slot * PAGE_SIZE, (slot + 1) * PAGE_SIZE));
  }

  /** Copies 4096 bytes in. Does nothing in mode `none`; an all-zero page takes no room in mode `sparse`. */
  writePage(pfn: Pfn, from: Uint8Array): void {
    if (this.mode === "none") return;
    if (this.mode === "sparse" && isZeroPage(from)) {
      this.releaseSlot(pfn);
      return;
    }
    this.ensureSlot(pfn);
    this.bytes.set(from.subarray(0, PAGE_SIZE), this.slotOf[pfn] * PAGE_SIZE);
  }

  /** Copies bytes [offset, offset + nrBytes) of a page to `into` from index `at` on; zeros where the frame has none. */
  copyOut(pfn: Pfn, offset: number, into: Uint8Array, at: number, nrBytes: number): void {
    const slot = this.slotOf[pfn];
    if (slot === NO_SLOT) into.fill(0, at, at + nrBytes);
    else into.set(this.bytes.subarray(slot * PAGE_SIZE + offset, slot * PAGE_SIZE + offset + nrBytes), at);
  }

  /** Copies `nrBytes` of `from`, from index `at` on, into a page at `offset`. Does nothing in mode `none`. */
  copyIn(pfn: Pfn, offset: number, from: Uint8Array, at: number, nrBytes: number): void {
    if (this.mode === "none" || nrBytes === 0) return;
    const base = this.ensureSlot(pfn) * WORD_BYTES;
    this.bytes.set(from.subarray(at, at + nrBytes), base + offset);
  }

  /** Sets bytes [from, to) of a page. Does nothing in mode `none`. */
  fillBytes(pfn: Pfn, from: number, to: number, value: number): void {
    if (this.mode === "none" || from >= to) return;
    if (this.slotOf[pfn] === NO_SLOT && value === 0) return;
    const base = this.ensureSlot(pfn) * WORD_BYTES;
    this.bytes.fill(value, base + from, base + to);
  }

  /** Does the page read as zeros? O(page). */
  isZero(pfn: Pfn): boolean {
    const slot = this.slotOf[pfn];
    if (slot === NO_SLOT) return true;
    const end = (slot + 1) * PAGE_WORDS;
    for (let word = slot * PAGE_WORDS; word < end; word++) if (this.words[word] !== 0) return false;
    return true;
  }

  /** Checks that no two frames share a slot. O(frames). */
  checkInvariants(): void {
    const owner = new Int32Array(this.nrSlots).fill(NO_PFN);
    for (let frame = 0; frame < this.slotOf.length; frame++) {
      const slot = this.slotOf[frame];
      if (slot === NO_SLOT) continue;
      if (owner[slot] !== NO_PFN) bug(`pfns ${owner[slot]} and ${frame} share contents slot ${slot}`);
      owner[slot] = frame;
    }
    for (const slot of this.freeSlots)
      if (owner[slot] !== NO_PFN) bug(`free contents slot ${slot} is in use`);
  }

  private newSlot(): number {
    if (this.nextSlot === this.nrSlots) {
      this.nrSlots = Math.min(this.nrSlots * 2, this.slotOf.length);
      const buffer = new ArrayBuffer(this.nrSlots * PAGE_SIZE);
      const words = new Int32Array(buffer);
      words.set(this.words);
      this.words = words;
      this.compiledArena = null;
      this.bytes = new Uint8Array(buffer);
    }
    return this.nextSlot++;
  }
}

/** Slots that get room in the arena. */
function arenaSlots(nrFrames: number, mode: ContentsMode): number {
  if (mode === "dense") return nrFrames;
  return Math.min(nrFrames, Math.max(MIN_ARENA_SLOTS, Math.ceil(nrFrames / FRAMES_PER_SLOT)));
}

function isZeroPage(bytes: Uint8Array): boolean {
  for (let offset = 0; offset < PAGE_SIZE; offset++) if (bytes[offset] !== 0) return false;
  return true;
}
