import { describe, expect, it } from "vitest";
import { formatBuddyinfo, formatPagetypeinfo } from "@pageframe/procfs";

// Recorded on Linux 6.18.15, two nodes of 256 MiB, after boot. Every line ends in a space.
const buddyinfo = [
  "Node 0, zone      DMA      0      0      0      0      0      1      1      1      0      1      3 \n",
  "Node 0, zone    DMA32      4      3      2      3      4      4      1      2      2      1     41 \n",
  "Node 1, zone    DMA32      3      0      2      3      1      1      1      1      4      3     55 \n",
].join("");

const pagetypeinfo = [
  "Page block order: 9\n",
  "Pages per block:  512\n",
  "\n",
  "Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8      9     10 \n",
  "Node    0, zone      DMA, type    Unmovable      0      0      0      0      0      1      1      1      0      0      0 \n",
  "Node    0, zone      DMA, type      Movable      0      0      0      0      0      0      0      0      0      1      3 \n",
  "Node    0, zone      DMA, type  Reclaimable      0      0      0      0      0      0      0      0      0      0      0 \n",
  "Node    0, zone      DMA, type   HighAtomic      0      0      0      0      0      0      0      0      0      0      0 \n",
  "Node    0, zone      DMA, type      Isolate      0      0      0      0      0      0      0      0      0      0      0 \n",
  "Node    0, zone    DMA32, type    Unmovable      1      1      1      0      1      1      0      0      1      0      0 \n",
  "Node    0, zone    DMA32, type      Movable      3      1      1      2      2      2      1      2      0      1     41 \n",
  "Node    0, zone    DMA32, type  Reclaimable      0      1      0      1      1      1      0      0      1      0      0 \n",
  "Node    0, zone    DMA32, type   HighAtomic      0      0      0      0      0      0      0      0      0      0      0 \n",
  "Node    0, zone    DMA32, type      Isolate      0      0      0      0      0      0      0      0      0      0      0 \n",
  "\n",
  "Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate \n",
  "Node 0, zone      DMA            1            7            0            0            0 \n",
  "Node 0, zone    DMA32            6          112            2            0            0 \n",
  "Page block order: 9\n",
  "Pages per block:  512\n",
  "\n",
  "Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8      9     10 \n",
  "Node    1, zone    DMA32, type    Unmovable     16      6      1      1      0      1      1      0      1      1      0 \n",
  "Node    1, zone    DMA32, type      Movable      1      0      3      1      1      0      0      1      2      1     55 \n",
  "Node    1, zone    DMA32, type  Reclaimable      1      0      1      1      0      0      0      0      1      1      0 \n",
  "Node    1, zone    DMA32, type   HighAtomic      0      0      0      0      0      0      0      0      0      0      0 \n",
  "Node    1, zone    DMA32, type      Isolate      0      0      0      0      0      0      0      0      0      0      0 \n",
  "\n",
  "Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate \n",
  "Node 1, zone    DMA32           10          116            2            0            0 \n",
].join("");

describe("formatBuddyinfo", () => {
  it("writes what the recorded machine printed, byte for byte", () => {
    expect(
      formatBuddyinfo([
        { nodeId: 0, name: "DMA", nrFree: [0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 3] },
        { nodeId: 0, name: "DMA32", nrFree: [4, 3, 2, 3, 4, 4, 1, 2, 2, 1, 41] },
        { nodeId: 1, name: "DMA32", nrFree: [3, 0, 2, 3, 1, 1, 1, 1, 4, 3, 55] },
      ]),
    ).toBe(buddyinfo);
  });
});

describe("formatPagetypeinfo", () => {
  const nothing = new Array<number>(11).fill(0);
  const zones = [
    {
      nodeId: 0,
      name: "DMA",
      nrFreeByType: [
        [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3],
        nothing,
        nothing,
        nothing,
      ],
      nrBlocksByType: [1, 7, 0, 0, 0],
    },
    {
      nodeId: 0,
      name: "DMA32",
      nrFreeByType: [
        [1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0],
        [3, 1, 1, 2, 2, 2, 1, 2, 0, 1, 41],
        [0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0],
        nothing,
        nothing,
      ],
      nrBlocksByType: [6, 112, 2, 0, 0],
    },
    {
      nodeId: 1,
      name: "DMA32",
      nrFreeByType: [
        [16, 6, 1, 1, 0, 1, 1, 0, 1, 1, 0],
        [1, 0, 3, 1, 1, 0, 0, 1, 2, 1, 55],
        [1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0],
        nothing,
        nothing,
      ],
      nrBlocksByType: [10, 116, 2, 0, 0],
    },
  ];

  it("writes what the recorded machine printed, byte for byte, one table a node", () => {
    expect(formatPagetypeinfo(zones)).toBe(pagetypeinfo);
  });

  it("stops counting at 100000 blocks as the kernel does", () => {
    const nrFreeByType = [[123456, ...nothing.slice(1)], nothing, nothing, nothing, nothing];
    const zone = { nodeId: 0, name: "Normal", nrFreeByType, nrBlocksByType: [1, 0, 0, 0, 0] };
    expect(formatPagetypeinfo([zone])).toContain("type    Unmovable >100000      0 ");
  });
});
