import {
  EVICT_BUSY,
  EVICT_FREED,
  EVICT_IO_ERROR,
  EVICT_NO_SWAP,
  EVICT_UNEVICTABLE,
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
  NR_LRU_LISTS,
  PG_ACTIVE,
  PG_LRU,
  PG_MLOCKED,
  PG_UNEVICTABLE,
  PGSCAN_ANON,
  PGSCAN_DIRECT,
  PGSCAN_FILE,
  PGSCAN_KSWAPD,
  PGSKIP_NORMAL,
  PGSTEAL_ANON,
  PGSTEAL_DIRECT,
  PGSTEAL_FILE,
  PGSTEAL_KSWAPD,
  type ReclaimPolicy,
  UNEVICTABLE_PGS_CULLED,
  ZONE_DMA32,
} from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addPage, addPages, ANON, FILE, makeCompound, makeMachine, makeScan } from "./helpers.ts";

const nrAnon = (policy: ReclaimPolicy, node = 0): number =>
  policy.nrLruPages(node, LRU_INACTIVE_ANON) + policy.nrLruPages(node, LRU_ACTIVE_ANON);
const nrFile = (policy: ReclaimPolicy, node = 0): number =>
  policy.nrLruPages(node, LRU_INACTIVE_FILE) + policy.nrLruPages(node, LRU_ACTIVE_FILE);

/** What every occupant of the reclaim seat does. */
export function describeReclaimPolicy(name: string): void {
  describe(`reclaim policy ${name}`, () => {
    it("counts pages by kind while they are on its lists, and marks them PG_LRU", () => {
      const machine = makeMachine(name);
      const { memmap, policy } = machine;
      addPages(machine, 0, 3, ANON);
      addPages(machine, 3, 2, FILE);
      expect([nrAnon(policy), nrFile(policy), memmap.hasFlags(4, PG_LRU)]).toEqual([3, 2, true]);
      policy.removePage(4);
      policy.removePage(0);
      expect([nrAnon(policy), nrFile(policy), memmap.hasFlags(4, PG_LRU)]).toEqual([2, 1, false]);
      expect(memmap.lists.isListed(4)).toBe(false);
      policy.checkInvariants();
    });

    it("counts a compound page with all its pages", () => {
      const machine = makeMachine(name);
      makeCompound(machine, 16, 4, ANON);
      machine.policy.addPage(16);
      expect(nrAnon(machine.policy)).toBe(16);
      machine.policy.checkInvariants();
      machine.policy.removePage(16);
      expect(nrAnon(machine.policy)).toBe(0);
    });

    it("looks first at a page that was rotated", () => {
      const machine = makeMachine(name);
      addPages(machine, 0, 4, FILE);
      machine.policy.rotatePage?.(2);
      machine.policy.checkInvariants();
      machine.policy.shrinkNode(makeScan({ priority: 0 }));
      expect(machine.host.evicted).toEqual([2, 0, 1, 3]);
    });

    it("stops at a page that is added twice or removed twice", () => {
      const machine = makeMachine(name);
      addPage(machine, 7, ANON);
      expect(() => machine.policy.addPage(7)).toThrow(/pfn 7 is put on a list while on one/);
      machine.policy.removePage(7);
      expect(() => machine.policy.removePage(7)).toThrow(/pfn 7 is taken off a list while on none/);
    });

    it("frees pages that nobody uses and counts each once", () => {
      const machine = makeMachine(name);
      const { host, policy, vmstat } = machine;
      addPages(machine, 0, 64, ANON);
      const sc = makeScan({ priority: 0 });
      policy.shrinkNode(sc);
      expect(sc.nrReclaimed).toBeGreaterThanOrEqual(32);
      expect(host.evicted.length).toBe(sc.nrReclaimed);
      expect(nrAnon(policy)).toBe(64 - sc.nrReclaimed);
      expect(vmstat.events[PGSTEAL_DIRECT]).toBe(sc.nrReclaimed);
      expect(vmstat.events[PGSTEAL_ANON]).toBe(sc.nrReclaimed);
      expect(vmstat.events[PGSCAN_DIRECT]).toBe(vmstat.events[PGSCAN_ANON]);
      expect(vmstat.events[PGSTEAL_KSWAPD]).toBe(0);
      policy.checkInvariants();
    });

    it("counts what kswapd scans and frees as kswapd's", () => {
      const machine = makeMachine(name);
      const { policy, vmstat } = machine;
      addPages(machine, 0, 64, FILE);
      const sc = makeScan({ priority: 0, isKswapd: true });
      policy.shrinkNode(sc);
      expect(vmstat.events[PGSTEAL_KSWAPD]).toBe(sc.nrReclaimed);
      expect(vmstat.events[PGSTEAL_FILE]).toBe(sc.nrReclaimed);
      expect(vmstat.events[PGSCAN_KSWAPD]).toBe(vmstat.events[PGSCAN_FILE]);
      expect(vmstat.events[PGSCAN_DIRECT]).toBe(0);
    });

    it("looks at a small share of a list at low priority", () => {
      const machine = makeMachine(name);
      addPages(machine, 0, 255, FILE);
      // 255 >> 8 = 0 pages.
      machine.policy.shrinkNode(makeScan({ priority: 8 }));
      expect(machine.host.asked).toEqual([]);
      // 255 >> 5 = 7 pages.
      machine.policy.shrinkNode(makeScan({ priority: 5 }));
      expect(machine.host.asked.length).toBe(7);
    });

    it("neither scans nor proposes anonymous pages without swap", () => {
      const machine = makeMachine(name);
      const { host, policy, vmstat } = machine;
      host.freeSwapSlots = 0;
      host.totalSwapSlots = 0;
      addPages(machine, 0, 50, ANON);
      addPages(machine, 50, 50, FILE);
      for (let priority = 12; priority >= 0; priority--) {
        policy.shrinkNode(makeScan({ priority, nrToReclaim: 1000 }));
      }
      expect([nrAnon(policy), nrFile(policy)]).toEqual([50, 0]);
      expect(Math.min(...host.asked)).toBe(50);
      expect(vmstat.events[PGSCAN_ANON]).toBe(0);
      policy.checkInvariants();
    });

    it("neither scans nor proposes anonymous pages when they may not go", () => {
      const machine = makeMachine(name);
      addPages(machine, 0, 50, ANON);
      machine.policy.shrinkNode(makeScan({ priority: 0, maySwap: false }));
      expect(machine.host.asked).toEqual([]);
      expect(machine.vmstat.events[PGSCAN_ANON]).toBe(0);
    });

    it.each([
      ["busy", EVICT_BUSY],
      ["without swap space", EVICT_NO_SWAP],
      ["failing to be written", EVICT_IO_ERROR],
      ["unevictable", EVICT_UNEVICTABLE],
    ])("keeps victims that are refused as %s, and ends", (_, verdict) => {
      const machine = makeMachine(name);
      const { host, policy } = machine;
      addPages(machine, 0, 40, ANON);
      addPages(machine, 40, 40, FILE);
      host.verdict.fill(verdict);
      const sc = makeScan({ priority: 0 });
      policy.shrinkNode(sc);
      expect(host.asked.length).toBeGreaterThan(0);
      expect(sc.nrReclaimed).toBe(0);
      expect([nrAnon(policy), nrFile(policy)]).toEqual([40, 40]);
      policy.checkInvariants();
      host.verdict.fill(EVICT_FREED);
      for (let round = 0; round < 10; round++)
        policy.shrinkNode(makeScan({ priority: 0, forceDeactivate: true }));
      expect([nrAnon(policy), nrFile(policy)]).toEqual([0, 0]);
    });

    it("never proposes a page that is locked into memory", () => {
      const machine = makeMachine(name);
      const { host, policy, memmap, vmstat } = machine;
      addPages(machine, 0, 10, ANON | PG_MLOCKED | PG_ACTIVE);
      expect(policy.nrLruPages(0, LRU_UNEVICTABLE)).toBe(10);
      expect(vmstat.events[UNEVICTABLE_PGS_CULLED]).toBe(10);
      expect(memmap.hasFlags(0, PG_ACTIVE)).toBe(false);
      for (let priority = 12; priority >= 0; priority--) policy.shrinkNode(makeScan({ priority }));
      expect(host.asked).toEqual([]);
      policy.checkInvariants();
    });

    it("leaves no flag behind that a free page must not carry", () => {
      const machine = makeMachine(name);
      addPage(machine, 0, ANON | PG_ACTIVE);
      addPage(machine, 1, ANON | PG_MLOCKED);
      machine.policy.removePage(0);
      machine.policy.removePage(1);
      expect(machine.memmap.hasFlags(0, PG_LRU | PG_ACTIVE | PG_UNEVICTABLE)).toBe(false);
      expect(machine.memmap.hasFlags(1, PG_LRU | PG_ACTIVE | PG_UNEVICTABLE)).toBe(false);
    });

    it("moves a page that a refusal found to be locked to the unevictable list", () => {
      const machine = makeMachine(name);
      const { host, policy, memmap } = machine;
      addPage(machine, 0, FILE);
      host.verdict[0] = EVICT_UNEVICTABLE;
      memmap.setFlags(0, PG_MLOCKED);
      policy.shrinkNode(makeScan({ priority: 0 }));
      expect(policy.nrLruPages(0, LRU_UNEVICTABLE)).toBe(1);
      policy.checkInvariants();
    });

    it("touches no other node", () => {
      const machine = makeMachine(name, 64, 2);
      addPages(machine, 0, 64, FILE);
      addPages(machine, 64, 64, FILE);
      machine.policy.shrinkNode(makeScan({ nodeId: 1, priority: 0 }));
      expect(Math.min(...machine.host.asked)).toBeGreaterThanOrEqual(64);
      expect(nrFile(machine.policy, 0)).toBe(64);
      machine.policy.checkInvariants();
    });

    it("passes over pages of zones that do not help", () => {
      const machine = makeMachine(name);
      const { host, policy, memmap, vmstat } = machine;
      memmap.zoneId.fill(ZONE_DMA32, 10, 20);
      addPages(machine, 0, 20, FILE);
      policy.shrinkNode(makeScan({ priority: 0, highestZoneType: ZONE_DMA32, nrToReclaim: 10 }));
      expect(host.evicted.toSorted((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
      expect(vmstat.events[PGSKIP_NORMAL]).toBe(10);
      expect(nrFile(policy)).toBe(10);
      policy.checkInvariants();
    });

    it("gives up every page in the end", () => {
      const machine = makeMachine(name, 1000);
      const { host, policy } = machine;
      addPages(machine, 0, 400, ANON);
      addPages(machine, 400, 300, ANON | PG_ACTIVE);
      addPages(machine, 700, 300, FILE | PG_ACTIVE);
      host.accessed.fill(1);
      for (let round = 0; round < 40; round++) {
        for (let priority = 12; priority >= 0; priority--) {
          policy.ageNode(makeScan({ priority }));
          policy.shrinkNode(makeScan({ priority, forceDeactivate: round > 20 }));
        }
      }
      expect([nrAnon(policy), nrFile(policy)]).toEqual([0, 0]);
      expect(new Set(host.evicted).size).toBe(1000);
    });

    it("keeps lists, flags and counters in agreement through any operations", () => {
      const NR = 96;
      const pfn = fc.nat(2 * NR - 1);
      const operation = fc.oneof(
        fc.record({
          op: fc.constant("add" as const),
          pfn,
          flags: fc.constantFrom(ANON, FILE, ANON | PG_ACTIVE, FILE | PG_ACTIVE, ANON | PG_MLOCKED),
        }),
        fc.record({ op: fc.constant("fill" as const), flags: fc.constantFrom(ANON, FILE) }),
        fc.record({ op: fc.constant("remove" as const), pfn }),
        fc.record({ op: fc.constant("access" as const), pfn, nr: fc.nat(2) }),
        fc.record({ op: fc.constant("mark" as const), pfn }),
        fc.record({ op: fc.constant("exec" as const), pfn }),
        fc.record({ op: fc.constant("verdict" as const), pfn, verdict: fc.nat(4) }),
        fc.record({ op: fc.constant("swap" as const), free: fc.nat(3) }),
        fc.record({ op: fc.constant("age" as const), node: fc.nat(1) }),
        fc.record({
          op: fc.constant("shrink" as const),
          node: fc.nat(1),
          priority: fc.nat(12),
          highestZoneType: fc.integer({ min: 1, max: 4 }),
          nrToReclaim: fc.integer({ min: 1, max: 64 }),
          force: fc.boolean(),
          highWatermark: fc.integer({ min: -1, max: 100 }),
          isKswapd: fc.boolean(),
        }),
      );
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
          const machine = makeMachine(name, NR, 2);
          const { memmap, policy, host, vmstat } = machine;
          for (let low = 0; low < 2 * NR; low += 3) memmap.zoneId[low]--;
          const used = new Map<number, number>();
          const add = (at: number, flags: number): void => {
            if (used.has(at)) return;
            used.set(at, flags);
            addPage(machine, at, flags);
          };
          for (const step of operations) {
            switch (step.op) {
              case "add":
                add(step.pfn, step.flags);
                break;
              case "fill":
                for (let at = 0; at < 2 * NR; at += 2) add(at, step.flags);
                break;
              case "remove":
                if (used.delete(step.pfn)) {
                  policy.removePage(step.pfn);
                  memmap.flags[step.pfn] = 0;
                  memmap.refcount[step.pfn] = 0;
                }
                break;
              case "access":
                host.accessed[step.pfn] = step.nr;
                break;
              case "mark":
                if (used.has(step.pfn) && policy.markAccessed(step.pfn)) policy.activatePage(step.pfn);
                break;
              case "exec":
                host.executable[step.pfn] = 1;
                break;
              case "verdict":
                host.verdict[step.pfn] = step.verdict;
                break;
              case "swap":
                host.freeSwapSlots = step.free;
                host.totalSwapSlots = step.free;
                break;
              case "age":
                policy.ageNode(makeScan({ nodeId: step.node }));
                break;
              case "shrink": {
                const sc = makeScan({
                  nodeId: step.node,
                  priority: step.priority,
                  highestZoneType: step.highestZoneType,
                  nrToReclaim: step.nrToReclaim,
                  forceDeactivate: step.force,
                  highWatermark: step.highWatermark,
                  isKswapd: step.isKswapd,
                });
                host.evicted.length = 0;
                policy.shrinkNode(sc);
                expect(sc.nrReclaimed).toBe(host.evicted.length);
                for (const at of host.evicted) {
                  expect(used.delete(at)).toBe(true);
                  expect(Math.floor(at / NR)).toBe(step.node);
                }
                break;
              }
            }
            policy.checkInvariants();
          }
          let nrListed = 0;
          for (let node = 0; node < 2; node++) {
            for (let lru = 0; lru < NR_LRU_LISTS; lru++) nrListed += policy.nrLruPages(node, lru);
          }
          expect(nrListed).toBe(used.size);
          expect(vmstat.globalNode(LRU_UNEVICTABLE)).toBe(
            [...used.values()].filter((flags) => (flags & PG_MLOCKED) !== 0).length,
          );
        }),
        { seed: 618, numRuns: 150 },
      );
    });
  });
}
