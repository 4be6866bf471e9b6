/**
 * Copies between the kernel and a program: through the MMU in kernel mode, with user access open between STAC and CLAC,
 * faults handled as the program's own, and an address that is bad answered by the number of bytes left. Cold.
 *
 * Bytes move when RAM has bytes; otherwise zeros are read and nothing is written, with the same faults.
 * Source: Linux 6.18 include/linux/uaccess.h, _inline_copy_from_user(), _inline_copy_to_user(); lib/strncpy_from_user.c;
 * arch/x86/include/asm/uaccess_64.h; arch/x86/lib/copy_user_64.S, clear_page_64.S; arch/x86/mm/extable.c, ex_handler_uaccess().
 * Differs: strings are read byte by byte, not in words.
 */
import {
  bug,
  EFAULT,
  PAGE_SIZE,
  type Pfn,
  RUN_READ,
  RUN_WRITE,
  type Vpn,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import { canonicalVpn, NOT_CANONICAL } from "../kernel-space/kernel-layout.ts";
import { switchTo } from "../mm/lifecycle.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { faultAndWait } from "../uffd/wait.ts";

/** An address as a program passes it: all 64 bits, or a number while it is exact. */
export type UserPointer = bigint | number;

const PAGE_BYTES = BigInt(PAGE_SIZE);
const TASK_SIZE_MAX_4 = (1n << 47n) - PAGE_BYTES;
const TASK_SIZE_MAX_5 = (1n << 56n) - PAGE_BYTES;
/** LONG_MAX: what is past the user half faults. */
const TASK_SIZE_MAX_RISCV = (1n << 63n) - 1n;
/** Absence of a frame: the access is bad. */
const NO_ACCESS = -1;
/** Faults that one access may take before the kernel is considered broken. */
const MAX_FAULTS_PER_ACCESS = 16;

/**
 * First address that no program may pass (TASK_SIZE_MAX): 2^47 or, with five levels, 2^56, less a guard page; on RISC-V the last
 * address without the sign bit.
 */
export function taskSizeMax(sys: System): bigint {
  const { isRiscv, nrLevels } = sys.kernelHalf.layout;
  if (isRiscv) return TASK_SIZE_MAX_RISCV;
  return nrLevels === 5 ? TASK_SIZE_MAX_5 : TASK_SIZE_MAX_4;
}

/** May a range belong to user space, whatever is mapped there? (access_ok) */
export function accessOk(sys: System, address: UserPointer, nrBytes: number): boolean {
  const start = BigInt(address);
  return start >= 0n && start + BigInt(nrBytes) <= taskSizeMax(sys);
}

/**
 * Copies from a program into `to`, whose rest becomes zeros when the program's memory ends early. Returns the bytes that
 * were not copied: 0 when all is well.
 */
export function copyFromUser(sys: System, task: Task, to: Uint8Array, from: UserPointer): number {
  const { contents } = sys;
  // No access_ok() since 6.13: an address past the end is masked to the guard page there, and faults.
  const nrDone = throughPages(sys, task, from, to.length, RUN_READ, (pfn, offset, at, nrBytes) => {
    for (let byte = 0; byte < nrBytes; byte++) to[at + byte] = contents.readByte(pfn, offset + byte);
  });
  to.fill(0, nrDone);
  return to.length - nrDone;
}

/** Copies `from` to a program. Returns the bytes that were not copied. */
export function copyToUser(sys: System, task: Task, to: UserPointer, from: Uint8Array): number {
  if (!accessOk(sys, to, from.length)) return from.length;
  const { contents } = sys;
  const nrDone = throughPages(sys, task, to, from.length, RUN_WRITE, (pfn, offset, at, nrBytes) => {
    for (let byte = 0; byte < nrBytes; byte++) contents.writeByte(pfn, offset + byte, from[at + byte]);
  });
  return from.length - nrDone;
}

/** Zeroes a program's memory. Returns the bytes that were not zeroed. */
export function clearUser(sys: System, task: Task, to: UserPointer, nrBytes: number): number {
  if (!accessOk(sys, to, nrBytes)) return nrBytes;
  const { contents } = sys;
  const nrDone = throughPages(sys, task, to, nrBytes, RUN_WRITE, (pfn, offset, _at, nr) => {
    for (let byte = 0; byte < nr; byte++) contents.writeByte(pfn, offset + byte, 0);
  });
  return nrBytes - nrDone;
}

/**
 * Copies a string of a program with its final zero, at most `to.length` bytes. Returns its length without the zero;
 * `to.length` when no zero was among that many; -EFAULT when memory ends before either.
 */
export function strncpyFromUser(sys: System, task: Task, to: Uint8Array, from: UserPointer): number {
  const { contents } = sys;
  const state = { length: -1 };
  // Page by page, so that what lies behind the string is not touched.
  let nrDone = 0;
  while (nrDone < to.length && state.length < 0) {
    const start = BigInt(from) + BigInt(nrDone);
    const nrWanted = Math.min(to.length - nrDone, PAGE_SIZE - Number(start % PAGE_BYTES));
    const base = nrDone;
    const nrRead = throughPages(sys, task, start, nrWanted, RUN_READ, (pfn, offset, at, nrBytes) => {
      for (let byte = 0; byte < nrBytes && state.length < 0; byte++) {
        to[base + at + byte] = contents.readByte(pfn, offset + byte);
        if (to[base + at + byte] === 0) state.length = base + at + byte;
      }
    });
    nrDone += nrRead;
    if (nrRead < nrWanted) break;
  }
  if (state.length >= 0) return state.length;
  return nrDone === to.length ? nrDone : -EFAULT;
}

/** Calls `move` for each piece of a range that lies in one page, in order. Returns the bytes before the first bad page. */
function throughPages(
  sys: System,
  task: Task,
  address: UserPointer,
  nrBytes: number,
  kind: number,
  move: (pfn: Pfn, offset: number, at: number, nrBytes: number) => void,
): number {
  switchTo(sys, task.cpu, task);
  const { mmu } = sys.cpus[task.cpu];
  const endOfUser = taskSizeMax(sys);
  let at = 0;
  mmu.setUserAccess(true);
  while (at < nrBytes) {
    const here = BigInt(address) + BigInt(at);
    const offset = Number(here % PAGE_BYTES);
    const nrHere = Math.min(nrBytes - at, PAGE_SIZE - offset);
    const vpn = here < endOfUser ? canonicalVpn(here, sys.kernelHalf.layout.nrLevels) : NOT_CANONICAL;
    const pfn = vpn === NOT_CANONICAL ? NO_ACCESS : frameForKernel(sys, task, vpn, kind, offset);
    if (pfn === NO_ACCESS) break;
    move(pfn, offset, at, nrHere);
    at += nrHere;
  }
  mmu.setUserAccess(false);
  return at;
}

/**
 * Accesses a page of the program in kernel mode. Returns its frame, or NO_ACCESS where the exception table has the kernel
 * go on: nothing is mapped there, the right is missing, or no memory was left. No signal is sent (kernelmode_fixup_or_oops).
 */
function frameForKernel(sys: System, task: Task, vpn: Vpn, kind: number, offset: number): Pfn {
  const { mmu } = sys.cpus[task.cpu];
  let pfn = mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, false);
  for (let nrFaults = 0; pfn < 0; nrFaults++) {
    if (nrFaults === MAX_FAULTS_PER_ACCESS) bug(`the kernel faults on vpn 0x${vpn.toString(16)} for ever`);
    // Whoever serves a userfaultfd meanwhile runs with user access closed.
    mmu.setUserAccess(false);
    const signal = faultAndWait(sys, task, mmu.faultVpn, mmu.faultCode, offset);
    mmu.setUserAccess(true);
    if (signal !== null) return NO_ACCESS;
    pfn = mmu.retranslate(vpnLo(vpn), vpnHi(vpn), kind, false);
  }
  return pfn;
}
