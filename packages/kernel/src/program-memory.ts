/** A task's memory as its own allocator uses it. Cold. */
import {
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  type ProgramMemory,
  RUN_WRITE,
  type Vaddr,
} from "@pageframe/contracts";
import { type Kernel } from "./kernel.ts";
import { type Task } from "./task.ts";

/** Carries out an allocator's requests as system calls and writes of a task. A write that raises a signal is left out. */
export class TaskMemory implements ProgramMemory {
  private readonly kernel: Kernel;
  private readonly task: Task;

  constructor(kernel: Kernel, task: Task) {
    this.kernel = kernel;
    this.task = task;
  }

  brk(address: Vaddr): Vaddr {
    return this.kernel.brk(this.task, address);
  }

  mmap(address: Vaddr, nrBytes: number, prot: number, flags: number): number {
    return this.kernel.mmap(this.task, address, nrBytes, prot, flags | MAP_PRIVATE | MAP_ANONYMOUS);
  }

  munmap(address: Vaddr, nrBytes: number): number {
    return this.kernel.munmap(this.task, address, nrBytes);
  }

  mremap(address: Vaddr, oldBytes: number, newBytes: number): number {
    return this.kernel.mremap(this.task, address, oldBytes, newBytes, MREMAP_MAYMOVE);
  }

  mprotect(address: Vaddr, nrBytes: number, prot: number): number {
    return this.kernel.mprotect(this.task, address, nrBytes, prot);
  }

  dontneed(address: Vaddr, nrBytes: number): number {
    return this.kernel.madvise(this.task, address, nrBytes, MADV_DONTNEED);
  }

  touch(address: Vaddr, nrBytes: number): void {
    const last = Math.floor((address + nrBytes - 1) / PAGE_SIZE);
    for (let vpn = Math.floor(address / PAGE_SIZE); vpn <= last; vpn++)
      this.kernel.access(this.task, vpn, RUN_WRITE);
  }
}
