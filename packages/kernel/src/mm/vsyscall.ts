/**
 * The legacy vsyscall page at ffffffffff600000, in mode `xonly`: nothing is mapped there, and a fetch from one of its three
 * entry points is carried out by the fault handler, as the system call that it stands for.
 * Source: Linux 6.18 arch/x86/entry/vsyscall/vsyscall_64.c, emulate_vsyscall(), addr_to_vsyscall_nr().
 * Differs: the call itself gives nothing back, and the return address on the stack is not read: programs have no
 * registers here.
 */
import {
  PAGE_SIZE,
  SI_KERNEL,
  SIGSEGV,
  type Vpn,
  X86_PF_INSTR,
  X86_PF_USER,
  X86_PF_WRITE,
} from "@pageframe/contracts";
import { VSYSCALL_PAGE_52, vpnOfPage } from "../kernel-space/kernel-layout.ts";
import { type System } from "../system.ts";
import { type TaskSignal } from "../task.ts";
import { CAUSE_MINOR_FAULT, CAUSE_SYSCALL } from "../time.ts";

/** Bytes between entry points: gettimeofday, time, getcpu. */
const VSYSCALL_ENTRY_BYTES = 1024;
const NR_VSYSCALLS = 3;

/**
 * Is it a fault that is emulated: a fetch from the vsyscall page? Reads and writes go on as faults of user space without
 * a mapping, for the page counts as user space though it lies in the kernel's half (is_vsyscall_vaddr).
 */
export function isVsyscallFetch(sys: System, vpn: Vpn, errorCode: number): boolean {
  const wanted = X86_PF_USER | X86_PF_INSTR;
  if ((errorCode & (wanted | X86_PF_WRITE)) !== wanted || sys.config.vsyscall !== "xonly") return false;
  return vpn === vpnOfPage(VSYSCALL_PAGE_52, sys.kernelHalf.layout.nrLevels);
}

/**
 * Answers a fetch from byte `offset` of the vsyscall page. Null when it was one of the calls and the program goes on behind
 * it, a signal for any other place.
 */
export function emulateVsyscall(sys: System, offset: number): TaskSignal | null {
  sys.time.spend(CAUSE_MINOR_FAULT, 1);
  if (offset % VSYSCALL_ENTRY_BYTES !== 0 || offset >= NR_VSYSCALLS * VSYSCALL_ENTRY_BYTES) {
    return { signal: SIGSEGV, code: SI_KERNEL, vpn: 0 };
  }
  sys.time.spend(CAUSE_SYSCALL, 1);
  return null;
}

/** First address of the page (VSYSCALL_ADDR), with all 64 bits. */
export const VSYSCALL_ADDR: bigint = BigInt(VSYSCALL_PAGE_52) * BigInt(PAGE_SIZE);
