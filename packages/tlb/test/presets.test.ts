import { KernelError, RUN_EXEC, RUN_READ, RUN_WRITE, TLB_2M, type TlbStats } from "@pageframe/contracts";
import {
  createTlb,
  ModelTlb,
  modelTlbConfig,
  type ModelTlbArray,
  type ModelTlbConfig,
  type ModelTlbStats,
  runTrace,
  TLB_PRESETS,
  tlbPreset,
  tlbs,
} from "@pageframe/tlb";
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

/** Reads, writes or fetches so many pages, one after another, so many times over. */
const loop = (nrPages: number, nrTimes: number, kind = RUN_READ, stride = 1): [number, number][] =>
  Array.from({ length: nrPages * nrTimes }, (_, at) => [(at % nrPages) * stride * 4096, kind]);
const preset = (name: string, accesses: Iterable<[number, number]>): ModelTlbStats =>
  runTrace(new ModelTlb(tlbPreset(name)), accesses);

describe("presets", () => {
  it("have the numbers of sets that processors have", () => {
    const sets = TLB_PRESETS.map(({ name, levels }) => [
      name,
      ...levels.flat().map(({ entries, ways }) => entries / ways),
    ]);
    expect(sets).toEqual([
      ["zen4", 1, 1, 64, 128],
      ["golden-cove", 32, 4, 16, 8, 1, 1, 128],
      ["skylake", 16, 1, 16, 8, 1, 128, 4],
      ["cortex-a76", 1, 1, 256],
      ["teaching", 1],
    ]);
  });

  it("are all in the seat's table, by name", () => {
    const names = tlbs.map(({ name }) => name);
    for (const { name } of TLB_PRESETS) {
      expect(names).toContain(name);
      expect(createTlb(name).name).toBe(name);
    }
  });

  it("are looked up by name, or the known names are listed", () => {
    expect(messageOf(() => tlbPreset("zen5"))).toBe(
      'EINVAL: unknown TLB preset "zen5"; known: zen4, golden-cove, skylake, cortex-a76, teaching',
    );
    expect(messageOf(() => createTlb("zen5"))).toBe(
      'EINVAL: unknown TLB "zen5"; known: set-associative, none, zen4, golden-cove, skylake, cortex-a76, teaching',
    );
  });

  // A loop over as many pages as LRU has entries hits in all but the first round; one page more misses always.
  it.each<[string, number, number]>([
    ["zen4", RUN_READ, 72],
    ["zen4", RUN_EXEC, 64],
    ["golden-cove", RUN_READ, 96],
    ["golden-cove", RUN_WRITE, 16],
    ["golden-cove", RUN_EXEC, 256],
    ["skylake", RUN_READ, 64],
    ["skylake", RUN_EXEC, 128],
    ["cortex-a76", RUN_READ, 48],
    ["cortex-a76", RUN_EXEC, 48],
    ["teaching", RUN_EXEC, 16],
  ])("hold as many pages in the first level as they have entries: %s, kind %i, %i", (name, kind, entries) => {
    expect(preset(name, loop(entries, 3, kind))).toMatchObject({
      l1Hits: 2 * entries,
      misses: entries,
    });
    expect(preset(name, loop(entries + 1, 3, kind)).l1Hits).toBeLessThan(2 * (entries + 1));
  });

  it.each<[string, number, number]>([
    ["zen4", RUN_READ, 3072],
    ["zen4", RUN_EXEC, 512],
    ["golden-cove", RUN_WRITE, 2048],
    ["skylake", RUN_EXEC, 1536],
    ["cortex-a76", RUN_READ, 1280],
  ])("hold as many pages in the second level as it has entries: %s, kind %i, %i", (name, kind, entries) => {
    expect(preset(name, loop(entries, 2, kind)).misses).toBe(entries);
    expect(preset(name, loop(entries + 1, 2, kind)).misses).toBeGreaterThan(entries + 1);
  });

  it("have instructions and data apart: a page that is written and run misses twice", () => {
    const twice: [number, number][] = [
      [0x1000, RUN_WRITE],
      [0x1000, RUN_EXEC],
    ];
    const misses = (name: string): TlbStats => preset(name, twice);
    expect(misses("zen4")).toMatchObject({ misses: 2, l2Hits: 0 });
    expect(misses("skylake")).toMatchObject({ misses: 1, l2Hits: 1 });
    expect(misses("teaching")).toMatchObject({ misses: 1, l1Hits: 1 });
  });

  it("coalesce where the processor does: four pages an entry on Zen 4, sixteen on Cortex-A76", () => {
    const contiguous = (name: string): ModelTlbStats =>
      runTrace(new ModelTlb(tlbPreset(name)), loop(64, 2), { isContiguous: true });
    expect(contiguous("zen4")).toMatchObject({ misses: 16, coalescedFills: 16, l1Hits: 112 });
    expect(contiguous("cortex-a76")).toMatchObject({ misses: 4, coalescedFills: 4, l1Hits: 124 });
    expect(contiguous("skylake")).toMatchObject({ misses: 64, coalescedFills: 0 });
  });

  it("hold large pages: 32 of 2 MiB in Skylake's first level", () => {
    const large = runTrace(new ModelTlb(tlbPreset("skylake")), loop(32, 2, RUN_READ, 512), {
      pageSize: TLB_2M,
    });
    expect(large).toMatchObject({ misses: 32, l1Hits: 32 });
  });
});

describe("modelTlbConfig", () => {
  const array: ModelTlbArray = { name: "L1", entries: 16, ways: 4, holds: ["4KiB"] };
  const withArray = (change: Partial<ModelTlbArray>): ModelTlbConfig => ({
    name: "mine",
    levels: [[{ ...array, ...change }]],
  });

  it.each<[string, ModelTlbConfig]>([
    ["mine: L1 has 3 sets (12 entries in 4 ways), which must be a power of two", withArray({ entries: 12 })],
    ["mine: L1.entries (15) must be a multiple of L1.ways (4)", withArray({ entries: 15 })],
    ["mine: L1.entries (0) must be a positive integer", withArray({ entries: 0 })],
    ["mine: L1.ways (1.5) must be a positive integer", withArray({ ways: 1.5 })],
    [
      "mine: L1 has 12 ways, and tree-plru needs a power of two; lru or nru would work",
      withArray({ entries: 24, ways: 12, replacement: "tree-plru" }),
    ],
    ["mine: L1 holds no page size", withArray({ holds: [] })],
    [
      "mine: no array of level 1 is for reads of 4KiB; no array of level 1 is for writes of 4KiB",
      withArray({ serves: "instructions" }),
    ],
    [
      "mine: L1 and L1b are both for fetches of 4KiB in level 1",
      { name: "mine", levels: [[array, { ...array, name: "L1b", serves: "instructions" }]] },
    ],
    ["mine: a TLB of 0 levels: 1 to 3 work", { name: "mine", levels: [] }],
    [
      "mine: an array holds coalesced entries, and coalescePages is 0",
      withArray({ holds: ["4KiB", "coalesced"] }),
    ],
    [
      "mine: coalescePages is 4, and no array holds coalesced entries",
      { ...withArray({}), coalescePages: 4 },
    ],
    [
      "mine: coalescePages (5) must be 0, 4, 8 or 16",
      { ...withArray({ holds: ["4KiB", "coalesced"] }), coalescePages: 5 },
    ],
    ["mine: seed (0.5) must be an integer", { ...withArray({}), seed: 0.5 }],
    ["mine: all arrays together (131072 entries) may have at most 65536", withArray({ entries: 131072 })],
  ])("refuses what cannot be: %s", (message, config) => {
    expect(messageOf(() => modelTlbConfig(config))).toBe(`EINVAL: ${message}`);
    expect(messageOf(() => new ModelTlb(config))).toBe(`EINVAL: ${message}`);
  });

  it("refuses a policy that it does not know", () => {
    const config = withArray({});
    Object.assign(config.levels[0][0], { replacement: "clock" });
    expect(messageOf(() => modelTlbConfig(config))).toBe(
      'EINVAL: mine: L1.replacement "clock": known are lru, tree-plru, fifo, random, nru',
    );
  });
});
