/** A device that fails: bad sectors, torn writes, a cache that a power cut empties. */
import { type BlockBackend, EINVAL, EIO, KernelError, SECTOR_SIZE } from "@pageframe/contracts";
import { SeededRandom } from "./seeded-random.ts";
import { WriteCache } from "./write-cache.ts";

/** 16 MiB, as disks have. */
const DEFAULT_CACHE_SECTORS = 32768;

/** Calls that fail with -EIO. */
export interface BlockFault {
  readonly on: "reads" | "writes";
  /** Part of the calls that touch the sectors and fail, 0..1. A call moves a page, or as many bytes as a bio has. */
  readonly rate: number;
  /** Sectors [startSector, endSector); the whole device when they are left out. */
  readonly startSector?: number;
  readonly endSector?: number;
  /** Sectors of a call that failed go on failing. */
  readonly isPersistent?: boolean;
  /** Of a write that fails, a random number of its first sectors arrive; otherwise none. */
  readonly isTorn?: boolean;
}

/** When a faulty backend fails. */
export interface BlockFaults {
  /** Same seed, same calls: same failures. */
  readonly seed: number;
  readonly faults?: readonly BlockFault[];
  /** Sectors that the device keeps in memory that a power cut empties; 0: each write is durable at once. 16 MiB by default. */
  readonly writeCacheSectors?: number;
  /** The power goes with that write, counted from 1: it and everything after it answers -EIO. */
  readonly cutAfterWrites?: number;
}

/** Passes sectors to another backend, or does not. */
export class FaultyBlockBackend implements BlockBackend {
  readonly name: string;
  readonly nrSectors: number;
  readonly isReadOnly: boolean;
  /** Writes so far, and failures of either kind. */
  nrWrites = 0;
  nrReadErrors = 0;
  nrWriteErrors = 0;
  /** Has the power gone? */
  isCut = false;
  private readonly inner: BlockBackend;
  private readonly faults: readonly BlockFault[];
  /** For each fault the sectors that fail for good. */
  private readonly badSectors: readonly Set<number>[];
  private readonly cache: WriteCache | null;
  private readonly cutAfterWrites: number;
  private readonly random: SeededRandom;

  /** Throws EINVAL for a rate that is not within 0..1, a range that is none, or sizes that are no integers. */
  constructor(inner: BlockBackend, options: BlockFaults) {
    const {
      seed,
      faults = [],
      writeCacheSectors = DEFAULT_CACHE_SECTORS,
      cutAfterWrites = Infinity,
    } = options;
    faults.forEach(checkFault);
    if (!(writeCacheSectors >= 0)) {
      throw new KernelError(
        EINVAL,
        `a cache of ${writeCacheSectors} sectors cannot be; 0 or more would work`,
      );
    }
    if (!(cutAfterWrites >= 1)) {
      throw new KernelError(
        EINVAL,
        `writes are counted from 1, and the power cannot go with number ${cutAfterWrites}`,
      );
    }
    this.name = `faulty-${inner.name}`;
    this.nrSectors = inner.nrSectors;
    this.isReadOnly = inner.isReadOnly;
    this.inner = inner;
    this.faults = faults;
    this.badSectors = faults.map(() => new Set<number>());
    this.cache = writeCacheSectors === 0 ? null : new WriteCache(inner, writeCacheSectors);
    this.cutAfterWrites = cutAfterWrites;
    this.random = new SeededRandom(seed);
  }

  readSectors(sector: number, into: Uint8Array): number {
    if (this.failRead(sector, into.length / SECTOR_SIZE)) return -EIO;
    return this.cache === null ? this.inner.readSectors(sector, into) : this.cache.read(sector, into);
  }

  writeSectors(sector: number, from: Uint8Array): number {
    const nrSectors = from.length / SECTOR_SIZE;
    const nrArriving = this.failWrite(sector, nrSectors);
    if (nrArriving === nrSectors) return this.pass(sector, from);
    if (nrArriving > 0) this.pass(sector, from.subarray(0, nrArriving * SECTOR_SIZE));
    return -EIO;
  }

  flush(): number {
    if (this.isCut) return -EIO;
    return this.cache === null ? this.inner.flush() : this.cache.flush();
  }

  ioWithoutBytes(sector: number, nrSectors: number, isWrite: boolean): number {
    const isFailed = isWrite
      ? this.failWrite(sector, nrSectors) < nrSectors
      : this.failRead(sector, nrSectors);
    return isFailed ? -EIO : (this.inner.ioWithoutBytes?.(sector, nrSectors, isWrite) ?? 0);
  }

  /** Takes the power away now, if it is still there. */
  cutPower(): void {
    this.isCut = true;
  }

  /**
   * What the next boot finds: all that was flushed, and of the rest a random part, sector by sector, so that writes are
   * lost, torn and out of order. Goes into the inner backend, which is returned, and ends this device; or into `image`,
   * a fork of the inner one, and then it may be asked for other outcomes of the same cut.
   * Cost: as many sectors as were not flushed; nothing is copied.
   */
  afterPowerCut(image: BlockBackend = this.inner): BlockBackend {
    this.isCut = true;
    this.cache?.writeSurvivors(image, this.random);
    if (image === this.inner) this.cache?.drop();
    return image;
  }

  close(): void {
    this.inner.close();
  }

  private pass(sector: number, from: Uint8Array): number {
    return this.cache === null ? this.inner.writeSectors(sector, from) : this.cache.write(sector, from);
  }

  private failRead(sector: number, nrSectors: number): boolean {
    if (!this.isCut && this.findFault("reads", sector, nrSectors) === null) return false;
    this.nrReadErrors++;
    return true;
  }

  /** Sectors of a write that arrive: all of them, or less and then it fails. */
  private failWrite(sector: number, nrSectors: number): number {
    if (this.isCut) {
      this.nrWriteErrors++;
      return 0;
    }
    const isLast = ++this.nrWrites >= this.cutAfterWrites;
    const fault = isLast ? null : this.findFault("writes", sector, nrSectors);
    if (!isLast && fault === null) return nrSectors;
    this.nrWriteErrors++;
    this.isCut = isLast;
    return isLast || fault?.isTorn === true ? this.random.below(nrSectors) : 0;
  }

  /** A fault that hits a call; null for none. */
  private findFault(on: string, sector: number, nrSectors: number): BlockFault | null {
    for (let index = 0; index < this.faults.length; index++) {
      const fault = this.faults[index];
      const start = Math.max(sector, fault.startSector ?? 0);
      const end = Math.min(sector + nrSectors, fault.endSector ?? Infinity);
      if (fault.on !== on || start >= end) continue;
      const bad = this.badSectors[index];
      let isBad = false;
      if (bad.size > 0) for (let at = start; at < end; at++) isBad ||= bad.has(at);
      if (!isBad && !this.random.chance(fault.rate)) continue;
      if (fault.isPersistent === true) for (let at = start; at < end; at++) bad.add(at);
      return fault;
    }
    return null;
  }
}

function checkFault({ rate, startSector = 0, endSector = Infinity }: BlockFault): void {
  if (!(rate >= 0 && rate <= 1)) throw new KernelError(EINVAL, `fault rate ${rate} is not within 0 to 1`);
  if (!(startSector >= 0 && startSector < endSector)) {
    throw new KernelError(
      EINVAL,
      `sectors ${startSector} to ${endSector} are no range; a start below the end would work`,
    );
  }
}
