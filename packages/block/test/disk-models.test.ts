import { findOccupant, REQ_OP_READ, REQ_OP_WRITE } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DiskModel, diskModels } from "../src/index.ts";
import { HDD_TRACK_SECTORS, HDD_TURN_NS, seekNs } from "../src/hdd-model.ts";

/** 1 GiB. */
const NR_SECTORS: number = 1 << 21;
const MS = 1_000_000;

const newModel = (name: string): DiskModel =>
  findOccupant("disk model", diskModels, name).create({ nrSectors: NR_SECTORS });

/** Bytes per nanosecond, so GB/s, when commands follow each other and as many are at the device as it takes. */
function throughput(
  model: DiskModel,
  op: number,
  nrSectors: number,
  sectorOf: (command: number) => number,
): number {
  const nrCommands = 512;
  const depth = Math.min(model.queueDepth, nrCommands);
  const doneNs: number[] = Array<number>(depth).fill(0);
  for (let command = 0; command < nrCommands; command++) {
    const slot = doneNs.indexOf(Math.min(...doneNs));
    doneNs[slot] = model.transfer(op, sectorOf(command), nrSectors, doneNs[slot]);
  }
  return (nrCommands * nrSectors * 512) / Math.max(...doneNs);
}

const scattered = (command: number): number => ((command * 7919 * 512) % NR_SECTORS) & ~7;

describe.each(diskModels.map(({ name }) => name))("disk model %s", (name) => {
  it("is never done before it starts, and says the same again", () => {
    const anyCommand = fc.record({
      isRead: fc.boolean(),
      sector: fc.nat(NR_SECTORS - 300),
      nrSectors: fc.integer({ min: 1, max: 300 }),
      stepNs: fc.nat(20 * MS),
    });
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 50 }), (commands) => {
        const times = [newModel(name), newModel(name)].map((model) => {
          let nowNs = 0;
          let lastNs = 0;
          return commands.map(({ isRead, sector, nrSectors, stepNs }) => {
            nowNs += stepNs;
            if (model.queueDepth === 1) nowNs = Math.max(nowNs, lastNs);
            lastNs = model.transfer(isRead ? REQ_OP_READ : REQ_OP_WRITE, sector, nrSectors, nowNs);
            expect(lastNs).toBeGreaterThanOrEqual(nowNs);
            // No single command among these takes seconds.
            expect(lastNs - nowNs).toBeLessThan(1000 * MS);
            expect(model.flush(nowNs)).toBeGreaterThanOrEqual(nowNs);
            return lastNs;
          });
        });
        expect(times[0]).toEqual(times[1]);
      }),
      { numRuns: 40 },
    );
  });
});

describe("hdd", () => {
  it("seeks along a root and then a line that meet, 0.8 to 16 ms", () => {
    expect(seekNs(0)).toBe(0);
    expect(seekNs(1e-9)).toBeCloseTo(0.8 * MS, -4);
    expect(seekNs(1)).toBe(16 * MS);
    expect(seekNs(0.2)).toBeCloseTo(6.8 * MS, 0);
    expect(seekNs(0.2 - 1e-9)).toBeCloseTo(6.8 * MS, -1);
    // The mean over two random places (distance x with density 2 - 2x) is that of a desktop disk.
    let meanNs = 0;
    for (let part = 0.0005; part < 1; part += 0.001) meanNs += seekNs(part) * (2 - 2 * part) * 0.001;
    expect(meanNs / MS).toBeGreaterThan(7.5);
    expect(meanNs / MS).toBeLessThan(8.5);
  });

  it("waits until the sector comes round", () => {
    const model = newModel("hdd");
    // At time 0 the head is over sector 0 of track 0. A quarter turn, and one sector passes.
    const quarter = HDD_TRACK_SECTORS / 4;
    const doneNs = model.transfer(REQ_OP_WRITE, 0, 8, 0);
    expect(doneNs).toBeCloseTo((HDD_TURN_NS * 8) / HDD_TRACK_SECTORS, 3);
    // Half a turn later at once the same sector: the rest of the turn.
    const againNs = model.transfer(REQ_OP_WRITE, 0, quarter, HDD_TURN_NS / 2);
    const isOver = againNs - (HDD_TURN_NS * 5) / 4;
    // The arm went back over 8 sectors of a track, a short seek, within the half turn.
    expect(Math.abs(isOver)).toBeLessThan(1);
  });

  it("reads sequentially at the rate of the medium, also with pauses, from its buffer", () => {
    const model = newModel("hdd");
    expect(throughput(model, REQ_OP_READ, 256, (command) => command * 256)).toBeCloseTo(0.126, 2);
    const paused = newModel("hdd");
    let nowNs = paused.transfer(REQ_OP_READ, 0, 256, 0);
    for (let command = 1; command < 100; command++) {
      const startNs = nowNs + 3 * MS;
      nowNs = paused.transfer(REQ_OP_READ, command * 256, 256, startNs);
      // 128 KiB pass under the head in 1.04 ms: they are in the buffer, and take 0.22 ms over the wire.
      expect(nowNs - startNs).toBeLessThan(0.25 * MS);
    }
  });

  it("does about a hundred random reads a second", () => {
    const perSecond = (throughput(newModel("hdd"), REQ_OP_READ, 8, scattered) * 1e9) / 4096;
    expect(perSecond).toBeGreaterThan(60);
    expect(perSecond).toBeLessThan(140);
  });
});

describe("ssd and nvme", () => {
  it("are as fast as their wire when commands are large, and no faster", () => {
    for (const [name, rate] of [
      ["ssd", 0.55],
      ["nvme", 3.5],
    ] as const) {
      const found = throughput(newModel(name), REQ_OP_READ, 1024, (command) => command * 1024);
      expect(found).toBeLessThanOrEqual(rate);
      expect(found).toBeGreaterThan(rate * 0.9);
    }
  });

  it("do random reads in parallel: many at once take little longer than one", () => {
    for (const [name, nrChannels] of [
      ["ssd", 8],
      ["nvme", 32],
    ] as const) {
      const model = newModel(name);
      const oneNs = newModel(name).transfer(REQ_OP_READ, 0, 8, 0);
      const doneNs = Array.from({ length: nrChannels }, (_, channel) =>
        model.transfer(REQ_OP_READ, channel * 32, 8, 0),
      );
      expect(Math.max(...doneNs)).toBeLessThan(oneNs * 1.6);
      // One more has to wait for its channel.
      expect(model.transfer(REQ_OP_READ, 8, 8, 0)).toBeGreaterThan(oneNs * 1.8);
    }
  });

  it("write with less latency than they read, and pay at the flush", () => {
    for (const name of ["ssd", "nvme"]) {
      const readNs = newModel(name).transfer(REQ_OP_READ, 0, 8, 0);
      const model = newModel(name);
      const writeNs = model.transfer(REQ_OP_WRITE, 0, 8, 0);
      expect(writeNs).toBeLessThan(readNs);
      expect(model.flush(0)).toBeGreaterThan(writeNs);
    }
  });

  it("are in order of their kind: disk, ssd, nvme", () => {
    const rates = ["hdd", "ssd", "nvme"].map((name) => throughput(newModel(name), REQ_OP_READ, 8, scattered));
    expect(rates[1]).toBeGreaterThan(rates[0] * 50);
    expect(rates[2]).toBeGreaterThan(rates[1] * 2);
  });
});
