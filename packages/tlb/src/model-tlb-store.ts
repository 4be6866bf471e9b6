/**
 * The entries of a general TLB: arrays one after another, found by a hash. Hot: per access.
 *
 *     entry = first of array + set * ways + way        set = number of the page, in its own size, & (sets - 1)
 *
 * Where a page may be is geometry; where it is says the hash, at the same cost for 4 ways as for 72. An entry is a row of
 * these fields, sections of `cells` in units of `nrRows`:
 *
 *     0 tagLo   1 tagHi (tlb-tag.ts; the word is 0 when the entry is empty)   2 pfn   3 flags
 *     4 next entry with the same hash   5 place on the valid list   6 the valid list   7 notes
 *
 *     notes   bits 0..1 page size of the leaf that the walk found   bit 2 prefetched and not used yet
 *
 * The last row of `cells` belongs to no array: lookups of a coalesced entry show the one page there.
 *
 * Invariants: an array holds no tag twice; arrays that hold the same tag agree about frame and flags, but for the dirty bit
 * of parts of large pages; every valid entry is
 * in its hash chain and on the valid list once; the counts are right (check-model-store.ts).
 */
import { PTE_G, TLB_1G, TLB_2M, TLB_4K } from "@pageframe/contracts";
import {
  entrySizeCode,
  modelTlbConfig,
  type ModelTlbConfig,
  NR_ENTRY_SIZES,
  NR_KINDS,
  servesKind,
  SIZE_COALESCED,
} from "./model-tlb-config.ts";
import { Replacement, REPLACEMENTS } from "./replacement.ts";
import { nrSets } from "./tlb-config.ts";
import {
  flagsForSize,
  TAG_GLOBAL,
  TAG_PCID_SHIFT,
  TAG_SIZE_SHIFT,
  TAG_VALID,
  TAG_VPN_HI_MASK,
  tagSize,
} from "./tlb-tag.ts";

const NO_ENTRY = -1;
/** No array of a level takes a page size for a kind of access. */
const NO_ARRAY = -1;
const PFN = 2;
const FLAGS = 3;
const CHAIN = 4;
const VALID_AT = 5;
const VALID_LIST = 6;
const NOTES = 7;
const NR_SECTIONS = 8;
const NOTE_LEAF_MASK = 3;
const NOTE_PREFETCHED = 4;
/** Rows of `nrOf`: own or global entries of each size. */
const SIZES_AND_GLOBAL = 2 * NR_ENTRY_SIZES;

/** The next size that a page is cut into when an array does not hold it; itself for the smallest. */
const SMALLER: readonly number[] = [TLB_4K, TLB_4K, TLB_2M, TLB_4K];
/** Sizes in the order in which lookups try them: the smallest page wins. */
const SEARCH_ORDER: readonly number[] = [TLB_4K, SIZE_COALESCED, TLB_2M, TLB_1G];

/** Entries, their index, and what is where. */
export class ModelTlbStore {
  readonly config: ModelTlbConfig;
  readonly nrLevels: number;
  readonly nrArrays: number;
  readonly nrRows: number;
  /** The row that is no entry. */
  readonly viewRow: number;
  readonly cells: Int32Array;
  readonly replacement: Replacement;
  /** By array; `arrayFirst` and `arrayFirstSet` have one more as the end. */
  readonly arrayFirst: Int32Array;
  readonly arrayFirstSet: Int32Array;
  readonly arrayWays: Int32Array;
  readonly arraySetMask: Int32Array;
  readonly arrayPolicy: Int32Array;
  /** By array * NR_KINDS + kind: 1 when it looks after such accesses. */
  readonly servesKinds: Uint8Array;
  /** Array of every entry. */
  readonly arrayOf: Uint8Array;
  /** Bits of the 4 KiB page number that a page of each entry size does not have. */
  readonly sizeShift: Int32Array;
  /** By (level * NR_KINDS + kind) * NR_ENTRY_SIZES + size: the array that takes a page, and as what size. */
  readonly homeOf: Int32Array;
  readonly storedAs: Int32Array;
  /** What a lookup searches in level * NR_KINDS + kind, from `probeFirst` on: array * NR_ENTRY_SIZES + size. */
  readonly probeFirst: Int32Array;
  readonly probes: Int32Array;
  /** Everything that any array holds, in the same form. */
  readonly allProbes: Int32Array;
  /** Valid entries of a set. */
  readonly setValid: Int32Array;
  /** Valid entries by (array * NR_ENTRY_SIZES + size) * 2, plus 1 when global. */
  readonly nrOf: Int32Array;
  nrValid = 0;
  /** Valid entries that are parts of larger pages. */
  nrFragments = 0;
  private readonly hashHead: Int32Array;
  private readonly hashShift: number;

  constructor(config: ModelTlbConfig) {
    this.config = modelTlbConfig(config);
    const arrays = config.levels.flat();
    this.nrLevels = config.levels.length;
    this.nrArrays = arrays.length;
    this.arrayFirst = new Int32Array(arrays.length + 1);
    this.arrayFirstSet = new Int32Array(arrays.length + 1);
    this.arrayWays = Int32Array.from(arrays, ({ ways }) => ways);
    this.arraySetMask = Int32Array.from(arrays, (array) => nrSets(array) - 1);
    this.arrayPolicy = Int32Array.from(arrays, ({ replacement }) =>
      REPLACEMENTS.indexOf(replacement ?? "lru"),
    );
    this.servesKinds = Uint8Array.from(
      arrays.flatMap((array) =>
        Array.from({ length: NR_KINDS }, (_, kind) => Number(servesKind(array, kind))),
      ),
    );
    for (const [at, array] of arrays.entries()) {
      this.arrayFirst[at + 1] = this.arrayFirst[at] + array.entries;
      this.arrayFirstSet[at + 1] = this.arrayFirstSet[at] + nrSets(array);
    }
    const nrEntries = this.arrayFirst[arrays.length];
    this.nrRows = nrEntries + 1;
    this.viewRow = nrEntries;
    this.cells = new Int32Array(this.nrRows * NR_SECTIONS);
    this.arrayOf = new Uint8Array(nrEntries);
    this.setValid = new Int32Array(this.arrayFirstSet[arrays.length]);
    this.replacement = new Replacement(nrEntries, this.setValid.length, config.seed ?? 1);
    for (let array = 0; array < arrays.length; array++) {
      const ways = this.arrayWays[array];
      this.arrayOf.fill(array, this.arrayFirst[array], this.arrayFirst[array + 1]);
      for (let set = this.arrayFirstSet[array]; set < this.arrayFirstSet[array + 1]; set++) {
        this.replacement.linkSet(set, this.firstOfSet(array, set), ways);
      }
    }
    const coalesceShift = Math.log2(Math.max(config.coalescePages ?? 0, 1));
    this.sizeShift = Int32Array.of(0, 9, 18, coalesceShift);
    this.nrOf = new Int32Array(arrays.length * SIZES_AND_GLOBAL);
    const nrPlaces = this.nrLevels * NR_KINDS;
    this.homeOf = new Int32Array(nrPlaces * NR_ENTRY_SIZES).fill(NO_ARRAY);
    this.storedAs = new Int32Array(nrPlaces * NR_ENTRY_SIZES);
    this.probeFirst = new Int32Array(nrPlaces + 1);
    this.probes = this.findHomes();
    this.allProbes = Int32Array.from(
      arrays.flatMap(({ holds }, array) => holds.map((name) => array * NR_ENTRY_SIZES + entrySizeCode(name))),
    );
    const hashBits = Math.ceil(Math.log2(nrEntries)) + 1;
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
    const { cells, nrRows, arrayOf } = this;
    const chainAt = CHAIN * nrRows;
    let entry = this.hashHead[this.hashOf(array, pageLo, tagHi)];
    while (
      entry !== NO_ENTRY &&
      (cells[entry] !== pageLo || cells[nrRows + entry] !== tagHi || arrayOf[entry] !== array)
    ) {
      entry = cells[chainAt + entry];
    }
    return entry;
  }

  /** Writes a page into an array that does not hold it, over what has to go. Returns the entry. */
  fill(array: number, pageLo: number, tagHi: number, pfn: number, flags: number, notes: number): number {
    const { cells, nrRows } = this;
    const set = this.arrayFirstSet[array] + (pageLo & this.arraySetMask[array]);
    const first = this.firstOfSet(array, set);
    const ways = this.arrayWays[array];
    const policy = this.arrayPolicy[array];
    let entry = first;
    if (this.setValid[set] === ways || Replacement.hasList(policy)) {
      entry = this.replacement.victim(policy, set, first, ways);
      if (cells[nrRows + entry] !== 0) this.unlink(entry);
    } else {
      while (cells[nrRows + entry] !== 0) entry++;
    }
    cells[entry] = pageLo;
    cells[nrRows + entry] = tagHi;
    cells[PFN * nrRows + entry] = pfn;
    cells[FLAGS * nrRows + entry] = flags;
    cells[NOTES * nrRows + entry] = notes;
    this.link(entry, array, set);
    this.replacement.noteFilled(policy, set, first, ways, entry);
    return entry;
  }

  /** Notes a use of an entry. */
  touch(entry: number): void {
    const array = this.arrayOf[entry];
    const set = this.setOf(entry, array);
    const ways = this.arrayWays[array];
    this.replacement.touch(this.arrayPolicy[array], set, this.firstOfSet(array, set), ways, entry);
  }

  /** Empties an entry. */
  drop(entry: number): void {
    const array = this.arrayOf[entry];
    this.unlink(entry);
    this.cells[this.nrRows + entry] = 0;
    this.replacement.noteEmptied(this.arrayPolicy[array], this.setOf(entry, array), entry);
  }

  /** Empties all entries that translate a page for a PCID, and the global ones when `andGlobal`. */
  dropPage(vpnLo: number, vpnHi: number, pcid: number, andGlobal: boolean): void {
    if (this.nrValid === 0) return;
    const { allProbes, nrOf } = this;
    for (let at = 0; at < allProbes.length; at++) {
      const probe = allProbes[at];
      const array = probe >>> 2;
      const entrySize = probe & (NR_ENTRY_SIZES - 1);
      if (nrOf[2 * probe] !== 0) {
        const entry = this.find(array, entrySize, vpnLo, vpnHi, pcid << TAG_PCID_SHIFT);
        if (entry !== NO_ENTRY) this.drop(entry);
      }
      if (andGlobal && nrOf[2 * probe + 1] !== 0) {
        const entry = this.find(array, entrySize, vpnLo, vpnHi, TAG_GLOBAL);
        if (entry !== NO_ENTRY) this.drop(entry);
      }
    }
  }

  /**
   * Makes room for a new translation of a page: empties the entries for it that serve `kind`. Others stay if they have the
   * same frame and owner, and get the new flags; a coalesced one only if its flags are the same already.
   */
  dropReplaced(vpnLo: number, vpnHi: number, pcid: number, kind: number, pfn: number, flags: number): void {
    if (this.nrValid === 0) return;
    const { allProbes, nrOf } = this;
    const isGlobal = (flags & PTE_G) !== 0;
    for (let at = 0; at < allProbes.length; at++) {
      const probe = allProbes[at];
      const array = probe >>> 2;
      const entrySize = probe & (NR_ENTRY_SIZES - 1);
      const isKind = this.servesKinds[array * NR_KINDS + kind] !== 0;
      if (nrOf[2 * probe] !== 0) {
        const own = this.find(array, entrySize, vpnLo, vpnHi, pcid << TAG_PCID_SHIFT);
        if (own !== NO_ENTRY && (isKind || isGlobal || !this.renew(own, entrySize, vpnLo, pfn, flags))) {
          this.drop(own);
        }
      }
      if (nrOf[2 * probe + 1] !== 0) {
        const global = this.find(array, entrySize, vpnLo, vpnHi, TAG_GLOBAL);
        if (
          global !== NO_ENTRY &&
          (isKind || !isGlobal || !this.renew(global, entrySize, vpnLo, pfn, flags))
        ) {
          this.drop(global);
        }
      }
    }
  }

  /** The valid entry at a place of the valid list. */
  validEntry(at: number): number {
    return this.cells[VALID_LIST * this.nrRows + at];
  }

  /** Place of an entry on the valid list, if it is there. */
  placeOf(entry: number): number {
    return this.cells[VALID_AT * this.nrRows + entry];
  }

  /** First 4 KiB page that an entry maps. */
  entryVpn(entry: number): number {
    const tagHi = this.cells[this.nrRows + entry];
    const page = (tagHi & TAG_VPN_HI_MASK) * 2 ** 32 + (this.cells[entry] >>> 0);
    return page * this.entryPages(entry);
  }

  /** 4 KiB pages that an entry maps. */
  entryPages(entry: number): number {
    return 2 ** this.sizeShift[tagSize(this.cells[this.nrRows + entry])];
  }

  /** 4 KiB pages of the page or group of which an entry is a part or the whole; flushes of any of them must drop it. */
  leafPages(entry: number): number {
    const notes = this.cells[NOTES * this.nrRows + entry];
    return Math.max(512 ** (notes & NOTE_LEAF_MASK), this.entryPages(entry));
  }

  /** First entry of a set, which is numbered through all arrays. */
  firstOfSet(array: number, set: number): number {
    return this.arrayFirst[array] + (set - this.arrayFirstSet[array]) * this.arrayWays[array];
  }

  /** Row of `setValid` for an entry. */
  setOf(entry: number, array: number): number {
    return this.arrayFirstSet[array] + (this.cells[entry] & this.arraySetMask[array]);
  }

  /** Gives an entry new flags; false when it is not right about a page's frame, or about others than this page. */
  private renew(entry: number, entrySize: number, vpnLo: number, pfn: number, flags: number): boolean {
    const { cells, nrRows } = this;
    const page = vpnLo & ((1 << this.sizeShift[entrySize]) - 1);
    if (cells[PFN * nrRows + entry] + page !== pfn) return false;
    const isGroup = entrySize === SIZE_COALESCED;
    const renewed = flagsForSize(flags, isGroup ? TLB_4K : entrySize);
    if (isGroup) return cells[FLAGS * nrRows + entry] === renewed;
    cells[FLAGS * nrRows + entry] = renewed;
    return true;
  }

  private hashOf(array: number, pageLo: number, tagHi: number): number {
    const mixed = Math.imul(pageLo, 0x9e3779b1) ^ Math.imul(tagHi + array, 0x85ebca6b);
    return Math.imul(mixed ^ (mixed >>> 15), 0x9e3779b1) >>> this.hashShift;
  }

  private link(entry: number, array: number, set: number): void {
    const { cells, nrRows } = this;
    const tagHi = cells[nrRows + entry];
    const hash = this.hashOf(array, cells[entry], tagHi);
    cells[CHAIN * nrRows + entry] = this.hashHead[hash];
    this.hashHead[hash] = entry;
    cells[VALID_AT * nrRows + entry] = this.nrValid;
    cells[VALID_LIST * nrRows + this.nrValid++] = entry;
    this.setValid[set]++;
    this.nrOf[this.countOf(array, tagHi)]++;
    if (this.isFragment(entry)) this.nrFragments++;
  }

  private unlink(entry: number): void {
    const { cells, nrRows } = this;
    const array = this.arrayOf[entry];
    const tagHi = cells[nrRows + entry];
    const chainAt = CHAIN * nrRows;
    const hash = this.hashOf(array, cells[entry], tagHi);
    if (this.hashHead[hash] === entry) {
      this.hashHead[hash] = cells[chainAt + entry];
    } else {
      let before = this.hashHead[hash];
      while (cells[chainAt + before] !== entry) before = cells[chainAt + before];
      cells[chainAt + before] = cells[chainAt + entry];
    }
    const at = this.placeOf(entry);
    const last = this.validEntry(--this.nrValid);
    cells[VALID_LIST * nrRows + at] = last;
    cells[VALID_AT * nrRows + last] = at;
    this.setValid[this.setOf(entry, array)]--;
    this.nrOf[this.countOf(array, tagHi)]--;
    if (this.isFragment(entry)) this.nrFragments--;
  }

  private countOf(array: number, tagHi: number): number {
    const isGlobal = (tagHi & TAG_GLOBAL) !== 0 ? 1 : 0;
    return 2 * (array * NR_ENTRY_SIZES + tagSize(tagHi)) + isGlobal;
  }

  /** Is an entry a part of a 2 MiB or 1 GiB page? */
  isFragment(entry: number): boolean {
    const leaf = this.cells[NOTES * this.nrRows + entry] & NOTE_LEAF_MASK;
    const entrySize = tagSize(this.cells[this.nrRows + entry]);
    return leaf !== TLB_4K && leaf !== entrySize;
  }

  /** Fills `homeOf`, `storedAs` and `probeFirst`; returns the probes. */
  private findHomes(): Int32Array {
    const probes: number[] = [];
    let array = 0;
    for (const [level, arrays] of this.config.levels.entries()) {
      for (let kind = 0; kind < NR_KINDS; kind++) {
        const place = level * NR_KINDS + kind;
        const homeIn = (entrySize: number): number =>
          arrays.findIndex(
            (one) => servesKind(one, kind) && one.holds.some((name) => entrySizeCode(name) === entrySize),
          );
        for (const entrySize of SEARCH_ORDER) {
          let stored = entrySize;
          while (homeIn(stored) < 0 && SMALLER[stored] !== stored) stored = SMALLER[stored];
          const at = place * NR_ENTRY_SIZES + entrySize;
          this.storedAs[at] = stored;
          if (homeIn(stored) < 0) continue;
          this.homeOf[at] = array + homeIn(stored);
          if (stored === entrySize) probes.push(this.homeOf[at] * NR_ENTRY_SIZES + entrySize);
        }
        this.probeFirst[place + 1] = probes.length;
      }
      array += arrays.length;
    }
    return Int32Array.from(probes);
  }
}

export { NO_ENTRY, NO_ARRAY, PFN, FLAGS, NOTES, NOTE_PREFETCHED };
