/**
 * The words for flags in scripts, with Linux's values.
 * Source: Linux 6.18 include/uapi/asm-generic/mman-common.h, mman.h, include/uapi/linux/mman.h, fadvise.h.
 */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_READ,
  PROT_WRITE,
} from "@pageframe/contracts";

/** Numbers by word. */
export type FlagNames = Readonly<Record<string, number>>;

/** Letters of a protection. */
export const PROT_LETTERS: FlagNames = { r: PROT_READ, w: PROT_WRITE, x: PROT_EXEC, g: PROT_GROWSDOWN };

/** `hint` is no flag: it takes MAP_FIXED_NOREPLACE away. */
export const MAP_WORDS: FlagNames = {
  private: MAP_PRIVATE,
  shared: MAP_SHARED,
  anon: MAP_ANONYMOUS,
  fixed: MAP_FIXED,
  hint: 0,
  populate: MAP_POPULATE,
  noreserve: MAP_NORESERVE,
  hugetlb: MAP_HUGETLB,
  growsdown: MAP_GROWSDOWN,
  locked: MAP_LOCKED,
  stack: MAP_STACK,
  nonblock: MAP_NONBLOCK,
  validate: MAP_SHARED_VALIDATE,
  sync: 0x80000,
};

/** Moving to a place, and leaving the old mapping, both need MREMAP_MAYMOVE. */
export const MREMAP_WORDS: FlagNames = {
  maymove: MREMAP_MAYMOVE,
  fixed: MREMAP_MAYMOVE | MREMAP_FIXED,
  dontunmap: MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
};

export const MSYNC_WORDS: FlagNames = { async: 1, invalidate: 2, sync: 4 };
export const MLOCK2_WORDS: FlagNames = { onfault: 1 };
export const MLOCKALL_WORDS: FlagNames = { current: 1, future: 2, onfault: 4 };
export const FADVISE_WORDS: FlagNames = { random: 1, sequential: 2, willneed: 3, dontneed: 4 };

export const MADVISE_WORDS: FlagNames = {
  normal: 0,
  random: 1,
  sequential: 2,
  willneed: 3,
  dontneed: 4,
  free: 8,
  remove: 9,
  dontfork: 10,
  dofork: 11,
  mergeable: 12,
  unmergeable: 13,
  hugepage: 14,
  nohugepage: 15,
  dontdump: 16,
  dodump: 17,
  wipeonfork: 18,
  keeponfork: 19,
  cold: 20,
  pageout: 21,
  populate_read: 22,
  populate_write: 23,
  dontneed_locked: 24,
  collapse: 25,
  guard_install: 102,
  guard_remove: 103,
};

/** The flags of words, together. */
export function flagsOf(words: readonly string[], names: FlagNames): number {
  let flags = 0;
  for (const word of words) flags |= names[word];
  return flags;
}
