/**
 * How an access that fails is told: one code. Hot: on faults.
 *
 *     bits 0..15   error code: X86_PF_* of a page fault, 0 of #GP and #SS; exit qualification of an EPT violation
 *     bits 16..23  exception vector, 0 for a page fault (14)
 *     bits 24..30  reason of a VM exit, 0 for an exception
 *
 * The page faults of RISC-V have the error codes that riscv-rights.ts says. So the code of a page fault is its error code, and -(1 + code) is what an access returns.
 * Source: Intel SDM vol. 3A table 7-1 (vectors), section 5.7 (error code); vol. 3C appendix C (exit reasons), table 29-7
 * (exit qualification).
 */
import {
  X86_PF_INSTR,
  X86_PF_PK,
  X86_PF_PROT,
  X86_PF_RSVD,
  X86_PF_USER,
  X86_PF_WRITE,
  X86_TRAP_GP,
  X86_TRAP_PF,
  X86_TRAP_SS,
} from "@pageframe/contracts";

const VECTOR_SHIFT = 16;
const VECTOR_MASK = 0xff;
const EXIT_SHIFT = 24;
/** Reasons of VM exits, as in Linux arch/x86/include/uapi/asm/vmx.h. */
const EXIT_REASON_EPT_VIOLATION = 48;
const EXIT_REASON_EPT_MISCONFIG = 49;
const ERROR_MASK = 0xffff;

/** Code of a general-protection fault, which an address that is not canonical raises. */
export const FAULT_GP: number = X86_TRAP_GP << VECTOR_SHIFT;
/** Code of a stack fault: the same, when the stack was accessed. */
export const FAULT_SS: number = X86_TRAP_SS << VECTOR_SHIFT;

/** Code of an EPT violation, without its exit qualification: the host's tables do not allow what the guest's do. */
export const EXIT_EPT_VIOLATION: number = EXIT_REASON_EPT_VIOLATION << EXIT_SHIFT;
/** Code of an EPT misconfiguration: an entry of the host's tables that means nothing. */
export const EXIT_EPT_MISCONFIG: number = EXIT_REASON_EPT_MISCONFIG << EXIT_SHIFT;

/** Causes of RISC-V, as in Linux arch/riscv/include/asm/csr.h. */
const EXC_INST_PAGE_FAULT = 12;
const EXC_LOAD_PAGE_FAULT = 13;
const EXC_STORE_PAGE_FAULT = 15;

/** A fault taken apart. */
export interface Fault {
  /** 14 (#PF), 13 (#GP) or 12 (#SS); of RISC-V the cause: 12, 13 or 15; of a VM exit its reason: 48 or 49. */
  readonly vector: number;
  /** As the processor's manual names the exception. */
  readonly name: string;
  /** Error code, or exit qualification. */
  readonly errorCode: number;
  /** One clause, such as `write to a page that is not present, by the user`. */
  readonly text: string;
}

/** Is it the host's to handle, and no fault of the guest? */
export function isVmExit(code: number): boolean {
  return code >>> EXIT_SHIFT !== 0;
}

/** Takes a code apart. Cold. */
export function decodeFault(code: number): Fault {
  const vector = (code >>> VECTOR_SHIFT) & VECTOR_MASK;
  const errorCode = code & ERROR_MASK;
  if (isVmExit(code)) return decodeExit(code >>> EXIT_SHIFT, errorCode);
  if (vector === 0) return { vector: X86_TRAP_PF, name: "#PF", errorCode, text: textOfPageFault(errorCode) };
  const name = vector === X86_TRAP_SS ? "#SS" : "#GP";
  return { vector, name, errorCode, text: "the address is not canonical" };
}

/** Takes the code of a RISC-V page fault apart. Cold. */
export function riscvFault(code: number): Fault {
  const text = textOfPageFault(code);
  if ((code & X86_PF_INSTR) !== 0) {
    return { vector: EXC_INST_PAGE_FAULT, name: "instruction page fault", errorCode: code, text };
  }
  return (code & X86_PF_WRITE) !== 0
    ? { vector: EXC_STORE_PAGE_FAULT, name: "store page fault", errorCode: code, text }
    : { vector: EXC_LOAD_PAGE_FAULT, name: "load page fault", errorCode: code, text };
}

function decodeExit(reason: number, qualification: number): Fault {
  if (reason === EXIT_REASON_EPT_MISCONFIG) {
    const text = "an entry of the host's tables means nothing";
    return { vector: reason, name: "EPT misconfiguration", errorCode: qualification, text };
  }
  const what = (qualification & 4) !== 0 ? "fetch from" : (qualification & 2) !== 0 ? "write to" : "read of";
  const where = (qualification & 0x100) !== 0 ? "the guest's page" : "a page table of the guest";
  const why = (qualification & 0x38) === 0 ? "is not mapped" : "does not allow it";
  const text = `${what} ${where}, which ${why} in the host's tables`;
  return { vector: reason, name: "EPT violation", errorCode: qualification, text };
}

function textOfPageFault(errorCode: number): string {
  const has = (bit: number): boolean => (errorCode & bit) !== 0;
  const what = has(X86_PF_INSTR) ? "fetch from" : has(X86_PF_WRITE) ? "write to" : "read of";
  const why = has(X86_PF_RSVD)
    ? "a page with a reserved bit set on the way to it"
    : !has(X86_PF_PROT)
      ? "a page that is not present"
      : has(X86_PF_PK)
        ? "a page whose protection key forbids it"
        : "a page whose rights forbid it";
  return `${what} ${why}, by the ${has(X86_PF_USER) ? "user" : "supervisor"}`;
}
