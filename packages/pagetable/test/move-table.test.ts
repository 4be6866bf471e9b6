import { NO_ENTRY, PTE_P, PTE_RW, PTE_US, ptePfn } from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { newPageTable } from "./helpers.ts";

const USER_RW = PTE_P | PTE_RW | PTE_US;
/** Pages of one level-1 and one level-2 table. */
const PMD_PAGES = 512;
const PUD_PAGES = 262144;

describe("RadixPageTable, when it moves a table", () => {
  it("finds every entry at its new place, in the same frame, and none at the old one", () => {
    const { table } = newPageTable();
    table.map(5, 1, 7, USER_RW, 0);
    table.map(511, 1, 8, USER_RW, 0);
    table.map(512, 1, 9, USER_RW, 0);
    const tableOf = (vpn: number): number | undefined => table.walkEntries(vpn).at(-1)?.tablePfn;
    const moved = tableOf(5);
    expect(table.moveTable(0, 3 * PUD_PAGES)).toBe(true);
    expect([tableOf(3 * PUD_PAGES + 5), table.findEntry(5)]).toEqual([moved, NO_ENTRY]);
    const pfnAt = (vpn: number): number => {
      const entry = table.findEntry(vpn);
      return ptePfn(table.entryLo(entry), table.entryHi(entry));
    };
    expect([3 * PUD_PAGES + 5, 3 * PUD_PAGES + 511, 512].map(pfnAt)).toEqual([7, 8, 9]);
    // One level-2 table more.
    expect([...table.nrTables]).toEqual([0, 2, 2, 1, 1]);
    table.checkInvariants();
  });

  it("leaves all as it was when there is none, or something where it would go", () => {
    const { table } = newPageTable();
    table.map(5, 1, 7, USER_RW, 0);
    table.map(PMD_PAGES, 1, 9, USER_RW, 0);
    expect(table.moveTable(0, PMD_PAGES)).toBe(false);
    expect(table.moveTable(2 * PMD_PAGES, 4 * PMD_PAGES)).toBe(false);
    expect([5, PMD_PAGES].map((vpn) => table.findEntry(vpn) !== NO_ENTRY)).toEqual([true, true]);
    table.checkInvariants();
  });

  it("carries a cursor past the table that went", () => {
    const { table } = newPageTable();
    for (const vpn of [5, 6, 600]) table.map(vpn, 1, vpn, USER_RW, 0);
    const cursor = table.cursor(0, 2 * PMD_PAGES);
    expect([cursor.next(), cursor.vpn]).toEqual([true, 5]);
    table.moveTable(0, 10 * PMD_PAGES);
    expect([cursor.next(), cursor.vpn, cursor.next()]).toEqual([true, 600, false]);
  });
});
