import {
  EVICT_BUSY,
  EVICT_DIRTY,
  EVICT_NO_SWAP,
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  NR_VMSCAN_IMMEDIATE_RECLAIM,
  PG_ACTIVE,
  PG_DIRTY,
  PG_RECLAIM,
  PG_REFERENCED,
  PG_WORKINGSET,
  PG_WRITEBACK,
  PGACTIVATE,
  PGDEACTIVATE,
  PGREFILL,
  PGSCAN_ANON,
  PGSCAN_DIRECT,
  TP_MM_VMSCAN_LRU_ISOLATE,
  TP_MM_VMSCAN_LRU_SHRINK_ACTIVE,
  TP_MM_VMSCAN_LRU_SHRINK_INACTIVE,
  ZONE_DMA32,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { ActiveInactivePolicy } from "../src/index.ts";
import { addPage, addPages, ANON, FILE, makeMachine, makeScan, type Machine, TestTrace } from "./helpers.ts";

const lists = ({ policy }: Machine): number[] =>
  [LRU_INACTIVE_ANON, LRU_ACTIVE_ANON, LRU_INACTIVE_FILE, LRU_ACTIVE_FILE].map((lru) =>
    policy.nrLruPages(0, lru),
  );
const scanAll = ({ policy }: Machine): void => policy.shrinkNode(makeScan({ priority: 0 }));

describe("ActiveInactivePolicy", () => {
  it("starts new pages on the inactive lists", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 3, ANON);
    addPages(machine, 3, 2, FILE);
    expect(lists(machine)).toEqual([3, 0, 2, 0]);
  });

  it("frees the oldest first and looks at 32 at a time", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 70, ANON);
    scanAll(machine);
    expect(machine.host.evicted).toEqual(Array.from({ length: 32 }, (_, at) => at));
  });

  it("gives an anonymous page that was used a second chance, and activates it when used again", () => {
    const machine = makeMachine("active-inactive");
    const { host, memmap } = machine;
    addPages(machine, 0, 3, ANON);
    host.accessed.set([1, 0, 1]);
    scanAll(machine);
    expect(host.evicted).toEqual([1]);
    expect(memmap.hasFlags(0, PG_REFERENCED)).toBe(true);
    expect(lists(machine)).toEqual([2, 0, 0, 0]);
    host.accessed.set([1, 0, 0]);
    scanAll(machine);
    // 0 was found used twice. 2 was not used again: it goes.
    expect(host.evicted).toEqual([1, 2]);
    // 0 became active; as the inactive list was empty, the pass took it back at its end.
    expect(machine.vmstat.events[PGACTIVATE]).toBe(1);
    expect(lists(machine)).toEqual([1, 0, 0, 0]);
    expect(memmap.hasFlags(0, PG_WORKINGSET)).toBe(true);
  });

  it("activates a page that several page-table entries used", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 4, FILE);
    machine.host.accessed.set([2, 1, 1, 1]);
    scanAll(machine);
    expect(lists(machine)).toEqual([0, 0, 3, 1]);
    expect(machine.memmap.hasFlags(0, PG_ACTIVE | PG_REFERENCED)).toBe(true);
  });

  it("activates an executable file page on first use, and keeps it active while used", () => {
    const machine = makeMachine("active-inactive");
    const { host } = machine;
    addPages(machine, 0, 2, FILE);
    host.accessed.set([1, 1]);
    host.executable[0] = 1;
    scanAll(machine);
    expect(lists(machine)).toEqual([0, 0, 1, 1]);
    host.accessed.set([1, 1]);
    machine.policy.shrinkNode(makeScan({ priority: 0, forceDeactivate: true }));
    expect(machine.memmap.hasFlags(0, PG_ACTIVE)).toBe(true);
    expect(machine.vmstat.events[PGDEACTIVATE]).toBe(0);
    expect(machine.vmstat.events[PGREFILL]).toBe(1);
  });

  it("does not rotate an executable anonymous page", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 1, ANON | PG_ACTIVE);
    machine.host.accessed[0] = 1;
    machine.host.executable[0] = 1;
    machine.policy.ageNode(makeScan());
    expect(lists(machine)).toEqual([1, 0, 0, 0]);
  });

  it("marks on first use, asks for activation on the second, and does nothing for active pages but mark them", () => {
    const machine = makeMachine("active-inactive");
    const { memmap, policy } = machine;
    addPages(machine, 0, 2, FILE);
    expect([
      policy.markAccessed(0),
      memmap.flags[0] & (PG_REFERENCED | PG_ACTIVE),
      ...lists(machine),
    ]).toEqual([false, PG_REFERENCED, 0, 0, 2, 0]);
    expect([
      policy.markAccessed(0),
      memmap.flags[0] & (PG_REFERENCED | PG_ACTIVE),
      ...lists(machine),
    ]).toEqual([true, 0, 0, 0, 2, 0]);
    policy.activatePage(0);
    expect([memmap.flags[0] & (PG_REFERENCED | PG_ACTIVE), ...lists(machine)]).toEqual([
      PG_ACTIVE,
      0,
      0,
      1,
      1,
    ]);
    expect(machine.vmstat.events[PGACTIVATE]).toBe(1);
    expect([policy.markAccessed(0), policy.markAccessed(0)]).toEqual([false, false]);
    policy.checkInvariants();
  });

  it("moves a page under writeback out of the way without proposing it", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 3, FILE);
    machine.memmap.setFlags(0, PG_WRITEBACK);
    machine.host.verdict.fill(EVICT_BUSY);
    scanAll(machine);
    expect(machine.host.asked).toEqual([1, 2]);
    expect(lists(machine)).toEqual([0, 0, 2, 1]);
    expect(machine.memmap.hasFlags(0, PG_RECLAIM)).toBe(true);
  });

  it("activates a dirty file page that is refused, and keeps a clean one inactive", () => {
    const machine = makeMachine("active-inactive");
    addPage(machine, 0, FILE | PG_DIRTY);
    addPages(machine, 1, 2, FILE);
    machine.host.verdict.fill(EVICT_BUSY);
    scanAll(machine);
    expect(lists(machine)).toEqual([0, 0, 2, 1]);
    expect(machine.memmap.flags[0] & (PG_ACTIVE | PG_RECLAIM)).toBe(PG_ACTIVE | PG_RECLAIM);
    expect(machine.memmap.flags[1] & (PG_ACTIVE | PG_RECLAIM)).toBe(0);
  });

  it("activates an anonymous page that finds no swap space", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 3, ANON);
    machine.host.verdict[0] = EVICT_NO_SWAP;
    machine.host.verdict[1] = EVICT_BUSY;
    machine.host.verdict[2] = EVICT_BUSY;
    scanAll(machine);
    expect(lists(machine)).toEqual([2, 1, 0, 0]);
    expect(machine.memmap.hasFlags(0, PG_ACTIVE)).toBe(true);
  });

  it("ages 32 active anonymous pages when the inactive list is shorter, and none without swap", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 100, ANON | PG_ACTIVE);
    machine.host.totalSwapSlots = 0;
    machine.policy.ageNode(makeScan());
    expect(lists(machine)).toEqual([0, 100, 0, 0]);
    machine.host.totalSwapSlots = 10;
    machine.host.freeSwapSlots = 0;
    machine.policy.ageNode(makeScan());
    expect(lists(machine)).toEqual([32, 68, 0, 0]);
    expect(machine.vmstat.events[PGDEACTIVATE]).toBe(32);
    machine.policy.ageNode(makeScan());
    machine.policy.ageNode(makeScan());
    // 64 inactive against 36 active: long enough.
    expect(lists(machine)).toEqual([64, 36, 0, 0]);
  });

  it("spares an active list whose inactive list is long enough, says so, and takes from it when forced", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 20, FILE | PG_ACTIVE);
    addPages(machine, 20, 20, FILE);
    machine.host.verdict.fill(EVICT_BUSY);
    const sc = makeScan({ priority: 0 });
    machine.policy.shrinkNode(sc);
    expect([sc.skippedDeactivate, ...lists(machine)]).toEqual([true, 0, 0, 20, 20]);
    machine.policy.shrinkNode(makeScan({ priority: 0, forceDeactivate: true }));
    expect(lists(machine)).toEqual([0, 0, 40, 0]);
  });

  it("leaves anonymous pages alone while many file pages are inactive, until told that this failed", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 100, ANON);
    addPages(machine, 100, 100, FILE);
    machine.host.verdict.fill(EVICT_BUSY);
    const sc = makeScan({ priority: 1 });
    machine.policy.shrinkNode(sc);
    expect(Math.min(...machine.host.asked)).toBe(100);
    expect(sc.cacheTrimModeFailed).toBe(true);
    machine.policy.shrinkNode(makeScan({ priority: 1, noCacheTrimMode: true }));
    expect(Math.min(...machine.host.asked)).toBe(0);
  });

  it("takes anonymous pages only when file pages are nearly gone", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 100, ANON);
    addPages(machine, 100, 40, FILE);
    // 40 file + 5 free <= 45.
    const changes = { priority: 1, noCacheTrimMode: true, nrFreePages: 5 };
    machine.policy.shrinkNode(makeScan({ ...changes, highWatermark: 45, nrToReclaim: 1 }));
    expect(Math.max(...machine.host.asked)).toBeLessThan(100);
    machine.policy.shrinkNode(makeScan({ ...changes, highWatermark: 44, nrToReclaim: 1 }));
    expect(Math.max(...machine.host.asked)).toBeGreaterThanOrEqual(100);
  });

  it("goes through with its whole share in the first round of direct reclaim, and stops early as kswapd", () => {
    const machine = makeMachine("active-inactive", 2 * 163_840);
    addPages(machine, 0, 2 * 163_840, FILE);
    // 327680 >> 12 = 80 pages, then 327600 >> 12 = 79, in turns of 32.
    machine.policy.shrinkNode(makeScan({ nrToReclaim: 1 }));
    expect(machine.host.evicted.length).toBe(80);
    machine.policy.shrinkNode(makeScan({ nrToReclaim: 1, isKswapd: true }));
    expect(machine.host.evicted.length).toBe(80 + 32);
  });

  it("makes pages of too high a zone the newest, in their order", () => {
    const machine = makeMachine("active-inactive");
    machine.memmap.zoneId.fill(ZONE_DMA32, 3, 5);
    addPages(machine, 0, 6, FILE);
    machine.policy.shrinkNode(makeScan({ priority: 0, highestZoneType: ZONE_DMA32 }));
    machine.policy.shrinkNode(makeScan({ priority: 0 }));
    // 0, 1 and 2 were passed over on the way to 3 and 4; 5 was not reached.
    expect(machine.host.evicted).toEqual([3, 4, 5, 0, 1, 2]);
  });

  it("counts a scan for a limit by kind only", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 10, ANON);
    machine.policy.shrinkNode(makeScan({ priority: 0, highWatermark: -1 }));
    expect([machine.vmstat.events[PGSCAN_ANON], machine.vmstat.events[PGSCAN_DIRECT]]).toEqual([10, 0]);
  });

  it("drains the batch of new pages before it takes pages off a list", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 1, FILE);
    const sc = makeScan({ priority: 0 });
    // As Linux does: shares are fixed before the drain, so only one of the four pages is looked at.
    sc.lruAddDrain = () => {
      if (machine.memmap.refcount[1] === 0) addPages(machine, 1, 3, FILE);
    };
    machine.policy.shrinkNode(sc);
    expect(machine.host.evicted).toEqual([0]);
    expect(lists(machine)).toEqual([0, 0, 3, 0]);
  });

  it("reports what it isolated and what became of it", () => {
    const trace = new TestTrace();
    const machine = makeMachine("active-inactive", 256, 1, trace);
    addPages(machine, 0, 20, ANON);
    addPages(machine, 20, 30, ANON | PG_ACTIVE);
    machine.host.accessed[1] = 1;
    machine.policy.shrinkNode(makeScan({ priority: 1 }));
    // Shares 10 and 15, of which swappiness leaves 60 / 200: 3 and 4. Page 1 is kept. 18 + 4 inactive against 26 active
    // are too few, so the pass ends with up to 32 more.
    expect(trace.of(TP_MM_VMSCAN_LRU_ISOLATE)).toEqual([
      [0, LRU_INACTIVE_ANON, 3, 3],
      [0, LRU_ACTIVE_ANON, 4, 4],
      [0, LRU_ACTIVE_ANON, 26, 26],
    ]);
    expect(trace.of(TP_MM_VMSCAN_LRU_SHRINK_INACTIVE)).toEqual([[0, 3, 2, 1]]);
    expect(trace.of(TP_MM_VMSCAN_LRU_SHRINK_ACTIVE)).toEqual([
      [0, 4, 4, 1],
      [0, 26, 26, 1],
    ]);
  });
});

describe("ScanBalance", () => {
  const balanceOf = (machine: Machine): ActiveInactivePolicy => {
    if (!(machine.policy instanceof ActiveInactivePolicy)) throw new Error("another policy");
    return machine.policy;
  };

  it("splits a share by swappiness, 60 to 140, while nothing has cost anything", () => {
    const machine = makeMachine("active-inactive", 8192);
    addPages(machine, 0, 4096, ANON);
    addPages(machine, 4096, 4096, FILE);
    const { balance } = balanceOf(machine);
    // 4096 >> 2 = 1024; 1024 * 60 / 200 = 307.2; 1024 * 140 / 200 = 716.8.
    balance.getScanCount(0, makeScan({ priority: 2 }), 60);
    expect([...balance.nrToScan]).toEqual([307, 0, 716, 0]);
    balance.getScanCount(0, makeScan({ priority: 2 }), 200);
    expect([...balance.nrToScan]).toEqual([1024, 0, 0, 0]);
    balance.getScanCount(0, makeScan({ priority: 2 }), 0);
    expect([...balance.nrToScan]).toEqual([0, 0, 1024, 0]);
  });

  it("scans less of the kind that cost more", () => {
    const machine = makeMachine("active-inactive", 8192);
    addPages(machine, 0, 4096, ANON);
    addPages(machine, 4096, 4096, FILE);
    const { balance } = balanceOf(machine);
    balance.noteCost(0, false, 0, 1000);
    // Costs 2000 and 1000 of 3000: 60 * 3001 / 2001 = 89, 140 * 3001 / 1001 = 419; of 1024: 179 and 844.
    balance.getScanCount(0, makeScan({ priority: 2 }), 60);
    expect([...balance.nrToScan]).toEqual([179, 0, 844, 0]);
  });

  it("scans all of both kinds at priority 0, unless swappiness is 0", () => {
    const machine = makeMachine("active-inactive");
    addPages(machine, 0, 100, ANON);
    addPages(machine, 100, 100, FILE);
    const { balance } = balanceOf(machine);
    balance.getScanCount(0, makeScan({ priority: 0 }), 60);
    expect([...balance.nrToScan]).toEqual([100, 0, 100, 0]);
    balance.getScanCount(0, makeScan({ priority: 0 }), 0);
    expect([...balance.nrToScan]).toEqual([0, 0, 100, 0]);
  });

  it("counts a write like 32 rotations and halves costs beyond a quarter of the pages", () => {
    const machine = makeMachine("active-inactive", 512);
    addPages(machine, 0, 512, ANON);
    const { balance } = balanceOf(machine);
    balance.noteCost(0, false, 3, 4);
    balance.noteCost(0, true, 0, 27);
    expect([balance.anonCost[0], balance.fileCost[0]]).toEqual([100, 27]);
    // 100 + 29 = 129 > 512 / 4.
    balance.noteCost(0, true, 0, 2);
    expect([balance.anonCost[0], balance.fileCost[0]]).toEqual([50, 14]);
  });

  it("cuts the bigger kind to the proportion of the smaller once enough is freed", () => {
    const { balance } = balanceOf(makeMachine("active-inactive"));
    balance.targets.set([100, 0, 400, 0]);
    balance.nrToScan.set([68, 0, 368, 0]);
    // 68 of 101 = 67 % left of anon: file is cut to 33 % of 400, 32 of them done.
    expect(balance.rebalance()).toBe(true);
    expect([...balance.nrToScan]).toEqual([0, 0, 100, 0]);
    expect(balance.rebalance()).toBe(false);
  });

  it("wants a third inactive at 1 GiB and a tenth at 10 GiB", () => {
    const machine = makeMachine("active-inactive", 16);
    const { balance, lruvecs } = balanceOf(machine);
    const isLow = (nrInactive: number, nrActive: number): boolean => {
      lruvecs.nrPages.set([nrInactive, nrActive]);
      return balance.inactiveIsLow(0, LRU_INACTIVE_ANON);
    };
    expect([isLow(10, 11), isLow(11, 11)]).toEqual([true, false]);
    // 262144 pages = 1 GiB: ratio int_sqrt(10) = 3.
    expect([isLow(65535, 196609), isLow(65536, 196608)]).toEqual([true, false]);
    // 2621440 pages = 10 GiB: ratio int_sqrt(100) = 10.
    expect([isLow(238312, 2383128), isLow(238313, 2383130)]).toEqual([true, false]);
  });
});

describe("ActiveInactivePolicy and pages that must be written", () => {
  it("makes dirty pages of files active for the flusher to write, and has flushers woken when a batch is all such", () => {
    const machine = makeMachine("active-inactive");
    const { host, memmap, vmstat } = machine;
    addPages(machine, 0, 32, FILE);
    for (let pfn = 0; pfn < 32; pfn++) memmap.setFlags(pfn, PG_DIRTY);
    host.verdict.fill(EVICT_DIRTY);
    let nrWakeups = 0;
    const scan = makeScan({ priority: 0, wakeupFlushers: () => nrWakeups++ });
    machine.policy.shrinkNode(scan);
    expect(nrWakeups).toBe(1);
    expect(scan.nr).toEqual({
      dirty: 32,
      unqueuedDirty: 32,
      congested: 0,
      writeback: 0,
      immediate: 0,
      taken: 32,
      fileTaken: 32,
    });
    expect(memmap.hasFlags(5, PG_RECLAIM)).toBe(true);
    expect(vmstat.globalNode(NR_VMSCAN_IMMEDIATE_RECLAIM)).toBe(32);
    expect(vmstat.events[PGACTIVATE]).toBe(32);
  });

  it("tells pages that are being written and come round again apart, for kswapd to sleep", () => {
    const machine = makeMachine("active-inactive");
    const { memmap } = machine;
    addPages(machine, 0, 32, FILE);
    for (let pfn = 0; pfn < 32; pfn++)
      memmap.setFlags(pfn, pfn < 8 ? PG_WRITEBACK | PG_RECLAIM : PG_WRITEBACK);
    const scan = makeScan({ priority: 0, isKswapd: true, isNodeUnderWriteback: true });
    machine.policy.shrinkNode(scan);
    const { dirty, unqueuedDirty, congested, writeback, immediate } = scan.nr;
    expect([dirty, unqueuedDirty, congested, writeback, immediate]).toEqual([32, 0, 8, 24, 8]);
  });
});
