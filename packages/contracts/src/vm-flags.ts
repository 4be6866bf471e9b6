/**
 * Mapping flags: of VMAs (VM_*), of mmap(2) (PROT_*, MAP_*).
 * Source: Linux 6.18 include/linux/mm.h; include/uapi/asm-generic/mman-common.h and mman.h. All fit int32.
 *
 * Differs: Linux keeps VM_* in 64 bits. The three flags above bit 31 that are modelled live in low bits that nothing
 * modelled uses, so that a VMA's flags stay one int32 and are compared at once:
 *
 * | flag          | here | Linux 6.18 | Linux's flag in that low bit                |
 * |---------------|------|------------|---------------------------------------------|
 * | VM_SEALED     | 11   | 42         | none                                        |
 * | VM_UFFD_MINOR | 23   | 41         | VM_SYNC, of DAX mappings                    |
 * | VM_DROPPABLE  | 24   | 40         | VM_ARCH_1 (VM_PAT on x86), of device memory |
 *
 * VM_MERGEABLE is the sign bit, as `1 << 31`: test flags with `!== 0`, never with `> 0`.
 */

export const VM_NONE = 0;
export const VM_READ = 0x1;
export const VM_WRITE = 0x2;
export const VM_EXEC = 0x4;
export const VM_SHARED = 0x8;
export const VM_MAYREAD = 0x10;
export const VM_MAYWRITE = 0x20;
export const VM_MAYEXEC = 0x40;
export const VM_MAYSHARE = 0x80;
export const VM_GROWSDOWN = 0x100;
export const VM_UFFD_MISSING = 0x200;
export const VM_PFNMAP = 0x400;
export const VM_SEALED = 0x800;
export const VM_UFFD_WP = 0x1000;
export const VM_LOCKED = 0x2000;
export const VM_IO = 0x4000;
export const VM_SEQ_READ = 0x8000;
export const VM_RAND_READ = 0x10000;
export const VM_DONTCOPY = 0x20000;
export const VM_DONTEXPAND = 0x40000;
export const VM_LOCKONFAULT = 0x80000;
export const VM_ACCOUNT = 0x100000;
export const VM_NORESERVE = 0x200000;
export const VM_HUGETLB = 0x400000;
export const VM_UFFD_MINOR = 0x800000;
export const VM_DROPPABLE = 0x1000000;
export const VM_WIPEONFORK = 0x2000000;
export const VM_DONTDUMP = 0x4000000;
export const VM_SOFTDIRTY = 0x8000000;
export const VM_MIXEDMAP = 0x10000000;
export const VM_HUGEPAGE = 0x20000000;
export const VM_NOHUGEPAGE = 0x40000000;
export const VM_MERGEABLE: number = 1 << 31;

/** The four that mprotect changes. */
export const VM_ACCESS_FLAGS: number = VM_READ | VM_WRITE | VM_EXEC;
/** A userfaultfd watches the mapping: missing pages, write-protected ones, those in the page cache (__VM_UFFD_FLAGS). */
export const VM_UFFD_FLAGS: number = VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR;
/** VM_STACK_FLAGS without the access bits that the binary chooses. */
export const VM_STACK: number = VM_GROWSDOWN;

export const PROT_NONE = 0;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;
export const PROT_GROWSDOWN = 0x01000000;
export const PROT_GROWSUP = 0x02000000;

export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
export const MAP_SHARED_VALIDATE = 0x03;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_GROWSDOWN = 0x100;
export const MAP_DENYWRITE = 0x800;
export const MAP_LOCKED = 0x2000;
export const MAP_NORESERVE = 0x4000;
export const MAP_POPULATE = 0x8000;
export const MAP_NONBLOCK = 0x10000;
export const MAP_STACK = 0x20000;
export const MAP_HUGETLB = 0x40000;
export const MAP_FIXED_NOREPLACE = 0x100000;

export const MREMAP_MAYMOVE = 1;
export const MREMAP_FIXED = 2;
export const MREMAP_DONTUNMAP = 4;

/** Layout of a 64-bit x86 task with four levels (arch/x86/include/asm/page_64_types.h). */
export const TASK_SIZE = 0x7ffffffff000;
/** First page number past user space. */
export const TASK_SIZE_VPN = 0x7ffffffff;
/** Default vm.max_map_count. */
export const DEFAULT_MAX_MAP_COUNT = 65530;
/** Pages kept free below a stack (stack_guard_gap). */
export const STACK_GUARD_GAP_PAGES = 256;
/** Lowest address that mmap places (vm.mmap_min_addr), in pages. */
export const MMAP_MIN_VPN = 16;
