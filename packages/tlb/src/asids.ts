/** The ASID seat's occupants. */
import { type AsidAllocator, type SeatTable } from "@pageframe/contracts";
import { DynamicAsids } from "./dynamic-asids.ts";
import { GenerationAsids } from "./generation-asids.ts";

/** What an occupant of the ASID seat is made for. */
export interface AsidConfig {
  readonly nrCpus: number;
  /** Width of identifiers that are the same on all CPUs, up to 12. */
  readonly asidBits?: number;
}

/** Who may sit in the ASID seat; the first is the default. */
export const asidAllocators: SeatTable<AsidConfig, AsidAllocator> = [
  {
    name: "dynamic",
    describe: "Six per CPU for the address spaces that ran there last, as Linux on x86-64.",
    create: ({ nrCpus }) => new DynamicAsids("dynamic", nrCpus),
  },
  {
    name: "generations",
    describe: "One per address space on all CPUs, all given anew when they run out, as Linux on arm64.",
    create: ({ nrCpus, asidBits }) => new GenerationAsids(nrCpus, asidBits),
  },
  {
    name: "none",
    describe: "No identifiers: a CPU forgets everything when it loads another address space.",
    create: ({ nrCpus }) => new DynamicAsids("none", nrCpus, 1, 0),
  },
];
