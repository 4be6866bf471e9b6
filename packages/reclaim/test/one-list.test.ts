import { EVICT_BUSY, EVICT_FREED, PG_REFERENCED } from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { addPages, ANON, FILE, makeMachine, makeScan } from "./helpers.ts";

describe("FifoPolicy", () => {
  it("evicts in order of arrival, used or not", () => {
    const machine = makeMachine("fifo");
    addPages(machine, 0, 8, ANON);
    machine.host.accessed.fill(1);
    machine.policy.markAccessed(0);
    machine.policy.shrinkNode(makeScan({ priority: 0, nrToReclaim: 3 }));
    expect(machine.host.evicted).toEqual([0, 1, 2]);
  });

  it("makes a refused victim the newest", () => {
    const machine = makeMachine("fifo");
    addPages(machine, 0, 4, ANON);
    machine.host.verdict[0] = EVICT_BUSY;
    machine.policy.shrinkNode(makeScan({ priority: 0, nrToReclaim: 1 }));
    machine.host.verdict[0] = EVICT_FREED;
    machine.policy.shrinkNode(makeScan({ priority: 0, nrToReclaim: 3 }));
    expect(machine.host.evicted).toEqual([1, 2, 3, 0]);
  });

  it("takes both kinds in turns of 32", () => {
    const machine = makeMachine("fifo");
    addPages(machine, 0, 64, ANON);
    addPages(machine, 64, 64, FILE);
    machine.policy.shrinkNode(makeScan({ priority: 0, nrToReclaim: 40 }));
    expect(machine.host.evicted.length).toBe(40);
    expect(machine.host.evicted.slice(31, 34)).toEqual([31, 64, 65]);
  });
});

describe("ClockPolicy", () => {
  it("clears accessed bits as the hand passes and evicts the first page without one", () => {
    const machine = makeMachine("clock");
    const { host, policy } = machine;
    addPages(machine, 0, 4, ANON);
    host.accessed.set([1, 0, 1, 0]);
    // Hand: 0 spared, 1 evicted, 2 spared, 3 evicted, 0 evicted; 2 is left.
    policy.shrinkNode(makeScan({ priority: 0, nrToReclaim: 1 }));
    expect([...host.evicted, ...host.accessed.subarray(0, 3)]).toEqual([1, 0, 0, 1]);
    policy.shrinkNode(makeScan({ priority: 0, nrToReclaim: 2 }));
    expect(host.evicted).toEqual([1, 3, 0]);
  });

  it("takes a mark like an accessed bit", () => {
    const machine = makeMachine("clock");
    addPages(machine, 0, 2, FILE);
    machine.policy.markAccessed(0);
    machine.policy.shrinkNode(makeScan({ priority: 0, nrToReclaim: 1 }));
    expect(machine.host.evicted).toEqual([1]);
    expect(machine.memmap.hasFlags(0, PG_REFERENCED)).toBe(false);
  });

  it("looks at each page at most once in a pass", () => {
    const machine = makeMachine("clock");
    addPages(machine, 0, 10, ANON);
    machine.host.accessed.fill(1);
    const sc = makeScan({ priority: 0, nrToReclaim: 1 });
    machine.policy.shrinkNode(sc);
    expect([sc.nrScanned, sc.nrReclaimed]).toEqual([10, 0]);
  });
});
