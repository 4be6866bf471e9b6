/** A general TLB as the README describes it, written to be read: lists, no hash, no counts on the side. */
import {
  PTE_D,
  PTE_G,
  PTE_PS,
  PTE_RW,
  PTE_US,
  RUN_WRITE,
  TLB_ENTRY_1G,
  type TlbWalker,
  vpnOf,
} from "@pageframe/contracts";
import { type ModelTlbArray, type ModelTlbConfig, type TlbEntrySize } from "@pageframe/tlb";

export interface NaiveEntry {
  size: TlbEntrySize;
  /** First 4 KiB page, and first of the page or group that this is a part of. */
  vpn: number;
  leafVpn: number;
  leafPages: number;
  /** PCID, or -1 when global. */
  owner: number;
  pfn: number;
  flags: number;
  isPrefetched: boolean;
}

const SERVES: Record<string, readonly number[]> = {
  all: [0, 1, 2],
  instructions: [2],
  data: [0, 1],
  loads: [0],
  stores: [1],
};
const PAGES: Record<TlbEntrySize, number> = { "4KiB": 1, "2MiB": 512, "1GiB": 512 * 512, coalesced: 4 };
const SIZE_FLAGS: Record<TlbEntrySize, number> = {
  "4KiB": 0,
  coalesced: 0,
  "2MiB": PTE_PS,
  "1GiB": PTE_PS | TLB_ENTRY_1G,
};
const LEAF_SIZES: readonly TlbEntrySize[] = ["4KiB", "2MiB", "1GiB"];
const SMALLER: Record<TlbEntrySize, TlbEntrySize> = {
  "1GiB": "2MiB",
  "2MiB": "4KiB",
  coalesced: "4KiB",
  "4KiB": "4KiB",
};
const startOf = (vpn: number, nrPages: number): number => vpn - (vpn % nrPages);

/** The state of xorshift32, shared by all arrays of a TLB. */
interface Dice {
  drawn: number;
}

/** One set, its ways in order, and what its policy remembers. */
class NaiveSet {
  readonly ways: (NaiveEntry | undefined)[];
  /** lru: ways by use, the last one first. fifo: by filling. */
  private order: number[] = [];
  /** tree-plru: for the ways [from, to) of a node, whether the victim is in the upper half. */
  private readonly isUpper = new Map<string, boolean>();
  /** nru */
  private readonly used = new Set<number>();
  private readonly policy: string;
  private readonly dice: Dice;

  constructor(nrWays: number, policy: string, dice: Dice) {
    this.ways = Array.from({ length: nrWays }, () => undefined);
    this.policy = policy;
    this.dice = dice;
  }

  touch(way: number, isFill = false): void {
    if (this.policy === "lru" || isFill) this.order = [way, ...this.order.filter((other) => other !== way)];
    this.used.add(way);
    if (this.used.size === this.ways.length) {
      this.used.clear();
      this.used.add(way);
    }
    this.turn(0, this.ways.length, way);
  }

  fill(entry: NaiveEntry): void {
    const empty = this.ways.indexOf(undefined);
    const way = empty >= 0 ? empty : this.victim();
    this.ways[way] = entry;
    this.touch(way, true);
  }

  drop(way: number): void {
    this.ways[way] = undefined;
    this.used.delete(way);
    this.order = this.order.filter((other) => other !== way);
  }

  private victim(): number {
    if (this.policy === "lru" || this.policy === "fifo") return this.order[this.order.length - 1];
    if (this.policy === "nru") return this.ways.findIndex((_, way) => !this.used.has(way));
    if (this.policy === "random") {
      const { dice } = this;
      dice.drawn ^= dice.drawn << 13;
      dice.drawn ^= dice.drawn >>> 17;
      dice.drawn ^= dice.drawn << 5;
      return (dice.drawn >>> 0) % this.ways.length;
    }
    let [from, to] = [0, this.ways.length];
    while (to - from > 1) {
      const middle = (from + to) / 2;
      if (this.isUpper.get(`${from}-${to}`) === true) from = middle;
      else to = middle;
    }
    return from;
  }

  private turn(from: number, to: number, way: number): void {
    if (to - from < 2) return;
    const middle = (from + to) / 2;
    this.isUpper.set(`${from}-${to}`, way < middle);
    if (way < middle) this.turn(from, middle, way);
    else this.turn(middle, to, way);
  }
}

class NaiveArray {
  readonly config: ModelTlbArray;
  readonly sets: NaiveSet[];

  constructor(config: ModelTlbArray, dice: Dice) {
    this.config = config;
    const policy = config.replacement ?? "lru";
    this.sets = Array.from(
      { length: config.entries / config.ways },
      () => new NaiveSet(config.ways, policy, dice),
    );
  }

  serves(kind: number): boolean {
    return SERVES[this.config.serves ?? "all"].includes(kind);
  }

  setOf(vpn: number, size: TlbEntrySize): NaiveSet {
    return this.sets[Math.floor(vpn / PAGES[size]) % this.sets.length];
  }

  find(vpn: number, size: TlbEntrySize, owner: number): NaiveEntry | undefined {
    return this.setOf(vpn, size).ways.find(
      (entry) => entry?.size === size && entry.owner === owner && entry.vpn === startOf(vpn, PAGES[size]),
    );
  }

  touch(entry: NaiveEntry): void {
    const set = this.setOf(entry.vpn, entry.size);
    set.touch(set.ways.indexOf(entry));
  }

  get entries(): NaiveEntry[] {
    return this.sets.flatMap((set) => set.ways).filter((entry) => entry !== undefined);
  }

  /** Returns how many went. */
  drop(isDropped: (entry: NaiveEntry) => boolean): number {
    let nr = 0;
    for (const set of this.sets) {
      for (const [way, entry] of set.ways.entries()) {
        if (entry === undefined || !isDropped(entry)) continue;
        set.drop(way);
        nr++;
      }
    }
    return nr;
  }
}

export class NaiveModelTlb {
  readonly levelHits: number[];
  misses = 0;
  entriesFlushed = 0;
  prefetches = 0;
  usefulPrefetches = 0;
  prefetchWalks = 0;
  coalescedFills = 0;
  coalescedHits = 0;
  coalescedSplits = 0;
  readonly levels: NaiveArray[][];
  private readonly config: ModelTlbConfig;

  constructor(config: ModelTlbConfig) {
    this.config = config;
    const dice = { drawn: config.seed ?? 1 };
    this.levels = config.levels.map((arrays) => arrays.map((array) => new NaiveArray(array, dice)));
    this.levelHits = this.levels.map(() => 0);
  }

  get arrays(): NaiveArray[] {
    return this.levels.flat();
  }

  private homeOf(level: number, kind: number, size: TlbEntrySize): NaiveArray | undefined {
    return this.levels[level].find((array) => array.serves(kind) && array.config.holds.includes(size));
  }

  private findAt(level: number, vpn: number, pcid: number, kind: number): NaiveEntry | undefined {
    for (const size of ["4KiB", "coalesced", "2MiB", "1GiB"] as const) {
      const array = this.homeOf(level, kind, size);
      const found = array?.find(vpn, size, pcid) ?? array?.find(vpn, size, -1);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The entry that translates, after everything a lookup does. */
  lookup(vpn: number, pcid: number, kind: number): NaiveEntry | undefined {
    for (let level = 0; level < this.levels.length; level++) {
      const entry = this.findAt(level, vpn, pcid, kind);
      if (entry === undefined) continue;
      this.levelHits[level]++;
      if (entry.isPrefetched) {
        this.usefulPrefetches++;
        for (const copy of this.copiesOf(entry)) copy.isPrefetched = false;
      }
      if (entry.size === "coalesced") this.coalescedHits++;
      this.homeOf(level, kind, entry.size)?.touch(entry);
      for (let above = level - 1; above >= 0; above--) this.fill(above, kind, vpn, entry);
      // What the first level holds now, unless it is a part of a group, whose dirty bit is the group's business.
      return entry.size === "coalesced" ? entry : this.findAt(0, vpn, pcid, kind);
    }
    this.misses++;
    return undefined;
  }

  insert(
    vpn: number,
    pcid: number,
    pageSize: number,
    pfn: number,
    flags: number,
    kind: number,
    walker?: NaiveWalker,
  ): void {
    const isGroup = pageSize === 0 && this.config.coalescePages === 4 && walker?.areContiguous(vpn) === true;
    if (this.config.prefetchNextPage === true && walker !== undefined) {
      const nrPages = isGroup ? 4 : 512 ** pageSize;
      this.prefetch(startOf(vpn, nrPages) + nrPages, pcid, kind, walker);
    }
    this.put(vpn, pcid, pageSize, isGroup, pfn, flags, kind, false);
  }

  private prefetch(vpn: number, pcid: number, kind: number, walker: NaiveWalker): void {
    if (this.levels.some((_, level) => this.findAt(level, vpn, pcid, kind) !== undefined)) return;
    this.prefetchWalks++;
    const leaf = walker.walkTo(vpn, false);
    if (leaf === undefined) return;
    this.prefetches++;
    const isGroup = leaf.size === 0 && this.config.coalescePages === 4 && walker.areContiguous(vpn);
    this.put(vpn, pcid, leaf.size, isGroup, leaf.pfn, leaf.flags, kind, true);
  }

  private put(
    vpn: number,
    pcid: number,
    pageSize: number,
    isGroup: boolean,
    pfn: number,
    flags: number,
    kind: number,
    isPrefetched: boolean,
  ): void {
    const size = isGroup ? "coalesced" : LEAF_SIZES[pageSize];
    const first = isGroup ? startOf(vpn, 4) : vpn;
    const leafFirst = isGroup ? first : startOf(vpn, PAGES[size]);
    const leafPfn = isGroup ? pfn - (vpn % 4) : pfn;
    for (let page = first; page < first + (isGroup ? 4 : 1); page++) {
      for (const array of this.arrays) {
        array.drop((entry) => {
          if (!this.translates(entry, page, pcid)) return false;
          const isSameFrame = entry.pfn + page - entry.vpn === leafPfn + page - leafFirst;
          const isSameOwner = (entry.owner === -1) === ((flags & PTE_G) !== 0);
          const newFlags = flags | SIZE_FLAGS[entry.size];
          if (array.serves(kind) || !isSameFrame || !isSameOwner) return true;
          if (entry.size === "coalesced") return entry.flags !== newFlags;
          entry.flags = newFlags;
          return false;
        });
      }
    }
    if (isGroup) this.coalescedFills++;
    const leafVpn = startOf(vpn, PAGES[size]);
    const entry: NaiveEntry = {
      size,
      vpn: leafVpn,
      leafVpn,
      leafPages: PAGES[size],
      owner: (flags & PTE_G) !== 0 ? -1 : pcid,
      pfn: isGroup ? pfn - (vpn % 4) : pfn,
      flags: flags | SIZE_FLAGS[size],
      isPrefetched,
    };
    for (let level = this.levels.length - 1; level >= 0; level--) this.fill(level, kind, vpn, entry);
  }

  /** Puts an entry, or the part of it that the level takes, into one level. */
  private fill(level: number, kind: number, vpn: number, entry: NaiveEntry): void {
    let { size } = entry;
    while (this.homeOf(level, kind, size) === undefined && size !== "4KiB") size = SMALLER[size];
    const first = startOf(vpn, PAGES[size]);
    const part: NaiveEntry = {
      ...entry,
      size,
      vpn: first,
      pfn: entry.pfn + first - entry.vpn,
      flags: (entry.flags & ~(PTE_PS | TLB_ENTRY_1G)) | SIZE_FLAGS[size],
    };
    // What is cut from a group is a page like any other.
    if (entry.size === "coalesced" && size !== "coalesced")
      Object.assign(part, { leafVpn: first, leafPages: 1 });
    this.homeOf(level, kind, size)?.setOf(first, size).fill(part);
  }

  /** A first write to a page whose entry is clean. */
  setDirty(entry: NaiveEntry, vpn: number, pcid: number, kind: number): void {
    if (entry.size !== "coalesced") {
      for (const copy of this.copiesOf(entry)) copy.flags |= PTE_D;
      return;
    }
    this.coalescedSplits++;
    const owner = entry.owner === -1 ? 0 : pcid;
    this.put(vpn, owner, 0, false, entry.pfn + (vpn % 4), entry.flags | PTE_D, kind, false);
  }

  private copiesOf(entry: NaiveEntry): NaiveEntry[] {
    return this.arrays
      .flatMap((array) => array.entries)
      .filter((other) => other.size === entry.size && other.vpn === entry.vpn && other.owner === entry.owner);
  }

  translates(entry: NaiveEntry, vpn: number, pcid: number): boolean {
    const serves = entry.owner === -1 || entry.owner === pcid;
    return serves && entry.vpn <= vpn && vpn < entry.vpn + PAGES[entry.size];
  }

  dropWhere(isDropped: (entry: NaiveEntry) => boolean): number {
    return this.arrays.reduce((nr, array) => nr + array.drop(isDropped), 0);
  }

  flush(isDropped: (entry: NaiveEntry) => boolean): void {
    this.entriesFlushed += this.dropWhere(isDropped);
  }

  /** Every 4 KiB page of groups, every other entry, without copies: as text. */
  get texts(): string[] {
    const entries = this.arrays.flatMap((array) => array.entries);
    const alone = entries.filter(({ size }) => size !== "coalesced");
    const parts = entries
      .filter(({ size }) => size === "coalesced")
      .flatMap((group) =>
        [0, 1, 2, 3].map((page) => ({
          ...group,
          size: "4KiB" as const,
          vpn: group.vpn + page,
          pfn: group.pfn + page,
        })),
      )
      .filter(
        ({ vpn, owner }) =>
          !alone.some((one) => one.size === "4KiB" && one.vpn === vpn && one.owner === owner),
      );
    const texts = [...alone, ...parts].map(
      ({ vpn, owner, size, pfn, flags }) =>
        `0x${vpn.toString(16)} pcid ${Math.max(owner, 0)} size ${LEAF_SIZES.indexOf(size)} -> ${pfn} flags 0x${(flags >>> 0).toString(16)}`,
    );
    return [...new Set(texts)].sort();
  }
}

/**
 * A page table by rule: groups of four pages, two of three of them contiguous; page 31 of every 32 missing; pages 64 to 71
 * global; 2 MiB pages from 512 on, 1 GiB pages from 262144 on. Writes make pages dirty.
 */
export class NaiveWalker implements TlbWalker {
  leafPfn = 0;
  leafFlags = 0;
  leafSize = 0;
  nrWalks = 0;
  private readonly dirty = new Set<number>();

  walkTo(vpn: number, isWrite: boolean): { size: number; pfn: number; flags: number } | undefined {
    this.nrWalks++;
    const size = vpn % 2 ** 32 < 512 ? 0 : vpn < 262144 ? 1 : 2;
    if (size === 0 && vpn % 32 === 31) return undefined;
    const leafVpn = startOf(vpn, 512 ** size);
    if (isWrite) this.dirty.add(leafVpn);
    const isInOrder = Math.floor(vpn / 4) % 3 !== 2;
    const pfn = size > 0 ? leafVpn % 2 ** 30 : isInOrder ? 4096 + (vpn % 2 ** 32) : 9000 - (vpn % 2 ** 32);
    const isGlobal = vpn >= 64 && vpn < 72;
    const flags = PTE_US | PTE_RW | (this.dirty.has(leafVpn) ? PTE_D : 0) | (isGlobal ? PTE_G : 0);
    return { size, pfn, flags };
  }

  areContiguous(vpn: number): boolean {
    const first = startOf(vpn, 4);
    const isMissing = [0, 1, 2, 3].some((page) => (first + page) % 32 === 31);
    const nrDirty = [0, 1, 2, 3].filter((page) => this.dirty.has(first + page)).length;
    return !isMissing && Math.floor(vpn / 4) % 3 !== 2 && (nrDirty === 0 || nrDirty === 4);
  }

  walk(vpnLo: number, vpnHi: number, kind: number): number {
    const leaf = this.walkTo(vpnOf(vpnLo, vpnHi), kind === RUN_WRITE);
    if (leaf === undefined) return -5;
    this.leafPfn = leaf.pfn;
    this.leafFlags = leaf.flags | SIZE_FLAGS[LEAF_SIZES[leaf.size]];
    this.leafSize = leaf.size;
    return 0;
  }

  isContiguous(vpnLo: number, vpnHi: number): boolean {
    return this.areContiguous(vpnOf(vpnLo, vpnHi));
  }
}
