import { describe, expect, it } from "vitest";
import {
  calculateAlignment,
  calculateOrder,
  calculateSizes,
  KERNEL_CACHES,
  type SlabTuning,
} from "../src/index.ts";
import {
  SLAB_CTOR as CTOR,
  SLAB_HWCACHE_ALIGN as HW,
  SLAB_TYPESAFE_BY_RCU as RCU,
  SLAB_USE_FREEPTR_OFFSET as FREEPTR,
} from "@pageframe/contracts";

const LINUX_DEFAULTS = { minOrder: 0, maxOrder: 3, minObjects: 0 };
const ONE_CPU: SlabTuning = { nrCpus: 1, ...LINUX_DEFAULTS };
const TWO_CPUS: SlabTuning = { nrCpus: 2, ...LINUX_DEFAULTS };

/**
 * /sys/kernel/slab of Linux 6.18.15+deb13-cloud-amd64 on a machine of 1 CPU and 128 MiB and one of 2 CPUs and 256 MiB.
 * Columns: name; object_size; then alignment and flags of the call that makes the cache (from Linux's source, where
 * they are not in sysfs); slab_size; align; order and objs_per_slab with 1 CPU; the same with 2 CPUs; min_partial;
 * cpu_partial. Names with a colon are caches that Linux merged.
 */
// prettier-ignore
const RECORDED: [string, number, number, number, number, number, number, number, number, number, number, number][] = [
  ["kmalloc-8", 8, 8, 0, 8, 8, 0, 512, 0, 512, 5, 120],
  ["kmalloc-16", 16, 16, 0, 16, 16, 0, 256, 0, 256, 5, 120],
  ["kmalloc-32", 32, 32, 0, 32, 32, 0, 128, 0, 128, 5, 120],
  ["kmalloc-64", 64, 64, 0, 64, 64, 0, 64, 0, 64, 5, 120],
  ["kmalloc-128", 128, 128, 0, 128, 128, 0, 32, 0, 32, 5, 120],
  ["kmalloc-256", 256, 256, 0, 256, 256, 0, 16, 0, 16, 5, 52],
  ["kmalloc-512", 512, 512, 0, 512, 512, 0, 8, 1, 16, 5, 52],
  ["kmalloc-1k", 1024, 1024, 0, 1024, 1024, 1, 8, 2, 16, 5, 24],
  ["kmalloc-2k", 2048, 2048, 0, 2048, 2048, 2, 8, 3, 16, 5, 24],
  ["kmalloc-4k", 4096, 4096, 0, 4096, 4096, 3, 8, 3, 8, 6, 6],
  ["kmalloc-8k", 8192, 8192, 0, 8192, 8192, 3, 4, 3, 4, 6, 6],
  ["kmalloc-96", 96, 32, 0, 96, 32, 0, 42, 0, 42, 5, 120],
  ["kmalloc-192", 192, 64, 0, 192, 64, 0, 21, 0, 21, 5, 120],
  ["msg_msg-8", 8, 0, 0, 8, 8, 0, 512, 0, 512, 5, 120],
  ["msg_msg-96", 96, 0, 0, 96, 8, 0, 42, 0, 42, 5, 120],
  ["msg_msg-1k", 1024, 0, 0, 1024, 8, 1, 8, 2, 16, 5, 24],
  ["msg_msg-8k", 8192, 0, 0, 8192, 8, 3, 4, 3, 4, 6, 6],
  ["memdup_user-2k", 2048, 0, 0, 2048, 8, 2, 8, 3, 16, 5, 24],
  ["MPTCP", 1936, 0, HW | RCU, 1984, 64, 2, 8, 3, 16, 5, 24],
  ["MPTCPv6", 2072, 0, HW | RCU, 2112, 64, 3, 15, 3, 15, 5, 24],
  ["RAW", 1152, 0, HW, 1152, 64, 2, 14, 2, 14, 5, 24],
  ["RAWv6", 1408, 0, HW, 1408, 64, 2, 11, 3, 23, 5, 24],
  ["TCP", 2304, 0, HW | RCU, 2368, 64, 3, 13, 3, 13, 5, 24],
  ["TCPv6", 2496, 0, HW | RCU, 2560, 64, 3, 12, 3, 12, 5, 24],
  ["anon_vma", 96, 0, CTOR | RCU, 104, 8, 0, 39, 0, 39, 5, 120],
  ["bdev_cache", 1560, 0, HW | CTOR, 1600, 64, 2, 10, 3, 20, 5, 24],
  ["bfilp", 200, 0, HW | RCU | FREEPTR, 256, 64, 0, 16, 0, 16, 5, 52],
  ["bio-128", 128, 0, HW | RCU, 192, 64, 0, 21, 0, 21, 5, 120],
  ["bio-192", 192, 0, HW | RCU, 256, 64, 0, 16, 0, 16, 5, 52],
  ["bio-256", 256, 0, HW | RCU, 320, 64, 0, 12, 0, 12, 5, 52],
  ["bio-272", 272, 0, HW | RCU, 320, 64, 0, 12, 0, 12, 5, 52],
  ["dax_cache", 752, 0, HW | CTOR, 768, 64, 1, 10, 2, 21, 5, 52],
  ["debugfs_inode_cache", 624, 0, CTOR, 632, 8, 2, 25, 2, 25, 5, 52],
  ["dentry", 192, 0, 0, 192, 8, 0, 21, 0, 21, 5, 120],
  ["ext4_inode_cache", 1120, 0, CTOR, 1128, 8, 2, 14, 2, 14, 5, 24],
  ["filp", 184, 0, HW | RCU | FREEPTR, 192, 64, 0, 21, 0, 21, 5, 120],
  ["fsverity_info", 264, 0, 0, 264, 8, 0, 15, 0, 15, 5, 52],
  ["fuse_inode", 848, 0, HW | CTOR, 896, 64, 1, 9, 2, 18, 5, 52],
  ["hugetlbfs_inode_cache", 616, 0, CTOR, 624, 8, 1, 13, 1, 13, 5, 52],
  ["ima_iint_cache", 96, 0, CTOR, 104, 8, 0, 39, 0, 39, 5, 120],
  ["inode_cache", 608, 0, CTOR, 616, 8, 1, 13, 1, 13, 5, 52],
  ["io_kiocb", 248, 0, HW, 256, 64, 0, 16, 0, 16, 5, 52],
  ["jbd2_journal_head", 112, 0, RCU, 120, 8, 0, 34, 0, 34, 5, 120],
  ["kmalloc_buckets", 112, 0, 0, 112, 8, 0, 36, 0, 36, 5, 120],
  ["kmem_cache_node", 72, 0, HW, 128, 64, 0, 32, 0, 32, 5, 120],
  ["maple_node", 256, 256, 0, 256, 256, 0, 16, 0, 16, 5, 52],
  ["mm_struct", 1496, 0, HW, 1536, 64, 2, 10, 3, 21, 5, 24],
  ["mqueue_inode_cache", 928, 0, HW | CTOR, 960, 64, 1, 8, 2, 17, 5, 52],
  ["names_cache", 4096, 0, HW, 4096, 64, 3, 8, 3, 8, 6, 6],
  ["proc_dir_entry", 192, 0, 0, 192, 8, 0, 21, 0, 21, 5, 120],
  ["proc_inode_cache", 680, 0, CTOR, 688, 8, 2, 23, 2, 23, 5, 52],
  ["radix_tree_node", 576, 0, CTOR, 584, 8, 1, 14, 1, 14, 5, 52],
  ["request_sock_TCP", 320, 0, RCU, 328, 8, 0, 12, 0, 12, 5, 52],
  ["request_sock_subflow_v4", 392, 0, RCU, 400, 8, 0, 10, 1, 20, 5, 52],
  ["shmem_inode_cache", 736, 0, CTOR, 744, 8, 1, 11, 2, 22, 5, 52],
  ["sighand_cache", 2080, 0, HW | RCU | CTOR, 2112, 64, 3, 15, 3, 15, 5, 24],
  ["skbuff_head_cache", 232, 0, HW, 256, 64, 0, 16, 0, 16, 5, 52],
  ["skbuff_small_head", 640, 0, HW, 640, 64, 1, 12, 1, 12, 5, 52],
  ["sock_inode_cache", 768, 0, HW | CTOR, 832, 64, 2, 19, 2, 19, 5, 52],
  ["task_struct", 6528, 64, 0, 6528, 64, 3, 5, 3, 5, 6, 6],
  ["tracefs_inode_cache", 640, 0, CTOR, 648, 8, 1, 12, 1, 12, 5, 52],
  ["tw_sock_TCP", 264, 0, RCU, 272, 8, 0, 15, 0, 15, 5, 52],
  ["userfaultfd_ctx_cache", 176, 0, HW | CTOR, 192, 64, 0, 21, 0, 21, 5, 120],
  ["uts_namespace", 488, 0, 0, 488, 8, 0, 8, 1, 16, 5, 52],
  ["vm_area_struct", 192, 0, HW | RCU | FREEPTR, 192, 64, 0, 21, 0, 21, 5, 120],
  [":0000024", 24, 0, 0, 24, 8, 0, 170, 0, 170, 5, 120],
  [":0000832", 816, 0, HW, 832, 64, 2, 19, 2, 19, 5, 52],
  [":0001344", 1344, 0, 0, 1344, 8, 2, 12, 2, 12, 5, 24],
  [":0000984", 984, 0, 0, 984, 8, 1, 8, 2, 16, 5, 52],
  [":A-0000384", 384, 0, HW, 384, 64, 0, 10, 1, 21, 5, 52],
  [":A-0000704", 704, 0, HW, 704, 64, 1, 11, 2, 23, 5, 52],
  [":A-0001152", 1152, 0, HW, 1152, 64, 2, 14, 2, 14, 5, 24],
  [":A-0004608", 4608, 0, HW, 4608, 64, 3, 7, 3, 7, 6, 6],
  [":0001920", 1920, 0, HW, 1920, 64, 2, 8, 3, 17, 5, 24],
  [":a-0000104", 104, 0, 0, 104, 8, 0, 39, 0, 39, 5, 120],
];

describe("calculateSizes", () => {
  it.each(RECORDED)(
    "lays out %s as Linux does",
    (
      _name,
      objectBytes,
      align,
      flags,
      slotBytes,
      alignBytes,
      order,
      objects,
      order2,
      objects2,
      minPartial,
      cpuPartial,
    ) => {
      const one = calculateSizes(objectBytes, align, flags, ONE_CPU);
      expect(one).toMatchObject({
        slotBytes,
        alignBytes,
        order,
        objectsPerSlab: objects,
        minPartial,
        cpuPartial,
        cpuPartialSlabs: Math.ceil((2 * cpuPartial) / objects),
      });
      const two = calculateSizes(objectBytes, align, flags, TWO_CPUS);
      expect(two).toMatchObject({ slotBytes, alignBytes, order: order2, objectsPerSlab: objects2 });
    },
  );

  it("puts the free pointer in the middle of a plain object, and behind one that keeps its fields", () => {
    expect(calculateSizes(200, 0, 0, ONE_CPU).freePointerOffset).toBe(96);
    expect(calculateSizes(8, 0, 0, ONE_CPU).freePointerOffset).toBe(0);
    expect(calculateSizes(96, 0, RCU, ONE_CPU).freePointerOffset).toBe(96);
    expect(calculateSizes(97, 0, CTOR, ONE_CPU).freePointerOffset).toBe(104);
  });

  it("falls back to the smallest order that holds one object", () => {
    expect(calculateSizes(1024, 1024, 0, ONE_CPU)).toMatchObject({ minOrder: 0, objectsPerMinSlab: 4 });
    expect(calculateSizes(6528, 64, 0, ONE_CPU)).toMatchObject({ minOrder: 1, objectsPerMinSlab: 1 });
  });

  it("keeps ten slabs a node at most, however large the object", () => {
    expect(calculateSizes(2 ** 22, 0, 0, ONE_CPU)).toMatchObject({
      order: 10,
      objectsPerSlab: 1,
      minPartial: 10,
    });
  });

  it("refuses objects of no bytes, odd alignments and what no slab holds", () => {
    expect(() => calculateSizes(0, 0, 0, ONE_CPU)).toThrow("EINVAL: object of 0 bytes");
    expect(() => calculateSizes(1.5, 0, 0, ONE_CPU)).toThrow("EINVAL: object of 1.5 bytes");
    expect(() => calculateSizes(64, 24, 0, ONE_CPU)).toThrow("EINVAL: alignment of 24 bytes");
    expect(() => calculateSizes(2 ** 22 + 1, 0, 0, ONE_CPU)).toThrow("EINVAL: object of 4194305 bytes");
  });
});

describe("calculateAlignment", () => {
  it("halves the cache line while the object fits twice", () => {
    expect(calculateAlignment(HW, 0, 33)).toBe(64);
    expect(calculateAlignment(HW, 0, 32)).toBe(32);
    expect(calculateAlignment(HW, 0, 16)).toBe(16);
    expect(calculateAlignment(HW, 0, 4)).toBe(8);
    expect(calculateAlignment(HW, 256, 4)).toBe(256);
    expect(calculateAlignment(0, 0, 4096)).toBe(8);
  });
});

describe("calculateOrder", () => {
  it("follows slub_min_objects, slub_min_order and slub_max_order", () => {
    expect(calculateOrder(512, { ...ONE_CPU, minObjects: 32 })).toBe(2);
    expect(calculateOrder(512, { ...ONE_CPU, minOrder: 2 })).toBe(2);
    expect(calculateOrder(4096, { ...ONE_CPU, maxOrder: 1 })).toBe(1);
  });

  it("asks for more objects a slab on machines with more CPUs", () => {
    // 4 * (fls(n) + 1): 8, 12, 12, 16, 28 objects of 512 bytes.
    const orders = [1, 2, 3, 4, 32].map((nrCpus) => calculateOrder(512, { ...ONE_CPU, nrCpus }));
    expect(orders).toEqual([0, 1, 1, 1, 2]);
  });

  it("takes a larger slab when a smaller one wastes more than a sixteenth", () => {
    // 832 bytes: 9 in 8 KiB waste 704 of 8192 bytes; 19 in 16 KiB waste 576 of 16384.
    expect(calculateOrder(832, ONE_CPU)).toBe(2);
  });

  it("goes above slub_max_order only for one object that needs it", () => {
    expect(calculateOrder(40000, ONE_CPU)).toBe(4);
  });
});

describe("KERNEL_CACHES", () => {
  it("gives the slot sizes and objects a slab of the recorded /proc/slabinfo", () => {
    // Linux 6.18.15, 1 CPU, 128 MiB: <objsize> <objperslab> <pagesperslab>.
    const recorded: Record<string, string> = {
      task_struct: "6528 5 8",
      mm_struct: "1536 10 4",
      vm_area_struct: "192 21 1",
      files_cache: "704 11 2",
      signal_cache: "1152 14 4",
      sighand_cache: "2112 15 8",
      anon_vma: "104 39 1",
      anon_vma_chain: "64 64 1",
      maple_node: "256 16 1",
      pid: "192 21 1",
      filp: "192 21 1",
      dentry: "192 21 1",
      inode_cache: "616 13 2",
      names_cache: "4096 8 8",
      vmap_area: "72 56 1",
      radix_tree_node: "584 14 2",
      kernfs_node_cache: "136 30 1",
      buffer_head: "104 39 1",
      shmem_inode_cache: "744 11 2",
      proc_inode_cache: "688 23 4",
      mnt_cache: "384 10 1",
      sigqueue: "80 51 1",
      numa_policy: "272 15 1",
      shared_policy_node: "48 85 1",
      sock_inode_cache: "832 19 4",
      "biovec-max": "4096 8 8",
      hugetlbfs_inode_cache: "624 13 2",
      extent_status: "40 102 1",
      jbd2_journal_head: "120 34 1",
      ext4_inode_cache: "1128 14 4",
    };
    const computed = KERNEL_CACHES.map(({ name, objectBytes, alignBytes, flags }) => {
      const { slotBytes, objectsPerSlab, order } = calculateSizes(objectBytes, alignBytes, flags, ONE_CPU);
      return [name, `${slotBytes} ${objectsPerSlab} ${2 ** order}`];
    });
    expect(Object.fromEntries(computed)).toEqual(recorded);
  });
});
