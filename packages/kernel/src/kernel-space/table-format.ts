/** Which MMU walks which page table, and what the kernel half of such a machine is. Cold. */
import {
  EINVAL,
  findOccupant,
  KernelError,
  NO_PFN,
  type Pfn,
  TASK_SIZE_VPN,
  type Vpn,
} from "@pageframe/contracts";
import { pageTables, RADIX4, RADIX5, type RadixLayout, SV39, SV48 } from "@pageframe/pagetable";
import { RISCV_MMAP_LEGACY_BASE_VPN } from "@pageframe/vma";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

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
  /** First page past what programs may have (TASK_SIZE), and where bottom-up placement starts (TASK_UNMAPPED_BASE). */
  readonly taskSizeVpn: Vpn;
  readonly mmapLegacyBase: Vpn;
}

/** The task of x86-64: 128 TiB less a guard page, with five levels too unless a hint asks for more (DEFAULT_MAP_WINDOW). */
const X86_TASK = { taskSizeVpn: TASK_SIZE_VPN, mmapLegacyBase: Math.ceil(TASK_SIZE_VPN / 3) };

/** That of RISC-V: the whole user half, and the stack at its end. Source: Linux 6.18 arch/riscv/include/asm/pgtable.h, TASK_SIZE_64. */
function riscvTask({ kernelVpn }: RadixLayout): Pick<TableFormat, "taskSizeVpn" | "mmapLegacyBase"> {
  return { taskSizeVpn: kernelVpn, mmapLegacyBase: RISCV_MMAP_LEGACY_BASE_VPN };
}

/**
 * What boots: what has room for a 64-bit kernel's half. A table that is
 * no tree shares no top entries, so the kernel half is an x86-64 table beside it.
 */
const TABLE_FORMATS: readonly TableFormat[] = [
  { name: "radix4", format: "x86-64", layout: RADIX4, hasKernelRoot: false, ...X86_TASK },
  { name: "radix5", format: "x86-64", layout: RADIX5, hasKernelRoot: false, ...X86_TASK },
  { name: "sv39", format: "sv39", layout: SV39, hasKernelRoot: false, ...riscvTask(SV39) },
  { name: "sv48", format: "sv48", layout: SV48, hasKernelRoot: false, ...riscvTask(SV48) },
  { name: "hashed", format: "hashed", layout: RADIX4, hasKernelRoot: true, ...X86_TASK },
  { name: "inverted", format: "inverted", layout: RADIX4, hasKernelRoot: true, ...X86_TASK },
];

/** Format of an occupant of the page-table seat. Throws EINVAL for one that cannot be a machine's. */
export function tableFormat(pageTable: string): TableFormat {
  const found = TABLE_FORMATS.find(({ name }) => name === pageTable);
  if (found !== undefined) return found;
  findOccupant("page table", pageTables, pageTable);
  const known = TABLE_FORMATS.map(({ name }) => name).join(", ");
  throw new KernelError(
    EINVAL,
    `page table "${pageTable}" cannot be this machine's: it translates 32-bit addresses, and the kernel has 64; ` +
      `${known} can`,
  );
}

/** Frame that a CPU walks from when it has loaded an address space, or null for the kernel's alone. */
export function rootPfnOf(sys: System, mm: Mm | null): Pfn {
  if (mm !== null) return mm.pageTable.rootPfn;
  return tableFormat(sys.config.seats.pageTable).hasKernelRoot ? NO_PFN : sys.kernelHalf.rootPfn;
}
