/** How much of the machine's memory may be dirty now. Source: Linux 6.18 mm/page-writeback.c. */
import { NR_ACTIVE_FILE, NR_DIRTY, NR_INACTIVE_FILE, NR_WRITEBACK } from "@pageframe/contracts";
import {
  dirtyLimits,
  type DirtyLimits,
  globalDirtyableMemory,
  ratelimitPages,
  setRatelimit,
} from "@pageframe/pagecache";
import { type System } from "../system.ts";

/** Brings `sys.writeback.counts` up to date. */
export function readDirtyCounts(sys: System): void {
  const { vmstat, frames } = sys;
  const { counts } = sys.writeback;
  counts.nrFileDirty = vmstat.globalNode(NR_DIRTY);
  counts.nrWriteback = vmstat.globalNode(NR_WRITEBACK);
  counts.nrDirtyable = globalDirtyableMemory(
    frames.nrFreePages(),
    frames.totalReservePages(),
    vmstat.globalNode(NR_INACTIVE_FILE),
    vmstat.globalNode(NR_ACTIVE_FILE),
  );
}

/** Limits of the machine, in pages, as /proc/vmstat shows them (global_dirty_limits). */
export function globalDirtyLimits(sys: System): DirtyLimits {
  const limits: DirtyLimits = { bgThresh: 0, thresh: 0 };
  readDirtyCounts(sys);
  const { sysctls, domain, counts } = sys.writeback;
  dirtyLimits(sysctls, counts.nrDirtyable, domain.dirtyLimit, false, limits);
  return limits;
}

/** Takes the limits as they are now at once: at boot, and when a setting changed (writeback_set_ratelimit). */
export function setWritebackRatelimit(sys: System): void {
  const limits = globalDirtyLimits(sys);
  const { domain } = sys.writeback;
  setRatelimit(domain, limits, ratelimitPages(limits.thresh, domain.nrCpus));
}
