/**
 * One open-addressed table of a hashed page table: the records of one leaf level. Hot: per look-up that misses the last
 * record. Layout: hashed-table.ts in contracts.
 *
 * `bases[frame]` is the word index of a record frame, a copy of what the root's list leads to. A deletion moves later
 * records back over the hole (no tombstones), so a search never gets longer by what was there. Growth makes a table of
 * twice as many frames and moves all records; when there are no frames for it, the old table fills up to 15/16.
 *
 * Invariants: every record is reached from its home without passing an unused one; count field and non-empty entries
 * agree; `nrRecords` of them are in use.
 */
import {
  bug,
  HASHED_COUNT_MASK,
  HASHED_COUNT_ONE,
  HASHED_ENTRIES,
  HASHED_IN_USE,
  HASHED_LIST,
  HASHED_LIST_WORDS,
  HASHED_RECORD_WORDS,
  HASHED_RECORDS,
  HASHED_TAG_MASK,
  HASHED_TAG_WORDS,
  hashedHash,
  hashedHomeRecord,
  NO_PFN,
  PAGE_WORDS,
  type Pfn,
  type TableFrames,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { type TableCounts } from "./table-counts.ts";

/** No such record. */
export const NO_RECORD = -1;

/** Records of one leaf level. */
export class HashedLevel {
  readonly level: number;
  nrRecords = 0;
  /** Record frames: 0 or a power of two. */
  nrFrames = 0;
  /** Grows whenever a record moves. */
  nrMoves = 0;
  private readonly contents: FrameContents;
  private readonly frames: TableFrames;
  private readonly counts: TableCounts;
  private readonly nrTables: Int32Array;
  private readonly rootBase: number;
  private readonly recordWords: number;
  private readonly perFrame: number;
  private pfns: Int32Array = new Int32Array(0);
  private bases: Int32Array = new Int32Array(0);
  private directoryPfns: Int32Array = new Int32Array(0);

  /** `rootBase` is the first word of the root frame. */
  constructor(
    level: number,
    contents: FrameContents,
    frames: TableFrames,
    counts: TableCounts,
    nrTables: Int32Array,
    rootBase: number,
  ) {
    this.level = level;
    this.contents = contents;
    this.frames = frames;
    this.counts = counts;
    this.nrTables = nrTables;
    this.rootBase = rootBase;
    this.recordWords = HASHED_RECORD_WORDS[level];
    this.perFrame = HASHED_RECORDS[level];
  }

  /** Records that fit. */
  get capacity(): number {
    return this.nrFrames * this.perFrame;
  }

  /** First word of the record with a key, or NO_RECORD. */
  find(keyLo: number, keyHi: number): number {
    const { nrFrames, perFrame, recordWords, bases } = this;
    if (nrFrames === 0) return NO_RECORD;
    const { words } = this.contents;
    const hash = hashedHash(keyLo, keyHi);
    const tag = keyHi | HASHED_IN_USE;
    let frame = hash & (nrFrames - 1);
    let left = perFrame - hashedHomeRecord(hash, perFrame);
    let at = bases[frame] + (perFrame - left) * recordWords;
    while (true) {
      const word1 = words[at + 1];
      if (word1 === 0) return NO_RECORD;
      if ((word1 & HASHED_TAG_MASK) === tag && words[at] === keyLo) return at;
      at += recordWords;
      if (--left === 0) {
        frame = (frame + 1) & (nrFrames - 1);
        left = perFrame;
        at = bases[frame];
      }
    }
  }

  /** Makes room for `nrMore` records; false when there are no frames for it. Moves records. */
  reserve(nrMore: number): boolean {
    const wanted = this.nrRecords + nrMore;
    if (wanted * 4 <= this.capacity * 3) return true;
    let nrFrames = Math.max(1, this.nrFrames);
    while (wanted * 4 > nrFrames * this.perFrame * 3) nrFrames *= 2;
    return this.rehash(nrFrames) || wanted * 16 <= this.capacity * 15;
  }

  /** Gives frames back that few records are left for. Moves records. */
  shrink(): void {
    if (this.nrFrames === 0) return;
    if (this.nrRecords === 0) {
      this.freeFrames(this.pfns, this.directoryPfns);
      this.adopt(new Int32Array(0), new Int32Array(0));
      return;
    }
    let nrFrames = this.nrFrames;
    while (nrFrames > 1 && this.nrRecords * 8 < nrFrames * this.perFrame) nrFrames /= 2;
    if (nrFrames < this.nrFrames) this.rehash(nrFrames);
  }

  /** Adds an empty record with a key that is not there; returns its first word. There must be room. */
  insert(keyLo: number, keyHi: number): number {
    const at = this.findUnused(keyLo, keyHi);
    const { words } = this.contents;
    words[at] = keyLo;
    words[at + 1] = keyHi | HASHED_IN_USE;
    this.nrRecords++;
    return at;
  }

  /** Takes a record out, and moves later ones back over it. */
  remove(record: number): void {
    const { words } = this.contents;
    const { recordWords, capacity } = this;
    let hole = this.positionOf(record);
    let holeAt = record;
    for (let next = hole + 1; ; next++) {
      if (next >= capacity) next -= capacity;
      const nextAt = this.recordAt(next);
      const word1 = words[nextAt + 1];
      if (word1 === 0) break;
      const home = this.homeOf(words[nextAt], word1 & 0x1fff);
      // Leave it when its home lies cyclically behind the hole.
      if (cyclic(next - home, capacity) < cyclic(next - hole, capacity)) continue;
      words.copyWithin(holeAt, nextAt, nextAt + recordWords);
      hole = next;
      holeAt = nextAt;
    }
    words.fill(0, holeAt, holeAt + recordWords);
    this.nrRecords--;
    this.nrMoves++;
  }

  /** Steps of the search for a key: first words of the records looked at. Cold. */
  collectProbes(keyLo: number, keyHi: number): number[] {
    const probes: number[] = [];
    if (this.nrFrames === 0) return probes;
    const { words } = this.contents;
    for (let position = this.homeOf(keyLo, keyHi); ; position = (position + 1) % this.capacity) {
      const at = this.recordAt(position);
      probes.push(at);
      const isMatch = words[at] === keyLo && (words[at + 1] & HASHED_TAG_MASK) === (keyHi | HASHED_IN_USE);
      if (isMatch || words[at + 1] === 0) return probes;
    }
  }

  /** Collects the first words of all records. Cold. */
  collectRecords(): number[] {
    const records: number[] = [];
    for (let position = 0; position < this.capacity; position++) {
      const at = this.recordAt(position);
      if (this.contents.words[at + 1] !== 0) records.push(at);
    }
    return records;
  }

  checkInvariants(): void {
    const { words, slotOf } = this.contents;
    const { level, rootBase } = this;
    const records = this.collectRecords();
    if (records.length !== this.nrRecords)
      bug(`${records.length} records of level ${level} are in use and ${this.nrRecords} counted`);
    for (const at of records) {
      if (this.find(words[at], words[at + 1] & 0x1fff) !== at) bug(`record at word ${at} cannot be reached`);
      let nrFull = 0;
      const end = at + HASHED_TAG_WORDS + 2 * HASHED_ENTRIES[level];
      for (let entry = at + HASHED_TAG_WORDS; entry < end; entry += 2)
        if ((words[entry] | words[entry + 1]) !== 0) nrFull++;
      if (nrFull !== (words[at + 1] & HASHED_COUNT_MASK) / HASHED_COUNT_ONE)
        bug(`record at word ${at} has ${nrFull} entries and another number counted`);
    }
    if (words[rootBase + 4 * (level - 1)] !== this.nrFrames)
      bug(`the root counts other frames at level ${level}`);
    const isIndirect = words[rootBase + 4 * (level - 1) + 1] !== 0;
    for (let frame = 0; frame < this.nrFrames; frame++) {
      const list = rootBase + HASHED_LIST[level];
      const pfn = isIndirect
        ? words[slotOf[words[list + (frame >>> 10)]] * PAGE_WORDS + (frame & 1023)]
        : words[list + frame];
      if (slotOf[pfn] * PAGE_WORDS !== this.bases[frame])
        bug(`the root leads to pfn ${pfn} for frame ${frame}`);
    }
  }

  /** Moves all records to a table of `nrFrames`; false when there are no frames for it. */
  private rehash(nrFrames: number): boolean {
    const nrListed = nrFrames > HASHED_LIST_WORDS[this.level] ? Math.ceil(nrFrames / PAGE_WORDS) : 0;
    if (nrListed > HASHED_LIST_WORDS[this.level]) return false;
    const pfns = this.takeFrames(nrFrames);
    if (pfns === null) return false;
    const directoryPfns = this.takeFrames(nrListed);
    if (directoryPfns === null) {
      this.freeFrames(pfns, new Int32Array(0));
      return false;
    }
    const old = this.collectRecords();
    const oldPfns = this.pfns;
    const oldDirectoryPfns = this.directoryPfns;
    this.adopt(pfns, directoryPfns);
    const { words } = this.contents;
    for (const from of old) {
      words.copyWithin(this.findUnused(words[from], words[from + 1] & 0x1fff), from, from + this.recordWords);
    }
    this.freeFrames(oldPfns, oldDirectoryPfns);
    return true;
  }

  /** Makes frames the table's, and writes down in the root where they are. */
  private adopt(pfns: Int32Array, directoryPfns: Int32Array): void {
    const { words, slotOf } = this.contents;
    const { level, rootBase } = this;
    this.pfns = pfns;
    this.directoryPfns = directoryPfns;
    this.nrFrames = pfns.length;
    this.bases = pfns.map((pfn) => slotOf[pfn] * PAGE_WORDS);
    const isIndirect = directoryPfns.length > 0;
    const list = rootBase + HASHED_LIST[level];
    words[rootBase + 4 * (level - 1)] = pfns.length;
    words[rootBase + 4 * (level - 1) + 1] = isIndirect ? 1 : 0;
    words.fill(0, list, list + HASHED_LIST_WORDS[level]);
    words.set(isIndirect ? directoryPfns : pfns, list);
    for (let at = 0; at < directoryPfns.length; at++) {
      words.set(
        pfns.subarray(at * PAGE_WORDS, (at + 1) * PAGE_WORDS),
        slotOf[directoryPfns[at]] * PAGE_WORDS,
      );
    }
    this.nrMoves++;
  }

  /** Takes zeroed frames; null, and none taken, when they run out. */
  private takeFrames(nr: number): Int32Array | null {
    const pfns = new Int32Array(nr);
    for (let at = 0; at < nr; at++) {
      const pfn: Pfn = this.frames.allocTable(this.level);
      if (pfn === NO_PFN) {
        this.freeFrames(pfns.subarray(0, at), new Int32Array(0));
        return null;
      }
      this.counts.open(this.contents.ensureSlot(pfn) / PAGE_WORDS, this.level);
      this.nrTables[this.level]++;
      pfns[at] = pfn;
    }
    return pfns;
  }

  private freeFrames(pfns: Int32Array, directoryPfns: Int32Array): void {
    const { contents } = this;
    for (const pfn of [...pfns, ...directoryPfns]) {
      const slot = contents.slotOf[pfn];
      contents.words.fill(0, slot * PAGE_WORDS, (slot + 1) * PAGE_WORDS);
      this.counts.close(slot);
      this.nrTables[this.level]--;
      contents.releaseSlot(pfn);
      this.frames.freeTable(pfn, this.level);
    }
  }

  /** First word of the unused record where a search for a key ends. */
  private findUnused(keyLo: number, keyHi: number): number {
    const { nrFrames, perFrame, recordWords, bases } = this;
    const { words } = this.contents;
    const hash = hashedHash(keyLo, keyHi);
    let frame = hash & (nrFrames - 1);
    let left = perFrame - hashedHomeRecord(hash, perFrame);
    let at = bases[frame] + (perFrame - left) * recordWords;
    while (words[at + 1] !== 0) {
      at += recordWords;
      if (--left === 0) {
        frame = (frame + 1) & (nrFrames - 1);
        left = perFrame;
        at = bases[frame];
      }
    }
    return at;
  }

  private homeOf(keyLo: number, keyHi: number): number {
    const hash = hashedHash(keyLo, keyHi);
    return (hash & (this.nrFrames - 1)) * this.perFrame + hashedHomeRecord(hash, this.perFrame);
  }

  private recordAt(position: number): number {
    const frame = Math.floor(position / this.perFrame);
    return this.bases[frame] + (position - frame * this.perFrame) * this.recordWords;
  }

  /** Where in the order of probing a record stands. */
  private positionOf(record: number): number {
    const { words } = this.contents;
    let position = this.homeOf(words[record], words[record + 1] & 0x1fff);
    while (this.recordAt(position) !== record) position = position + 1 === this.capacity ? 0 : position + 1;
    return position;
  }
}

/** Distance around a circle of `size`, of a difference that may be negative. */
function cyclic(difference: number, size: number): number {
  return difference < 0 ? difference + size : difference;
}
