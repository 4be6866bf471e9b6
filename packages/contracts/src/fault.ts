/**
 * Page faults: the processor's error code, the handler's answer, and the signals that a task gets.
 * Source: Intel SDM vol. 3A section 5.7; Linux 6.18 arch/x86/include/asm/trap_pf.h, include/linux/mm_types.h (vm_fault_reason),
 * include/uapi/asm-generic/siginfo.h (SI_KERNEL too), arch/x86/include/asm/trapnr.h.
 */

/** Protection violation (clear: no translation). */
export const X86_PF_PROT: number = 1 << 0;
export const X86_PF_WRITE: number = 1 << 1;
export const X86_PF_USER: number = 1 << 2;
export const X86_PF_RSVD: number = 1 << 3;
export const X86_PF_INSTR: number = 1 << 4;
export const X86_PF_PK: number = 1 << 5;

/** Exception vectors. */
export const X86_TRAP_UD = 6;
export const X86_TRAP_TS = 10;
export const X86_TRAP_NP = 11;
export const X86_TRAP_SS = 12;
export const X86_TRAP_GP = 13;
export const X86_TRAP_PF = 14;

export const VM_FAULT_OOM: number = 1 << 0;
export const VM_FAULT_SIGBUS: number = 1 << 1;
export const VM_FAULT_MAJOR: number = 1 << 2;
export const VM_FAULT_HWPOISON: number = 1 << 4;
export const VM_FAULT_SIGSEGV: number = 1 << 6;
export const VM_FAULT_NOPAGE: number = 1 << 8;
export const VM_FAULT_LOCKED: number = 1 << 9;
export const VM_FAULT_RETRY: number = 1 << 10;
export const VM_FAULT_FALLBACK: number = 1 << 11;
export const VM_FAULT_ERROR: number = VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV | VM_FAULT_HWPOISON;

export const SIGBUS = 7;
export const SIGKILL = 9;
export const SIGSEGV = 11;

/** si_code of SIGSEGV: no mapping there, or one without the right. */
export const SEGV_MAPERR = 1;
export const SEGV_ACCERR = 2;
/** si_code of any signal that the kernel sends without telling an address (a general-protection fault). */
export const SI_KERNEL = 0x80;
/** si_code of SIGBUS: no such part of the object. */
export const BUS_ADRERR = 2;
/** si_code of SIGBUS: the memory itself is lost, and the access needed it. */
export const BUS_MCEERR_AR = 4;
