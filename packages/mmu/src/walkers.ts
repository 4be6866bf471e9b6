/** Formats of page tables that an MMU can walk. */
import { type HardwareWalker, type WalkerConfig, type WalkerTable } from "./hardware-walker.ts";
import { EINVAL, KernelError } from "@pageframe/contracts";
import { Ept } from "./ept.ts";
import { HashedWalker } from "./hashed-walker.ts";
import { InvertedWalker } from "./inverted-walker.ts";
import { NestedWalker } from "./nested-walker.ts";
import { PageWalker } from "./page-walker.ts";
import { type ProtectionControls } from "./rights.ts";
import { RiscvRights } from "./riscv-rights.ts";
import { RiscvWalker } from "./riscv-walker.ts";
import { Walker32 } from "./walker32.ts";
import { X86Rights } from "./x86-rights.ts";

/** Walkers by format; the first is the default. */
export const walkers: WalkerTable = [
  {
    name: "x86-64",
    describe: "radix tree of four levels, or five with CR4.LA57, with leaves of 4 KiB, 2 MiB and 1 GiB",
    create: ({ contents, controls, levels, walkCaches }) =>
      new PageWalker(contents, new X86Rights(controls), controls.noExecute, levels, walkCaches),
  },
  {
    name: "x86-32",
    describe: "32-bit x86 of two levels, with leaves of 4 KiB and 4 MiB",
    create: ({ contents, controls, walkCaches }) =>
      new Walker32(contents, new X86Rights(without64Bit(controls, false)), false, false, walkCaches),
  },
  {
    name: "pae",
    describe: "32-bit x86 with PAE: four entries in registers, two levels, leaves of 4 KiB and 2 MiB",
    create: createPae,
  },
  {
    name: "sv39",
    describe: "RISC-V radix tree of three levels: 39-bit addresses",
    create: ({ contents, controls, walkCaches }) =>
      new RiscvWalker(contents, new RiscvRights(controls), controls.adue, 3, walkCaches),
  },
  {
    name: "sv48",
    describe: "RISC-V radix tree of four levels, with leaves of up to 512 GiB",
    create: ({ contents, controls, walkCaches }) =>
      new RiscvWalker(contents, new RiscvRights(controls), controls.adue, 4, walkCaches),
  },
  {
    name: "hashed",
    describe: "hash table per leaf size, with 16 pages a record and open addressing; the rights of x86",
    create: (config) => new HashedWalker(config, new X86Rights(config.controls)),
  },
  {
    name: "inverted",
    describe: "one record per frame of RAM for all address spaces, found by hash; the rights of x86",
    create: (config) => new InvertedWalker(config, new X86Rights(config.controls)),
  },
  {
    name: "nested",
    describe: "x86-64 tables of a guest in guest-physical memory, which EPT translates; needs `ept`",
    create: createNested,
  },
];

function createNested({ contents, controls, levels, walkCaches, ept }: WalkerConfig): HardwareWalker {
  if (ept === null) {
    throw new KernelError(EINVAL, "nested paging needs the host's tables; give ept: { rootPfn }");
  }
  const rights = new X86Rights(controls);
  return new NestedWalker(contents, rights, controls.noExecute, levels, walkCaches, new Ept(contents, ept));
}

/** Controls of 32-bit paging: protection keys are for four and five levels, NX needs PAE. */
function without64Bit(controls: ProtectionControls, noExecute: boolean): ProtectionControls {
  return { ...controls, noExecute, protectionKeys: false };
}

function createPae({ contents, controls, walkCaches }: WalkerConfig): HardwareWalker {
  const { noExecute } = controls;
  return new Walker32(
    contents,
    new X86Rights(without64Bit(controls, noExecute)),
    true,
    noExecute,
    walkCaches,
  );
}
