import { KernelError } from "@pageframe/contracts";
import { MAX_TLB_ENTRIES, SetAssociativeTlb, SKYLAKE_TLB, tlbConfig, tlbs } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";

const messageOf = (make: () => unknown): string => {
  try {
    make();
  } catch (error) {
    if (error instanceof KernelError) return error.message;
    throw error;
  }
  return "";
};

describe("tlbConfig", () => {
  it("is Skylake's where nothing is said", () => {
    expect(tlbConfig()).toEqual(SKYLAKE_TLB);
    expect(tlbConfig({ l1: { entries: 16, ways: 16 } }).l2).toEqual({ entries: 1536, ways: 12 });
  });

  it("refuses entries that are not a multiple of the ways", () => {
    expect(messageOf(() => tlbConfig({ l1: { entries: 63, ways: 4 } }))).toBe(
      "EINVAL: l1.entries (63) must be a multiple of l1.ways (4)",
    );
  });

  it("refuses a number of sets that is no power of two", () => {
    expect(messageOf(() => tlbConfig({ l2: { entries: 1500, ways: 12 } }))).toBe(
      "EINVAL: l2 has 125 sets (1500 entries in 12 ways), which must be a power of two",
    );
  });

  it("reports every problem at once", () => {
    const problems = messageOf(() =>
      tlbConfig({
        l1: { entries: 0, ways: 4 },
        l1Huge: { entries: 4, ways: 0 },
        l2Huge: { entries: 2.5, ways: 1 },
      }),
    );
    expect(problems).toBe(
      "EINVAL: l1.entries (0) must be a positive integer; l1Huge.ways (0) must be a positive integer; " +
        "l2Huge.entries (2.5) must be a positive integer",
    );
  });

  it("bounds the entries of all arrays together", () => {
    expect(messageOf(() => tlbConfig({ l2: { entries: MAX_TLB_ENTRIES, ways: 1 } }))).toBe(
      "EINVAL: all arrays together (65652 entries) may have at most 65536",
    );
  });

  it("lets the second level be left out", () => {
    const tlb = new SetAssociativeTlb({ l2: { entries: 0, ways: 0 }, l2Huge: { entries: 0, ways: 0 } });
    tlb.insert(1, 0, 0, 0, 7, 0);
    tlb.insert(2 << 18, 0, 0, 2, 262144, 0);
    expect(tlb.nrValid).toBe(2);
    tlb.checkInvariants();
  });
});

describe("the TLB seat", () => {
  it("has the set-associative TLB as default, none, and the presets", () => {
    expect(tlbs.map((occupant) => occupant.name)).toEqual([
      "set-associative",
      "none",
      "zen4",
      "golden-cove",
      "skylake",
      "cortex-a76",
      "teaching",
    ]);
    for (const occupant of tlbs) expect(occupant.create({}).name).toBe(occupant.name);
  });
});
