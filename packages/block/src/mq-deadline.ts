/**
 * Linux's mq-deadline: requests in order of sectors, reads before writes, and none waits for ever.
 *
 * Reads and writes have a list by sector and a list by age each. A batch goes up the sectors in one direction; after it,
 * or at its end, reads go first unless writes were passed over `writes_starved` times. A new batch starts where the last
 * of its kind stopped, or with the oldest request once that is past its time.
 * Source: Linux 6.18 block/mq-deadline.c, __dd_dispatch_request().
 * Differs: one priority class (no prio_aging_expire), no zones.
 */
import { bug, REQ_OP_READ } from "@pageframe/contracts";
import { BLK_DEF_MAX_SECTORS, type IoRequest } from "./io-request.ts";
import { type IoScheduler } from "./io-scheduler.ts";

const NS_PER_MS = 1_000_000;
/** Soft deadlines of reads and writes (read_expire, write_expire). */
const READ_EXPIRE_NS: number = 500 * NS_PER_MS;
const WRITE_EXPIRE_NS: number = 5000 * NS_PER_MS;
/** Batches of reads that may pass waiting writes (writes_starved). */
const WRITES_STARVED = 2;
/** Requests of a batch (fifo_batch). */
const FIFO_BATCH = 16;

/** Requests of one direction. The two arrays hold the same ones; there are at most nr_requests. */
class DirectionLists {
  readonly sorted: IoRequest[] = [];
  readonly byAge: IoRequest[] = [];
  /** Sector of the request that was dispatched last (latest_pos). */
  latestSector = 0;

  insert(request: IoRequest): void {
    this.sorted.splice(this.lowerBound(request.sector), 0, request);
  }

  remove(request: IoRequest): void {
    this.removeSorted(request);
    this.byAge.splice(this.byAge.indexOf(request), 1);
  }

  removeSorted(request: IoRequest): void {
    const at = this.sorted.indexOf(request, this.lowerBound(request.sector));
    if (at < 0) bug(`request at sector ${request.sector} is not queued`);
    this.sorted.splice(at, 1);
  }

  /** First request at or above the sector of the last one; null at the end (deadline_next_request). */
  next(): IoRequest | null {
    const at = this.lowerBound(this.latestSector);
    return at < this.sorted.length ? this.sorted[at] : null;
  }

  startingAt(sector: number): IoRequest | null {
    const at = this.lowerBound(sector);
    return at < this.sorted.length && this.sorted[at].sector === sector ? this.sorted[at] : null;
  }

  /** Reads may overlap, so the last one that begins below need not be the one; none is longer than the limit. */
  endingAt(sector: number): IoRequest | null {
    for (let at = this.lowerBound(sector) - 1; at >= 0; at--) {
      const request = this.sorted[at];
      if (request.endSector === sector) return request;
      if (request.sector + BLK_DEF_MAX_SECTORS < sector) return null;
    }
    return null;
  }

  private lowerBound(sector: number): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sorted[middle].sector < sector) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The scheduler `mq-deadline`. */
export class MqDeadlineScheduler implements IoScheduler {
  readonly name = "mq-deadline";
  readonly isMerging = true;
  private readonly reads = new DirectionLists();
  private readonly writes = new DirectionLists();
  /** Direction of the last batch; writes at first, as in Linux (last_dir). */
  private isLastRead = false;
  /** Requests of the batch so far, and batches of reads since writes were due. */
  private nrBatched = 0;
  private nrStarved = 0;

  get nrQueued(): number {
    return this.reads.sorted.length + this.writes.sorted.length;
  }

  insert(request: IoRequest, nowNs: number): void {
    const lists = this.listsOf(request.op);
    lists.insert(request);
    lists.byAge.push(request);
    request.expiresNs = nowNs + (request.op === REQ_OP_READ ? READ_EXPIRE_NS : WRITE_EXPIRE_NS);
  }

  dispatch(nowNs: number): IoRequest | null {
    const next = this.directionLists(this.isLastRead).next();
    if (next !== null && this.nrBatched < FIFO_BATCH) return this.take(next);
    const hasReads = this.reads.sorted.length > 0;
    const hasWrites = this.writes.sorted.length > 0;
    if (!hasReads && !hasWrites) return null;
    let isRead = hasReads;
    if (hasReads && hasWrites) isRead = this.nrStarved++ < WRITES_STARVED;
    if (!isRead) this.nrStarved = 0;
    const lists = this.directionLists(isRead);
    const [oldest] = lists.byAge;
    const request = oldest.expiresNs <= nowNs ? oldest : (lists.next() ?? oldest);
    this.isLastRead = isRead;
    this.nrBatched = 0;
    return this.take(request);
  }

  findEndingAt(op: number, sector: number): IoRequest | null {
    return this.listsOf(op).endingAt(sector);
  }

  findStartingAt(op: number, sector: number): IoRequest | null {
    return this.listsOf(op).startingAt(sector);
  }

  reposition(request: IoRequest): void {
    const lists = this.listsOf(request.op);
    lists.removeSorted(request);
    lists.insert(request);
  }

  /** Source: dd_merged_requests(). */
  absorb(request: IoRequest, absorbed: IoRequest): void {
    const { byAge } = this.listsOf(request.op);
    const at = byAge.indexOf(absorbed);
    // One that was never inserted is merged on its way in.
    if (at < 0) return;
    if (absorbed.expiresNs < request.expiresNs) {
      byAge.splice(byAge.indexOf(request), 1);
      byAge[byAge.indexOf(absorbed)] = request;
      request.expiresNs = absorbed.expiresNs;
    } else {
      byAge.splice(at, 1);
    }
    this.listsOf(request.op).removeSorted(absorbed);
  }

  private take(request: IoRequest): IoRequest {
    const lists = this.listsOf(request.op);
    lists.remove(request);
    lists.latestSector = request.sector;
    this.nrBatched++;
    return request;
  }

  private listsOf(op: number): DirectionLists {
    return this.directionLists(op === REQ_OP_READ);
  }

  private directionLists(isRead: boolean): DirectionLists {
    return isRead ? this.reads : this.writes;
  }
}
