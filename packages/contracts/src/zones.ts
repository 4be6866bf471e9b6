/**
 * Zones, orders, migratetypes and watermarks with Linux's values (x86-64, no CMA).
 * Source: Linux 6.18 include/linux/mmzone.h.
 */

export const ZONE_DMA = 0;
export const ZONE_DMA32 = 1;
export const ZONE_NORMAL = 2;
export const ZONE_MOVABLE = 3;
export const ZONE_DEVICE = 4;
export const MAX_NR_ZONES = 5;
/** As /proc/zoneinfo and /proc/buddyinfo print them. */
export const ZONE_NAMES: readonly string[] = ["DMA", "DMA32", "Normal", "Movable", "Device"];

/** First frame above what 24-bit and 32-bit devices reach. */
export const MAX_DMA_PFN = 4096;
export const MAX_DMA32_PFN = 1048576;

export const MAX_PAGE_ORDER = 10;
export const NR_PAGE_ORDERS = 11;
export const MAX_ORDER_NR_PAGES = 1024;
/** Orders above this are "costly": the allocator gives up on them sooner. */
export const PAGE_ALLOC_COSTLY_ORDER = 3;
/** A pageblock is one 2 MiB huge page. */
export const PAGEBLOCK_ORDER = 9;
export const PAGEBLOCK_NR_PAGES = 512;

export const MIGRATE_UNMOVABLE = 0;
export const MIGRATE_MOVABLE = 1;
export const MIGRATE_RECLAIMABLE = 2;
/** Types that per-CPU lists keep apart; equals MIGRATE_HIGHATOMIC. */
export const MIGRATE_PCPTYPES = 3;
export const MIGRATE_HIGHATOMIC = 3;
export const MIGRATE_ISOLATE = 4;
export const MIGRATE_TYPES = 5;
export const MIGRATETYPE_NAMES: readonly string[] = [
  "Unmovable",
  "Movable",
  "Reclaimable",
  "HighAtomic",
  "Isolate",
];

export const WMARK_MIN = 0;
export const WMARK_LOW = 1;
export const WMARK_HIGH = 2;
export const WMARK_PROMO = 3;

/** Most nodes a machine has here. Differs: Linux allows 1024 (NODES_SHIFT 10). */
export const MAX_NUMNODES = 16;

/** Pages that reclaim takes off a list at a time (include/linux/swap.h). */
export const SWAP_CLUSTER_MAX = 32;
/** Scan starts at 1/2^12 of a list and gets wider (include/linux/mmzone.h). */
export const DEF_PRIORITY = 12;

/** Lists of a lruvec (enum lru_list). */
export const LRU_INACTIVE_ANON = 0;
export const LRU_ACTIVE_ANON = 1;
export const LRU_INACTIVE_FILE = 2;
export const LRU_ACTIVE_FILE = 3;
export const LRU_UNEVICTABLE = 4;
export const NR_LRU_LISTS = 5;
