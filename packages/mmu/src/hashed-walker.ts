/**
 * The hardware walk of a hashed page table (hashed-table.ts in contracts). Hot: per TLB miss.
 *
 * It probes the table of 4 KiB pages, then that of 2 MiB leaves, then that of 1 GiB leaves, until a record has the page's
 * key. Each record looked at is one read, the entry in it another; the root's words are in registers of the walker, as are
 * the directories.
 * Source: Yaniv, Tsafrir 2016, "Hash, Don't Cache (the Page Table)".
 */
import {
  bug,
  HASHED_ENTRIES,
  HASHED_IN_USE,
  HASHED_LIST,
  HASHED_RECORD_WORDS,
  HASHED_RECORDS,
  HASHED_TAG_MASK,
  HASHED_TAG_WORDS,
  hashedHash,
  hashedHomeRecord,
  NO_ENTRY,
  PAGE_WORDS,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PT_LEVEL_PUD,
  type Vpn,
  vpnHi as highOf,
  vpnLo as lowOf,
} from "@pageframe/contracts";
import { CanonicalWalker, paddrOf, type Search } from "./canonical-walker.ts";
import { entryFlags, explainedEntry } from "./explain.ts";
import { type ExplainedLevel } from "./hardware-walker.ts";

/** Bits of a page number below its key, by level. */
const KEY_SHIFT: readonly number[] = [0, 4, 9, 18];

/** Walks the hashed table whose root frame is `rootPfn`. */
export class HashedWalker extends CanonicalWalker {
  protected find(vpnLo: number, vpnHi: number): number {
    for (let level = PT_LEVEL_PTE; level <= PT_LEVEL_PUD; level++) {
      const record = this.probe(level, vpnLo, vpnHi, null);
      if (record === NO_ENTRY) continue;
      this.nrReads++;
      this.foundLevel = level;
      return record + HASHED_TAG_WORDS + 2 * entryIndex(level, vpnLo);
    }
    return NO_ENTRY;
  }

  protected search(vpn: Vpn): Search {
    const levels: ExplainedLevel[] = [];
    const { words } = this.contents;
    const { nrReads } = this;
    for (let level = PT_LEVEL_PTE; level <= PT_LEVEL_PUD; level++) {
      const record = this.probe(level, lowOf(vpn), highOf(vpn), levels);
      if (record === NO_ENTRY) continue;
      const at = record + HASHED_TAG_WORDS + 2 * entryIndex(level, lowOf(vpn));
      const { tablePfn, index } = levels[levels.length - 1];
      const flags = entryFlags(words[at], words[at + 1]);
      const entry = explainedEntry(level, tablePfn, index, words[at], words[at + 1], flags);
      levels.push({ ...entry, paddr: paddrOf(tablePfn, at) });
      this.nrReads = nrReads;
      return { levels, at, level };
    }
    this.nrReads = nrReads;
    return { levels, at: NO_ENTRY, level: 0 };
  }

  /** First word of the record of `level` for a page, or NO_ENTRY. Lists what it looks at when asked to. */
  private probe(level: number, vpnLo: number, vpnHi: number, steps: ExplainedLevel[] | null): number {
    const root = this.baseOf(this.rootPfn);
    const { words } = this.contents;
    const nrFrames = words[root + 4 * (level - 1)];
    if (nrFrames === 0) return NO_ENTRY;
    const shift = KEY_SHIFT[level];
    const keyLo = (vpnLo >>> shift) | (vpnHi << (32 - shift));
    const keyHi = vpnHi >>> shift;
    const perFrame = HASHED_RECORDS[level];
    const recordWords = HASHED_RECORD_WORDS[level];
    const hash = hashedHash(keyLo, keyHi);
    const tag = keyHi | HASHED_IN_USE;
    let frame = hash & (nrFrames - 1);
    let record = hashedHomeRecord(hash, perFrame);
    let pfn = this.frameOf(root, level, frame);
    let base = this.baseOf(pfn);
    for (let nrProbed = 0; nrProbed < nrFrames * perFrame; nrProbed++) {
      const at = base + record * recordWords;
      const word1 = words[at + 1];
      this.nrReads++;
      if (steps !== null) {
        const key = explainedEntry(level, pfn, record, words[at], word1, "");
        steps.push({ ...key, paddr: paddrOf(pfn, at), canonical: 0n });
      }
      if (word1 === 0) return NO_ENTRY;
      if ((word1 & HASHED_TAG_MASK) === tag && words[at] === keyLo) return at;
      if (++record < perFrame) continue;
      record = 0;
      frame = (frame + 1) & (nrFrames - 1);
      pfn = this.frameOf(root, level, frame);
      base = this.baseOf(pfn);
    }
    return bug(`the hashed table of level ${level} at pfn ${this.rootPfn} has no unused record`);
  }

  /** Record frame number `frame` of a level. */
  private frameOf(root: number, level: number, frame: number): number {
    const { words } = this.contents;
    const list = root + HASHED_LIST[level];
    if (words[root + 4 * (level - 1) + 1] === 0) return words[list + frame];
    return words[this.baseOf(words[list + (frame >>> 10)]) + (frame & (PAGE_WORDS - 1))];
  }
}

/** Which entry of a record is a page's. */
function entryIndex(level: number, vpnLo: number): number {
  return level === PT_LEVEL_PMD || level === PT_LEVEL_PUD ? 0 : vpnLo & (HASHED_ENTRIES[level] - 1);
}
