/**
 * The named caches that Linux makes at boot for the memory manager and what stands near it.
 *
 * Object sizes are those of Linux 6.18.15 for x86-64 (Debian's cloud configuration, one CPU), read from
 * /sys/kernel/slab/<cache>/object_size; where Linux merged a cache with others of its size, from the slot size in
 * /proc/slabinfo, which a merge cannot change by a pointer's size or more. Flags and alignment are those of the calls
 * that make the caches; they are confirmed by the recorded slot sizes. In order of creation.
 */
import {
  SLAB_ACCOUNT,
  SLAB_CTOR,
  SLAB_HWCACHE_ALIGN,
  SLAB_PANIC,
  SLAB_RECLAIM_ACCOUNT,
  SLAB_TYPESAFE_BY_RCU,
  SLAB_USE_FREEPTR_OFFSET,
} from "@pageframe/contracts";

/** Arguments of createCache. */
export interface KernelCache {
  readonly name: string;
  readonly objectBytes: number;
  /** 0 is pointer size. */
  readonly alignBytes: number;
  readonly flags: number;
}

const RECLAIMABLE_INODE: number = SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT | SLAB_CTOR;

/** The caches; give each to createCache. */
export const KERNEL_CACHES: readonly KernelCache[] = [
  { name: "vmap_area", objectBytes: 72, alignBytes: 0, flags: SLAB_PANIC },
  {
    name: "mm_struct",
    objectBytes: 1496,
    alignBytes: 0,
    flags: SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_ACCOUNT,
  },
  { name: "maple_node", objectBytes: 256, alignBytes: 256, flags: SLAB_PANIC },
  {
    name: "radix_tree_node",
    objectBytes: 576,
    alignBytes: 0,
    flags: SLAB_PANIC | SLAB_RECLAIM_ACCOUNT | SLAB_CTOR,
  },
  { name: "numa_policy", objectBytes: 272, alignBytes: 0, flags: SLAB_PANIC },
  { name: "shared_policy_node", objectBytes: 48, alignBytes: 0, flags: SLAB_PANIC },
  { name: "pid", objectBytes: 184, alignBytes: 0, flags: SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_ACCOUNT },
  {
    name: "anon_vma",
    objectBytes: 96,
    alignBytes: 0,
    flags: SLAB_TYPESAFE_BY_RCU | SLAB_PANIC | SLAB_ACCOUNT | SLAB_CTOR,
  },
  { name: "anon_vma_chain", objectBytes: 64, alignBytes: 0, flags: SLAB_PANIC | SLAB_ACCOUNT },
  { name: "task_struct", objectBytes: 6528, alignBytes: 64, flags: SLAB_PANIC | SLAB_ACCOUNT },
  {
    name: "sighand_cache",
    objectBytes: 2080,
    alignBytes: 0,
    flags: SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_TYPESAFE_BY_RCU | SLAB_ACCOUNT | SLAB_CTOR,
  },
  {
    name: "signal_cache",
    objectBytes: 1152,
    alignBytes: 0,
    flags: SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_ACCOUNT,
  },
  {
    name: "files_cache",
    objectBytes: 704,
    alignBytes: 0,
    flags: SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_ACCOUNT,
  },
  {
    name: "vm_area_struct",
    objectBytes: 192,
    alignBytes: 0,
    flags: SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_TYPESAFE_BY_RCU | SLAB_USE_FREEPTR_OFFSET | SLAB_ACCOUNT,
  },
  { name: "names_cache", objectBytes: 4096, alignBytes: 0, flags: SLAB_HWCACHE_ALIGN | SLAB_PANIC },
  {
    name: "dentry",
    objectBytes: 192,
    alignBytes: 0,
    flags: SLAB_RECLAIM_ACCOUNT | SLAB_PANIC | SLAB_ACCOUNT,
  },
  { name: "inode_cache", objectBytes: 608, alignBytes: 0, flags: RECLAIMABLE_INODE | SLAB_PANIC },
  {
    name: "filp",
    objectBytes: 184,
    alignBytes: 0,
    flags: SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_ACCOUNT | SLAB_TYPESAFE_BY_RCU | SLAB_USE_FREEPTR_OFFSET,
  },
  {
    name: "mnt_cache",
    objectBytes: 384,
    alignBytes: 0,
    flags: SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_ACCOUNT,
  },
  { name: "kernfs_node_cache", objectBytes: 136, alignBytes: 0, flags: SLAB_PANIC },
  {
    name: "shmem_inode_cache",
    objectBytes: 736,
    alignBytes: 0,
    flags: SLAB_PANIC | SLAB_ACCOUNT | SLAB_CTOR,
  },
  { name: "proc_inode_cache", objectBytes: 680, alignBytes: 0, flags: RECLAIMABLE_INODE | SLAB_PANIC },
  { name: "sigqueue", objectBytes: 80, alignBytes: 0, flags: SLAB_PANIC | SLAB_ACCOUNT },
  {
    name: "buffer_head",
    objectBytes: 104,
    alignBytes: 0,
    flags: SLAB_RECLAIM_ACCOUNT | SLAB_PANIC,
  },
  {
    name: "sock_inode_cache",
    objectBytes: 768,
    alignBytes: 0,
    flags: RECLAIMABLE_INODE | SLAB_HWCACHE_ALIGN,
  },
  { name: "biovec-max", objectBytes: 4096, alignBytes: 0, flags: SLAB_HWCACHE_ALIGN | SLAB_PANIC },
  {
    name: "hugetlbfs_inode_cache",
    objectBytes: 616,
    alignBytes: 0,
    flags: SLAB_ACCOUNT | SLAB_CTOR,
  },
  { name: "extent_status", objectBytes: 40, alignBytes: 0, flags: SLAB_RECLAIM_ACCOUNT },
  {
    name: "jbd2_journal_head",
    objectBytes: 112,
    alignBytes: 0,
    flags: SLAB_TYPESAFE_BY_RCU,
  },
  {
    name: "ext4_inode_cache",
    objectBytes: 1120,
    alignBytes: 0,
    flags: RECLAIMABLE_INODE,
  },
];
