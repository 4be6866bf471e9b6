/** Flushes of a two-level set-associative TLB, and the emptying of entries of one page. Hot: per flush. */
import { type Asid, TLB_1G, TLB_2M, TLB_4K, vpnOf } from "@pageframe/contracts";
import { dropAll, dropPcid, dropRange } from "./flushed-store.ts";
import { TlbFills } from "./tlb-fills.ts";
import { L2, L2_HUGE, NO_ENTRY } from "./tlb-store.ts";
import { TAG_GLOBAL } from "./tlb-tag.ts";

/** Entries, what goes in and what goes out; the last by the rules of the seat (Tlb in contracts). */
export class TlbFlushes extends TlbFills {
  protected nrFlushes = 0;
  protected nrEntriesFlushed = 0;

  flushPage(vpnLo: number, vpnHi: number, pcid: Asid): void {
    this.flushRange(vpnLo, vpnHi, 1, pcid);
  }

  flushPcidPage(vpnLo: number, vpnHi: number, pcid: Asid): void {
    const before = this.nrValid;
    this.dropPcidPage(vpnLo, vpnHi, pcid);
    this.countFlush(before);
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
      dropRange(this, vpnOf(vpnLo, vpnHi), nrPages, pcid, true);
    }
    this.countFlush(before);
  }

  flushPcid(pcid: Asid): void {
    const before = this.nrValid;
    dropPcid(this, pcid);
    this.countFlush(before);
  }

  flushAll(andGlobal: boolean): void {
    const before = this.nrValid;
    dropAll(this, andGlobal);
    this.countFlush(before);
  }

  /** Empties all entries of both levels that translate a page. */
  dropPage(vpnLo: number, vpnHi: number, pcid: number): void {
    if (this.nrValid === 0) return;
    this.dropFrom(TLB_4K, vpnLo, vpnHi, pcid, TLB_4K);
    this.dropFrom(L2, vpnLo, vpnHi, pcid, TLB_4K);
    if (this.nrSpecial === 0) return;
    this.dropFrom(TLB_2M, vpnLo, vpnHi, pcid, TLB_2M);
    this.dropFrom(L2, vpnLo, vpnHi, pcid, TLB_2M);
    this.dropFrom(TLB_1G, vpnLo, vpnHi, pcid, TLB_1G);
    this.dropFrom(L2_HUGE, vpnLo, vpnHi, pcid, TLB_1G);
  }

  /** Empties the entries of both levels that translate a page for one PCID and are not global. */
  dropPcidPage(vpnLo: number, vpnHi: number, pcid: number): void {
    this.dropOwnedFrom(TLB_4K, vpnLo, vpnHi, pcid, TLB_4K);
    this.dropOwnedFrom(L2, vpnLo, vpnHi, pcid, TLB_4K);
    this.dropOwnedFrom(TLB_2M, vpnLo, vpnHi, pcid, TLB_2M);
    this.dropOwnedFrom(L2, vpnLo, vpnHi, pcid, TLB_2M);
    this.dropOwnedFrom(TLB_1G, vpnLo, vpnHi, pcid, TLB_1G);
    this.dropOwnedFrom(L2_HUGE, vpnLo, vpnHi, pcid, TLB_1G);
  }

  /** Empties what one array holds for a page: it may be there twice, global and not. */
  private dropFrom(array: number, vpnLo: number, vpnHi: number, pcid: number, pageSize: number): void {
    let entry = this.findIn(array, vpnLo, vpnHi, pcid, pageSize);
    while (entry !== NO_ENTRY) {
      this.drop(entry);
      entry = this.findIn(array, vpnLo, vpnHi, pcid, pageSize);
    }
  }

  /** Empties the one entry of an array that a PCID owns for a page. */
  private dropOwnedFrom(array: number, vpnLo: number, vpnHi: number, pcid: number, pageSize: number): void {
    const entry = this.findIn(array, vpnLo, vpnHi, pcid, pageSize);
    if (entry !== NO_ENTRY && (this.cells[this.nrRows + entry] & TAG_GLOBAL) === 0) this.drop(entry);
  }

  private countFlush(nrValidBefore: number): void {
    this.nrFlushes++;
    this.nrEntriesFlushed += nrValidBefore - this.nrValid;
  }
}
