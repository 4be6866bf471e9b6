/** The page-table seat's occupants. */
import { type PageTable, type SeatTable } from "@pageframe/contracts";
import { HashedPageTable } from "./hashed-page-table.ts";
import { InvertedPageTable } from "./inverted-page-table.ts";
import { PAE, RADIX4, RADIX5, SV39, SV48 } from "./layout.ts";
import { PageTable32 } from "./page-table32.ts";
import { type PageTableConfig } from "./page-table-config.ts";
import { RadixPageTable } from "./radix-page-table.ts";

/** Kinds of page table by name; the first is the default. */
export const pageTables: SeatTable<PageTableConfig, PageTable> = [
  {
    name: "radix4",
    describe: "x86-64 radix tree of four levels, with 4 KiB, 2 MiB and 1 GiB leaves",
    create: (config) => new RadixPageTable(config, RADIX4),
  },
  {
    name: "radix5",
    describe: "x86-64 radix tree of five levels (LA57): 57-bit addresses",
    create: (config) => new RadixPageTable(config, RADIX5),
  },
  {
    name: "x86-32",
    describe: "32-bit x86 of two levels, with 4 KiB and 4 MiB leaves (PSE, PSE-36)",
    create: (config) => new PageTable32(config),
  },
  {
    name: "pae",
    describe: "32-bit x86 with PAE: four entries at the top, two levels, leaves of 4 KiB and 2 MiB, NX",
    create: (config) => new RadixPageTable(config, PAE),
  },
  {
    name: "sv39",
    describe: "RISC-V radix tree of three levels: 39-bit addresses",
    create: (config) => new RadixPageTable(config, SV39),
  },
  {
    name: "sv48",
    describe: "RISC-V radix tree of four levels, with leaves of up to 512 GiB",
    create: (config) => new RadixPageTable(config, SV48),
  },
  {
    name: "hashed",
    describe: "hash table per leaf size, with 16 pages a record and open addressing",
    create: (config) => new HashedPageTable(config),
  },
  {
    name: "inverted",
    describe: "one record per frame of RAM for all address spaces, found by hash; shared pages overflow",
    create: (config) => new InvertedPageTable(config),
  },
];
