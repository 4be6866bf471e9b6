/**
 * A two-level, set-associative, PCID-tagged TLB for three page sizes, with exact LRU. Hot: per access.
 *
 * A hit in the first level does not touch the second; a hit in the second is copied into the first; a miss fills both.
 * Entries and their layout are in tlb-store.ts, what goes in beside the plain case in tlb-fills.ts, flushes in
 * tlb-flushes.ts. Most entries are plain: 4 KiB, not global. One comparison finds them; the others are looked for only while
 * there are any.
 */
import {
  type Asid,
  type CompiledWalker,
  PTE_G,
  PTE_PS,
  RUN_COUNT_SHIFT,
  RUN_KIND_MASK,
  RUN_KIND_SHIFT,
  RUN_SPLIT,
  RUN_VPN_HI_MASK,
  TLB_1G,
  TLB_2M,
  TLB_4K,
  TLB_MISS,
  TLB_NOT_LOOKED_UP,
  type Tlb,
  type TlbHolding,
  type TlbStats,
  type TlbWalker,
} from "@pageframe/contracts";
import { checkStore } from "./check-store.ts";
import { CompiledLoop, NEEDS_WALK, NR_STAGED_RUNS, RAN_THROUGH } from "./compiled-loop.ts";
import { type TlbOptions } from "./tlb-config.ts";
import { TlbFlushes } from "./tlb-flushes.ts";
import { FLAGS, L2, L2_HUGE, LINK, MAX_CLOCK, NO_ENTRY, PFN, USE } from "./tlb-store.ts";
import { flagsForSize, signatureOf, TAG_PCID_SHIFT, TAG_VALID, tagPcid, tagSize } from "./tlb-tag.ts";
import { collectStoreHoldings, visitStore } from "./tlb-view.ts";

/** Flags of an entry that is not plain. */
const SPECIAL_FLAGS: number = PTE_G | PTE_PS;

/** Runs of a batch that are always translated by JavaScript, and as many as the compiled loop begins with. */
const NR_PLAIN_RUNS = 4;
const NR_FIRST_RUNS = 32;

/** What the tag of a plain entry never has: no page missed, or the miss has been filled. */
const NO_TAG = 0;

/** The default occupant of the TLB seat. */
export class SetAssociativeTlb extends TlbFlushes implements Tlb {
  readonly name = "set-associative";
  readonly pfnAt: number;
  readonly flagsAt: number;
  nrL2Hits = 0;
  nrMisses = 0;
  stoppedEntry: number = TLB_MISS;
  /** Runs that one pass of translateRuns() handles, so that the clock is checked once. */
  private readonly maxBatch: number;
  private readonly compiledLoop: CompiledLoop | null;
  private nrLookups = 0;
  private nrFolded = 0;
  /** Plain tag of the last lookup that missed, until something is inserted: inserting it needs no search. */
  private missedLo = 0;
  private missedTag: number = NO_TAG;

  /** What the config leaves out is Skylake's. Throws EINVAL for a geometry that cannot be. */
  constructor(config: TlbOptions = {}) {
    const { arena = null, ...geometry } = config;
    super(geometry, arena);
    this.compiledLoop = CompiledLoop.create(this, arena);
    this.pfnAt = PFN * this.nrRows;
    this.flagsAt = FLAGS * this.nrRows;
    this.maxBatch = Math.trunc(MAX_CLOCK / 2 / this.tick);
  }

  get stats(): TlbStats {
    return {
      l1Hits: this.nrLookups - this.nrL2Hits - this.nrMisses + this.nrFolded,
      l2Hits: this.nrL2Hits,
      misses: this.nrMisses,
      flushes: this.nrFlushes,
      entriesFlushed: this.nrEntriesFlushed,
    };
  }

  lookup(vpnLo: number, vpnHi: number, pcid: Asid): number {
    const { cells, nrRows } = this;
    const tag = vpnHi | (pcid << TAG_PCID_SHIFT) | TAG_VALID;
    this.nrLookups++;
    this.clock += this.tick;
    if (this.clock >= MAX_CLOCK) this.renumberUses();
    const first = (vpnLo & this.l1SetMask) * this.l1Stride;
    const end = first + this.l1Stride;
    let entry = first;
    while (entry < end && (cells[entry] !== vpnLo || cells[nrRows + entry] !== tag)) entry++;
    if (entry === end) return this.lookupFurther(vpnLo, tag);
    cells[USE * nrRows + entry] = this.clock + (entry - first);
    return entry;
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
    const { compiled = null } = walker;
    if (compiled === null || this.compiledLoop === null || toRun - fromRun <= NR_PLAIN_RUNS) {
      return this.translatePlain(words, fromRun, toRun, pcid, want, mask, walker);
    }
    // Where every run faults, the compiled loop would not be worth the call.
    const plainEnd = fromRun + NR_PLAIN_RUNS;
    const run = this.translatePlain(words, fromRun, plainEnd, pcid, want, mask, walker);
    if (run < plainEnd) return run;
    if (this.nrSpecial !== 0 || !this.compiledLoop.serves(compiled)) {
      return this.translatePlain(words, run, toRun, pcid, want, mask, walker);
    }
    return this.translateCompiled(words, run, toRun, pcid, want, mask, walker, compiled);
  }

  private translatePlain(
    words: Int32Array,
    fromRun: number,
    toRun: number,
    pcid: Asid,
    want: Int32Array,
    mask: Int32Array,
    walker: TlbWalker,
  ): number {
    const { cells, nrRows, tick, l1Stride, l1SetMask } = this;
    const flagsAt = FLAGS * nrRows;
    const useAt = USE * nrRows;
    const owner = (pcid << TAG_PCID_SHIFT) | TAG_VALID;
    if (this.clock > MAX_CLOCK - this.maxBatch * tick) this.renumberUses();
    const endRun = Math.min(toRun, fromRun + this.maxBatch);
    let { clock } = this;
    let nrFolded = 0;
    let stoppedEntry = TLB_NOT_LOOKED_UP;
    let run = fromRun;
    for (; run < endRun; run++) {
      const vpnLo = words[2 * run];
      const word1 = words[2 * run + 1];
      if ((word1 & RUN_SPLIT) !== 0) break;
      const tag = (word1 & RUN_VPN_HI_MASK) | owner;
      const kind = (word1 >>> RUN_KIND_SHIFT) & RUN_KIND_MASK;
      clock += tick;
      const first = (vpnLo & l1SetMask) * l1Stride;
      const end = first + l1Stride;
      let entry = first;
      for (; entry < end; entry += 4) {
        if (cells[entry] === vpnLo && cells[nrRows + entry] === tag) break;
        if (cells[entry + 1] === vpnLo && cells[nrRows + entry + 1] === tag) {
          entry += 1;
          break;
        }
        if (cells[entry + 2] === vpnLo && cells[nrRows + entry + 2] === tag) {
          entry += 2;
          break;
        }
        if (cells[entry + 3] === vpnLo && cells[nrRows + entry + 3] === tag) {
          entry += 3;
          break;
        }
      }
      if (entry < end) {
        cells[useAt + entry] = clock + (entry - first);
      } else {
        this.clock = clock;
        entry = this.lookupFurther(vpnLo, tag);
        if (entry === TLB_MISS) {
          if (walker.walk(vpnLo, word1 & RUN_VPN_HI_MASK, kind) !== 0) {
            stoppedEntry = TLB_MISS;
            break;
          }
          this.fillMissed(vpnLo, tag, walker.leafSize, walker.leafPfn, walker.leafFlags);
          nrFolded += word1 >>> RUN_COUNT_SHIFT;
          continue;
        }
      }
      if (((cells[flagsAt + entry] ^ want[kind]) & mask[kind]) !== 0) {
        stoppedEntry = entry;
        break;
      }
      nrFolded += word1 >>> RUN_COUNT_SHIFT;
    }
    this.clock = clock;
    this.nrFolded += nrFolded;
    this.nrLookups += run - fromRun;
    if (run === endRun) {
      return run === toRun ? run : this.translatePlain(words, run, toRun, pcid, want, mask, walker);
    }
    this.stoppedEntry = stoppedEntry;
    if (stoppedEntry !== TLB_NOT_LOOKED_UP) this.nrLookups++;
    return run;
  }

  /** The same by compiled code, which stops where it cannot go on: there the walker is asked. */
  private translateCompiled(
    words: Int32Array,
    fromRun: number,
    toRun: number,
    pcid: Asid,
    want: Int32Array,
    mask: Int32Array,
    walker: TlbWalker,
    compiled: CompiledWalker,
  ): number {
    const loop = this.compiledLoop!;
    const owner = (pcid << TAG_PCID_SHIFT) | TAG_VALID;
    let run = fromRun;
    let stoppedEntry = RAN_THROUGH;
    let maxRuns = NR_FIRST_RUNS;
    this.missedTag = NO_TAG;
    compiled.enter();
    while (run < toRun && stoppedEntry === RAN_THROUGH && this.nrSpecial === 0) {
      if (this.clock > MAX_CLOCK - this.maxBatch * this.tick) this.renumberUses();
      const done = loop.run(words, run, toRun, maxRuns, owner, want, mask, compiled);
      maxRuns = NR_STAGED_RUNS;
      this.nrLookups += done - run;
      this.nrL2Hits += loop.nrL2Hits;
      this.nrMisses += loop.nrMisses;
      this.nrFolded += loop.nrFolded;
      ({ stoppedEntry } = loop);
      run = done;
      if (
        stoppedEntry === NEEDS_WALK &&
        this.fillByWalker(words[2 * run], words[2 * run + 1], owner, walker)
      ) {
        stoppedEntry = RAN_THROUGH;
        this.nrLookups++;
        run++;
      }
    }
    compiled.leave();
    if (stoppedEntry === RAN_THROUGH) {
      return run === toRun ? run : this.translatePlain(words, run, toRun, pcid, want, mask, walker);
    }
    this.stoppedEntry = stoppedEntry === NEEDS_WALK ? TLB_MISS : stoppedEntry;
    if (stoppedEntry !== TLB_NOT_LOOKED_UP) this.nrLookups++;
    return run;
  }

  /** Lets the walker translate the run that missed. False when that faults. */
  private fillByWalker(vpnLo: number, word1: number, owner: number, walker: TlbWalker): boolean {
    const tag = (word1 & RUN_VPN_HI_MASK) | owner;
    this.missedLo = vpnLo;
    this.missedTag = tag;
    const kind = (word1 >>> RUN_KIND_SHIFT) & RUN_KIND_MASK;
    if (walker.walk(vpnLo, word1 & RUN_VPN_HI_MASK, kind) !== 0) return false;
    this.fillMissed(vpnLo, tag, walker.leafSize, walker.leafPfn, walker.leafFlags);
    this.nrFolded += word1 >>> RUN_COUNT_SHIFT;
    return true;
  }

  insert(vpnLo: number, vpnHi: number, pcid: Asid, pageSize: number, pfn: number, flags: number): number {
    const plainTag = vpnHi | (pcid << TAG_PCID_SHIFT) | TAG_VALID;
    if (vpnLo !== this.missedLo || plainTag !== this.missedTag) this.dropPage(vpnLo, vpnHi, pcid);
    this.clock += this.tick;
    if (this.clock >= MAX_CLOCK) this.renumberUses();
    return this.fillMissed(vpnLo, plainTag, pageSize, pfn, flagsForSize(flags, pageSize));
  }

  setEntryFlags(entry: number, flags: number): void {
    this.cells[this.flagsAt + entry] |= flags;
    const copy = this.copyInL2(entry);
    if (copy !== NO_ENTRY) this.cells[this.flagsAt + copy] |= flags;
  }

  addL1Hits(nr: number): void {
    this.nrFolded += nr;
  }

  forEachEntry(
    visit: (vpnLo: number, vpnHi: number, pcid: number, pageSize: number, pfn: number, flags: number) => void,
  ): void {
    visitStore(this, visit);
  }

  peek(vpnLo: number, vpnHi: number, pcid: Asid): TlbHolding[] {
    return collectStoreHoldings(this, vpnLo, vpnHi, pcid);
  }

  checkInvariants(): void {
    checkStore(this);
  }

  /** Searches the first level for what is not plain, then the second level, and promotes what is found there. */
  private lookupFurther(vpnLo: number, tag: number): number {
    if (this.nrSpecial !== 0) {
      const special = this.findSpecial(TLB_4K, TLB_2M, TLB_1G, vpnLo, tag);
      if (special !== NO_ENTRY) {
        const at = USE * this.nrRows + special;
        this.cells[at] = this.clock + (this.cells[at] & (this.tick - 1));
        return special;
      }
    }
    const { cells, nrRows, l2Stride } = this;
    const set = vpnLo & this.l2SetMask;
    let entry = this.l2First + set * l2Stride;
    const end = entry + l2Stride;
    for (; entry < end; entry += 4) {
      if (cells[entry] === vpnLo && cells[nrRows + entry] === tag) break;
      if (cells[entry + 1] === vpnLo && cells[nrRows + entry + 1] === tag) {
        entry += 1;
        break;
      }
      if (cells[entry + 2] === vpnLo && cells[nrRows + entry + 2] === tag) {
        entry += 2;
        break;
      }
      if (cells[entry + 3] === vpnLo && cells[nrRows + entry + 3] === tag) {
        entry += 3;
        break;
      }
    }
    if (entry < end) return this.promote(entry, set);
    if (this.nrSpecial !== 0) {
      const special = this.findSpecial(L2, L2, L2_HUGE, vpnLo, tag);
      if (special !== NO_ENTRY) return this.promote(special, this.lruSetOf(special));
    }
    this.nrMisses++;
    this.missedLo = vpnLo;
    this.missedTag = tag;
    return TLB_MISS;
  }

  /** Searches one array for each page size. */
  private findSpecial(
    array4K: number,
    array2M: number,
    array1G: number,
    vpnLo: number,
    plainTag: number,
  ): number {
    const vpnHi = plainTag & RUN_VPN_HI_MASK;
    const pcid = tagPcid(plainTag);
    let entry = this.findIn(array2M, vpnLo, vpnHi, pcid, TLB_2M);
    if (entry === NO_ENTRY) entry = this.findIn(array4K, vpnLo, vpnHi, pcid, TLB_4K);
    return entry === NO_ENTRY ? this.findIn(array1G, vpnLo, vpnHi, pcid, TLB_1G) : entry;
  }

  /** Copies an entry of the second level into the first. */
  private promote(copy: number, lruSet: number): number {
    this.nrL2Hits++;
    this.touchL2(lruSet, copy);
    const { cells, nrRows } = this;
    const tag = cells[nrRows + copy];
    const flags = cells[FLAGS * nrRows + copy];
    return this.fillL1(cells[copy], tag, tagSize(tag), cells[PFN * nrRows + copy], flags, copy);
  }

  /** Puts a page that neither level holds into both; `flags` tell its size. Returns the entry of the first. */
  private fillMissed(vpnLo: number, plainTag: number, pageSize: number, pfn: number, flags: number): number {
    this.missedTag = NO_TAG;
    if (this.nrSpecial !== 0 || (flags & SPECIAL_FLAGS) !== 0 || this.l2Stride === 0) {
      return this.fillSpecial(vpnLo, plainTag, pageSize, pfn, flags);
    }
    // What fillL2() and fillL1() do, when every entry is plain.
    const { cells, nrRows, lruHead, tick } = this;
    const linkAt = LINK * nrRows;
    const useAt = USE * nrRows;
    const set = vpnLo & this.l2SetMask;
    const copy = cells[linkAt + lruHead[set]];
    lruHead[set] = copy;
    if (cells[nrRows + copy] === 0) this.noteValid(copy);
    cells[copy] = vpnLo;
    cells[nrRows + copy] = plainTag;
    cells[PFN * nrRows + copy] = pfn;
    cells[FLAGS * nrRows + copy] = flags;
    const signature = signatureOf(vpnLo);
    this.signatures[copy] = signature;
    const first = (vpnLo & this.l1SetMask) * this.l1Stride;
    const end = useAt + first + this.l1Stride;
    let least = cells[useAt + first];
    for (let at = useAt + first + 1; at < end; at++) {
      const difference = (cells[at] - least) | 0;
      least = (least + (difference & (difference >> 31))) | 0;
    }
    const way = least & (tick - 1);
    const victim = first + way;
    if (least < tick) this.noteValid(victim);
    cells[victim] = vpnLo;
    cells[nrRows + victim] = plainTag;
    cells[PFN * nrRows + victim] = pfn;
    cells[FLAGS * nrRows + victim] = flags;
    cells[useAt + victim] = this.clock + way;
    cells[linkAt + victim] = copy;
    this.signatures[victim] = signature;
    return victim;
  }
}
