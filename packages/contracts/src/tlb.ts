/** The TLB seat: cached translations of one CPU. Hot: per access. */
import type { Asid } from "./units.ts";

/** Page sizes that an entry may have. */
export const TLB_4K = 0;
export const TLB_2M = 1;
export const TLB_1G = 2;
/** Absence of an entry. */
export const TLB_MISS = -1;
/** `stoppedEntry` of a run that translateRuns() did not look up. */
export const TLB_NOT_LOOKED_UP = -2;

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

/** A translation that one array of a TLB holds. */
export interface TlbHolding {
  /** The array, as the occupant's configuration names it. */
  readonly array: string;
  /** TLB_4K, TLB_2M or TLB_1G. */
  readonly pageSize: number;
  /** First frame of that page, and its flags as in `Tlb.cells`. */
  readonly pfn: number;
  readonly flags: number;
}

/**
 * What a walker has for a TLB whose loop is compiled: the same walk as compiled code. Everything lies in one memory, and
 * addresses are bytes in it.
 */
export interface CompiledWalker {
  /** The memory; a TLB in another one cannot use this walker. */
  readonly arena: object;
  /**
   * Compiled code. `walk(state, vpnLo, vpnHi, kind)` gives 0 with the leaf's frame and flags at `leafPfnAt` and
   * `leafFlagsAt`, for a leaf of 4 KiB; or something else, with nothing changed or counted: then TlbWalker.walk() must do
   * it. `touchRuns(state, from, to)` reads the leaf entries of the runs at these addresses, which will be walked soon, so
   * that the host has them at hand; it changes nothing.
   */
  readonly exports: Readonly<Record<string, (...values: number[]) => number>>;
  readonly state: number;
  readonly leafPfnAt: number;
  readonly leafFlagsAt: number;
  /** Are there so many tables that touchRuns() saves more than it costs? */
  readonly looksAhead: boolean;
  /** Call before compiled walks, and after them. */
  enter(): void;
  leave(): void;
}

/** Who finds the translations that a TLB lacks. */
export interface TlbWalker {
  /**
   * Finds the leaf entry for a page and checks that it allows `kind` of access. Returns 0 with the leaf fields set as an
   * entry has them, its flags with the bits that tell the page's size; or a negative number for a fault.
   */
  walk(vpnLo: number, vpnHi: number, kind: number): number;
  /**
   * Right after walk() found a leaf of 4 KiB for a page: are all `nrPages` pages of its aligned group (a power of two, at
   * most 16) present and accessed, in frames one after another, with the same flags? A TLB that coalesces asks it. A
   * walker without this method cannot tell.
   */
  isContiguous?(vpnLo: number, vpnHi: number, nrPages: number): boolean;
  /** The walker for compiled loops; null while there is none. */
  readonly compiled?: CompiledWalker | null;
  readonly leafPfn: number;
  readonly leafFlags: number;
  readonly leafSize: number;
}

/**
 * Translations by (page number, PCID). Page numbers come as int32 low half and high half (13 bits), see `vpnLo` and
 * `vpnHi`. An entry is a row of `cells`, valid until the next call: its frame is `cells[pfnAt + entry]`, its flags are
 * `cells[flagsAt + entry]`.
 *
 * `kind` is RUN_READ, RUN_WRITE or RUN_EXEC in bits 0..1; what is above them is the walker's business. It decides where a
 * first level looks that has instructions and data apart; an occupant that has them together leaves the parameter out.
 */
export interface Tlb {
  readonly name: string;
  /**
   * Frames: of a large page the first one. Flags: low flags of the page-table entry (PTE_RW, PTE_US, PTE_D, PTE_G),
   * PTE_P where a page may be unreadable (RISC-V's R), the protection key in bits 12..15, TLB_ENTRY_NX for no-execute,
   * PTE_PS for a large page and TLB_ENTRY_1G when it has 1 GiB; insert() sets the last two by the page's size.
   */
  readonly cells: Int32Array;
  readonly pfnAt: number;
  readonly flagsAt: number;
  /** Lookups so far that the second level answered, and that none did: live, to classify one lookup. */
  readonly nrL2Hits: number;
  readonly nrMisses: number;
  /** Finds the entry for a page; a second-level hit is promoted. Counts. Returns TLB_MISS when there is none. */
  lookup(vpnLo: number, vpnHi: number, pcid: Asid, kind: number): number;
  /**
   * Translates the runs [fromRun, toRun) of a batch (access-run.ts) as long as entries are found whose flags allow the
   * access, ((flags ^ want[kind]) & mask[kind]) === 0, or `walker` finds what is missing; caches that. Counts as lookup()
   * does; the accesses that a run folds are hits of the first level. Returns toRun, or the first run that cannot go on,
   * with its lookup counted but not what it folds; `stoppedEntry` is then the entry that does not allow it, TLB_MISS
   * when the walk faulted, or TLB_NOT_LOOKED_UP: a run with RUN_SPLIT is left to the caller.
   *
   * The loop over accesses is on this side of the seat, because a call an access costs more than the lookup.
   */
  translateRuns(
    words: Int32Array,
    fromRun: number,
    toRun: number,
    pcid: Asid,
    want: Int32Array,
    mask: Int32Array,
    walker: TlbWalker,
  ): number;
  /** Why translateRuns() stopped. */
  readonly stoppedEntry: number;
  /**
   * Puts a translation into the first and second level, in place of what they hold for that page; returns its index.
   * `flags` with PTE_G match any PCID. Cheapest right after the lookup that missed. `walker`, if given, has just found the
   * translation by walk(vpnLo, vpnHi, kind): a TLB that coalesces asks it about the neighbours, and one that prefetches
   * lets it walk for the next page, which changes its leaf fields.
   */
  insert(
    vpnLo: number,
    vpnHi: number,
    pcid: Asid,
    pageSize: number,
    pfn: number,
    flags: number,
    kind: number,
    walker?: TlbWalker,
  ): number;
  /** Sets flag bits (PTE_D) of an entry that lookup just returned, in all levels. */
  setEntryFlags(entry: number, flags: number): void;
  /** Drops what translates one page for one PCID, global or not, and counts no flush (a page fault does this). */
  dropPage(vpnLo: number, vpnHi: number, pcid: Asid): void;
  /** Drops what translates one page for one PCID, global or not (INVLPG). */
  flushPage(vpnLo: number, vpnHi: number, pcid: Asid): void;
  /** Drops what translates one page for one PCID, but for global entries (INVPCID type 0). */
  flushPcidPage(vpnLo: number, vpnHi: number, pcid: Asid): void;
  /** Drops what translates any of `nrPages` 4 KiB pages from a page on, global or not. */
  flushRange(vpnLo: number, vpnHi: number, nrPages: number, pcid: Asid): void;
  /** Drops all of one PCID but global entries (INVPCID type 1, MOV to CR3). */
  flushPcid(pcid: Asid): void;
  /** Drops everything (INVPCID type 2); without `andGlobal` everything but global entries (type 3). */
  flushAll(andGlobal: boolean): void;
  /** Adds hits of the first level that a caller folded (a run of accesses to one page). */
  addL1Hits(nr: number): void;
  /** A copy of the counts. Cold. */
  readonly stats: TlbStats;
  /** Calls the visitor with each translation once, whatever levels hold it, for audits. Cold. */
  forEachEntry(
    visit: (vpnLo: number, vpnHi: number, pcid: number, pageSize: number, pfn: number, flags: number) => void,
  ): void;
  /**
   * Collects what every array holds for a page, the first level first. No lookup: counts nothing, and uses nothing. An
   * occupant that does not tell leaves it out. Cold.
   */
  peek?(vpnLo: number, vpnHi: number, pcid: Asid): TlbHolding[];
  checkInvariants(): void;
}

/** A 1 GiB page; takes bit 30 of an entry's flags. */
export const TLB_ENTRY_1G: number = 1 << 30;
/** Execution is not allowed; takes bit 31 of an entry's flags. */
export const TLB_ENTRY_NX: number = 1 << 31;
