/**
 * The inverted table that all address spaces of a machine share. Hot: per look-up. Layout: inverted-table.ts in contracts.
 *
 * A record stands at the place of the frame that its entry maps ("at home"), or lodges elsewhere: in an overflow record, or
 * in the place of a frame that nobody else needs. New records start in overflow; settle() takes one home when its place is
 * free, or taken by a lodger, with whom it changes places. So an entry can be written at any time without memory for it:
 * only new records need memory. A second mapping of a frame whose record is at home stays in overflow for good.
 *
 * Frames for the table are taken when the first address space opens and given back when the last one closes; overflow
 * chunks come when needed and go when trim() finds them unused.
 *
 * Invariants: each record in use is on the chain of its anchor, once; overflow records not in use are on their chunk's free
 * list; `used` counts the others.
 */
import {
  bug,
  EINVAL,
  INVERTED_ANCHORS,
  INVERTED_LEVEL_SHIFT,
  INVERTED_RECORD_WORDS,
  INVERTED_RECORDS,
  INVERTED_SPACE_SHIFT,
  INVERTED_SPACES,
  invertedHash,
  KernelError,
  leafPfn,
  NO_PFN,
  PAGE_WORDS,
  type Pfn,
  PT_LEVEL_PTE,
  type TableFrames,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { leafIsPresent } from "./leaf.ts";

/** No such record, space or chunk. */
export const NO_RECORD = -1;
const RECORD_SHIFT: number = Math.log2(INVERTED_RECORDS);
const ANCHOR_SHIFT: number = Math.log2(INVERTED_ANCHORS);

/** Records of all mapped pages of a machine. */
export class InvertedTable {
  /** Frames of RAM: records below are the frames' own. */
  readonly nrFrames: number;
  readonly anchorMask: number;
  /** Frame of the top directory; NO_PFN while no address space is open. */
  topPfn: Pfn = NO_PFN;
  /** Frames that the table has: directories, anchors, records. */
  nrTableFrames = 0;
  /** Records in use, and those of them that are in overflow. */
  nrRecords = 0;
  nrOverflow = 0;
  /** Grows whenever a record moves or goes. */
  nrMoves = 0;
  private readonly contents: FrameContents;
  private readonly frames: TableFrames;
  private readonly nrAnchorChunks: number;
  private readonly nrFixedChunks: number;
  /** Frame and first word of each chunk, or NO_PFN; free record and used records of each overflow chunk. */
  private chunkPfns: Int32Array = new Int32Array(0);
  private bases: Int32Array = new Int32Array(0);
  private freeRecord: Int32Array = new Int32Array(0);
  private used: Int32Array = new Int32Array(0);
  private directoryPfns: Pfn[] = [];
  /** Overflow chunk to look at first. */
  private roomyChunk = 0;
  private nrFreeOverflow = 0;
  private readonly isSpaceOpen: Uint8Array = new Uint8Array(INVERTED_SPACES);
  private nrSpaces = 0;

  /** Throws EINVAL for more RAM than the directories can describe (about 500 GiB). */
  constructor(contents: FrameContents, frames: TableFrames) {
    this.contents = contents;
    this.frames = frames;
    this.nrFrames = contents.slotOf.length;
    let nrAnchors = INVERTED_ANCHORS;
    while (nrAnchors < this.nrFrames) nrAnchors *= 2;
    this.anchorMask = nrAnchors - 1;
    this.nrAnchorChunks = nrAnchors >>> ANCHOR_SHIFT;
    this.nrFixedChunks = this.nrAnchorChunks + Math.ceil(this.nrFrames / INVERTED_RECORDS);
    if (this.nrFixedChunks > PAGE_WORDS * PAGE_WORDS) {
      throw new KernelError(
        EINVAL,
        `an inverted page table for ${this.nrFrames} frames needs ${this.nrFixedChunks} chunks; ` +
          `its directories lead to ${PAGE_WORDS * PAGE_WORDS}`,
      );
    }
  }

  /** Bytes of the machine's table frames. */
  get sizeBytes(): number {
    return this.nrTableFrames * 4096;
  }

  /** Takes a number for an address space, and the table's frames for the first one. NO_RECORD when there are none. */
  openSpace(): number {
    if (this.nrSpaces === 0 && !this.build()) return NO_RECORD;
    const space = this.isSpaceOpen.indexOf(0);
    if (space < 0) return NO_RECORD;
    this.isSpaceOpen[space] = 1;
    this.nrSpaces++;
    return space;
  }

  /** Gives a number back; its records are gone. The last one takes the table's frames along. */
  closeSpace(space: number): void {
    this.isSpaceOpen[space] = 0;
    this.nrSpaces--;
    if (this.nrSpaces > 0) return;
    if (this.nrRecords !== 0) bug(`${this.nrRecords} records are left, and no address space`);
    this.dismantle();
  }

  /** Number of the record with a key and tag, or NO_RECORD. */
  find(keyLo: number, tag: number): number {
    const { words } = this.contents;
    const { bases, nrAnchorChunks } = this;
    const anchor = invertedHash(keyLo, tag) & this.anchorMask;
    let link = words[bases[anchor >>> ANCHOR_SHIFT] + (anchor & (INVERTED_ANCHORS - 1))];
    while (link !== 0) {
      const record = link - 1;
      const at =
        bases[nrAnchorChunks + (record >>> RECORD_SHIFT)] +
        (record & (INVERTED_RECORDS - 1)) * INVERTED_RECORD_WORDS;
      if (words[at + 2] === keyLo && words[at + 3] === tag) return record;
      link = words[at + 4];
    }
    return NO_RECORD;
  }

  /** First word of a record. */
  wordOf(record: number): number {
    const chunk = this.nrAnchorChunks + (record >>> RECORD_SHIFT);
    return this.bases[chunk] + (record & (INVERTED_RECORDS - 1)) * INVERTED_RECORD_WORDS;
  }

  /** Makes sure that `nr` records can be added; false when there are no frames for them. */
  reserve(nr: number): boolean {
    while (this.nrFreeOverflow < nr) if (!this.addOverflowChunk()) return false;
    return true;
  }

  /** Adds an empty record with a key and tag that are not there; there must be room. Returns its number. */
  add(keyLo: number, tag: number): number {
    const record = this.takeOverflow();
    const at = this.wordOf(record);
    const { words } = this.contents;
    words[at] = words[at + 1] = 0;
    words[at + 2] = keyLo;
    words[at + 3] = tag;
    this.link(record);
    this.nrRecords++;
    return record;
  }

  /** Takes a record away. */
  remove(record: number): void {
    this.unlink(record);
    this.vacate(record);
    this.nrRecords--;
    this.nrMoves++;
  }

  /** Moves a record whose entry was written to the place of the frame it maps, if that can be; returns its number. */
  settle(record: number): number {
    const home = this.homeOf(record);
    if (home === record || home === NO_RECORD) return record;
    const { words } = this.contents;
    const homeAt = this.wordOf(home);
    const at = this.wordOf(record);
    const isTaken = words[homeAt + 3] !== 0;
    if (isTaken && this.homeOf(home) === home) return record;
    this.nrMoves++;
    this.unlink(record);
    if (!isTaken) {
      words.copyWithin(homeAt, at, at + 4);
      this.vacate(record);
      this.link(home);
      return home;
    }
    this.unlink(home);
    for (let word = 0; word < 4; word++) {
      const kept = words[homeAt + word];
      words[homeAt + word] = words[at + word];
      words[at + word] = kept;
    }
    this.link(home);
    this.link(record);
    return home;
  }

  /** Gives back overflow chunks that hold no record. O(overflow chunks). */
  trim(): void {
    for (let chunk = 0; chunk < this.used.length; chunk++) {
      const index = this.nrFixedChunks + chunk;
      if (this.used[chunk] !== 0 || this.chunkPfns[index] === NO_PFN) continue;
      this.freeFrame(this.chunkPfns[index]);
      this.setChunk(index, NO_PFN);
      this.nrFreeOverflow -= INVERTED_RECORDS;
      this.freeRecord[chunk] = NO_RECORD;
    }
  }

  /** Collects the records of a chain up to the wanted one. Cold. */
  collectChain(keyLo: number, tag: number): number[] {
    const { words } = this.contents;
    const chain: number[] = [];
    for (let link = words[this.anchorAt(keyLo, tag)]; link !== 0;) {
      chain.push(link - 1);
      const at = this.wordOf(link - 1);
      if (words[at + 2] === keyLo && words[at + 3] === tag) break;
      link = words[at + 4];
    }
    return chain;
  }

  /** Frame that a record is in. Cold. */
  pfnOfRecord(record: number): Pfn {
    return this.chunkPfns[this.nrAnchorChunks + (record >>> RECORD_SHIFT)];
  }

  /** Records in use of an address space. O(records). */
  countRecords(space: number): number {
    let nr = 0;
    this.forEachInUse((tag) => {
      if (tag >>> INVERTED_SPACE_SHIFT === space) nr++;
    });
    return nr;
  }

  /** Follows every chain, compares with the records in use. O(records). */
  checkInvariants(): void {
    if (this.nrSpaces === 0) return;
    const { words } = this.contents;
    const seen = new Set<number>();
    for (let anchor = 0; anchor <= this.anchorMask; anchor++) {
      const anchorAt = this.bases[anchor >>> ANCHOR_SHIFT] + (anchor & (INVERTED_ANCHORS - 1));
      for (let link = words[anchorAt]; link !== 0; link = words[this.wordOf(link - 1) + 4]) {
        const at = this.wordOf(link - 1);
        if (seen.has(link - 1)) bug(`record ${link - 1} is on two chains`);
        seen.add(link - 1);
        if (words[at + 3] === 0) bug(`record ${link - 1} is on a chain and not in use`);
        if (this.anchorAt(words[at + 2], words[at + 3]) !== anchorAt)
          bug(`record ${link - 1} is on a wrong chain`);
      }
    }
    let nrInUse = 0;
    this.forEachInUse(() => nrInUse++);
    if (nrInUse !== seen.size || nrInUse !== this.nrRecords)
      bug(`${nrInUse} records are in use, ${seen.size} on chains, ${this.nrRecords} counted`);
    let nrOverflow = 0;
    for (let chunk = 0; chunk < this.used.length; chunk++) nrOverflow += this.used[chunk];
    if (nrOverflow !== this.nrOverflow)
      bug(`${nrOverflow} overflow records are used, ${this.nrOverflow} counted`);
    for (let chunk = 0; chunk < this.chunkPfns.length; chunk++) {
      const directory = this.contents.wordBase(this.directoryPfns[Math.floor(chunk / PAGE_WORDS)]);
      const listed = words[directory + (chunk % PAGE_WORDS)];
      if (listed !== Math.max(0, this.chunkPfns[chunk]))
        bug(`the directory has pfn ${listed} for chunk ${chunk}`);
    }
  }

  /** Place where the record of a present leaf belongs: that of its first frame. NO_RECORD when there is none. */
  private homeOf(record: number): number {
    const { words } = this.contents;
    const at = this.wordOf(record);
    const level = (words[at + 3] >>> INVERTED_LEVEL_SHIFT) & 3;
    if (!leafIsPresent(words[at], level)) return NO_RECORD;
    const pfn = leafPfn(words[at], words[at + 1], level);
    return pfn < this.nrFrames ? pfn : NO_RECORD;
  }

  /** Word of the anchor of a key and tag. */
  private anchorAt(keyLo: number, tag: number): number {
    const anchor = invertedHash(keyLo, tag) & this.anchorMask;
    return this.bases[anchor >>> ANCHOR_SHIFT] + (anchor & (INVERTED_ANCHORS - 1));
  }

  private link(record: number): void {
    const { words } = this.contents;
    const at = this.wordOf(record);
    const anchor = this.anchorAt(words[at + 2], words[at + 3]);
    words[at + 4] = words[anchor];
    words[anchor] = record + 1;
  }

  private unlink(record: number): void {
    const { words } = this.contents;
    const at = this.wordOf(record);
    let from = this.anchorAt(words[at + 2], words[at + 3]);
    while (words[from] !== record + 1) {
      if (words[from] === 0) bug(`record ${record} is not on its chain`);
      from = this.wordOf(words[from] - 1) + 4;
    }
    words[from] = words[at + 4];
  }

  /** Makes the place of an unlinked record free. */
  private vacate(record: number): void {
    const at = this.wordOf(record);
    const { words } = this.contents;
    words.fill(0, at, at + INVERTED_RECORD_WORDS);
    if (record < this.nrFrames) return;
    const chunk = this.overflowChunkOf(record);
    words[at + 4] = this.freeRecord[chunk];
    this.freeRecord[chunk] = record;
    this.used[chunk]--;
    this.nrOverflow--;
    this.nrFreeOverflow++;
    this.roomyChunk = chunk;
  }

  private takeOverflow(): number {
    const { freeRecord } = this;
    let chunk = this.roomyChunk;
    if (freeRecord[chunk] === NO_RECORD) {
      chunk = freeRecord.findIndex((record) => record !== NO_RECORD);
      if (chunk < 0) bug("an overflow record is taken and none was reserved");
      this.roomyChunk = chunk;
    }
    const record = freeRecord[chunk];
    freeRecord[chunk] = this.contents.words[this.wordOf(record) + 4];
    this.used[chunk]++;
    this.nrOverflow++;
    this.nrFreeOverflow--;
    return record;
  }

  private overflowChunkOf(record: number): number {
    return this.nrAnchorChunks + (record >>> RECORD_SHIFT) - this.nrFixedChunks;
  }

  /** Adds a chunk of overflow records, in the first place that has none. */
  private addOverflowChunk(): boolean {
    let index = this.chunkPfns.indexOf(NO_PFN, this.nrFixedChunks);
    if (index < 0) {
      index = this.chunkPfns.length;
      const nrPlaces = Math.min(index + 1 + (this.used.length >>> 3), PAGE_WORDS * PAGE_WORDS);
      if (index >= nrPlaces || !this.growTo(nrPlaces)) return false;
    }
    const pfn = this.takeFrame();
    if (pfn === NO_PFN) return false;
    this.setChunk(index, pfn);
    const chunk = index - this.nrFixedChunks;
    const first = (index - this.nrAnchorChunks) << RECORD_SHIFT;
    const base = this.bases[index];
    for (let nr = 0; nr < INVERTED_RECORDS; nr++) {
      const isLast = nr === INVERTED_RECORDS - 1;
      this.contents.words[base + nr * INVERTED_RECORD_WORDS + 4] = isLast ? NO_RECORD : first + nr + 1;
    }
    this.freeRecord[chunk] = first;
    this.nrFreeOverflow += INVERTED_RECORDS;
    this.roomyChunk = chunk;
    return true;
  }

  /** Takes the frames of directories, anchors and frames' records; false, and none taken, when they run out. */
  private build(): boolean {
    this.topPfn = this.takeFrame();
    if (this.topPfn === NO_PFN) return false;
    let isBuilt = this.growTo(this.nrFixedChunks);
    for (let index = 0; isBuilt && index < this.nrFixedChunks; index++) {
      const pfn = this.takeFrame();
      if (pfn === NO_PFN) isBuilt = false;
      else this.setChunk(index, pfn);
    }
    if (!isBuilt) this.dismantle();
    return isBuilt;
  }

  private dismantle(): void {
    for (const pfn of this.chunkPfns) if (pfn !== NO_PFN) this.freeFrame(pfn);
    for (const pfn of this.directoryPfns) this.freeFrame(pfn);
    this.freeFrame(this.topPfn);
    this.topPfn = NO_PFN;
    this.directoryPfns = [];
    this.chunkPfns = this.bases = this.freeRecord = this.used = new Int32Array(0);
    this.nrFreeOverflow = this.roomyChunk = 0;
  }

  /** Makes place for chunks, with directories; false when there is no frame for one. */
  private growTo(nrChunks: number): boolean {
    while (this.directoryPfns.length * PAGE_WORDS < nrChunks) {
      const pfn = this.takeFrame();
      if (pfn === NO_PFN) return false;
      this.contents.words[this.contents.wordBase(this.topPfn) + this.directoryPfns.length] = pfn;
      this.directoryPfns.push(pfn);
    }
    const nrOverflow = Math.max(0, nrChunks - this.nrFixedChunks);
    this.chunkPfns = enlarged(this.chunkPfns, nrChunks, NO_PFN);
    this.bases = enlarged(this.bases, nrChunks, 0);
    this.freeRecord = enlarged(this.freeRecord, nrOverflow, NO_RECORD);
    this.used = enlarged(this.used, nrOverflow, 0);
    return true;
  }

  private setChunk(index: number, pfn: Pfn): void {
    const { contents } = this;
    this.chunkPfns[index] = pfn;
    this.bases[index] = pfn === NO_PFN ? 0 : contents.wordBase(pfn);
    const directory = contents.wordBase(this.directoryPfns[Math.floor(index / PAGE_WORDS)]);
    contents.words[directory + (index % PAGE_WORDS)] = Math.max(0, pfn);
  }

  private takeFrame(): Pfn {
    const pfn = this.frames.allocTable(PT_LEVEL_PTE);
    if (pfn === NO_PFN) return NO_PFN;
    this.contents.ensureSlot(pfn);
    this.nrTableFrames++;
    return pfn;
  }

  private freeFrame(pfn: Pfn): void {
    const base = this.contents.wordBase(pfn);
    this.contents.words.fill(0, base, base + PAGE_WORDS);
    this.contents.releaseSlot(pfn);
    this.nrTableFrames--;
    this.frames.freeTable(pfn, PT_LEVEL_PTE);
  }

  private forEachInUse(visit: (tag: number) => void): void {
    for (let index = this.nrAnchorChunks; index < this.chunkPfns.length; index++) {
      if (this.chunkPfns[index] === NO_PFN) continue;
      for (let nr = 0; nr < INVERTED_RECORDS; nr++) {
        const tag = this.contents.words[this.bases[index] + nr * INVERTED_RECORD_WORDS + 3];
        if (tag !== 0) visit(tag);
      }
    }
  }
}

function enlarged(array: Int32Array, length: number, fill: number): Int32Array {
  const result = new Int32Array(length).fill(fill);
  result.set(array);
  return result;
}
