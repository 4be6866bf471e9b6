/** posix_fadvise(2) and readahead(2) on files of disks. Source: Linux 6.18 mm/fadvise.c, generic_fadvise(); mm/readahead.c, ksys_readahead(). */
import {
  PAGE_SIZE,
  POSIX_FADV_DONTNEED,
  POSIX_FADV_NORMAL,
  POSIX_FADV_RANDOM,
  POSIX_FADV_SEQUENTIAL,
  POSIX_FADV_WILLNEED,
} from "@pageframe/contracts";
import { adviseReadahead, VM_READAHEAD_PAGES } from "@pageframe/pagecache";
import { type OpenFile } from "../files/inode.ts";
import { nrPagesOf } from "../fs/inodes.ts";
import { forceReadahead } from "./readahead.ts";
import { invalidatePages } from "./drop-pages.ts";
import { writePages } from "./write-out.ts";
import { type System } from "../system.ts";

/** Takes advice about bytes [offset, offset + length) of a file; a length of 0 means to the end. Always 0. */
export function adviseFile(
  sys: System,
  file: OpenFile,
  offset: number,
  length: number,
  advice: number,
): number {
  const { inode } = file;
  const lastByte = length === 0 ? Infinity : offset + length - 1;
  switch (advice) {
    case POSIX_FADV_NORMAL:
    case POSIX_FADV_RANDOM:
    case POSIX_FADV_SEQUENTIAL:
      file.isRandom = adviseReadahead(file.ra, VM_READAHEAD_PAGES, advice, file.isRandom);
      break;
    case POSIX_FADV_WILLNEED:
      willneedPages(sys, file, Math.floor(offset / PAGE_SIZE), Math.floor(lastByte / PAGE_SIZE) + 1);
      break;
    case POSIX_FADV_DONTNEED: {
      writePages(sys, inode, Math.floor(offset / PAGE_SIZE), Math.floor(lastByte / PAGE_SIZE) + 1, false);
      // Pages that are meant in part stay, but the last one of the file goes.
      const startPgoff = Math.ceil(offset / PAGE_SIZE);
      const isWholeLast = lastByte % PAGE_SIZE === PAGE_SIZE - 1 || lastByte === inode.sizeBytes - 1;
      const endPgoff =
        lastByte === Infinity ? Infinity : Math.floor(lastByte / PAGE_SIZE) + (isWholeLast ? 1 : 0);
      if (endPgoff <= startPgoff) break;
      sys.lru.drainAll();
      invalidatePages(sys, inode, startPgoff, endPgoff);
      break;
    }
    default:
      break;
  }
  return 0;
}

/** Reads pages [startPgoff, endPgoff) ahead, as far as the file goes. */
export function willneedPages(sys: System, file: OpenFile, startPgoff: number, endPgoff: number): void {
  const { inode } = file;
  if (inode.kind === "disk" && !inode.isDirectory)
    forceReadahead(sys, file, startPgoff, Math.min(endPgoff, nrPagesOf(inode)) - startPgoff);
}
