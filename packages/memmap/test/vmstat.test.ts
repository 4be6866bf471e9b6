import {
  NR_ANON_PAGES,
  NR_FREE_PAGES,
  NR_UNACCEPTED,
  NUMA_HIT,
  NUMA_OTHER,
  PGFAULT,
  PGMAJFAULT,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { VmStat } from "../src/index.ts";

describe("VmStat", () => {
  it("keeps zones, nodes and events apart and sums them over the machine", () => {
    const vmstat = new VmStat(2);
    vmstat.modZone(2, NR_FREE_PAGES, 10);
    vmstat.modZone(7, NR_FREE_PAGES, 5);
    vmstat.modZone(1, NR_UNACCEPTED, 99);
    vmstat.modNuma(7, NUMA_HIT, 3);
    vmstat.modNuma(0, NUMA_OTHER, 4);
    vmstat.modNode(1, NR_ANON_PAGES, 8);
    vmstat.modNode(1, NR_ANON_PAGES, -2);
    vmstat.countEvents(PGFAULT, 1);
    expect([vmstat.zoneStat(2, NR_FREE_PAGES), vmstat.zoneStat(7, NR_FREE_PAGES)]).toEqual([10, 5]);
    expect(vmstat.globalZone(NR_FREE_PAGES)).toBe(15);
    expect([
      vmstat.numaStat(7, NUMA_HIT),
      vmstat.globalNuma(NUMA_HIT),
      vmstat.globalNuma(NUMA_OTHER),
    ]).toEqual([3, 3, 4]);
    expect([vmstat.nodeStat(0, NR_ANON_PAGES), vmstat.nodeStat(1, NR_ANON_PAGES)]).toEqual([0, 6]);
    expect(vmstat.globalNode(NR_ANON_PAGES)).toBe(6);
    expect([vmstat.events[PGFAULT], vmstat.events[PGMAJFAULT]]).toEqual([1, 0]);
  });

  it("counts past 2^32 exactly", () => {
    const vmstat = new VmStat(1);
    vmstat.countEvents(PGFAULT, 2 ** 40);
    vmstat.countEvents(PGFAULT, 1);
    expect(vmstat.events[PGFAULT]).toBe(1099511627777);
  });
});
