/** A TLB that remembers nothing: every access walks. Hot: per access. */
import { type Asid, TLB_MISS, type Tlb, type TlbStats } from "@pageframe/contracts";
import { LARGE_FLAGS, largeFlags } from "./large-flags.ts";

/** The occupant `none`. Its one entry only carries a translation from insert() to the caller. */
export class NoTlb implements Tlb {
  readonly name = "none";
  readonly entryPfn: Int32Array = new Int32Array(1);
  readonly entryFlags: Int32Array = new Int32Array(1);
  nrL2Hits = 0;
  nrMisses = 0;
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

  insert(_vpnLo: number, _vpnHi: number, _pcid: Asid, pageSize: number, pfn: number, flags: number): number {
    this.entryPfn[0] = pfn;
    this.entryFlags[0] = (flags & ~LARGE_FLAGS) | largeFlags(pageSize);
    return 0;
  }

  setEntryFlags(entry: number, flags: number): void {
    this.entryFlags[entry] |= flags;
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
