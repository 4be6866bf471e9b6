/** The occupants of the frame-allocator seat. */
import { type SeatTable } from "@pageframe/contracts";
import { BuddyCore } from "./buddy-core.ts";
import { type BootableFrameAllocator, type FrameAllocatorConfig } from "./config.ts";
import { isGroupedByMobility, PageAllocator } from "./page-allocator.ts";
import { PCP_WORDS } from "./per-cpu-pages.ts";
import { layOutZones } from "./zone-table.ts";

/** Makes Linux's zoned buddy allocator. All RAM is reserved until releaseBootMemory() and finishBoot(). */
export function createBuddyAllocator(config: FrameAllocatorConfig): BootableFrameAllocator {
  const { memmap, vmstat, ranges } = config;
  const table = layOutZones(memmap, ranges, vmstat.nrNodes, config.nrCpus * PCP_WORDS, config.trace ?? null);
  const core = new BuddyCore(
    memmap,
    vmstat,
    table,
    isGroupedByMobility(config),
    config.watermarkBoostFactor ?? 0,
  );
  return new PageAllocator("buddy", config, table, core);
}

/** All frame allocators; the first is the default. */
export const frameAllocators: SeatTable<FrameAllocatorConfig, BootableFrameAllocator> = [
  { name: "buddy", describe: "Linux's zoned buddy allocator.", create: createBuddyAllocator },
];
