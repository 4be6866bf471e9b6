/**
 * vdso and vvar: code and data of the kernel image that programs call and read without a system call. Cold.
 *
 *     [vvar]         4 pages   r--p   time, time of a namespace, random generator, none
 *     [vvar_vclock]  2 pages   r--p   clocks of KVM and Hyper-V: not used here
 *     [vdso]         2 pages   r-xp   an ELF file
 *
 * The eight pages go where mmap would put them. Pages of vvar are entries without a struct page (VM_PFNMAP); one that the
 * kernel has nothing for gives SIGBUS.
 * Source: Linux 6.18 arch/x86/entry/vdso/vma.c, map_vdso(); lib/vdso/datastore.c, vvar_fault(); sizes as
 * /proc/self/maps shows them on 6.18.44.
 * Differs: fork does not copy entries of vvar, the child faults them in; the ELF file is its first four bytes.
 */
import {
  EINVAL,
  ENOMEM,
  KernelError,
  NO_ENTRY,
  NO_PFN,
  PAGE_SIZE,
  type Pfn,
  PT_LEVEL_PTE,
  PTE_SPECIAL,
  pteHi,
  pteLo,
  type Vaddr,
  VM_DONTDUMP,
  VM_EXEC,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  VM_IO,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { type OpenFile } from "../files/inode.ts";
import { linearPageIndex, vmFlagsToPteHi, vmFlagsToPteLo } from "../pages/pages.ts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Frames that vdso and vvar take of the kernel image. */
export const NR_VDSO_FRAMES = 4;

const NR_VVAR_PAGES = 4;
const NR_VCLOCK_PAGES = 2;
const NR_VDSO_PAGES = 2;
const VVAR_TIME_PAGE = 0;
const VVAR_RNG_PAGE = 2;
const VVAR_FLAGS = VM_READ | VM_MAYREAD | VM_IO | VM_DONTDUMP | VM_PFNMAP;
const VDSO_FLAGS = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];

/**
 * Maps vvar and vdso into an address space, as execve does. Returns the address of the vdso, or -ENOMEM. Throws EINVAL when
 * the kernel image is too small to hold them.
 */
export function mapVdso(sys: System, mm: Mm): Vaddr {
  const [vvar, vclock, vdso] = specialFiles(sys);
  const { space } = mm;
  const startVpn = space.findUnmappedArea(NR_VVAR_PAGES + NR_VCLOCK_PAGES + NR_VDSO_PAGES);
  if (startVpn < 0) return -ENOMEM;
  const vclockVpn = startVpn + NR_VVAR_PAGES;
  const vdsoVpn = vclockVpn + NR_VCLOCK_PAGES;
  const error =
    space.installSpecialMapping(vdsoVpn, NR_VDSO_PAGES, VDSO_FLAGS, vdso.id) ||
    space.installSpecialMapping(startVpn, NR_VVAR_PAGES, VVAR_FLAGS, vvar.id) ||
    space.installSpecialMapping(vclockVpn, NR_VCLOCK_PAGES, VVAR_FLAGS, vclock.id);
  if (error === 0) return vdsoVpn * PAGE_SIZE;
  space.munmap(startVpn * PAGE_SIZE, (vdsoVpn + NR_VDSO_PAGES - startVpn) * PAGE_SIZE);
  return error;
}

/** Answers a fault in a mapping without struct pages (vvar_fault, vmf_insert_pfn). Returns VM_FAULT_* bits. */
export function faultPfnMap(sys: System, mm: Mm, vma: VmaId, vpn: Vpn): number {
  const { pool } = mm.space;
  const pfn = sys.files.inodeOf(pool.fileId[vma]).pages.load(linearPageIndex(mm, vma, vpn));
  if (pfn === NO_PFN) return VM_FAULT_SIGBUS;
  const entry = mm.pageTable.allocEntry(vpn, PT_LEVEL_PTE);
  if (entry === NO_ENTRY) return VM_FAULT_OOM;
  const vmFlags = pool.vmFlags[vma];
  const lo = pteLo(pfn, vmFlagsToPteLo(vmFlags) | PTE_SPECIAL);
  mm.pageTable.setEntry(entry, lo, pteHi(pfn, vmFlagsToPteHi(vmFlags)));
  return VM_FAULT_NOPAGE;
}

/** The objects behind the mappings, made by the first program that wants them: vvar, vvar_vclock, vdso. */
function specialFiles(sys: System): readonly OpenFile[] {
  const known = sys.files.opened.filter((file) => file?.inode.isSpecial === true) as OpenFile[];
  if (known.length > 0) return known;
  const { vdsoPfns } = sys;
  if (vdsoPfns.length < NR_VDSO_FRAMES) {
    throw new KernelError(EINVAL, `kernelImage ${sys.config.kernelImage} has no room for a vdso; 64KiB has`);
  }
  const [time, rng, ...text] = vdsoPfns;
  const vvar = sys.files.openSpecial("[vvar]");
  vvar.inode.pages.store(VVAR_TIME_PAGE, time);
  vvar.inode.pages.store(VVAR_RNG_PAGE, rng);
  const vclock = sys.files.openSpecial("[vvar_vclock]");
  const vdso = sys.files.openSpecial("[vdso]");
  text.forEach((pfn, pgoff) => putVdsoPage(sys, vdso, pgoff, pfn));
  ELF_MAGIC.forEach((byte, offset) => sys.contents.writeByte(text[0], offset, byte));
  return [vvar, vclock, vdso];
}

/** Pages of the vdso have struct pages, which know where they belong. */
function putVdsoPage(sys: System, vdso: OpenFile, pgoff: number, pfn: Pfn): void {
  vdso.inode.pages.store(pgoff, pfn);
  sys.memmap.mapping[pfn] = vdso.inode.id;
  sys.memmap.index[pfn] = pgoff;
}
