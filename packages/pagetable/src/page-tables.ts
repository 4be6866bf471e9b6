/** The page-table seat's occupants. */
import { type PageTable, type SeatTable } from "@pageframe/contracts";
import { type PageTableConfig, RadixPageTable } from "./radix-page-table.ts";

/** Kinds of page table by name; the first is the default. */
export const pageTables: SeatTable<PageTableConfig, PageTable> = [
  {
    name: "radix4",
    describe: "x86-64 radix tree of four levels, with 4 KiB, 2 MiB and 1 GiB leaves",
    create: (config) => new RadixPageTable(config),
  },
];
