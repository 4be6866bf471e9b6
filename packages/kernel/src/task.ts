/**
 * Tasks and their memory: task_struct and the parts of mm_struct that are not mappings.
 */
import {
  type CpuId,
  type MmId,
  type Paddr,
  type PageTable,
  type PageTableCursor,
  type Pfn,
  type Vaddr,
  type Vpn,
} from "@pageframe/contracts";
import { newWbTask, type WbTask } from "@pageframe/pagecache";
import { type UserRoot } from "@pageframe/pagetable";
import { type AddressSpace, NO_FILE } from "@pageframe/vma";
import { MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS, RssStat } from "./mm/rss-stat.ts";
import { type Process } from "./process.ts";
import { CpuMask } from "./tlb/cpu-mask.ts";

/** An address space with its page table and counts (mm_struct). */
export class Mm {
  readonly id: MmId;
  readonly space: AddressSpace;
  readonly pageTable: PageTable;
  /** Root for user mode under page-table isolation; null without. */
  readonly userRoot: UserRoot | null;
  readonly objectAddress: Paddr;
  /** Passes over the page table during which nothing is allocated: unmap, protect, move. */
  readonly cursor: PageTableCursor;
  /** Passes that make tables on the way, and may therefore reclaim or kill: fork, the target of a move. */
  readonly copyCursor: PageTableCursor;
  /** Resident pages and swap entries. */
  readonly rssStat: RssStat;
  /** Program that runs in it. */
  image: MmImage = noImage();
  /** File of that program, which it holds (exe_file), or NO_FILE. */
  exeFileId: number = NO_FILE;
  /** SUID_DUMP_*: may others look into it? */
  dumpable: number = SUID_DUMP_USER;
  /** Answer of PR_GET_THP_DISABLE: 0, 1 or 3 (MMF_DISABLE_THP_COMPLETELY, MMF_DISABLE_THP_EXCEPT_ADVISED). */
  thpDisable = 0;
  /** PR_MDWE_* bits (MMF_HAS_MDWE, MMF_HAS_MDWE_NO_INHERIT). */
  mdwe = 0;
  /** Was a page of it ever pinned (MMF_HAS_PINNED)? Fork then looks at each page. */
  hasPinned = false;
  /** Slab addresses of the anon_vmas made for its mappings; freed with it. */
  readonly anonVmaAddresses: Paddr[] = [];
  /** Tasks that run in it (mm_users). */
  nrUsers = 0;
  /** CPUs that have it loaded, and some that had (mm_cpumask). */
  readonly cpuMask: CpuMask = new CpuMask();
  /** Virtual time from which those that had may be interrupted and go from the mask (next_trim_cpumask). */
  nextTrimNs = 0;

  constructor(
    id: MmId,
    space: AddressSpace,
    pageTable: PageTable,
    userRoot: UserRoot | null,
    objectAddress: Paddr,
    nrCpus: number,
  ) {
    this.id = id;
    this.space = space;
    this.pageTable = pageTable;
    this.userRoot = userRoot;
    this.objectAddress = objectAddress;
    this.rssStat = new RssStat(nrCpus);
    this.cursor = pageTable.cursor(0, 0);
    this.copyCursor = pageTable.cursor(0, 0);
  }

  /** Resident pages: all, anonymous, of files, of shared memory (VmRSS, RssAnon, RssFile, RssShmem). */
  get rss(): number {
    return this.rssStat.total;
  }

  get rssAnon(): number {
    return this.rssStat.sum[MM_ANONPAGES];
  }

  get rssFile(): number {
    return this.rssStat.sum[MM_FILEPAGES];
  }

  get rssShmem(): number {
    return this.rssStat.sum[MM_SHMEMPAGES];
  }

  /** Pages in swap (VmSwap). */
  get nrSwapEntries(): number {
    return this.rssStat.sum[MM_SWAPENTS];
  }

  /** Most pages ever resident, as far as the kernel has noticed (VmHWM). */
  get peakRss(): number {
    return Math.max(this.rssStat.hiwater, this.rssStat.total);
  }

  /** Pages of the top table: two under page-table isolation (PGD_ALLOCATION_ORDER). */
  get nrPgdPages(): number {
    return this.userRoot === null ? 1 : 2;
  }

  /** Table pages of this address space, the root included (mm_pgtables_bytes / PAGE_SIZE, and the pgd). */
  get nrTablePages(): number {
    let sum = this.nrPgdPages - 1;
    for (const nr of this.pageTable.nrTables) sum += nr;
    return sum;
  }
}

/** Values of mm.dumpable (include/linux/sched/coredump.h). */
export const SUID_DUMP_DISABLE = 0;
export const SUID_DUMP_USER = 1;

/** Where the parts of a program lie, in bytes; all 0 before the first exec. Set by exec and PR_SET_MM. */
export interface MmImage {
  readonly startCode: Vaddr;
  readonly endCode: Vaddr;
  readonly startData: Vaddr;
  readonly endData: Vaddr;
  readonly argStart: Vaddr;
  readonly argEnd: Vaddr;
  readonly envStart: Vaddr;
  readonly envEnd: Vaddr;
}

/** No program yet. A new object each time: snapshots tell shared objects from equal ones. */
function noImage(): MmImage {
  return {
    startCode: 0,
    endCode: 0,
    startData: 0,
    endData: 0,
    argStart: 0,
    argEnd: 0,
    envStart: 0,
    envEnd: 0,
  };
}

/**
 * Signal of an access that raises none: the task waits for a userfaultfd that nobody has answered (`code`: the context).
 * The access may be made again; then it works, or waits anew.
 */
export const BLOCKED_ON_UFFD = 0;

/** A signal that ended a task, or that a fault raised. */
export interface TaskSignal {
  /** SIGSEGV, SIGBUS or SIGKILL; BLOCKED_ON_UFFD. */
  readonly signal: number;
  /** SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR; 0 with SIGKILL; with BLOCKED_ON_UFFD the number of the userfaultfd. */
  readonly code: number;
  /** Page that was accessed; 0 with SIGKILL. */
  readonly vpn: Vpn;
}

/** A process, or one thread of it (task_struct). */
export class Task {
  readonly pid: number;
  parentPid: number;
  name: string;
  mm: Mm;
  /** What it shares with the other threads of its process. */
  readonly process: Process;
  /** Is it a thread beside the first of its process? Nobody waits for those. */
  readonly isThread: boolean;
  /** Task that this one lives in the memory of, and that waits until it exits or executes (vfork); 0: none. */
  vforkParentPid = 0;
  /** Child of vfork that this task waits for; 0: none. */
  vforkChildPid = 0;
  cpu: CpuId;
  oomScoreAdj = 0;
  readonly startTimeNs: number;
  /** Faults answered without and with I/O (min_flt, maj_flt). */
  nrMinorFaults = 0;
  nrMajorFaults = 0;
  /** Pages that it has dirtied, and its pauses for that. */
  readonly wb: WbTask = newWbTask();
  /** Set when a signal ended the task; it still has to be reaped by exit. */
  killedBy: TaskSignal | null = null;
  hasExited = false;
  /** Slab objects: task_struct, files_struct, signal_struct, sighand_struct. */
  readonly objects: Int32Array;
  readonly objectAddresses: Float64Array;
  /** Frames of the kernel stack. */
  readonly stackPfns: Pfn[];

  constructor(
    pid: number,
    parentPid: number,
    name: string,
    mm: Mm,
    process: Process,
    isThread: boolean,
    cpu: CpuId,
    startTimeNs: number,
    objects: Int32Array,
    objectAddresses: Float64Array,
    stackPfns: Pfn[],
  ) {
    this.pid = pid;
    this.parentPid = parentPid;
    this.name = name;
    this.mm = mm;
    this.process = process;
    this.isThread = isThread;
    this.cpu = cpu;
    this.startTimeNs = startTimeNs;
    this.objects = objects;
    this.objectAddresses = objectAddresses;
    this.stackPfns = stackPfns;
  }
}
