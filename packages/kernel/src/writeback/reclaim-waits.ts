/**
 * Reclaim that finds file pages which have to be written first: it wakes flushers and waits, and never writes itself.
 *
 * Only who is within no file system (__GFP_FS) may run flushers here; others wait for what is in flight.
 * Source: Linux 6.18 mm/vmscan.c, reclaim_throttle(), shrink_node(), __acct_reclaim_writeback().
 * Differs: kswapd that has to sleep ends its step and is left out for a while; and direct reclaim that freed nothing waits as
 * long as writes go on, where Linux tries a number of times and sleeps between: nobody is killed while pages can be written.
 */
import {
  __GFP_FS,
  type Gfp,
  type NodeId,
  NR_DIRTY,
  NR_WRITEBACK,
  NR_WRITTEN,
  SWAP_CLUSTER_MAX,
} from "@pageframe/contracts";
import { WB_REASON_VMSCAN } from "@pageframe/pagecache";
import { type WriteWaits } from "@pageframe/reclaim";
import { completeIo } from "../disk/io.ts";
import { type System } from "../system.ts";
import { CAUSE_IO_WAIT } from "../time.ts";
import { runFlushers, wakeupFlushers } from "./run-flushers.ts";

/** Longest sleep for VMSCAN_THROTTLE_WRITEBACK (HZ/10), and for VMSCAN_THROTTLE_CONGESTED (a jiffy). */
const WRITEBACK_TIMEOUT_NS = 100e6;
const CONGESTED_TIMEOUT_NS = 4e6;

/** What the reclaim core is given. */
export class ReclaimWaits implements WriteWaits {
  private readonly sys: System;

  constructor(sys: System) {
    this.sys = sys;
  }

  wakeupFlushers(): void {
    wakeupFlushers(this.sys, WB_REASON_VMSCAN);
  }

  throttleKswapd(nodeId: NodeId): void {
    const { sys } = this;
    const { writeback } = sys;
    if (writeback.kswapdSleepsUntilNs[nodeId] === 0) writeback.nrThrottled[nodeId]++;
    writeback.kswapdSleepsUntilNs[nodeId] = sys.time.nowNs + WRITEBACK_TIMEOUT_NS;
    writeback.nrWrittenAtSleep[nodeId] = sys.vmstat.globalNode(NR_WRITTEN);
  }

  throttleDirect(_nodeId: NodeId, gfp: Gfp): void {
    waitForWrites(this.sys, gfp, CONGESTED_TIMEOUT_NS);
  }
}

/** Does kswapd of a node sleep until pages are written? It wakes when some were, or its time is up. */
export function isKswapdThrottled(sys: System, nodeId: NodeId): boolean {
  const { writeback, vmstat } = sys;
  const untilNs = writeback.kswapdSleepsUntilNs[nodeId];
  if (untilNs === 0) return false;
  const nrWritten = vmstat.globalNode(NR_WRITTEN) - writeback.nrWrittenAtSleep[nodeId];
  if (sys.time.nowNs < untilNs && nrWritten <= SWAP_CLUSTER_MAX && vmstat.globalNode(NR_WRITEBACK) > 0)
    return true;
  writeback.kswapdSleepsUntilNs[nodeId] = 0;
  writeback.nrThrottled[nodeId]--;
  return false;
}

/** Reclaim has freed nothing: waits until pages were written, if any can be. False when there is nothing to wait for. */
export function waitForReclaimable(sys: System, gfp: Gfp): boolean {
  const { vmstat } = sys;
  if (vmstat.globalNode(NR_DIRTY) + vmstat.globalNode(NR_WRITEBACK) === 0) return false;
  const nrBefore = vmstat.globalNode(NR_WRITTEN);
  if ((gfp & __GFP_FS) !== 0) wakeupFlushers(sys, WB_REASON_VMSCAN);
  waitForWrites(sys, gfp, WRITEBACK_TIMEOUT_NS);
  return vmstat.globalNode(NR_WRITTEN) > nrBefore;
}

/** Lets time pass until enough pages are written, or a time is up and at least one is; ends when nothing is in flight. */
function waitForWrites(sys: System, gfp: Gfp, timeoutNs: number): void {
  const { time, vmstat } = sys;
  const untilNs = time.nowNs + timeoutNs;
  const nrBefore = vmstat.globalNode(NR_WRITTEN);
  while (vmstat.globalNode(NR_WRITTEN) <= nrBefore + SWAP_CLUSTER_MAX) {
    if ((gfp & __GFP_FS) !== 0) runFlushers(sys);
    const nextNs = nextCompletionNs(sys);
    if (nextNs === Infinity) return;
    if (nextNs > untilNs && vmstat.globalNode(NR_WRITTEN) > nrBefore) return;
    time.waitUntil(nextNs, CAUSE_IO_WAIT);
    completeIo(sys);
  }
}

function nextCompletionNs(sys: System): number {
  let nextNs = Infinity;
  for (const disk of sys.disks) nextNs = Math.min(nextNs, disk.device.nextCompletionNs(sys.time.nowNs));
  return nextNs;
}
