/**
 * TLBs of real processors, as far as they are documented.
 *
 * Of none of them the replacement policy is published; all arrays are exact LRU here. How set numbers are computed is not
 * published either; the low bits of the page number are used. Sizes are those of one thread with the core to itself.
 */
import { EINVAL, KernelError } from "@pageframe/contracts";
import { type ModelTlbConfig } from "./model-tlb-config.ts";

/**
 * AMD Zen 4: both levels have instructions and data apart; four contiguous 4 KiB pages become one entry of 16 KiB.
 *
 * Source: AMD, Software Optimization Guide for the AMD Zen4 Microarchitecture (57647), section on memory address
 * translation: entries, ways and page sizes. CPUID of an EPYC 9004 (family 19h model 11h) says the same numbers of entries
 * (leaf 8000_0005h: 64 and 72, fully associative; 8000_0006h: 512 and 3072), but encodes fewer ways for the second level (4
 * and 8 for 4 KiB pages). Coalescing: Linux 6.18 tools/perf/pmu-events/arch/x86/amdzen4, "a 16 KB page created from four
 * adjacent 4 KB pages", counted for fetches too, where the guide has 16 KiB entries for data only. Differs: a 1 GiB page comes back from the second level as 2 MiB.
 */
export const ZEN_4: ModelTlbConfig = {
  name: "zen4",
  coalescePages: 4,
  levels: [
    [
      {
        name: "L1 ITLB",
        entries: 64,
        ways: 64,
        holds: ["4KiB", "coalesced", "2MiB", "1GiB"],
        serves: "instructions",
      },
      {
        name: "L1 DTLB",
        entries: 72,
        ways: 72,
        holds: ["4KiB", "coalesced", "2MiB", "1GiB"],
        serves: "data",
      },
    ],
    [
      {
        name: "L2 ITLB",
        entries: 512,
        ways: 8,
        holds: ["4KiB", "coalesced", "2MiB"],
        serves: "instructions",
      },
      { name: "L2 DTLB", entries: 3072, ways: 24, holds: ["4KiB", "coalesced", "2MiB"], serves: "data" },
    ],
  ],
};

/**
 * Intel Golden Cove (the P-cores of Alder Lake, Sapphire Rapids): loads and stores have first levels of their own.
 *
 * Source: Intel, Architecture Day 2021 and Optimization Reference Manual (248966), section on the Golden Cove
 * microarchitecture: ITLB of 256 entries for 4 KiB pages and 32 for large ones, DTLB of 96 for loads and 16 for stores,
 * second level of 2048. Neither gives all ways, nor the DTLB's entries for large pages: these are those of WikiChip,
 * "Golden Cove" and "Sunny Cove", and were not checked against a processor. Differs: CPUID leaf 18h tells the second level
 * as two arrays of 1024 entries in 8 ways, one for 4 KiB and 2 MiB pages, one for 4 KiB and 1 GiB pages; here all 16 ways are
 * for all sizes.
 */
export const GOLDEN_COVE: ModelTlbConfig = {
  name: "golden-cove",
  levels: [
    [
      { name: "ITLB", entries: 256, ways: 8, holds: ["4KiB"], serves: "instructions" },
      { name: "ITLB large", entries: 32, ways: 8, holds: ["2MiB"], serves: "instructions" },
      { name: "DTLB loads", entries: 96, ways: 6, holds: ["4KiB"], serves: "loads" },
      { name: "DTLB loads large", entries: 32, ways: 4, holds: ["2MiB"], serves: "loads" },
      { name: "DTLB loads huge", entries: 8, ways: 8, holds: ["1GiB"], serves: "loads" },
      { name: "DTLB stores", entries: 16, ways: 16, holds: ["4KiB", "2MiB", "1GiB"], serves: "stores" },
    ],
    [{ name: "STLB", entries: 2048, ways: 16, holds: ["4KiB", "2MiB", "1GiB"] }],
  ],
};

/**
 * Intel Skylake (client and server), with its instruction TLB.
 *
 * Source: Intel, Optimization Reference Manual (248966-045), table 2-15. It does not give the ways of the ITLB for large
 * pages (8 entries a thread; fully associative by CPUID descriptor 76h). CPUID descriptor C3h says 6 ways for the second
 * level, the table says 12.
 */
export const SKYLAKE: ModelTlbConfig = {
  name: "skylake",
  levels: [
    [
      { name: "ITLB", entries: 128, ways: 8, holds: ["4KiB"], serves: "instructions" },
      { name: "ITLB large", entries: 8, ways: 8, holds: ["2MiB"], serves: "instructions" },
      { name: "DTLB", entries: 64, ways: 4, holds: ["4KiB"], serves: "data" },
      { name: "DTLB large", entries: 32, ways: 4, holds: ["2MiB"], serves: "data" },
      { name: "DTLB huge", entries: 4, ways: 4, holds: ["1GiB"], serves: "data" },
    ],
    [
      { name: "STLB", entries: 1536, ways: 12, holds: ["4KiB", "2MiB"] },
      { name: "STLB huge", entries: 16, ways: 4, holds: ["1GiB"] },
    ],
  ],
};

/**
 * Arm Cortex-A76 with a 4 KiB granule: two small first levels, and a second for both. 16 pages of 4 KiB that carry the
 * contiguous hint are one entry of 64 KiB; 1 GiB blocks are broken down for the first levels.
 *
 * Source: Arm Cortex-A76 Core Technical Reference Manual, sections A5.1.1 and A5.2 (entries, ways, sizes; the second level
 * holds 4 KiB, 64 KiB, 2 MiB and 1 GiB). Differs: the manual's prefetcher looks for accesses to one table after another and
 * fetches the next table; it is left out. An x86 page table has no contiguous hint: the walker looks whether the pages are
 * contiguous, which is what an operating system must ensure before it sets the hint. The second level also holds entries of
 * tables and of nested walks; here it has all its entries for pages.
 */
export const CORTEX_A76: ModelTlbConfig = {
  name: "cortex-a76",
  coalescePages: 16,
  levels: [
    [
      {
        name: "L1 instruction TLB",
        entries: 48,
        ways: 48,
        holds: ["4KiB", "coalesced", "2MiB"],
        serves: "instructions",
      },
      { name: "L1 data TLB", entries: 48, ways: 48, holds: ["4KiB", "coalesced", "2MiB"], serves: "data" },
    ],
    [{ name: "L2 TLB", entries: 1280, ways: 5, holds: ["4KiB", "coalesced", "2MiB", "1GiB"] }],
  ],
};

/** Sixteen entries, fully associative, one level, for every page size: a TLB to do by hand. */
export const TEACHING: ModelTlbConfig = {
  name: "teaching",
  levels: [[{ name: "TLB", entries: 16, ways: 16, holds: ["4KiB", "2MiB", "1GiB"] }]],
};

/** All presets. */
export const TLB_PRESETS: readonly ModelTlbConfig[] = [ZEN_4, GOLDEN_COVE, SKYLAKE, CORTEX_A76, TEACHING];

/** Finds a preset by name. Throws EINVAL that lists the known names when there is none. */
export function tlbPreset(name: string): ModelTlbConfig {
  const found = TLB_PRESETS.find((preset) => preset.name === name);
  if (found === undefined) {
    const known = TLB_PRESETS.map((preset) => preset.name).join(", ");
    throw new KernelError(EINVAL, `unknown TLB preset "${name}"; known: ${known}`);
  }
  return found;
}
