/** Which MMU walks which page table, and what the kernel half of such a machine is. Cold. */
import { EINVAL, findOccupant, KernelError, NO_PFN, type Pfn } from "@pageframe/contracts";
import { pageTables, RADIX4, RADIX5, type RadixLayout, SV48 } from "@pageframe/pagetable";
import { type System } from "./system.ts";
import { type Mm } from "./task.ts";

/** How a page table is walked. */
export interface TableFormat {
  /** Occupant of the page-table seat. */
  readonly name: string;
  /** Format that the MMU is told. */
  readonly format: string;
  /** Layout of the kernel half, and where the user half ends. */
  readonly layout: RadixLayout;
  /** Has the kernel half a root of its own, and the table the user half only? */
  readonly hasKernelRoot: boolean;
}

/**
 * What boots. The user half of all of them reaches as far as TASK_SIZE at least; that of sv39 ends at 256 GiB. A table that is
 * no tree shares no top entries, so the kernel half is an x86-64 table beside it.
 */
const TABLE_FORMATS: readonly TableFormat[] = [
  { name: "radix4", format: "x86-64", layout: RADIX4, hasKernelRoot: false },
  { name: "radix5", format: "x86-64", layout: RADIX5, hasKernelRoot: false },
  { name: "sv48", format: "sv48", layout: SV48, hasKernelRoot: false },
  { name: "hashed", format: "hashed", layout: RADIX4, hasKernelRoot: true },
  { name: "inverted", format: "inverted", layout: RADIX4, hasKernelRoot: true },
];

/** Format of an occupant of the page-table seat. Throws EINVAL for one that cannot be a machine's. */
export function tableFormat(pageTable: string): TableFormat {
  const found = TABLE_FORMATS.find(({ name }) => name === pageTable);
  if (found !== undefined) return found;
  findOccupant("page table", pageTables, pageTable);
  const known = TABLE_FORMATS.map(({ name }) => name).join(", ");
  throw new KernelError(
    EINVAL,
    `page table "${pageTable}" cannot be this machine's: programs have 128 TiB of addresses, which it cannot translate; ` +
      `${known} can`,
  );
}

/** Frame that a CPU walks from when it has loaded an address space, or null for the kernel's alone. */
export function rootPfnOf(sys: System, mm: Mm | null): Pfn {
  if (mm !== null) return mm.pageTable.rootPfn;
  return tableFormat(sys.config.seats.pageTable).hasKernelRoot ? NO_PFN : sys.kernelHalf.rootPfn;
}
