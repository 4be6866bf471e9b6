/**
 * A machine that runs: the one object that users of the package hold. Everything is a short way to the functions beside;
 * `sys` is open to whoever wants to look or to build on it. System calls are inherited, by subject: processes
 * (syscalls/process-calls.ts), files (file-calls.ts), memory (memory-calls.ts). Here are accesses, what the kernel itself
 * does with memory, and looking at the machine.
 */
import {
  bug,
  type CpuId,
  EFAULT,
  KernelError,
  NO_ENTRY,
  PAGE_SHIFT,
  PAGE_SIZE,
  type Pfn,
  pteIsPresent,
  leafPfn,
  PT_LEVEL_PTE,
  RUN_EXEC,
  RUN_KIND_MASK,
  RUN_KIND_SHIFT,
  RUN_READ,
  RUN_VPN_HI_MASK,
  RUN_WRITE,
  SEGV_MAPERR,
  SI_KERNEL,
  SIGKILL,
  SIGSEGV,
  TLB_EVENT_NAMES,
  type Vaddr,
  type Vpn,
  vpnHi,
  vpnLo,
  vpnOfAddress,
} from "@pageframe/contracts";
import { type IsolationStats } from "@pageframe/mmu";
import { canonicalVpn, NOT_CANONICAL } from "./kernel-space/kernel-layout.ts";
import { exitTask, switchTo } from "./mm/lifecycle.ts";
import { mapVdso } from "./mm/special-mappings.ts";
import { emulateVsyscall, isVsyscallFetch } from "./mm/vsyscall.ts";
import { type AccessExplanation, explainAccess } from "./pages/explain-access.ts";
import { getUserPages, pinUserPages, putUserPages, unpinUserPages } from "./pages/gup.ts";
import { runDaemons } from "./pages/pressure.ts";
import { clearUser, copyFromUser, copyToUser, strncpyFromUser, type UserPointer } from "./pages/uaccess.ts";
import { availablePages } from "./proc/machine.ts";
import { Proc } from "./proc/proc.ts";
import { auditSystem } from "./state/audit.ts";
import { cloneGraph, restoreSnapshot, type Snapshot, stateDigest, takeSnapshot } from "./state/snapshot.ts";
import { type Task, type TaskSignal } from "./task.ts";
import { enterKernelMode, exitToUserMode } from "./tlb/kpti.ts";
import { faultAndWait } from "./uffd/wait.ts";
import { living } from "./kernel-core.ts";
import { MemoryCalls } from "./syscalls/memory-calls.ts";

/** Faults that one access may take before the kernel is considered broken. */
const MAX_FAULTS_PER_ACCESS = 16;

/** A booted machine. Make one with bootKernel(). */
export class Kernel extends MemoryCalls {
  /** Accesses a page as a user instruction would (RUN_READ, RUN_WRITE, RUN_EXEC). Null, or the signal that it raises. */
  access(task: Task, vpn: Vpn, kind: number): TaskSignal | null {
    const signal = this.accessByte(task, vpn, 0, kind);
    runDaemons(this.sys);
    return signal;
  }

  /**
   * Runs packed access runs [0, nrRuns) of a task (access-run.ts in contracts). Returns null when all were done, or the
   * signal that ended it. Daemons that a fault woke run after it, or when the caller calls runDaemons(): then the page of
   * the last run is still in memory on return. Hot: per run.
   */
  accessRuns(task: Task, words: Int32Array, nrRuns: number, areDaemonsDeferred = false): TaskSignal | null {
    const { sys } = this;
    switchTo(sys, task.cpu, living(task));
    const { mmu } = sys.cpus[task.cpu];
    const before = mmu.stats;
    let signal: TaskSignal | null = null;
    let run = mmu.accessRuns(words, 0, nrRuns);
    while (run < nrRuns) {
      const word1 = words[2 * run + 1];
      const kind = (word1 >>> RUN_KIND_SHIFT) & RUN_KIND_MASK;
      signal = this.faultUntilDone(task, words[2 * run], word1 & RUN_VPN_HI_MASK, kind);
      if (!areDaemonsDeferred) runDaemons(sys);
      if (signal !== null || task.hasExited) break;
      run = mmu.accessRuns(words, run + 1, nrRuns);
    }
    this.spendOnTranslation(before, mmu.stats);
    return signal;
  }

  /**
   * Reads one byte at an address, a bigint when it has all 64 bits: the byte, or the signal. Zero for all addresses when RAM
   * has no bytes.
   */
  read(task: Task, address: Vaddr | bigint): number | TaskSignal {
    const { vpn, offset } = this.locate(address);
    const signal = this.accessByte(task, vpn, offset, RUN_READ);
    const byte = signal ?? this.sys.contents.readByte(this.frameOf(task, vpn), offset);
    runDaemons(this.sys);
    return byte;
  }

  /** Writes one byte at an address. Null, or the signal. */
  write(task: Task, address: Vaddr | bigint, value: number): TaskSignal | null {
    const { vpn, offset } = this.locate(address);
    const signal = this.accessByte(task, vpn, offset, RUN_WRITE);
    if (signal === null) this.sys.contents.writeByte(this.frameOf(task, vpn), offset, value);
    runDaemons(this.sys);
    return signal;
  }

  /**
   * copy_from_user(): fills `to` from a program's memory. Returns the bytes that were not copied; those of `to` are zero.
   * A fault on the way counts as the program's own; a bad address ends the copy and raises no signal.
   */
  copyFromUser(task: Task, to: Uint8Array, from: UserPointer): number {
    return this.inKernel(task, () => copyFromUser(this.sys, task, to, from));
  }

  /** copy_to_user(): writes `from` to a program's memory. Returns the bytes that were not copied. */
  copyToUser(task: Task, to: UserPointer, from: Uint8Array): number {
    return this.inKernel(task, () => copyToUser(this.sys, task, to, from));
  }

  /** clear_user(): zeroes a program's memory. Returns the bytes that were not zeroed. */
  clearUser(task: Task, to: UserPointer, nrBytes: number): number {
    return this.inKernel(task, () => clearUser(this.sys, task, to, nrBytes));
  }

  /** strncpy_from_user(): the length of the string without its zero, `to.length` when there is none, or -EFAULT. */
  strncpyFromUser(task: Task, to: Uint8Array, from: UserPointer): number {
    return this.inKernel(task, () => strncpyFromUser(this.sys, task, to, from));
  }

  /**
   * get_user_pages(): takes a reference on the pages from an address on, faulting them in; FOLL_WRITE breaks
   * copy-on-write. Returns frames, fewer than asked for at the end of what is mapped, or -errno without any.
   */
  getUserPages(task: Task, address: Vaddr, nrPages: number, gupFlags = 0): Pfn[] | number {
    return this.inKernel(task, () => getUserPages(this.sys, task, address, nrPages, gupFlags));
  }

  /** put_page() of what getUserPages() returned. */
  putUserPages(pfns: readonly Pfn[]): void {
    putUserPages(this.sys, pfns);
  }

  /**
   * pin_user_pages(): as getUserPages(), for a device that reads or (FOLL_WRITE) writes the frames. They stay the task's
   * pages, through fork and reclaim, until unpinUserPages().
   */
  pinUserPages(task: Task, address: Vaddr, nrPages: number, gupFlags = 0): Pfn[] | number {
    return this.inKernel(task, () => pinUserPages(this.sys, task, address, nrPages, gupFlags));
  }

  /** unpin_user_pages(), or unpin_user_pages_dirty_lock() when the device wrote. */
  unpinUserPages(pfns: readonly Pfn[], isDirty = false): void {
    unpinUserPages(this.sys, pfns, isDirty);
  }

  /** Fetches an instruction at an address. Null, or the signal. */
  exec(task: Task, address: Vaddr | bigint): TaskSignal | null {
    const { vpn, offset } = this.locate(address);
    const signal = this.accessByte(task, vpn, offset, RUN_EXEC);
    runDaemons(this.sys);
    return signal;
  }

  /** Maps [vvar], [vvar_vclock] and [vdso], as execve does before a program starts. The vdso's address, or -ENOMEM. */
  mapVdso(task: Task): Vaddr {
    return this.inKernel(task, () => mapVdso(this.sys, task.mm));
  }

  /** vmalloc(): memory of the kernel's own. Its address, or 0 when there is none. */
  vmalloc(nrBytes: number): Vaddr {
    const address = this.sys.vmalloc.alloc(nrBytes);
    runDaemons(this.sys);
    return address;
  }

  /** vfree(). Throws EINVAL for an address that vmalloc() did not give. */
  vfree(address: Vaddr): void {
    this.sys.vmalloc.free(address);
  }

  /** Accesses, split accesses, and first-level hits, second-level hits and walks of accesses, on a CPU since boot. */
  translationCounts(cpu: CpuId): [number, number, number, number, number] {
    const stats = this.sys.cpus[cpu].mmu.stats;
    const nrSplits = stats.splitL1Hits + stats.splitL2Hits + stats.splitWalks;
    return [stats.accesses, nrSplits, stats.l1Hits, stats.l2Hits, stats.walks];
  }

  /** Counters of flushes by Linux's name, of one CPU or all (NR_TLB_*, with CONFIG_DEBUG_TLBFLUSH in /proc/vmstat). */
  tlbFlushCounts(cpu?: CpuId): Record<string, number> {
    const cpus = cpu === undefined ? this.sys.cpus : [this.sys.cpus[cpu]];
    return Object.fromEntries(
      TLB_EVENT_NAMES.map((name, event) => [
        name,
        cpus.reduce((sum, { tlbEvents }) => sum + tlbEvents[event], 0),
      ]),
    );
  }

  /** Entries, exits and CR3 writes of a CPU under page-table isolation since boot; null without. */
  isolationStats(cpu: CpuId): IsolationStats | null {
    this.checkCpu(cpu);
    return this.sys.cpus[cpu].isolation?.stats ?? null;
  }

  /** Pages that programs can still take without swapping (MemAvailable). */
  availablePages(): number {
    return Math.max(0, availablePages(this.sys));
  }

  /** The files of /proc: of tasks, and of the machine. */
  get proc(): Proc {
    return new Proc(this.sys);
  }

  /** Says how a task's access to a page would be translated now, and why (RUN_READ, RUN_WRITE, RUN_EXEC). Counts nothing. */
  explain(task: Task, vpn: Vpn, kind: number): AccessExplanation {
    switchTo(this.sys, task.cpu, living(task));
    return explainAccess(this.sys, task, vpn, kind);
  }

  /** Virtual nanoseconds since boot. */
  get nowNs(): number {
    return this.sys.time.nowNs;
  }

  /** Checks every invariant; throws KernelBug at the first that does not hold. O(frames + mappings). */
  audit(): void {
    auditSystem(this.sys);
  }

  /** Copies the whole state out. */
  snapshot(): Snapshot {
    return takeSnapshot(this);
  }

  /** Goes back to a state that snapshot() of this kernel gave. */
  restore(snapshot: Snapshot): void {
    restoreSnapshot(snapshot);
  }

  /** Makes a second machine in the same state, which goes its own way. State outside (a swap file) is shared: give it none. */
  clone(): Kernel {
    return cloneGraph<Kernel>(this, undefined, this.sys.contents.arena);
  }

  /** A number that is equal for equal states. O(state). */
  digest(): number {
    return stateDigest(this);
  }

  /** Runs what faults and system calls have woken: kswapd, the end of killed tasks. Most methods do so themselves. */
  runDaemons(): void {
    runDaemons(this.sys);
  }

  /** Page and byte of an address; NOT_CANONICAL when there is no such page. */
  private locate(address: Vaddr | bigint): { vpn: Vpn; offset: number } {
    if (typeof address === "number") return { vpn: vpnOfAddress(address), offset: address % PAGE_SIZE };
    const vpn = canonicalVpn(address, this.sys.kernelHalf.layout.nrLevels);
    return { vpn, offset: Number(BigInt.asUintN(PAGE_SHIFT, address)) };
  }

  /** One access by its address; daemons are the caller's. */
  private accessByte(task: Task, vpn: Vpn, offset: number, kind: number): TaskSignal | null {
    if (vpn !== NOT_CANONICAL && vpn < this.sys.kernelHalf.layout.limitVpn) {
      return this.accessPage(task, vpn, kind, offset);
    }
    // #GP, which tells no address (exc_general_protection, gp_user_force_sig_segv).
    this.enter(task);
    exitToUserMode(this.sys, this.sys.cpus[task.cpu]);
    // RISC-V has a page fault there like anywhere else.
    const code = this.sys.kernelHalf.layout.isRiscv ? SEGV_MAPERR : SI_KERNEL;
    return { signal: SIGSEGV, code, vpn: 0 };
  }

  /** One access; daemons are the caller's. */
  private accessPage(task: Task, vpn: Vpn, kind: number, offset = 0): TaskSignal | null {
    switchTo(this.sys, task.cpu, living(task));
    const { mmu } = this.sys.cpus[task.cpu];
    const before = mmu.stats;
    const pfn = mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, true);
    const signal = pfn >= 0 ? null : this.faultUntilDone(task, vpnLo(vpn), vpnHi(vpn), kind, offset);
    this.spendOnTranslation(before, mmu.stats);
    return signal;
  }

  /** Handles faults of one access until it works; the task has exited when SIGKILL comes back. */
  private faultUntilDone(task: Task, lo: number, hi: number, kind: number, offset = 0): TaskSignal | null {
    const { sys } = this;
    const cpu = sys.cpus[task.cpu];
    const { mmu } = cpu;
    for (let nrFaults = 0; nrFaults < MAX_FAULTS_PER_ACCESS; nrFaults++) {
      enterKernelMode(sys, cpu);
      const isVsyscall = isVsyscallFetch(sys, mmu.faultVpn, mmu.faultCode);
      const signal = isVsyscall
        ? emulateVsyscall(sys, offset)
        : faultAndWait(sys, task, mmu.faultVpn, mmu.faultCode, offset);
      if (signal !== null && signal.signal === SIGKILL) exitTask(sys, task);
      exitToUserMode(sys, cpu);
      if (signal !== null || isVsyscall) return signal;
      if (mmu.retranslate(lo, hi, kind, true) >= 0) return null;
    }
    return bug(`task ${task.pid} faults on vpn 0x${mmu.faultVpn.toString(16)} for ever`);
  }

  private frameOf(task: Task, vpn: Vpn): Pfn {
    const entry = task.mm.pageTable.findEntry(vpn);
    const { pageTable } = task.mm;
    if (entry === NO_ENTRY || !pteIsPresent(pageTable.entryLo(entry))) {
      throw new KernelError(EFAULT, `page 0x${vpn.toString(16)} of task ${task.pid} is not in memory`);
    }
    return leafPfn(pageTable.entryLo(entry), pageTable.entryHi(entry), PT_LEVEL_PTE);
  }
}
