/**
 * What the entries of a mapping allow before anybody writes: vma->vm_page_prot. Hot: per page fault.
 * Source: Linux 6.18 mm/mmap.c, vma_set_page_prot(); mm/vma.c, vma_wants_writenotify().
 */
import { PTE_RW, VM_SHARED, VM_SOFTDIRTY, VM_UFFD_WP, VM_WRITE } from "@pageframe/contracts";
import { vmFlagsToPteLo } from "./pages.ts";
import { type System } from "../system.ts";

/** Low flags of entries of a mapping: writable only where it is shared and nobody must hear of the first write. */
export function pageProtLo(sys: System, vmFlags: number, fileId: number): number {
  const lo = vmFlagsToPteLo(vmFlags);
  return (lo & PTE_RW) !== 0 && wantsWriteNotify(sys, vmFlags, fileId) ? lo & ~PTE_RW : lo;
}

/**
 * Must the first write to each page of a shared writable mapping be seen? A file on a disk must learn that its page is
 * dirty, soft-dirty tracking that it changed, a userfaultfd that it is about to. Shared memory needs no telling.
 */
function wantsWriteNotify(sys: System, vmFlags: number, fileId: number): boolean {
  if ((vmFlags & (VM_SHARED | VM_WRITE)) !== (VM_SHARED | VM_WRITE)) return false;
  if ((vmFlags & VM_SOFTDIRTY) === 0 || (vmFlags & VM_UFFD_WP) !== 0) return true;
  if (fileId < 0) return false;
  const { kind } = sys.files.inodeOf(fileId);
  return kind === "generated" || kind === "disk";
}
