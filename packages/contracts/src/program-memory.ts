/** What a program's own allocator asks of the kernel, in bytes. Implemented by whoever has the program's address space. */
import type { Vaddr } from "./units.ts";

/** Memory system calls of one program. Results are as the system calls': negative errno for a failure. */
export interface ProgramMemory {
  /** brk(2): where the break is afterwards; 0 asks. */
  brk(address: Vaddr): Vaddr;
  /** mmap(2) of private anonymous memory, with PROT_* and further MAP_* bits. */
  mmap(address: Vaddr, nrBytes: number, prot: number, flags: number): number;
  munmap(address: Vaddr, nrBytes: number): number;
  /** mremap(2) with MREMAP_MAYMOVE. */
  mremap(address: Vaddr, oldBytes: number, newBytes: number): number;
  mprotect(address: Vaddr, nrBytes: number, prot: number): number;
  /** madvise(2) with MADV_DONTNEED. */
  dontneed(address: Vaddr, nrBytes: number): number;
  /** The program writes to [address, address + nrBytes): its pages become resident. */
  touch(address: Vaddr, nrBytes: number): void;
}
