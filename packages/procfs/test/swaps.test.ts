import { describe, expect, it } from "vitest";
import { formatSwaps } from "@pageframe/procfs";

const HEADER = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

describe("formatSwaps", () => {
  it("writes what a machine with one swap disk printed, byte for byte", () => {
    // Linux 6.18.15, 256 MiB disk: 65536 pages less the header.
    const disk = { path: "/dev/vda", isPartition: true, nrPages: 65535, nrUsedPages: 0, priority: -2 };
    expect(formatSwaps([disk])).toBe(
      `${HEADER}/dev/vda                                partition\t262140\t\t0\t\t-2\n`,
    );
  });

  it("writes the header alone when no area is in use", () => {
    expect(formatSwaps([])).toBe(HEADER);
  });

  it("gives numbers of eight digits one tab and escapes blanks in paths", () => {
    const file = {
      path: "/swap file",
      isPartition: false,
      nrPages: 2500000,
      nrUsedPages: 2499999,
      priority: 5,
    };
    expect(formatSwaps([file])).toBe(
      `${HEADER}/swap\\040file                           file\t\t10000000\t9999996\t\t5\n`,
    );
  });
});
