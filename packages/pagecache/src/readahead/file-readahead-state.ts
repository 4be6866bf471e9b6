/** What an open file remembers of its reading, and what advice makes of it. */
import { type FileReadaheadState } from "@pageframe/contracts";

/** `read_ahead_kb` of 128: pages of the largest window of a device. Source: Linux 6.18 include/linux/pagemap.h, VM_READAHEAD_PAGES. */
export const VM_READAHEAD_PAGES = 32;

/** `posix_fadvise(2)`. Source: Linux 6.18 include/uapi/linux/fadvise.h. */
export const POSIX_FADV_NORMAL = 0;
export const POSIX_FADV_RANDOM = 1;
export const POSIX_FADV_SEQUENTIAL = 2;
export const POSIX_FADV_WILLNEED = 3;
export const POSIX_FADV_DONTNEED = 4;
export const POSIX_FADV_NOREUSE = 5;

/**
 * Makes the state of a file that is opened, on a device that reads `raPages` pages ahead.
 * Source: Linux 6.18 mm/readahead.c, file_ra_state_init().
 */
export function newReadaheadState(raPages: number): FileReadaheadState {
  return { start: 0, size: 0, asyncSize: 0, raPages, order: 0, mmapMiss: 0, prevPos: -1 };
}

/**
 * Takes POSIX_FADV_NORMAL, RANDOM or SEQUENTIAL: sets the largest window. Returns whether the file is FMODE_RANDOM from now on.
 * Other advice changes nothing here. Source: Linux 6.18 mm/fadvise.c, generic_fadvise().
 */
export function adviseReadahead(
  state: FileReadaheadState,
  deviceRaPages: number,
  advice: number,
  isFileRandom: boolean,
): boolean {
  switch (advice) {
    case POSIX_FADV_NORMAL:
      state.raPages = deviceRaPages;
      return false;
    case POSIX_FADV_SEQUENTIAL:
      state.raPages = deviceRaPages * 2;
      return false;
    case POSIX_FADV_RANDOM:
      return true;
    default:
      return isFileRandom;
  }
}
