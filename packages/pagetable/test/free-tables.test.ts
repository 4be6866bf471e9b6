import { NO_ENTRY, PTE_P, PTE_RW, PTE_US } from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { VPN_LIMIT } from "../src/index.ts";
import { newPageTable } from "./helpers.ts";

const USER_RW = PTE_P | PTE_RW | PTE_US;
/** Pages of one level-1, level-2 and level-3 table. */
const PMD_PAGES = 512;
const PUD_PAGES = 262144;
const PGD_PAGES = 134217728;

describe("RadixPageTable, when it frees tables", () => {
  it("frees all three levels when nothing else is near", () => {
    const { table, frames } = newPageTable();
    table.map(5, 1, 7, USER_RW, 0);
    table.unmap(5);
    table.freeTables(5, 6, 0, VPN_LIMIT);
    expect([...table.nrTables]).toEqual([0, 0, 0, 0, 1]);
    expect([...frames.inUse.values()]).toEqual([4]);
    table.checkInvariants();
  });

  it("keeps a table that the mapping below or above may still use", () => {
    const { table } = newPageTable();
    table.map(5, 1, 7, USER_RW, 0);
    table.unmap(5);
    // Floor inside the tables: a mapping ends at page 1.
    table.freeTables(5, 6, 1, VPN_LIMIT);
    expect([...table.nrTables]).toEqual([0, 1, 1, 1, 1]);
    // Ceiling inside the level-1 table.
    table.freeTables(5, 6, 0, PMD_PAGES - 1);
    expect([...table.nrTables]).toEqual([0, 1, 1, 1, 1]);
    // Ceiling at its end: it alone goes.
    table.freeTables(5, 6, 0, PMD_PAGES);
    expect([...table.nrTables]).toEqual([0, 0, 1, 1, 1]);
    table.freeTables(5, 6, 0, PUD_PAGES);
    expect([...table.nrTables]).toEqual([0, 0, 0, 1, 1]);
    table.freeTables(5, 6, 0, PGD_PAGES - 1);
    expect([...table.nrTables]).toEqual([0, 0, 0, 1, 1]);
    table.freeTables(5, 6, 0, PGD_PAGES);
    expect([...table.nrTables]).toEqual([0, 0, 0, 0, 1]);
    table.checkInvariants();
  });

  it("frees only tables that the range touches", () => {
    const { table } = newPageTable();
    for (const vpn of [0, 512, 1024, 1536]) {
      table.map(vpn, 1, vpn + 1, USER_RW, 0);
      table.unmap(vpn);
    }
    table.freeTables(700, 1025, 512, 1536);
    expect(table.nrTables[1]).toBe(2);
    expect(table.findEntry(512)).toBe(NO_ENTRY);
    expect(table.findEntry(1024)).toBe(NO_ENTRY);
    expect(table.findEntry(0)).not.toBe(NO_ENTRY);
    expect(table.findEntry(1536)).not.toBe(NO_ENTRY);
    table.checkInvariants();
  });

  it("stops rather than lose a page that is still mapped", () => {
    const { table } = newPageTable();
    table.map(5, 1, 7, USER_RW, 0);
    expect(() => table.freeTables(5, 6, 0, VPN_LIMIT)).toThrow(/level 1 at vpn 0x0 still has 1 entries/);
    const { table: huge } = newPageTable();
    huge.map(0, 2, 0x400, USER_RW, 0);
    expect(() => huge.freeTables(0, 512, 0, VPN_LIMIT)).toThrow(/leaf of level 2 is still mapped at vpn 0x0/);
    expect(() => huge.destroy()).toThrow(/still mapped/);
  });

  it("forgets a freed table even if it was the last one used", () => {
    const { table } = newPageTable();
    table.map(5, 1, 7, USER_RW, 0);
    table.unmap(5);
    expect(table.findEntry(6)).not.toBe(NO_ENTRY);
    table.freeTables(5, 6, 0, VPN_LIMIT);
    expect(table.findEntry(6)).toBe(NO_ENTRY);
    expect(table.nextPopulated(0, VPN_LIMIT)).toBe(VPN_LIMIT);
  });

  it("gives every frame back when it is destroyed", () => {
    const { table, frames, contents } = newPageTable();
    for (const vpn of [0, 99999, 0x7fffffffe]) {
      table.map(vpn, 1, 7, USER_RW, 0);
      table.unmap(vpn);
    }
    // Root, two PUD, two PMD and three PTE tables: 0 and 99999 share all but the last.
    expect(frames.inUse.size).toBe(8);
    table.destroy();
    expect(frames.inUse.size).toBe(0);
    expect(contents.nrUsedSlots).toBe(0);
    expect([...table.nrTables]).toEqual([0, 0, 0, 0, 0]);
  });
});
