import {
  type Bio,
  REQ_FUA,
  REQ_OP_FLUSH,
  REQ_OP_READ,
  REQ_OP_WRITE,
  REQ_PREFLUSH,
} from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diskModels, ioSchedulers } from "../src/index.ts";
import { bytesBio, flushBio, framesBio, newQueue } from "./helpers.ts";

const NR_SECTORS = 512;
const NR_FRAMES = 64;

const anyOperation = fc.record({
  kind: fc.constantFrom(
    ...([
      "read",
      "read",
      "write",
      "write",
      "next",
      "next",
      "frames",
      "flush",
      "fua",
      "unplug",
      "wait",
    ] as const),
  ),
  sector: fc.nat(NR_SECTORS - 1),
  nrSectors: fc.integer({ min: 1, max: 40 }),
  byte: fc.integer({ min: 1, max: 255 }),
  stepNs: fc.constantFrom(0, 1, 1000, 300_000),
});

const everyDevice = diskModels.flatMap((model) =>
  ioSchedulers.map((scheduler) => [model.name, scheduler.name] as const),
);

describe("RequestQueue against an array of sectors", () => {
  it.each(everyDevice)("agrees with model %s and scheduler %s", (model, scheduler) => {
    fc.assert(
      fc.property(fc.array(anyOperation, { maxLength: 100 }), (operations) => {
        const { queue, backend, contents } = newQueue({ nrSectors: NR_SECTORS, model, scheduler });
        const sectors = new Uint8Array(NR_SECTORS);
        const expected = new Map<Bio, number[]>();
        const flushed = new Map<Bio, Bio[]>();
        const inFlight = new Set<Bio>();
        const freeFrames = Array.from({ length: NR_FRAMES }, (_, frame) => frame);
        let nowNs = 0;
        let lastDoneNs = 0;
        let nextSector = 0;
        let nrBios = 0;
        const submit = (bio: Bio): void => {
          if (bio.op === REQ_OP_WRITE) {
            const byte = bio.bytes === null ? contents.readByte(bio.pfns[0], 0) : bio.bytes[0];
            sectors.fill(byte, bio.sector, bio.sector + bio.nrSectors);
          } else if (bio.op === REQ_OP_READ) {
            expected.set(bio, [...sectors.subarray(bio.sector, bio.sector + bio.nrSectors)]);
          }
          if (bio.op === REQ_OP_FLUSH || (bio.flags & REQ_PREFLUSH) !== 0) flushed.set(bio, [...inFlight]);
          inFlight.add(bio);
          if (bio.nrSectors > 0) nrBios++;
          nextSector = bio.sector + bio.nrSectors;
          queue.submitBio(bio, nowNs);
        };
        const take = (): void => {
          for (let bio = queue.takeCompleted(nowNs); bio !== null; bio = queue.takeCompleted(nowNs)) {
            expect(bio.status).toBe(0);
            expect(bio.completedNs).toBeGreaterThanOrEqual(Math.max(lastDoneNs, bio.submittedNs));
            expect(bio.completedNs).toBeLessThanOrEqual(nowNs);
            lastDoneNs = bio.completedNs;
            for (const earlier of flushed.get(bio) ?? []) expect(inFlight.has(earlier)).toBe(false);
            expect(inFlight.delete(bio)).toBe(true);
            const { bytes, pfns } = bio;
            const found = Array.from({ length: bio.nrSectors }, (_, at) =>
              bytes === null ? contents.readByte(pfns[at >> 3], (at & 7) * 512) : bytes[at * 512],
            );
            expect(found).toEqual(expected.get(bio) ?? found);
            freeFrames.push(...pfns);
          }
        };
        for (const { kind, sector, nrSectors, byte, stepNs } of operations) {
          nowNs += stepNs;
          const size = Math.min(nrSectors, NR_SECTORS - sector);
          const flags = kind === "fua" ? REQ_PREFLUSH | REQ_FUA : 0;
          if (kind === "unplug") queue.unplug(nowNs);
          else if (kind === "flush") submit(flushBio());
          else if (kind === "read") submit(bytesBio(REQ_OP_READ, sector, new Uint8Array(size * 512)));
          else if (kind === "write" || kind === "fua") {
            submit(bytesBio(REQ_OP_WRITE, sector, new Uint8Array(size * 512).fill(byte), flags));
          } else if (kind === "next" && nextSector + nrSectors <= NR_SECTORS) {
            const op = byte % 2 === 0 ? REQ_OP_READ : REQ_OP_WRITE;
            submit(bytesBio(op, nextSector, new Uint8Array(nrSectors * 512).fill(byte)));
          } else if (kind === "frames" && sector + 16 <= NR_SECTORS && freeFrames.length >= 2) {
            const pfns = freeFrames.splice(0, 2);
            for (const pfn of pfns) {
              for (let at = 0; at < 4096; at += 512) contents.writeByte(pfn, at, byte);
            }
            submit(framesBio(byte % 2 === 0 ? REQ_OP_READ : REQ_OP_WRITE, sector, pfns));
          } else if (kind === "wait") {
            const doneNs = queue.nextCompletionNs(nowNs);
            if (doneNs !== Infinity) nowNs = Math.max(nowNs, doneNs);
          }
          take();
          queue.checkInvariants();
          expect(queue.nrInFlight).toBe(inFlight.size);
        }
        while (inFlight.size > 0) {
          nowNs = Math.max(nowNs, queue.nextCompletionNs(nowNs));
          take();
          queue.checkInvariants();
        }
        const all = new Uint8Array(NR_SECTORS * 512);
        backend.readSectors(0, all);
        expect(Array.from(sectors, (_, at) => all[at * 512])).toEqual([...sectors]);
        const { stats } = queue;
        expect(stats.nrReads + stats.nrReadMerges + stats.nrWrites + stats.nrWriteMerges).toBe(nrBios);
        expect(stats.busyNs).toBeLessThanOrEqual(nowNs);
      }),
      { numRuns: 60 },
    );
  });
});
