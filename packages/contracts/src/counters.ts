/**
 * Counters under the names of /proc/vmstat, in its order (a kernel with swap, NUMA, THP, hugetlb, KSM and balloon).
 * A counter is an index into an array; the arrays live in the memmap package (VmStat). Source: Linux 6.18 mm/vmstat.c,
 * vmstat_text[]; include/linux/mmzone.h; include/linux/vm_event_item.h.
 */

/** Per-zone counters (enum zone_stat_item). */
export const ZONE_STAT_NAMES: readonly string[] = [
  "nr_free_pages",
  "nr_free_pages_blocks",
  "nr_zone_inactive_anon",
  "nr_zone_active_anon",
  "nr_zone_inactive_file",
  "nr_zone_active_file",
  "nr_zone_unevictable",
  "nr_zone_write_pending",
  "nr_mlock",
  "nr_zspages",
  "nr_free_cma",
  "nr_unaccepted",
];

export const NR_FREE_PAGES = 0;
export const NR_FREE_PAGES_BLOCKS = 1;
export const NR_ZONE_INACTIVE_ANON = 2;
export const NR_ZONE_ACTIVE_ANON = 3;
export const NR_ZONE_INACTIVE_FILE = 4;
export const NR_ZONE_ACTIVE_FILE = 5;
export const NR_ZONE_UNEVICTABLE = 6;
export const NR_ZONE_WRITE_PENDING = 7;
export const NR_MLOCK = 8;
export const NR_ZSPAGES = 9;
export const NR_FREE_CMA = 10;
export const NR_UNACCEPTED = 11;

/** Per-zone NUMA events (enum numa_stat_item). */
export const NUMA_STAT_NAMES: readonly string[] = [
  "numa_hit",
  "numa_miss",
  "numa_foreign",
  "numa_interleave",
  "numa_local",
  "numa_other",
];

export const NUMA_HIT = 0;
export const NUMA_MISS = 1;
export const NUMA_FOREIGN = 2;
export const NUMA_INTERLEAVE = 3;
export const NUMA_LOCAL = 4;
export const NUMA_OTHER = 5;

/** Per-node counters (enum node_stat_item). */
export const NODE_STAT_NAMES: readonly string[] = [
  "nr_inactive_anon",
  "nr_active_anon",
  "nr_inactive_file",
  "nr_active_file",
  "nr_unevictable",
  "nr_slab_reclaimable",
  "nr_slab_unreclaimable",
  "nr_isolated_anon",
  "nr_isolated_file",
  "workingset_nodes",
  "workingset_refault_anon",
  "workingset_refault_file",
  "workingset_activate_anon",
  "workingset_activate_file",
  "workingset_restore_anon",
  "workingset_restore_file",
  "workingset_nodereclaim",
  "nr_anon_pages",
  "nr_mapped",
  "nr_file_pages",
  "nr_dirty",
  "nr_writeback",
  "nr_shmem",
  "nr_shmem_hugepages",
  "nr_shmem_pmdmapped",
  "nr_file_hugepages",
  "nr_file_pmdmapped",
  "nr_anon_transparent_hugepages",
  "nr_vmscan_write",
  "nr_vmscan_immediate_reclaim",
  "nr_dirtied",
  "nr_written",
  "nr_throttled_written",
  "nr_kernel_misc_reclaimable",
  "nr_foll_pin_acquired",
  "nr_foll_pin_released",
  "nr_kernel_stack",
  "nr_page_table_pages",
  "nr_sec_page_table_pages",
  "nr_iommu_pages",
  "nr_swapcached",
  "pgpromote_success",
  "pgpromote_candidate",
  "pgpromote_candidate_nrl",
  "pgdemote_kswapd",
  "pgdemote_direct",
  "pgdemote_khugepaged",
  "pgdemote_proactive",
  "nr_hugetlb",
  "nr_balloon_pages",
  "nr_kernel_file_pages",
];

export const NR_INACTIVE_ANON = 0;
export const NR_ACTIVE_ANON = 1;
export const NR_INACTIVE_FILE = 2;
export const NR_ACTIVE_FILE = 3;
export const NR_UNEVICTABLE = 4;
export const NR_SLAB_RECLAIMABLE = 5;
export const NR_SLAB_UNRECLAIMABLE = 6;
export const NR_ISOLATED_ANON = 7;
export const NR_ISOLATED_FILE = 8;
export const WORKINGSET_NODES = 9;
export const WORKINGSET_REFAULT_ANON = 10;
export const WORKINGSET_REFAULT_FILE = 11;
export const WORKINGSET_ACTIVATE_ANON = 12;
export const WORKINGSET_ACTIVATE_FILE = 13;
export const WORKINGSET_RESTORE_ANON = 14;
export const WORKINGSET_RESTORE_FILE = 15;
export const WORKINGSET_NODERECLAIM = 16;
export const NR_ANON_PAGES = 17;
export const NR_MAPPED = 18;
export const NR_FILE_PAGES = 19;
export const NR_DIRTY = 20;
export const NR_WRITEBACK = 21;
export const NR_SHMEM = 22;
export const NR_SHMEM_HUGEPAGES = 23;
export const NR_SHMEM_PMDMAPPED = 24;
export const NR_FILE_HUGEPAGES = 25;
export const NR_FILE_PMDMAPPED = 26;
export const NR_ANON_TRANSPARENT_HUGEPAGES = 27;
export const NR_VMSCAN_WRITE = 28;
export const NR_VMSCAN_IMMEDIATE_RECLAIM = 29;
export const NR_DIRTIED = 30;
export const NR_WRITTEN = 31;
export const NR_THROTTLED_WRITTEN = 32;
export const NR_KERNEL_MISC_RECLAIMABLE = 33;
export const NR_FOLL_PIN_ACQUIRED = 34;
export const NR_FOLL_PIN_RELEASED = 35;
export const NR_KERNEL_STACK = 36;
export const NR_PAGE_TABLE_PAGES = 37;
export const NR_SEC_PAGE_TABLE_PAGES = 38;
export const NR_IOMMU_PAGES = 39;
export const NR_SWAPCACHED = 40;
export const PGPROMOTE_SUCCESS = 41;
export const PGPROMOTE_CANDIDATE = 42;
export const PGPROMOTE_CANDIDATE_NRL = 43;
export const PGDEMOTE_KSWAPD = 44;
export const PGDEMOTE_DIRECT = 45;
export const PGDEMOTE_KHUGEPAGED = 46;
export const PGDEMOTE_PROACTIVE = 47;
export const NR_HUGETLB = 48;
export const NR_BALLOON_PAGES = 49;
export const NR_KERNEL_FILE_PAGES = 50;

/** Values that /proc/vmstat computes when it is read. */
export const VMSTAT_COMPUTED_NAMES: readonly string[] = [
  "nr_dirty_threshold",
  "nr_dirty_background_threshold",
  "nr_memmap_pages",
  "nr_memmap_boot_pages",
];

export const NR_DIRTY_THRESHOLD = 0;
export const NR_DIRTY_BACKGROUND_THRESHOLD = 1;
export const NR_MEMMAP_PAGES = 2;
export const NR_MEMMAP_BOOT_PAGES = 3;

/** Events (enum vm_event_item), since boot. */
export const VM_EVENT_NAMES: readonly string[] = [
  "pgpgin",
  "pgpgout",
  "pswpin",
  "pswpout",
  "pgalloc_dma",
  "pgalloc_dma32",
  "pgalloc_normal",
  "pgalloc_movable",
  "pgalloc_device",
  "allocstall_dma",
  "allocstall_dma32",
  "allocstall_normal",
  "allocstall_movable",
  "allocstall_device",
  "pgskip_dma",
  "pgskip_dma32",
  "pgskip_normal",
  "pgskip_movable",
  "pgskip_device",
  "pgfree",
  "pgactivate",
  "pgdeactivate",
  "pglazyfree",
  "pgfault",
  "pgmajfault",
  "pglazyfreed",
  "pgrefill",
  "pgreuse",
  "pgsteal_kswapd",
  "pgsteal_direct",
  "pgsteal_khugepaged",
  "pgsteal_proactive",
  "pgscan_kswapd",
  "pgscan_direct",
  "pgscan_khugepaged",
  "pgscan_proactive",
  "pgscan_direct_throttle",
  "pgscan_anon",
  "pgscan_file",
  "pgsteal_anon",
  "pgsteal_file",
  "zone_reclaim_success",
  "zone_reclaim_failed",
  "pginodesteal",
  "slabs_scanned",
  "kswapd_inodesteal",
  "kswapd_low_wmark_hit_quickly",
  "kswapd_high_wmark_hit_quickly",
  "pageoutrun",
  "pgrotated",
  "drop_pagecache",
  "drop_slab",
  "oom_kill",
  "numa_pte_updates",
  "numa_huge_pte_updates",
  "numa_hint_faults",
  "numa_hint_faults_local",
  "numa_pages_migrated",
  "pgmigrate_success",
  "pgmigrate_fail",
  "thp_migration_success",
  "thp_migration_fail",
  "thp_migration_split",
  "compact_migrate_scanned",
  "compact_free_scanned",
  "compact_isolated",
  "compact_stall",
  "compact_fail",
  "compact_success",
  "compact_daemon_wake",
  "compact_daemon_migrate_scanned",
  "compact_daemon_free_scanned",
  "htlb_buddy_alloc_success",
  "htlb_buddy_alloc_fail",
  "unevictable_pgs_culled",
  "unevictable_pgs_scanned",
  "unevictable_pgs_rescued",
  "unevictable_pgs_mlocked",
  "unevictable_pgs_munlocked",
  "unevictable_pgs_cleared",
  "unevictable_pgs_stranded",
  "thp_fault_alloc",
  "thp_fault_fallback",
  "thp_fault_fallback_charge",
  "thp_collapse_alloc",
  "thp_collapse_alloc_failed",
  "thp_file_alloc",
  "thp_file_fallback",
  "thp_file_fallback_charge",
  "thp_file_mapped",
  "thp_split_page",
  "thp_split_page_failed",
  "thp_deferred_split_page",
  "thp_underused_split_page",
  "thp_split_pmd",
  "thp_scan_exceed_none_pte",
  "thp_scan_exceed_swap_pte",
  "thp_scan_exceed_share_pte",
  "thp_split_pud",
  "thp_zero_page_alloc",
  "thp_zero_page_alloc_failed",
  "thp_swpout",
  "thp_swpout_fallback",
  "balloon_inflate",
  "balloon_deflate",
  "balloon_migrate",
  "swap_ra",
  "swap_ra_hit",
  "swpin_zero",
  "swpout_zero",
  "ksm_swpin_copy",
  "cow_ksm",
  "direct_map_level2_splits",
  "direct_map_level3_splits",
  "direct_map_level2_collapses",
  "direct_map_level3_collapses",
];

export const PGPGIN = 0;
export const PGPGOUT = 1;
export const PSWPIN = 2;
export const PSWPOUT = 3;
export const PGALLOC_DMA = 4;
export const PGALLOC_DMA32 = 5;
export const PGALLOC_NORMAL = 6;
export const PGALLOC_MOVABLE = 7;
export const PGALLOC_DEVICE = 8;
export const ALLOCSTALL_DMA = 9;
export const ALLOCSTALL_DMA32 = 10;
export const ALLOCSTALL_NORMAL = 11;
export const ALLOCSTALL_MOVABLE = 12;
export const ALLOCSTALL_DEVICE = 13;
export const PGSKIP_DMA = 14;
export const PGSKIP_DMA32 = 15;
export const PGSKIP_NORMAL = 16;
export const PGSKIP_MOVABLE = 17;
export const PGSKIP_DEVICE = 18;
export const PGFREE = 19;
export const PGACTIVATE = 20;
export const PGDEACTIVATE = 21;
export const PGLAZYFREE = 22;
export const PGFAULT = 23;
export const PGMAJFAULT = 24;
export const PGLAZYFREED = 25;
export const PGREFILL = 26;
export const PGREUSE = 27;
export const PGSTEAL_KSWAPD = 28;
export const PGSTEAL_DIRECT = 29;
export const PGSTEAL_KHUGEPAGED = 30;
export const PGSTEAL_PROACTIVE = 31;
export const PGSCAN_KSWAPD = 32;
export const PGSCAN_DIRECT = 33;
export const PGSCAN_KHUGEPAGED = 34;
export const PGSCAN_PROACTIVE = 35;
export const PGSCAN_DIRECT_THROTTLE = 36;
export const PGSCAN_ANON = 37;
export const PGSCAN_FILE = 38;
export const PGSTEAL_ANON = 39;
export const PGSTEAL_FILE = 40;
export const ZONE_RECLAIM_SUCCESS = 41;
export const ZONE_RECLAIM_FAILED = 42;
export const PGINODESTEAL = 43;
export const SLABS_SCANNED = 44;
export const KSWAPD_INODESTEAL = 45;
export const KSWAPD_LOW_WMARK_HIT_QUICKLY = 46;
export const KSWAPD_HIGH_WMARK_HIT_QUICKLY = 47;
export const PAGEOUTRUN = 48;
export const PGROTATED = 49;
export const DROP_PAGECACHE = 50;
export const DROP_SLAB = 51;
export const OOM_KILL = 52;
export const NUMA_PTE_UPDATES = 53;
export const NUMA_HUGE_PTE_UPDATES = 54;
export const NUMA_HINT_FAULTS = 55;
export const NUMA_HINT_FAULTS_LOCAL = 56;
export const NUMA_PAGES_MIGRATED = 57;
export const PGMIGRATE_SUCCESS = 58;
export const PGMIGRATE_FAIL = 59;
export const THP_MIGRATION_SUCCESS = 60;
export const THP_MIGRATION_FAIL = 61;
export const THP_MIGRATION_SPLIT = 62;
export const COMPACT_MIGRATE_SCANNED = 63;
export const COMPACT_FREE_SCANNED = 64;
export const COMPACT_ISOLATED = 65;
export const COMPACT_STALL = 66;
export const COMPACT_FAIL = 67;
export const COMPACT_SUCCESS = 68;
export const COMPACT_DAEMON_WAKE = 69;
export const COMPACT_DAEMON_MIGRATE_SCANNED = 70;
export const COMPACT_DAEMON_FREE_SCANNED = 71;
export const HTLB_BUDDY_ALLOC_SUCCESS = 72;
export const HTLB_BUDDY_ALLOC_FAIL = 73;
export const UNEVICTABLE_PGS_CULLED = 74;
export const UNEVICTABLE_PGS_SCANNED = 75;
export const UNEVICTABLE_PGS_RESCUED = 76;
export const UNEVICTABLE_PGS_MLOCKED = 77;
export const UNEVICTABLE_PGS_MUNLOCKED = 78;
export const UNEVICTABLE_PGS_CLEARED = 79;
export const UNEVICTABLE_PGS_STRANDED = 80;
export const THP_FAULT_ALLOC = 81;
export const THP_FAULT_FALLBACK = 82;
export const THP_FAULT_FALLBACK_CHARGE = 83;
export const THP_COLLAPSE_ALLOC = 84;
export const THP_COLLAPSE_ALLOC_FAILED = 85;
export const THP_FILE_ALLOC = 86;
export const THP_FILE_FALLBACK = 87;
export const THP_FILE_FALLBACK_CHARGE = 88;
export const THP_FILE_MAPPED = 89;
export const THP_SPLIT_PAGE = 90;
export const THP_SPLIT_PAGE_FAILED = 91;
export const THP_DEFERRED_SPLIT_PAGE = 92;
export const THP_UNDERUSED_SPLIT_PAGE = 93;
export const THP_SPLIT_PMD = 94;
export const THP_SCAN_EXCEED_NONE_PTE = 95;
export const THP_SCAN_EXCEED_SWAP_PTE = 96;
export const THP_SCAN_EXCEED_SHARE_PTE = 97;
export const THP_SPLIT_PUD = 98;
export const THP_ZERO_PAGE_ALLOC = 99;
export const THP_ZERO_PAGE_ALLOC_FAILED = 100;
export const THP_SWPOUT = 101;
export const THP_SWPOUT_FALLBACK = 102;
export const BALLOON_INFLATE = 103;
export const BALLOON_DEFLATE = 104;
export const BALLOON_MIGRATE = 105;
export const SWAP_RA = 106;
export const SWAP_RA_HIT = 107;
export const SWPIN_ZERO = 108;
export const SWPOUT_ZERO = 109;
export const KSM_SWPIN_COPY = 110;
export const COW_KSM = 111;
export const DIRECT_MAP_LEVEL2_SPLITS = 112;
export const DIRECT_MAP_LEVEL3_SPLITS = 113;
export const DIRECT_MAP_LEVEL2_COLLAPSES = 114;
export const DIRECT_MAP_LEVEL3_COLLAPSES = 115;
