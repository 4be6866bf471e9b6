/**
 * Constants of userfaultfd(2) and ioctl_userfaultfd(2).
 * Source: Linux 6.18 include/uapi/linux/userfaultfd.h; the numbers of ioctls are those of x86-64.
 */

/** Flags of userfaultfd(2): faults of user mode alone; O_CLOEXEC; O_NONBLOCK. */
export const UFFD_USER_MODE_ONLY = 1;
export const UFFD_CLOEXEC = 0x80000;
export const UFFD_NONBLOCK = 0x800;

/** Version of the interface that UFFDIO_API must name. */
export const UFFD_API = 0xaa;

export const UFFD_FEATURE_PAGEFAULT_FLAG_WP: number = 1 << 0;
export const UFFD_FEATURE_EVENT_FORK: number = 1 << 1;
export const UFFD_FEATURE_EVENT_REMAP: number = 1 << 2;
export const UFFD_FEATURE_EVENT_REMOVE: number = 1 << 3;
export const UFFD_FEATURE_MISSING_HUGETLBFS: number = 1 << 4;
export const UFFD_FEATURE_MISSING_SHMEM: number = 1 << 5;
export const UFFD_FEATURE_EVENT_UNMAP: number = 1 << 6;
export const UFFD_FEATURE_SIGBUS: number = 1 << 7;
export const UFFD_FEATURE_THREAD_ID: number = 1 << 8;
export const UFFD_FEATURE_MINOR_HUGETLBFS: number = 1 << 9;
export const UFFD_FEATURE_MINOR_SHMEM: number = 1 << 10;
export const UFFD_FEATURE_EXACT_ADDRESS: number = 1 << 11;
export const UFFD_FEATURE_WP_HUGETLBFS_SHMEM: number = 1 << 12;
export const UFFD_FEATURE_WP_UNPOPULATED: number = 1 << 13;
export const UFFD_FEATURE_POISON: number = 1 << 14;
export const UFFD_FEATURE_WP_ASYNC: number = 1 << 15;
export const UFFD_FEATURE_MOVE: number = 1 << 16;
/** All of them: what UFFDIO_API offers. */
export const UFFD_API_FEATURES = 0x1ffff;

export const UFFDIO_REGISTER_MODE_MISSING: number = 1 << 0;
export const UFFDIO_REGISTER_MODE_WP: number = 1 << 1;
export const UFFDIO_REGISTER_MODE_MINOR: number = 1 << 2;
export const UFFD_API_REGISTER_MODES: number =
  UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR;

export const UFFDIO_COPY_MODE_DONTWAKE: number = 1 << 0;
export const UFFDIO_COPY_MODE_WP: number = 1 << 1;
export const UFFDIO_ZEROPAGE_MODE_DONTWAKE: number = 1 << 0;
export const UFFDIO_WRITEPROTECT_MODE_WP: number = 1 << 0;
export const UFFDIO_WRITEPROTECT_MODE_DONTWAKE: number = 1 << 1;
export const UFFDIO_CONTINUE_MODE_DONTWAKE: number = 1 << 0;
export const UFFDIO_CONTINUE_MODE_WP: number = 1 << 1;
export const UFFDIO_POISON_MODE_DONTWAKE: number = 1 << 0;
export const UFFDIO_MOVE_MODE_DONTWAKE: number = 1 << 0;
export const UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES: number = 1 << 1;

/** Bits of the masks that say which ioctls there are (_UFFDIO_*). */
export const UFFDIO_NR_REGISTER = 0x00;
export const UFFDIO_NR_UNREGISTER = 0x01;
export const UFFDIO_NR_WAKE = 0x02;
export const UFFDIO_NR_COPY = 0x03;
export const UFFDIO_NR_ZEROPAGE = 0x04;
export const UFFDIO_NR_MOVE = 0x05;
export const UFFDIO_NR_WRITEPROTECT = 0x06;
export const UFFDIO_NR_CONTINUE = 0x07;
export const UFFDIO_NR_POISON = 0x08;
export const UFFDIO_NR_API = 0x3f;

export const UFFDIO_API = 0xc018aa3f;
export const UFFDIO_REGISTER = 0xc020aa00;
export const UFFDIO_UNREGISTER = 0x8010aa01;
export const UFFDIO_WAKE = 0x8010aa02;
export const UFFDIO_COPY = 0xc028aa03;
export const UFFDIO_ZEROPAGE = 0xc020aa04;
export const UFFDIO_MOVE = 0xc028aa05;
export const UFFDIO_WRITEPROTECT = 0xc018aa06;
export const UFFDIO_CONTINUE = 0xc020aa07;
export const UFFDIO_POISON = 0xc020aa08;

/** What a message is about (uffd_msg.event). */
export const UFFD_EVENT_PAGEFAULT = 0x12;
export const UFFD_EVENT_FORK = 0x13;
export const UFFD_EVENT_REMAP = 0x14;
export const UFFD_EVENT_REMOVE = 0x15;
export const UFFD_EVENT_UNMAP = 0x16;

/** Flags of UFFD_EVENT_PAGEFAULT: it was a write; the page is write-protected; it is in the page cache. */
export const UFFD_PAGEFAULT_FLAG_WRITE: number = 1 << 0;
export const UFFD_PAGEFAULT_FLAG_WP: number = 1 << 1;
export const UFFD_PAGEFAULT_FLAG_MINOR: number = 1 << 2;
