/**
 * Files of /proc about the whole machine: meminfo, vmstat, buddyinfo, swaps. Cold: computed when they are read.
 */
import {
  NODE_STAT_NAMES,
  NR_ACTIVE_FILE,
  NR_INACTIVE_FILE,
  NR_KERNEL_MISC_RECLAIMABLE,
  NR_PAGE_ORDERS,
  NR_SLAB_RECLAIMABLE,
  NUMA_STAT_NAMES,
  PAGE_SIZE,
  PAGES_PER_LEVEL,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PT_LEVEL_PUD,
  VM_EVENT_NAMES,
  VMSTAT_COMPUTED_NAMES,
  WMARK_LOW,
  ZONE_STAT_NAMES,
} from "@pageframe/contracts";
import { STRUCT_PAGE_BYTES } from "@pageframe/memmap";
import {
  formatBuddyinfo,
  formatSwaps,
  formatVmstat,
  type MeminfoSource,
  siMemAvailable,
  VMALLOC_TOTAL_KIB,
  VMALLOC_TOTAL_KIB_5_LEVELS,
} from "@pageframe/procfs";
import { type System } from "../system.ts";
import { globalDirtyLimits } from "../writeback/dirty-limits.ts";

const KIB = 1024;

/** Pages that programs can take without swapping: MemAvailable. Below zero when reserves are not even covered. */
export function availablePages(sys: System): number {
  const { frames } = sys;
  const freePages = frames.nrFreePages();
  const totalReservePages = frames.totalReservePages();
  if (freePages < totalReservePages) return freePages - totalReservePages;
  return siMemAvailable({
    freePages,
    totalReservePages,
    wmarkLowPages: wmarkLowPages(sys),
    fileLruPages: sys.vmstat.globalNode(NR_ACTIVE_FILE) + sys.vmstat.globalNode(NR_INACTIVE_FILE),
    reclaimablePages:
      sys.vmstat.globalNode(NR_SLAB_RECLAIMABLE) + sys.vmstat.globalNode(NR_KERNEL_MISC_RECLAIMABLE),
  });
}

/** /proc/vmstat as numbers by name. */
export function vmstatCounters(sys: System): Record<string, number> {
  const { vmstat } = sys;
  const counters: Record<string, number> = {};
  ZONE_STAT_NAMES.forEach((name, item) => (counters[name] = vmstat.globalZone(item)));
  NUMA_STAT_NAMES.forEach((name, item) => (counters[name] = vmstat.globalNuma(item)));
  NODE_STAT_NAMES.forEach((name, item) => (counters[name] = vmstat.globalNode(item)));
  const computed = computedStats(sys);
  VMSTAT_COMPUTED_NAMES.forEach((name, item) => (counters[name] = computed[item]));
  VM_EVENT_NAMES.forEach((name, event) => (counters[name] = vmstat.events[event]));
  return counters;
}

/** /proc/vmstat. */
export function vmstatText(sys: System): string {
  return formatVmstat({ counters: sys.vmstat, computed: computedStats(sys) });
}

/** What /proc/meminfo is made from. */
export function meminfoSource(sys: System): MeminfoSource {
  const { swap, vmCommit, kernelHalf } = sys;
  const { layout, nrDirectMapLeaves } = kernelHalf;
  const directMapKib = (level: number): number =>
    (nrDirectMapLeaves[level] * PAGES_PER_LEVEL[level] * PAGE_SIZE) / KIB;
  return {
    counters: sys.vmstat,
    totalRamPages: totalRamPages(sys),
    totalReservePages: sys.frames.totalReservePages(),
    wmarkLowPages: wmarkLowPages(sys),
    bufferPages: sys.disks.reduce((sum, disk) => sum + disk.inode.pages.nrPages, 0),
    totalSwapPages: swap.nrTotalSlots,
    freeSwapPages: swap.nrFreeSlots,
    commitLimitPages: vmCommit.commitLimitPages,
    committedPages: vmCommit.committedPages,
    vmallocTotalKib: layout.nrLevels === 5 ? VMALLOC_TOTAL_KIB_5_LEVELS : VMALLOC_TOTAL_KIB,
    vmallocUsedPages: sys.vmalloc.nrPages,
    percpuPages: 0,
    hardwareCorruptedPages: 0,
    hugePagesTotal: 0,
    hugePagesFree: 0,
    hugePagesReserved: 0,
    hugePagesSurplus: 0,
    directMap4kKib: directMapKib(PT_LEVEL_PTE),
    directMap2mKib: directMapKib(PT_LEVEL_PMD),
    directMap1gKib: directMapKib(PT_LEVEL_PUD),
  };
}

/** /proc/buddyinfo. */
export function buddyinfoText(sys: System): string {
  return formatBuddyinfo(
    sys.frames.zones
      .filter((zone) => zone.presentPages > 0)
      .map((zone) => ({
        nodeId: zone.nodeId,
        name: zone.name,
        nrFree: Array.from({ length: NR_PAGE_ORDERS }, (_, order) => zone.nrFreeBlocks(order)),
      })),
  );
}

/** /proc/swaps. */
export function swapsText(sys: System): string {
  return formatSwaps(
    sys.swap.views().map(({ name, kind, sizePages, usedPages, priority }) => ({
      path: name,
      isPartition: kind === "partition",
      nrPages: sizePages,
      nrUsedPages: usedPages,
      priority,
    })),
  );
}

/** RAM that the allocator manages: MemTotal. */
function totalRamPages(sys: System): number {
  return sys.frames.zones.reduce((sum, zone) => sum + zone.managedPages, 0);
}

function wmarkLowPages(sys: System): number {
  return sys.frames.zones.reduce((sum, zone) => sum + zone.watermarks[WMARK_LOW], 0);
}

/** In the order of VMSTAT_COMPUTED_NAMES; the memmap came with boot. */
function computedStats(sys: System): number[] {
  const { thresh, bgThresh } = globalDirtyLimits(sys);
  return [thresh, bgThresh, 0, Math.ceil((sys.memmap.nrFrames * STRUCT_PAGE_BYTES) / PAGE_SIZE)];
}
