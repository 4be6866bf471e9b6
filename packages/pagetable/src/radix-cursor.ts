/**
 * Cursor over a radix table. Hot: per page of every range operation.
 *
 * Inside a level-1 table a step is a look at the next entry: `scanEntry` up to `scanEnd`. Between tables it walks. When the
 * table's `generation` has moved on, tables may be gone, so it walks again from the page after the one it is on.
 */
import {
  bug,
  EINVAL,
  ENOMEM,
  flipHi,
  flipLo,
  NO_ENTRY,
  PAGES_PER_LEVEL,
  PAGE_WORDS,
  type PageTable,
  type PageTableCursor,
  PT_LEVEL_PTE,
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PROTNONE,
  PTE_SOFT_DIRTY,
  PTE_WORDS,
  RISCV_PTE_V,
  riscvToCanonicalHi,
  riscvToCanonicalLo,
  type Vpn,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { leafStart, TABLE_WORDS_SHIFT } from "./layout.ts";
import { checkWhole, leafIsPresent } from "./leaf.ts";
import { type TableCounts } from "./table-counts.ts";

/** What a cursor needs of the radix table that it passes over. */
export interface CursoredTable extends Pick<PageTable, "allocEntry" | "findEntry" | "split"> {
  readonly contents: FrameContents;
  readonly counts: TableCounts;
  readonly isRiscv: boolean;
  readonly limitVpn: Vpn;
  readonly generation: number;
  readonly lastLevel: number;
  walkRemembered(vpn: Vpn): number;
  writeLeaf(entry: number, level: number, lo: number, hi: number): void;
}

/** One pass over a range of a radix table. */
export class RadixCursor implements PageTableCursor {
  vpn: Vpn = 0;
  level = 0;
  entry: number = NO_ENTRY;
  lo = 0;
  hi = 0;
  error = 0;
  private readonly table: CursoredTable;
  private readonly contents: FrameContents;
  private readonly counts: TableCounts;
  private readonly isRiscv: boolean;
  /** Page to go on from when not inside a level-1 table. */
  private atVpn: Vpn = 0;
  private startVpn: Vpn = 0;
  private endVpn: Vpn = 0;
  private splitEdges = false;
  /** Entries of the level-1 table still to look at, and the page of its entry 0 less that entry's index / 2. */
  private scanEntry = 0;
  private scanEnd = 0;
  private scanOrigin = 0;
  private generation = 0;

  constructor(table: CursoredTable, vpn: Vpn, endVpn: Vpn, splitEdges: boolean) {
    this.table = table;
    this.contents = table.contents;
    this.counts = table.counts;
    this.isRiscv = table.isRiscv;
    this.reset(vpn, endVpn, splitEdges);
  }

  reset(vpn: Vpn, endVpn: Vpn, splitEdges = false): void {
    this.vpn = vpn;
    this.level = 0;
    this.entry = NO_ENTRY;
    this.error = 0;
    this.atVpn = vpn;
    this.startVpn = vpn;
    this.endVpn = Math.min(endVpn, this.table.limitVpn);
    this.splitEdges = splitEdges;
    this.scanEntry = 0;
    this.scanEnd = 0;
    this.generation = this.table.generation;
  }

  /** ~2 ns a page inside a level-1 table. */
  next(): boolean {
    if (this.generation !== this.table.generation) this.resume();
    while (true) {
      const { words } = this.contents;
      const end = this.scanEnd;
      for (let entry = this.scanEntry; entry < end; entry += PTE_WORDS) {
        const lo = words[entry];
        const hi = words[entry + 1];
        if ((lo | hi) === 0) continue;
        this.scanEntry = entry + PTE_WORDS;
        this.vpn = this.scanOrigin + (entry >>> 1);
        this.level = PT_LEVEL_PTE;
        this.entry = entry;
        this.lo = this.isRiscv ? riscvToCanonicalLo(lo, hi, PT_LEVEL_PTE) : lo;
        this.hi = this.isRiscv ? riscvToCanonicalHi(lo, hi) : hi;
        return true;
      }
      if (end !== 0) this.leaveTable();
      if (!this.findTable()) return false;
      if (this.scanEnd === 0) return true;
    }
  }

  nextPage(): boolean {
    if (this.generation !== this.table.generation) this.resume();
    const entry = this.scanEntry;
    if (entry < this.scanEnd) {
      this.scanEntry = entry + PTE_WORDS;
      this.take(this.scanOrigin + (entry >>> 1), PT_LEVEL_PTE, entry);
      return true;
    }
    if (this.scanEnd !== 0) this.leaveTable();
    if (this.atVpn >= this.endVpn || this.error !== 0) return false;
    const { table } = this;
    const found = table.allocEntry(this.atVpn, PT_LEVEL_PTE);
    if (found !== NO_ENTRY) {
      this.generation = table.generation;
      this.enterTable(found);
      return this.nextPage();
    }
    if (table.lastLevel === 0) {
      this.error = -ENOMEM;
      return false;
    }
    const large = table.walkRemembered(this.atVpn);
    if (!this.isWhole(table.lastLevel)) return this.splitEdge() && this.nextPage();
    this.takeLarge(large, table.lastLevel);
    return true;
  }

  reload(): boolean {
    const { table } = this;
    if (this.level === 0) return false;
    const entry = table.findEntry(this.vpn);
    if (entry === NO_ENTRY || table.lastLevel !== this.level) return false;
    this.take(this.vpn, this.level, entry);
    return (this.lo | this.hi) !== 0;
  }

  set(lo: number, hi: number): void {
    if (this.level === 0) bug("the cursor is on no leaf");
    this.table.writeLeaf(this.entry, this.level, lo, hi);
    this.lo = lo;
    this.hi = hi;
  }

  clear(): void {
    this.set(0, 0);
  }

  harvest(mask: number): number {
    const { entry } = this;
    const { words } = this.contents;
    const lo = words[entry];
    if (this.isRiscv && (lo & RISCV_PTE_V) !== 0) return this.harvestRiscv(mask);
    const bits = lo & mask;
    if (bits === 0 || !leafIsPresent(lo, this.level)) return 0;
    this.lo = words[entry] = lo & ~bits;
    return bits;
  }

  /**
   * Clears, then sets flags of every present leaf from here on, table by table; returns how many changed. As protectLeaves(),
   * at half its time; for tables of the x86 format.
   */
  protectRest(setLo: number, clearLo: number, setHi: number, clearHi: number): number {
    const { contents } = this;
    let nrChanged = 0;
    while (true) {
      const { words } = contents;
      const end = this.scanEnd;
      for (let entry = this.scanEntry; entry < end; entry += PTE_WORDS) {
        const lo = words[entry];
        if ((lo & (PTE_P | PTE_PROTNONE)) === 0) continue;
        const hi = words[entry + 1];
        const newLo = (lo & ~clearLo) | setLo;
        const newHi = (hi & ~clearHi) | setHi;
        if (newLo === lo && newHi === hi) continue;
        nrChanged++;
        // Whatever stays present or not present keeps its frame as it is, and cannot become empty.
        if ((lo & newLo & PTE_P) !== 0) {
          words[entry] = newLo;
          words[entry + 1] = newHi;
        } else {
          this.table.writeLeaf(
            entry,
            PT_LEVEL_PTE,
            flipLo(lo, hi, newLo, newHi, PT_LEVEL_PTE),
            flipHi(lo, hi, newLo, newHi, PT_LEVEL_PTE),
          );
        }
      }
      if (end !== 0) this.leaveTable();
      if (!this.findTable()) return nrChanged;
      if (this.scanEnd !== 0 || !leafIsPresent(this.lo, this.level)) continue;
      checkWhole(this.startVpn, this.endVpn, this.vpn, PAGES_PER_LEVEL[this.level]);
      const newLo = (this.lo & ~clearLo) | setLo;
      const newHi = (this.hi & ~clearHi) | setHi;
      if (newLo === this.lo && newHi === this.hi) continue;
      nrChanged++;
      const { lo, hi, level } = this;
      this.set(flipLo(lo, hi, newLo, newHi, level), flipHi(lo, hi, newLo, newHi, level));
    }
  }

  /** Of a valid entry in RAM, A and D are one bit further up; soft-dirty is in the high half. */
  private harvestRiscv(mask: number): number {
    const { entry } = this;
    const { words } = this.contents;
    const lo = words[entry];
    const hi = words[entry + 1];
    const bits = ((lo >>> 1) & (PTE_A | PTE_D) & mask) | ((hi >>> 16) & PTE_SOFT_DIRTY & mask);
    if (bits === 0) return 0;
    words[entry] = lo & ~((bits & (PTE_A | PTE_D)) << 1);
    words[entry + 1] = hi & ~((bits & PTE_SOFT_DIRTY) << 16);
    this.lo &= ~bits;
    return bits;
  }

  /** Reads the leaf at an entry into the cursor's fields. */
  private take(vpn: Vpn, level: number, entry: number): void {
    const { words } = this.contents;
    const lo = words[entry];
    const hi = words[entry + 1];
    this.vpn = vpn;
    this.level = level;
    this.entry = entry;
    this.lo = this.isRiscv ? riscvToCanonicalLo(lo, hi, level) : lo;
    this.hi = this.isRiscv ? riscvToCanonicalHi(lo, hi) : hi;
  }

  private takeLarge(entry: number, level: number): void {
    const leafVpn = leafStart(this.atVpn, level);
    this.atVpn = leafVpn + PAGES_PER_LEVEL[level];
    this.take(leafVpn, level, entry);
  }

  /** Tables may be gone: goes on after the leaf it is on, or where it would have looked next. */
  private resume(): void {
    if (this.scanEnd !== 0) {
      this.atVpn = this.scanOrigin + (this.scanEntry >>> 1);
      this.scanEntry = this.scanEnd = 0;
    }
    this.generation = this.table.generation;
  }

  private leaveTable(): void {
    this.atVpn = this.scanOrigin + (this.scanEnd >>> 1);
    this.scanEntry = this.scanEnd = 0;
  }

  /** Makes the level-1 table of `entry`, which is for `atVpn`, the one to scan. */
  private enterTable(entry: number): void {
    const tableEnd = (entry | (PAGE_WORDS - 1)) + 1;
    const nrLeft = this.endVpn - this.atVpn;
    const nrInTable = (tableEnd - entry) >>> 1;
    this.scanEntry = entry;
    this.scanEnd = nrLeft < nrInTable ? entry + nrLeft * PTE_WORDS : tableEnd;
    this.scanOrigin = this.atVpn - (entry >>> 1);
  }

  /**
   * Finds the next table of level 1 or large leaf from `atVpn` on. True with `scanEnd` set: scan it; true with it 0: the
   * cursor is on a large leaf; false: the end, or `error`.
   */
  private findTable(): boolean {
    const { table, contents, counts } = this;
    if (this.error !== 0) return false;
    while (this.atVpn < this.endVpn) {
      let entry = table.walkRemembered(this.atVpn);
      const level = table.lastLevel;
      const { words } = contents;
      if (level === PT_LEVEL_PTE) {
        if (counts.nrPopulated[entry >>> TABLE_WORDS_SHIFT] !== 0) {
          this.enterTable(entry);
          return true;
        }
        this.atVpn = leafStart(this.atVpn, 2) + PAGES_PER_LEVEL[2];
        continue;
      }
      if ((words[entry] | words[entry + 1]) !== 0) {
        if (!this.isWhole(level)) {
          if (!this.splitEdge()) return false;
          continue;
        }
        this.takeLarge(entry, level);
        return true;
      }
      // Nothing here: over the empty entries of this table.
      const tableEnd = (entry | (PAGE_WORDS - 1)) + 1;
      const nrPages = PAGES_PER_LEVEL[level];
      let at = leafStart(this.atVpn, level);
      if (counts.nrPopulated[entry >>> TABLE_WORDS_SHIFT] === 0) {
        at += ((tableEnd - entry) / PTE_WORDS) * nrPages;
      } else {
        do {
          entry += PTE_WORDS;
          at += nrPages;
        } while (entry < tableEnd && (words[entry] | words[entry + 1]) === 0);
      }
      this.atVpn = at;
    }
    return false;
  }

  /** May the large leaf of `level` at `atVpn` be visited as it is? */
  private isWhole(level: number): boolean {
    if (!this.splitEdges) return true;
    const leafVpn = leafStart(this.atVpn, level);
    return leafVpn >= this.startVpn && leafVpn + PAGES_PER_LEVEL[level] <= this.endVpn;
  }

  /** Splits the large leaf at `atVpn`; false with `error` when that cannot be. Gone by now is as good as split. */
  private splitEdge(): boolean {
    const error = this.table.split(this.atVpn);
    this.generation = this.table.generation;
    if (error === -ENOMEM || error === -EINVAL) this.error = error;
    return this.error === 0;
  }
}
