/** The occupants of the frame-allocator seat. */
import { MIGRATE_TYPES, PAGEBLOCK_NR_PAGES, type SeatTable } from "@pageframe/contracts";
import { BitmapCore } from "./bitmap-core.ts";
import { BuddyCore } from "./buddy-core.ts";
import { type BootableFrameAllocator, type FrameAllocatorConfig } from "./config.ts";
import { PageAllocator } from "./page-allocator.ts";
import { PCP_WORDS } from "./per-cpu-pages.ts";
import { layOutZones, type ZoneTable } from "./zone-table.ts";

/** Makes Linux's zoned buddy allocator. All RAM is reserved until releaseBootMemory() and finishBoot(). */
export function createBuddyAllocator(config: FrameAllocatorConfig): BootableFrameAllocator {
  const { memmap, vmstat } = config;
  const table = zoneTable(config);
  const boostFactor = config.watermarkBoostFactor ?? 0;
  const core = new BuddyCore(memmap, vmstat, table, isGroupedByMobility(config), boostFactor);
  return new PageAllocator("buddy", config, table, core);
}

/** Makes a first-fit allocator over a bitmap, with the same zones, watermarks and per-CPU lists around it. */
export function createBitmapAllocator(config: FrameAllocatorConfig): BootableFrameAllocator {
  const table = zoneTable(config);
  const core = new BitmapCore(config.memmap, config.vmstat, table);
  return new PageAllocator("bitmap-first-fit", config, table, core);
}

/** All frame allocators; the first is the default. */
export const frameAllocators: SeatTable<FrameAllocatorConfig, BootableFrameAllocator> = [
  {
    name: "buddy",
    describe: "Linux's zoned buddy allocator: power-of-two blocks that split and merge, grouped by mobility.",
    create: createBuddyAllocator,
  },
  {
    name: "bitmap-first-fit",
    describe: "One bit a frame, lowest address first; no grouping by mobility.",
    create: createBitmapAllocator,
  },
];

function zoneTable(config: FrameAllocatorConfig): ZoneTable {
  const { memmap, vmstat, ranges, nrCpus } = config;
  return layOutZones(memmap, ranges, vmstat.nrNodes, nrCpus * PCP_WORDS, config.trace ?? null);
}

/** Linux turns grouping off when there are too few pages for one pageblock of each type (page_group_by_mobility_disabled). */
function isGroupedByMobility(config: FrameAllocatorConfig): boolean {
  if (config.mobilityGrouping !== undefined) return config.mobilityGrouping;
  let nrPages = 0;
  for (const { startPfn, endPfn } of config.ranges) nrPages += endPfn - startPfn;
  return nrPages >= PAGEBLOCK_NR_PAGES * MIGRATE_TYPES;
}
