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
import { kibLine, padded } from "./text.ts";

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

/** Lines that are no amounts of memory: they count huge pages. */
const HUGE_PAGE_COUNTS: readonly string[] = [
  "HugePages_Total",
  "HugePages_Free",
  "HugePages_Rsvd",
  "HugePages_Surp",
];
/** Line whose name is too long for the column, and takes it from the digits. */
const HARDWARE_CORRUPTED = "HardwareCorrupted";

/** Writes /proc/meminfo. */
export function formatMeminfo(source: MeminfoSource): string {
  return meminfoFields(source)
    .map(([name, value]) => {
      if (HUGE_PAGE_COUNTS.includes(name)) return `${`${name}:`.padEnd(19)}${padded(value, 5)}\n`;
      if (name === HARDWARE_CORRUPTED) return `${name}: ${padded(value, 5)} kB\n`;
      return kibLine(name, value);
    })
    .join("");
}

/** Collects the numbers of /proc/meminfo in the order of its lines: in KiB, but for HugePages_*. */
export function meminfoFields(source: MeminfoSource): (readonly [name: string, value: number])[] {
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
  return [
    ["MemTotal", kibOfPages(source.totalRamPages)],
    ["MemFree", kibOfPages(freePages)],
    ["MemAvailable", kibOfPages(available)],
    ["Buffers", kibOfPages(source.bufferPages)],
    ["Cached", kibOfPages(Math.max(0, node(NR_FILE_PAGES) - swapCached - source.bufferPages))],
    ["SwapCached", kibOfPages(swapCached)],
    ["Active", kibOfPages(activeAnon + activeFile)],
    ["Inactive", kibOfPages(inactiveAnon + inactiveFile)],
    ["Active(anon)", kibOfPages(activeAnon)],
    ["Inactive(anon)", kibOfPages(inactiveAnon)],
    ["Active(file)", kibOfPages(activeFile)],
    ["Inactive(file)", kibOfPages(inactiveFile)],
    ["Unevictable", kibOfPages(node(NR_UNEVICTABLE))],
    ["Mlocked", kibOfPages(counters.globalZone(NR_MLOCK))],
    ["SwapTotal", kibOfPages(source.totalSwapPages)],
    ["SwapFree", kibOfPages(source.freeSwapPages)],
    ["Dirty", kibOfPages(node(NR_DIRTY))],
    ["Writeback", kibOfPages(node(NR_WRITEBACK))],
    ["AnonPages", kibOfPages(node(NR_ANON_PAGES))],
    ["Mapped", kibOfPages(node(NR_MAPPED))],
    ["Shmem", kibOfPages(node(NR_SHMEM))],
    ["KReclaimable", kibOfPages(reclaimablePages)],
    ["Slab", kibOfPages(slabReclaimable + slabUnreclaimable)],
    ["SReclaimable", kibOfPages(slabReclaimable)],
    ["SUnreclaim", kibOfPages(slabUnreclaimable)],
    ["KernelStack", node(NR_KERNEL_STACK)],
    ["PageTables", kibOfPages(node(NR_PAGE_TABLE_PAGES))],
    ["SecPageTables", kibOfPages(node(NR_SEC_PAGE_TABLE_PAGES))],
    ["NFS_Unstable", 0],
    ["Bounce", 0],
    ["WritebackTmp", 0],
    ["CommitLimit", kibOfPages(source.commitLimitPages)],
    ["Committed_AS", kibOfPages(source.committedPages)],
    ["VmallocTotal", source.vmallocTotalKib ?? VMALLOC_TOTAL_KIB],
    ["VmallocUsed", kibOfPages(source.vmallocUsedPages)],
    ["VmallocChunk", 0],
    ["Percpu", kibOfPages(source.percpuPages)],
    [HARDWARE_CORRUPTED, kibOfPages(source.hardwareCorruptedPages)],
    ["AnonHugePages", kibOfPages(node(NR_ANON_TRANSPARENT_HUGEPAGES))],
    ["ShmemHugePages", kibOfPages(node(NR_SHMEM_HUGEPAGES))],
    ["ShmemPmdMapped", kibOfPages(node(NR_SHMEM_PMDMAPPED))],
    ["FileHugePages", kibOfPages(node(NR_FILE_HUGEPAGES))],
    ["FilePmdMapped", kibOfPages(node(NR_FILE_PMDMAPPED))],
    ["Unaccepted", kibOfPages(counters.globalZone(NR_UNACCEPTED))],
    ["Balloon", kibOfPages(node(NR_BALLOON_PAGES))],
    ["HugePages_Total", source.hugePagesTotal],
    ["HugePages_Free", source.hugePagesFree],
    ["HugePages_Rsvd", source.hugePagesReserved],
    ["HugePages_Surp", source.hugePagesSurplus],
    ["Hugepagesize", HUGEPAGE_KIB],
    ["Hugetlb", source.hugePagesTotal * HUGEPAGE_KIB],
    ["DirectMap4k", source.directMap4kKib],
    ["DirectMap2M", source.directMap2mKib],
    ...(source.directMap1gKib === undefined ? [] : [["DirectMap1G", source.directMap1gKib] as const]),
  ];
}
