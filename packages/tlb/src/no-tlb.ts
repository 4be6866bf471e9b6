/** A TLB that remembers nothing: every access walks. Hot: per access. */
import {
  type Asid,
  RUN_COUNT_SHIFT,
  RUN_KIND_MASK,
  RUN_KIND_SHIFT,
  RUN_SPLIT,
  RUN_VPN_HI_MASK,
  TLB_MISS,
  TLB_NOT_LOOKED_UP,
  type Tlb,
  type TlbStats,
  type TlbWalker,
} from "@pageframe/contracts";
import { flagsForSize } from "./tlb-tag.ts";

/** The occupant `none`. Its one entry only carries a translation from insert() to the caller. */
export class NoTlb implements Tlb {
  readonly name = "none";
  readonly cells: Int32Array = new Int32Array(2);
  readonly pfnAt = 0;
  readonly flagsAt = 1;
  nrL2Hits = 0;
  nrMisses = 0;
  stoppedEntry: number = TLB_MISS;
  private nrFolded = 0;
  private nrFlushes = 0;

  /** Accesses that a caller folded count as hits: it did not ask for them. */
  get stats(): TlbStats {
    return {
      l1Hits: this.nrFolded,
      l2Hits: 0,
      misses: this.nrMisses,
      flushes: this.nrFlushes,
      entriesFlushed: 0,
    };
  }

  lookup(_vpnLo: number, _vpnHi: number, _pcid: Asid): number {
    this.nrMisses++;
    return TLB_MISS;
  }

  translateRuns(
    words: Int32Array,
    fromRun: number,
    toRun: number,
    _pcid: Asid,
    _want: Int32Array,
    _mask: Int32Array,
    walker: TlbWalker,
  ): number {
    for (let run = fromRun; run < toRun; run++) {
      const word1 = words[2 * run + 1];
      const kind = (word1 >>> RUN_KIND_SHIFT) & RUN_KIND_MASK;
      const isSplit = (word1 & RUN_SPLIT) !== 0;
      if (!isSplit) this.nrMisses++;
      if (isSplit || walker.walk(words[2 * run], word1 & RUN_VPN_HI_MASK, kind) !== 0) {
        this.stoppedEntry = isSplit ? TLB_NOT_LOOKED_UP : TLB_MISS;
        return run;
      }
      this.nrFolded += word1 >>> RUN_COUNT_SHIFT;
    }
    return toRun;
  }

  insert(_vpnLo: number, _vpnHi: number, _pcid: Asid, pageSize: number, pfn: number, flags: number): number {
    this.cells[this.pfnAt] = pfn;
    this.cells[this.flagsAt] = flagsForSize(flags, pageSize);
    return 0;
  }

  setEntryFlags(_entry: number, flags: number): void {
    this.cells[this.flagsAt] |= flags;
  }

  addL1Hits(nr: number): void {
    this.nrFolded += nr;
  }

  dropPage(_vpnLo: number, _vpnHi: number, _pcid: Asid): void {
    // Nothing is there.
  }

  flushPage(_vpnLo: number, _vpnHi: number, _pcid: Asid): void {
    this.nrFlushes++;
  }

  flushPcidPage(_vpnLo: number, _vpnHi: number, _pcid: Asid): void {
    this.nrFlushes++;
  }

  flushRange(_vpnLo: number, _vpnHi: number, _nrPages: number, _pcid: Asid): void {
    this.nrFlushes++;
  }

  flushPcid(_pcid: Asid): void {
    this.nrFlushes++;
  }

  flushAll(_andGlobal: boolean): void {
    this.nrFlushes++;
  }

  forEachEntry(): void {
    // Nothing is there.
  }

  checkInvariants(): void {
    // Nothing can be wrong.
  }
}
