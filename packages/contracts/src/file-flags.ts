/**
 * Flags of system calls on files and shared memory.
 * Source: Linux 6.18 include/uapi/asm-generic/fcntl.h, include/uapi/linux/falloc.h, memfd.h, fcntl.h, fadvise.h, ipc.h, shm.h;
 * arch/x86/include/asm/shmparam.h.
 */

/** open(2): how; make it; it must not be there; empty it. */
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_ACCMODE = 3;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
/** Writes go to the end; each is durable, its data or all of it; past the page cache. */
export const O_APPEND = 0o2000;
export const O_DSYNC = 0o10000;
export const O_DIRECT = 0o40000;
export const O_SYNC = 0o4010000;
/** It must be a directory; a link at the end is not followed. */
export const O_DIRECTORY = 0o200000;
export const O_NOFOLLOW = 0o400000;

/** lseek(2): from the start, the position, the end; to the next data, the next hole. */
export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

/** fallocate(2): the size stays; the pages go. */
export const FALLOC_FL_KEEP_SIZE = 0x01;
export const FALLOC_FL_PUNCH_HOLE = 0x02;

/** sync_file_range(2): wait for writes under way; begin to write what is dirty; wait for those. */
export const SYNC_FILE_RANGE_WAIT_BEFORE = 1;
export const SYNC_FILE_RANGE_WRITE = 2;
export const SYNC_FILE_RANGE_WAIT_AFTER = 4;

/** memfd_create(2). */
export const MFD_CLOEXEC = 0x1;
export const MFD_ALLOW_SEALING = 0x2;
export const MFD_HUGETLB = 0x4;
export const MFD_NOEXEC_SEAL = 0x8;
export const MFD_EXEC = 0x10;

/** fcntl(2) F_ADD_SEALS: no more seals; no shrinking; no growing; no writing; no writing but through what is mapped; no x. */
export const F_SEAL_SEAL = 0x01;
export const F_SEAL_SHRINK = 0x02;
export const F_SEAL_GROW = 0x04;
export const F_SEAL_WRITE = 0x08;
export const F_SEAL_FUTURE_WRITE = 0x10;
export const F_SEAL_EXEC = 0x20;

/** posix_fadvise(2). */
export const POSIX_FADV_NORMAL = 0;
export const POSIX_FADV_RANDOM = 1;
export const POSIX_FADV_SEQUENTIAL = 2;
export const POSIX_FADV_WILLNEED = 3;
export const POSIX_FADV_DONTNEED = 4;
export const POSIX_FADV_NOREUSE = 5;

/** SysV IPC: key of a segment without one; make it; it must not be there; shmctl's commands. */
export const IPC_PRIVATE = 0;
export const IPC_CREAT = 0o1000;
export const IPC_EXCL = 0o2000;
export const IPC_RMID = 0;
export const IPC_STAT = 2;

/** shmget(2): do not charge it; shmat(2): read-only; round the address down; in place of what is there; executable. */
export const SHM_NORESERVE = 0o10000;
export const SHM_RDONLY = 0o10000;
export const SHM_RND = 0o20000;
export const SHM_REMAP = 0o40000;
export const SHM_EXEC = 0o100000;
/** Addresses of segments are multiples of this. */
export const SHMLBA = 4096;
/** Limits of a namespace: least and most bytes of a segment, segments, pages of all. */
export const SHMMIN = 1;
export const SHMMNI = 4096;
