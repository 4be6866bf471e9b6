/**
 * A device with its queue: bios become requests, wait, are merged, served and completed in virtual time.
 *
 *     submitBio -> held back (plug) -> admitted (nr_requests) -> scheduler -> device (queue depth) -> completed
 *
 * A request that shares sectors with an earlier one, where one of the two writes, waits until that is complete. A flush
 * waits for all that was submitted before it, and goes past the scheduler. Data moves when a request completes.
 * Time only goes forward: the queue does what is due by the latest time that it was told.
 * Source: Linux 6.18 block/blk-mq.c, blk_mq_submit_bio(), blk_add_rq_to_plug(); block/blk-merge.c; block/blk-flush.c.
 * Differs: overlapping requests are ordered (Linux leaves that to page locks); a flush waits for all earlier requests
 * (Linux: for those that are complete); who submits more than nr_requests does not sleep.
 */
import {
  type Bio,
  type BlockBackend,
  type BlockDevice,
  bug,
  type DiskStats,
  EINVAL,
  EIO,
  EROFS,
  KernelError,
  PAGE_SECTORS,
  PAGE_SIZE,
  REQ_OP_FLUSH,
  REQ_OP_READ,
  REQ_OP_WRITE,
  SECTOR_SIZE,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { type DiskModel } from "./disk-model.ts";
import { Fifo } from "./fifo.ts";
import { FifoScheduler } from "./fifo-scheduler.ts";
import {
  bioIsFlush,
  type BioPiece,
  cutIntoPieces,
  fitsLimits,
  IoRequest,
  STEP_DATA,
  STEP_POSTFLUSH,
  STEP_PREFLUSH,
} from "./io-request.ts";
import { type IoScheduler } from "./io-scheduler.ts";
import { OverlapIndex } from "./overlap-index.ts";
import { RequestHeap } from "./request-heap.ts";

/** Requests that are held back at most (BLK_MAX_REQUEST_COUNT); sectors of the oldest after which a new one sends them on. */
const BLK_MAX_REQUEST_COUNT = 32;
const BLK_PLUG_FLUSH_SECTORS: number = (128 * 1024) / SECTOR_SIZE;
/** Requests that a scheduler sees at once (nr_requests). */
const NR_REQUESTS = 256;

/** What a queue is made of. */
export interface RequestQueueConfig {
  /** As /proc/diskstats shows it. */
  readonly name: string;
  readonly backend: BlockBackend;
  readonly model: DiskModel;
  /** First in, first out when it is left out. */
  readonly scheduler?: IoScheduler;
  readonly contents: FrameContents;
}

/** A block device over a backend, in virtual time. */
export class RequestQueue implements BlockDevice {
  readonly name: string;
  readonly nrSectors: number;
  readonly isReadOnly: boolean;
  readonly stats: DiskStats = {
    nrReads: 0,
    nrReadMerges: 0,
    nrSectorsRead: 0,
    readNs: 0,
    nrWrites: 0,
    nrWriteMerges: 0,
    nrSectorsWritten: 0,
    writeNs: 0,
    nrFlushes: 0,
    flushNs: 0,
    busyNs: 0,
  };
  nrInFlight = 0;
  private readonly backend: BlockBackend;
  private readonly model: DiskModel;
  private readonly scheduler: IoScheduler;
  private readonly contents: FrameContents;
  private clockNs = 0;
  private nextOrder = 0;
  /** Requests that are not complete, and since when there is one. */
  private nrOutstanding = 0;
  private busySinceNs = 0;
  /** Held back, the newest last. */
  private held: IoRequest[] = [];
  /** On their way into the scheduler. */
  private readonly admitted = new Fifo<IoRequest>();
  /** Past the scheduler: flushes, and writes between flushes. */
  private readonly bypass = new Fifo<IoRequest>();
  /** Those that wait for earlier ones before they flush. */
  private flushing: IoRequest[] = [];
  private readonly atDevice = new RequestHeap();
  private readonly overlaps = new OverlapIndex();
  private readonly completed = new Fifo<Bio>();
  /** One page between frames and backend. */
  private readonly page = new Uint8Array(PAGE_SIZE);

  constructor(config: RequestQueueConfig) {
    const { name, backend, model, scheduler = new FifoScheduler(), contents } = config;
    this.name = name;
    this.nrSectors = backend.nrSectors;
    this.isReadOnly = backend.isReadOnly;
    this.backend = backend;
    this.model = model;
    this.scheduler = scheduler;
    this.contents = contents;
  }

  /** Throws EINVAL for a bio whose memory is not as long as its sectors, or not given in one way. */
  submitBio(bio: Bio, nowNs: number): void {
    checkBio(bio);
    this.advance(nowNs);
    bio.submittedNs = nowNs;
    bio.completedNs = -1;
    bio.status = 0;
    this.nrInFlight++;
    const errno = this.refusal(bio);
    if (errno !== 0 || (bio.nrSectors === 0 && !bioIsFlush(bio))) {
      this.endBio(bio, errno, nowNs);
      return;
    }
    for (const piece of cutIntoPieces(bio)) this.submitPiece(piece, nowNs);
  }

  unplug(nowNs: number): void {
    this.advance(nowNs);
    this.sendHeld();
    this.advance(nowNs);
  }

  /** Of a bio in several pieces or steps, the next of them: ask again when no bio is complete then. */
  nextCompletionNs(nowNs: number): number {
    this.unplug(nowNs);
    return this.completed.peek()?.completedNs ?? this.atDevice.firstDoneNs;
  }

  takeCompleted(nowNs: number): Bio | null {
    this.advance(nowNs);
    const first = this.completed.peek();
    if (first === null || first.completedNs > nowNs) return null;
    this.nrInFlight--;
    return this.completed.shift();
  }

  /** Checks that requests that share sectors are not served together, and that none is lost. O(requests). */
  checkInvariants(): void {
    const requests = [...this.overlaps.collectAll()];
    const bios = new Set<Bio>();
    for (const request of requests) {
      const nrSectors = request.pieces.reduce((sum, piece) => sum + piece.nrSectors, 0);
      if (nrSectors !== request.nrSectors) bug(`request at sector ${request.sector} lost sectors`);
      let sector = request.sector;
      for (const { bio, atSector, nrSectors: nrPieceSectors } of request.pieces) {
        if (bio.sector + atSector !== sector) bug(`request at sector ${request.sector} has a gap`);
        sector += nrPieceSectors;
        bios.add(bio);
      }
      if (request.nrBlockers > 0) continue;
      const rivals = this.overlaps.collectConflicts(request.op, request.sector, request.endSector);
      for (const rival of rivals) {
        if (rival !== request && rival.nrBlockers === 0) {
          bug(`requests at sectors ${request.sector} and ${rival.sector} may be served together`);
        }
      }
    }
    if (requests.length > this.nrOutstanding) {
      bug(`${requests.length} requests are indexed, and ${this.nrOutstanding} are not complete`);
    }
    if (bios.size + this.completed.length > this.nrInFlight) {
      bug(`${bios.size + this.completed.length} bios are known, and ${this.nrInFlight} in flight`);
    }
    const isIdle = this.held.length === 0 && this.atDevice.length === 0;
    if (isIdle && this.nrOutstanding > 0) bug(`${this.nrOutstanding} requests wait for nothing`);
  }

  /** Why the device does not take a bio, or 0. */
  private refusal(bio: Bio): number {
    if (bio.op === REQ_OP_WRITE && this.isReadOnly && bio.nrSectors > 0) return -EROFS;
    return bio.sector < 0 || bio.sector + bio.nrSectors > this.nrSectors ? -EIO : 0;
  }

  /** Merges a piece into a request, or makes one of it. */
  private submitPiece(piece: BioPiece, nowNs: number): void {
    const request = new IoRequest(piece, this.nextOrder++, nowNs);
    const blockers = this.overlaps.collectConflicts(request.op, request.sector, request.endSector);
    if (blockers.length === 0 && request.isMergeable && this.mergePiece(piece, request)) return;
    for (const blocker of blockers) blocker.waiters.push(request);
    request.nrBlockers = blockers.length;
    if (request.steps === STEP_DATA) {
      this.makeRoomToHold();
      this.held.push(request);
    }
    const nrBefore = this.nrOutstanding++;
    if (nrBefore === 0) this.busySinceNs = nowNs;
    if (request.nrSectors > 0) this.overlaps.add(request, request.sector, request.endSector);
    if (request.steps === STEP_DATA) return;
    // Linux does not hold flushes back.
    this.sendHeld();
    if ((request.steps & STEP_PREFLUSH) !== 0 && nrBefore > 0) {
      request.nrBefore = nrBefore;
      this.flushing.push(request);
    }
    this.admit(request);
    this.dispatch();
  }

  /**
   * Tries the newest request that is held back, then those in the scheduler; `request` is the piece by itself. After a
   * merge in the scheduler the gap to the next request may be closed.
   * Source: blk_attempt_plug_merge(), blk_mq_sched_try_merge(). Differs: no last_merge hint; it finds the same.
   */
  private mergePiece(piece: BioPiece, request: IoRequest): boolean {
    const { scheduler } = this;
    const { op, sector, endSector } = request;
    if (this.held.length > 0) {
      const newest = this.held[this.held.length - 1];
      if (newest.op === op && newest.endSector === sector && this.mergeBack(newest, piece)) return true;
      if (newest.op === op && newest.sector === endSector && this.mergeFront(newest, piece)) return true;
    }
    if (!scheduler.isMerging) return false;
    const before = scheduler.findEndingAt(op, sector);
    if (before !== null && this.mergeBack(before, piece)) {
      const after = scheduler.findStartingAt(op, before.endSector);
      if (after !== null) this.mergeRequests(before, after);
      return true;
    }
    const after = scheduler.findStartingAt(op, endSector);
    if (after === null || !this.mergeFront(after, piece)) return false;
    scheduler.reposition(after);
    const former = scheduler.findEndingAt(op, after.sector);
    if (former !== null) this.mergeRequests(former, after);
    return true;
  }

  private mergeBack(request: IoRequest, piece: BioPiece): boolean {
    if (!canGrow(request, piece)) return false;
    const { endSector } = request;
    request.pieces.push(piece);
    request.nrSectors += piece.nrSectors;
    request.nrSegments += piece.nrSegments;
    this.overlaps.add(request, endSector, request.endSector);
    this.countMerge(request.op);
    return true;
  }

  private mergeFront(request: IoRequest, piece: BioPiece): boolean {
    if (!canGrow(request, piece)) return false;
    const { sector } = request;
    request.pieces.unshift(piece);
    request.sector -= piece.nrSectors;
    request.nrSectors += piece.nrSectors;
    request.nrSegments += piece.nrSegments;
    this.overlaps.add(request, request.sector, sector);
    this.countMerge(request.op);
    return true;
  }

  /** Makes a request that begins where another ends part of that; false when the two are too large (attempt_merge). */
  private mergeRequests(request: IoRequest, next: IoRequest): boolean {
    if (!next.isMergeable || !canGrow(request, next)) return false;
    this.scheduler.absorb(request, next);
    this.overlaps.remove(next);
    const { endSector } = request;
    request.pieces.push(...next.pieces);
    request.waiters.push(...next.waiters);
    request.nrSectors += next.nrSectors;
    request.nrSegments += next.nrSegments;
    request.startNs = Math.min(request.startNs, next.startNs);
    this.overlaps.add(request, endSector, request.endSector);
    this.countMerge(request.op);
    // A flush that waited for both waits for one.
    this.releaseFlushes(Math.max(request.order, next.order));
    request.order = Math.min(request.order, next.order);
    this.nrOutstanding--;
    return true;
  }

  private countMerge(op: number): void {
    if (op === REQ_OP_READ) this.stats.nrReadMerges++;
    else this.stats.nrWriteMerges++;
  }

  /** Source: blk_add_rq_to_plug(): it looks at the oldest request's size, and goes by its number of requests. */
  private makeRoomToHold(): void {
    const { held } = this;
    if (held.length === 0) return;
    if (held[0].nrSectors >= BLK_PLUG_FLUSH_SECTORS || held.length >= BLK_MAX_REQUEST_COUNT) this.sendHeld();
  }

  private sendHeld(): void {
    const { held } = this;
    if (held.length === 0) return;
    this.held = [];
    for (const request of held) this.admit(request);
    this.dispatch();
  }

  /** Sends a request on that waits for no other. */
  private admit(request: IoRequest): void {
    if (request.nrBlockers > 0 || request.nrBefore > 0) return;
    if (request.steps === STEP_DATA) this.admitted.push(request);
    else this.bypass.push(request);
  }

  /** Gives the device as much as it takes. */
  private dispatch(): void {
    const { admitted, scheduler, atDevice, clockNs } = this;
    for (;;) {
      while (scheduler.nrQueued < NR_REQUESTS) {
        const request = admitted.shift();
        if (request === null) break;
        if (!this.mergeOnInsert(request)) scheduler.insert(request, clockNs);
      }
      if (atDevice.length >= this.model.queueDepth) return;
      const request = this.bypass.shift() ?? scheduler.dispatch(clockNs);
      if (request === null) return;
      this.start(request);
    }
  }

  /** Source: block/elevator.c, elv_attempt_insert_merge(). */
  private mergeOnInsert(request: IoRequest): boolean {
    const { scheduler } = this;
    if (!scheduler.isMerging) return false;
    let merged = request;
    for (;;) {
      const before = scheduler.findEndingAt(merged.op, merged.sector);
      if (before === null || !this.mergeRequests(before, merged)) return merged !== request;
      merged = before;
    }
  }

  /** Starts the next step of a request. */
  private start(request: IoRequest): void {
    const { clockNs, model } = this;
    const doneNs = isDataNext(request)
      ? model.transfer(request.op, request.sector, request.nrSectors, clockNs)
      : model.flush(clockNs);
    request.doneNs = Math.ceil(doneNs);
    if (!isDataNext(request)) this.stats.flushNs += request.doneNs - clockNs;
    this.atDevice.push(request);
  }

  /** Does what is due by `nowNs`. */
  private advance(nowNs: number): void {
    const { atDevice } = this;
    while (atDevice.firstDoneNs <= nowNs) {
      const request = atDevice.pop();
      this.clockNs = Math.max(this.clockNs, request.doneNs);
      this.finishStep(request);
      this.dispatch();
    }
    this.clockNs = Math.max(this.clockNs, nowNs);
  }

  /** The device has done a step. An error ends the request. */
  private finishStep(request: IoRequest): void {
    if (isDataNext(request)) {
      request.status = this.moveData(request);
      request.steps &= ~STEP_DATA;
    } else {
      request.status = this.backend.flush();
      this.stats.nrFlushes++;
      request.steps &= (request.steps & STEP_PREFLUSH) !== 0 ? ~STEP_PREFLUSH : ~STEP_POSTFLUSH;
    }
    if (request.status === 0 && request.steps !== 0) this.bypass.push(request);
    else this.endRequest(request);
  }

  private endRequest(request: IoRequest): void {
    const { clockNs } = this;
    this.count(request);
    this.overlaps.remove(request);
    if (--this.nrOutstanding === 0) this.stats.busyNs += clockNs - this.busySinceNs;
    for (const { bio, split } of request.pieces) {
      if (split === null) {
        this.endBio(bio, request.status, clockNs);
      } else {
        if (split.status === 0) split.status = request.status;
        if (--split.nrPiecesLeft === 0) this.endBio(bio, split.status, clockNs);
      }
    }
    this.releaseFlushes(request.order);
    for (const waiter of request.waiters) {
      waiter.nrBlockers--;
      // One that is held back is sent on with the others.
      if (!this.held.includes(waiter)) this.admit(waiter);
    }
  }

  private count(request: IoRequest): void {
    const { stats } = this;
    if (request.op === REQ_OP_FLUSH) return;
    const spentNs = this.clockNs - request.startNs;
    if (request.op === REQ_OP_READ) {
      stats.nrReads++;
      stats.nrSectorsRead += request.nrSectors;
      stats.readNs += spentNs;
    } else {
      stats.nrWrites++;
      stats.nrSectorsWritten += request.nrSectors;
      stats.writeNs += spentNs;
    }
  }

  /** One request of that order less that flushes behind it wait for. */
  private releaseFlushes(order: number): void {
    if (this.flushing.length === 0) return;
    const ready: IoRequest[] = [];
    for (const flush of this.flushing) {
      if (flush.order > order && --flush.nrBefore === 0) ready.push(flush);
    }
    if (ready.length === 0) return;
    this.flushing = this.flushing.filter((flush) => flush.nrBefore > 0);
    for (const flush of ready) this.admit(flush);
  }

  private endBio(bio: Bio, status: number, nowNs: number): void {
    bio.status = status;
    bio.completedNs = Math.max(nowNs, this.clockNs);
    this.completed.push(bio);
  }

  /** Moves all data of a request; one error fails it whole, as the bios of a failed request fail in Linux. */
  private moveData(request: IoRequest): number {
    let status = 0;
    for (const piece of request.pieces) {
      const result = this.movePiece(request.op === REQ_OP_WRITE, piece);
      if (status === 0) status = result;
    }
    return status;
  }

  private movePiece(isWrite: boolean, piece: BioPiece): number {
    const { backend, contents, page } = this;
    const { bio, atSector, nrSectors } = piece;
    const sector = bio.sector + atSector;
    if (bio.bytes !== null) {
      const bytes = bio.bytes.subarray(atSector * SECTOR_SIZE, (atSector + nrSectors) * SECTOR_SIZE);
      return isWrite ? backend.writeSectors(sector, bytes) : backend.readSectors(sector, bytes);
    }
    if (!contents.hasData) return backend.ioWithoutBytes?.(sector, nrSectors, isWrite) ?? 0;
    let status = 0;
    for (let at = 0; at < nrSectors; at += PAGE_SECTORS) {
      const pfn = bio.pfns[(atSector + at) / PAGE_SECTORS];
      if (isWrite) contents.readPage(pfn, page);
      const result = isWrite
        ? backend.writeSectors(sector + at, page)
        : backend.readSectors(sector + at, page);
      if (!isWrite && result === 0) contents.writePage(pfn, page);
      if (status === 0) status = result;
    }
    return status;
  }
}

/** Is the next step of a request the one that moves data? */
function isDataNext(request: IoRequest): boolean {
  return (request.steps & (STEP_PREFLUSH | STEP_DATA)) === STEP_DATA;
}

/** May a mergeable request take what is next to it? */
function canGrow(
  request: IoRequest,
  more: { readonly nrSectors: number; readonly nrSegments: number },
): boolean {
  return request.isMergeable && fitsLimits(request, more.nrSectors, more.nrSegments);
}

function checkBio(bio: Bio): void {
  const { op, nrSectors, bytes, pfns } = bio;
  if (op !== REQ_OP_READ && op !== REQ_OP_WRITE && op !== REQ_OP_FLUSH) {
    throw new KernelError(
      EINVAL,
      `a bio cannot do ${op}: REQ_OP_READ, REQ_OP_WRITE or REQ_OP_FLUSH would work`,
    );
  }
  const hasSectors = Number.isSafeInteger(bio.sector) && Number.isSafeInteger(nrSectors) && nrSectors >= 0;
  const nrGiven = bytes === null ? pfns.length * PAGE_SECTORS : bytes.length / SECTOR_SIZE;
  const isGivenOnce = bytes === null || pfns.length === 0;
  const isRight =
    hasSectors && isGivenOnce && nrGiven === nrSectors && (op !== REQ_OP_FLUSH || nrSectors === 0);
  if (!isRight) {
    throw new KernelError(
      EINVAL,
      `a bio of ${nrSectors} sectors from ${bio.sector} came with ${pfns.length} frames and ${bytes?.length ?? 0} bytes; one of the two, of ${nrSectors} sectors, would work`,
    );
  }
}
