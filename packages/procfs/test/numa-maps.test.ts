import { describe, expect, it } from "vitest";
import { formatNumaMaps, formatNumaMapsLine, type NumaMapsEntry } from "@pageframe/procfs";

const EMPTY: NumaMapsEntry = {
  startVpn: 0x100000000,
  policy: "default",
  file: null,
  isHeap: false,
  isStack: false,
  nrPages: 0,
  nrAnon: 0,
  nrDirty: 0,
  nrSwapCache: 0,
  nrActive: 0,
  nrWriteback: 0,
  mapcountMax: 0,
  nrOnNode: [0, 0],
  kernelPageBytes: 4096,
};

describe("formatNumaMaps", () => {
  it("writes anonymous memory on two nodes as Linux 6.18.15 did", () => {
    const anon = { ...EMPTY, nrPages: 64, nrAnon: 64, nrDirty: 64, mapcountMax: 1, nrActive: 23 };
    expect(formatNumaMaps([{ ...anon, policy: "interleave:0-1", nrOnNode: [32, 32] }])).toBe(
      "100000000000 interleave:0-1 anon=64 dirty=64 active=23 N0=32 N1=32 kernelpagesize_kB=4\n",
    );
  });

  it("writes clean file pages that all are active as mapped=, as Linux 6.18.44 did", () => {
    const libc = { ...EMPTY, startVpn: 0x7f64ebb84, file: "/usr/lib/libc.so.6", nrPages: 38, nrActive: 38 };
    expect(formatNumaMapsLine({ ...libc, mapcountMax: 11, nrOnNode: [38] })).toBe(
      "7f64ebb84000 default file=/usr/lib/libc.so.6 mapped=38 mapmax=11 N0=38 kernelpagesize_kB=4",
    );
  });

  it("stops after the name when nothing is resident, and escapes blanks in it", () => {
    expect(formatNumaMapsLine({ ...EMPTY, file: "/memfd:we ird (deleted)" })).toBe(
      "100000000000 default file=/memfd:we\\040ird\\040(deleted)",
    );
    expect(formatNumaMapsLine({ ...EMPTY, isHeap: true })).toBe("100000000000 default heap");
  });

  it("names pages in the swap cache and under writeback", () => {
    const stack = { ...EMPTY, startVpn: 0x7ffe4b347, isStack: true, nrPages: 3, nrAnon: 3, nrOnNode: [3] };
    expect(formatNumaMapsLine({ ...stack, nrSwapCache: 2, nrWriteback: 1, nrActive: 1 })).toBe(
      "7ffe4b347000 default stack anon=3 swapcache=2 active=1 writeback=1 N0=3 kernelpagesize_kB=4",
    );
  });
});
