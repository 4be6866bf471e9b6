/**
 * Cursor over a table that is no tree, or a small one. Hot: per page of every range operation. It keeps the page to go on from and asks the
 * table for what comes next, so records may move under it between two steps.
 */
import {
  bug,
  EINVAL,
  ENOENT,
  ENOMEM,
  NO_ENTRY,
  type PageTableCursor,
  PT_LEVEL_PTE,
  type Vpn,
} from "@pageframe/contracts";
import { leafIsPresent } from "./leaf.ts";

/** What the cursor asks of its table. */
export interface SeekTable {
  readonly limitVpn: Vpn;
  readonly pagesPerLevel: readonly number[];
  readonly lastLevel: number;
  /** First page of the leaf that seek() found. */
  readonly foundVpn: Vpn;
  /** Finds the first non-empty leaf that covers a page of [vpn, endVpn); its entry or NO_ENTRY. */
  seek(vpn: Vpn, endVpn: Vpn): number;
  findEntry(vpn: Vpn): number;
  allocEntry(vpn: Vpn, level: number): number;
  entryLo(entry: number): number;
  entryHi(entry: number): number;
  setEntry(entry: number, lo: number, hi: number): void;
  split(vpn: Vpn): number;
}

/** One pass over a range of a hashed, inverted or 32-bit table. */
export class SeekCursor implements PageTableCursor {
  vpn: Vpn = 0;
  level = 0;
  entry: number = NO_ENTRY;
  lo = 0;
  hi = 0;
  error = 0;
  private readonly table: SeekTable;
  /** Page to go on from. */
  private atVpn: Vpn = 0;
  private startVpn: Vpn = 0;
  private endVpn: Vpn = 0;
  private splitEdges = false;

  constructor(table: SeekTable, vpn: Vpn, endVpn: Vpn, splitEdges: boolean) {
    this.table = table;
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
  }

  next(): boolean {
    const { table } = this;
    while (this.error === 0 && this.atVpn < this.endVpn) {
      const entry = table.seek(this.atVpn, this.endVpn);
      if (entry === NO_ENTRY) {
        this.atVpn = this.endVpn;
        break;
      }
      const level = table.lastLevel;
      if (level > PT_LEVEL_PTE && !this.isWhole(table.foundVpn, level)) {
        this.splitAt(Math.max(this.atVpn, table.foundVpn));
        continue;
      }
      this.take(table.foundVpn, level, entry);
      return true;
    }
    return false;
  }

  nextPage(): boolean {
    const { table } = this;
    while (this.error === 0 && this.atVpn < this.endVpn) {
      const entry = table.allocEntry(this.atVpn, PT_LEVEL_PTE);
      if (entry !== NO_ENTRY) {
        this.take(this.atVpn, PT_LEVEL_PTE, entry);
        return true;
      }
      const level = table.lastLevel;
      if (level === 0) {
        this.error = -ENOMEM;
        break;
      }
      const leafVpn = this.atVpn - (this.atVpn % table.pagesPerLevel[level]);
      if (!this.isWhole(leafVpn, level)) {
        this.splitAt(this.atVpn);
        continue;
      }
      this.take(leafVpn, level, table.findEntry(this.atVpn));
      return true;
    }
    return false;
  }

  reload(): boolean {
    const { table, vpn, level } = this;
    if (level === 0) return false;
    const entry = table.findEntry(vpn);
    if (entry === NO_ENTRY || table.lastLevel !== level) return false;
    this.entry = entry;
    this.lo = table.entryLo(entry);
    this.hi = table.entryHi(entry);
    return (this.lo | this.hi) !== 0;
  }

  set(lo: number, hi: number): void {
    if (this.level === 0) bug("the cursor is on no leaf");
    this.table.setEntry(this.entry, lo, hi);
    this.lo = lo;
    this.hi = hi;
  }

  clear(): void {
    this.set(0, 0);
  }

  harvest(mask: number): number {
    const lo = this.table.entryLo(this.entry);
    const bits = lo & mask;
    if (bits === 0 || !leafIsPresent(lo, this.level)) return 0;
    this.set(lo & ~bits, this.hi);
    return bits;
  }

  private take(vpn: Vpn, level: number, entry: number): void {
    this.vpn = vpn;
    this.level = level;
    this.entry = entry;
    this.lo = this.table.entryLo(entry);
    this.hi = this.table.entryHi(entry);
    this.atVpn = vpn + this.table.pagesPerLevel[level];
  }

  /** May a large leaf be visited as it is? */
  private isWhole(leafVpn: Vpn, level: number): boolean {
    if (!this.splitEdges) return true;
    return leafVpn >= this.startVpn && leafVpn + this.table.pagesPerLevel[level] <= this.endVpn;
  }

  /** Splits the large leaf over a page; `error` when that cannot be. Gone by now is as good as split. */
  private splitAt(vpn: Vpn): void {
    const error = this.table.split(vpn);
    if (error !== 0 && error !== -ENOENT) this.error = error === -ENOMEM ? -ENOMEM : -EINVAL;
  }
}
