/**
 * The paging-structure caches: entries of the upper levels of the page table, so that a walk can start below them. Hot:
 * per walk.
 *
 * Three caches (PMD, PUD and PGD entries) are parts of one Int32Array of rows of four words:
 *
 *     keyLo   bits 0..31 of the part of the page number that selects the entry
 *     keyHi   bits 0..12 the rest of it | 13..24 PCID | 28 valid; 0 when empty
 *     slot    contents slot of the table that the entry points to
 *     deny    rights that it and the levels above take away, as page-walker.ts combines them
 *
 * Each cache is direct-mapped by the low bits of its key: the processors' organisation is not documented, and this is the
 * cheapest to simulate. A cache without entries has one row that nothing matches.
 * Source: Intel SDM vol. 3A sections 5.10.3.1 (what is cached), 5.10.4.1 (when it is forgotten).
 */
import { EINVAL, KernelError } from "@pageframe/contracts";
import { type Arena } from "@pageframe/memmap";

/** Entries of each cache: a power of two, or 0 to leave it out. */
export interface WalkCachesConfig {
  /** PMD entries, which point to tables of PTEs. */
  readonly pde: number;
  /** PUD entries. */
  readonly pdpte: number;
  /** PGD entries (P4D with five levels). */
  readonly pml4e: number;
}

/** Of the order that measurements on Intel processors found; Intel gives no numbers. */
export const DEFAULT_WALK_CACHES: WalkCachesConfig = { pde: 32, pdpte: 4, pml4e: 2 };

export const WALK_KEY_PCID_SHIFT = 13;
export const WALK_KEY_VALID: number = 1 << 28;
export const WALK_ROW_WORDS = 4;
const PCID_MASK = 0xfff;

/** The rows of the three caches. PageWalker reads and writes them itself. */
export class WalkCaches {
  readonly rows: Int32Array;
  readonly pdeMask: number;
  readonly pdpteMask: number;
  readonly pml4eMask: number;
  /** Word of each cache's first row; the PMD entries come first. */
  readonly pdpteFirst: number;
  readonly pml4eFirst: number;
  /** -1, or 0 for a cache without entries: a row's keyHi is ANDed with it. */
  readonly pdeKeep: number;
  readonly pdpteKeep: number;
  readonly pml4eKeep: number;
  nrPdeHits = 0;
  nrPdpteHits = 0;
  nrPml4eHits = 0;

  /** The rows lie in `arena` when it is given and has room. */
  constructor(config: WalkCachesConfig, arena: Arena | null = null) {
    const problems = Object.entries(config)
      .filter(([, entries]: [string, number]) => entries !== 0 && !isPowerOfTwo(entries))
      .map(
        ([name, entries]: [string, number]) => `walkCaches.${name} (${entries}) must be a power of two, or 0`,
      );
    if (problems.length > 0) throw new KernelError(EINVAL, problems.join("; "));
    const nrRows = [config.pde, config.pdpte, config.pml4e].map((entries) => Math.max(entries, 1));
    [this.pdeMask, this.pdpteMask, this.pml4eMask] = nrRows.map((rows) => rows - 1);
    [this.pdeKeep, this.pdpteKeep, this.pml4eKeep] = [
      config.pde === 0 ? 0 : -1,
      config.pdpte === 0 ? 0 : -1,
      config.pml4e === 0 ? 0 : -1,
    ];
    this.pdpteFirst = nrRows[0] * WALK_ROW_WORDS;
    this.pml4eFirst = this.pdpteFirst + nrRows[1] * WALK_ROW_WORDS;
    const nrWords = this.pml4eFirst + nrRows[2] * WALK_ROW_WORDS;
    this.rows = arena?.takeWords(nrWords) ?? new Int32Array(nrWords);
  }

  /** Entries cached now. O(entries). */
  get nrValid(): number {
    let nr = 0;
    for (let at = 1; at < this.rows.length; at += WALK_ROW_WORDS) if (this.rows[at] !== 0) nr++;
    return nr;
  }

  /** Forgets the entries that a walk for one page could start from. */
  dropPath(vpnLo: number, vpnHi: number, pcid: number): void {
    const tag = (pcid << WALK_KEY_PCID_SHIFT) | WALK_KEY_VALID;
    const pdeKey = (vpnLo >>> 9) | (vpnHi << 23);
    const pdpteKey = (vpnLo >>> 18) | (vpnHi << 14);
    const pml4eKey = (vpnLo >>> 27) | (vpnHi << 5);
    this.dropKey((pdeKey & this.pdeMask) * WALK_ROW_WORDS, pdeKey, (vpnHi >>> 9) | tag);
    this.dropKey(this.pdpteFirst + (pdpteKey & this.pdpteMask) * WALK_ROW_WORDS, pdpteKey, tag);
    this.dropKey(this.pml4eFirst + (pml4eKey & this.pml4eMask) * WALK_ROW_WORDS, pml4eKey, tag);
  }

  /** Forgets all entries of one PCID. O(entries). */
  flushPcid(pcid: number): void {
    const { rows } = this;
    for (let at = 1; at < rows.length; at += WALK_ROW_WORDS) {
      if (((rows[at] >>> WALK_KEY_PCID_SHIFT) & PCID_MASK) === pcid) rows[at] = 0;
    }
  }

  /** Forgets everything. O(entries). */
  flushAll(): void {
    this.rows.fill(0);
  }

  private dropKey(at: number, keyLo: number, keyHi: number): void {
    if (this.rows[at] === keyLo && this.rows[at + 1] === keyHi) this.rows[at + 1] = 0;
  }
}

function isPowerOfTwo(n: number): boolean {
  return n >= 1 && Number.isInteger(Math.log2(n));
}
