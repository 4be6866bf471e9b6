/**
 * What writeback remembers: of the machine, and of each disk with its flusher. Plain data.
 * Source: Linux 6.18 include/linux/backing-dev-defs.h, struct bdi_writeback; mm/page-writeback.c, global_wb_domain.
 */
import {
  B_DIRTY,
  B_IO,
  B_MORE_IO,
  DEFAULT_HZ,
  type DirtyCounts,
  type DirtySysctls,
  Flusher,
  type FlusherView,
  InodeQueues,
  newDirtySysctls,
  newThrottleDecision,
  newWbCpu,
  newWbDevice,
  newWbDomain,
  type ThrottleDecision,
  type WbCpu,
  type WbDevice,
  type WbDomain,
} from "@pageframe/pagecache";

/** `superId` of disks' own inodes, in the queues of dirty inodes: no mount has it. */
export const BLOCK_DEVICE_SUPER = 0x7fffffff;

/** Counts of the machine that limits are made of; see readDirtyCounts() in dirty-limits.ts. Units: pages. */
export class MachineDirtyCounts implements DirtyCounts {
  nrDirtyable = 0;
  nrFileDirty = 0;
  nrWriteback = 0;
}

/** Writeback of a machine: the one domain, the CPUs, the settings. */
export class Writeback {
  readonly sysctls: DirtySysctls = newDirtySysctls();
  readonly domain: WbDomain;
  readonly cpus: readonly WbCpu[];
  readonly counts: MachineDirtyCounts = new MachineDirtyCounts();
  /** What was decided about the last task that was looked at. */
  readonly decision: ThrottleDecision = newThrottleDecision();
  /** A flusher is at work: nothing that it calls may start one. */
  isFlushing = false;
  /** Who sleeps in reclaim until pages of a node are written, by node (nr_writeback_throttled). */
  readonly nrThrottled: Int32Array;
  /** Until when kswapd of a node sleeps at most; 0: it does not. And NR_WRITTEN when it fell asleep. */
  readonly kswapdSleepsUntilNs: Float64Array;
  readonly nrWrittenAtSleep: Float64Array;

  constructor(nrCpus: number, nrNodes: number) {
    this.nrThrottled = new Int32Array(nrNodes);
    this.kswapdSleepsUntilNs = new Float64Array(nrNodes);
    this.nrWrittenAtSleep = new Float64Array(nrNodes);
    this.domain = newWbDomain(0, DEFAULT_HZ, nrCpus);
    this.cpus = Array.from({ length: nrCpus }, () => newWbCpu());
  }
}

/** A disk as writeback sees it (struct backing_dev_info, and its bdi_writeback); what its flusher looks at. */
export class BackingDevice implements FlusherView {
  readonly wb: WbDevice;
  readonly queues = new InodeQueues();
  readonly flusher: Flusher;
  /** When the bandwidth is measured, some time after the last inode has no pages in flight; Infinity: not planned (bw_dwork). */
  bandwidthDueNs = Infinity;
  /** Pages that the flusher has written since it woke. */
  nrPagesOfRun = 0;
  readonly blockDeviceSuper: number = BLOCK_DEVICE_SUPER;
  private readonly writeback: Writeback;

  constructor(writeback: Writeback) {
    this.writeback = writeback;
    this.wb = newWbDevice(writeback.domain, 0);
    this.flusher = new Flusher(0, DEFAULT_HZ);
  }

  get sysctls(): DirtySysctls {
    return this.writeback.sysctls;
  }

  get domain(): WbDomain {
    return this.writeback.domain;
  }

  get counts(): DirtyCounts {
    return this.writeback.counts;
  }

  /** Differs: of this disk, as far as they are on its queues; Linux estimates those of the machine. */
  get nrDirtyInodes(): number {
    return this.queues.nrOn(B_DIRTY) + this.queues.nrOn(B_IO) + this.queues.nrOn(B_MORE_IO);
  }
}
