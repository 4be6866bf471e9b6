/**
 * Bits of the binary files: entries of /proc/PID/pagemap (PM_*), of /proc/kpageflags (KPF_*).
 *
 *     pagemap, present   0..54 frame
 *     pagemap, swapped   0..4 type of the area, 5..54 offset in it
 *     both               55 soft-dirty | 56 mapped once | 57 uffd-wp | 58 guard | 61 file or shared | 62 swapped | 63 present
 *
 * Source: Linux 6.18 fs/proc/task_mmu.c; include/uapi/linux/kernel-page-flags.h; include/linux/kernel-page-flags.h.
 */

/** Bits of a pagemap entry, by number. */
export const PM_PFRAME_BITS = 55;
export const PM_SOFT_DIRTY_BIT = 55;
export const PM_MMAP_EXCLUSIVE_BIT = 56;
export const PM_UFFD_WP_BIT = 57;
export const PM_GUARD_REGION_BIT = 58;
export const PM_FILE_BIT = 61;
export const PM_SWAP_BIT = 62;
export const PM_PRESENT_BIT = 63;
/** Bits of the area's type in the frame of a swapped page. */
export const PM_SWAP_TYPE_BITS = 5;

/** Bits of a kpageflags entry, by number. */
export const KPF_LOCKED = 0;
export const KPF_ERROR = 1;
export const KPF_REFERENCED = 2;
export const KPF_UPTODATE = 3;
export const KPF_DIRTY = 4;
export const KPF_LRU = 5;
export const KPF_ACTIVE = 6;
export const KPF_SLAB = 7;
export const KPF_WRITEBACK = 8;
export const KPF_RECLAIM = 9;
export const KPF_BUDDY = 10;
export const KPF_MMAP = 11;
export const KPF_ANON = 12;
export const KPF_SWAPCACHE = 13;
export const KPF_SWAPBACKED = 14;
export const KPF_COMPOUND_HEAD = 15;
export const KPF_COMPOUND_TAIL = 16;
export const KPF_HUGE = 17;
export const KPF_UNEVICTABLE = 18;
export const KPF_HWPOISON = 19;
export const KPF_NOPAGE = 20;
export const KPF_KSM = 21;
export const KPF_THP = 22;
export const KPF_OFFLINE = 23;
export const KPF_ZERO_PAGE = 24;
export const KPF_IDLE = 25;
export const KPF_PGTABLE = 26;
/** From 32 on for kernel developers: they may change. */
export const KPF_RESERVED = 32;
export const KPF_MLOCKED = 33;
export const KPF_OWNER_2 = 34;
export const KPF_PRIVATE = 35;
export const KPF_PRIVATE_2 = 36;
export const KPF_OWNER_PRIVATE = 37;
export const KPF_ARCH = 38;
export const KPF_UNCACHED = 39;
export const KPF_SOFTDIRTY = 40;
export const KPF_ARCH_2 = 41;
export const KPF_ARCH_3 = 42;
