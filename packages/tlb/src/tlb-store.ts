/**
 * The entries of a two-level set-associative TLB, and what happens to them beside lookups. Hot: per walk.
 *
 * Five arrays of entries (tlb-config.ts) lie one after another in one index space, first level first:
 *
 *     l1 | l1Large | l1Huge | l2 | l2Huge        entry = first of array + set * stride + way, set = page & (sets - 1)
 *
 * `stride` is the number of ways rounded up to a multiple of four, so that searches take four ways a step; what is
 * beyond the ways stays empty for ever. All fields are sections of one Int32Array, `nrRows` words each:
 *
 *     cells   0 tagLo   1 tagHi   2 pfn   3 flags   4 use   5 link   6 validAt   7 validList
 *
 *     first level    use    clock of the last use, plus the way; the way alone when empty
 *                    link   where the second level had the entry when the first got it, or NO_ENTRY
 *     second level   use    next entry in the circular list of its set, towards less recent
 *                    link   previous one
 *
 * Beside it `signatures` has a byte for each entry, a hash of its page number, which the compiled loop searches by.
 *
 * One array, because compiled code checks an array once a function, however often it reads it [a prototype with one
 * array, and with constants in place as well: 11 million random misses a second; an array per field: 6.5].
 *
 * Replacement is exact LRU per set. The first level takes the least `use`, computed without branches, and has the way in
 * its low bits. The second keeps lists with the most recent entry in `lruHead`, because the least of twelve takes long
 * to find [16 to 72 % on traces that miss]; to use the last or to make the first the last, the circle only turns.
 *
 * Invariants: no set holds a tag twice; an entry that both levels hold is equal in both; empty ways are the least recent
 * of their set; `validList[0 .. nrValid)` are the valid entries, and `validAt` says where in it each one is, so that a
 * flush costs what it drops.
 */
import { TLB_1G, TLB_4K, vpnOf } from "@pageframe/contracts";
import { type Arena } from "@pageframe/memmap";
import { nrSets, type TlbConfig, tlbConfig } from "./tlb-config.ts";
import {
  pageHiOf,
  pageLoOf,
  TAG_GLOBAL,
  TAG_PCID_SHIFT,
  TAG_SIZE_SHIFT,
  TAG_SPECIAL,
  TAG_VALID,
  TAG_VPN_HI_MASK,
  tagSize,
} from "./tlb-tag.ts";

const NO_ENTRY = -1;
/** Rows of the `array` fields. The first level's arrays have their page size as row. */
const L2 = 3;
const L2_HUGE = 4;
const NR_ARRAYS = 5;
/** Sections of `cells`, in units of `nrRows`; tagLo and tagHi are 0 and 1. */
const PFN = 2;
const FLAGS = 3;
const USE = 4;
const LINK = 5;
const VALID_AT = 6;
const VALID_LIST = 7;
const NR_SECTIONS = 8;
/** `use` of what lies beyond the ways: never the least. */
const NEVER_VICTIM = 0x7fffffff;
/** The clock is set back before it reaches this, so that differences of `use` fit int32. */
const MAX_CLOCK: number = 1 << 30;

/** Entries, recency and the list of what is valid. */
export class TlbStore {
  readonly config: TlbConfig;
  readonly nrRows: number;
  readonly cells: Int32Array;
  /** First entry of each array; one more marks the end. */
  readonly arrayFirst: Int32Array = new Int32Array(NR_ARRAYS + 1);
  /** Entries from one set to the next, and of these in use. */
  readonly arrayStride: Int32Array = new Int32Array(NR_ARRAYS);
  readonly arrayWays: Int32Array = new Int32Array(NR_ARRAYS);
  readonly arraySetMask: Int32Array = new Int32Array(NR_ARRAYS);
  /** Most recent entry of each set of `l2`, then of `l2Huge`. */
  readonly lruHead: Int32Array;
  readonly signatures: Uint8Array;
  readonly l1Stride: number;
  readonly l1SetMask: number;
  readonly l2First: number;
  readonly l2Stride: number;
  readonly l2SetMask: number;
  /** What a tick adds to the clock: a power of two above every way. */
  readonly tick: number;
  clock: number;
  nrValid = 0;
  /** Valid entries that are large or global: they are searched for only when there are any. */
  nrSpecial = 0;

  /** The arrays lie in `arena` when it is given and has room. */
  constructor(config: Partial<TlbConfig>, arena: Arena | null) {
    this.config = tlbConfig(config);
    const { l1, l1Large, l1Huge, l2, l2Huge } = this.config;
    let maxStride = 0;
    [l1, l1Large, l1Huge, l2, l2Huge].forEach((array, row) => {
      const stride = array.entries === 0 ? 0 : (array.ways + 3) & ~3;
      this.arrayWays[row] = array.entries === 0 ? 0 : array.ways;
      this.arrayStride[row] = stride;
      this.arraySetMask[row] = Math.max(nrSets(array) - 1, 0);
      this.arrayFirst[row + 1] = this.arrayFirst[row] + nrSets(array) * stride;
      if (row < L2) maxStride = Math.max(maxStride, stride);
    });
    this.nrRows = this.arrayFirst[NR_ARRAYS];
    const takeWords = (nrWords: number) => arena?.takeWords(nrWords) ?? new Int32Array(nrWords);
    this.cells = takeWords(this.nrRows * NR_SECTIONS);
    this.lruHead = takeWords(nrSets(l2) + nrSets(l2Huge));
    const signatureWords = takeWords(this.nrRows / 4);
    this.signatures = new Uint8Array(signatureWords.buffer, signatureWords.byteOffset, this.nrRows);
    this.l1Stride = this.arrayStride[TLB_4K];
    this.l1SetMask = this.arraySetMask[TLB_4K];
    this.l2First = this.arrayFirst[L2];
    this.l2Stride = this.arrayStride[L2];
    this.l2SetMask = this.arraySetMask[L2];
    this.tick = 1 << Math.ceil(Math.log2(maxStride));
    this.clock = this.tick;
    for (let array = TLB_4K; array <= TLB_1G; array++) this.initL1(array);
    this.linkSets(L2, 0);
    this.linkSets(L2_HUGE, nrSets(l2));
  }

  /** First entry of the set that a page belongs to. */
  setFirst(array: number, pageLo: number): number {
    return this.arrayFirst[array] + (pageLo & this.arraySetMask[array]) * this.arrayStride[array];
  }

  /** Entry of one array for the page of `pageSize` that holds a 4 KiB page, owned by `pcid`, else global; or NO_ENTRY. */
  findIn(array: number, vpnLo: number, vpnHi: number, pcid: number, pageSize: number): number {
    const { cells, nrRows } = this;
    const pageLo = pageLoOf(vpnLo, vpnHi, pageSize);
    const common = pageHiOf(vpnHi, pageSize) | (pageSize << TAG_SIZE_SHIFT) | TAG_VALID;
    const owned = common | (pcid << TAG_PCID_SHIFT);
    const global = common | TAG_GLOBAL;
    const first = this.setFirst(array, pageLo);
    const end = first + this.arrayStride[array];
    let found = NO_ENTRY;
    for (let entry = first; entry < end; entry++) {
      if (cells[entry] !== pageLo) continue;
      const tag = cells[nrRows + entry];
      if (tag === owned) return entry;
      if (tag === global) found = entry;
    }
    return found;
  }

  /** Makes an entry of the second level the most recent of its set. */
  touchL2(lruSet: number, entry: number): void {
    const { cells, lruHead, nrRows } = this;
    const head = lruHead[lruSet];
    if (entry === head) return;
    if (cells[LINK * nrRows + head] !== entry) this.moveBefore(entry, head);
    lruHead[lruSet] = entry;
  }

  /** Row of `lruHead` for an entry of the second level. */
  lruSetOf(entry: number): number {
    const hugeFirst = this.arrayFirst[L2_HUGE];
    if (entry < hugeFirst) return Math.trunc((entry - this.l2First) / this.l2Stride);
    return nrSets(this.config.l2) + Math.trunc((entry - hugeFirst) / this.arrayStride[L2_HUGE]);
  }

  /** Puts an entry that was empty on the valid list. */
  noteValid(entry: number): void {
    const { cells, nrRows } = this;
    cells[VALID_AT * nrRows + entry] = this.nrValid;
    cells[VALID_LIST * nrRows + this.nrValid++] = entry;
  }

  /** The valid entry at a place of the valid list. */
  validEntry(at: number): number {
    return this.cells[VALID_LIST * this.nrRows + at];
  }

  /** Place of an entry on the valid list, if it is there. */
  placeOf(entry: number): number {
    return this.cells[VALID_AT * this.nrRows + entry];
  }

  /** Empties an entry and makes it the least recent of its set. */
  drop(entry: number): void {
    const { cells, nrRows } = this;
    if ((cells[nrRows + entry] & TAG_SPECIAL) !== 0) this.nrSpecial--;
    cells[nrRows + entry] = 0;
    const at = this.placeOf(entry);
    const last = this.validEntry(--this.nrValid);
    cells[VALID_LIST * nrRows + at] = last;
    cells[VALID_AT * nrRows + last] = at;
    if (entry < this.l2First) {
      cells[USE * nrRows + entry] &= this.tick - 1;
      return;
    }
    const lruSet = this.lruSetOf(entry);
    const head = this.lruHead[lruSet];
    if (entry === head) this.lruHead[lruSet] = cells[USE * nrRows + entry];
    else if (cells[LINK * nrRows + head] !== entry) this.moveBefore(entry, head);
  }

  /** The second level's copy of an entry of the first, or NO_ENTRY when it has been replaced. */
  copyInL2(entry: number): number {
    const { cells, nrRows } = this;
    const copy = cells[LINK * nrRows + entry];
    if (copy === NO_ENTRY) return NO_ENTRY;
    const isSame = cells[nrRows + copy] === cells[nrRows + entry] && cells[copy] === cells[entry];
    return isSame ? copy : NO_ENTRY;
  }

  /** High half of an entry's tag; 0 when it is empty. */
  tagHi(entry: number): number {
    return this.cells[this.nrRows + entry];
  }

  /** 4 KiB pages that an entry maps. */
  leafPages(entry: number): number {
    return 512 ** tagSize(this.tagHi(entry));
  }

  /** First 4 KiB page that an entry maps. */
  entryVpn(entry: number): number {
    return vpnOf(this.cells[entry], this.tagHi(entry) & TAG_VPN_HI_MASK) * this.leafPages(entry);
  }

  /** Sets the clock back, keeping every set's order. Returns the clock. Cold: once in many million lookups. */
  renumberUses(): number {
    const { cells, nrRows, tick } = this;
    let latest = 1;
    for (let array = TLB_4K; array <= TLB_1G; array++) {
      const ways = this.arrayWays[array];
      for (
        let first = this.arrayFirst[array];
        first < this.arrayFirst[array + 1];
        first += this.arrayStride[array]
      ) {
        const entries = Array.from({ length: ways }, (_, way) => first + way)
          .filter((entry) => cells[nrRows + entry] !== 0)
          .sort((one, other) => cells[USE * nrRows + one] - cells[USE * nrRows + other]);
        entries.forEach((entry, rank) => {
          cells[USE * nrRows + entry] = (rank + 1) * tick + (entry - first);
        });
        latest = Math.max(latest, entries.length);
      }
    }
    this.clock = (latest + 1) * tick;
    return this.clock;
  }

  /** Moves an entry before the head of its set's list: last, as long as the head stays. */
  private moveBefore(entry: number, head: number): void {
    const { cells, nrRows } = this;
    const next = USE * nrRows;
    const prev = LINK * nrRows;
    const after = cells[next + entry];
    const before = cells[prev + entry];
    cells[next + before] = after;
    cells[prev + after] = before;
    const last = cells[prev + head];
    cells[next + last] = entry;
    cells[prev + entry] = last;
    cells[next + entry] = head;
    cells[prev + head] = entry;
  }

  private initL1(array: number): void {
    const { cells, nrRows } = this;
    const stride = this.arrayStride[array];
    for (let entry = this.arrayFirst[array]; entry < this.arrayFirst[array + 1]; entry++) {
      const way = (entry - this.arrayFirst[array]) % stride;
      cells[USE * nrRows + entry] = way < this.arrayWays[array] ? way : NEVER_VICTIM;
      cells[LINK * nrRows + entry] = NO_ENTRY;
    }
  }

  private linkSets(array: number, firstLruSet: number): void {
    const { cells, nrRows } = this;
    const ways = this.arrayWays[array];
    let lruSet = firstLruSet;
    for (
      let first = this.arrayFirst[array];
      first < this.arrayFirst[array + 1];
      first += this.arrayStride[array]
    ) {
      for (let way = 0; way < ways; way++) {
        cells[USE * nrRows + first + way] = first + ((way + 1) % ways);
        cells[LINK * nrRows + first + way] = first + ((way + ways - 1) % ways);
      }
      this.lruHead[lruSet++] = first;
    }
  }
}

export { NO_ENTRY, L2, L2_HUGE, NR_ARRAYS, PFN, FLAGS, USE, LINK, NEVER_VICTIM, MAX_CLOCK };
