/**
 * The entries of a general TLB, found by a hash. Hot: per access.
 *
 * Where a page may be is geometry (model-tlb-places.ts); where it is says the hash, at the same cost for 4 ways as for 72.
 * `cells` has eight words an entry, because whoever reads one of them reads most:
 *
 *     0 tagLo   1 tagHi (tlb-tag.ts; 0 when the entry is empty)   2 pfn   3 flags
 *     4 next entry with the same hash   5 place on the valid list   6 not the entry's: the valid list   7 notes
 *
 *     notes   bits 0..1 page size of the leaf that the walk found   bit 2 prefetched and not used yet
 *
 * The last row belongs to no array: lookups of a coalesced entry show the one page there.
 *
 * Invariants: an array holds no tag twice; arrays that hold the same tag agree about frame and flags, but for the dirty bit
 * of parts of large pages; every valid entry is in its hash chain and on the valid list once; the counts are right
 * (check-model-store.ts).
 */
import { TLB_4K } from "@pageframe/contracts";
import { type ModelTlbConfig, NR_ENTRY_SIZES } from "./model-tlb-config.ts";
import { ModelTlbPlaces } from "./model-tlb-places.ts";
import { LRU, Replacement } from "./replacement.ts";
import { TAG_GLOBAL, TAG_SIZE_SHIFT, TAG_SPECIAL, TAG_VALID, TAG_VPN_HI_MASK, tagSize } from "./tlb-tag.ts";

const NO_ENTRY = -1;
/** Words of an entry, as a shift. */
const ROW_SHIFT = 3;
const TAG_HI = 1;
const PFN = 2;
const FLAGS = 3;
const CHAIN = 4;
const VALID_AT = 5;
const VALID_LIST = 6;
const NOTES = 7;
const NOTE_LEAF_MASK = 3;
const NOTE_PREFETCHED = 4;

/** Entries, their index, and what is valid. */
export class ModelTlbStore extends ModelTlbPlaces {
  readonly cells: Int32Array;
  /** The row that is no entry. */
  readonly viewRow: number;
  readonly replacement: Replacement;
  /** Valid entries of a set. */
  readonly setValid: Int32Array;
  /** Valid entries by (array * NR_ENTRY_SIZES + size) * 2, plus 1 when global. */
  readonly nrOf: Int32Array;
  nrValid = 0;
  /** Valid entries that are not plain: large, coalesced or global. */
  nrSpecial = 0;
  /** Valid entries that are parts of larger pages. */
  nrFragments = 0;
  private readonly hashHead: Int32Array;
  private readonly hashShift: number;

  constructor(config: ModelTlbConfig) {
    super(config);
    this.cells = new Int32Array((this.nrEntries + 1) << ROW_SHIFT);
    this.viewRow = this.nrEntries;
    this.setValid = new Int32Array(this.nrSets);
    this.replacement = new Replacement(this.nrEntries, this.nrSets, config.seed ?? 1);
    for (let array = 0; array < this.nrArrays; array++) {
      for (let set = this.arrayFirstSet[array]; set < this.arrayFirstSet[array + 1]; set++) {
        this.replacement.linkSet(set, this.firstOfSet(array, set), this.arrayWays[array]);
      }
    }
    this.nrOf = new Int32Array(2 * this.nrArrays * NR_ENTRY_SIZES);
    const hashBits = Math.ceil(Math.log2(this.nrEntries)) + 1;
    this.hashShift = 32 - hashBits;
    this.hashHead = new Int32Array(2 ** hashBits).fill(NO_ENTRY);
  }

  /** Entry of one array for the page of an entry size that holds a 4 KiB page, of one PCID or global; or NO_ENTRY. */
  find(array: number, entrySize: number, vpnLo: number, vpnHi: number, owner: number): number {
    const shift = this.sizeShift[entrySize];
    const pageLo = shift === 0 ? vpnLo : (vpnLo >>> shift) | (vpnHi << (32 - shift));
    const tagHi = (vpnHi >>> shift) | owner | (entrySize << TAG_SIZE_SHIFT) | TAG_VALID;
    return this.findTag(array, pageLo, tagHi);
  }

  /** Entry of one array with a tag, or NO_ENTRY. */
  findTag(array: number, pageLo: number, tagHi: number): number {
    const { cells, arrayOf } = this;
    let entry = this.hashHead[this.hashOf(array, pageLo, tagHi)];
    while (entry !== NO_ENTRY) {
      const row = entry << ROW_SHIFT;
      if (cells[row] === pageLo && cells[row + TAG_HI] === tagHi && arrayOf[entry] === array) break;
      entry = cells[row + CHAIN];
    }
    return entry;
  }

  /** Writes a page into an array that does not hold it, over what has to go. Returns the entry. */
  fill(array: number, pageLo: number, tagHi: number, pfn: number, flags: number, notes: number): number {
    const { cells } = this;
    const set = this.arrayFirstSet[array] + (pageLo & this.arraySetMask[array]);
    const first = this.firstOfSet(array, set);
    const ways = this.arrayWays[array];
    const policy = this.arrayPolicy[array];
    let entry = first;
    if (this.setValid[set] === ways || Replacement.hasList(policy)) {
      entry = this.replacement.victim(policy, set, first, ways);
      if (this.tagHi(entry) !== 0) this.unlink(entry);
    } else {
      while (this.tagHi(entry) !== 0) entry++;
    }
    const row = entry << ROW_SHIFT;
    cells[row] = pageLo;
    cells[row + TAG_HI] = tagHi;
    cells[row + PFN] = pfn;
    cells[row + FLAGS] = flags;
    cells[row + NOTES] = notes;
    this.link(entry, array, set);
    this.replacement.noteFilled(policy, set, first, ways, entry);
    return entry;
  }

  /** Notes a use of an entry. */
  touch(entry: number): void {
    const array = this.arrayOf[entry];
    const policy = this.arrayPolicy[array];
    const set = this.arrayFirstSet[array] + (this.cells[entry << ROW_SHIFT] & this.arraySetMask[array]);
    if (policy === LRU) this.replacement.moveToHead(set, entry);
    else this.replacement.touch(policy, this.firstOfSet(array, set), this.arrayWays[array], entry);
  }

  /** Empties an entry. */
  drop(entry: number): void {
    const array = this.arrayOf[entry];
    this.unlink(entry);
    this.cells[(entry << ROW_SHIFT) + TAG_HI] = 0;
    this.replacement.noteEmptied(this.arrayPolicy[array], this.setOf(entry, array), entry);
  }

  /** Halves of an entry's tag; the high one is 0 when it is empty. */
  tagLo(entry: number): number {
    return this.cells[entry << ROW_SHIFT];
  }

  tagHi(entry: number): number {
    return this.cells[(entry << ROW_SHIFT) + TAG_HI];
  }

  /** The valid entry at a place of the valid list. */
  validEntry(at: number): number {
    return this.cells[(at << ROW_SHIFT) + VALID_LIST];
  }

  /** Place of an entry on the valid list, if it is there. */
  placeOf(entry: number): number {
    return this.cells[(entry << ROW_SHIFT) + VALID_AT];
  }

  /** First 4 KiB page that an entry maps. */
  entryVpn(entry: number): number {
    const page = (this.tagHi(entry) & TAG_VPN_HI_MASK) * 2 ** 32 + (this.tagLo(entry) >>> 0);
    return page * this.entryPages(entry);
  }

  /** 4 KiB pages that an entry maps. */
  entryPages(entry: number): number {
    return 2 ** this.sizeShift[tagSize(this.tagHi(entry))];
  }

  /** 4 KiB pages of the page or group of which an entry is a part or the whole; flushes of any of them must drop it. */
  leafPages(entry: number): number {
    const notes = this.cells[(entry << ROW_SHIFT) + NOTES];
    return Math.max(512 ** (notes & NOTE_LEAF_MASK), this.entryPages(entry));
  }

  /** Is an entry a part of a 2 MiB or 1 GiB page? */
  isFragment(entry: number): boolean {
    const leaf = this.cells[(entry << ROW_SHIFT) + NOTES] & NOTE_LEAF_MASK;
    return leaf !== TLB_4K && leaf !== tagSize(this.tagHi(entry));
  }

  /** Set of a valid entry. */
  setOf(entry: number, array: number): number {
    return this.arrayFirstSet[array] + (this.tagLo(entry) & this.arraySetMask[array]);
  }

  private hashOf(array: number, pageLo: number, tagHi: number): number {
    const mixed = Math.imul(pageLo, 0x9e3779b1) ^ Math.imul(tagHi + array, 0x85ebca6b);
    return Math.imul(mixed ^ (mixed >>> 15), 0x9e3779b1) >>> this.hashShift;
  }

  /** Row of `nrOf` for a tag. */
  private countOf(array: number, tagHi: number): number {
    const isGlobal = (tagHi & TAG_GLOBAL) !== 0 ? 1 : 0;
    return 2 * (array * NR_ENTRY_SIZES + tagSize(tagHi)) + isGlobal;
  }

  private link(entry: number, array: number, set: number): void {
    const { cells } = this;
    const row = entry << ROW_SHIFT;
    const tagHi = cells[row + TAG_HI];
    const hash = this.hashOf(array, cells[row], tagHi);
    cells[row + CHAIN] = this.hashHead[hash];
    this.hashHead[hash] = entry;
    cells[row + VALID_AT] = this.nrValid;
    cells[(this.nrValid++ << ROW_SHIFT) + VALID_LIST] = entry;
    this.setValid[set]++;
    this.nrOf[this.countOf(array, tagHi)]++;
    if ((tagHi & TAG_SPECIAL) !== 0) this.nrSpecial++;
    if (this.isFragment(entry)) this.nrFragments++;
  }

  private unlink(entry: number): void {
    const { cells, hashHead } = this;
    const array = this.arrayOf[entry];
    const row = entry << ROW_SHIFT;
    const tagHi = cells[row + TAG_HI];
    const hash = this.hashOf(array, cells[row], tagHi);
    if (hashHead[hash] === entry) {
      hashHead[hash] = cells[row + CHAIN];
    } else {
      let before = hashHead[hash] << ROW_SHIFT;
      while (cells[before + CHAIN] !== entry) before = cells[before + CHAIN] << ROW_SHIFT;
      cells[before + CHAIN] = cells[row + CHAIN];
    }
    const at = cells[row + VALID_AT];
    const last = this.validEntry(--this.nrValid);
    cells[(at << ROW_SHIFT) + VALID_LIST] = last;
    cells[(last << ROW_SHIFT) + VALID_AT] = at;
    this.setValid[this.setOf(entry, array)]--;
    this.nrOf[this.countOf(array, tagHi)]--;
    if ((tagHi & TAG_SPECIAL) !== 0) this.nrSpecial--;
    if (this.isFragment(entry)) this.nrFragments--;
  }
}

export { NO_ENTRY, ROW_SHIFT, PFN, FLAGS, NOTES, NOTE_PREFETCHED };
