/**
 * Replays a program's memory trace on a kernel: its mappings, its system calls, its accesses.
 *
 * Mappings land at the recorded addresses (MAP_FIXED), and vm.overcommit_memory becomes 1: a call that succeeded when it
 * was recorded is not refused for the size of this machine. With `verify`, every written page is stamped and every page
 * read is checked against what was written, through copies, swap and files.
 */
import {
  bug,
  CLONE_THREAD,
  type CpuId,
  EINVAL,
  KernelError,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_HUGETLB,
  MAP_PRIVATE,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_REMOVE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  pagesOfBytes,
  RUN_WRITE,
  runKind,
  runVpnHi,
  TASK_SIZE_VPN,
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
import { type Kernel } from "../kernel.ts";
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
  /** CPU that the program runs on; default 0. */
  readonly cpu?: CpuId;
  /** Stamps and checks contents; the kernel's contents must not be `none`. Default false. */
  readonly verify?: boolean;
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
  /** Ids of the trace's files on this kernel. */
  private readonly fileIds: number[];
  private readonly eventsAtStart: Float64Array;
  private readonly spentAtStart: Float64Array;
  private readonly oomKillsAtStart: number;
  private readonly mmuAtStart: readonly number[];
  private readonly failed: string[] = [];
  /** Threads of other processes than the first: their calls are left out. */
  private readonly otherTids = new Set<number>();
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
    this.eventsAtStart = kernel.sys.vmstat.events.slice();
    this.spentAtStart = kernel.sys.time.spentNs.slice();
    this.oomKillsAtStart = kernel.sys.nrOomKills;
    const cpu = options.cpu ?? 0;
    this.mmuAtStart = kernel.translationCounts(cpu);
    // What succeeded when it was recorded must not fail for the size of this machine.
    kernel.sys.vmCommit.overcommitMemory = OVERCOMMIT_ALWAYS;
    this.task = kernel.spawn(programName(metadata.command), cpu);
    this.verifier = options.verify === true ? new ContentsVerifier(kernel, this.task) : null;
    this.fileIds = metadata.files.map((file) => kernel.openFile(file.name));
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
    if (this.signal !== null || this.task.hasExited) this.hasEnded = true;
    return !this.hasEnded;
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
      oomKills: sys.nrOomKills - this.oomKillsAtStart,
      peakRssPages: task.mm.peakRss,
      minorFaults: task.nrMinorFaults,
      majorFaults: task.nrMajorFaults,
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
    const result = this.kernel.mmap(
      this.task,
      region.startVpn * PAGE_SIZE,
      region.nrPages * PAGE_SIZE,
      region.prot,
      MAP_PRIVATE | MAP_FIXED | (isFile ? 0 : MAP_ANONYMOUS),
      isFile ? this.fileIds[region.fileId] : -1,
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
    const { kernel, task } = this;
    if (this.otherTids.has(event.tid)) {
      if (event.name === "clone") this.otherTids.add(event.childTid);
      return;
    }
    switch (event.name) {
      case "mmap": {
        const isFile = event.fileId >= 0 && (event.flags & MAP_ANONYMOUS) === 0;
        const kept = event.flags & ~(MAP_FIXED_NOREPLACE | MAP_HUGETLB);
        const flags = kept | MAP_FIXED | (isFile ? 0 : MAP_ANONYMOUS);
        this.forget(event.result, event.lengthBytes);
        const fileId = isFile ? this.fileIds[event.fileId] : -1;
        const offset = isFile ? event.offsetBytes : 0;
        this.expect(
          "mmap",
          kernel.mmap(task, event.result, event.lengthBytes, event.prot, flags, fileId, offset),
        );
        break;
      }
      case "munmap":
        this.forget(event.address, event.lengthBytes);
        this.expect("munmap", kernel.munmap(task, event.address, event.lengthBytes));
        break;
      case "mprotect":
        this.expect("mprotect", kernel.mprotect(task, event.address, event.lengthBytes, event.prot));
        break;
      case "brk": {
        const { brkAddress } = task.mm.space;
        if (event.result < brkAddress) this.forget(event.result, brkAddress - event.result);
        if (event.address !== 0)
          this.expect("brk", kernel.brk(task, event.result) === event.result ? 0 : -12);
        break;
      }
      case "mremap":
        this.mremap(event.address, event.oldLengthBytes, event.newLengthBytes, event.result);
        break;
      case "madvise":
        if (DISCARDING_ADVICE.has(event.advice)) this.forget(event.address, event.lengthBytes);
        kernel.madvise(task, event.address, event.lengthBytes, event.advice);
        break;
      case "exit_group":
        this.hasEnded = true;
        break;
      case "clone":
        if ((event.flags & CLONE_THREAD) === 0) this.otherTids.add(event.childTid);
        break;
      default:
        // Calls on files.
        break;
    }
  }

  /** Grows, shrinks or moves a mapping to where the recording found it. */
  private mremap(address: number, oldBytes: number, newBytes: number, result: number): void {
    this.verifier?.move(
      vpnOfAddress(address),
      vpnOfAddress(result),
      pagesOfBytes(Math.min(oldBytes, newBytes)),
    );
    const flags = result === address ? 0 : MREMAP_MAYMOVE | MREMAP_FIXED;
    this.expect("mremap", this.kernel.mremap(this.task, address, oldBytes, newBytes, flags, result));
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

  private forget(address: number, lengthBytes: number): void {
    this.verifier?.forget(vpnOfAddress(address), pagesOfBytes(lengthBytes));
  }

  private expect(name: string, result: number): void {
    if (result < 0) this.failed.push(`${name}: ${new KernelError(result, "").code}`);
  }
}

/** Program of a command line, without its folder. */
function programName(command: string): string {
  const program = command.split(" ", 1)[0];
  return program.slice(program.lastIndexOf("/") + 1);
}
