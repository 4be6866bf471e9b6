/**
 * Replays a program's memory trace on a kernel: its mappings, its system calls, its accesses.
 *
 * Mappings land at the recorded addresses (MAP_FIXED), and vm.overcommit_memory becomes 1: a call that succeeded when it
 * was recorded is not refused for the size of this machine. With `verify`, every written page is stamped and every page
 * read is checked against what was written, through copies, swap and files.
 */
import {
  bug,
  type CpuId,
  EINVAL,
  ENOENT,
  ENOMEM,
  KernelError,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_HUGETLB,
  MAP_PRIVATE,
  MAP_SHARED,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_REMOVE,
  type MmapEvent,
  type MremapEvent,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  NR_WRITTEN,
  PAGE_SIZE,
  PROT_WRITE,
  pagesOfBytes,
  RUN_WRITE,
  runKind,
  runVpnHi,
  TASK_SIZE_VPN,
  SECTOR_SIZE,
  type InitialRegion,
  type SyscallEvent,
  type TraceSource,
  type Vpn,
  VM_EVENT_NAMES,
  vpnOf,
  vpnOfAddress,
} from "@pageframe/contracts";
import { OVERCOMMIT_ALWAYS } from "@pageframe/vma";
import { ContentsVerifier } from "./contents-verifier.ts";
import { type Disk } from "../files/inode.ts";
import { type Kernel } from "../kernel.ts";
import { prepareFiles } from "./prepare-files.ts";
import { type NamedFileEvent, type ReplayFiles } from "./replay-files.ts";
import { ReplayTasks } from "./replay-tasks.ts";
import { type System } from "../system.ts";
import { type Task, type TaskSignal } from "../task.ts";
import { CAUSE_NAMES } from "../time.ts";

/** Advice after which pages need not hold what was written. */
const DISCARDING_ADVICE: ReadonlySet<number> = new Set([
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_REMOVE,
  MADV_GUARD_INSTALL,
]);

/** How a trace is replayed. */
export interface ReplayOptions {
  /** Whether the page cache is empty at first, or holds the trace's files as far as they fit; default cold. */
  readonly start?: "cold" | "warm";
  /** CPU that the program runs on; default 0. */
  readonly cpu?: CpuId;
  /** Stamps and checks contents; the kernel's contents must not be `none`. Default false. */
  readonly verify?: boolean;
}

/** What the page cache did, in pages, since the replay began. */
export interface PageCacheCounts {
  /** Pages of files that reads, writes and faults looked for: found in memory, and not. */
  readonly hits: number;
  readonly misses: number;
  /** Read before anybody asked; of those, wanted later, and gone from memory unwanted (Readahead in the kernel). */
  readonly readAhead: number;
  readonly readAheadHits: number;
  readonly readAheadWasted: number;
  /** Pages that were written to a disk (nr_written). */
  readonly writtenBack: number;
}

/** What a disk did since the replay began. */
export interface DiskCounts {
  readonly name: string;
  /** Requests, after merging; and bios that were merged into others. */
  readonly reads: number;
  readonly readMerges: number;
  readonly readBytes: number;
  readonly writes: number;
  readonly writeMerges: number;
  readonly writtenBytes: number;
  readonly flushes: number;
  /** Time with at least one request under way. */
  readonly busyNs: number;
}

/** What happened, in counts of the program's own run. */
export interface ReplayResult {
  /** Accesses of the trace that were carried out; one that straddles two pages counts once. */
  readonly accesses: number;
  /** Accesses that straddled two pages. */
  readonly splitAccesses: number;
  /** Outcomes of the accesses' translations: l1Hits + l2Hits + walks = accesses. */
  readonly tlb: { readonly l1Hits: number; readonly l2Hits: number; readonly walks: number };
  /** /proc/vmstat: events since the replay began, levels as they were at its end. */
  readonly vmstat: Readonly<Record<string, number>>;
  readonly pageCache: PageCacheCounts;
  readonly disks: readonly DiskCounts[];
  readonly oomKills: number;
  readonly peakRssPages: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  /** Estimated nanoseconds by cause, from the cost table. */
  readonly timeNs: Readonly<Record<string, number>>;
  /** The signal that ended the program early, or null. */
  readonly killedBy: TaskSignal | null;
  /** Calls that succeeded when recorded and failed here, as `name: ENAME`. */
  readonly failedSyscalls: readonly string[];
}

/** One replay under way. */
export class Replay {
  readonly kernel: Kernel;
  readonly task: Task;
  private readonly source: TraceSource;
  private readonly verifier: ContentsVerifier | null;
  private readonly tasks: ReplayTasks;
  /** Files of the trace; null when it has none. */
  private readonly files: ReplayFiles | null;
  private readonly eventsAtStart: Float64Array;
  private readonly spentAtStart: Float64Array;
  private readonly oomKillsAtStart: number;
  private readonly cacheAtStart: PageCacheCounts;
  private readonly disksAtStart: readonly DiskCounts[];
  private readonly mmuAtStart: readonly number[];
  private readonly failed: string[] = [];
  private signal: TaskSignal | null = null;
  private hasEnded = false;
  /** Runs replayed so far. */
  nrRunsDone = 0;

  /** Makes the task and its first mappings. Throws KernelError when there is no memory even for that. */
  constructor(kernel: Kernel, source: TraceSource, options: ReplayOptions = {}) {
    const { metadata } = source;
    this.kernel = kernel;
    this.source = source;
    if (options.verify === true && !kernel.sys.contents.hasData) {
      throw new KernelError(
        EINVAL,
        'verify needs RAM with bytes, and contents is "none"; sparse or dense would work',
      );
    }
    this.files = metadata.files.length === 0 ? null : prepareFiles(kernel, metadata, options);
    this.eventsAtStart = kernel.sys.vmstat.events.slice();
    this.cacheAtStart = pageCacheCounts(kernel.sys);
    this.disksAtStart = kernel.sys.disks.map(diskCounts);
    this.spentAtStart = kernel.sys.time.spentNs.slice();
    this.oomKillsAtStart = kernel.sys.nrOomKills;
    const cpu = options.cpu ?? 0;
    this.mmuAtStart = kernel.translationCounts(cpu);
    // What succeeded when it was recorded must not fail for the size of this machine.
    kernel.sys.vmCommit.overcommitMemory = OVERCOMMIT_ALWAYS;
    this.task = kernel.spawn(programName(metadata.command), cpu);
    this.tasks = new ReplayTasks(kernel, this.task);
    this.verifier = options.verify === true ? new ContentsVerifier(kernel, this.task, this.files) : null;
    this.task.mm.space.startBrk = metadata.startBrk;
    this.task.mm.space.brkAddress = metadata.startBrk;
    for (const region of metadata.initialRegions) {
      this.checkPage(region.startVpn + region.nrPages - 1);
      this.mapInitial(region);
    }
    source.rewind();
  }

  /** Runs of the whole trace: with nrRunsDone, how far it got. */
  get nrRunsTotal(): number {
    return this.source.metadata.counts.nrRuns;
  }

  /** Replays one block of the trace. Returns false when the program has ended. */
  step(): boolean {
    if (this.hasEnded) return false;
    const block = this.source.next();
    if (block === null) {
      this.hasEnded = true;
    } else if (block.kind === "syscall") {
      this.checkSyscall(block.event);
      this.syscall(block.event);
    } else if (this.verifier === null) {
      this.checkRuns(block.words, block.nrRuns);
      this.signal = this.kernel.accessRuns(this.task, block.words, block.nrRuns);
      this.nrRunsDone += block.nrRuns;
    } else {
      this.checkRuns(block.words, block.nrRuns);
      this.verifiedRuns(block.words, block.nrRuns);
    }
    if (this.signal !== null || this.isOver()) this.hasEnded = true;
    return !this.hasEnded;
  }

  /** Was the program killed, with nobody left whose calls the recording may have? */
  private isOver(): boolean {
    return this.task.hasExited && this.tasks.all.every(({ hasExited }) => hasExited);
  }

  /** Replays the rest. */
  runToEnd(): ReplayResult {
    while (this.step());
    return this.result();
  }

  /** What happened so far. */
  result(): ReplayResult {
    const { kernel, task } = this;
    const { sys } = kernel;
    const vmstat = kernel.proc.vmstat();
    VM_EVENT_NAMES.forEach((name, event) => (vmstat[name] -= this.eventsAtStart[event]));
    const [accesses, splitAccesses, l1Hits, l2Hits, walks] = kernel
      .translationCounts(task.cpu)
      .map((count, at) => count - this.mmuAtStart[at]);
    return {
      accesses,
      splitAccesses,
      tlb: { l1Hits, l2Hits, walks },
      vmstat,
      pageCache: since(pageCacheCounts(sys), this.cacheAtStart),
      disks: sys.disks.map((disk, at) => since(diskCounts(disk), this.disksAtStart[at])),
      oomKills: sys.nrOomKills - this.oomKillsAtStart,
      peakRssPages: task.mm.peakRss,
      minorFaults: this.tasks.all.reduce((sum, { nrMinorFaults }) => sum + nrMinorFaults, 0),
      majorFaults: this.tasks.all.reduce((sum, { nrMajorFaults }) => sum + nrMajorFaults, 0),
      timeNs: Object.fromEntries(
        CAUSE_NAMES.map((name, cause) => [name, sys.time.spentNs[cause] - this.spentAtStart[cause]]),
      ),
      killedBy: this.signal ?? task.killedBy,
      failedSyscalls: this.failed,
    };
  }

  private mapInitial(region: InitialRegion): void {
    const { space } = this.task.mm;
    if (region.kind === "stack") {
      this.expect("stack", space.setupStack(region.startVpn + region.nrPages, region.nrPages));
      return;
    }
    const isFile = region.fileId >= 0;
    const file = isFile ? this.fileFor(this.task, region.fileId, false) : -1;
    if (isFile && file < 0) {
      this.expect("open", file);
      return;
    }
    const result = this.kernel.mmap(
      this.task,
      region.startVpn * PAGE_SIZE,
      region.nrPages * PAGE_SIZE,
      region.prot,
      MAP_PRIVATE | MAP_FIXED | (isFile ? 0 : MAP_ANONYMOUS),
      file,
      region.filePgoff * PAGE_SIZE,
    );
    this.expect("mmap", result);
  }

  /**
   * Throws EINVAL when the trace uses a page that programs of this machine cannot have for being narrower than those of x86-64.
   * Elsewhere mappings fail as they do in Linux, and accesses raise signals.
   */
  private checkPage(vpn: Vpn): void {
    const { taskSizeVpn } = this.task.mm.space;
    if (vpn < taskSizeVpn || taskSizeVpn >= TASK_SIZE_VPN) return;
    throw new KernelError(
      EINVAL,
      `the trace uses address 0x${(vpn * PAGE_SIZE).toString(16)}, and programs end at ` +
        `0x${(taskSizeVpn * PAGE_SIZE).toString(16)} with page table "${this.kernel.sys.config.seats.pageTable}"; ` +
        "radix4 would work",
    );
  }

  /** Checks where a system call of the recording has put something. */
  private checkSyscall(event: SyscallEvent): void {
    const { name } = event;
    if (name !== "mmap" && name !== "mremap" && name !== "brk") return;
    const nrBytes = name === "mmap" ? event.lengthBytes : name === "mremap" ? event.newLengthBytes : 0;
    this.checkPage(vpnOfAddress(event.result) + Math.max(0, pagesOfBytes(nrBytes) - 1));
  }

  /** Checks the pages of accesses. */
  private checkRuns(words: Int32Array, nrRuns: number): void {
    if (this.task.mm.space.taskSizeVpn >= TASK_SIZE_VPN) return;
    for (let run = 0; run < nrRuns; run++)
      this.checkPage(vpnOf(words[2 * run], runVpnHi(words[2 * run + 1])));
  }

  private syscall(event: SyscallEvent): void {
    const { kernel } = this;
    const task = this.tasks.taskOf(event.tid);
    if (task === null) return;
    switch (event.name) {
      case "mmap":
        this.mmap(task, event);
        break;
      case "munmap":
        this.forget(task, event.address, event.lengthBytes);
        this.expect("munmap", kernel.munmap(task, event.address, event.lengthBytes));
        break;
      case "mprotect":
        this.expect("mprotect", kernel.mprotect(task, event.address, event.lengthBytes, event.prot));
        break;
      case "brk":
        this.brk(task, event.address, event.result);
        break;
      case "mremap":
        this.mremap(task, event);
        break;
      case "madvise":
        if (DISCARDING_ADVICE.has(event.advice)) this.forget(task, event.address, event.lengthBytes);
        kernel.madvise(task, event.address, event.lengthBytes, event.advice);
        break;
      case "msync":
        this.expect("msync", kernel.msync(task, event.address, event.lengthBytes, event.flags));
        break;
      case "exit_group":
        if (!this.tasks.exitGroup(event.tid, event.status)) this.hasEnded = true;
        break;
      case "clone":
        this.expect("clone", this.tasks.clone(task, event));
        break;
      case "sync":
        kernel.sync(task);
        break;
      default:
        this.fileCall(task, event);
    }
  }

  private fileCall(task: Task, event: NamedFileEvent): void {
    if (this.files === null) return;
    this.expect(event.name, this.files.call(task, event));
    if (event.name === "truncate") this.verifier?.truncated(event.fileId, event.lengthBytes);
    if (event.name === "execve") {
      if (task.mm === this.task.mm) this.verifier?.forgetAll();
      this.expect("execve", this.tasks.exec(task));
    }
  }

  private mmap(task: Task, event: MmapEvent): void {
    const { prot } = event;
    const isFile = event.fileId >= 0 && (event.flags & MAP_ANONYMOUS) === 0;
    const kept = event.flags & ~(MAP_FIXED_NOREPLACE | MAP_HUGETLB);
    const flags = kept | MAP_FIXED | (isFile ? 0 : MAP_ANONYMOUS);
    this.forget(task, event.result, event.lengthBytes);
    const isSharedWrite = (flags & (MAP_SHARED | MAP_PRIVATE)) !== MAP_PRIVATE && (prot & PROT_WRITE) !== 0;
    const file = isFile ? this.fileFor(task, event.fileId, isSharedWrite) : -1;
    const offset = isFile ? event.offsetBytes : 0;
    this.expect(
      "mmap",
      isFile && file < 0
        ? file
        : this.kernel.mmap(task, event.result, event.lengthBytes, prot, flags, file, offset),
    );
  }

  private fileFor(task: Task, fileId: number, isWrite: boolean): number {
    return this.files?.descriptorOf(task, fileId, isWrite) ?? -ENOENT;
  }

  private brk(task: Task, address: number, result: number): void {
    const { space } = task.mm;
    // A program that was executed during the recording first asks where its heap begins.
    if (space.startBrk === 0) {
      space.startBrk = address === 0 ? result : Math.min(address, result);
      space.brkAddress = space.startBrk;
    }
    if (result < space.brkAddress) this.forget(task, result, space.brkAddress - result);
    if (address !== 0) this.expect("brk", this.kernel.brk(task, result) === result ? 0 : -ENOMEM);
  }

  /** Grows, shrinks or moves a mapping to where the recording found it. */
  private mremap(task: Task, event: MremapEvent): void {
    const { address, oldLengthBytes, newLengthBytes, result } = event;
    if (task.mm === this.task.mm) {
      this.verifier?.move(
        vpnOfAddress(address),
        vpnOfAddress(result),
        pagesOfBytes(Math.min(oldLengthBytes, newLengthBytes)),
      );
    }
    const flags = result === address ? 0 : MREMAP_MAYMOVE | MREMAP_FIXED;
    this.expect("mremap", this.kernel.mremap(task, address, oldLengthBytes, newLengthBytes, flags, result));
  }

  /** Run by run: the page is accessed, then its bytes are written or checked. */
  private verifiedRuns(words: Int32Array, nrRuns: number): void {
    const verifier = this.verifier ?? bug("verified replay without a verifier");
    for (let run = 0; run < nrRuns; run++) {
      const pair = words.subarray(2 * run, 2 * run + 2);
      const nrFaults = this.task.nrMinorFaults + this.task.nrMajorFaults;
      this.signal = this.kernel.accessRuns(this.task, pair, 1, true);
      if (this.signal !== null) return;
      const vpn: Vpn = vpnOf(pair[0], runVpnHi(pair[1]));
      if (runKind(pair[1]) === RUN_WRITE) verifier.wrote(vpn);
      else verifier.read(vpn);
      // Daemons run after a fault, as they do when runs are not verified.
      if (this.task.nrMinorFaults + this.task.nrMajorFaults !== nrFaults) this.kernel.runDaemons();
      if (this.task.hasExited) return;
      this.nrRunsDone++;
    }
  }

  private forget(task: Task, address: number, lengthBytes: number): void {
    if (task.mm === this.task.mm) this.verifier?.forget(vpnOfAddress(address), pagesOfBytes(lengthBytes));
  }

  private expect(name: string, result: number): void {
    if (result < 0) this.failed.push(`${name}: ${new KernelError(result, "").code}`);
  }
}

function pageCacheCounts({ nrCacheHits, nrCacheMisses, readahead, vmstat }: System): PageCacheCounts {
  return {
    hits: nrCacheHits,
    misses: nrCacheMisses,
    readAhead: readahead.nrAhead,
    readAheadHits: readahead.nrAheadHits,
    readAheadWasted: readahead.nrAheadWasted,
    writtenBack: vmstat.globalNode(NR_WRITTEN),
  };
}

function diskCounts({ name, device }: Disk): DiskCounts {
  const { stats } = device;
  return {
    name,
    reads: stats.nrReads,
    readMerges: stats.nrReadMerges,
    readBytes: stats.nrSectorsRead * SECTOR_SIZE,
    writes: stats.nrWrites,
    writeMerges: stats.nrWriteMerges,
    writtenBytes: stats.nrSectorsWritten * SECTOR_SIZE,
    flushes: stats.nrFlushes,
    busyNs: stats.busyNs,
  };
}

/** Numbers less what they were at the start; all else as it is. */
function since<Counts extends object>(now: Counts, atStart: Counts): Counts {
  const before = atStart as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(now).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === "number" ? value - Number(before[name]) : value,
    ]),
  ) as Counts;
}

/** Program of a command line, without its folder. */
function programName(command: string): string {
  const program = command.split(" ", 1)[0];
  return program.slice(program.lastIndexOf("/") + 1);
}
