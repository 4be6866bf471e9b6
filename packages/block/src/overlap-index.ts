/**
 * Which uncompleted requests touch a range of sectors. Linux leaves it to page locks that overlapping I/O does not race;
 * here the device keeps the order itself.
 */
import { bug, REQ_OP_READ } from "@pageframe/contracts";
import { type IoRequest } from "./io-request.ts";

/** Sectors of a bucket. A request is in at most 11 of them. */
const BUCKET_SECTORS = 256;

/** Requests by the ranges of 128 KiB that they touch. */
export class OverlapIndex {
  private readonly buckets = new Map<number, IoRequest[]>();

  /** Adds the sectors [startSector, endSector) of a request; buckets that know it already are left alone. */
  add(request: IoRequest, startSector: number, endSector: number): void {
    for (let bucket = bucketOf(startSector); bucket <= bucketOf(endSector - 1); bucket++) {
      const requests = this.buckets.get(bucket);
      if (requests === undefined) this.buckets.set(bucket, [request]);
      else if (!requests.includes(request)) requests.push(request);
    }
  }

  /** Takes a request with all its sectors out. */
  remove(request: IoRequest): void {
    if (request.nrSectors === 0) return;
    for (let bucket = bucketOf(request.sector); bucket <= bucketOf(request.endSector - 1); bucket++) {
      const requests = this.buckets.get(bucket);
      const at = requests?.indexOf(request) ?? -1;
      if (requests === undefined || at < 0) return bug(`request at sector ${request.sector} is not indexed`);
      requests[at] = requests[requests.length - 1];
      requests.pop();
      if (requests.length === 0) this.buckets.delete(bucket);
    }
  }

  /** Requests with sectors in common where at least one of the two writes, each once. */
  collectConflicts(op: number, startSector: number, endSector: number): IoRequest[] {
    const conflicts: IoRequest[] = [];
    if (startSector === endSector) return conflicts;
    const firstBucket = bucketOf(startSector);
    for (let bucket = firstBucket; bucket <= bucketOf(endSector - 1); bucket++) {
      const requests = this.buckets.get(bucket);
      if (requests === undefined) continue;
      for (const request of requests) {
        if (op === REQ_OP_READ && request.op === REQ_OP_READ) continue;
        if (request.sector >= endSector || request.endSector <= startSector) continue;
        // It is told in the first bucket that both are in.
        if (Math.max(firstBucket, bucketOf(request.sector)) === bucket) conflicts.push(request);
      }
    }
    return conflicts;
  }

  /** All requests. O(buckets). */
  collectAll(): Set<IoRequest> {
    const all = new Set<IoRequest>();
    for (const requests of this.buckets.values()) for (const request of requests) all.add(request);
    return all;
  }
}

function bucketOf(sector: number): number {
  return Math.floor(sector / BUCKET_SECTORS);
}
