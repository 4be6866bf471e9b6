import { describe, expect, it } from "vitest";
import { formatMeminfo, siMemAvailable, type MeminfoSource } from "@pageframe/procfs";
import { countersOf } from "./helpers.ts";

/** A machine with 128 MiB and 256 MiB of swap after boot, recorded on Linux 6.18.15 (Debian cloud kernel). */
const machine: MeminfoSource = {
  counters: countersOf({
    zone: { nr_free_pages: 13454 },
    node: {
      nr_active_anon: 1425,
      nr_inactive_file: 1,
      nr_slab_reclaimable: 510,
      nr_slab_unreclaimable: 1794,
      nr_anon_pages: 52,
      nr_mapped: 432,
      nr_file_pages: 1375,
      nr_shmem: 1374,
      nr_kernel_stack: 864,
      nr_page_table_pages: 128,
    },
  }),
  totalRamPages: 21872,
  // Zone DMA keeps high 81 + lowmem reserve 70, DMA32 high 326; the low watermarks are 68, 272 and 32 (Movable).
  totalReservePages: 477,
  wmarkLowPages: 372,
  bufferPages: 1,
  totalSwapPages: 65535,
  freeSwapPages: 65535,
  commitLimitPages: 76471,
  committedPages: 1626,
  vmallocUsedPages: 2372,
  percpuPages: 65,
  hardwareCorruptedPages: 0,
  hugePagesTotal: 0,
  hugePagesFree: 0,
  hugePagesReserved: 0,
  hugePagesSurplus: 0,
  directMap4kKib: 30564,
  directMap2mKib: 100352,
};

const recorded = `MemTotal:          87488 kB
MemFree:           53816 kB
MemAvailable:      52932 kB
Buffers:               4 kB
Cached:             5496 kB
SwapCached:            0 kB
Active:             5700 kB
Inactive:              4 kB
Active(anon):       5700 kB
Inactive(anon):        0 kB
Active(file):          0 kB
Inactive(file):        4 kB
Unevictable:           0 kB
Mlocked:               0 kB
SwapTotal:        262140 kB
SwapFree:         262140 kB
Dirty:                 0 kB
Writeback:             0 kB
AnonPages:           208 kB
Mapped:             1728 kB
Shmem:              5496 kB
KReclaimable:       2040 kB
Slab:               9216 kB
SReclaimable:       2040 kB
SUnreclaim:         7176 kB
KernelStack:         864 kB
PageTables:          512 kB
SecPageTables:         0 kB
NFS_Unstable:          0 kB
Bounce:                0 kB
WritebackTmp:          0 kB
CommitLimit:      305884 kB
Committed_AS:       6504 kB
VmallocTotal:   34359738367 kB
VmallocUsed:        9488 kB
VmallocChunk:          0 kB
Percpu:              260 kB
HardwareCorrupted:     0 kB
AnonHugePages:         0 kB
ShmemHugePages:        0 kB
ShmemPmdMapped:        0 kB
FileHugePages:         0 kB
FilePmdMapped:         0 kB
Unaccepted:            0 kB
Balloon:               0 kB
HugePages_Total:       0
HugePages_Free:        0
HugePages_Rsvd:        0
HugePages_Surp:        0
Hugepagesize:       2048 kB
Hugetlb:               0 kB
DirectMap4k:       30564 kB
DirectMap2M:      100352 kB
`;

describe("formatMeminfo", () => {
  it("writes what the recorded machine printed, byte for byte", () => {
    expect(formatMeminfo(machine)).toBe(recorded);
  });

  it("keeps values wider than their column whole and shows the pool of huge pages", () => {
    const text = formatMeminfo({
      ...machine,
      totalRamPages: 2 ** 31,
      hugePagesTotal: 123456,
      hugePagesFree: 7,
      hugePagesReserved: 2,
      hugePagesSurplus: 1,
      hardwareCorruptedPages: 3,
    });
    expect(text).toContain("MemTotal:       8589934592 kB\n");
    expect(text).toContain("HugePages_Total:   123456\nHugePages_Free:        7\n");
    expect(text).toContain("HugePages_Rsvd:        2\nHugePages_Surp:        1\n");
    expect(text).toContain("Hugetlb:        252837888 kB\n");
    expect(text).toContain("HardwareCorrupted:    12 kB\n");
  });

  it("ends with the 1 GiB direct map on a processor that has such pages", () => {
    expect(formatMeminfo({ ...machine, directMap1gKib: 2097152 })).toMatch(/\nDirectMap1G: {5}2097152 kB\n$/);
  });

  it("shows no negative page cache when buffers and the swap cache exceed it", () => {
    expect(formatMeminfo({ ...machine, bufferPages: 5000 })).toContain("\nCached:                0 kB\n");
  });
});

describe("siMemAvailable", () => {
  it("gives MemAvailable of the recorded machine at boot, 53760 kB", () => {
    expect(
      siMemAvailable({
        freePages: 13839,
        totalReservePages: 477,
        wmarkLowPages: 372,
        fileLruPages: 0,
        reclaimablePages: 155,
      }) * 4,
    ).toBe(53760);
  });

  it("leaves half of a small page cache and the low watermark of a large one", () => {
    const rest = { freePages: 1000, totalReservePages: 100, wmarkLowPages: 50, reclaimablePages: 0 };
    expect(siMemAvailable({ ...rest, fileLruPages: 61 })).toBe(900 + 31);
    expect(siMemAvailable({ ...rest, fileLruPages: 4000 })).toBe(900 + 3950);
  });

  it("is never negative", () => {
    const source = {
      freePages: 10,
      totalReservePages: 100,
      wmarkLowPages: 0,
      fileLruPages: 0,
      reclaimablePages: 0,
    };
    expect(siMemAvailable(source)).toBe(0);
  });
});
