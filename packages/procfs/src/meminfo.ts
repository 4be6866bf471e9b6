/**
 * /proc/meminfo. Source: Linux 6.18 fs/proc/meminfo.c, meminfo_proc_show(); mm/hugetlb.c, hugetlb_report_meminfo();
 * arch/x86/mm/pat/set_memory.c, arch_report_meminfo().
 * Differs: no zswap, CMA, shadow call stack and memtest lines, as in a kernel without them.
 */
import {
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_ANON_PAGES,
  NR_ANON_TRANSPARENT_HUGEPAGES,
  NR_BALLOON_PAGES,
  NR_DIRTY,
  NR_FILE_HUGEPAGES,
  NR_FILE_PAGES,
  NR_FILE_PMDMAPPED,
  NR_FREE_PAGES,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_KERNEL_MISC_RECLAIMABLE,
  NR_KERNEL_STACK,
  NR_MAPPED,
  NR_MLOCK,
  NR_PAGE_TABLE_PAGES,
  NR_SEC_PAGE_TABLE_PAGES,
  NR_SHMEM,
  NR_SHMEM_HUGEPAGES,
  NR_SHMEM_PMDMAPPED,
  NR_SLAB_RECLAIMABLE,
  NR_SLAB_UNRECLAIMABLE,
  NR_SWAPCACHED,
  NR_UNACCEPTED,
  NR_UNEVICTABLE,
  NR_WRITEBACK,
  kibOfPages,
} from "@pageframe/contracts";
import { type MachineCounters } from "./counters.ts";
import { siMemAvailable } from "./mem-available.ts";
import { kibLine, padded, pagesLine } from "./text.ts";

/** Size of the vmalloc area with four-level page tables, in KiB (VMALLOC_TOTAL >> 10). */
export const VMALLOC_TOTAL_KIB = 34359738367;

/** The same with five levels: 12.5 PiB. */
export const VMALLOC_TOTAL_KIB_5_LEVELS = 13743895347199;

/** What /proc/meminfo shows beside the counters; in pages unless the name says otherwise. */
export interface MeminfoSource {
  readonly counters: MachineCounters;
  /** totalram_pages(). */
  readonly totalRamPages: number;
  readonly totalReservePages: number;
  /** Sum of the low watermarks of all zones. */
  readonly wmarkLowPages: number;
  /** Page cache of block devices. */
  readonly bufferPages: number;
  readonly totalSwapPages: number;
  readonly freeSwapPages: number;
  readonly commitLimitPages: number;
  readonly committedPages: number;
  /** Size of the vmalloc area in KiB; that of four levels when absent. */
  readonly vmallocTotalKib?: number;
  readonly vmallocUsedPages: number;
  readonly percpuPages: number;
  readonly hardwareCorruptedPages: number;
  /** The default pool of 2 MiB pages, in huge pages. */
  readonly hugePagesTotal: number;
  readonly hugePagesFree: number;
  readonly hugePagesReserved: number;
  readonly hugePagesSurplus: number;
  /** How the direct map is mapped. The 1 GiB line is there when the processor has such pages (not undefined). */
  readonly directMap4kKib: number;
  readonly directMap2mKib: number;
  readonly directMap1gKib?: number | undefined;
}

const HUGEPAGE_KIB = 2048;

/** Writes /proc/meminfo. */
export function formatMeminfo(source: MeminfoSource): string {
  const { counters } = source;
  const node = (item: number): number => counters.globalNode(item);
  const freePages = counters.globalZone(NR_FREE_PAGES);
  const swapCached = node(NR_SWAPCACHED);
  const activeAnon = node(NR_ACTIVE_ANON);
  const inactiveAnon = node(NR_INACTIVE_ANON);
  const activeFile = node(NR_ACTIVE_FILE);
  const inactiveFile = node(NR_INACTIVE_FILE);
  const slabReclaimable = node(NR_SLAB_RECLAIMABLE);
  const slabUnreclaimable = node(NR_SLAB_UNRECLAIMABLE);
  const reclaimablePages = slabReclaimable + node(NR_KERNEL_MISC_RECLAIMABLE);
  const available = siMemAvailable({
    freePages,
    totalReservePages: source.totalReservePages,
    wmarkLowPages: source.wmarkLowPages,
    fileLruPages: activeFile + inactiveFile,
    reclaimablePages,
  });
  return (
    pagesLine("MemTotal", source.totalRamPages) +
    pagesLine("MemFree", freePages) +
    pagesLine("MemAvailable", available) +
    pagesLine("Buffers", source.bufferPages) +
    pagesLine("Cached", Math.max(0, node(NR_FILE_PAGES) - swapCached - source.bufferPages)) +
    pagesLine("SwapCached", swapCached) +
    pagesLine("Active", activeAnon + activeFile) +
    pagesLine("Inactive", inactiveAnon + inactiveFile) +
    pagesLine("Active(anon)", activeAnon) +
    pagesLine("Inactive(anon)", inactiveAnon) +
    pagesLine("Active(file)", activeFile) +
    pagesLine("Inactive(file)", inactiveFile) +
    pagesLine("Unevictable", node(NR_UNEVICTABLE)) +
    pagesLine("Mlocked", counters.globalZone(NR_MLOCK)) +
    pagesLine("SwapTotal", source.totalSwapPages) +
    pagesLine("SwapFree", source.freeSwapPages) +
    pagesLine("Dirty", node(NR_DIRTY)) +
    pagesLine("Writeback", node(NR_WRITEBACK)) +
    pagesLine("AnonPages", node(NR_ANON_PAGES)) +
    pagesLine("Mapped", node(NR_MAPPED)) +
    pagesLine("Shmem", node(NR_SHMEM)) +
    pagesLine("KReclaimable", reclaimablePages) +
    pagesLine("Slab", slabReclaimable + slabUnreclaimable) +
    pagesLine("SReclaimable", slabReclaimable) +
    pagesLine("SUnreclaim", slabUnreclaimable) +
    kibLine("KernelStack", node(NR_KERNEL_STACK)) +
    pagesLine("PageTables", node(NR_PAGE_TABLE_PAGES)) +
    pagesLine("SecPageTables", node(NR_SEC_PAGE_TABLE_PAGES)) +
    kibLine("NFS_Unstable", 0) +
    kibLine("Bounce", 0) +
    kibLine("WritebackTmp", 0) +
    pagesLine("CommitLimit", source.commitLimitPages) +
    pagesLine("Committed_AS", source.committedPages) +
    kibLine("VmallocTotal", source.vmallocTotalKib ?? VMALLOC_TOTAL_KIB) +
    pagesLine("VmallocUsed", source.vmallocUsedPages) +
    kibLine("VmallocChunk", 0) +
    pagesLine("Percpu", source.percpuPages) +
    `HardwareCorrupted: ${padded(kibOfPages(source.hardwareCorruptedPages), 5)} kB\n` +
    pagesLine("AnonHugePages", node(NR_ANON_TRANSPARENT_HUGEPAGES)) +
    pagesLine("ShmemHugePages", node(NR_SHMEM_HUGEPAGES)) +
    pagesLine("ShmemPmdMapped", node(NR_SHMEM_PMDMAPPED)) +
    pagesLine("FileHugePages", node(NR_FILE_HUGEPAGES)) +
    pagesLine("FilePmdMapped", node(NR_FILE_PMDMAPPED)) +
    pagesLine("Unaccepted", counters.globalZone(NR_UNACCEPTED)) +
    pagesLine("Balloon", node(NR_BALLOON_PAGES)) +
    `HugePages_Total:   ${padded(source.hugePagesTotal, 5)}\n` +
    `HugePages_Free:    ${padded(source.hugePagesFree, 5)}\n` +
    `HugePages_Rsvd:    ${padded(source.hugePagesReserved, 5)}\n` +
    `HugePages_Surp:    ${padded(source.hugePagesSurplus, 5)}\n` +
    kibLine("Hugepagesize", HUGEPAGE_KIB) +
    kibLine("Hugetlb", source.hugePagesTotal * HUGEPAGE_KIB) +
    kibLine("DirectMap4k", source.directMap4kKib) +
    kibLine("DirectMap2M", source.directMap2mKib) +
    (source.directMap1gKib === undefined ? "" : kibLine("DirectMap1G", source.directMap1gKib))
  );
}
