/**
 * process_madvise(2): advice on several ranges, of one's own memory or another task's.
 * Source: Linux 6.18 mm/madvise.c, process_madvise(), vector_madvise(), process_madvise_remote_valid();
 * lib/iov_iter.c, __import_iovec().
 * Differs: whoever has no privileges may look into no other task.
 */
import {
  EACCES,
  EFAULT,
  EINVAL,
  ESRCH,
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_PAGEOUT,
  MADV_WILLNEED,
  PAGE_SIZE,
  type Vaddr,
} from "@pageframe/contracts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { sysMadvise } from "./madvise.ts";

/** Most ranges of one call (UIO_MAXIOV). */
const MAX_RANGES = 1024;
/** Most bytes of one call (MAX_RW_COUNT); what is longer is cut. */
const MAX_BYTES = 0x7ffff000;
/** First length that is negative to Linux. */
const SIGNED_END: number = 2 ** 63;

/** Address and length in bytes of a range (struct iovec). */
export type AdvisedRange = readonly [address: Vaddr, lengthBytes: number];

/**
 * process_madvise(2): bytes of the ranges before the first that failed, or the error of the first: as madvise(2), -EFAULT
 * beyond user space, -ESRCH when `target` has exited, -EACCES, -EINVAL for an advice that only the owner may give.
 */
export function sysProcessMadvise(
  sys: System,
  task: Task,
  target: Task,
  ranges: readonly AdvisedRange[],
  advice: number,
): number {
  const error = checkRanges(task, ranges);
  if (error !== 0) return error;
  if (target.hasExited) return -ESRCH;
  if (target.mm !== task.mm) {
    if (!task.mm.space.isPrivileged) return -EACCES;
    if (!isAdviceForOthers(advice)) return -EINVAL;
  }
  let nrBytes = 0;
  for (const [address, lengthBytes] of ranges) {
    const nrAdvised = Math.min(lengthBytes, MAX_BYTES - nrBytes);
    const result = sysMadvise(sys, target, address, nrAdvised, advice);
    if (result < 0) return nrBytes > 0 ? nrBytes : result;
    nrBytes += nrAdvised;
  }
  return nrBytes;
}

function checkRanges(task: Task, ranges: readonly AdvisedRange[]): number {
  if (ranges.length > MAX_RANGES) return -EINVAL;
  for (const [, lengthBytes] of ranges) if (lengthBytes >= SIGNED_END) return -EINVAL;
  const end = task.mm.space.taskSizeVpn * PAGE_SIZE;
  for (const [address, lengthBytes] of ranges) if (address + lengthBytes > end) return -EFAULT;
  return 0;
}

/** Advices that change no byte that the target sees. */
function isAdviceForOthers(advice: number): boolean {
  switch (advice) {
    case MADV_COLD:
    case MADV_PAGEOUT:
    case MADV_WILLNEED:
    case MADV_COLLAPSE:
      return true;
    default:
      return false;
  }
}
