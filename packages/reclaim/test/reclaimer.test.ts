import {
  __GFP_THISNODE,
  ALLOCSTALL_MOVABLE,
  ALLOCSTALL_NORMAL,
  EVICT_BUSY,
  EVICT_FREED,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOIO,
  KSWAPD_HIGH_WMARK_HIT_QUICKLY,
  MAX_NR_ZONES,
  NO_MEMORY_PRESSURE_HANDLER,
  NUMA_NO_NODE,
  PAGEOUTRUN,
  PGDEACTIVATE,
  PGSTEAL_DIRECT,
  PGSTEAL_KSWAPD,
  PG_ACTIVE,
  TP_MM_VMSCAN_DIRECT_RECLAIM_BEGIN,
  TP_MM_VMSCAN_DIRECT_RECLAIM_END,
  TP_MM_VMSCAN_KSWAPD_SLEEP,
  TP_MM_VMSCAN_KSWAPD_WAKE,
  ZONE_NORMAL,
} from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LruCache, MAX_RECLAIM_RETRIES, Reclaimer, reclaimPolicies } from "../src/index.ts";
import { addPages, ANON, FILE, makeMachine, type Machine, TestFrames, TestTrace } from "./helpers.ts";

const WATERMARKS: [number, number, number] = [100, 125, 150];

type Setup = Machine & { reclaimer: Reclaimer; frames: TestFrames; trace: TestTrace; lru: LruCache };

const makeReclaimer = (policyName: string, nrFramesPerNode = 2000, nrNodes = 1): Setup => {
  const trace = new TestTrace();
  const machine = makeMachine(policyName, nrFramesPerNode, nrNodes);
  const frames = new TestFrames(machine.memmap, nrNodes, WATERMARKS);
  machine.host.frames = frames;
  const lru = new LruCache({
    ...machine,
    releaser: { releasePage: () => undefined },
    mlock: { settleMlocked: () => undefined, noteUncounted: () => undefined },
    nrCpus: nrNodes,
  });
  const reclaimer = new Reclaimer({ ...machine, frames, lru, nrNodes, trace });
  return { ...machine, reclaimer, frames, trace, lru };
};
const zoneOf = (node: number): number => node * MAX_NR_ZONES + ZONE_NORMAL;

/** Lets kswapd run until it sleeps; returns its steps. */
const runKswapd = (reclaimer: Reclaimer, node = 0): number => {
  let nrSteps = 0;
  while (reclaimer.isKswapdPending(node)) {
    reclaimer.kswapdStep(node);
    if (++nrSteps > 1000) throw new Error("kswapd never sleeps");
  }
  return nrSteps;
};

describe.each(reclaimPolicies.map((occupant) => occupant.name))("Reclaimer with %s", (name) => {
  it("frees pages ahead of need until the high watermark is passed, then sleeps", () => {
    const { reclaimer, frames, host, policy, vmstat, trace, ...machine } = makeReclaimer(name);
    addPages({ ...machine, host, policy, vmstat }, 0, 1900, FILE);
    frames.nrFree[zoneOf(0)] = 90;
    reclaimer.wakeKswapd(0, 0, ZONE_NORMAL);
    expect(reclaimer.isKswapdPending(0)).toBe(true);
    expect(runKswapd(reclaimer)).toBe(1);
    const free = frames.nrFree[zoneOf(0)];
    // A round aims at 150 pages and overshoots by less than a batch of each list.
    expect(free).toBeGreaterThan(150);
    expect(free).toBeLessThan(150 + 150 + 32);
    expect(vmstat.events[PGSTEAL_KSWAPD]).toBe(free - 90);
    expect(vmstat.events[PGSTEAL_DIRECT]).toBe(0);
    expect(vmstat.events[PAGEOUTRUN]).toBe(1);
    expect(trace.of(TP_MM_VMSCAN_KSWAPD_WAKE)).toEqual([[0, ZONE_NORMAL, 0, 0]]);
    expect(trace.of(TP_MM_VMSCAN_KSWAPD_SLEEP)).toEqual([[0, 0, 0, 0]]);
    expect(reclaimer.kswapdStep(0)).toBe(0);
    policy.checkInvariants();
  });

  it("does not wake while the node is balanced", () => {
    const { reclaimer, frames } = makeReclaimer(name);
    frames.nrFree[zoneOf(0)] = 151;
    reclaimer.wakeKswapd(0, 0, ZONE_NORMAL);
    expect(reclaimer.isKswapdPending(0)).toBe(false);
    frames.nrFree[zoneOf(0)] = 150;
    reclaimer.wakeKswapd(0, 0, ZONE_NORMAL);
    expect(reclaimer.isKswapdPending(0)).toBe(true);
  });

  it("gives up after 16 rounds that freed nothing, and is revived by a direct reclaim that did", () => {
    const setup = makeReclaimer(name);
    const { reclaimer, host, vmstat } = setup;
    addPages(setup, 0, 100, ANON);
    host.verdict.fill(EVICT_BUSY);
    reclaimer.wakeKswapd(0, 0, ZONE_NORMAL);
    expect(runKswapd(reclaimer)).toBe(16);
    expect([reclaimer.kswapdFailures[0], MAX_RECLAIM_RETRIES]).toEqual([16, 16]);
    expect(vmstat.events[KSWAPD_HIGH_WMARK_HIT_QUICKLY]).toBe(15);
    reclaimer.wakeKswapd(0, 0, ZONE_NORMAL);
    expect(reclaimer.isKswapdPending(0)).toBe(false);
    host.verdict.fill(EVICT_FREED);
    expect(reclaimer.directReclaim(GFP_KERNEL, 0, 0)).toBeGreaterThanOrEqual(32);
    reclaimer.wakeKswapd(0, 0, ZONE_NORMAL);
    expect(reclaimer.isKswapdPending(0)).toBe(true);
  });

  it("goes on for single pages when twice a block was freed without one coming together", () => {
    const setup = makeReclaimer(name);
    const { reclaimer, frames, trace } = setup;
    addPages(setup, 0, 1900, FILE);
    frames.nrFree[zoneOf(0)] = 140;
    reclaimer.wakeKswapd(0, 3, ZONE_NORMAL);
    runKswapd(reclaimer);
    expect(frames.nrFree[zoneOf(0)]).toBeLessThan(140 + 150 + 32);
    expect(trace.of(TP_MM_VMSCAN_KSWAPD_WAKE)).toEqual([[0, ZONE_NORMAL, 3, 0]]);
  });

  it("keeps to its own node", () => {
    const setup = makeReclaimer(name, 1000, 2);
    const { reclaimer, frames, host } = setup;
    addPages(setup, 0, 2000, FILE);
    reclaimer.wakeKswapd(1, 0, ZONE_NORMAL);
    runKswapd(reclaimer, 1);
    expect([frames.nrFree[zoneOf(0)], reclaimer.isKswapdPending(0)]).toEqual([0, false]);
    expect(Math.min(...host.evicted)).toBe(1000);
  });

  it("reclaims at least 32 pages for an allocation, from all nodes of its zonelist", () => {
    const setup = makeReclaimer(name, 1000, 2);
    const { reclaimer, frames, vmstat, trace } = setup;
    addPages(setup, 0, 2000, FILE);
    const nrReclaimed = reclaimer.directReclaim(GFP_HIGHUSER_MOVABLE, 0, 1);
    expect(nrReclaimed).toBeGreaterThanOrEqual(32);
    expect(frames.nrFreePages()).toBe(nrReclaimed);
    expect(frames.nrFree[zoneOf(0)]).toBeGreaterThan(0);
    expect([vmstat.events[PGSTEAL_DIRECT], vmstat.events[ALLOCSTALL_MOVABLE]]).toEqual([nrReclaimed, 1]);
    expect(trace.of(TP_MM_VMSCAN_DIRECT_RECLAIM_BEGIN)).toEqual([[0, GFP_HIGHUSER_MOVABLE, 0, 0]]);
    expect(trace.of(TP_MM_VMSCAN_DIRECT_RECLAIM_END)).toEqual([[nrReclaimed, 0, 0, 0]]);
  });

  it("reclaims from one node only when the allocation wants that one", () => {
    const setup = makeReclaimer(name, 1000, 2);
    const { reclaimer, frames } = setup;
    addPages(setup, 0, 2000, FILE);
    reclaimer.currentCpu = 1;
    reclaimer.directReclaim(GFP_KERNEL | __GFP_THISNODE, 0, NUMA_NO_NODE);
    expect(frames.nrFree[zoneOf(0)]).toBe(0);
    expect(frames.nrFree[zoneOf(1)]).toBeGreaterThanOrEqual(32);
  });

  it("returns 0 when nothing can go, after a second try", () => {
    const setup = makeReclaimer(name);
    const { reclaimer, host, vmstat, policy } = setup;
    addPages(setup, 0, 200, ANON);
    host.verdict.fill(EVICT_BUSY);
    expect(reclaimer.directReclaim(GFP_KERNEL, 0, 0)).toBe(0);
    expect(vmstat.events[ALLOCSTALL_NORMAL]).toBe(2);
    policy.checkInvariants();
  });

  it("does not swap for an allocation that may do no I/O", () => {
    const setup = makeReclaimer(name);
    addPages(setup, 0, 200, ANON);
    expect(setup.reclaimer.directReclaim(GFP_NOIO, 0, 0)).toBe(0);
    expect(setup.host.asked).toEqual([]);
  });

  it("does not reclaim within reclaim", () => {
    const setup = makeReclaimer(name);
    const { reclaimer, host } = setup;
    addPages(setup, 0, 200, FILE);
    host.nested = {
      ...NO_MEMORY_PRESSURE_HANDLER,
      directReclaim: () => reclaimer.directReclaim(GFP_KERNEL, 0, 0) + reclaimer.kswapdStep(0),
    };
    reclaimer.wakeKswapd(0, 0, ZONE_NORMAL);
    expect(reclaimer.directReclaim(GFP_KERNEL, 0, 0)).toBeGreaterThanOrEqual(32);
    expect(host.nestedReclaimed).toBe(0);
    expect(reclaimer.isKswapdPending(0)).toBe(true);
  });

  it("does the same for the same events, and always ends", () => {
    const run = (seedEvents: readonly (readonly [number, number])[]): number[] => {
      const setup = makeReclaimer(name, 300, 2);
      const { reclaimer, frames, host, policy, memmap } = setup;
      let nextPfn = 0;
      for (const [event, at] of seedEvents) {
        if (event < 4) {
          for (let nr = 0; nr < 60; nr++) {
            const pfn = nextPfn++ % 600;
            if (memmap.refcount[pfn] !== 0) continue;
            addPages(setup, pfn, 1, event === 0 ? ANON : event === 1 ? FILE : ANON | PG_ACTIVE);
            host.accessed[pfn] = 1;
          }
        } else if (event === 4) host.verdict[at] = at % 5;
        else if (event === 5) reclaimer.wakeKswapd(at % 2, at % 4, ZONE_NORMAL);
        else if (event === 6) runKswapd(reclaimer, at % 2);
        else if (event === 7) reclaimer.directReclaim(GFP_KERNEL, 0, at % 2);
        else frames.nrFree[zoneOf(at % 2)] = 0;
        policy.checkInvariants();
      }
      return [...host.evicted, ...frames.nrFree];
    };
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(8), fc.nat(599)), { maxLength: 40 }), (events) => {
        expect(run(events)).toEqual(run(events));
      }),
      { seed: 7, numRuns: 40 },
    );
  });
});

describe("Reclaimer", () => {
  it("takes from active lists that two tries spared", () => {
    const setup = makeReclaimer("active-inactive");
    const { reclaimer, host, vmstat } = setup;
    addPages(setup, 0, 50, FILE | PG_ACTIVE);
    addPages(setup, 50, 50, FILE);
    host.verdict.fill(EVICT_BUSY, 50, 100);
    expect(reclaimer.directReclaim(GFP_KERNEL, 0, 0)).toBeGreaterThan(0);
    expect(vmstat.events[ALLOCSTALL_NORMAL]).toBe(3);
    expect(Math.max(...host.evicted)).toBeLessThan(50);
    expect(vmstat.events[PGDEACTIVATE]).toBeGreaterThanOrEqual(host.evicted.length);
  });

  it("lets kswapd turn to anonymous pages when inactive file pages cannot go", () => {
    const setup = makeReclaimer("active-inactive");
    const { reclaimer, host } = setup;
    addPages(setup, 0, 500, ANON);
    addPages(setup, 500, 1000, FILE);
    host.verdict.fill(EVICT_BUSY, 500);
    reclaimer.wakeKswapd(0, 0, ZONE_NORMAL);
    reclaimer.kswapdStep(0);
    expect(reclaimer.kswapdFailures[0]).toBe(0);
    expect(host.evicted.length).toBeGreaterThan(150);
  });

  it("visits nodes in the order of the zonelist that the allocator uses", () => {
    const setup = makeReclaimer("fifo", 40, 3);
    addPages(setup, 0, 120, FILE);
    const zonelists = {
      fallback: [Int32Array.of(2, 12, 7), Int32Array.of(7, 2, 12), Int32Array.of(12, 2, 7)],
      thisNode: [Int32Array.of(2), Int32Array.of(7), Int32Array.of(12)],
    };
    const reclaimer = new Reclaimer({ ...setup, nrNodes: 3, zonelists });
    reclaimer.directReclaim(GFP_KERNEL, 0, 0);
    // 40 >> 5 = 1 page of each node in the first round that finds any: 0 of node 0, 80 of node 2, 40 of node 1.
    expect(setup.host.evicted.slice(0, 3)).toEqual([0, 80, 40]);
  });

  it("refuses zonelists for another number of nodes", () => {
    const setup = makeReclaimer("fifo");
    const zonelists = { fallback: [Int32Array.of(2), Int32Array.of(7)], thisNode: [] };
    expect(() => new Reclaimer({ ...setup, nrNodes: 1, zonelists })).toThrow(
      "EINVAL: zonelists are for 2 nodes, the machine has 1",
    );
  });
});
