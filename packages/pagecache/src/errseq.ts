/**
 * Errors of writeback that each open file hears of once: errseq_t as an int32.
 *
 *     bits 0..11 the last error, as a positive errno | 12 somebody has seen it | 13..31 counter
 *
 * An inode keeps one such word (`wb_err`); every open file keeps the value it last saw (`f_wb_err`), sampled at open. Writing back
 * fails long after write(2) returned 0, and several tasks may wait for the same pages: a flag that the first fsync(2) clears
 * would leave the others in the belief that their data is safe. A word that differs from one's own copy says that
 * something failed since; taking over the new value makes it be told once to each. The counter moves only when the last
 * error was seen, so that it does not run through its 19 bits when nobody looks. Who opens the file when an error has been
 * seen starts with that value and is not told of it; one that nobody has seen yet is told to whoever asks first, even if he
 * opened the file later.
 * Source: Linux 6.18 lib/errseq.c; mm/filemap.c, filemap_set_wb_err(), file_check_and_advance_wb_err().
 */
import { bug } from "@pageframe/contracts";

/** Largest errno; the bits of the error. */
const MAX_ERRNO = 4095;
const ERRSEQ_SEEN: number = 1 << 12;
const ERRSEQ_CTR_INC: number = 1 << 13;

/** A word without an error, for a new inode. */
export const ERRSEQ_NONE = 0;

/** Word after an error of -1..-4095 (errseq_set). A new error displaces an old one. */
export function errseqSet(errseq: number, err: number): number {
  if (!(err < 0 && err >= -MAX_ERRNO)) bug(`${err} is no error to record`);
  const next = (errseq & ~(MAX_ERRNO | ERRSEQ_SEEN)) | -err;
  return (errseq & ERRSEQ_SEEN) !== 0 ? (next + ERRSEQ_CTR_INC) | 0 : next;
}

/** Value that a file that is opened now starts with: 0 when the last error was seen by nobody (errseq_sample). */
export function errseqSample(errseq: number): number {
  return (errseq & ERRSEQ_SEEN) !== 0 ? errseq : ERRSEQ_NONE;
}

/** The last error, as -errno, when there was one since `since` was taken; else 0 (errseq_check). */
export function errseqCheck(errseq: number, since: number): number {
  return errseq === since ? 0 : -(errseq & MAX_ERRNO) | 0;
}

/**
 * Value that the inode's word and the file's copy both get when the file is told (the rest of errseq_check_and_advance):
 *
 *     const err = errseqCheck(inode.wbErr, file.wbErr);
 *     if (err !== 0) file.wbErr = inode.wbErr = errseqAdvance(inode.wbErr);
 */
export function errseqAdvance(errseq: number): number {
  return errseq | ERRSEQ_SEEN;
}
