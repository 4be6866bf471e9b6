import { describe, expect, it } from "vitest";
import { formatVmstat } from "@pageframe/procfs";
import { countersOf } from "./helpers.ts";

describe("formatVmstat", () => {
  it("writes all 190 lines of the recorded machine in its order", () => {
    // 128 MiB, Linux 6.18.15, after boot; counters that are not named were 0.
    const text = formatVmstat({
      counters: countersOf({
        zone: {
          nr_free_pages: 13454,
          nr_free_pages_blocks: 10240,
          nr_zone_active_anon: 1416,
          nr_zone_inactive_file: 1,
        },
        numa: { numa_hit: 132166, numa_interleave: 1345, numa_local: 132166 },
        node: {
          nr_active_anon: 1416,
          nr_inactive_file: 1,
          nr_slab_reclaimable: 510,
          nr_slab_unreclaimable: 1794,
          nr_anon_pages: 52,
          nr_mapped: 432,
          nr_file_pages: 1375,
          nr_shmem: 1374,
          nr_dirtied: 1,
          nr_written: 1,
          nr_kernel_stack: 864,
          nr_page_table_pages: 131,
        },
        events: {
          pgpgin: 16,
          pgpgout: 4,
          pgalloc_dma: 32,
          pgalloc_dma32: 136952,
          pgfree: 152035,
          pgfault: 112564,
          pgreuse: 9873,
          direct_map_level2_splits: 3,
        },
      }),
      computed: [2595, 1295, 0, 512],
    });
    expect(text).toBe(`nr_free_pages 13454
nr_free_pages_blocks 10240
nr_zone_inactive_anon 0
nr_zone_active_anon 1416
nr_zone_inactive_file 1
nr_zone_active_file 0
nr_zone_unevictable 0
nr_zone_write_pending 0
nr_mlock 0
nr_zspages 0
nr_free_cma 0
nr_unaccepted 0
numa_hit 132166
numa_miss 0
numa_foreign 0
numa_interleave 1345
numa_local 132166
numa_other 0
nr_inactive_anon 0
nr_active_anon 1416
nr_inactive_file 1
nr_active_file 0
nr_unevictable 0
nr_slab_reclaimable 510
nr_slab_unreclaimable 1794
nr_isolated_anon 0
nr_isolated_file 0
workingset_nodes 0
workingset_refault_anon 0
workingset_refault_file 0
workingset_activate_anon 0
workingset_activate_file 0
workingset_restore_anon 0
workingset_restore_file 0
workingset_nodereclaim 0
nr_anon_pages 52
nr_mapped 432
nr_file_pages 1375
nr_dirty 0
nr_writeback 0
nr_shmem 1374
nr_shmem_hugepages 0
nr_shmem_pmdmapped 0
nr_file_hugepages 0
nr_file_pmdmapped 0
nr_anon_transparent_hugepages 0
nr_vmscan_write 0
nr_vmscan_immediate_reclaim 0
nr_dirtied 1
nr_written 1
nr_throttled_written 0
nr_kernel_misc_reclaimable 0
nr_foll_pin_acquired 0
nr_foll_pin_released 0
nr_kernel_stack 864
nr_page_table_pages 131
nr_sec_page_table_pages 0
nr_iommu_pages 0
nr_swapcached 0
pgpromote_success 0
pgpromote_candidate 0
pgpromote_candidate_nrl 0
pgdemote_kswapd 0
pgdemote_direct 0
pgdemote_khugepaged 0
pgdemote_proactive 0
nr_hugetlb 0
nr_balloon_pages 0
nr_kernel_file_pages 0
nr_dirty_threshold 2595
nr_dirty_background_threshold 1295
nr_memmap_pages 0
nr_memmap_boot_pages 512
pgpgin 16
pgpgout 4
pswpin 0
pswpout 0
pgalloc_dma 32
pgalloc_dma32 136952
pgalloc_normal 0
pgalloc_movable 0
pgalloc_device 0
allocstall_dma 0
allocstall_dma32 0
allocstall_normal 0
allocstall_movable 0
allocstall_device 0
pgskip_dma 0
pgskip_dma32 0
pgskip_normal 0
pgskip_movable 0
pgskip_device 0
pgfree 152035
pgactivate 0
pgdeactivate 0
pglazyfree 0
pgfault 112564
pgmajfault 0
pglazyfreed 0
pgrefill 0
pgreuse 9873
pgsteal_kswapd 0
pgsteal_direct 0
pgsteal_khugepaged 0
pgsteal_proactive 0
pgscan_kswapd 0
pgscan_direct 0
pgscan_khugepaged 0
pgscan_proactive 0
pgscan_direct_throttle 0
pgscan_anon 0
pgscan_file 0
pgsteal_anon 0
pgsteal_file 0
zone_reclaim_success 0
zone_reclaim_failed 0
pginodesteal 0
slabs_scanned 0
kswapd_inodesteal 0
kswapd_low_wmark_hit_quickly 0
kswapd_high_wmark_hit_quickly 0
pageoutrun 0
pgrotated 0
drop_pagecache 0
drop_slab 0
oom_kill 0
numa_pte_updates 0
numa_huge_pte_updates 0
numa_hint_faults 0
numa_hint_faults_local 0
numa_pages_migrated 0
pgmigrate_success 0
pgmigrate_fail 0
thp_migration_success 0
thp_migration_fail 0
thp_migration_split 0
compact_migrate_scanned 0
compact_free_scanned 0
compact_isolated 0
compact_stall 0
compact_fail 0
compact_success 0
compact_daemon_wake 0
compact_daemon_migrate_scanned 0
compact_daemon_free_scanned 0
htlb_buddy_alloc_success 0
htlb_buddy_alloc_fail 0
unevictable_pgs_culled 0
unevictable_pgs_scanned 0
unevictable_pgs_rescued 0
unevictable_pgs_mlocked 0
unevictable_pgs_munlocked 0
unevictable_pgs_cleared 0
unevictable_pgs_stranded 0
thp_fault_alloc 0
thp_fault_fallback 0
thp_fault_fallback_charge 0
thp_collapse_alloc 0
thp_collapse_alloc_failed 0
thp_file_alloc 0
thp_file_fallback 0
thp_file_fallback_charge 0
thp_file_mapped 0
thp_split_page 0
thp_split_page_failed 0
thp_deferred_split_page 0
thp_underused_split_page 0
thp_split_pmd 0
thp_scan_exceed_none_pte 0
thp_scan_exceed_swap_pte 0
thp_scan_exceed_share_pte 0
thp_split_pud 0
thp_zero_page_alloc 0
thp_zero_page_alloc_failed 0
thp_swpout 0
thp_swpout_fallback 0
balloon_inflate 0
balloon_deflate 0
balloon_migrate 0
swap_ra 0
swap_ra_hit 0
swpin_zero 0
swpout_zero 0
ksm_swpin_copy 0
cow_ksm 0
direct_map_level2_splits 3
direct_map_level3_splits 0
direct_map_level2_collapses 0
direct_map_level3_collapses 0
nr_unstable 0
`);
  });

  it("counts huge pages where Linux keeps pages", () => {
    const text = formatVmstat({
      counters: countersOf({
        node: { nr_anon_transparent_hugepages: 1024, nr_file_pmdmapped: 512, nr_dirty: 1024 },
      }),
      computed: [0, 0, 0, 0],
    });
    expect(text).toContain("\nnr_anon_transparent_hugepages 2\n");
    expect(text).toContain("\nnr_file_pmdmapped 1\n");
    expect(text).toContain("\nnr_dirty 1024\n");
  });
});
