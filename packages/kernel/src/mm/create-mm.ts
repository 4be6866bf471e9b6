/**
 * Address spaces come and go. Source: Linux 6.18 kernel/fork.c, mm_init(), __mmput(); mm/mmap.c, exit_mmap().
 */
import {
  type CpuId,
  ENOMEM,
  findOccupant,
  KernelError,
  PAGE_SIZE,
  type PageTable,
} from "@pageframe/contracts";
import { pageTables, type UserRoot } from "@pageframe/pagetable";
import { AddressSpace, NO_FILE } from "@pageframe/vma";
import { evictInode } from "../files/shmem.ts";
import { createUserRoot } from "../tlb/kpti.ts";
import { switchMm } from "../tlb/switch-mm.ts";
import { type System } from "../system.ts";
import { tableFormat } from "../kernel-space/table-format.ts";
import { Mm } from "../task.ts";
import { TRIM_CPUMASK_NS } from "../tlb/tlb-flush.ts";

/** The kernel works on a CPU from here on: what it takes for itself comes from this CPU's lists and node. */
export function enterKernel(sys: System, cpu: CpuId): void {
  sys.currentCpu = cpu;
  sys.reclaimer.currentCpu = cpu;
  sys.vmCommit.currentCpu = cpu;
}

/** Makes an empty address space with its root table, for nobody yet. Returns it, or -ENOMEM. */
export function createMm(sys: System, cpu: CpuId): Mm | number {
  enterKernel(sys, cpu);
  let id = sys.mms.indexOf(null);
  if (id < 0) id = sys.mms.length;
  const address = sys.allocObject(sys.caches.mm, cpu);
  if (address < 0) return -ENOMEM;
  const tables = createPageTable(sys);
  if (tables === null) {
    sys.slab.freeObject(sys.caches.mm, address, cpu);
    return -ENOMEM;
  }
  const { taskSizeVpn, mmapLegacyBase } = tableFormat(sys.config.seats.pageTable);
  const space = new AddressSpace(sys.vmaPool, sys.addressSpaceHost, {
    id,
    commit: sys.vmCommit,
    maxMapCount: sys.sysctls.maxMapCount,
    taskSizeVpn,
    mmapLegacyBase,
    isThpEnabled: sys.config.transparentHugepage,
  });
  space.mmapMinVpn = Math.ceil(sys.sysctls.mmapMinAddr / PAGE_SIZE);
  const mm = new Mm(id, space, tables.pageTable, tables.userRoot, address, sys.config.cpus);
  mm.nextTrimNs = sys.time.nowNs + TRIM_CPUMASK_NS;
  sys.mms[id] = mm;
  sys.asids.addMm(id);
  return mm;
}

/** Makes a page table of the configured kind and its user root, if any; null when there is no frame for the roots. */
function createPageTable(sys: System): { pageTable: PageTable; userRoot: UserRoot | null } | null {
  let pageTable: PageTable | null = null;
  try {
    pageTable = findOccupant("page table", pageTables, sys.config.seats.pageTable).create({
      contents: sys.contents,
      frames: sys.tableFrames,
      kernelHalf: sys.kernelHalf,
    });
    return { pageTable, userRoot: createUserRoot(sys, pageTable) };
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== ENOMEM) throw error;
    pageTable?.destroy();
    return null;
  }
}

/** Frees an address space and everything in it (mmput, exit_mmap). */
export function destroyMm(sys: System, mm: Mm, cpu: CpuId): void {
  const caller = sys.currentCpu;
  enterKernel(sys, cpu);
  sys.lru.drain(cpu);
  sys.gather.begin(mm, true);
  mm.space.unmapAll();
  if (sys.gather.isOpen) sys.gather.finish();
  // Lazy CPUs were told to leave when the tables went; where there were none to free, some are left.
  for (const processor of sys.cpus) if (processor.loadedMm === mm) switchMm(sys, processor, null);
  sys.asids.removeMm(mm.id);
  mm.userRoot?.destroy();
  mm.pageTable.destroy();
  for (const address of mm.anonVmaAddresses) sys.slab.freeObject(sys.caches.anonVma, address, cpu);
  sys.slab.freeObject(sys.caches.mm, mm.objectAddress, cpu);
  if (mm.exeFileId !== NO_FILE) {
    const inode = sys.files.putProgram(mm.exeFileId);
    if (inode !== null) evictInode(sys, inode);
  }
  sys.mms[mm.id] = null;
  enterKernel(sys, caller);
}
