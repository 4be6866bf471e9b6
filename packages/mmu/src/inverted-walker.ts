/**
 * The hardware walk of an inverted page table (inverted-table.ts in contracts). Hot: per TLB miss.
 *
 * It follows the chain of the page's 4 KiB record, then those of its 2 MiB and 1 GiB records. An anchor is one read, as is a
 * record; the root's words and the directories are in registers of the walker.
 * Source: Chang, Mergen 1988, "801 Storage: Architecture and Programming".
 */
import {
  INVERTED_ANCHORS,
  INVERTED_RECORD_WORDS,
  INVERTED_RECORDS,
  INVERTED_ROOT_ANCHOR_MASK,
  INVERTED_ROOT_DIRECTORY,
  INVERTED_ROOT_SPACE,
  invertedHash,
  invertedTag,
  NO_ENTRY,
  PAGE_WORDS,
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
const KEY_SHIFT: readonly number[] = [0, 0, 9, 18];
const ANCHOR_SHIFT: number = Math.log2(INVERTED_ANCHORS);
const RECORD_SHIFT: number = Math.log2(INVERTED_RECORDS);

/** Walks the machine's inverted table for the address space whose root frame is `rootPfn`. */
export class InvertedWalker extends CanonicalWalker {
  protected find(vpnLo: number, vpnHi: number): number {
    for (let level = PT_LEVEL_PTE; level <= PT_LEVEL_PUD; level++) {
      const at = this.follow(level, vpnLo, vpnHi, null);
      if (at !== NO_ENTRY) {
        this.foundLevel = level;
        return at;
      }
    }
    return NO_ENTRY;
  }

  protected search(vpn: Vpn): Search {
    const levels: ExplainedLevel[] = [];
    const { nrReads } = this;
    let found: number = NO_ENTRY;
    let level = PT_LEVEL_PTE;
    for (; level <= PT_LEVEL_PUD; level++) {
      found = this.follow(level, lowOf(vpn), highOf(vpn), levels);
      if (found !== NO_ENTRY) break;
    }
    this.nrReads = nrReads;
    return { levels, at: found, level };
  }

  /** First word of the record of `level` for a page, or NO_ENTRY. Lists the records it reads when asked to. */
  private follow(level: number, vpnLo: number, vpnHi: number, steps: ExplainedLevel[] | null): number {
    const root = this.baseOf(this.rootPfn);
    const { words } = this.contents;
    const top = this.baseOf(words[root + INVERTED_ROOT_DIRECTORY]);
    const anchorMask = words[root + INVERTED_ROOT_ANCHOR_MASK];
    const nrAnchorChunks = (anchorMask + 1) >>> ANCHOR_SHIFT;
    const shift = KEY_SHIFT[level];
    const keyLo = shift === 0 ? vpnLo : (vpnLo >>> shift) | (vpnHi << (32 - shift));
    const tag = invertedTag(vpnHi >>> shift, level, words[root + INVERTED_ROOT_SPACE]);
    const anchor = invertedHash(keyLo, tag) & anchorMask;
    const chunkPfn = this.chunkOf(top, anchor >>> ANCHOR_SHIFT);
    let link = words[this.baseOf(chunkPfn) + (anchor & (INVERTED_ANCHORS - 1))];
    this.nrReads++;
    while (link !== 0) {
      const record = link - 1;
      const pfn = this.chunkOf(top, nrAnchorChunks + (record >>> RECORD_SHIFT));
      const index = record & (INVERTED_RECORDS - 1);
      const at = this.baseOf(pfn) + index * INVERTED_RECORD_WORDS;
      const isFound = words[at + 2] === keyLo && words[at + 3] === tag;
      this.nrReads++;
      if (steps !== null) {
        const flags = isFound ? entryFlags(words[at], words[at + 1]) : "";
        const entry = explainedEntry(level, pfn, index, words[at], words[at + 1], flags);
        const canonical = isFound ? entry.entry : 0n;
        steps.push({ ...entry, paddr: paddrOf(pfn, at), canonical });
      }
      if (isFound) return at;
      link = words[at + 4];
    }
    return NO_ENTRY;
  }

  /** Frame of a chunk. */
  private chunkOf(top: number, chunk: number): number {
    const { words } = this.contents;
    return words[this.baseOf(words[top + (chunk >>> 10)]) + (chunk & (PAGE_WORDS - 1))];
  }
}
