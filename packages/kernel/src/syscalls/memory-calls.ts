/** Calls about a task's memory, each a short way to the functions beside. */
import { EBADF, pagesOfBytes, type Vaddr, vpnOfAddress } from "@pageframe/contracts";
import { type Task } from "../task.ts";
import { CAUSE_SYSCALL } from "../time.ts";
import { type UffdMsg, type UserfaultMonitor } from "../uffd/context.ts";
import { sysMadvise } from "./madvise.ts";
import { sysMincore } from "./mincore.ts";
import { sysMlock, sysMlock2, sysMlockall, sysMunlock, sysMunlockall } from "./mlock.ts";
import { populateGrowth, populateMapping } from "./mm-populate.ts";
import { sysMmap } from "./mmap.ts";
import { sysMprotect } from "./mprotect.ts";
import { sysMseal } from "./mseal.ts";
import { sysMsync } from "./msync.ts";
import { type AdvisedRange, sysProcessMadvise } from "./process-madvise.ts";
import { sysUffdClose, sysUffdIoctl, sysUffdRead, sysUserfaultfd, type UffdioArgs } from "./userfaultfd.ts";
import { FileCalls } from "./file-calls.ts";

/** A task's memory: mapped, protected, advised, locked, watched. */
export class MemoryCalls extends FileCalls {
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

  /** process_madvise(2): `task` advises on ranges of `target`'s memory. Bytes done, or -errno. */
  processMadvise(task: Task, target: Task, ranges: readonly AdvisedRange[], advice: number): number {
    return this.afterSyscall(sysProcessMadvise(this.sys, this.enter(task), target, ranges, advice));
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
    return this.afterSyscall(sysMsync(this.sys, this.enter(task), address, lengthBytes, flags));
  }

  /** mincore(2): 0 or -errno; a byte of `vec` for each page, 1 when it is in memory. */
  mincore(task: Task, address: Vaddr, lengthBytes: number, vec: Uint8Array): number {
    return this.afterSyscall(sysMincore(this.sys, this.enter(task), address, lengthBytes, vec));
  }

  /** mseal(2): 0 or -errno. */
  mseal(task: Task, address: Vaddr, lengthBytes: number, flags = 0): number {
    return this.afterSyscall(sysMseal(this.enter(task), address, lengthBytes, flags));
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
}
