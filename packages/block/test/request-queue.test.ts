import {
  type BlockBackend,
  EIO,
  EROFS,
  REQ_FUA,
  REQ_OP_FLUSH,
  REQ_OP_READ,
  REQ_OP_WRITE,
  REQ_PREFLUSH,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { MemoryBlockBackend } from "../src/index.ts";
import { bytesBio, drain, flushBio, framesBio, newQueue, readBio, writeBio } from "./helpers.ts";

/** Tells what reached the backend, in order. */
class RecordingBackend implements BlockBackend {
  readonly name = "recording";
  readonly nrSectors: number = 1 << 20;
  readonly isReadOnly = false;
  readonly log: string[] = [];
  readonly failing = new Set<number>();

  readSectors(sector: number): number {
    this.log.push(`read ${sector}`);
    return this.failing.has(sector) ? -EIO : 0;
  }
  writeSectors(sector: number): number {
    this.log.push(`write ${sector}`);
    return this.failing.has(sector) ? -EIO : 0;
  }
  flush(): number {
    this.log.push("flush");
    return 0;
  }
  ioWithoutBytes(sector: number, nrSectors: number, isWrite: boolean): number {
    this.log.push(`${isWrite ? "write" : "read"} ${sector}+${nrSectors} without bytes`);
    return 0;
  }
  close(): void {
    this.log.push("close");
  }
}

describe("RequestQueue", () => {
  it("moves frames to the device and back", () => {
    const { queue, contents } = newQueue();
    contents.writeByte(3, 0, 11);
    contents.writeByte(9, 4095, 22);
    queue.submitBio(framesBio(REQ_OP_WRITE, 16, [3, 9]), 0);
    expect(drain(queue).map(({ status }) => status)).toEqual([0]);
    queue.submitBio(framesBio(REQ_OP_READ, 16, [20, 21]), 0);
    drain(queue);
    expect(contents.readByte(20, 0)).toBe(11);
    expect(contents.readByte(21, 4095)).toBe(22);
  });

  it("moves no data before the bio is complete", () => {
    const { queue, contents } = newQueue({ model: "ssd" });
    queue.submitBio(writeBio(0, 8, 7), 0);
    drain(queue);
    queue.submitBio(framesBio(REQ_OP_READ, 0, [1]), 1_000_000);
    const doneNs = queue.nextCompletionNs(1_000_000);
    expect(doneNs).toBeGreaterThan(1_000_000);
    expect(queue.takeCompleted(doneNs - 1)).toBeNull();
    expect(contents.readByte(1, 0)).toBe(0);
    expect(queue.takeCompleted(doneNs)?.completedNs).toBe(doneNs);
    expect(contents.readByte(1, 0)).toBe(7);
  });

  it("holds bios back until it is unplugged or asked when they complete", () => {
    const { queue } = newQueue();
    queue.submitBio(readBio(0, 8), 5);
    expect(queue.takeCompleted(1000)).toBeNull();
    expect(queue.nrInFlight).toBe(1);
    queue.unplug(1000);
    expect(queue.takeCompleted(1000)?.completedNs).toBe(1000);
    expect(queue.nrInFlight).toBe(0);
    expect(queue.nextCompletionNs(1000)).toBe(Infinity);
    queue.submitBio(readBio(0, 8), 2000);
    expect(queue.nextCompletionNs(2000)).toBe(2000);
  });

  it("merges neighbours behind and in front of the newest request that is held back", () => {
    const { queue } = newQueue();
    for (const sector of [80, 88, 72, 96]) queue.submitBio(readBio(sector, 8), 0);
    // Another kind, and a gap: new requests.
    queue.submitBio(writeBio(104, 8), 0);
    queue.submitBio(readBio(200, 8), 0);
    drain(queue);
    expect(queue.stats).toMatchObject({
      nrReads: 2,
      nrReadMerges: 3,
      nrSectorsRead: 40,
      nrWrites: 1,
      nrWriteMerges: 0,
      nrSectorsWritten: 8,
    });
  });

  it("makes no request of more than 128 segments or 1280 KiB", () => {
    const { queue } = newQueue({ nrSectors: 1 << 20 });
    // 640 bios of a page: 128 of them fill a request with segments.
    for (let page = 0; page < 640; page++) queue.submitBio(readBio(page * 8, 8), 0);
    drain(queue);
    expect(queue.stats.nrReads).toBe(5);
    // 40 bios of 64 KiB: 20 of them fill one with sectors.
    for (let bio = 0; bio < 40; bio++) queue.submitBio(readBio(bio * 128, 128), 0);
    drain(queue);
    expect(queue.stats.nrReads).toBe(7);
    expect(queue.stats.nrSectorsRead).toBe(2 * 5120);
  });

  it("counts neighbouring frames as one segment, of 16 pages at most", () => {
    const { queue } = newQueue({ nrSectors: 1 << 20 });
    const run = Array.from({ length: 64 }, (_, frame) => frame);
    // 5 bios of 64 pages and 4 segments: 2560 sectors.
    for (let bio = 0; bio < 5; bio++) queue.submitBio(framesBio(REQ_OP_WRITE, bio * 512, run), 0);
    drain(queue);
    expect(queue.stats.nrWrites).toBe(1);
    // 4 bios of 64 pages and 64 segments: 2 requests of 128 segments.
    const scattered = run.toReversed();
    for (let bio = 0; bio < 4; bio++) queue.submitBio(framesBio(REQ_OP_WRITE, bio * 512, scattered), 0);
    drain(queue);
    expect(queue.stats.nrWrites).toBe(3);
  });

  it("splits a bio that is larger, and completes it once, with its last piece", () => {
    const { queue } = newQueue({ nrSectors: 8192, model: "nvme" });
    const bytes = new Uint8Array(6000 * 512).map((_, at) => at >> 9);
    const bio = bytesBio(REQ_OP_WRITE, 100, bytes);
    queue.submitBio(bio, 0);
    const [done, ...others] = drain(queue);
    expect(done === bio && others.length === 0).toBe(true);
    expect(queue.stats.nrWrites).toBe(3);
    const back = readBio(100, 6000);
    queue.submitBio(back, 1e9);
    drain(queue, 1e9);
    expect(back.bytes?.every((byte, at) => byte === bytes[at])).toBe(true);
  });

  it("sends on what is held back when the oldest has 128 KiB or there are 32", () => {
    const { queue } = newQueue();
    queue.submitBio(readBio(0, 256), 0);
    queue.submitBio(readBio(1000, 8), 0);
    expect(queue.takeCompleted(0)?.sector).toBe(0);
    expect(queue.takeCompleted(0)).toBeNull();
    for (let bio = 0; bio < 32; bio++) queue.submitBio(readBio(2000 + bio * 16, 8), 0);
    expect(queue.takeCompleted(0)?.sector).toBe(1000);
  });

  it("gives a read the data of an earlier write that is not complete", () => {
    for (const scheduler of ["none", "mq-deadline"]) {
      const { queue } = newQueue({ model: "hdd", scheduler });
      queue.submitBio(writeBio(1000, 8, 1), 0);
      queue.submitBio(writeBio(1004, 8, 2), 0);
      const read = readBio(1000, 8);
      queue.submitBio(read, 0);
      // Comes after the read, which must not see it.
      queue.submitBio(writeBio(1000, 1, 3), 0);
      queue.checkInvariants();
      drain(queue);
      expect([read.bytes?.[0], read.bytes?.[4 * 512]]).toEqual([1, 2]);
    }
  });

  it("completes a flush after everything that was submitted before it", () => {
    const backend = new RecordingBackend();
    const { queue } = newQueue({ backend, model: "nvme", scheduler: "mq-deadline" });
    queue.submitBio(writeBio(5000, 2560), 0);
    queue.submitBio(writeBio(8, 8), 0);
    const flush = flushBio();
    queue.submitBio(flush, 0);
    queue.submitBio(writeBio(100, 8), 0);
    const order = drain(queue);
    expect(order.indexOf(flush)).toBeGreaterThan(1);
    expect(backend.log.indexOf("flush")).toBeGreaterThan(backend.log.indexOf("write 5000"));
    expect(backend.log.indexOf("flush")).toBeGreaterThan(backend.log.indexOf("write 8"));
    expect(queue.stats.nrFlushes).toBe(1);
    expect(queue.stats.nrWrites).toBe(3);
    expect(queue.stats.flushNs).toBeGreaterThan(0);
  });

  it("flushes before a write with REQ_PREFLUSH and after one with REQ_FUA", () => {
    const backend = new RecordingBackend();
    const { queue } = newQueue({ backend });
    queue.submitBio(writeBio(8, 8), 0);
    queue.submitBio(writeBio(16, 8, 1, REQ_PREFLUSH | REQ_FUA), 0);
    drain(queue);
    expect(backend.log).toEqual(["write 8", "flush", "write 16", "flush"]);
    queue.submitBio(writeBio(24, 8, 1, REQ_FUA), 0);
    // Linux's own form of an empty flush.
    queue.submitBio(bytesBio(REQ_OP_WRITE, 0, new Uint8Array(0), REQ_PREFLUSH), 0);
    drain(queue);
    expect(backend.log.slice(4)).toEqual(["write 24", "flush", "flush"]);
  });

  it("fails every bio of a request that fails, and no other", () => {
    const backend = new RecordingBackend();
    backend.failing.add(16);
    const { queue } = newQueue({ backend });
    const bios = [readBio(8, 8), readBio(16, 8), readBio(100, 8)];
    for (const bio of bios) queue.submitBio(bio, 0);
    drain(queue);
    expect(bios.map(({ status }) => status)).toEqual([-EIO, -EIO, 0]);
  });

  it("answers -EIO beyond the end and -EROFS for a write to a read-only device", () => {
    const { queue } = newQueue({ backend: new MemoryBlockBackend(100, true) });
    const bios = [readBio(96, 8), readBio(92, 8), writeBio(0, 8), flushBio()];
    for (const bio of bios) queue.submitBio(bio, 7);
    expect(drain(queue, 7)).toHaveLength(4);
    expect(bios.map(({ status }) => status)).toEqual([-EIO, 0, -EROFS, 0]);
    expect(bios[0].completedNs).toBe(7);
  });

  it("refuses a bio whose memory is not as long as its sectors", () => {
    const { queue } = newQueue();
    expect(() => {
      queue.submitBio({ ...readBio(0, 8), nrSectors: 9 }, 0);
    }).toThrow("EINVAL: a bio of 9 sectors from 0 came with 0 frames and 4096 bytes");
    expect(() => {
      queue.submitBio(bytesBio(REQ_OP_FLUSH, 0, new Uint8Array(512)), 0);
    }).toThrow("EINVAL");
    expect(queue.nrInFlight).toBe(0);
  });

  it("moves no frames where pages have no bytes, but bytes all the same", () => {
    const backend = new RecordingBackend();
    const { queue } = newQueue({ backend, mode: "none" });
    queue.submitBio(framesBio(REQ_OP_WRITE, 16, [3, 9]), 0);
    queue.submitBio(writeBio(80, 8), 0);
    drain(queue);
    expect(backend.log).toEqual(["write 16+16 without bytes", "write 80"]);
    const memory = newQueue({ mode: "none" });
    memory.queue.submitBio(framesBio(REQ_OP_READ, 16, [3, 9]), 0);
    expect(drain(memory.queue)[0].status).toBe(0);
  });

  it("counts the time of requests and of the busy device", () => {
    const { queue } = newQueue({ model: "ssd" });
    queue.submitBio(readBio(0, 8), 1000);
    const [bio] = drain(queue, 51_000);
    expect(queue.stats.readNs).toBe(bio.completedNs - 1000);
    expect(queue.stats.busyNs).toBe(bio.completedNs - 1000);
    queue.submitBio(readBio(0, 8), 10_000_000);
    const [other] = drain(queue, 10_000_000);
    expect(queue.stats.busyNs).toBe(bio.completedNs - 1000 + other.completedNs - 10_000_000);
  });
});
