/** What page tables cost by themselves: edits without an MMU, and the memory that they take. */
import { bug, findOccupant, type PageTable, PTE_A, PTE_P, PTE_RW, PTE_US } from "@pageframe/contracts";
import { pageTables } from "@pageframe/pagetable";
import { type BenchCase, type Scale } from "../bench-case.ts";
import { timed } from "../cpu-time.ts";
import { TableMachine } from "../demand-mapper.ts";

const LEAF_FLAGS = PTE_P | PTE_RW | PTE_US | PTE_A;
const NR_PAGES: Readonly<Record<Scale, number>> = { full: 100_000, quick: 100_000, tiny: 1000 };
const NR_ROUNDS: Readonly<Record<Scale, number>> = { full: 10, quick: 2, tiny: 1 };
/** 1 GiB: an address that every format has. */
const FIRST_VPN = 0x40000;
const FIRST_PFN = 16_384;

function mapAll(table: PageTable, nrPages: number): void {
  for (let page = 0; page < nrPages; page++) {
    const mapped = table.map(FIRST_VPN + page, 1, FIRST_PFN + page, LEAF_FLAGS, 0);
    if (mapped < 0) bug(`page ${page} cannot be mapped: errno ${-mapped}`);
  }
}

/** One pass that takes away the accessed bits, one that empties the entries. */
function harvestAndClear(table: PageTable, nrPages: number): number {
  let nrAccessed = 0;
  const cursor = table.cursor(FIRST_VPN, FIRST_VPN + nrPages);
  while (cursor.next()) if (cursor.harvest(PTE_A) !== 0) nrAccessed++;
  cursor.reset(FIRST_VPN, FIRST_VPN + nrPages);
  while (cursor.next()) cursor.clear();
  table.freeTables(FIRST_VPN, FIRST_VPN + nrPages, 0, table.limitVpn);
  return nrAccessed;
}

function editCase(name: string, describe: string): BenchCase {
  return {
    name: `tables-${name}`,
    group: "tables",
    describe: `a page mapped, its accessed bit harvested, unmapped, its table freed: ${describe}`,
    unit: { kind: "time", label: "ns/page", one: 1e-9 },
    target: null,
    counterpart: null,
    input: null,
    run(scale) {
      const nrPages = NR_PAGES[scale];
      const { table } = new TableMachine(findOccupant("page table", pageTables, name));
      let nrAccessed = 0;
      let seconds = 0;
      for (let round = -1; round < NR_ROUNDS[scale]; round++) {
        const taken = timed(() => {
          mapAll(table, nrPages);
          nrAccessed += harvestAndClear(table, nrPages);
        });
        // Round -1 warms up.
        if (round >= 0) seconds += taken;
      }
      return { operations: NR_ROUNDS[scale] * nrPages, seconds, checks: { nrAccessed } };
    },
  };
}

function memoryCase(name: string, describe: string): BenchCase {
  return {
    name: `table-bytes-${name}`,
    group: "tables",
    describe: `simulated RAM in tables for each of 100,000 neighbouring pages: ${describe}`,
    unit: { kind: "memory", label: "bytes/page", one: 1 },
    target: null,
    counterpart: null,
    input: null,
    run(scale) {
      const nrPages = NR_PAGES[scale];
      const machine = new TableMachine(findOccupant("page table", pageTables, name));
      const seconds = timed(() => {
        mapAll(machine.table, nrPages);
      });
      const bytes = machine.tableBytes;
      return { operations: nrPages, seconds, bytes, checks: { bytes } };
    },
  };
}

export const tableCases: readonly BenchCase[] = pageTables.flatMap(({ name, describe }) => [
  editCase(name, describe),
  memoryCase(name, describe),
]);
