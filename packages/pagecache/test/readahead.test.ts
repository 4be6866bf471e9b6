import { findOccupant, type ReadaheadPolicy, type ReadaheadWindow } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  adviseReadahead,
  foliosOfWindow,
  forcedWindows,
  newReadaheadState,
  POSIX_FADV_NORMAL,
  POSIX_FADV_RANDOM,
  POSIX_FADV_SEQUENTIAL,
  POSIX_FADV_WILLNEED,
  readaheadPolicies,
  WindowFolios,
} from "../src/index.ts";
import { nextGap, previousGap } from "../src/readahead/cache-gaps.ts";
import { FakeCache, FakeFile, newWindow, NO_HINTS } from "./readahead-helpers.ts";

/** What every occupant of the seat keeps to. */
function describeReadaheadPolicy(name: string, create: () => ReadaheadPolicy): void {
  describe(`readahead policy "${name}"`, () => {
    it("reads what is wanted, nothing below zero, and keeps no state of its own", () => {
      const steps = fc.array(
        fc.record({
          isFault: fc.boolean(),
          pgoff: fc.nat(511),
          nrPages: fc.integer({ min: 1, max: 80 }),
          evict: fc.nat(511),
        }),
        { maxLength: 60 },
      );
      fc.assert(
        fc.property(
          steps,
          fc.constantFrom(0, 1, 7, 32, 64),
          fc.constantFrom(0, 4, 9),
          (list, raPages, maxOrder) => {
            const cache = new FakeCache(512, maxOrder);
            const policy = create();
            const before = JSON.stringify(policy);
            const file = new FakeFile(policy, cache, newReadaheadState(raPages));
            for (const { isFault, pgoff, nrPages, evict } of list) {
              if (isFault) file.touch(pgoff);
              else file.pread(pgoff * 4096, nrPages * 4096);
              const folio = cache.folioOf.get(evict);
              if (folio !== undefined)
                for (let page = 0; page < 2 ** folio.order; page++) cache.folioOf.delete(folio.pgoff + page);
            }
            for (const pgoff of cache.folioOf.keys()) expect(pgoff >= 0 && pgoff < 512).toBe(true);
            expect(JSON.stringify(policy)).toBe(before);
          },
        ),
        { numRuns: 60 },
      );
    });

    it("gives a window that holds the page that read(2) misses", () => {
      const policy = create();
      const window = newWindow();
      policy.onReadMiss(newReadaheadState(32), new FakeCache(1000), 77, 3, NO_HINTS, window);
      expect(window.startPgoff).toBeLessThanOrEqual(77);
      expect(window.startPgoff + window.nrPages).toBeGreaterThan(77);
    });
  });
}

for (const policy of readaheadPolicies) describeReadaheadPolicy(policy.name, () => policy.create({}));

describe("readahead policies beside Linux's", () => {
  it("reads only what was asked for with none", () => {
    const cache = new FakeCache(1000);
    const file = new FakeFile(
      findOccupant("readahead policy", readaheadPolicies, "none").create({}),
      cache,
      newReadaheadState(32),
    );
    file.pread(0, 20_000);
    file.touch(100);
    expect(cache.show()).toBe("0:0 1:0 2:0 3:0 4:0 100:0");
  });

  it("reads as many pages as it was told with fixed", () => {
    const cache = new FakeCache(1000);
    const fixed = findOccupant("readahead policy", readaheadPolicies, "fixed");
    const file = new FakeFile(fixed.create({ nrWindowPages: 3 }), cache, newReadaheadState(32));
    file.pread(8 * 4096, 1);
    file.touch(998);
    expect(cache.show()).toBe("8:0 9:0 10:0 998:0 999:0");
    expect(() => fixed.create({ nrWindowPages: 0 })).toThrow(/^EINVAL: a window of 0 pages/);
  });
});

describe("advice on readahead", () => {
  it("doubles the window for sequential files and puts it back", () => {
    const state = newReadaheadState(32);
    expect(state).toEqual({
      start: 0,
      size: 0,
      asyncSize: 0,
      raPages: 32,
      order: 0,
      mmapMiss: 0,
      prevPos: -1,
    });
    expect(adviseReadahead(state, 32, POSIX_FADV_RANDOM, false)).toBe(true);
    expect(state.raPages).toBe(32);
    expect(adviseReadahead(state, 32, POSIX_FADV_WILLNEED, true)).toBe(true);
    expect(adviseReadahead(state, 32, POSIX_FADV_SEQUENTIAL, true)).toBe(false);
    expect(state.raPages).toBe(64);
    expect(adviseReadahead(state, 32, POSIX_FADV_NORMAL, false)).toBe(false);
    expect(state.raPages).toBe(32);
  });

  it("reads no more than the device's transfer for POSIX_FADV_WILLNEED", () => {
    // Recorded: POSIX_FADV_WILLNEED of 8 MiB at page 8 read 320 pages; readahead(2) of 256 pages at page 1 read 256.
    const cache = new FakeCache(4096);
    const state = newReadaheadState(32);
    expect(forcedWindows(state, cache, 8, 2048)).toEqual([
      { startPgoff: 8, nrPages: 320, asyncSize: 0, order: 0 },
    ]);
    expect(forcedWindows(state, cache, 1, 256)).toEqual([
      { startPgoff: 1, nrPages: 256, asyncSize: 0, order: 0 },
    ]);
  });

  it("goes in pieces of 2 MiB up to the end of the file", () => {
    const cache = new FakeCache(1300, 9, 4096);
    expect(
      forcedWindows(newReadaheadState(32), cache, 0, 9999).map(({ startPgoff, nrPages }) => [
        startPgoff,
        nrPages,
      ]),
    ).toEqual([
      [0, 512],
      [512, 512],
      [1024, 276],
    ]);
    expect(forcedWindows(newReadaheadState(32), cache, 1300, 4)).toEqual([]);
  });
});

describe("gaps of the cache", () => {
  it("are where they are when no folio is large", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(300), { maxLength: 300 }),
        fc.nat(300),
        fc.integer({ min: 1, max: 64 }),
        (pages, pgoff, max) => {
          const cache = new FakeCache(400);
          for (const page of pages) cache.add(page);
          let next = pgoff;
          while (next < pgoff + max && cache.isCached(next)) next++;
          expect(nextGap(cache, pgoff, max)).toBe(next);
          let previous = pgoff;
          while (previous > pgoff - max && cache.isCached(previous)) previous--;
          expect(previousGap(cache, pgoff, max)).toBe(previous === pgoff - max ? previous + 1 : previous);
        },
      ),
    );
  });

  it("are told with the distance to the head of the folio that the search starts in", () => {
    const cache = new FakeCache(4096);
    cache.add(0, 2);
    cache.add(4, 2);
    cache.add(8, 2);
    // Recorded: a marker on 4:2 with 12 pages cached was answered with a window from 13.
    expect(nextGap(cache, 5, 32)).toBe(13);
    expect(nextGap(cache, 4, 32)).toBe(12);
    expect(previousGap(cache, 11, 32)).toBe(2);
  });
});

describe("folios of a window", () => {
  const window = (
    startPgoff: number,
    nrPages: number,
    asyncSize: number,
    order: number,
  ): ReadaheadWindow => ({
    startPgoff,
    nrPages,
    asyncSize,
    order,
  });
  const show = (folios: { pgoff: number; order: number; isMarked: boolean }[]): string =>
    folios.map(({ pgoff, order, isMarked }) => `${pgoff}:${order}${isMarked ? "*" : ""}`).join(" ");

  it("are smaller where the window or the file is not aligned", () => {
    expect(show(foliosOfWindow(window(13, 23, 23, 2), new FakeCache(4096)))).toBe(
      "13:0* 14:1 16:2 20:2 24:2 28:2 32:2",
    );
    expect(show(foliosOfWindow(window(16, 32, 32, 5), new FakeCache(27)))).toBe("16:3* 24:1 26:0");
  });

  it("carry the marker on the one that holds the page it is meant for", () => {
    expect(show(foliosOfWindow(window(0, 32, 10, 4), new FakeCache(4096)))).toBe("0:4 16:4*");
  });

  it("are small from the first that a cached page is in the way of", () => {
    const cache = new FakeCache(4096);
    cache.add(10);
    // Recorded for read-around: the rest is 4 + 21 pages with 8 ahead, so the marker is 8 pages before the end of the file.
    expect(show(foliosOfWindow(window(0, 16, 4, 2), cache))).toBe(
      "0:2 4:2 8:0 9:0 11:0 12:0* 13:0 14:0 15:0",
    );
  });

  it("move the marker with the end of the file once they are small", () => {
    const cache = new FakeCache(25);
    for (let pgoff = 4; pgoff < 6; pgoff++) cache.add(pgoff);
    // 32 pages from 0, 8 ahead: 25 of them exist, and with page 4 cached 21 are left, so the marker is on 4 + 21 - 8.
    expect(show(foliosOfWindow(window(0, 32, 8, 0), cache))).toBe(
      "0:0 1:0 2:0 3:0 6:0 7:0 8:0 9:0 10:0 11:0 12:0 13:0 14:0 15:0 16:0 17:0* 18:0 19:0 20:0 21:0 22:0 23:0 24:0",
    );
  });

  it("are small after an allocation that failed, and end at the second failure", () => {
    const walk = new WindowFolios();
    walk.begin(window(0, 16, 0, 3), new FakeCache(4096));
    expect([walk.next(), walk.pgoff, walk.order, walk.startsBatch]).toEqual([true, 0, 3, true]);
    expect([walk.next(), walk.pgoff, walk.order, walk.startsBatch]).toEqual([true, 8, 3, false]);
    walk.failed();
    expect([walk.next(), walk.pgoff, walk.order, walk.startsBatch]).toEqual([true, 8, 0, true]);
    expect([walk.next(), walk.pgoff, walk.order, walk.startsBatch]).toEqual([true, 9, 0, false]);
    walk.failed();
    expect(walk.next()).toBe(false);
    expect(walk.next()).toBe(false);
  });

  it("cover what is not cached of the window and the file, once, each aligned to its size", () => {
    fc.assert(
      fc.property(
        fc.nat(200),
        fc.integer({ min: 1, max: 80 }),
        fc.nat(80),
        fc.nat(6),
        fc.array(fc.nat(280), { maxLength: 12 }),
        fc.integer({ min: 1, max: 280 }),
        (startPgoff, nrPages, async, wantedOrder, cached, nrFilePages) => {
          const order = Math.min(wantedOrder, Math.floor(Math.log2(nrPages)));
          const cache = new FakeCache(nrFilePages);
          for (const pgoff of cached) cache.add(pgoff);
          const pages: number[] = [];
          for (const folio of foliosOfWindow(
            window(startPgoff, nrPages, Math.min(async, nrPages), order),
            cache,
          )) {
            expect(folio.pgoff % 2 ** folio.order).toBe(0);
            expect(folio.order).toBeLessThanOrEqual(order);
            for (let page = 0; page < 2 ** folio.order; page++) pages.push(folio.pgoff + page);
          }
          const expected: number[] = [];
          for (let page = startPgoff; page < Math.min(startPgoff + nrPages, nrFilePages); page++) {
            if (!cached.includes(page)) expected.push(page);
          }
          expect(pages).toEqual(expected);
        },
      ),
    );
  });
});
