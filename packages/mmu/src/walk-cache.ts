/**
 * One paging-structure cache: entries of one upper level of the page table, so that a walk can start below it. Hot: per
 * walk.
 *
 * A key is the part of the page number that selects the entry, its low 32 bits in `keyLo`, the rest with the PCID and
 * WALK_KEY_VALID in `keyHi`; 0 when empty. An entry gives the contents slot of the table below and the rights that all
 * levels so far leave. Replacement is exact LRU per set.
 * Source: Intel SDM vol. 3A section 4.10.3.1.
 */
import { bug, EINVAL, KernelError } from "@pageframe/contracts";

/** `keyHi`: bits 0..12 rest of the page number | 13..24 PCID | 28 valid. */
export const WALK_KEY_PCID_SHIFT = 13;
export const WALK_KEY_PCID_MASK: number = 0xfff << WALK_KEY_PCID_SHIFT;
export const WALK_KEY_VALID: number = 1 << 28;
/** find() found nothing. */
export const WALK_CACHE_MISS = -1;

/** Shape of one cache: `entries / ways` sets, a power of two; no entries, no cache. */
export interface WalkCacheConfig {
  readonly entries: number;
  readonly ways: number;
}

/** Cached entries of one level. */
export class WalkCache {
  /** Contents slot of the table that an entry points to. */
  readonly slot: Int32Array;
  /** Rights left by all levels so far, as PageWalker combines them. */
  readonly rights: Int32Array;
  /** Walks that started from here. */
  nrHits = 0;
  private readonly keyLo: Int32Array;
  private readonly keyHi: Int32Array;
  /** Clock of the last use, 0 when empty. */
  private readonly age: Float64Array;
  private readonly ways: number;
  private readonly setMask: number;
  private clock = 0;
  private nrValid = 0;

  constructor(name: string, { entries, ways }: WalkCacheConfig) {
    const nrSets = entries === 0 ? 1 : entries / ways;
    if (!Number.isInteger(entries) || entries < 0 || ways < 1 || !Number.isInteger(Math.log2(nrSets))) {
      throw new KernelError(
        EINVAL,
        `walk cache ${name}: ${entries} entries in ${ways} ways do not make a power of two of sets`,
      );
    }
    this.ways = entries === 0 ? 0 : ways;
    this.setMask = nrSets - 1;
    this.slot = new Int32Array(entries);
    this.rights = new Int32Array(entries);
    this.keyLo = new Int32Array(entries);
    this.keyHi = new Int32Array(entries);
    this.age = new Float64Array(entries);
  }

  /** Index of the entry with this key, or WALK_CACHE_MISS. Counts a hit. */
  find(keyLo: number, keyHi: number): number {
    const { ways } = this;
    const first = (keyLo & this.setMask) * ways;
    for (let at = first; at < first + ways; at++) {
      if (this.keyLo[at] === keyLo && this.keyHi[at] === keyHi) {
        this.age[at] = ++this.clock;
        this.nrHits++;
        return at;
      }
    }
    return WALK_CACHE_MISS;
  }

  /** Remembers an entry that find() just missed, in place of the least recently used. */
  insert(keyLo: number, keyHi: number, slot: number, rights: number): void {
    const { ways, age } = this;
    if (ways === 0) return;
    let victim = (keyLo & this.setMask) * ways;
    for (let at = victim + 1, end = victim + ways; at < end; at++) if (age[at] < age[victim]) victim = at;
    if (age[victim] === 0) this.nrValid++;
    age[victim] = ++this.clock;
    this.keyLo[victim] = keyLo;
    this.keyHi[victim] = keyHi;
    this.slot[victim] = slot;
    this.rights[victim] = rights;
  }

  /** Forgets the entry with this key, if it is there. */
  dropKey(keyLo: number, keyHi: number): void {
    const first = (keyLo & this.setMask) * this.ways;
    for (let at = first; at < first + this.ways; at++) {
      if (this.keyLo[at] === keyLo && this.keyHi[at] === keyHi) this.drop(at);
    }
  }

  /** Forgets all entries of one PCID. O(entries), O(1) when empty. */
  flushPcid(pcid: number): void {
    if (this.nrValid === 0) return;
    for (let at = 0; at < this.keyHi.length; at++) {
      if (this.age[at] !== 0 && (this.keyHi[at] & WALK_KEY_PCID_MASK) >>> WALK_KEY_PCID_SHIFT === pcid) {
        this.drop(at);
      }
    }
  }

  /** Forgets everything. O(entries), O(1) when empty. */
  flushAll(): void {
    if (this.nrValid === 0) return;
    for (let at = 0; at < this.keyHi.length; at++) if (this.age[at] !== 0) this.drop(at);
  }

  /** Checks that no key is there twice and that the count is right. Cold. */
  checkInvariants(): void {
    const keys = new Set<string>();
    for (let at = 0; at < this.keyHi.length; at++) {
      if ((this.keyHi[at] !== 0) !== (this.age[at] !== 0)) bug(`walk-cache entry ${at} is half empty`);
      if (this.age[at] !== 0) keys.add(`${this.keyHi[at]}:${this.keyLo[at]}`);
    }
    if (keys.size !== this.nrValid) bug(`walk cache holds ${keys.size} keys and counts ${this.nrValid}`);
  }

  private drop(at: number): void {
    this.keyHi[at] = 0;
    this.age[at] = 0;
    this.nrValid--;
  }
}
