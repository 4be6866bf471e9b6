/**
 * What is known of each table beyond its bytes, by its slot in the frame contents. Hot: per entry written.
 *
 *     nrPopulated  int16   entries that are not empty, 0..512
 *     level        uint8   1..5, or 0 where the slot holds no table
 *
 * One instance serves all address spaces of a machine: a slot belongs to one frame. Differs: Linux keeps no such count
 * on x86; it relies on VMAs alone to know which tables are empty. Here a wrong guess is caught.
 */
import { bug } from "@pageframe/contracts";
import { type InvertedTable } from "./inverted-table.ts";
import { type RadixLayout } from "./layout.ts";

/** Populated entries and level of every table of a machine. */
export class TableCounts {
  /** Non-empty entries by slot. Re-read after open(): it may have grown. */
  nrPopulated: Int16Array;
  /** Level of the table by slot; 0 for none. */
  level: Uint8Array;

  constructor() {
    this.nrPopulated = new Int16Array(64);
    this.level = new Uint8Array(64);
  }

  /** Starts to count a table that is all zeros. Calls bug() when the slot holds a table already. */
  open(slot: number, level: number): void {
    if (slot >= this.level.length) this.grow(slot + 1);
    if (this.level[slot] !== 0)
      bug(`contents slot ${slot} already holds a table of level ${this.level[slot]}`);
    this.nrPopulated[slot] = 0;
    this.level[slot] = level;
  }

  /** Stops to count a table. */
  close(slot: number): void {
    if (this.level[slot] === 0) bug(`contents slot ${slot} holds no table`);
    this.nrPopulated[slot] = 0;
    this.level[slot] = 0;
  }

  private grow(nrSlots: number): void {
    const size = Math.max(nrSlots, this.level.length * 2);
    const nrPopulated = new Int16Array(size);
    const level = new Uint8Array(size);
    nrPopulated.set(this.nrPopulated);
    level.set(this.level);
    this.nrPopulated = nrPopulated;
    this.level = level;
  }
}

/** The half of the address space that all page tables of a machine share: whose top entries they copy. */
export interface SharedHalf {
  /** Frame of the top table that holds entries 256..511. */
  readonly rootPfn: number;
  /** Kind of table it is: what shares it has the same. */
  readonly layout: RadixLayout;
  readonly counts: TableCounts;
  /** The records of all mapped pages, once the first inverted page table has made them. */
  inverted: InvertedTable | null;
}
