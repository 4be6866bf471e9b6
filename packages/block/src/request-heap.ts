/** Commands at the device, the one that is done first on top. */
import { bug } from "@pageframe/contracts";
import { type IoRequest } from "./io-request.ts";

/** A binary heap by `doneNs`, then by order of submission. */
export class RequestHeap {
  private readonly requests: IoRequest[] = [];

  get length(): number {
    return this.requests.length;
  }

  /** When the first is done; Infinity when there is none. */
  get firstDoneNs(): number {
    return this.requests.length === 0 ? Infinity : this.requests[0].doneNs;
  }

  push(request: IoRequest): void {
    const { requests } = this;
    let at = requests.length;
    requests.push(request);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!isBefore(request, requests[parent])) break;
      requests[at] = requests[parent];
      at = parent;
    }
    requests[at] = request;
  }

  /** Takes the first; there must be one. */
  pop(): IoRequest {
    const { requests } = this;
    const first = requests[0];
    const last = requests.pop();
    if (last === undefined) return bug("no request is at the device");
    if (requests.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= requests.length) break;
      if (child + 1 < requests.length && isBefore(requests[child + 1], requests[child])) child++;
      if (!isBefore(requests[child], last)) break;
      requests[at] = requests[child];
      at = child;
    }
    requests[at] = last;
    return first;
  }
}

function isBefore(one: IoRequest, other: IoRequest): boolean {
  return one.doneNs < other.doneNs || (one.doneNs === other.doneNs && one.order < other.order);
}
