/**
 * A machine that runs: the one object that users of the package hold. Everything here is a short way to the functions
 * beside; `sys` is open to whoever wants to look or to build on it.
 */
import {
  bug,
  type CpuId,
  EBADF,
  EBUSY,
  EFAULT,
  EINTR,
  EINVAL,
  ESRCH,
  KernelError,
  NO_ENTRY,
  O_CREAT,
  O_RDWR,
  OOM_SCORE_ADJ_MAX,
  OOM_SCORE_ADJ_MIN,
  PAGE_SHIFT,
  PAGE_SIZE,
  pagesOfBytes,
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
  TP_OOM_SCORE_ADJ_UPDATE,
  type Vaddr,
  type Vpn,
  vpnHi,
  vpnLo,
  vpnOfAddress,
} from "@pageframe/contracts";
import { type IsolationStats, type MmuStats } from "@pageframe/mmu";
import { auditSystem } from "./state/audit.ts";
import { type AccessExplanation, explainAccess } from "./pages/explain-access.ts";
import { getUserPages, pinUserPages, putUserPages, unpinUserPages } from "./pages/gup.ts";
import { canonicalVpn, NOT_CANONICAL } from "./kernel-space/kernel-layout.ts";
import { enterKernelMode, exitToUserMode } from "./tlb/kpti.ts";
import {
  cloneThread,
  createTask,
  exitTask,
  forkTask,
  goIdle,
  switchTo,
  vforkTask,
  type WaitResult,
  waitForChild,
} from "./mm/lifecycle.ts";
import { runDaemons } from "./pages/pressure.ts";
import { cloneGraph, restoreSnapshot, type Snapshot, stateDigest, takeSnapshot } from "./state/snapshot.ts";
import { mapVdso } from "./mm/special-mappings.ts";
import {
  sysAddSeals,
  sysClose,
  sysFadvise,
  sysFallocate,
  sysFsync,
  sysFtruncate,
  sysGetSeals,
  sysMemfdCreate,
  sysOpenTmpfs,
  sysPread,
  sysPwrite,
  sysUnlinkTmpfs,
} from "./syscalls/files.ts";
import { sysMadvise } from "./syscalls/madvise.ts";
import { sysMlock, sysMlock2, sysMlockall, sysMunlock, sysMunlockall } from "./syscalls/mlock.ts";
import { populateGrowth, populateMapping } from "./syscalls/mm-populate.ts";
import { sysMincore } from "./syscalls/mincore.ts";
import { sysMprotect } from "./syscalls/mprotect.ts";
import { sysSetresuid } from "./syscalls/credentials.ts";
import { type ExecLayout, sysExecve } from "./syscalls/execve.ts";
import { sysPrctl } from "./syscalls/prctl.ts";
import { type Rlimit, sysGetrlimit, sysPrlimit } from "./syscalls/prlimit.ts";
import { readSysctl, writeSysctl } from "./sysctl.ts";
import { sysMseal } from "./syscalls/mseal.ts";
import { sysMsync } from "./syscalls/msync.ts";
import { type AdvisedRange, sysProcessMadvise } from "./syscalls/process-madvise.ts";
import { type System } from "./system.ts";
import { type Task, type TaskSignal } from "./task.ts";
import { CAUSE_ACCESS, CAUSE_SYSCALL, CAUSE_TLB_L2, CAUSE_WALK } from "./time.ts";
import { sysMmap } from "./syscalls/mmap.ts";
import {
  sysUffdClose,
  sysUffdIoctl,
  sysUffdRead,
  sysUserfaultfd,
  type UffdioArgs,
} from "./syscalls/userfaultfd.ts";
import { type UffdMsg, type UserfaultMonitor } from "./uffd/context.ts";
import { faultAndWait, tellMonitors } from "./uffd/wait.ts";
import { type ShmidDs, shmStat, sysShmat, sysShmctl, sysShmdt, sysShmget } from "./syscalls/shm.ts";
import { clearUser, copyFromUser, copyToUser, strncpyFromUser, type UserPointer } from "./pages/uaccess.ts";
import { availablePages } from "./proc/machine.ts";
import { Proc } from "./proc/proc.ts";
import { emulateVsyscall, isVsyscallFetch } from "./mm/vsyscall.ts";

/** Faults that one access may take before the kernel is considered broken. */
const MAX_FAULTS_PER_ACCESS = 16;

/** A booted machine. Make one with bootKernel(). */
export class Kernel {
  readonly sys: System;

  constructor(sys: System) {
    this.sys = sys;
  }

  /** Makes a task with an empty address space on a CPU. Throws ENOMEM. */
  spawn(name: string, cpu: CpuId = 0): Task {
    this.checkCpu(cpu);
    return this.taskOrThrow(createTask(this.sys, name, cpu), `task "${name}"`);
  }

  /** fork(2). Throws ENOMEM, or EINTR when the parent was killed meanwhile; nothing is left behind then. */
  fork(parent: Task): Task {
    this.enter(parent);
    this.sys.time.spend(CAUSE_SYSCALL, 1);
    const child = forkTask(this.sys, parent);
    this.leave();
    return this.taskOrThrow(child, `fork of task ${parent.pid}`);
  }

  /**
   * vfork(2): a child in the parent's address space. The parent stands still, and calls for it throw EBUSY, until the child
   * exits or executes a program. Throws ENOMEM or EINTR as fork() does.
   */
  vfork(parent: Task): Task {
    this.enter(parent);
    this.sys.time.spend(CAUSE_SYSCALL, 1);
    const child = vforkTask(this.sys, parent);
    this.leave();
    return this.taskOrThrow(child, `vfork of task ${parent.pid}`);
  }

  /**
   * clone(2) with CLONE_VM | CLONE_THREAD: a task of its own in the address space of another. Throws ENOMEM or EINTR as
   * fork() does.
   */
  thread(leader: Task, cpu: CpuId = leader.cpu): Task {
    this.checkCpu(cpu);
    this.enter(leader);
    this.sys.time.spend(CAUSE_SYSCALL, 1);
    const thread = cloneThread(this.sys, leader, cpu);
    this.leave();
    return this.taskOrThrow(thread, `thread of task ${leader.pid}`);
  }

  /** Lets a CPU idle. It keeps what it has loaded, lazily, until a task runs there again. */
  idle(cpu: CpuId): void {
    this.checkCpu(cpu);
    goIdle(this.sys, this.sys.cpus[cpu]);
  }

  /** _exit(2) of one task with an exit code of 0 to 255; the memory goes with the last that uses it. */
  exit(task: Task, exitCode = 0): void {
    exitTask(this.sys, task, (exitCode & 0xff) << 8);
    runDaemons(this.sys);
  }

  /** Ends a task by a signal that it does not handle. */
  kill(task: Task, signal: number = SIGKILL): void {
    exitTask(this.sys, task, signal);
    runDaemons(this.sys);
  }

  /** wait(2): reaps a child that has ended. Returns 0 while all children run still, -ECHILD without children. */
  wait(task: Task): WaitResult | number {
    this.enter(task);
    const result = waitForChild(this.sys, task);
    this.afterSyscall(0);
    return result;
  }

  /**
   * execve(2): runs another program in place of the one that runs; its layout is random by the machine's seed, unless
   * kernel.randomize_va_space or the task's personality says no. 0 or -errno.
   */
  execve(task: Task, layout: ExecLayout): number {
    return this.inKernel(task, () => sysExecve(this.sys, task, layout));
  }

  /**
   * prlimit(2): sets both limits of a resource (RLIMIT_*) of a process, in bytes or pieces, Infinity for none. 0, -EINVAL, or
   * -EPERM.
   */
  prlimit(task: Task, resource: number, soft: number, hard: number): number {
    return this.afterSyscall(sysPrlimit(this.enter(task), resource, soft, hard));
  }

  /** getrlimit(2): both limits of a resource, or -EINVAL. */
  getrlimit(task: Task, resource: number): Rlimit | number {
    return sysGetrlimit(task, resource);
  }

  /** prctl(2) of the kinds that are about memory (PR_*): 0, a value, or -errno. */
  prctl(task: Task, option: number, arg2 = 0, arg3 = 0, arg4 = 0, arg5 = 0): number {
    return this.afterSyscall(sysPrctl(this.sys, this.enter(task), option, arg2, arg3, arg4, arg5));
  }

  /** setresuid(2) to one user id: with any but 0, root loses its capabilities. 0, -EINVAL or -EPERM. */
  setuid(task: Task, uid: number): number {
    return this.afterSyscall(sysSetresuid(this.enter(task), uid, uid, uid));
  }

  /** personality(2): sets the bits, ADDR_NO_RANDOMIZE among them; returns those before. Counts from the next exec on. */
  personality(task: Task, bits: number): number {
    const before = task.process.personality;
    task.process.personality = bits;
    return this.afterSyscall(before);
  }

  /** Reads a file of /proc/sys by its path there, such as `vm/swappiness`: its text without newline, -ENOENT or -EACCES. */
  sysctl(name: string): string | number {
    return readSysctl(this.sys, name);
  }

  /** Writes a file of /proc/sys: 0, -ENOENT or -EINVAL. */
  setSysctl(name: string, value: string): number {
    const result = writeSysctl(this.sys, name, value);
    runDaemons(this.sys);
    return result;
  }

  /** Writes /proc/PID/oom_score_adj: -1000 (never killed) to 1000. Throws EINVAL outside. */
  setOomScoreAdj(task: Task, oomScoreAdj: number): void {
    if (
      !Number.isInteger(oomScoreAdj) ||
      oomScoreAdj < OOM_SCORE_ADJ_MIN ||
      oomScoreAdj > OOM_SCORE_ADJ_MAX
    ) {
      throw new KernelError(
        EINVAL,
        `oom_score_adj ${oomScoreAdj} is not an integer from ${OOM_SCORE_ADJ_MIN} to ${OOM_SCORE_ADJ_MAX}`,
      );
    }
    task.oomScoreAdj = oomScoreAdj;
    this.sys.trace?.emit(TP_OOM_SCORE_ADJ_UPDATE, task.pid, oomScoreAdj, 0, 0);
  }

  /** Makes a file to map; returns its id. Its bytes are generated (files.ts). */
  openFile(name: string): number {
    return this.sys.files.open(name).id;
  }

  /**
   * open(2) of a file in /dev/shm, O_RDWR | O_CREAT by default: its id, or -errno. Descriptors belong to the machine: every
   * task may use them.
   */
  openTmpfs(name: string, openFlags: number = O_RDWR | O_CREAT): number {
    return sysOpenTmpfs(this.sys, name, openFlags);
  }

  /** unlink(2) of a file in /dev/shm: 0 or -ENOENT. It lives on while it is open or mapped. */
  unlinkTmpfs(name: string): number {
    return sysUnlinkTmpfs(this.sys, name);
  }

  /** memfd_create(2): the file's id, or -errno. `flags`: MFD_* bits. */
  memfdCreate(name: string, flags = 0): number {
    return sysMemfdCreate(this.sys, name, flags);
  }

  /** close(2), for all tasks: 0 or -EBADF. Mappings keep the file. */
  closeFile(fileId: number): number {
    return sysClose(this.sys, fileId);
  }

  /** ftruncate(2): 0 or -errno. */
  ftruncate(task: Task, fileId: number, lengthBytes: number): number {
    this.enter(task);
    return this.afterSyscall(sysFtruncate(this.sys, task, fileId, lengthBytes));
  }

  /** fallocate(2): 0 or -errno. `mode`: 0, FALLOC_FL_KEEP_SIZE, or that with FALLOC_FL_PUNCH_HOLE. */
  fallocate(task: Task, fileId: number, mode: number, offsetBytes: number, lengthBytes: number): number {
    this.enter(task);
    return this.afterSyscall(sysFallocate(this.sys, task, fileId, mode, offsetBytes, lengthBytes));
  }

  /** pread(2): fills `to`; the bytes read, fewer at the end of the file, or -errno. Zeros when RAM has no bytes. */
  pread(task: Task, fileId: number, to: Uint8Array, offsetBytes: number): number {
    this.enter(task);
    return this.afterSyscall(sysPread(this.sys, task, fileId, to, offsetBytes));
  }

  /** pwrite(2): the bytes written, fewer when space ends on the way, or -errno. */
  pwrite(task: Task, fileId: number, from: Uint8Array, offsetBytes: number): number {
    this.enter(task);
    return this.afterSyscall(sysPwrite(this.sys, task, fileId, from, offsetBytes));
  }

  /** fsync(2): 0 or -EBADF. */
  fsync(task: Task, fileId: number): number {
    this.enter(task);
    return this.afterSyscall(sysFsync(this.sys, fileId));
  }

  /** posix_fadvise(2): 0, -EBADF or -EINVAL. Neither tmpfs nor generated files heed it. */
  fadvise(task: Task, fileId: number, _offsetBytes: number, lengthBytes: number, advice: number): number {
    this.enter(task);
    return this.afterSyscall(sysFadvise(this.sys, fileId, lengthBytes, advice));
  }

  /** fcntl(2) with F_ADD_SEALS: 0 or -errno. `seals`: F_SEAL_* bits. */
  addSeals(task: Task, fileId: number, seals: number): number {
    this.enter(task);
    return this.afterSyscall(sysAddSeals(this.sys, fileId, seals));
  }

  /** fcntl(2) with F_GET_SEALS: F_SEAL_* bits or -errno. */
  getSeals(task: Task, fileId: number): number {
    this.enter(task);
    return this.afterSyscall(sysGetSeals(this.sys, fileId));
  }

  /** shmget(2): a segment's id, or -errno. `shmFlags`: IPC_CREAT, IPC_EXCL, SHM_NORESERVE and permission bits. */
  shmget(task: Task, key: number, sizeBytes: number, shmFlags: number): number {
    this.enter(task);
    return this.afterSyscall(sysShmget(this.sys, task, key, sizeBytes, shmFlags));
  }

  /** shmat(2): the address, or -errno. `shmFlags`: SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC. */
  shmat(task: Task, id: number, address: Vaddr = 0, shmFlags = 0): number {
    this.enter(task);
    return this.afterSyscall(sysShmat(this.sys, task, id, address, shmFlags));
  }

  /** shmdt(2): 0 or -EINVAL. */
  shmdt(task: Task, address: Vaddr): number {
    this.enter(task);
    return this.afterSyscall(sysShmdt(this.sys, task, address));
  }

  /** shmctl(2) with IPC_RMID: 0 or -errno. */
  shmctl(task: Task, id: number, command: number): number {
    this.enter(task);
    return this.afterSyscall(sysShmctl(this.sys, id, command));
  }

  /** shmctl(2) with IPC_STAT: what is known of a segment, or -errno. */
  shmStat(id: number): ShmidDs | number {
    return shmStat(this.sys, id);
  }

  /** mmap(2): returns the address or -errno. `fileId` is -1 for anonymous memory, shared or private. */
  mmap(
    task: Task,
    address: Vaddr,
    lengthBytes: number,
    prot: number,
    flags: number,
    fileId = -1,
    offsetBytes = 0,
  ): number {
    this.enter(task);
    const result = sysMmap(this.sys, task, address, lengthBytes, prot, flags, fileId, offsetBytes);
    if (result >= 0) populateMapping(this.sys, task, result, lengthBytes, flags);
    return this.afterSyscall(result);
  }

  /** munmap(2): 0 or -errno. */
  munmap(task: Task, address: Vaddr, lengthBytes: number): number {
    return this.afterSyscall(this.enter(task).mm.space.munmap(address, lengthBytes));
  }

  /** mprotect(2): 0 or -errno. */
  mprotect(task: Task, address: Vaddr, lengthBytes: number, prot: number): number {
    return this.afterSyscall(sysMprotect(this.sys, this.enter(task), address, lengthBytes, prot));
  }

  /** brk(2): the new break, or the old one when it cannot be moved. */
  brk(task: Task, address: Vaddr): Vaddr {
    const { space } = this.enter(task).mm;
    const oldEndVpn = pagesOfBytes(space.brkAddress);
    const result = space.brk(address);
    populateGrowth(this.sys, task, oldEndVpn, pagesOfBytes(result));
    return this.afterSyscall(result);
  }

  /** mremap(2): the address of the resized or moved mapping, or -errno. */
  mremap(
    task: Task,
    address: Vaddr,
    oldBytes: number,
    newBytes: number,
    flags: number,
    newAddress: Vaddr = 0,
  ): number {
    const result = this.enter(task).mm.space.mremap(address, oldBytes, newBytes, flags, newAddress);
    if (result >= 0) {
      const vpn = vpnOfAddress(result);
      populateGrowth(this.sys, task, vpn + pagesOfBytes(oldBytes), vpn + pagesOfBytes(newBytes));
    }
    return this.afterSyscall(result);
  }

  /** madvise(2) with MADV_*: 0 or -errno; -ENOMEM over holes after doing the rest. */
  madvise(task: Task, address: Vaddr, lengthBytes: number, advice: number): number {
    return this.afterSyscall(sysMadvise(this.sys, this.enter(task), address, lengthBytes, advice));
  }

  /** mlock(2): 0 or -errno; the pages are in memory then, and stay there. */
  mlock(task: Task, address: Vaddr, lengthBytes: number): number {
    return this.afterSyscall(sysMlock(this.sys, this.enter(task), address, lengthBytes));
  }

  /** mlock2(2) with MLOCK_ONFAULT or 0: 0 or -errno. */
  mlock2(task: Task, address: Vaddr, lengthBytes: number, flags: number): number {
    return this.afterSyscall(sysMlock2(this.sys, this.enter(task), address, lengthBytes, flags));
  }

  /** munlock(2): 0 or -errno. */
  munlock(task: Task, address: Vaddr, lengthBytes: number): number {
    return this.afterSyscall(sysMunlock(this.sys, this.enter(task), address, lengthBytes));
  }

  /** mlockall(2) with MCL_*: 0 or -errno. */
  mlockall(task: Task, flags: number): number {
    return this.afterSyscall(sysMlockall(this.sys, this.enter(task), flags));
  }

  /** munlockall(2). */
  munlockall(task: Task): number {
    return this.afterSyscall(sysMunlockall(this.sys, this.enter(task)));
  }

  /** msync(2) with MS_*: 0 or -errno. */
  msync(task: Task, address: Vaddr, lengthBytes: number, flags: number): number {
    return this.afterSyscall(sysMsync(this.enter(task), address, lengthBytes, flags));
  }

  /** mincore(2): 0 or -errno; a byte of `vec` for each page, 1 when it is in memory. */
  mincore(task: Task, address: Vaddr, lengthBytes: number, vec: Uint8Array): number {
    return this.afterSyscall(sysMincore(this.sys, this.enter(task), address, lengthBytes, vec));
  }

  /** mseal(2): 0 or -errno. */
  mseal(task: Task, address: Vaddr, lengthBytes: number, flags = 0): number {
    return this.afterSyscall(sysMseal(this.enter(task), address, lengthBytes, flags));
  }

  /** process_madvise(2): `task` advises on ranges of `target`'s memory. Bytes done, or -errno. */
  processMadvise(task: Task, target: Task, ranges: readonly AdvisedRange[], advice: number): number {
    return this.afterSyscall(sysProcessMadvise(this.sys, this.enter(task), target, ranges, advice));
  }

  /**
   * userfaultfd(2): a context that can watch the task's address space. Its number, a kind of its own, or -errno. `flags`:
   * UFFD_USER_MODE_ONLY and the flags of open(2).
   */
  userfaultfd(task: Task, flags = 0): number {
    return this.afterSyscall(sysUserfaultfd(this.sys, this.enter(task), flags));
  }

  /** ioctl(2) on a userfaultfd with UFFDIO_*; results are filled into `arg`. 0 or -errno. */
  uffdIoctl<Command extends keyof UffdioArgs>(
    task: Task,
    uffd: number,
    command: Command,
    arg: UffdioArgs[Command],
  ): number {
    this.sys.time.spend(CAUSE_SYSCALL, 1);
    return this.inKernel(task, () => sysUffdIoctl(this.sys, task, uffd, command, arg));
  }

  /** read(2) on a userfaultfd: the oldest message, or -EAGAIN when there is none, -EINVAL, -EBADF. Never blocks. */
  uffdRead(task: Task, uffd: number): UffdMsg | number {
    this.enter(task);
    const msg = sysUffdRead(this.sys, uffd);
    this.afterSyscall(0);
    return msg;
  }

  /** close(2) of a userfaultfd: 0 or -EBADF. Who waits for it goes on. */
  uffdClose(task: Task, uffd: number): number {
    this.enter(task);
    return this.afterSyscall(sysUffdClose(this.sys, uffd));
  }

  /** Lets a monitor serve a userfaultfd, null for none. 0 or -EBADF. */
  uffdMonitor(uffd: number, monitor: UserfaultMonitor | null): number {
    const ctx = this.sys.uffd.contexts[uffd] ?? null;
    if (ctx === null) return -EBADF;
    ctx.monitor = monitor;
    return 0;
  }

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

  /** Spends the time of the accesses between two looks at a CPU's counts. */
  private spendOnTranslation(before: MmuStats, after: MmuStats): void {
    const { time } = this.sys;
    time.spend(CAUSE_ACCESS, after.accesses - before.accesses);
    time.spend(CAUSE_TLB_L2, after.l2Hits - before.l2Hits);
    time.spend(CAUSE_WALK, after.walks - before.walks);
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

  /** A task calls the kernel on its CPU. Throws ESRCH when it has exited. */
  private enter(task: Task): Task {
    switchTo(this.sys, task.cpu, living(task));
    enterKernelMode(this.sys, this.sys.cpus[task.cpu]);
    return task;
  }

  /** A call of the kernel ends: what it woke runs, and then the task goes on. */
  private leave(): void {
    const { sys } = this;
    runDaemons(sys);
    const cpu = sys.cpus[sys.currentCpu];
    if (sys.uffd.hasNews && cpu.current !== null) tellMonitors(sys, cpu.current);
    exitToUserMode(sys, cpu);
  }

  /** Runs a part of a system call that uses a task's memory, and what it woke. */
  private inKernel<Result>(task: Task, work: () => Result): Result {
    this.enter(task);
    const { mmu } = this.sys.cpus[task.cpu];
    const before = mmu.stats;
    const result = work();
    this.spendOnTranslation(before, mmu.stats);
    this.leave();
    return result;
  }

  private afterSyscall(result: number): number {
    this.sys.time.spend(CAUSE_SYSCALL, 1);
    this.leave();
    return result;
  }

  private checkCpu(cpu: CpuId): void {
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= this.sys.cpus.length) {
      throw new KernelError(EINVAL, `cpu ${cpu} does not exist; the machine has ${this.sys.cpus.length}`);
    }
  }

  private taskOrThrow(task: Task | number, what: string): Task {
    if (typeof task !== "number") return task;
    if (task === -EINTR) throw new KernelError(EINTR, `the parent was killed for memory during the ${what}`);
    throw new KernelError(task, `no memory for ${what}; more memory, or fewer tasks, would help`);
  }
}

/** The task itself. Throws ESRCH when it has exited: its memory is gone; EBUSY while it waits for a child of vfork. */
function living(task: Task): Task {
  if (task.hasExited) throw new KernelError(ESRCH, `task ${task.pid} has exited`);
  if (task.vforkChildPid !== 0) {
    throw new KernelError(EBUSY, `task ${task.pid} waits for its vfork child ${task.vforkChildPid}`);
  }
  return task;
}
