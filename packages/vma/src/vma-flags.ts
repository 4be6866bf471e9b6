/**
 * What VM_*, PROT_* and MAP_* bits mean together.
 * Source: Linux 6.18 include/linux/mman.h, mm.h; mm/vma.h, is_exec_mapping() and its siblings.
 */
import {
  MAP_GROWSDOWN,
  MAP_LOCKED,
  MAP_STACK,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_DROPPABLE,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_IO,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_MIXEDMAP,
  VM_NOHUGEPAGE,
  VM_NORESERVE,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
} from "@pageframe/contracts";

/** Mappings that are never merged. */
export const VM_SPECIAL: number = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP;
/** Both ways of being locked in memory. */
export const VM_LOCKED_MASK: number = VM_LOCKED | VM_LOCKONFAULT;
/** Rights that mprotect may give. */
export const VM_MAY_ALL: number = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
/** The heap: readable, writable, not executable. */
export const VM_DATA_DEFAULT_FLAGS: number = VM_READ | VM_WRITE | VM_MAY_ALL;
/** The initial stack of a program that does not ask for an executable one. */
export const VM_STACK_FLAGS: number = VM_DATA_DEFAULT_FLAGS | VM_GROWSDOWN | VM_ACCOUNT;

/** Turns PROT_* into VM_* (calc_vm_prot_bits). */
export function vmFlagsOfProt(prot: number): number {
  return (
    (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) | (prot & PROT_EXEC ? VM_EXEC : 0)
  );
}

/** Turns MAP_* into VM_* (calc_vm_flag_bits). MAP_STACK keeps huge pages out when the kernel has them. */
export function vmFlagsOfMap(flags: number, isThpEnabled: boolean): number {
  return (
    (flags & MAP_GROWSDOWN ? VM_GROWSDOWN : 0) |
    (flags & MAP_LOCKED ? VM_LOCKED : 0) |
    (isThpEnabled && flags & MAP_STACK ? VM_NOHUGEPAGE : 0)
  );
}

/** Counts as text (VmExe and VmLib): executable, neither writable nor a stack. */
export function isExecMapping(vmFlags: number): boolean {
  return (vmFlags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) === VM_EXEC;
}

/** Counts as stack (VmStk). */
export function isStackMapping(vmFlags: number): boolean {
  return (vmFlags & VM_GROWSDOWN) !== 0;
}

/** Counts as data (VmData): private, writable, no stack. */
export function isDataMapping(vmFlags: number): boolean {
  return (vmFlags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) === VM_WRITE;
}

/** Charges its length to the overcommit account (accountable_mapping): private, writable, not MAP_NORESERVE. */
export function isAccountable(vmFlags: number): boolean {
  return (vmFlags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) === VM_WRITE;
}

/** Could same-page merging take pages of such a mapping (ksm_compatible)? */
export function isKsmCompatible(vmFlags: number): boolean {
  return (vmFlags & (VM_SHARED | VM_MAYSHARE | VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE)) === 0;
}

/** Is it a mapping of the kernel's own, such as [vdso]? Nothing else that is not hugetlb has VM_DONTEXPAND here. */
export function isSpecialMapping(vmFlags: number): boolean {
  return (vmFlags & (VM_DONTEXPAND | VM_HUGETLB)) === VM_DONTEXPAND;
}

/** Has any right at all; an inaccessible mapping is no obstacle to a growing stack (vma_is_accessible). */
export function isAccessible(vmFlags: number): boolean {
  return (vmFlags & (VM_READ | VM_WRITE | VM_EXEC)) !== 0;
}

/** Writes the four letters of /proc/PID/maps, such as `rw-p`. `s` stands for VM_MAYSHARE. */
export function flagsToPerms(vmFlags: number): string {
  return (
    (vmFlags & VM_READ ? "r" : "-") +
    (vmFlags & VM_WRITE ? "w" : "-") +
    (vmFlags & VM_EXEC ? "x" : "-") +
    (vmFlags & VM_MAYSHARE ? "s" : "p")
  );
}
