/**
 * Mappings that the kernel puts into a program's address space itself: vdso and vvar.
 * Source: Linux 6.18 mm/vma.c, __install_special_mapping(); mm/vma_exec.c, insert_vm_struct().
 */
import { ENOMEM, NO_VMA, VM_DONTEXPAND, VM_SOFTDIRTY, type Vpn } from "@pageframe/contracts";
import { type MmStruct } from "./mm-struct.ts";

/** Maps [startVpn, startVpn + nrPages); see AddressSpace.installSpecialMapping(). */
export function installSpecialMapping(
  mm: MmStruct,
  startVpn: Vpn,
  nrPages: number,
  vmFlags: number,
  fileId: number,
): number {
  const { tree, pool } = mm;
  const next = tree.find(startVpn);
  if (next !== NO_VMA && pool.startVpn[next] < startVpn + nrPages) return -ENOMEM;
  const flags = vmFlags | mm.defFlags | VM_DONTEXPAND | VM_SOFTDIRTY;
  const vma = mm.allocVma(startVpn, startVpn + nrPages, flags, 0, fileId);
  if (vma === NO_VMA) return -ENOMEM;
  tree.insert(vma);
  mm.account(flags, nrPages);
  return 0;
}
