import { describe, expect, it } from "vitest";
import {
  LRU_ACTIVE_FILE,
  NO_SHADOW,
  PG_ACTIVE,
  PG_REFERENCED,
  PG_WORKINGSET,
  PGDEACTIVATE,
  WORKINGSET_ACTIVATE_ANON,
  WORKINGSET_ACTIVATE_FILE,
  WORKINGSET_REFAULT_ANON,
  WORKINGSET_REFAULT_FILE,
  WORKINGSET_RESTORE_ANON,
  WORKINGSET_RESTORE_FILE,
} from "@pageframe/contracts";
import { ActiveInactivePolicy, simulateReplacement } from "../src/index.ts";
import { addPages, ANON, FILE, type Machine, makeCompound, makeMachine, makeScan } from "./helpers.ts";

interface WorkingsetMachine extends Machine {
  readonly policy: ActiveInactivePolicy;
}

function newMachine(nrFrames = 256, nrNodes = 1): WorkingsetMachine {
  const machine = makeMachine("active-inactive", nrFrames, nrNodes);
  if (!(machine.policy instanceof ActiveInactivePolicy)) throw new Error("another policy");
  return { ...machine, policy: machine.policy };
}

/** Evicts a page of a kind that is on no list; returns its shadow. */
function evict({ memmap, policy }: WorkingsetMachine, pfn: number, flags: number): number {
  memmap.flags[pfn] = flags;
  return policy.evictedShadow(pfn);
}

/** Brings a page back; returns its flags. */
function refault({ memmap, policy }: WorkingsetMachine, pfn: number, kind: number, shadow: number): number {
  memmap.flags[pfn] = kind;
  policy.refault(pfn, shadow);
  return memmap.flags[pfn];
}

/** Lets `nr` other pages be evicted. */
function pass(machine: WorkingsetMachine, nr: number): void {
  for (let page = 0; page < nr; page++) evict(machine, 250, FILE);
}

const stats = ({ vmstat }: Machine, ...items: number[]): number[] =>
  items.map((item) => vmstat.nodeStat(0, item));

describe("Workingset", () => {
  it("makes a file page active that comes back after no more evictions than there are active file pages", () => {
    // mm/workingset.c: (R - E) <= NR_active_file when there is no swap. R - E counts the page's own eviction.
    const machine = newMachine();
    machine.host.freeSwapSlots = 0;
    addPages(machine, 0, 20, FILE | PG_ACTIVE);
    addPages(machine, 20, 50, FILE);
    addPages(machine, 100, 50, ANON | PG_ACTIVE);
    const shadow = evict(machine, 249, FILE);
    pass(machine, 19);
    expect(refault(machine, 249, FILE, shadow) & PG_ACTIVE).toBe(PG_ACTIVE);
    // That activation moved the clock on, too.
    expect(refault(machine, 249, FILE, shadow) & PG_ACTIVE).toBe(0);
    expect(stats(machine, WORKINGSET_REFAULT_FILE, WORKINGSET_ACTIVATE_FILE)).toEqual([2, 1]);
    expect(stats(machine, WORKINGSET_RESTORE_FILE, WORKINGSET_REFAULT_ANON)).toEqual([0, 0]);
  });

  it.each([
    // What a page competes with, of 3 active file, 5 inactive file, 7 active anon, 11 inactive anon pages.
    { kind: "file", flags: FILE, swap: 0, places: 3 },
    { kind: "file", flags: FILE, swap: 1, places: 3 + 7 + 11 },
    { kind: "anonymous", flags: ANON, swap: 0, places: 3 + 5 },
    { kind: "anonymous", flags: ANON, swap: 1, places: 3 + 5 + 7 },
  ])(
    "lets a $kind page compete with $places pages when $swap swap slots are free",
    ({ flags, swap, places }) => {
      const machine = newMachine();
      machine.host.freeSwapSlots = swap;
      addPages(machine, 0, 3, FILE | PG_ACTIVE);
      addPages(machine, 10, 5, FILE);
      addPages(machine, 20, 7, ANON | PG_ACTIVE);
      addPages(machine, 30, 11, ANON);
      const shadow = evict(machine, 249, flags);
      const isFile = flags === FILE;
      pass(machine, places - 1);
      expect(machine.policy.workingset.testRecent(shadow, isFile)).toBe(true);
      pass(machine, 1);
      expect(machine.policy.workingset.testRecent(shadow, isFile)).toBe(false);
    },
  );

  it("restores PG_WORKINGSET and charges the list for a page that had been active", () => {
    const machine = newMachine();
    addPages(machine, 0, 200, ANON | PG_ACTIVE);
    const shadow = evict(machine, 249, ANON | PG_WORKINGSET);
    expect(refault(machine, 249, ANON, shadow) & (PG_ACTIVE | PG_WORKINGSET)).toBe(PG_ACTIVE | PG_WORKINGSET);
    expect(
      stats(machine, WORKINGSET_REFAULT_ANON, WORKINGSET_ACTIVATE_ANON, WORKINGSET_RESTORE_ANON),
    ).toEqual([1, 1, 1]);
    // SWAP_CLUSTER_MAX for one page read back: 32, below a quarter of 200, so not halved.
    expect([machine.policy.balance.anonCost[0], machine.policy.balance.fileCost[0]]).toEqual([32, 0]);
  });

  it("moves the clock on by the pages of a folio, for evictions, second uses and pages that reclaim activates", () => {
    const machine = newMachine();
    const { policy, memmap, host } = machine;
    const { nonresidentAge } = policy.workingset;
    makeCompound(machine, 16, 4, FILE);
    policy.evictedShadow(16);
    expect(nonresidentAge[0]).toBe(16);
    memmap.flags[3] = FILE;
    expect([policy.markAccessed(3), nonresidentAge[0]]).toEqual([false, 16]);
    expect([policy.markAccessed(3), nonresidentAge[0]]).toEqual([true, 17]);
    // Two old pages that were used twice become active; the third is evicted, which the test's host does not tell.
    addPages(machine, 100, 2, FILE | PG_REFERENCED);
    addPages(machine, 102, 1, FILE);
    host.accessed.fill(1, 100, 102);
    policy.shrinkNode(makeScan({ priority: 0 }));
    expect([host.evicted, policy.nrLruPages(0, LRU_ACTIVE_FILE), nonresidentAge[0]]).toEqual([[102], 2, 19]);
  });

  it("keeps nodes apart: the clock is that of the node that evicted, the counts are those of the new frame's", () => {
    const machine = newMachine(256, 3);
    const { policy, memmap, vmstat } = machine;
    for (let page = 0; page < 5; page++) evict(machine, 600, FILE);
    memmap.flags[601] = FILE;
    const shadow = policy.evictedShadow(601);
    expect([...policy.workingset.nonresidentAge]).toEqual([0, 0, 6]);
    machine.host.freeSwapSlots = 0;
    expect(refault(machine, 1, FILE, shadow) & PG_ACTIVE).toBe(0);
    addPages(machine, 700, 1, FILE | PG_ACTIVE);
    expect(refault(machine, 1, FILE, shadow) & PG_ACTIVE).toBe(PG_ACTIVE);
    expect([0, 1, 2].map((node) => vmstat.nodeStat(node, WORKINGSET_REFAULT_FILE))).toEqual([2, 0, 0]);
    expect([...policy.workingset.nonresidentAge]).toEqual([1, 0, 6]);
  });

  it("tells distances across the end of the age's bits", () => {
    const machine = newMachine();
    const { workingset } = machine.policy;
    machine.host.freeSwapSlots = 0;
    addPages(machine, 0, 20, FILE | PG_ACTIVE);
    // One node: 29 bits.
    workingset.nonresidentAge[0] = 2 ** 29 - 5;
    const shadow = evict(machine, 249, FILE);
    expect([shadow, shadow >> 1]).toEqual([2 ** 30 - 10, 2 ** 29 - 5]);
    pass(machine, 19);
    expect(workingset.nonresidentAge[0]).toBe(2 ** 29 + 15);
    expect(workingset.testRecent(shadow, true)).toBe(true);
    pass(machine, 1);
    expect(workingset.testRecent(shadow, true)).toBe(false);
  });

  it("scans a short active list when pages came back as active since the last reclaim, and not after it", () => {
    const machine = newMachine();
    const { policy, vmstat, host } = machine;
    host.totalSwapSlots = host.freeSwapSlots = 0;
    addPages(machine, 0, 20, FILE | PG_ACTIVE);
    addPages(machine, 20, 100, FILE);
    const scan = makeScan({ priority: 2, nrToReclaim: 1 });
    policy.shrinkNode(scan);
    expect([vmstat.events[PGDEACTIVATE], scan.skippedDeactivate]).toEqual([0, true]);
    policy.snapshotRefaults(0);
    refault(machine, 249, FILE, evict(machine, 249, FILE));
    policy.shrinkNode(scan);
    // 20 >> 2 pages of the active list.
    expect(vmstat.events[PGDEACTIVATE]).toBe(5);
    policy.snapshotRefaults(0);
    policy.shrinkNode(scan);
    expect(vmstat.events[PGDEACTIVATE]).toBe(5);
  });

  it("does not hold anonymous refaults against the file lists", () => {
    const machine = newMachine();
    const { policy } = machine;
    addPages(machine, 0, 20, FILE | PG_ACTIVE);
    addPages(machine, 20, 100, FILE);
    addPages(machine, 130, 20, ANON | PG_ACTIVE);
    addPages(machine, 150, 50, ANON);
    refault(machine, 249, ANON, evict(machine, 249, ANON));
    policy.balance.prepare(0, makeScan({ priority: 1 }));
    expect([policy.balance.mayDeactivateAnon, policy.balance.mayDeactivateFile]).toEqual([true, false]);
  });

  it("lets a new working set that would fit displace an old one that is not used any more", () => {
    // 400 pages are used while 2000 others pass by once, so they become active. Then 900 new ones, again and again, in 1000
    // frames: they would push each other out of the 600 places that the old ones leave, 900 faults a round for ever.
    const old = Array.from({ length: 4000 }, (_, at) => at % 400);
    const mixed = Array.from({ length: 4000 }, (_, at) => (at % 2 === 0 ? (at / 2) % 400 : 100_000 + at));
    const next = Array.from({ length: 900 * 20 }, (_, at) => 1000 + (at % 900));
    const pages = Int32Array.from([...old, ...mixed, ...next]);
    expect(simulateReplacement("active-inactive", pages, 1000).faults).toBeLessThan(400 + 2000 + 900 * 3);
  });

  it("leaves no shadow under policies without it", () => {
    for (const name of ["clock", "fifo"]) {
      expect(makeMachine(name).policy.evictedShadow?.(0) ?? NO_SHADOW).toBe(NO_SHADOW);
    }
  });
});
