/** The TLB seat: cached translations of one CPU. Hot: per access. */
import type { Asid } from "./units.ts";

/** Page sizes that an entry may have. */
export const TLB_4K = 0;
export const TLB_2M = 1;
export const TLB_1G = 2;
/** Absence of an entry. */
export const TLB_MISS = -1;

/** Counts of one TLB since it was made: l1Hits + l2Hits + misses is the number of lookups. */
export interface TlbStats {
  readonly l1Hits: number;
  readonly l2Hits: number;
  readonly misses: number;
  /** Calls of the flush methods. */
  readonly flushes: number;
  /** Entries that they dropped, of every level. */
  readonly entriesFlushed: number;
}

/**
 * Translations by (page number, PCID). Page numbers come as int32 low half and high half (13 bits), see `vpnLo` and
 * `vpnHi`. An entry is an index into `entryPfn` and `entryFlags`, valid until the next insert or flush.
 */
export interface Tlb {
  readonly name: string;
  /** First frame of the page, for 2 MiB and 1 GiB entries the frame of the 4 KiB page at its start. */
  readonly entryPfn: Int32Array;
  /**
   * Low flags of the page-table entry (PTE_RW, PTE_US, PTE_D, PTE_G), TLB_ENTRY_NX for no-execute, PTE_PS for a
   * large page, and TLB_ENTRY_1G when it has 1 GiB; insert() sets the last two by the page's size.
   */
  readonly entryFlags: Int32Array;
  /** Lookups so far that the second level answered, and that none did: live, to classify one lookup. */
  readonly nrL2Hits: number;
  readonly nrMisses: number;
  /** Finds the entry for a page; a second-level hit is promoted. Counts. Returns TLB_MISS when there is none. */
  lookup(vpnLo: number, vpnHi: number, pcid: Asid): number;
  /**
   * Puts a translation into the first and second level, in place of what they hold for that page; returns its index.
   * `flags` with PTE_G match any PCID. Cheapest right after the lookup that missed.
   */
  insert(vpnLo: number, vpnHi: number, pcid: Asid, pageSize: number, pfn: number, flags: number): number;
  /** Sets flag bits (PTE_D) of an entry that lookup just returned, in all levels. */
  setEntryFlags(entry: number, flags: number): void;
  /** Drops what translates one page for one PCID, global or not, and counts no flush (a page fault does this). */
  dropPage(vpnLo: number, vpnHi: number, pcid: Asid): void;
  /** Drops what translates one page for one PCID, global or not (INVLPG). */
  flushPage(vpnLo: number, vpnHi: number, pcid: Asid): void;
  /** Drops what translates any of `nrPages` 4 KiB pages from a page on, global or not. */
  flushRange(vpnLo: number, vpnHi: number, nrPages: number, pcid: Asid): void;
  /** Drops all of one PCID but global entries (INVPCID type 1, MOV to CR3). */
  flushPcid(pcid: Asid): void;
  /** Drops everything; global entries too when `andGlobal` (INVPCID types 2 and 3). */
  flushAll(andGlobal: boolean): void;
  /** Adds hits of the first level that a caller folded (a run of accesses to one page). */
  addL1Hits(nr: number): void;
  /** A copy of the counts. Cold. */
  readonly stats: TlbStats;
  /** Calls the visitor with each translation once, whatever levels hold it, for audits. Cold. */
  forEachEntry(
    visit: (vpnLo: number, vpnHi: number, pcid: number, pageSize: number, pfn: number, flags: number) => void,
  ): void;
  checkInvariants(): void;
}

/** A 1 GiB page; takes bit 30 of an entry's flags. */
export const TLB_ENTRY_1G: number = 1 << 30;
/** Execution is not allowed; takes bit 31 of an entry's flags. */
export const TLB_ENTRY_NX: number = 1 << 31;
