/**
 * A disk that turns: one arm, one command at a time, no write cache.
 *
 * A command costs the seek, the wait until its first sector comes round, and the time its sectors take to pass. The seek
 * is a root of short distances and a line of long ones: Ruemmler and Wilkes, "An introduction to disk drive modeling",
 * IEEE Computer 27(3), 1994. What turns is a function of virtual time, so the wait is no random number.
 * After a read the disk goes on reading into its buffer: a read that continues the last one finds there what has passed
 * under the head since.
 *
 * The numbers are parameters of a 7200-rpm disk of its kind, not measurements of one. Differs: one zone, tracks skewed
 * so that going on to the next costs nothing; a device of any size is the whole disk, so distances are parts of its stroke.
 */
import { REQ_OP_READ } from "@pageframe/contracts";
import { type DiskModel } from "./disk-model.ts";

const NS_PER_MS = 1_000_000;
/** One turn at 7200 rpm, and sectors of a track: 1 MiB, so 120 MiB/s. */
export const HDD_TURN_NS: number = 60_000_000_000 / 7200;
export const HDD_TRACK_SECTORS = 2048;
const SECTOR_NS: number = HDD_TURN_NS / HDD_TRACK_SECTORS;
/** Seek over a part x of the stroke: SHORT + ROOT * sqrt(x) up to KNEE, LONG + SLOPE * x above. */
const SEEK_KNEE = 0.2;
const SEEK_SHORT_NS: number = 0.8 * NS_PER_MS;
const SEEK_LONG_NS: number = 4.5 * NS_PER_MS;
const SEEK_SLOPE_NS: number = 11.5 * NS_PER_MS;
/** The two meet at the knee. */
const SEEK_ROOT_NS: number =
  (SEEK_LONG_NS + SEEK_SLOPE_NS * SEEK_KNEE - SEEK_SHORT_NS) / Math.sqrt(SEEK_KNEE);
/** Sectors that the disk reads ahead into its buffer: 8 MiB. */
const BUFFER_SECTORS = 16384;
/** What one sector takes from the buffer over the wire: 600 MB/s. */
const WIRE_SECTOR_NS = 512 / 0.6;

/** The model `hdd`. */
export class HddModel implements DiskModel {
  readonly name = "hdd";
  readonly queueDepth = 1;
  private readonly nrSectors: number;
  /** Sector behind those of the last command, and whether that was a read. */
  private nextSector = 0;
  private isReading = false;
  /** Where reading ahead had come, and when. */
  private aheadSector = 0;
  private aheadNs = 0;

  constructor(nrSectors: number) {
    this.nrSectors = nrSectors;
  }

  transfer(op: number, sector: number, nrSectors: number, startNs: number): number {
    const isRead = op === REQ_OP_READ;
    const endSector = sector + nrSectors;
    let doneNs: number;
    if (isRead && this.isReading && sector === this.nextSector) {
      doneNs = this.readOn(endSector, startNs);
    } else {
      doneNs = this.reach(sector, startNs) + nrSectors * SECTOR_NS;
      this.aheadSector = endSector;
      this.aheadNs = doneNs;
    }
    this.nextSector = endSector;
    this.isReading = isRead;
    return doneNs;
  }

  flush(startNs: number): number {
    return startNs;
  }

  /** When a read that continues the last one is done. */
  private readOn(endSector: number, startNs: number): number {
    const { nextSector } = this;
    const passed = Math.max(0, startNs - this.aheadNs) / SECTOR_NS;
    const ahead = Math.min(this.aheadSector + passed, nextSector + BUFFER_SECTORS);
    const wireNs = (endSector - nextSector) * WIRE_SECTOR_NS;
    const doneNs = startNs + Math.max(wireNs, (endSector - ahead) * SECTOR_NS);
    this.aheadSector = Math.max(ahead, endSector);
    this.aheadNs = ahead < endSector ? doneNs : startNs;
    return doneNs;
  }

  /** When the head is over a sector: seek and wait. */
  private reach(sector: number, startNs: number): number {
    const overNs = startNs + seekNs(Math.abs(sector - this.nextSector) / this.nrSectors);
    const sectorNs = (sector % HDD_TRACK_SECTORS) * SECTOR_NS;
    const waitNs = (((sectorNs - overNs) % HDD_TURN_NS) + HDD_TURN_NS) % HDD_TURN_NS;
    // A whole turn but for rounding: the sector is just coming.
    return overNs + (HDD_TURN_NS - waitNs < SECTOR_NS / 2 ? 0 : waitNs);
  }
}

/** Nanoseconds of a seek over a part of the stroke, 0..1. */
export function seekNs(part: number): number {
  if (part === 0) return 0;
  return part < SEEK_KNEE
    ? SEEK_SHORT_NS + SEEK_ROOT_NS * Math.sqrt(part)
    : SEEK_LONG_NS + SEEK_SLOPE_NS * part;
}
