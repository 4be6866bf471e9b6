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
  type MeminfoSource,
} from "./meminfo.ts";
export { formatSwaps, type SwapsEntry } from "./swaps.ts";
export { formatVmstat, type VmstatSource } from "./vmstat.ts";
export { formatZoneinfo, type ZoneinfoNode, type ZoneinfoPageset, type ZoneinfoZone } from "./zoneinfo.ts";
