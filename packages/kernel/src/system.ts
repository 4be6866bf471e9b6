/**
 * The state of a whole machine: every subsystem, wired, and the tasks that run on it. Behaviour is functions over it in
 * the files beside.
 */
import {
  type AddressSpaceHost,
  type AsidAllocator,
  type CpuId,
  type FrameAllocator,
  GFP_KERNEL,
  MAX_NR_ZONES,
  type MmId,
  type NodeId,
  NO_PFN,
  type NumaPolicy,
  type ObjectAllocator,
  type OomPolicy,
  type Paddr,
  type Pfn,
  type ReclaimPolicy,
  type TableFrames,
  type Tlb,
  TLB_EVENT_NAMES,
  type TraceSink,
} from "@pageframe/contracts";
import { type FrameContents, type Memmap, type Rmap, type VmStat } from "@pageframe/memmap";
import { type Mmu, type PageTableIsolation } from "@pageframe/mmu";
import { type KernelHalf } from "@pageframe/pagetable";
import { type LruCache, type Reclaimer } from "@pageframe/reclaim";
import { type SwapAreas } from "@pageframe/swap";
import { type VmaPool, type VmCommit } from "@pageframe/vma";
import { type Gather, type ReclaimFlushes, type TlbFlushes } from "./tlb/coherence.ts";
import { type KernelConfig } from "./config.ts";
import { type Disk } from "./files/inode.ts";
import { type Readahead } from "./filemap/readahead-state.ts";
import { type Files } from "./files/files.ts";
import { type SuperBlock } from "./files/inode.ts";
import { SwapClusterState } from "./pages/swap-cluster-state.ts";
import { SysvShm } from "./files/shm-segments.ts";
import { type Zombie } from "./process.ts";
import { Sysctls } from "./sysctls.ts";
import { type Mm, type Task } from "./task.ts";
import { type TimeAccount } from "./time.ts";
import { Userfaults } from "./uffd/context.ts";
import { type Vmalloc } from "./kernel-space/vmalloc.ts";
import { Writeback } from "./writeback/dirty-state.ts";

/** One processor: its MMU and what runs on it. */
export class Cpu {
  readonly id: CpuId;
  readonly nodeId: NodeId;
  readonly tlb: Tlb;
  readonly mmu: Mmu;
  /** Its two roots under page-table isolation; null without. */
  readonly isolation: PageTableIsolation | null;
  /** Task that runs on it, or null while it idles. */
  current: Task | null = null;
  /** Address space that is loaded, whoever runs; null: the kernel's alone (init_mm). */
  loadedMm: Mm | null = null;
  /** Nobody runs who would use what is loaded: most flushes leave this CPU out. */
  isLazy = false;
  /** Counters NR_TLB_*. Those received are the interrupts (TLB in /proc/interrupts). */
  readonly tlbEvents: Float64Array = new Float64Array(TLB_EVENT_NAMES.length);

  constructor(id: CpuId, nodeId: NodeId, tlb: Tlb, mmu: Mmu, isolation: PageTableIsolation | null) {
    this.id = id;
    this.nodeId = nodeId;
    this.tlb = tlb;
    this.mmu = mmu;
    this.isolation = isolation;
  }
}

/** Indices of the kernel's own object caches. */
export interface KernelCaches {
  readonly taskStruct: number;
  readonly signal: number;
  readonly sighand: number;
  readonly files: number;
  readonly mm: number;
  readonly vma: number;
  readonly anonVma: number;
  readonly ptl: number;
  readonly vmapArea: number;
}

/** Everything there is. Built by boot; fields marked `!` are set during it. */
export class System {
  readonly config: KernelConfig;
  readonly memmap: Memmap;
  readonly contents: FrameContents;
  readonly rmap: Rmap;
  readonly vmstat: VmStat;
  readonly time: TimeAccount;
  readonly files: Files;
  readonly sysctls: Sysctls;
  readonly sysvShm = new SysvShm();
  readonly uffd = new Userfaults();
  readonly disks: Disk[] = [];
  /** Mounted file systems; null where an id is free. */
  readonly mounts: (SuperBlock | null)[] = [];
  /** Why the last mount failed, as the kernel's log would say; empty when it did not. */
  mountProblem = "";
  readahead!: Readahead;
  readonly writeback: Writeback;
  /** Inodes that nobody has open and that one shadow in no node keeps in memory, oldest first (../filemap/shadows.ts). */
  readonly shrinkableInodes = new Set<number>();
  nrBiosInFlight = 0;
  /**
   * Pages of disk files that reads, writes and faults looked for: found in the cache, and not, or only since the
   * same call had them read. Pages that a fault maps beside its own are not looked for.
   */
  nrCacheHits = 0;
  nrCacheMisses = 0;
  frames!: FrameAllocator;
  slab!: ObjectAllocator;
  caches!: KernelCaches;
  tableFrames!: TableFrames;
  kernelHalf!: KernelHalf;
  vmalloc!: Vmalloc;
  vmaPool!: VmaPool;
  vmCommit!: VmCommit;
  swap!: SwapAreas;
  lru!: LruCache;
  addressSpaceHost!: AddressSpaceHost;
  reclaimPolicy!: ReclaimPolicy;
  reclaimer!: Reclaimer;
  numaPolicy!: NumaPolicy;
  oomPolicy!: OomPolicy;
  asids!: AsidAllocator;
  tlbFlusher!: TlbFlushes;
  /** What a system call unmaps or protects; what the OOM killer takes, maybe amid a system call. */
  gather!: Gather;
  reaperGather!: Gather;
  unmapBatch!: ReclaimFlushes;
  readonly cpus: Cpu[] = [];
  /** Address spaces by id; null where an id is free. */
  readonly mms: (Mm | null)[] = [];
  /** Living tasks by pid, oldest first. */
  readonly tasks = new Map<number, Task>();
  /** Tasks that have exited and that their parents have not waited for, by pid. */
  readonly zombies = new Map<number, Zombie>();
  /** Random numbers that were drawn from the seed (aslr.ts). */
  nrRandoms = 0;
  nextPid = 1;
  /** CPU that the kernel works on. */
  currentCpu: CpuId = 0;
  /** anon_vma identities that have a slab object. */
  nrAnonVmas = 0;
  nrOomKills = 0;
  /** What readahead by slots remembers (swap-cluster.ts). */
  readonly swapCluster: SwapClusterState = new SwapClusterState();
  /** Locked mappings of pages that more than one holds in memory (mlock_count, mlock-pages.ts). */
  readonly mlockCounts = new Map<Pfn, number>();
  /** References that get_user_pages and pin_user_pages hold, by frame (pins.ts). For audits. */
  readonly gupRefs = new Map<Pfn, number>();
  /** The frame that reads of untouched anonymous memory map (empty_zero_page). */
  zeroPfn: Pfn = NO_PFN;
  /** Frames of the kernel image that hold vvar (time, random generator) and the vdso; empty when it has no room. */
  vdsoPfns: readonly Pfn[] = [];
  /** Bytes that swap and copies move through. */
  readonly bounce = new Uint8Array(4096);
  /** Listener of tracepoints, or null. */
  trace: TraceSink | null = null;

  constructor(
    config: KernelConfig,
    memmap: Memmap,
    contents: FrameContents,
    rmap: Rmap,
    vmstat: VmStat,
    time: TimeAccount,
    files: Files,
  ) {
    this.config = config;
    this.memmap = memmap;
    this.contents = contents;
    this.rmap = rmap;
    this.vmstat = vmstat;
    this.time = time;
    this.files = files;
    this.sysctls = new Sysctls(config.maxMapCount);
    this.writeback = new Writeback(config.cpus, config.nodes);
  }

  /** Node that a frame belongs to. */
  nodeOf(pfn: Pfn): NodeId {
    return (this.memmap.zoneId[pfn] / MAX_NR_ZONES) | 0;
  }

  /** Address space by id; it must exist. */
  mmOf(id: MmId): Mm {
    return this.mms[id]!;
  }

  /** Takes a kernel object in the name of a CPU; -1 when there is no memory. */
  allocObject(cache: number, cpu: CpuId): Paddr {
    return this.slab.allocObject(cache, GFP_KERNEL, cpu);
  }
}
