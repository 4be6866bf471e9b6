/**
 * What lookups and insertions do to the entries of a general TLB: uses, promotion to higher levels, putting pages in, and
 * coalesced entries seen as one of their pages. Hot: per access.
 *
 * An entry that is found is read as a row of `cells`. Of a coalesced one that would be the group: so the page asked for is
 * copied into the row that belongs to no array (`viewRow`), and fields say which it is.
 */
import { PTE_G, RUN_KIND_MASK, RUN_READ, TLB_4K } from "@pageframe/contracts";
import { type ModelTlbConfig, SIZE_COALESCED } from "./model-tlb-config.ts";
import { dropReplaced } from "./model-tlb-drops.ts";
import { fillLevel } from "./model-tlb-levels.ts";
import { FLAGS, ModelTlbStore, NO_ENTRY, NOTE_PREFETCHED, NOTES, PFN, ROW_SHIFT } from "./model-tlb-store.ts";
import { flagsForSize, TAG_GLOBAL, TAG_PCID_SHIFT, tagPcid, tagSize } from "./tlb-tag.ts";

/** Bits of a tag that say whose a page is. */
const OWNER_BITS: number = TAG_GLOBAL | (0xfff << TAG_PCID_SHIFT);
const NO_KIND = -1;

/** The entries of a general TLB in use. */
export class ModelTlbEntries {
  readonly store: ModelTlbStore;
  readonly cells: Int32Array;
  protected readonly nrLevels: number;
  protected readonly coalescePages: number;
  protected nrUsefulPrefetches = 0;
  protected nrCoalescedFills = 0;
  protected nrCoalescedHits = 0;
  protected nrCoalescedSplits = 0;
  /** What the last lookup missed, until something is put in: it is nowhere for this kind. NO_KIND when nothing. */
  private missedLo = 0;
  private missedHi = 0;
  private missedPcid = 0;
  private missedKind: number = NO_KIND;
  /** The coalesced entry that `viewRow` shows, and for which page and kind. */
  private viewedEntry: number = NO_ENTRY;
  private viewedLo = 0;
  private viewedHi = 0;
  private viewedKind: number = RUN_READ;

  /** Throws EINVAL, with every problem, for a description that cannot be. */
  constructor(config: ModelTlbConfig) {
    this.store = new ModelTlbStore(config);
    this.cells = this.store.cells;
    this.nrLevels = this.store.nrLevels;
    this.coalescePages = config.coalescePages ?? 0;
  }

  /** Remembers what a lookup of a kind has missed. */
  protected noteMissed(vpnLo: number, vpnHi: number, pcid: number, kind: number): void {
    this.missedLo = vpnLo;
    this.missedHi = vpnHi;
    this.missedPcid = pcid;
    this.missedKind = kind;
  }

  /** Notes the use of an entry that a lookup has found; returns the entry to read. */
  protected use(entry: number, vpnLo: number, vpnHi: number, kind: number): number {
    const { store } = this;
    if ((this.cells[(entry << ROW_SHIFT) + NOTES] & NOTE_PREFETCHED) !== 0) this.noteUseful(entry);
    store.touch(entry);
    if (tagSize(store.tagHi(entry)) !== SIZE_COALESCED) return entry;
    this.nrCoalescedHits++;
    return this.view(entry, vpnLo, vpnHi, kind);
  }

  /** Copies an entry of a lower level into those above; returns as use() does. */
  protected promote(entry: number, level: number, vpnLo: number, vpnHi: number, kind: number): number {
    const { cells, store } = this;
    const found = this.use(entry, vpnLo, vpnHi, kind);
    const tagHi = store.tagHi(entry);
    const owner = tagHi & OWNER_BITS;
    const row = entry << ROW_SHIFT;
    const pfn = cells[row + PFN];
    const flags = cells[row + FLAGS];
    const notes = cells[row + NOTES];
    let copy = NO_ENTRY;
    for (let above = level - 1; above >= 0; above--) {
      copy = fillLevel(this.store, above, kind, vpnLo, vpnHi, owner, tagSize(tagHi), pfn, flags, notes);
    }
    return copy === NO_ENTRY || found === store.viewRow ? found : copy;
  }

  /** Puts the page that was viewed in place of its coalesced entry, with other flags. */
  protected splitViewed(flags: number): void {
    const { cells, store, viewedLo, viewedHi } = this;
    this.nrCoalescedSplits++;
    const pcid = tagPcid(store.tagHi(this.viewedEntry));
    const row = store.viewRow << ROW_SHIFT;
    cells[row + FLAGS] = flags;
    this.put(viewedLo, viewedHi, pcid, TLB_4K, TLB_4K, cells[row + PFN], flags, this.viewedKind, 0);
  }

  /** Puts a page into all levels, in place of what is there for it. Returns the entry as use() does. */
  protected put(
    vpnLo: number,
    vpnHi: number,
    pcid: number,
    pageSize: number,
    entrySize: number,
    pfn: number,
    flags: number,
    kind: number,
    note: number,
  ): number {
    const { store, coalescePages } = this;
    const bareKind = kind & RUN_KIND_MASK;
    const isGroup = entrySize === SIZE_COALESCED;
    const firstPfn = isGroup ? pfn & -coalescePages : pfn;
    if (isGroup) {
      this.nrCoalescedFills++;
      const firstLo = vpnLo & -coalescePages;
      for (let page = 0; page < coalescePages; page++) {
        dropReplaced(store, firstLo + page, vpnHi, pcid, bareKind, firstPfn + page, flags, false);
      }
    } else {
      const page = vpnLo & ((1 << store.sizeShift[pageSize]) - 1);
      dropReplaced(
        store,
        vpnLo,
        vpnHi,
        pcid,
        bareKind,
        pfn + page,
        flags,
        this.hasJustMissed(vpnLo, vpnHi, pcid, bareKind),
      );
    }
    this.missedKind = NO_KIND;
    const owner = (flags & PTE_G) !== 0 ? TAG_GLOBAL : pcid << TAG_PCID_SHIFT;
    const entryFlags = flagsForSize(flags, pageSize);
    const notes = pageSize | note;
    let entry = NO_ENTRY;
    for (let level = this.nrLevels - 1; level >= 0; level--) {
      const filled = fillLevel(
        this.store,
        level,
        kind,
        vpnLo,
        vpnHi,
        owner,
        entrySize,
        firstPfn,
        entryFlags,
        notes,
      );
      if (filled !== NO_ENTRY) entry = filled;
    }
    const isViewed = isGroup && tagSize(store.tagHi(entry)) === SIZE_COALESCED;
    return isViewed ? this.view(entry, vpnLo, vpnHi, kind) : entry;
  }

  private hasJustMissed(vpnLo: number, vpnHi: number, pcid: number, kind: number): boolean {
    return (
      kind === this.missedKind &&
      vpnLo === this.missedLo &&
      vpnHi === this.missedHi &&
      pcid === this.missedPcid
    );
  }

  /** Shows one page of a coalesced entry in the row that is no entry; returns that row. */
  private view(entry: number, vpnLo: number, vpnHi: number, kind: number): number {
    const { cells, store } = this;
    const row = store.viewRow << ROW_SHIFT;
    cells[row + PFN] = cells[(entry << ROW_SHIFT) + PFN] + (vpnLo & (this.coalescePages - 1));
    cells[row + FLAGS] = cells[(entry << ROW_SHIFT) + FLAGS];
    this.viewedEntry = entry;
    this.viewedLo = vpnLo;
    this.viewedHi = vpnHi;
    this.viewedKind = kind;
    return store.viewRow;
  }

  /** Counts a prefetched page as useful, once for all its copies. */
  private noteUseful(entry: number): void {
    const { cells, store } = this;
    this.nrUsefulPrefetches++;
    const tagLo = store.tagLo(entry);
    const tagHi = store.tagHi(entry);
    for (let array = 0; array < store.nrArrays; array++) {
      const copy = store.findTag(array, tagLo, tagHi);
      if (copy !== NO_ENTRY) cells[(copy << ROW_SHIFT) + NOTES] &= ~NOTE_PREFETCHED;
    }
  }
}
