/** No scheduling: `none`. */
import { Fifo } from "./fifo.ts";
import { type IoRequest } from "./io-request.ts";
import { type IoScheduler } from "./io-scheduler.ts";

/** Serves requests as they come. Source: Linux 6.18 block/blk-mq.c, a queue without elevator. */
export class FifoScheduler implements IoScheduler {
  readonly name = "none";
  readonly isMerging = false;
  private readonly queue = new Fifo<IoRequest>();

  get nrQueued(): number {
    return this.queue.length;
  }

  insert(request: IoRequest): void {
    this.queue.push(request);
  }

  dispatch(): IoRequest | null {
    return this.queue.shift();
  }

  findEndingAt(): IoRequest | null {
    return null;
  }

  findStartingAt(): IoRequest | null {
    return null;
  }

  reposition(): void {
    // Nothing is sorted.
  }

  absorb(): void {
    // Nothing is merged here.
  }
}
