/**
 * Taking pages out of an address space: munmap, exit, the reaper of killed tasks. And what else an address space asks
 * of its pages: other rights, tables freed, memory for VMAs.
 * Source: Linux 6.18 mm/memory.c, zap_pte_range(), free_pgtables(); mm/mprotect.c, change_pte_range().
 */
import {
  type AddressSpaceHost,
  type MmId,
  type Paddr,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PG_DIRTY,
  PG_SWAPCACHE,
  PTE_D,
  PTE_RW,
  PTE_SPECIAL,
  pteIsPresent,
  leafPfn,
  modifyHi,
  modifyLo,
  PT_LEVEL_PTE,
  pteToSwapEntry,
  VM_SHARED,
  VM_WRITE,
  type Vpn,
} from "@pageframe/contracts";
import { movePages } from "./move-pages.ts";
import { freeShmem } from "./file-pages.ts";
import { putUserPage, removeRmap, vmFlagsToPteHi, vmFlagsToPteLo } from "./pages.ts";
import { freeSwapEntry, freeSwapOfPage } from "./swap-pages.ts";
import { type System } from "./system.ts";
import { type Mm } from "./task.ts";
import { flushTlbRange } from "./tlb-flush.ts";

/** Empties every entry of [startVpn, endVpn) and drops what it held (zap_page_range). O(populated). */
export function zapPages(sys: System, mm: Mm, startVpn: Vpn, endVpn: Vpn): void {
  const cpu = currentCpu(sys, mm);
  // Pages in LRU batches are held by them: drain first, so that pages of the range are really freed (lru_add_drain).
  sys.lru.drain(cpu);
  const { cursor } = mm;
  let hasFlushed = false;
  cursor.reset(startVpn, endVpn);
  while (cursor.next()) {
    if (!hasFlushed) {
      // Entries are dropped before their frames can be used again; nothing refills them while the kernel works.
      flushTlbRange(sys, mm, startVpn, endVpn);
      hasFlushed = true;
    }
    const { vpn, lo, hi } = cursor;
    cursor.clear();
    if (pteIsPresent(lo)) {
      if ((lo & PTE_SPECIAL) !== 0) continue;
      const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
      if ((lo & PTE_D) !== 0 && (sys.memmap.flags[pfn] & PG_ANON) === 0) sys.memmap.setFlags(pfn, PG_DIRTY);
      removeRmap(sys, mm, vpn, pfn);
      if ((sys.memmap.flags[pfn] & PG_SWAPCACHE) !== 0 && sys.memmap.mapcount[pfn] === 0)
        freeSwapOfPage(sys, pfn);
      putUserPage(sys, pfn, cpu);
    } else {
      freeSwapEntry(sys, pteToSwapEntry(lo, hi), cpu);
      mm.nrSwapEntries--;
    }
  }
}

/** CPU in whose name pages of an address space are freed: the first that has it loaded, else CPU 0. */
function currentCpu(sys: System, mm: Mm): number {
  for (const cpu of sys.cpus) if (cpu.current?.mm === mm) return cpu.id;
  return 0;
}

/** Connects address spaces to pages. */
export class PagesOfAddressSpaces implements AddressSpaceHost {
  private readonly sys: System;

  constructor(sys: System) {
    this.sys = sys;
  }

  unmapPages(mm: MmId, startVpn: Vpn, endVpn: Vpn): void {
    zapPages(this.sys, this.sys.mmOf(mm), startVpn, endVpn);
  }

  freePageTables(mm: MmId, startVpn: Vpn, endVpn: Vpn, floorVpn: Vpn, ceilingVpn: Vpn): void {
    const { sys } = this;
    const target = sys.mmOf(mm);
    const before = target.nrTablePages;
    target.pageTable.freeTables(startVpn, endVpn, floorVpn, ceilingVpn);
    // Walkers cache pointers to tables: they go with the tables (tlb_flush with freed_tables).
    if (target.nrTablePages !== before) {
      for (const cpu of sys.cpus) if (target.mayBeOnCpu(cpu.id)) cpu.mmu.flushPcid(target.pcid);
    }
  }

  /**
   * Gives present entries the rights of `vmFlags`, keeping accessed, dirty and soft-dirty. A private page becomes
   * writable here only if the mapping owns it and it was written before (can_change_pte_writable).
   */
  changeProtection(mm: MmId, startVpn: Vpn, endVpn: Vpn, vmFlags: number): void {
    const { sys } = this;
    const target = sys.mmOf(mm);
    const { cursor } = target;
    const protLo = vmFlagsToPteLo(vmFlags) & ~PTE_RW;
    const protHi = vmFlagsToPteHi(vmFlags);
    const mayWrite = (vmFlags & VM_WRITE) !== 0;
    cursor.reset(startVpn, endVpn);
    while (cursor.next()) {
      const { lo, hi } = cursor;
      if (!pteIsPresent(lo)) continue;
      let newLo = modifyLo(lo, hi, PT_LEVEL_PTE, protLo, protHi);
      if (mayWrite && (lo & PTE_D) !== 0 && (lo & PTE_SPECIAL) === 0) {
        const isOwn =
          (vmFlags & VM_SHARED) !== 0 ||
          sys.memmap.hasFlags(leafPfn(lo, hi, PT_LEVEL_PTE), PG_ANON_EXCLUSIVE);
        if (isOwn) newLo |= PTE_RW;
      }
      cursor.set(newLo, modifyHi(lo, hi, PT_LEVEL_PTE, protLo, protHi));
    }
    flushTlbRange(sys, target, startVpn, endVpn);
  }

  movePages(mm: MmId, fromVpn: Vpn, toVpn: Vpn, nrPages: number): number {
    return movePages(this.sys, this.sys.mmOf(mm), fromVpn, toVpn, nrPages);
  }

  getFile(fileId: number): void {
    this.sys.files.all[fileId].nrMappings++;
  }

  putFile(fileId: number): void {
    const file = this.sys.files.all[fileId];
    if (--file.nrMappings === 0 && file.isShmem) freeShmem(this.sys, file);
  }

  allocVmaObject(): Paddr {
    return this.sys.allocObject(this.sys.caches.vma, this.sys.currentCpu);
  }

  freeVmaObject(address: Paddr): void {
    this.sys.slab.freeObject(this.sys.caches.vma, address, this.sys.currentCpu);
  }
}
