/** Formats of page tables that an MMU can walk. */
import { type WalkerTable } from "./hardware-walker.ts";
import { PageWalker } from "./page-walker.ts";
import { X86Rights } from "./x86-rights.ts";

/** Walkers by format; the first is the default. */
export const walkers: WalkerTable = [
  {
    name: "x86-64",
    describe: "radix tree of four levels, or five with CR4.LA57, with leaves of 4 KiB, 2 MiB and 1 GiB",
    create: ({ contents, controls, levels, walkCaches }) =>
      new PageWalker(contents, new X86Rights(controls), controls.noExecute, levels, walkCaches),
  },
];
