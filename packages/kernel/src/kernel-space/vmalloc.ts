/**
 * vmalloc: memory of the kernel that is contiguous in addresses, not in frames. Cold.
 *
 * Areas lie from VMALLOC_START up, each with a guard page behind it, at the lowest address that fits. A freed area's frames
 * go at once; its addresses stay taken, and its translations in TLBs, until so many are waiting that one flush for all is
 * due (lazy purge).
 *
 *     areas     taken ranges of pages, ascending: in use, or waiting for the purge (`pfns` null)
 *
 * Source: Linux 6.18 mm/vmalloc.c, __vmalloc_node_range(), alloc_vmap_area(), free_vmap_area_noflush(), lazy_max_pages(),
 * __purge_vmap_area_lazy(); arch/x86/mm/tlb.c, flush_tlb_kernel_range().
 * Differs: the area is one top entry of the page table, 512 GiB or 256 TiB, not 32 TiB or 12.5 PiB; found by a scan, not in a
 * tree; no huge mappings, per-CPU blocks (vmap_block) and pools of freed areas (vmap_node).
 */
import {
  bug,
  type CpuId,
  EINVAL,
  type FrameAllocator,
  GFP_KERNEL,
  KernelError,
  NO_PFN,
  NUMA_NO_NODE,
  type ObjectAllocator,
  PAGE_SIZE,
  PAGES_PER_LEVEL,
  pagesOfBytes,
  type Paddr,
  type Pfn,
  PT_LEVEL_PTE,
  PTE_HI_NX,
  type Vaddr,
  type Vpn,
  vpnOfAddress,
} from "@pageframe/contracts";
import { type FrameContents, type Memmap } from "@pageframe/memmap";
import { type KernelHalf, PTE_KERNEL_LO } from "@pageframe/pagetable";
import { flushKernelRange, type TranslatingCpu } from "../tlb/flush-kernel-range.ts";

/** Pages between areas. */
const GUARD_PAGES = 1;
/** 32 MiB of addresses for each doubling of CPUs may wait for the purge. */
const LAZY_PAGES_PER_LOG: number = (32 * 1024 * 1024) / PAGE_SIZE;
/** Pages above which a range is flushed whole (tlb_single_page_flush_ceiling). */
const TLB_SINGLE_PAGE_FLUSH_CEILING = 33;
/** What vmalloc gives when it cannot. */
const NULL_ADDRESS = 0;

/** A range of addresses (vmap_area). */
interface VmapArea {
  readonly startVpn: Vpn;
  /** With the guard page. */
  readonly nrPages: number;
  /** Frames behind it in order; null when it waits for the purge. */
  pfns: readonly Pfn[] | null;
  /** Slab object of the area. */
  readonly objectAddress: Paddr;
}

/** The machine, as far as vmalloc needs it. */
export interface VmallocMachine {
  readonly kernelHalf: KernelHalf;
  readonly frames: FrameAllocator;
  readonly slab: ObjectAllocator;
  readonly caches: { readonly vmapArea: number };
  readonly contents: FrameContents;
  readonly memmap: Memmap;
  readonly cpus: readonly TranslatingCpu[];
  readonly currentCpu: CpuId;
  allocObject(cache: number, cpu: CpuId): Paddr;
}

/** The vmalloc area of a machine. */
export class Vmalloc {
  /** Pages in use: nr_vmalloc_pages, VmallocUsed of /proc/meminfo. */
  nrPages = 0;
  /** Pages of addresses that wait for the purge (vmap_lazy_nr), and purges so far. */
  nrLazyPages = 0;
  nrPurges = 0;
  readonly startVpn: Vpn;
  readonly endVpn: Vpn;
  private areas: VmapArea[] = [];
  private readonly sys: VmallocMachine;

  constructor(sys: VmallocMachine) {
    this.sys = sys;
    const { layout } = sys.kernelHalf;
    this.startVpn = layout.vmallocVpn;
    this.endVpn = layout.vmallocVpn + PAGES_PER_LEVEL[layout.nrLevels];
  }

  /** Pages of addresses that may wait before a purge (lazy_max_pages). */
  get maxLazyPages(): number {
    return (32 - Math.clz32(this.sys.cpus.length)) * LAZY_PAGES_PER_LOG;
  }

  /** Allocates whole pages for `nrBytes`. Returns the address, or 0 (NULL) when there is no memory or nothing was asked. */
  alloc(nrBytes: number): Vaddr {
    const { sys } = this;
    const nrPages = pagesOfBytes(nrBytes);
    if (!(nrPages > 0) || nrPages > sys.memmap.nrFrames) return NULL_ADDRESS;
    const objectAddress = sys.allocObject(sys.caches.vmapArea, sys.currentCpu);
    if (objectAddress < 0) return NULL_ADDRESS;
    const startVpn = this.findFree(nrPages + GUARD_PAGES);
    const pfns = startVpn < 0 ? null : this.mapPages(startVpn, nrPages);
    if (pfns === null) {
      sys.slab.freeObject(sys.caches.vmapArea, objectAddress, sys.currentCpu);
      return NULL_ADDRESS;
    }
    const area: VmapArea = { startVpn, nrPages: nrPages + GUARD_PAGES, pfns, objectAddress };
    this.areas.splice(this.indexAfter(startVpn), 0, area);
    this.nrPages += nrPages;
    return startVpn * PAGE_SIZE;
  }

  /** Frees what alloc() gave; 0 is ignored. Throws EINVAL for another address. */
  free(address: Vaddr): void {
    if (address === NULL_ADDRESS) return;
    const startVpn = vpnOfAddress(address);
    const area = this.areas.find((candidate) => candidate.startVpn === startVpn);
    const pfns = area?.pfns ?? null;
    if (area === undefined || pfns === null || address % PAGE_SIZE !== 0) {
      throw new KernelError(
        EINVAL,
        `vfree of 0x${address.toString(16)}, where no area in use starts; the address that vmalloc gave would work`,
      );
    }
    area.pfns = null;
    this.unmapPages(startVpn, pfns);
    this.nrPages -= pfns.length;
    this.nrLazyPages += area.nrPages;
    if (this.nrLazyPages > this.maxLazyPages) this.purge();
  }

  /** Flushes the translations of freed areas everywhere and gives their addresses back. */
  purge(): void {
    const lazy = this.areas.filter(({ pfns }) => pfns === null);
    if (lazy.length === 0) return;
    const last = lazy[lazy.length - 1];
    this.flush(lazy[0].startVpn, last.startVpn + last.nrPages);
    this.areas = this.areas.filter(({ pfns }) => pfns !== null);
    const { slab, caches, currentCpu } = this.sys;
    for (const { objectAddress } of lazy) slab.freeObject(caches.vmapArea, objectAddress, currentCpu);
    this.nrLazyPages = 0;
    this.nrPurges++;
  }

  /** Calls the visitor with every frame in use. */
  forEachPfn(visit: (pfn: Pfn) => void): void {
    for (const { pfns } of this.areas) pfns?.forEach((pfn) => visit(pfn));
  }

  /** Checks order, guard pages, counts and entries; calls bug() at the first that is wrong. */
  checkInvariants(): void {
    const { pageTable } = this.sys.kernelHalf;
    let endVpn = this.startVpn;
    let nrPages = 0;
    let nrLazyPages = 0;
    for (const area of this.areas) {
      if (area.startVpn < endVpn) bug(`vmalloc areas overlap at vpn 0x${area.startVpn.toString(16)}`);
      endVpn = area.startVpn + area.nrPages;
      nrPages += area.pfns?.length ?? 0;
      if (area.pfns === null) nrLazyPages += area.nrPages;
      // What is mapped is what is in use: nothing of a freed area, and never the guard page.
      const nrMapped = area.pfns?.length ?? 0;
      const nextVpn = pageTable.nextPopulated(area.startVpn + nrMapped, endVpn);
      if (nextVpn < endVpn) bug(`vmalloc vpn 0x${nextVpn.toString(16)} is mapped and belongs to no area`);
    }
    if (nrPages !== this.nrPages || nrLazyPages !== this.nrLazyPages) {
      bug(
        `vmalloc holds ${nrPages} pages and ${nrLazyPages} wait; it counts ${this.nrPages}, ${this.nrLazyPages}`,
      );
    }
  }

  /** Lowest page with so many free ones from it on; purges once when there is none. -1 when that does not help. */
  private findFree(nrPages: number): Vpn {
    for (let attempt = 0; attempt < 2; attempt++) {
      let vpn = this.startVpn;
      for (const area of this.areas) {
        if (area.startVpn - vpn >= nrPages) return vpn;
        vpn = area.startVpn + area.nrPages;
      }
      if (this.endVpn - vpn >= nrPages) return vpn;
      this.purge();
    }
    return -1;
  }

  private indexAfter(vpn: Vpn): number {
    const index = this.areas.findIndex(({ startVpn }) => startVpn > vpn);
    return index < 0 ? this.areas.length : index;
  }

  /** Takes frames and maps them; null with nothing left behind when there are not enough. */
  private mapPages(startVpn: Vpn, nrPages: number): Pfn[] | null {
    const { sys } = this;
    const pfns: Pfn[] = [];
    for (let page = 0; page < nrPages; page++) {
      const pfn = sys.frames.allocPages(GFP_KERNEL, 0, sys.currentCpu, NUMA_NO_NODE);
      if (pfn === NO_PFN) break;
      const error = sys.kernelHalf.pageTable.map(
        startVpn + page,
        PT_LEVEL_PTE,
        pfn,
        PTE_KERNEL_LO & sys.kernelHalf.defaultPteMask,
        PTE_HI_NX,
      );
      if (error < 0) {
        sys.frames.freePages(pfn, 0, sys.currentCpu);
        break;
      }
      pfns.push(pfn);
    }
    if (pfns.length === nrPages) return pfns;
    this.unmapPages(startVpn, pfns);
    return null;
  }

  private unmapPages(startVpn: Vpn, pfns: readonly Pfn[]): void {
    const { sys } = this;
    for (let page = 0; page < pfns.length; page++) {
      sys.kernelHalf.pageTable.unmap(startVpn + page);
      sys.contents.zeroPage(pfns[page]);
      sys.frames.freePages(pfns[page], 0, sys.currentCpu);
    }
  }

  /** Drops translations of [vpn, endVpn) from every TLB (flush_tlb_kernel_range). */
  private flush(vpn: Vpn, endVpn: Vpn): void {
    for (const cpu of this.sys.cpus) {
      if (endVpn - vpn > TLB_SINGLE_PAGE_FLUSH_CEILING) cpu.mmu.flushAll(true);
      else flushKernelRange(cpu, vpn, endVpn - vpn);
    }
  }
}
