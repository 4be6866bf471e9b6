import {
  type Bio,
  type BlockBackend,
  findOccupant,
  type Pfn,
  REQ_OP_FLUSH,
  REQ_OP_READ,
  REQ_OP_WRITE,
  SECTOR_SIZE,
} from "@pageframe/contracts";
import { type ContentsMode, FrameContents } from "@pageframe/memmap";
import { diskModels, ioSchedulers, MemoryBlockBackend, RequestQueue } from "../src/index.ts";

/** What a queue in a test is made of, where it is not the plainest. */
export interface QueueOptions {
  readonly nrSectors?: number;
  readonly backend?: BlockBackend;
  readonly model?: string;
  readonly scheduler?: string;
  readonly mode?: ContentsMode;
}

/** A queue with 64 frames of RAM. */
export function newQueue(options: QueueOptions = {}): {
  queue: RequestQueue;
  backend: BlockBackend;
  contents: FrameContents;
} {
  const { nrSectors = 4096, model = "none", scheduler = "none", mode = "sparse" } = options;
  const backend = options.backend ?? new MemoryBlockBackend(nrSectors);
  const contents = new FrameContents(64, mode);
  const queue = new RequestQueue({
    name: "vda",
    backend,
    model: findOccupant("disk model", diskModels, model).create({ nrSectors: backend.nrSectors }),
    scheduler: findOccupant("I/O scheduler", ioSchedulers, scheduler).create({}),
    contents,
  });
  return { queue, backend, contents };
}

const NOT_YET = { ownerId: 0, ownerIndex: 0, status: 0, submittedNs: -1, completedNs: -1 };

/** A bio with bytes. */
export function bytesBio(op: number, sector: number, bytes: Uint8Array, flags = 0): Bio {
  return { op, flags, sector, nrSectors: bytes.length / SECTOR_SIZE, pfns: [], bytes, ...NOT_YET };
}

/** A bio with frames. */
export function framesBio(op: number, sector: number, pfns: readonly Pfn[], flags = 0): Bio {
  return { op, flags, sector, nrSectors: pfns.length * 8, pfns, bytes: null, ...NOT_YET };
}

/** Shorthands; sizes in sectors. */
export const readBio = (sector: number, nrSectors: number): Bio =>
  bytesBio(REQ_OP_READ, sector, new Uint8Array(nrSectors * SECTOR_SIZE));
export const writeBio = (sector: number, nrSectors: number, byte = 1, flags = 0): Bio =>
  bytesBio(REQ_OP_WRITE, sector, new Uint8Array(nrSectors * SECTOR_SIZE).fill(byte), flags);
export const flushBio = (): Bio => bytesBio(REQ_OP_FLUSH, 0, new Uint8Array(0));

/** Lets time pass until nothing is in flight; returns the bios in order of completion. */
export function drain(queue: RequestQueue, nowNs = 0): Bio[] {
  const bios: Bio[] = [];
  let clockNs = nowNs;
  while (queue.nrInFlight > 0) {
    clockNs = Math.max(clockNs, queue.nextCompletionNs(clockNs));
    for (let bio = queue.takeCompleted(clockNs); bio !== null; bio = queue.takeCompleted(clockNs))
      bios.push(bio);
  }
  return bios;
}
