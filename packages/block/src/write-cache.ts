/**
 * The volatile cache of a disk: what was written and not flushed. A power cut leaves any part of it on the medium.
 *
 * Writes are kept in order, each with its bytes; `latest` finds the newest one of a sector. Numbers of writes count on
 * for ever; the oldest one in `writes` is number `nrGone`.
 */
import { type BlockBackend, bug, SECTOR_SIZE } from "@pageframe/contracts";
import { Fifo } from "./fifo.ts";
import { type SeededRandom } from "./seeded-random.ts";

/** Parts of the cached sectors that a power cut may leave: none, a quarter, ..., all. */
const NR_PARTS = 4;

interface CachedWrite {
  readonly sector: number;
  readonly bytes: Uint8Array;
}

/** Sectors on their way to a backend. */
export class WriteCache {
  private readonly inner: BlockBackend;
  private readonly nrSectorsMax: number;
  private writes = new Fifo<CachedWrite>();
  private nrGone = 0;
  private nrSectors = 0;
  private readonly latest = new Map<number, { readonly number: number; readonly bytes: Uint8Array }>();

  constructor(inner: BlockBackend, nrSectorsMax: number) {
    this.inner = inner;
    this.nrSectorsMax = nrSectorsMax;
  }

  /** Reads what was written last, wherever it is. Returns 0 or -EIO. */
  read(sector: number, into: Uint8Array): number {
    const result = this.inner.readSectors(sector, into);
    if (result < 0 || this.latest.size === 0) return result;
    for (let at = 0; at < into.length; at += SECTOR_SIZE) {
      const cached = this.latest.get(sector + at / SECTOR_SIZE);
      if (cached !== undefined) into.set(cached.bytes, at);
    }
    return result;
  }

  /** Keeps a copy of the bytes; what does not fit pushes the oldest writes out. Returns 0 or the backend's error. */
  write(sector: number, from: Uint8Array): number {
    if (from.length === 0) return 0;
    const bytes = from.slice();
    const number = this.nrGone + this.writes.length;
    this.writes.push({ sector, bytes });
    this.nrSectors += bytes.length / SECTOR_SIZE;
    for (let at = 0; at < bytes.length; at += SECTOR_SIZE) {
      this.latest.set(sector + at / SECTOR_SIZE, { number, bytes: bytes.subarray(at, at + SECTOR_SIZE) });
    }
    let result = 0;
    while (result === 0 && this.nrSectors > this.nrSectorsMax) result = this.writeOldest();
    return result;
  }

  /** Writes everything out. Returns 0 or the backend's error; what it refused stays. */
  flush(): number {
    let result = 0;
    while (result === 0 && this.writes.length > 0) result = this.writeOldest();
    return result === 0 ? this.inner.flush() : result;
  }

  /**
   * Writes to `image` what a power cut leaves: each sector of each write arrives by chance, or not. How many do is chance
   * too, so that all and nothing happen as well. The cache itself keeps everything.
   */
  writeSurvivors(image: BlockBackend, random: SeededRandom): void {
    const part = random.below(NR_PARTS + 1) / NR_PARTS;
    for (const { sector, bytes } of this.writes) {
      for (let at = 0; at < bytes.length; at += SECTOR_SIZE) {
        if (random.chance(part)) {
          image.writeSectors(sector + at / SECTOR_SIZE, bytes.subarray(at, at + SECTOR_SIZE));
        }
      }
    }
  }

  /** Forgets what was not written out. */
  drop(): void {
    this.nrGone += this.writes.length;
    this.nrSectors = 0;
    this.writes = new Fifo();
    this.latest.clear();
  }

  private writeOldest(): number {
    const write = this.writes.peek();
    if (write === null) return bug(`${this.nrSectors} sectors are cached without a write`);
    const { sector, bytes } = write;
    const result = this.inner.writeSectors(sector, bytes);
    if (result < 0) return result;
    this.writes.shift();
    const number = this.nrGone++;
    const nrSectors = bytes.length / SECTOR_SIZE;
    this.nrSectors -= nrSectors;
    for (let at = sector; at < sector + nrSectors; at++) {
      if (this.latest.get(at)?.number === number) this.latest.delete(at);
    }
    return 0;
  }
}
