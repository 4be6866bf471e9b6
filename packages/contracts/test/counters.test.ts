import { describe, expect, it } from "vitest";
import * as contracts from "../src/index.ts";

/** Every list of names, and what the constants that index it may be called. */
const TABLES: readonly (readonly [string, readonly string[]])[] = [
  ["zone", contracts.ZONE_STAT_NAMES],
  ["numa", contracts.NUMA_STAT_NAMES],
  ["node", contracts.NODE_STAT_NAMES],
  ["computed", contracts.VMSTAT_COMPUTED_NAMES],
  ["event", contracts.VM_EVENT_NAMES],
];

describe("counters", () => {
  it.each(TABLES)("name each %s counter once, with a constant that is its index", (_kind, names) => {
    expect(new Set(names).size).toBe(names.length);
    const constants = contracts as unknown as Record<string, number | undefined>;
    names.forEach((name, index) => {
      expect([name, constants[name.toUpperCase()]]).toEqual([name, index]);
    });
  });

  it("together are /proc/vmstat, in its order", () => {
    const names = TABLES.flatMap(([, list]) => list);
    // Linux 6.18.15: 190 lines; the last, nr_unstable, is printed for old programs only. Lines by number, from 1.
    expect(names.length).toBe(189);
    const lines = { 1: "nr_free_pages", 13: "numa_hit", 19: "nr_inactive_anon", 70: "nr_dirty_threshold" };
    const later = { 74: "pgpgin", 97: "pgfault", 126: "oom_kill", 155: "thp_fault_alloc", 180: "swap_ra" };
    for (const [line, name] of Object.entries({ ...lines, ...later })) {
      expect([line, names[Number(line) - 1]]).toEqual([line, name]);
    }
  });
});

describe("tracepoints", () => {
  it("have a constant each that is their index", () => {
    const constants = contracts as unknown as Record<string, number | undefined>;
    contracts.TRACEPOINTS.forEach(({ name, args }, index) => {
      expect([name, constants[`TP_${name.toUpperCase()}`]]).toEqual([name, index]);
      expect(args.length).toBeLessThanOrEqual(4);
    });
  });
});
