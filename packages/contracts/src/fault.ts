/**
 * Page faults: the processor's error code, the handler's answer, and the signals that a task gets.
 * Source: Intel SDM vol. 3A section 5.7; Linux 6.18 arch/x86/include/asm/trap_pf.h, include/linux/mm_types.h (vm_fault_reason),
 * include/uapi/asm-generic/siginfo.h.
 */

/** Protection violation (clear: no translation). */
export const X86_PF_PROT = 1 << 0;
export const X86_PF_WRITE = 1 << 1;
export const X86_PF_USER = 1 << 2;
export const X86_PF_RSVD = 1 << 3;
export const X86_PF_INSTR = 1 << 4;
export const X86_PF_PK = 1 << 5;

export const VM_FAULT_OOM = 1 << 0;
export const VM_FAULT_SIGBUS = 1 << 1;
export const VM_FAULT_MAJOR = 1 << 2;
export const VM_FAULT_HWPOISON = 1 << 4;
export const VM_FAULT_SIGSEGV = 1 << 6;
export const VM_FAULT_NOPAGE = 1 << 8;
export const VM_FAULT_LOCKED = 1 << 9;
export const VM_FAULT_RETRY = 1 << 10;
export const VM_FAULT_FALLBACK = 1 << 11;
export const VM_FAULT_ERROR: number = VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV | VM_FAULT_HWPOISON;

export const SIGBUS = 7;
export const SIGKILL = 9;
export const SIGSEGV = 11;

/** si_code of SIGSEGV: no mapping there, or one without the right. */
export const SEGV_MAPERR = 1;
export const SEGV_ACCERR = 2;
/** si_code of SIGBUS: no such part of the object. */
export const BUS_ADRERR = 2;
