/** mseal(2). Source: Linux 6.18 mm/mseal.c, do_mseal(), mseal_apply(). */
import { EINVAL, ENOMEM, NO_VMA, PAGE_SIZE, type Vaddr, VM_SEALED, type Vpn } from "@pageframe/contracts";
import { type AddressSpace } from "@pageframe/vma";
import { type Task } from "../task.ts";

const ADDRESS_END: number = 2 ** 64;

/**
 * mseal(2): seals the mappings of a range for good against mprotect, munmap, mremap, being mapped over and losing bytes.
 * Returns 0, -EINVAL, or -ENOMEM with nothing sealed when a page is not mapped.
 */
export function sysMseal(task: Task, address: Vaddr, lengthBytes: number, flags: number): number {
  const { space } = task.mm;
  if (flags !== 0 || address % PAGE_SIZE !== 0) return -EINVAL;
  const startVpn = address / PAGE_SIZE;
  const endVpn = startVpn + Math.ceil(lengthBytes / PAGE_SIZE);
  if (endVpn * PAGE_SIZE >= ADDRESS_END) return -EINVAL;
  if (!isMapped(space, startVpn, endVpn)) return -ENOMEM;
  for (let at = startVpn; at < endVpn;) {
    let vma = space.findVma(at);
    const vmFlags = space.pool.vmFlags[vma];
    if ((vmFlags & VM_SEALED) === 0) {
      vma = space.modifyFlags(vma, at, Math.min(endVpn, space.pool.endVpn[vma]), vmFlags | VM_SEALED);
      if (vma < 0) return vma;
    }
    at = space.pool.endVpn[vma];
  }
  return 0;
}

/** Is every page of [startVpn, endVpn) mapped? */
function isMapped(space: AddressSpace, startVpn: Vpn, endVpn: Vpn): boolean {
  let reached = startVpn;
  for (let vma = space.findVma(startVpn); reached < endVpn; vma = space.nextVma(vma)) {
    if (vma === NO_VMA || space.pool.startVpn[vma] > reached) return false;
    reached = space.pool.endVpn[vma];
  }
  return true;
}
