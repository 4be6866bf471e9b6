/** The I/O scheduler's seat: which of the queued requests goes to the device next. */
import { type IoRequest } from "./io-request.ts";

/** Orders requests, and finds those that a new one can be merged with. */
export interface IoScheduler {
  readonly name: string;
  /** Are requests merged while they are queued here? The others are merged while they are held back only. */
  readonly isMerging: boolean;
  /** Requests that are queued. */
  readonly nrQueued: number;
  insert(request: IoRequest, nowNs: number): void;
  /** Takes the request that is to be served next; null when none is queued. */
  dispatch(nowNs: number): IoRequest | null;
  /** A queued request of the same kind that ends before, or begins at, a sector; null when there is none. */
  findEndingAt(op: number, sector: number): IoRequest | null;
  findStartingAt(op: number, sector: number): IoRequest | null;
  /** A queued request begins at another sector now. */
  reposition(request: IoRequest): void;
  /** A queued request has become part of another one, which takes over the earlier of the two deadlines. */
  absorb(request: IoRequest, absorbed: IoRequest): void;
}
