import {
  EIO,
  ENOSPC,
  PSWPIN,
  PSWPOUT,
  SWPIN_ZERO,
  SWPOUT_ZERO,
  type SwapBackend,
  TP_MM_VMSCAN_WRITE_FOLIO,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { FaultySwapBackend, MemorySwapBackend, NullSwapBackend, swapBackends } from "../src/index.ts";
import { addArea, newMachine } from "./helpers.ts";

const EVENTS = [PSWPIN, PSWPOUT, SWPIN_ZERO, SWPOUT_ZERO];

describe("SwapAreas, when it moves pages", () => {
  it("brings the same bytes back into another frame", () => {
    const { swap, contents, vmstat } = newMachine();
    addArea(swap, "/a", 10);
    contents.writeByte(3, 0, 17);
    contents.writeByte(3, 4095, 42);
    const entry = swap.getSwapPage(3);
    swap.swapDuplicate(entry);
    expect(swap.writePage(entry, 3)).toBe(0);
    swap.deleteFromCache(3);
    contents.zeroPage(3);
    contents.writeByte(5, 100, 99);
    expect(swap.readPage(entry, 5)).toBe(0);
    expect([contents.readByte(5, 0), contents.readByte(5, 100), contents.readByte(5, 4095)]).toEqual([
      17, 0, 42,
    ]);
    expect(EVENTS.map((event) => vmstat.events[event])).toEqual([1, 1, 0, 0]);
  });

  it("notes pages of zeros instead of writing them, until the slot holds something else", () => {
    const { swap, contents, vmstat } = newMachine();
    let nrWrites = 0;
    const backend = new MemorySwapBackend(11);
    const write = backend.writePage.bind(backend);
    backend.writePage = (offset, from): number => {
      nrWrites++;
      return write(offset, from);
    };
    addArea(swap, "/a", 10, -1, backend);
    const entry = swap.getSwapPage(3);
    expect(swap.writePage(entry, 3)).toBe(0);
    expect(nrWrites).toBe(0);
    contents.writeByte(5, 100, 99);
    expect(swap.readPage(entry, 5)).toBe(0);
    expect(contents.isZero(5)).toBe(true);
    expect(EVENTS.map((event) => vmstat.events[event])).toEqual([0, 0, 1, 1]);
    contents.writeByte(3, 8, 1);
    expect(swap.writePage(entry, 3)).toBe(0);
    expect(swap.readPage(entry, 5)).toBe(0);
    expect(contents.readByte(5, 8)).toBe(1);
    expect(EVENTS.map((event) => vmstat.events[event])).toEqual([1, 1, 1, 1]);
    expect(nrWrites).toBe(1);
    // A slot that is taken anew is not zero because its last page was.
    contents.zeroPage(3);
    swap.writePage(entry, 3);
    swap.deleteFromCache(3);
    swap.checkInvariants();
  });

  it("counts and moves nothing where pages have no bytes", () => {
    const { swap, contents, vmstat } = newMachine("none");
    const backend = new NullSwapBackend(11);
    backend.writePage = (): number => -EIO;
    backend.readPage = (): number => -EIO;
    addArea(swap, "/a", 10, -1, backend);
    const entry = swap.getSwapPage(3);
    expect(swap.writePage(entry, 3)).toBe(0);
    expect(swap.readPage(entry, 5)).toBe(0);
    expect(EVENTS.map((event) => vmstat.events[event])).toEqual([1, 1, 0, 0]);
    expect(contents.nrUsedSlots).toBe(0);
  });

  it("hands on the backend's error and loses nothing", () => {
    const { swap, contents, vmstat } = newMachine();
    const backend = new MemorySwapBackend(11);
    addArea(swap, "/a", 10, -1, backend);
    contents.writeByte(3, 0, 17);
    contents.writeByte(5, 0, 66);
    const entry = swap.getSwapPage(3);
    const broken: Pick<SwapBackend, "readPage" | "writePage"> = {
      readPage: (_offset, into) => {
        into.fill(255);
        return -EIO;
      },
      writePage: () => -ENOSPC,
    };
    Object.assign(backend, broken);
    expect(swap.writePage(entry, 3)).toBe(-ENOSPC);
    expect(swap.readPage(entry, 5)).toBe(-EIO);
    expect([contents.readByte(3, 0), contents.readByte(5, 0)]).toEqual([17, 66]);
    // Linux counts a page when it asks for the transfer (count_swpout_vm_event() before submit_bio()).
    expect(EVENTS.map((event) => vmstat.events[event])).toEqual([1, 1, 0, 0]);
    swap.checkInvariants();
  });

  it("tells a listener which page goes where", () => {
    const { swap } = newMachine("none");
    addArea(swap, "/a", 10);
    const heard: number[][] = [];
    swap.trace = { emit: (...event) => void heard.push(event) };
    const entry = swap.getSwapPage(3);
    swap.writePage(entry, 3);
    expect(heard).toEqual([[TP_MM_VMSCAN_WRITE_FOLIO, 3, entry, 0, 0]]);
  });
});

describe("MemorySwapBackend", () => {
  it("reads zeros from slots that were never written, near and far", () => {
    const backend = new MemorySwapBackend(1000);
    const page = new Uint8Array(4096).fill(7);
    expect(backend.writePage(5, page)).toBe(0);
    expect(backend.writePage(999, page)).toBe(0);
    const into = new Uint8Array(4096).fill(1);
    for (const offset of [0, 4, 6, 998]) {
      into.fill(1);
      expect(backend.readPage(offset, into)).toBe(0);
      expect(into.every((byte) => byte === 0)).toBe(true);
    }
    for (const offset of [5, 999]) {
      backend.readPage(offset, into);
      expect(into).toEqual(page);
    }
    backend.close();
    backend.readPage(5, into);
    expect(into.every((byte) => byte === 0)).toBe(true);
  });
});

describe("FaultySwapBackend", () => {
  const page = new Uint8Array(4096).fill(7);

  it("fails the transfers that its seed says, again and again the same", () => {
    const answers = (seed: number): number[] => {
      const backend = new FaultySwapBackend(new MemorySwapBackend(100), { probability: 0.5, seed });
      return Array.from({ length: 12 }, () => backend.writePage(1, page));
    };
    expect(answers(1)).toEqual(answers(1));
    expect(answers(1)).not.toEqual(answers(2));
    // Seed 1, by hand: state 1 * 1664525 + 1013904223 = 1015568748, below 2^31: a fault. Then 1586005467, 2165703038.
    expect(answers(1).slice(0, 3)).toEqual([-EIO, -EIO, 0]);
  });

  it("fails always, never, or one way only", () => {
    const inner = new MemorySwapBackend(100);
    const always = new FaultySwapBackend(inner, { probability: 1, seed: 9 });
    const never = new FaultySwapBackend(inner, { probability: 0, seed: 9 });
    const reads = new FaultySwapBackend(inner, { probability: 1, seed: 9, transfers: "reads" });
    const writes = new FaultySwapBackend(inner, { probability: 1, seed: 9, transfers: "writes" });
    const into = new Uint8Array(4096);
    expect([always, never, reads, writes].map((backend) => backend.writePage(1, page))).toEqual([
      -EIO,
      0,
      0,
      -EIO,
    ]);
    expect([always, never, reads, writes].map((backend) => backend.readPage(1, into))).toEqual([
      -EIO,
      0,
      -EIO,
      0,
    ]);
    expect([always.nrFaults, never.nrFaults]).toEqual([2, 0]);
    expect(into).toEqual(page);
    expect(always.name).toBe("faulty-memory");
    expect(() => new FaultySwapBackend(inner, { probability: 1.5, seed: 0 })).toThrow(
      /^EINVAL: fault probability 1.5/,
    );
  });

  it("fails where pages have no bytes too", () => {
    const { swap } = newMachine("none");
    addArea(swap, "/a", 10, -1, new FaultySwapBackend(new NullSwapBackend(11), { probability: 1, seed: 0 }));
    const entry = swap.getSwapPage(3);
    expect(swap.writePage(entry, 3)).toBe(-EIO);
    expect(swap.readPage(entry, 3)).toBe(-EIO);
  });
});

describe("swapBackends", () => {
  it("has memory as its default", () => {
    expect(swapBackends.map(({ name }) => name)).toEqual(["memory", "none"]);
    for (const backend of swapBackends) expect(backend.create({ nrPages: 7 }).nrPages).toBe(7);
  });
});
