import { describe, expect, it } from "vitest";
import { NODE_STAT_NAMES, NUMA_STAT_NAMES, ZONE_STAT_NAMES } from "@pageframe/contracts";
import { formatZoneinfo, type ZoneinfoNode } from "@pageframe/procfs";
import { stats } from "./helpers.ts";

describe("formatZoneinfo", () => {
  it("writes what the recorded machine printed, byte for byte", () => {
    // 128 MiB, Linux 6.18.15, after boot.
    const node: ZoneinfoNode = {
      nodeId: 0,
      nodeStats: stats(NODE_STAT_NAMES, {
        nr_active_anon: 1404,
        nr_slab_reclaimable: 155,
        nr_slab_unreclaimable: 1742,
        nr_anon_pages: 41,
        nr_mapped: 433,
        nr_file_pages: 1375,
        nr_shmem: 1374,
        nr_kernel_stack: 864,
        nr_page_table_pages: 127,
      }),
      zones: [
        {
          name: "DMA",
          watermarkBoost: 0,
          wmarkMin: 55,
          wmarkLow: 68,
          wmarkHigh: 81,
          wmarkPromo: 94,
          spannedPages: 4095,
          presentPages: 3998,
          managedPages: 3840,
          protection: [0, 70, 70, 70, 70],
          zoneStats: stats(ZONE_STAT_NAMES, { nr_free_pages: 3808, nr_free_pages_blocks: 3584 }),
          numaStats: stats(NUMA_STAT_NAMES, { numa_hit: 1, numa_interleave: 1, numa_local: 1 }),
          pagesets: [{ count: 0, high: 0, batch: 1, highMin: 68, highMax: 480, statThreshold: 2 }],
          isNodeUnreclaimable: false,
          startPfn: 1,
        },
        {
          name: "DMA32",
          watermarkBoost: 0,
          wmarkMin: 218,
          wmarkLow: 272,
          wmarkHigh: 326,
          wmarkPromo: 380,
          spannedPages: 28633,
          presentPages: 28633,
          managedPages: 18032,
          protection: [0, 0, 0, 0, 0],
          zoneStats: stats(ZONE_STAT_NAMES, {
            nr_free_pages: 10031,
            nr_free_pages_blocks: 7168,
            nr_zone_active_anon: 1404,
          }),
          numaStats: stats(NUMA_STAT_NAMES, { numa_hit: 5516, numa_interleave: 808, numa_local: 5516 }),
          pagesets: [{ count: 1696, high: 1805, batch: 3, highMin: 272, highMax: 1874, statThreshold: 2 }],
          isNodeUnreclaimable: false,
          startPfn: 4096,
        },
        {
          name: "Normal",
          watermarkBoost: 0,
          wmarkMin: 0,
          wmarkLow: 0,
          wmarkHigh: 0,
          wmarkPromo: 0,
          spannedPages: 0,
          presentPages: 0,
          managedPages: 0,
          protection: [0, 0, 0, 0, 0],
          zoneStats: stats(ZONE_STAT_NAMES, {}),
          numaStats: stats(NUMA_STAT_NAMES, {}),
          pagesets: [],
          isNodeUnreclaimable: false,
          startPfn: 0,
        },
        {
          name: "Movable",
          watermarkBoost: 0,
          wmarkMin: 32,
          wmarkLow: 32,
          wmarkHigh: 32,
          wmarkPromo: 32,
          spannedPages: 0,
          presentPages: 0,
          managedPages: 0,
          protection: [0, 0, 0, 0, 0],
          zoneStats: stats(ZONE_STAT_NAMES, {}),
          numaStats: stats(NUMA_STAT_NAMES, {}),
          pagesets: [],
          isNodeUnreclaimable: false,
          startPfn: 0,
        },
        {
          name: "Device",
          watermarkBoost: 0,
          wmarkMin: 0,
          wmarkLow: 0,
          wmarkHigh: 0,
          wmarkPromo: 0,
          spannedPages: 0,
          presentPages: 0,
          managedPages: 0,
          protection: [0, 0, 0, 0, 0],
          zoneStats: stats(ZONE_STAT_NAMES, {}),
          numaStats: stats(NUMA_STAT_NAMES, {}),
          pagesets: [],
          isNodeUnreclaimable: false,
          startPfn: 0,
        },
      ],
    };
    expect(formatZoneinfo([node])).toBe(`Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 0
      nr_active_anon 1404
      nr_inactive_file 0
      nr_active_file 0
      nr_unevictable 0
      nr_slab_reclaimable 155
      nr_slab_unreclaimable 1742
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
      nr_anon_pages 41
      nr_mapped    433
      nr_file_pages 1375
      nr_dirty     0
      nr_writeback 0
      nr_shmem     1374
      nr_shmem_hugepages 0
      nr_shmem_pmdmapped 0
      nr_file_hugepages 0
      nr_file_pmdmapped 0
      nr_anon_transparent_hugepages 0
      nr_vmscan_write 0
      nr_vmscan_immediate_reclaim 0
      nr_dirtied   0
      nr_written   0
      nr_throttled_written 0
      nr_kernel_misc_reclaimable 0
      nr_foll_pin_acquired 0
      nr_foll_pin_released 0
      nr_kernel_stack 864
      nr_page_table_pages 127
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
      nr_hugetlb   0
      nr_balloon_pages 0
      nr_kernel_file_pages 0
  pages free     3808
        boost    0
        min      55
        low      68
        high     81
        promo    94
        spanned  4095
        present  3998
        managed  3840
        cma      0
        protection: (0, 70, 70, 70, 70)
      nr_free_pages 3808
      nr_free_pages_blocks 3584
      nr_zone_inactive_anon 0
      nr_zone_active_anon 0
      nr_zone_inactive_file 0
      nr_zone_active_file 0
      nr_zone_unevictable 0
      nr_zone_write_pending 0
      nr_mlock     0
      nr_zspages   0
      nr_free_cma  0
      nr_unaccepted 0
      numa_hit     1
      numa_miss    0
      numa_foreign 0
      numa_interleave 1
      numa_local   1
      numa_other   0
  pagesets
    cpu: 0
              count:    0
              high:     0
              batch:    1
              high_min: 68
              high_max: 480
  vm stats threshold: 2
  node_unreclaimable:  0
  start_pfn:           1
Node 0, zone    DMA32
  pages free     10031
        boost    0
        min      218
        low      272
        high     326
        promo    380
        spanned  28633
        present  28633
        managed  18032
        cma      0
        protection: (0, 0, 0, 0, 0)
      nr_free_pages 10031
      nr_free_pages_blocks 7168
      nr_zone_inactive_anon 0
      nr_zone_active_anon 1404
      nr_zone_inactive_file 0
      nr_zone_active_file 0
      nr_zone_unevictable 0
      nr_zone_write_pending 0
      nr_mlock     0
      nr_zspages   0
      nr_free_cma  0
      nr_unaccepted 0
      numa_hit     5516
      numa_miss    0
      numa_foreign 0
      numa_interleave 808
      numa_local   5516
      numa_other   0
  pagesets
    cpu: 0
              count:    1696
              high:     1805
              batch:    3
              high_min: 272
              high_max: 1874
  vm stats threshold: 2
  node_unreclaimable:  0
  start_pfn:           4096
Node 0, zone   Normal
  pages free     0
        boost    0
        min      0
        low      0
        high     0
        promo    0
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
Node 0, zone  Movable
  pages free     0
        boost    0
        min      32
        low      32
        high     32
        promo    32
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
Node 0, zone   Device
  pages free     0
        boost    0
        min      0
        low      0
        high     0
        promo    0
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
`);
  });
});
