/**
 * Page-table isolation (KPTI), where the configuration asks for it: when a CPU is in the kernel and when in user mode, and what
 * that does to roots, PCIDs and flushes. Without it all of this is one test for null. Warm: per fault, system call and flush.
 *
 * A CPU that runs a task is in user mode, but for the time of a system call, a fault, an interrupt or a daemon's work. Each of
 * those is an entry and an exit, and each of these a CR3 write that costs time. Idle CPUs are in the kernel.
 * Source: Linux 6.18 arch/x86/mm/pti.c; arch/x86/entry/calling.h; arch/x86/mm/tlb.c, load_new_mm_cr3(),
 * native_flush_tlb_one_user(), native_flush_tlb_local().
 */
import {
  type Asid,
  EINVAL,
  INIT_MM,
  KernelError,
  type MmId,
  NO_PFN,
  type PageTable,
  type Pfn,
  type Vpn,
} from "@pageframe/contracts";
import { RadixPageTable, UserRoot } from "@pageframe/pagetable";
import { type KernelConfig } from "../config.ts";
import { type Cpu, type System } from "../system.ts";
import { rootPfnOf } from "../kernel-space/table-format.ts";
import { type Mm } from "../task.ts";
import { CAUSE_CR3_WRITE } from "../time.ts";

/** Page tables that can have two roots. */
const ISOLATED_TABLES: readonly string[] = ["radix4", "radix5"];

/** Throws EINVAL when the configuration asks for isolation that its page table cannot have. */
export function checkKpti({ kpti, seats }: KernelConfig): void {
  if (!kpti || ISOLATED_TABLES.includes(seats.pageTable)) return;
  throw new KernelError(
    EINVAL,
    `kpti needs a page table whose root x86-64 can switch, and seats.pageTable is "${seats.pageTable}"; ` +
      `${ISOLATED_TABLES.join(" and ")} would work`,
  );
}

/** Goes into the kernel. Returns whether the CPU was in user mode: then whoever called goes back with exitToUserMode(). */
export function enterKernelMode(sys: System, { isolation }: Cpu): boolean {
  if (isolation === null || isolation.isInKernel) return false;
  isolation.enterKernel();
  sys.time.spend(CAUSE_CR3_WRITE, 1);
  return true;
}

/** Returns to the task that the CPU runs, if it runs one. */
export function exitToUserMode(sys: System, { isolation, current }: Cpu): void {
  if (isolation === null || !isolation.isInKernel || current === null) return;
  isolation.exitToUser();
  sys.time.spend(CAUSE_CR3_WRITE, 1);
}

/** Loads an address space on a CPU that is in the kernel, null for the kernel's alone (load_new_mm_cr3). */
export function loadRoots(
  sys: System,
  { mmu, isolation }: Cpu,
  mm: Mm | null,
  asid: Asid,
  noFlush: boolean,
): void {
  const rootPfn = rootPfnOf(sys, mm);
  if (isolation === null) mmu.loadCr3(rootPfn, asid, noFlush);
  else isolation.switchMm(rootPfn, userRootPfnOf(mm), asid, noFlush);
}

/** Makes the user root of a new address space; null without isolation. Throws ENOMEM. */
export function createUserRoot(sys: System, pageTable: PageTable): UserRoot | null {
  const { entryTop } = sys.kernelHalf;
  if (entryTop === null || !(pageTable instanceof RadixPageTable)) return null;
  const userRoot = new UserRoot({ contents: sys.contents, frames: sys.tableFrames }, pageTable);
  userRoot.showEntryArea(entryTop);
  return userRoot;
}

/** Root that user mode walks from in an address space; NO_PFN for none. Without isolation the kernel's. */
export function userRootPfnOf(mm: Mm | null): Pfn {
  if (mm === null) return NO_PFN;
  return mm.userRoot === null ? mm.pageTable.rootPfn : mm.userRoot.rootPfn;
}

/** Forgets what a CPU has cached of an address space: of user mode by its next exit. */
export function flushAsid({ mmu, isolation }: Cpu, asid: Asid): void {
  if (isolation === null) mmu.flushPcid(asid);
  else isolation.flushPcid(asid);
}

/** As flushAsid(), of user mode at once: the CPU is not interrupted and may be there. */
export function flushAsidNow({ mmu, isolation }: Cpu, asid: Asid): void {
  if (isolation === null) mmu.flushPcid(asid);
  else isolation.flushBothPcids(asid);
}

/** Forgets pages of an address space. */
export function flushAsidRange({ mmu, isolation }: Cpu, vpn: Vpn, nrPages: number, asid: Asid): void {
  if (isolation === null) mmu.flushRange(vpn, nrPages, asid);
  else isolation.flushRange(vpn, nrPages, asid);
}

/**
 * Address space whose translations a CPU may use under a PCID, the kernel's or user mode's; INIT_MM for none: what the PCID
 * tags is flushed before anybody runs with it.
 */
export function userOfPcid(sys: System, { id, isolation }: Cpu, pcid: Asid): MmId {
  if (isolation === null) return sys.asids.userOf(id, pcid);
  const kernelPcid = isolation.kernelPcid(pcid);
  if (isolation.isUserPcid(pcid) && isolation.isUserStale(kernelPcid)) return INIT_MM;
  return sys.asids.userOf(id, kernelPcid);
}

/** Root and PCID that a CPU's MMU should have now. */
export function expectedCr3(sys: System, { id, isolation, loadedMm }: Cpu): { rootPfn: Pfn; pcid: Asid } {
  const asid = sys.asids.loadedAsid(id);
  if (isolation === null || isolation.isInKernel) return { rootPfn: rootPfnOf(sys, loadedMm), pcid: asid };
  return { rootPfn: userRootPfnOf(loadedMm), pcid: isolation.userPcid(asid) };
}
