import {
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_UNEVICTABLE,
  NR_LRU_LISTS,
  PG_ACTIVE,
  PG_DIRTY,
  PG_LRU,
  PG_MLOCKED,
  PG_RECLAIM,
  PG_REFERENCED,
  PG_WRITEBACK,
  PGACTIVATE,
  PGDEACTIVATE,
  PGROTATED,
  UNEVICTABLE_PGS_RESCUED,
} from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  LruCache,
  MLOCK_ORDER_LRU,
  MLOCK_ORDER_NEW,
  MLOCK_ORDER_UNLOCK,
  type MlockHost,
  type PageReleaser,
  PAGEVEC_SIZE,
} from "../src/index.ts";
import { ANON, FILE, makeCompound, makeMachine, makeScan, type Machine } from "./helpers.ts";

class Releaser implements PageReleaser {
  readonly released: number[] = [];

  releasePage(pfn: number): void {
    this.released.push(pfn);
  }
}

/** Writes down what it is asked to do. */
class Mlock implements MlockHost {
  readonly settled: [pfn: number, order: number][] = [];
  readonly uncounted: number[] = [];

  settleMlocked(pfn: number, order: number): void {
    this.settled.push([pfn, order]);
  }

  noteUncounted(pfn: number): void {
    this.uncounted.push(pfn);
  }
}

const makeCache = (nrCpus = 2): Machine & { cache: LruCache; releaser: Releaser; mlock: Mlock } => {
  const machine = makeMachine("active-inactive");
  const releaser = new Releaser();
  const mlock = new Mlock();
  const cache = new LruCache({ ...machine, releaser, mlock, nrCpus });
  return { ...machine, cache, releaser, mlock };
};

describe("LruCache", () => {
  it("holds 30 pages back with a reference each and puts 31 on their lists in order", () => {
    const { memmap, policy, cache, host } = makeCache();
    for (let pfn = 0; pfn < 31; pfn++) {
      expect([cache.nrWaiting(0), policy.nrLruPages(0, LRU_INACTIVE_ANON)]).toEqual([pfn, 0]);
      memmap.flags[pfn] = ANON;
      memmap.refcount[pfn] = 1;
      cache.addPage(pfn, 0);
      if (pfn === 0) expect([memmap.refcount[0], memmap.hasFlags(0, PG_LRU)]).toEqual([2, false]);
    }
    expect([cache.nrWaiting(0), policy.nrLruPages(0, LRU_INACTIVE_ANON)]).toEqual([0, 31]);
    expect([memmap.refcount[0], memmap.hasFlags(0, PG_LRU), PAGEVEC_SIZE]).toEqual([1, true, 31]);
    policy.shrinkNode(makeScan({ priority: 0 }));
    expect(host.evicted.slice(0, 3)).toEqual([0, 1, 2]);
  });

  it("makes a page active that was used twice, when the batch is drained", () => {
    const { memmap, policy, cache, vmstat } = makeCache();
    memmap.flags[5] = FILE;
    memmap.refcount[5] = 1;
    policy.addPage(5);
    cache.markAccessed(5, 0);
    expect([memmap.flags[5] & (PG_REFERENCED | PG_ACTIVE), memmap.refcount[5]]).toEqual([PG_REFERENCED, 1]);
    cache.markAccessed(5, 0);
    expect([memmap.flags[5] & (PG_REFERENCED | PG_ACTIVE), memmap.refcount[5]]).toEqual([0, 2]);
    cache.drain(0);
    expect([memmap.flags[5] & (PG_REFERENCED | PG_ACTIVE), memmap.refcount[5]]).toEqual([PG_ACTIVE, 1]);
    expect([policy.nrLruPages(0, LRU_ACTIVE_FILE), vmstat.events[PGACTIVATE]]).toEqual([1, 1]);
  });

  it("makes a page active that is about to be locked: its turn to leave the lists comes after", () => {
    const { memmap, policy, cache, mlock } = makeCache();
    memmap.flags[5] = FILE;
    memmap.refcount[5] = 1;
    policy.addPage(5);
    memmap.flags[5] |= PG_MLOCKED;
    cache.queueMlock(5, MLOCK_ORDER_LRU, 0);
    cache.markAccessed(5, 0);
    cache.markAccessed(5, 0);
    cache.drain(0);
    expect([policy.nrLruPages(0, LRU_ACTIVE_FILE), mlock.settled]).toEqual([1, [[5, MLOCK_ORDER_LRU]]]);
  });

  it("lets a page that waits in this CPU's batch start as active when it is used twice, in another's not", () => {
    const { memmap, policy, cache } = makeCache();
    for (const pfn of [4, 5]) {
      memmap.flags[pfn] = FILE;
      memmap.refcount[pfn] = 1;
      cache.addPage(pfn, 0);
      for (let use = 0; use < 2; use++) cache.markAccessed(pfn, pfn === 4 ? 0 : 1);
    }
    cache.drainAll();
    expect([memmap.hasFlags(4, PG_ACTIVE), memmap.hasFlags(5, PG_ACTIVE | PG_REFERENCED)]).toEqual([
      true,
      false,
    ]);
    expect(policy.nrLruPages(0, LRU_ACTIVE_FILE)).toBe(1);
  });

  it("has pages locked and unlocked in order after all else, and tells of locked ones that came as new", () => {
    const { memmap, policy, cache, mlock } = makeCache();
    for (const pfn of [1, 2, 3]) {
      memmap.flags[pfn] = pfn === 2 ? ANON | PG_MLOCKED : ANON;
      memmap.refcount[pfn] = 1;
    }
    cache.queueMlock(1, MLOCK_ORDER_NEW, 0);
    cache.queueMlock(2, MLOCK_ORDER_LRU, 0);
    cache.queueMlock(1, MLOCK_ORDER_UNLOCK, 0);
    cache.addPage(2, 0);
    expect([mlock.settled, cache.isWaiting(1), cache.isWaiting(3), memmap.refcount[1]]).toEqual([
      [],
      true,
      false,
      3,
    ]);
    cache.drain(0);
    expect(mlock.uncounted).toEqual([2]);
    expect(mlock.settled).toEqual([
      [1, MLOCK_ORDER_NEW],
      [2, MLOCK_ORDER_LRU],
      [1, MLOCK_ORDER_UNLOCK],
    ]);
    expect([policy.nrLruPages(0, LRU_UNEVICTABLE), memmap.refcount[1]]).toEqual([1, 1]);
  });

  it("moves a page whose write ends to where reclaim looks next, when the batch is drained", () => {
    const { memmap, policy, cache, host, vmstat } = makeCache();
    for (const pfn of [1, 2, 3, 4, 5]) {
      memmap.flags[pfn] = pfn === 5 ? FILE | PG_ACTIVE : FILE;
      memmap.refcount[pfn] = 1;
      policy.addPage(pfn);
    }
    // 3 is still under writeback, as when folio_end_writeback() asks; 2 was dirtied again; 5 became active meanwhile.
    memmap.flags[3] |= PG_WRITEBACK;
    memmap.flags[2] |= PG_DIRTY;
    for (const pfn of [2, 3, 5]) cache.rotatePage(pfn, 0);
    expect([memmap.refcount[2], memmap.refcount[3], vmstat.events[PGROTATED]]).toEqual([1, 2, 0]);
    memmap.flags[3] &= ~PG_WRITEBACK;
    cache.drain(0);
    expect([memmap.refcount[3], vmstat.events[PGROTATED], policy.nrLruPages(0, LRU_ACTIVE_FILE)]).toEqual([
      1, 2, 0,
    ]);
    policy.shrinkNode(makeScan({ priority: 0 }));
    expect(host.evicted).toEqual([5, 3, 1, 2, 4]);
  });

  it("sends file pages that nobody wants to the old end, to the new end those to be written, and leaves mapped ones", () => {
    // mm/swap.c, lru_deactivate_file(): cases 1 to 5.
    const { memmap, policy, cache, host, vmstat } = makeCache();
    for (const pfn of [1, 2, 3, 4, 5]) {
      memmap.flags[pfn] = pfn >= 4 ? FILE | PG_ACTIVE | PG_REFERENCED : FILE | PG_REFERENCED;
      memmap.refcount[pfn] = 1;
      policy.addPage(pfn);
    }
    memmap.flags[4] |= PG_DIRTY;
    memmap.mapcount[5] = 1;
    for (const pfn of [3, 4, 5]) cache.deactivateFilePage(pfn, 0);
    cache.drain(0);
    expect([3, 4, 5].map((pfn) => memmap.flags[pfn] & (PG_ACTIVE | PG_REFERENCED | PG_RECLAIM))).toEqual([
      0,
      PG_RECLAIM,
      PG_ACTIVE | PG_REFERENCED,
    ]);
    expect([vmstat.events[PGROTATED], vmstat.events[PGDEACTIVATE]]).toEqual([1, 1]);
    policy.removePage(5);
    policy.shrinkNode(makeScan({ priority: 0 }));
    expect(host.evicted).toEqual([3, 1, 2, 4]);
  });

  it("counts pages that become inactive by advice", () => {
    const { memmap, policy, cache, vmstat } = makeCache();
    for (const pfn of [1, 2]) {
      memmap.flags[pfn] = pfn === 1 ? ANON | PG_ACTIVE | PG_REFERENCED : ANON;
      memmap.refcount[pfn] = 1;
      policy.addPage(pfn);
      cache.deactivatePage(pfn, 0);
    }
    cache.drain(0);
    expect([vmstat.events[PGDEACTIVATE], memmap.flags[1] & (PG_ACTIVE | PG_REFERENCED)]).toEqual([1, 0]);
    expect(policy.nrLruPages(0, LRU_INACTIVE_ANON)).toBe(2);
  });

  it("releases a page that was freed while it waited when the batch is drained, and not before", () => {
    const { memmap, policy, cache, releaser } = makeCache();
    for (const pfn of [3, 4]) {
      memmap.flags[pfn] = ANON;
      memmap.refcount[pfn] = 1;
      cache.addPage(pfn, 0);
    }
    expect(memmap.putPageTestzero(3)).toBe(false);
    expect(releaser.released).toEqual([]);
    cache.drain(0);
    expect(releaser.released).toEqual([3]);
    expect([memmap.refcount[3], memmap.hasFlags(3, PG_LRU), memmap.hasFlags(4, PG_LRU)]).toEqual([
      0,
      false,
      true,
    ]);
    policy.checkInvariants();
  });

  it("drains one CPU or all", () => {
    const { memmap, policy, cache } = makeCache(3);
    for (let cpu = 0; cpu < 3; cpu++) {
      memmap.flags[cpu] = FILE | PG_ACTIVE;
      memmap.refcount[cpu] = 1;
      cache.addPage(cpu, cpu);
    }
    cache.drain(1);
    expect([policy.nrLruPages(0, LRU_ACTIVE_FILE), cache.isWaiting(1), cache.isWaiting(2)]).toEqual([
      1,
      false,
      true,
    ]);
    cache.drainAll();
    expect(policy.nrLruPages(0, LRU_ACTIVE_FILE)).toBe(3);
  });

  it("drains at once for a compound page", () => {
    const machine = makeCache();
    makeCompound(machine, 16, 4, ANON);
    machine.cache.addPage(16, 0);
    expect(machine.policy.nrLruPages(0, LRU_INACTIVE_ANON)).toBe(16);
  });

  it("takes a page off to be locked and puts it back, rescued, after", () => {
    const { memmap, policy, cache, vmstat } = makeCache();
    memmap.flags[9] = FILE | PG_ACTIVE;
    memmap.refcount[9] = 1;
    cache.addPage(9, 0);
    expect(cache.isolatePage(9)).toBe(false);
    cache.drain(0);
    expect(cache.isolatePage(9)).toBe(true);
    expect([memmap.refcount[9], memmap.hasFlags(9, PG_ACTIVE), memmap.hasFlags(9, PG_LRU)]).toEqual([
      2,
      true,
      false,
    ]);
    memmap.setFlags(9, PG_MLOCKED);
    cache.putbackPage(9, 0);
    cache.drain(0);
    expect([memmap.refcount[9], policy.nrLruPages(0, LRU_UNEVICTABLE)]).toEqual([1, 1]);
    cache.isolatePage(9);
    memmap.clearFlags(9, PG_MLOCKED);
    cache.putbackPage(9, 0);
    cache.drain(0);
    expect([policy.nrLruPages(0, LRU_UNEVICTABLE), vmstat.events[UNEVICTABLE_PGS_RESCUED]]).toEqual([0, 1]);
    policy.checkInvariants();
  });

  it("releases an isolated page that its owner freed", () => {
    const { memmap, cache, releaser } = makeCache();
    memmap.flags[9] = ANON;
    memmap.refcount[9] = 1;
    cache.addPage(9, 0);
    cache.drain(0);
    cache.isolatePage(9);
    memmap.putPageTestzero(9);
    cache.putbackPage(9, 0);
    cache.drain(0);
    expect(releaser.released).toEqual([9]);
  });

  it("refuses a machine without CPUs", () => {
    expect(() => makeCache(0)).toThrow("EINVAL: nrCpus (0) must be a positive integer");
  });

  it("loses no page and no reference through any operations", () => {
    const pfn = fc.nat(63);
    const operation = fc.oneof(
      { weight: 5, arbitrary: fc.record({ op: fc.constant("add" as const), pfn, cpu: fc.nat(1) }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant("free" as const), pfn, cpu: fc.nat(1) }) },
      fc.record({ op: fc.constant("drain" as const), pfn, cpu: fc.nat(1) }),
      fc.record({ op: fc.constant("rotate" as const), pfn, cpu: fc.nat(1) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const { memmap, policy, cache, releaser } = makeCache();
        const owned = new Set<number>();
        for (const step of operations) {
          if (step.op === "add" && memmap.refcount[step.pfn] === 0) {
            memmap.flags[step.pfn] = ANON;
            memmap.refcount[step.pfn] = 1;
            cache.addPage(step.pfn, step.cpu);
            owned.add(step.pfn);
          } else if (step.op === "free" && owned.delete(step.pfn) && memmap.putPageTestzero(step.pfn)) {
            policy.removePage(step.pfn);
          } else if (step.op === "drain") {
            cache.drain(step.cpu);
          } else if (step.op === "rotate" && cache.isolatePage(step.pfn)) {
            cache.putbackPage(step.pfn, step.cpu);
          }
          cache.checkInvariants();
          policy.checkInvariants();
          for (let at = 0; at < 64; at++) {
            expect(memmap.refcount[at]).toBe((owned.has(at) ? 1 : 0) + (cache.isWaiting(at) ? 1 : 0));
          }
        }
        cache.drainAll();
        let nrListed = 0;
        for (let lru = 0; lru < NR_LRU_LISTS; lru++) nrListed += policy.nrLruPages(0, lru);
        expect(nrListed).toBe(owned.size);
        expect(releaser.released.filter((at) => memmap.hasFlags(at, PG_LRU) && !owned.has(at))).toEqual([]);
      }),
      { seed: 31, numRuns: 100 },
    );
  });
});
