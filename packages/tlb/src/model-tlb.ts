/**
 * A TLB of any shape: levels of arrays for kinds of access and page sizes, five replacement policies, coalesced entries,
 * prefetch of the next page. Hot: per access.
 *
 * A hit in a level fills the levels above, a miss fills all; hits in a level are no use of those below. The smallest page is
 * found first, and one of the own PCID before a global one. What it is made of is in model-tlb-config.ts, where pages may be
 * in model-tlb-places.ts, entries and their layout in model-tlb-store.ts, what is done to them in model-tlb-entries.ts, what
 * goes out in model-tlb-drops.ts.
 *
 * A coalesced entry whose page is written first, when it is clean, gives way to an entry of that page alone, because only
 * this page's entry in the page table becomes dirty.
 */
import {
  type Asid,
  RUN_COUNT_SHIFT,
  RUN_KIND_MASK,
  RUN_KIND_SHIFT,
  RUN_READ,
  RUN_SPLIT,
  RUN_VPN_HI_MASK,
  RUN_WRITE,
  TLB_4K,
  TLB_MISS,
  TLB_NOT_LOOKED_UP,
  type Tlb,
  type TlbHolding,
  type TlbStats,
  type TlbWalker,
  vpnHi as highOf,
  vpnLo as lowOf,
  vpnOf,
} from "@pageframe/contracts";
import { checkModelStore } from "./check-model-store.ts";
import { dropAll, dropPcid, dropRange } from "./flushed-store.ts";
import { type ModelTlbConfig, NR_ENTRY_SIZES, NR_KINDS, SIZE_COALESCED } from "./model-tlb-config.ts";
import { dropPage } from "./model-tlb-drops.ts";
import { ModelTlbEntries } from "./model-tlb-entries.ts";
import { findInLevel } from "./model-tlb-levels.ts";
import { FLAGS, NO_ENTRY, NOTE_PREFETCHED, NOTES, PFN, ROW_SHIFT } from "./model-tlb-store.ts";
import { collectHoldings, visitEntries } from "./model-tlb-view.ts";
import { TAG_PCID_SHIFT, TAG_VALID } from "./tlb-tag.ts";

/** Highest value of a page number's high half. */
const MAX_VPN_HI: number = RUN_VPN_HI_MASK;

/** Counts of a general TLB. */
export interface ModelTlbStats extends TlbStats {
  /** Hits of each level; l2Hits is the sum of all but the first. */
  readonly levelHits: readonly number[];
  /** Pages that a prefetch put in. */
  readonly prefetches: number;
  /** Prefetched pages that a lookup found before they were gone. */
  readonly usefulPrefetches: number;
  /** Walks for prefetches, with those that found no page or no right. */
  readonly prefetchWalks: number;
  /** Groups of pages that went in as one entry, and lookups that found one. */
  readonly coalescedFills: number;
  readonly coalescedHits: number;
  /** Coalesced entries given up because one of their pages was to be dirty. */
  readonly coalescedSplits: number;
}

/** A TLB by its description. */
export class ModelTlb extends ModelTlbEntries implements Tlb {
  readonly name: string;
  /** What the contract calls an entry is the first word of its row. */
  readonly pfnAt: number = PFN;
  readonly flagsAt: number = FLAGS;
  nrL2Hits = 0;
  nrMisses = 0;
  stoppedEntry: number = TLB_MISS;
  private readonly prefetchesNextPage: boolean;
  private readonly levelHits: Float64Array;
  private nrLookups = 0;
  private nrFolded = 0;
  private nrFlushes = 0;
  private nrEntriesFlushed = 0;
  private nrPrefetches = 0;
  private nrPrefetchWalks = 0;

  /** Throws EINVAL, with every problem, for a description that cannot be. */
  constructor(config: ModelTlbConfig) {
    super(config);
    this.name = config.name;
    this.prefetchesNextPage = config.prefetchNextPage ?? false;
    this.levelHits = new Float64Array(this.nrLevels);
  }

  get stats(): ModelTlbStats {
    const l1Hits = this.nrLookups - this.nrL2Hits - this.nrMisses + this.nrFolded;
    return {
      l1Hits,
      l2Hits: this.nrL2Hits,
      misses: this.nrMisses,
      flushes: this.nrFlushes,
      entriesFlushed: this.nrEntriesFlushed,
      levelHits: [l1Hits, ...this.levelHits.subarray(1)],
      prefetches: this.nrPrefetches,
      usefulPrefetches: this.nrUsefulPrefetches,
      prefetchWalks: this.nrPrefetchWalks,
      coalescedFills: this.nrCoalescedFills,
      coalescedHits: this.nrCoalescedHits,
      coalescedSplits: this.nrCoalescedSplits,
    };
  }

  lookup(vpnLo: number, vpnHi: number, pcid: Asid, kind: number): number {
    const bareKind = kind & RUN_KIND_MASK;
    const { store } = this;
    this.nrLookups++;
    // Most hits are plain: 4 KiB, not global.
    const tag = vpnHi | (pcid << TAG_PCID_SHIFT) | TAG_VALID;
    let first = store.findTag(store.homeOf[bareKind * NR_ENTRY_SIZES], vpnLo, tag);
    if (first !== NO_ENTRY && (this.cells[(first << ROW_SHIFT) + NOTES] & NOTE_PREFETCHED) === 0) {
      store.touch(first);
      return first << ROW_SHIFT;
    }
    if (first === NO_ENTRY && store.nrSpecial !== 0)
      first = findInLevel(this.store, bareKind, vpnLo, vpnHi, pcid);
    if (first !== NO_ENTRY) return this.use(first, vpnLo, vpnHi, kind) << ROW_SHIFT;
    for (let level = 1; level < this.nrLevels; level++) {
      const entry = findInLevel(this.store, level * NR_KINDS + bareKind, vpnLo, vpnHi, pcid);
      if (entry === NO_ENTRY) continue;
      this.nrL2Hits++;
      this.levelHits[level]++;
      return this.promote(entry, level, vpnLo, vpnHi, kind) << ROW_SHIFT;
    }
    this.nrMisses++;
    this.noteMissed(vpnLo, vpnHi, pcid, bareKind);
    return TLB_MISS;
  }

  translateRuns(
    words: Int32Array,
    fromRun: number,
    toRun: number,
    pcid: Asid,
    want: Int32Array,
    mask: Int32Array,
    walker: TlbWalker,
  ): number {
    const { cells } = this;
    for (let run = fromRun; run < toRun; run++) {
      const vpnLo = words[2 * run];
      const word1 = words[2 * run + 1];
      if ((word1 & RUN_SPLIT) !== 0) {
        this.stoppedEntry = TLB_NOT_LOOKED_UP;
        return run;
      }
      const vpnHi = word1 & RUN_VPN_HI_MASK;
      const kind = (word1 >>> RUN_KIND_SHIFT) & RUN_KIND_MASK;
      const entry = this.lookup(vpnLo, vpnHi, pcid, kind);
      if (entry === TLB_MISS) {
        if (walker.walk(vpnLo, vpnHi, kind) !== 0) {
          this.stoppedEntry = TLB_MISS;
          return run;
        }
        const { leafSize, leafPfn, leafFlags } = walker;
        this.insert(vpnLo, vpnHi, pcid, leafSize, leafPfn, leafFlags, kind, walker);
      } else if (((cells[entry + FLAGS] ^ want[kind]) & mask[kind]) !== 0) {
        this.stoppedEntry = entry;
        return run;
      }
      this.nrFolded += word1 >>> RUN_COUNT_SHIFT;
    }
    return toRun;
  }

  insert(
    vpnLo: number,
    vpnHi: number,
    pcid: Asid,
    pageSize: number,
    pfn: number,
    flags: number,
    kind: number,
    walker?: TlbWalker,
  ): number {
    const entrySize = this.entrySizeFor(vpnLo, vpnHi, pageSize, walker);
    // Before the page itself goes in, so that it is not what has to go.
    if (this.prefetchesNextPage && walker !== undefined) {
      this.prefetchAfter(vpnLo, vpnHi, pcid, entrySize, kind, walker);
    }
    return this.put(vpnLo, vpnHi, pcid, pageSize, entrySize, pfn, flags, kind, 0) << ROW_SHIFT;
  }

  setEntryFlags(entry: number, flags: number): void {
    const { cells, store } = this;
    const entryFlags = cells[entry + FLAGS] | flags;
    if (entryFlags === cells[entry + FLAGS]) return;
    const found = entry >> ROW_SHIFT;
    if (found === store.viewRow) {
      this.splitViewed(entryFlags);
      return;
    }
    const tagLo = store.tagLo(found);
    const tagHi = store.tagHi(found);
    for (let array = 0; array < store.nrArrays; array++) {
      const copy = store.findTag(array, tagLo, tagHi);
      if (copy !== NO_ENTRY) cells[(copy << ROW_SHIFT) + FLAGS] |= flags;
    }
  }

  addL1Hits(nr: number): void {
    this.nrFolded += nr;
  }

  dropPage(vpnLo: number, vpnHi: number, pcid: Asid): void {
    dropPage(this.store, vpnLo, vpnHi, pcid, true);
  }

  flushPage(vpnLo: number, vpnHi: number, pcid: Asid): void {
    const before = this.store.nrValid;
    dropPage(this.store, vpnLo, vpnHi, pcid, true);
    this.countFlush(before);
  }

  flushPcidPage(vpnLo: number, vpnHi: number, pcid: Asid): void {
    const before = this.store.nrValid;
    dropPage(this.store, vpnLo, vpnHi, pcid, false);
    this.countFlush(before);
  }

  /** Costs the lesser of the pages asked for and the valid entries. */
  flushRange(vpnLo: number, vpnHi: number, nrPages: number, pcid: Asid): void {
    const { store } = this;
    const before = store.nrValid;
    const start = vpnOf(vpnLo, vpnHi);
    if (nrPages < before && store.nrFragments === 0) {
      for (let vpn = start; vpn < start + nrPages; vpn++)
        dropPage(store, lowOf(vpn), highOf(vpn), pcid, true);
    } else {
      dropRange(store, start, nrPages, pcid, true);
    }
    this.countFlush(before);
  }

  flushPcid(pcid: Asid): void {
    const { store } = this;
    const before = store.nrValid;
    dropPcid(store, pcid);
    this.countFlush(before);
  }

  flushAll(andGlobal: boolean): void {
    const { store } = this;
    const before = store.nrValid;
    dropAll(store, andGlobal);
    this.countFlush(before);
  }

  /** A coalesced entry is shown as its pages; a part of a large page as a page of the size that it has here. */
  forEachEntry(
    visit: (vpnLo: number, vpnHi: number, pcid: number, pageSize: number, pfn: number, flags: number) => void,
  ): void {
    visitEntries(this.store, visit);
  }

  peek(vpnLo: number, vpnHi: number, pcid: Asid): TlbHolding[] {
    return collectHoldings(this.store, vpnLo, vpnHi, pcid);
  }

  checkInvariants(): void {
    checkModelStore(this.store);
  }

  /** As what a page that was walked for goes in: its own size, or a group. */
  private entrySizeFor(vpnLo: number, vpnHi: number, pageSize: number, walker?: TlbWalker): number {
    if (this.coalescePages === 0 || pageSize !== TLB_4K || walker?.isContiguous === undefined)
      return pageSize;
    return walker.isContiguous(vpnLo, vpnHi, this.coalescePages) ? SIZE_COALESCED : TLB_4K;
  }

  /** Walks for the page behind one that missed, and inserts it unless it is there or cannot be. */
  private prefetchAfter(
    vpnLo: number,
    vpnHi: number,
    pcid: number,
    entrySize: number,
    kind: number,
    walker: TlbWalker,
  ): void {
    const nrPages = 2 ** this.store.sizeShift[entrySize];
    const vpn = vpnOf(vpnLo, vpnHi);
    const nextVpn = vpn - (vpn % nrPages) + nrPages;
    const lo = lowOf(nextVpn);
    const hi = highOf(nextVpn);
    if (hi > MAX_VPN_HI) return;
    for (let level = 0; level < this.nrLevels; level++) {
      if (findInLevel(this.store, level * NR_KINDS + (kind & RUN_KIND_MASK), lo, hi, pcid) !== NO_ENTRY)
        return;
    }
    this.nrPrefetchWalks++;
    // A prefetch writes nothing, so it does not ask for the right to, nor sets the dirty bit.
    const right = (kind & RUN_KIND_MASK) === RUN_WRITE ? kind - RUN_WRITE + RUN_READ : kind;
    if (walker.walk(lo, hi, right) !== 0) return;
    this.nrPrefetches++;
    const { leafSize, leafPfn, leafFlags } = walker;
    const nextSize = this.entrySizeFor(lo, hi, leafSize, walker);
    this.put(lo, hi, pcid, leafSize, nextSize, leafPfn, leafFlags, kind, NOTE_PREFETCHED);
  }

  private countFlush(nrValidBefore: number): void {
    this.nrFlushes++;
    this.nrEntriesFlushed += nrValidBefore - this.store.nrValid;
  }
}
