/** What this package reads counters from. */
import {
  NR_ANON_TRANSPARENT_HUGEPAGES,
  NR_FILE_HUGEPAGES,
  NR_FILE_PMDMAPPED,
  NR_SHMEM_HUGEPAGES,
  NR_SHMEM_PMDMAPPED,
} from "@pageframe/contracts";

/** Counters of a whole machine, by the indices of contracts' counters.ts. `VmStat` of memmap is one. */
export interface MachineCounters {
  globalZone(item: number): number;
  globalNuma(item: number): number;
  globalNode(item: number): number;
  /** By VM_EVENT_NAMES. */
  readonly events: ArrayLike<number>;
}

const HPAGE_PMD_NR = 512;

/**
 * Value of a node counter as vmstat and zoneinfo print it: counters of huge pages are kept in pages and printed in
 * huge pages. Source: Linux 6.18 include/linux/mmzone.h, vmstat_item_print_in_thp().
 */
export function printedNodeStat(item: number, nrPages: number): number {
  switch (item) {
    case NR_ANON_TRANSPARENT_HUGEPAGES:
    case NR_FILE_HUGEPAGES:
    case NR_SHMEM_HUGEPAGES:
    case NR_SHMEM_PMDMAPPED:
    case NR_FILE_PMDMAPPED:
      return Math.floor(nrPages / HPAGE_PMD_NR);
    default:
      return nrPages;
  }
}
