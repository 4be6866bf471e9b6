/**
 * A two-level, set-associative, PCID-tagged TLB for three page sizes. Hot: per access.
 *
 * Five arrays (tlb-config.ts) lie one after another in one index space, first level first:
 *
 *     l1 | l1Large | l1Huge | l2 | l2Huge        entry = first of array + set * ways + way, set = page & (sets - 1)
 *
 * Replacement is exact LRU per set: in the first level by `age`, the clock of the last use, 0 when empty; in the second
 * by lists (lru-sets.ts). A hit in the first level does not touch the second.
 *
 * Invariants: no set holds a tag twice; an entry that both levels hold is equal in both; empty ways are the least
 * recent of their set; `validList[0 .. nrValid)` are the valid entries, and `validAt` says where in it each one is, so
 * that a flush costs what it drops.
 */
import {
  type Asid,
  bug,
  PTE_G,
  TLB_1G,
  TLB_2M,
  TLB_4K,
  TLB_MISS,
  type Tlb,
  type TlbStats,
  vpnHi as highOf,
  vpnLo as lowOf,
  vpnOf,
} from "@pageframe/contracts";
import { LARGE_FLAGS, largeFlags } from "./large-flags.ts";
import { LruSets } from "./lru-sets.ts";
import { nrSets, type TlbConfig, tlbConfig } from "./tlb-config.ts";
import {
  pageHiOf,
  pageLoOf,
  TAG_GLOBAL,
  TAG_PCID_SHIFT,
  TAG_SIZE_SHIFT,
  TAG_VALID,
  TAG_VPN_HI_MASK,
  tagPcid,
  tagServes,
  tagSize,
} from "./tlb-tag.ts";

const NO_ENTRY = -1;
/** Rows of `arrayFirst`, `arrayWays`, `arraySetMask`. The first level's arrays have their page size as row. */
const L1_2M: number = TLB_2M;
const L1_1G: number = TLB_1G;
const L2 = 3;
const L2_HUGE = 4;
const NR_ARRAYS = 5;

/** The default occupant of the TLB seat. */
export class SetAssociativeTlb implements Tlb {
  readonly name = "set-associative";
  readonly config: TlbConfig;
  readonly entryPfn: Int32Array;
  readonly entryFlags: Int32Array;
  nrL2Hits = 0;
  nrMisses = 0;

  private readonly tagLo: Int32Array;
  private readonly tagHi: Int32Array;
  /** Ticks once per lookup and once per insert. */
  private clock = 0;
  private readonly l1Ways: number;
  private readonly l1SetMask: number;
  /** Clock of the last use; first level only. */
  private readonly age: Float64Array;
  /** Where the second level had this entry when the first got it, or NO_ENTRY; first level only. */
  private readonly l2Copy: Int32Array;
  private readonly lru: LruSets;
  private readonly lruHuge: LruSets;
  /** First entry of each array; one more marks the end. */
  private readonly arrayFirst: Int32Array = new Int32Array(NR_ARRAYS + 1);
  private readonly arrayWays: Int32Array = new Int32Array(NR_ARRAYS);
  private readonly arraySetMask: Int32Array = new Int32Array(NR_ARRAYS);
  private readonly validList: Uint16Array;
  private readonly validAt: Uint16Array;
  private nrValid = 0;
  /** Valid entries of 2 MiB and 1 GiB: such pages are searched for only when there are any. */
  private nrLarge = 0;
  private nrInserts = 0;
  private nrFolded = 0;
  private nrFlushes = 0;
  private nrEntriesFlushed = 0;
  /** Page of the last lookup that missed, until something is inserted: inserting it needs no search. */
  private missedLo = 0;
  private missedHi: number = NO_ENTRY;
  private missedPcid = 0;

  /** What the config leaves out is Skylake's. Throws EINVAL for a geometry that cannot be. */
  constructor(config: Partial<TlbConfig> = {}) {
    this.config = tlbConfig(config);
    const { l1, l1Large, l1Huge, l2, l2Huge } = this.config;
    [l1, l1Large, l1Huge, l2, l2Huge].forEach((array, row) => {
      this.arrayWays[row] = array.entries === 0 ? 0 : array.ways;
      this.arraySetMask[row] = Math.max(nrSets(array) - 1, 0);
      this.arrayFirst[row + 1] = this.arrayFirst[row] + array.entries;
    });
    const nrEntries = this.arrayFirst[NR_ARRAYS];
    const nrL1Entries = this.arrayFirst[L2];
    this.l1Ways = l1.ways;
    this.l1SetMask = this.arraySetMask[TLB_4K];
    this.entryPfn = new Int32Array(nrEntries);
    this.entryFlags = new Int32Array(nrEntries);
    this.tagLo = new Int32Array(nrEntries);
    this.tagHi = new Int32Array(nrEntries);
    this.age = new Float64Array(nrL1Entries);
    this.l2Copy = new Int32Array(nrL1Entries).fill(NO_ENTRY);
    this.lru = new LruSets(nrL1Entries, nrSets(l2), this.arrayWays[L2]);
    this.lruHuge = new LruSets(this.arrayFirst[L2_HUGE], nrSets(l2Huge), this.arrayWays[L2_HUGE]);
    this.validList = new Uint16Array(nrEntries);
    this.validAt = new Uint16Array(nrEntries);
  }

  get stats(): TlbStats {
    const nrLookups = this.clock - this.nrInserts;
    return {
      l1Hits: nrLookups - this.nrL2Hits - this.nrMisses + this.nrFolded,
      l2Hits: this.nrL2Hits,
      misses: this.nrMisses,
      flushes: this.nrFlushes,
      entriesFlushed: this.nrEntriesFlushed,
    };
  }

  /** Valid entries of all levels. */
  get nrValidEntries(): number {
    return this.nrValid;
  }

  lookup(vpnLo: number, vpnHi: number, pcid: Asid): number {
    const clock = this.clock + 1;
    this.clock = clock;
    const { tagLo, tagHi, l1Ways } = this;
    const tag = vpnHi | (pcid << TAG_PCID_SHIFT) | TAG_VALID;
    let entry = (vpnLo & this.l1SetMask) * l1Ways;
    const end = entry + l1Ways;
    do {
      if (
        tagLo[entry] === vpnLo &&
        (tagHi[entry] === tag || tagHi[entry] === (vpnHi | TAG_GLOBAL | TAG_VALID))
      ) {
        this.age[entry] = clock;
        return entry;
      }
    } while (++entry < end);
    return this.lookupFurther(vpnLo, vpnHi, pcid, tag);
  }

  insert(vpnLo: number, vpnHi: number, pcid: Asid, pageSize: number, pfn: number, flags: number): number {
    if (vpnLo !== this.missedLo || vpnHi !== this.missedHi || pcid !== this.missedPcid) {
      this.dropPage(vpnLo, vpnHi, pcid);
    }
    this.missedHi = NO_ENTRY;
    this.clock++;
    this.nrInserts++;
    const pageLo = pageLoOf(vpnLo, vpnHi, pageSize);
    const owner = (flags & PTE_G) !== 0 ? TAG_GLOBAL : pcid << TAG_PCID_SHIFT;
    const tag = pageHiOf(vpnHi, pageSize) | owner | (pageSize << TAG_SIZE_SHIFT) | TAG_VALID;
    const kept = (flags & ~LARGE_FLAGS) | largeFlags(pageSize);
    const copy = this.fillL2(pageLo, tag, pageSize === TLB_1G ? L2_HUGE : L2, pfn, kept);
    return this.fillL1(pageLo, tag, pageSize, pfn, kept, copy);
  }

  setEntryFlags(entry: number, flags: number): void {
    this.entryFlags[entry] |= flags;
    const copy = this.copyInL2(entry);
    if (copy !== NO_ENTRY) this.entryFlags[copy] |= flags;
  }

  addL1Hits(nr: number): void {
    this.nrFolded += nr;
  }

  dropPage(vpnLo: number, vpnHi: number, pcid: Asid): void {
    if (this.nrValid === 0) return;
    this.dropFrom(TLB_4K, vpnLo, vpnHi, pcid, TLB_4K);
    this.dropFrom(L2, vpnLo, vpnHi, pcid, TLB_4K);
    if (this.nrLarge === 0) return;
    this.dropFrom(L1_2M, vpnLo, vpnHi, pcid, TLB_2M);
    this.dropFrom(L2, vpnLo, vpnHi, pcid, TLB_2M);
    this.dropFrom(L1_1G, vpnLo, vpnHi, pcid, TLB_1G);
    this.dropFrom(L2_HUGE, vpnLo, vpnHi, pcid, TLB_1G);
  }

  flushPage(vpnLo: number, vpnHi: number, pcid: Asid): void {
    this.flushRange(vpnLo, vpnHi, 1, pcid);
  }

  /** Costs the lesser of the pages asked for and the valid entries. */
  flushRange(vpnLo: number, vpnHi: number, nrPages: number, pcid: Asid): void {
    const before = this.nrValid;
    if (nrPages < before) {
      let lo = vpnLo;
      let hi = vpnHi;
      for (let done = 0; done < nrPages; done++) {
        this.dropPage(lo, hi, pcid);
        lo = (lo + 1) | 0;
        if (lo === 0) hi++;
      }
    } else {
      const start = vpnOf(vpnLo, vpnHi);
      for (let at = before - 1; at >= 0; at--) {
        const entry = this.validList[at];
        if (!tagServes(this.tagHi[entry], pcid)) continue;
        const firstVpn = this.entryVpn(entry);
        if (firstVpn < start + nrPages && start < firstVpn + this.entryPages(entry)) this.dropEntry(entry);
      }
    }
    this.countFlush(before);
  }

  flushPcid(pcid: Asid): void {
    const before = this.nrValid;
    for (let at = before - 1; at >= 0; at--) {
      const entry = this.validList[at];
      const tag = this.tagHi[entry];
      if ((tag & TAG_GLOBAL) === 0 && tagPcid(tag) === pcid) this.dropEntry(entry);
    }
    this.countFlush(before);
  }

  flushAll(andGlobal: boolean): void {
    const before = this.nrValid;
    for (let at = before - 1; at >= 0; at--) {
      const entry = this.validList[at];
      if (andGlobal || (this.tagHi[entry] & TAG_GLOBAL) === 0) this.dropEntry(entry);
    }
    this.countFlush(before);
  }

  forEachEntry(
    visit: (vpnLo: number, vpnHi: number, pcid: number, pageSize: number, pfn: number, flags: number) => void,
  ): void {
    for (let at = 0; at < this.nrValid; at++) {
      const entry = this.validList[at];
      if (entry < this.arrayFirst[L2] && this.copyInL2(entry) !== NO_ENTRY) continue;
      const tag = this.tagHi[entry];
      const vpn = this.entryVpn(entry);
      const flags = this.entryFlags[entry];
      visit(lowOf(vpn), highOf(vpn), tagPcid(tag), tagSize(tag), this.entryPfn[entry], flags);
    }
  }

  checkInvariants(): void {
    let nrLarge = 0;
    let nrValid = 0;
    for (let array = 0; array < NR_ARRAYS; array++) {
      for (let entry = this.arrayFirst[array]; entry < this.arrayFirst[array + 1]; entry++) {
        if (this.tagHi[entry] === 0) continue;
        nrValid++;
        if (tagSize(this.tagHi[entry]) !== TLB_4K) nrLarge++;
        this.checkEntry(entry, array);
      }
    }
    if (nrValid !== this.nrValid) bug(`${nrValid} TLB entries are valid, ${this.nrValid} counted`);
    if (nrLarge !== this.nrLarge) bug(`${nrLarge} large TLB entries are valid, ${this.nrLarge} counted`);
    for (const lru of [this.lru, this.lruHuge]) {
      for (let set = 0; set < lru.nrSets; set++) {
        const order = lru.order(set);
        const firstEmpty = order.findIndex((entry) => this.tagHi[entry] === 0);
        if (firstEmpty >= 0 && order.slice(firstEmpty).some((entry) => this.tagHi[entry] !== 0)) {
          bug(`TLB set of entry ${order[0]} has an empty way more recent than a valid one`);
        }
      }
    }
  }

  /** Searches the large pages of the first level, then the second level, and promotes what is found there. */
  private lookupFurther(vpnLo: number, vpnHi: number, pcid: Asid, tag: number): number {
    if (this.nrLarge !== 0) {
      const large = this.findLarge(L1_2M, L1_1G, vpnLo, vpnHi, pcid);
      if (large !== NO_ENTRY) {
        this.age[large] = this.clock;
        return large;
      }
    }
    const { tagLo, tagHi } = this;
    const ways = this.arrayWays[L2];
    const set = vpnLo & this.arraySetMask[L2];
    let entry = this.arrayFirst[L2] + set * ways;
    for (const end = entry + ways; entry < end; entry++) {
      if (
        tagLo[entry] === vpnLo &&
        (tagHi[entry] === tag || tagHi[entry] === (vpnHi | TAG_GLOBAL | TAG_VALID))
      ) {
        this.nrL2Hits++;
        this.lru.touch(set, entry);
        return this.promote(entry, TLB_4K);
      }
    }
    if (this.nrLarge !== 0) {
      const large = this.findLarge(L2, L2_HUGE, vpnLo, vpnHi, pcid);
      if (large !== NO_ENTRY) {
        this.nrL2Hits++;
        const pageSize = tagSize(tagHi[large]);
        const lru = pageSize === TLB_1G ? this.lruHuge : this.lru;
        lru.touch(Math.trunc((large - lru.first) / lru.ways), large);
        return this.promote(large, pageSize);
      }
    }
    this.nrMisses++;
    this.missedLo = vpnLo;
    this.missedHi = vpnHi;
    this.missedPcid = pcid;
    return TLB_MISS;
  }

  /** Searches one array for the 2 MiB page and another for the 1 GiB page that hold a 4 KiB page. */
  private findLarge(array2M: number, array1G: number, vpnLo: number, vpnHi: number, pcid: Asid): number {
    const entry = this.findIn(array2M, vpnLo, vpnHi, pcid, TLB_2M);
    return entry !== NO_ENTRY ? entry : this.findIn(array1G, vpnLo, vpnHi, pcid, TLB_1G);
  }

  private findIn(array: number, vpnLo: number, vpnHi: number, pcid: Asid, pageSize: number): number {
    const { tagLo, tagHi } = this;
    const pageLo = pageLoOf(vpnLo, vpnHi, pageSize);
    const common = pageHiOf(vpnHi, pageSize) | (pageSize << TAG_SIZE_SHIFT) | TAG_VALID;
    const ways = this.arrayWays[array];
    const first = this.arrayFirst[array] + (pageLo & this.arraySetMask[array]) * ways;
    for (let entry = first; entry < first + ways; entry++) {
      if (tagLo[entry] !== pageLo) continue;
      const tag = tagHi[entry];
      if (tag === (common | (pcid << TAG_PCID_SHIFT)) || tag === (common | TAG_GLOBAL)) return entry;
    }
    return NO_ENTRY;
  }

  /** Copies an entry of the second level into the first. */
  private promote(copy: number, pageSize: number): number {
    const { tagLo, tagHi, entryPfn, entryFlags } = this;
    return this.fillL1(tagLo[copy], tagHi[copy], pageSize, entryPfn[copy], entryFlags[copy], copy);
  }

  /** Writes over the least recently used way of the first level; returns it. */
  private fillL1(
    pageLo: number,
    tag: number,
    pageSize: number,
    pfn: number,
    flags: number,
    copy: number,
  ): number {
    const { age } = this;
    const ways = this.arrayWays[pageSize];
    let victim = this.arrayFirst[pageSize] + (pageLo & this.arraySetMask[pageSize]) * ways;
    let oldest = age[victim];
    for (let entry = victim + 1, end = victim + ways; entry < end; entry++) {
      if (age[entry] < oldest) {
        oldest = age[entry];
        victim = entry;
      }
    }
    if (oldest === 0) this.noteValid(victim, pageSize);
    age[victim] = this.clock;
    this.tagLo[victim] = pageLo;
    this.tagHi[victim] = tag;
    this.entryPfn[victim] = pfn;
    this.entryFlags[victim] = flags;
    this.l2Copy[victim] = copy;
    return victim;
  }

  /** Writes over the least recently used way of the second level; returns it, or NO_ENTRY when there is no such array. */
  private fillL2(pageLo: number, tag: number, array: number, pfn: number, flags: number): number {
    if (this.arrayWays[array] === 0) return NO_ENTRY;
    const lru = array === L2 ? this.lru : this.lruHuge;
    const victim = lru.takeLeastRecent(pageLo & this.arraySetMask[array]);
    const old = this.tagHi[victim];
    if (old === 0) this.noteValid(victim, tagSize(tag));
    else if (tagSize(old) !== tagSize(tag)) this.nrLarge += tagSize(tag) === TLB_4K ? -1 : 1;
    this.tagLo[victim] = pageLo;
    this.tagHi[victim] = tag;
    this.entryPfn[victim] = pfn;
    this.entryFlags[victim] = flags;
    return victim;
  }

  private noteValid(entry: number, pageSize: number): void {
    this.validAt[entry] = this.nrValid;
    this.validList[this.nrValid++] = entry;
    if (pageSize !== TLB_4K) this.nrLarge++;
  }

  /** Empties what one array holds for a page: it may be there twice, global and not. */
  private dropFrom(array: number, vpnLo: number, vpnHi: number, pcid: Asid, pageSize: number): void {
    let entry = this.findIn(array, vpnLo, vpnHi, pcid, pageSize);
    while (entry !== NO_ENTRY) {
      this.dropEntry(entry);
      entry = this.findIn(array, vpnLo, vpnHi, pcid, pageSize);
    }
  }

  private dropEntry(entry: number): void {
    if (tagSize(this.tagHi[entry]) !== TLB_4K) this.nrLarge--;
    this.tagHi[entry] = 0;
    const at = this.validAt[entry];
    const last = this.validList[--this.nrValid];
    this.validList[at] = last;
    this.validAt[last] = at;
    if (entry < this.arrayFirst[L2]) this.age[entry] = 0;
    else if (entry < this.arrayFirst[L2_HUGE]) this.lru.demote(entry);
    else this.lruHuge.demote(entry);
  }

  private countFlush(nrValidBefore: number): void {
    this.nrFlushes++;
    this.nrEntriesFlushed += nrValidBefore - this.nrValid;
  }

  /** The second level's copy of an entry of the first, or NO_ENTRY when it has been replaced. */
  private copyInL2(entry: number): number {
    const copy = this.l2Copy[entry];
    if (copy === NO_ENTRY) return NO_ENTRY;
    return this.tagHi[copy] === this.tagHi[entry] && this.tagLo[copy] === this.tagLo[entry] ? copy : NO_ENTRY;
  }

  /** 4 KiB pages of an entry. */
  private entryPages(entry: number): number {
    return 512 ** tagSize(this.tagHi[entry]);
  }

  /** First 4 KiB page of an entry. */
  private entryVpn(entry: number): number {
    return vpnOf(this.tagLo[entry], this.tagHi[entry] & TAG_VPN_HI_MASK) * this.entryPages(entry);
  }

  private checkEntry(entry: number, array: number): void {
    const { tagLo, tagHi } = this;
    const pageSize = tagSize(tagHi[entry]);
    const isHome = array < L2 ? pageSize === array : (pageSize === TLB_1G) === (array === L2_HUGE);
    if (!isHome) bug(`TLB entry ${entry} of page size ${pageSize} is in array ${array}`);
    if (this.validList[this.validAt[entry]] !== entry) bug(`TLB entry ${entry} is not in the valid list`);
    if ((this.entryFlags[entry] & LARGE_FLAGS) !== largeFlags(pageSize)) {
      bug(`TLB entry ${entry} has page size ${pageSize} and flags 0x${this.entryFlags[entry].toString(16)}`);
    }
    const ways = this.arrayWays[array];
    const first = this.arrayFirst[array] + (tagLo[entry] & this.arraySetMask[array]) * ways;
    if (entry < first || entry >= first + ways) bug(`TLB entry ${entry} is in the wrong set`);
    for (let other = first; other < first + ways; other++) {
      if (other === entry) continue;
      if (tagLo[other] === tagLo[entry] && tagHi[other] === tagHi[entry]) {
        bug(`TLB entries ${entry} and ${other} hold the same page`);
      }
      if (array < L2 && this.age[other] === this.age[entry])
        bug(`TLB entries ${entry} and ${other} are as old`);
    }
    if (array >= L2) return;
    if (this.age[entry] < 1 || this.age[entry] > this.clock) {
      bug(`TLB entry ${entry} was last used at ${this.age[entry]} of ${this.clock}`);
    }
    const copy = this.copyInL2(entry);
    if (copy === NO_ENTRY) return;
    if (this.entryPfn[copy] !== this.entryPfn[entry] || this.entryFlags[copy] !== this.entryFlags[entry]) {
      bug(`TLB entries ${entry} and ${copy} are one page with different translations`);
    }
  }
}
