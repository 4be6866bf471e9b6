import { findOccupant, REQ_OP_READ, REQ_OP_WRITE } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type IoScheduler, ioSchedulers } from "../src/index.ts";
import { cutIntoPieces, IoRequest } from "../src/io-request.ts";
import { drain, newQueue, readBio, writeBio } from "./helpers.ts";

const SECOND_NS = 1_000_000_000;

const newScheduler = (name: string): IoScheduler =>
  findOccupant("I/O scheduler", ioSchedulers, name).create({});

const newRequest = (op: number, sector: number, order: number): IoRequest =>
  new IoRequest(cutIntoPieces(op === REQ_OP_READ ? readBio(sector, 8) : writeBio(sector, 8))[0], order, 0);

/** Sectors of requests in the order in which they are dispatched at a time. */
function dispatchAll(scheduler: IoScheduler, nowNs = 0): string[] {
  const order: string[] = [];
  for (let request = scheduler.dispatch(nowNs); request !== null; request = scheduler.dispatch(nowNs)) {
    order.push(`${request.op === REQ_OP_READ ? "r" : "w"}${request.sector}`);
  }
  return order;
}

describe.each(ioSchedulers.map(({ name }) => name))("I/O scheduler %s", (name) => {
  it("hands every request out once", () => {
    const anyStep = fc.record({
      isInsert: fc.boolean(),
      isRead: fc.boolean(),
      sector: fc.nat(500),
      stepMs: fc.nat(2000),
    });
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 80 }), (steps) => {
        const scheduler = newScheduler(name);
        const queued = new Set<IoRequest>();
        let nowNs = 0;
        steps.forEach(({ isInsert, isRead, sector, stepMs }, order) => {
          nowNs += stepMs * 1_000_000;
          if (isInsert) {
            const request = newRequest(isRead ? REQ_OP_READ : REQ_OP_WRITE, sector, order);
            scheduler.insert(request, nowNs);
            queued.add(request);
          } else {
            const request = scheduler.dispatch(nowNs);
            expect(request !== null && queued.delete(request)).toBe(request !== null);
            if (request === null) expect(queued.size).toBe(0);
          }
          expect(scheduler.nrQueued).toBe(queued.size);
        });
      }),
      { numRuns: 50 },
    );
  });
});

describe("none", () => {
  it("serves requests in order of submission", () => {
    const scheduler = newScheduler("none");
    [300, 100, 200].forEach((sector, order) => {
      scheduler.insert(newRequest(REQ_OP_READ, sector, order), 0);
    });
    expect(dispatchAll(scheduler)).toEqual(["r300", "r100", "r200"]);
  });
});

describe("mq-deadline", () => {
  it("goes up the sectors, and starts again with the oldest request at the end", () => {
    const scheduler = newScheduler("mq-deadline");
    const insert = (...sectors: number[]): void => {
      sectors.forEach((sector, order) => {
        scheduler.insert(newRequest(REQ_OP_READ, sector, order), 0);
      });
    };
    insert(300, 100, 200);
    expect(scheduler.dispatch(0)?.sector).toBe(100);
    insert(50, 20, 250);
    expect(dispatchAll(scheduler)).toEqual(["r200", "r250", "r300", "r50", "r20"]);
  });

  it("lets reads pass writes twice, in batches of 16", () => {
    const scheduler = newScheduler("mq-deadline");
    // A read first, so that the batch under way is one of reads.
    scheduler.insert(newRequest(REQ_OP_READ, 0, 0), 0);
    scheduler.dispatch(0);
    for (let order = 1; order <= 60; order++)
      scheduler.insert(newRequest(REQ_OP_READ, order * 100, order), 0);
    for (let order = 1; order <= 3; order++)
      scheduler.insert(newRequest(REQ_OP_WRITE, order * 100, order), 0);
    // 15 finish the batch, two of 16 pass the writes, then the writes have their turn.
    const kinds = dispatchAll(scheduler).map((text) => text[0]);
    expect(kinds.join("")).toBe(`${"r".repeat(15 + 16 + 16)}www${"r".repeat(13)}`);
  });

  it("begins a batch with the oldest request when that is past its 500 ms, for writes 5 s", () => {
    for (const [op, expireNs] of [
      [REQ_OP_READ, 0.5 * SECOND_NS],
      [REQ_OP_WRITE, 5 * SECOND_NS],
    ]) {
      const firstOfNewBatch = (nowNs: number): number => {
        const scheduler = newScheduler("mq-deadline");
        scheduler.insert(newRequest(op, 1000, 0), 0);
        scheduler.dispatch(0);
        scheduler.insert(newRequest(op, 10, 1), 0);
        for (let order = 2; order < 40; order++) scheduler.insert(newRequest(op, 1000 + order * 8, order), 0);
        for (let batched = 1; batched < 16; batched++) scheduler.dispatch(nowNs);
        return scheduler.dispatch(nowNs)?.sector ?? -1;
      };
      expect(firstOfNewBatch(expireNs - 1)).toBe(1000 + 17 * 8);
      expect(firstOfNewBatch(expireNs)).toBe(10);
    }
  });

  it("merges with requests that wait, behind, in front and in between", () => {
    const { queue } = newQueue({ model: "hdd", scheduler: "mq-deadline" });
    // The disk is busy with the first.
    for (const sector of [4000, 100, 132, 108, 124]) {
      queue.submitBio(readBio(sector, 8), 0);
      queue.unplug(0);
    }
    // Closes the gap between two requests of two bios each.
    queue.submitBio(readBio(116, 8), 0);
    queue.checkInvariants();
    expect(drain(queue).map(({ sector }) => sector)).toEqual([4000, 100, 108, 116, 124, 132]);
    expect(queue.stats).toMatchObject({ nrReads: 2, nrReadMerges: 4, nrSectorsRead: 48 });
  });

  it("merges requests that were held back with those that wait", () => {
    const { queue } = newQueue({ model: "hdd", scheduler: "mq-deadline" });
    queue.submitBio(writeBio(4000, 8), 0);
    queue.unplug(0);
    // Not neighbours in this order, until they are in the scheduler.
    for (const sector of [100, 116, 108]) queue.submitBio(writeBio(sector, 8), 0);
    queue.submitBio(writeBio(200, 8), 0);
    drain(queue);
    // 108 went in front of 116 while both were held back; the two behind 100 when they were sent on.
    expect(queue.stats).toMatchObject({ nrWrites: 3, nrWriteMerges: 2 });
  });

  it("seeks less than first in, first out", () => {
    const timeOf = (scheduler: string): number => {
      const { queue } = newQueue({ nrSectors: 1 << 20, model: "hdd", scheduler });
      for (let read = 0; read < 100; read++) queue.submitBio(readBio((read * 7919 * 64) % (1 << 20), 8), 0);
      return drain(queue).at(-1)?.completedNs ?? 0;
    };
    expect(timeOf("mq-deadline")).toBeLessThan(timeOf("none") * 0.75);
  });
});
