export {
  formatBuddyinfo,
  formatPagetypeinfo,
  type BuddyinfoZone,
  type PagetypeinfoZone,
} from "./buddyinfo.ts";
export { type MachineCounters } from "./counters.ts";
export { formatMaps, formatMapsLine, type MapsEntry } from "./maps.ts";
export { siMemAvailable, type MemAvailableSource } from "./mem-available.ts";
export {
  VMALLOC_TOTAL_KIB,
  VMALLOC_TOTAL_KIB_5_LEVELS,
  formatMeminfo,
  meminfoFields,
  type MeminfoSource,
} from "./meminfo.ts";
export { formatNumaMaps, formatNumaMapsLine, type NumaMapsEntry } from "./numa-maps.ts";
export {
  KPF_ACTIVE,
  KPF_ANON,
  KPF_ARCH,
  KPF_ARCH_2,
  KPF_ARCH_3,
  KPF_BUDDY,
  KPF_COMPOUND_HEAD,
  KPF_COMPOUND_TAIL,
  KPF_DIRTY,
  KPF_ERROR,
  KPF_HUGE,
  KPF_HWPOISON,
  KPF_IDLE,
  KPF_KSM,
  KPF_LOCKED,
  KPF_LRU,
  KPF_MLOCKED,
  KPF_MMAP,
  KPF_NOPAGE,
  KPF_OFFLINE,
  KPF_OWNER_2,
  KPF_OWNER_PRIVATE,
  KPF_PGTABLE,
  KPF_PRIVATE,
  KPF_PRIVATE_2,
  KPF_RECLAIM,
  KPF_REFERENCED,
  KPF_RESERVED,
  KPF_SLAB,
  KPF_SOFTDIRTY,
  KPF_SWAPBACKED,
  KPF_SWAPCACHE,
  KPF_THP,
  KPF_UNCACHED,
  KPF_UNEVICTABLE,
  KPF_UPTODATE,
  KPF_WRITEBACK,
  KPF_ZERO_PAGE,
  PM_FILE_BIT,
  PM_GUARD_REGION_BIT,
  PM_MMAP_EXCLUSIVE_BIT,
  PM_PFRAME_BITS,
  PM_PRESENT_BIT,
  PM_SOFT_DIRTY_BIT,
  PM_SWAP_BIT,
  PM_SWAP_TYPE_BITS,
  PM_UFFD_WP_BIT,
} from "./page-bits.ts";
export {
  emptyMemSizeStats,
  formatSmaps,
  formatSmapsRollup,
  type MemSizeStats,
  PSS_SHIFT,
  type SmapsEntry,
  type SmapsField,
  smapsFields,
  type SmapsRollup,
  smapsRollupFields,
} from "./smaps.ts";
export { formatStat, type TaskStat } from "./stat.ts";
export {
  formatStatm,
  formatStatus,
  statmFields,
  type TaskMem,
  taskMemFields,
  type TaskStatus,
} from "./status.ts";
export { formatSwaps, type SwapsEntry } from "./swaps.ts";
export { vmFlagCodes } from "./vm-flag-codes.ts";
export { formatVmstat, type VmstatSource } from "./vmstat.ts";
export { formatZoneinfo, type ZoneinfoNode, type ZoneinfoPageset, type ZoneinfoZone } from "./zoneinfo.ts";
