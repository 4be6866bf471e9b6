/**
 * mprotect(2): the mappings change in the vma package; here is what it means for translations and locked memory.
 * Source: Linux 6.18 mm/mprotect.c, do_mprotect_pkey(), mprotect_fixup().
 */
import {
  NO_VMA,
  PAGE_SIZE,
  pagesOfBytes,
  PROT_GROWSDOWN,
  type Vaddr,
  VM_LOCKED,
  VM_SHARED,
  VM_WRITE,
  type Vpn,
} from "@pageframe/contracts";
import { type AddressSpace } from "@pageframe/vma";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { populateVma } from "./mm-populate.ts";

/**
 * mprotect(2): 0 or -errno, with what lies below the failure changed. Private locked memory that becomes writable gets
 * pages of its own at once, so that no write to it has to wait.
 */
export function sysMprotect(
  sys: System,
  task: Task,
  address: Vaddr,
  lengthBytes: number,
  prot: number,
): number {
  const { mm } = task;
  const endVpn = address / PAGE_SIZE + pagesOfBytes(lengthBytes);
  const readOnly =
    mm.space.lockedVm === 0 ? [] : lockedReadOnly(mm.space, startOf(mm.space, address, prot), endVpn);
  // One flush for all mappings that the call changes.
  sys.gather.begin(mm);
  const result = mm.space.mprotect(address, lengthBytes, prot);
  sys.gather.finish();
  for (const [startVpn, end] of readOnly) {
    const vma = mm.space.findVma(startVpn);
    if ((mm.space.pool.vmFlags[vma] & VM_WRITE) !== 0) populateVma(sys, task, vma, startVpn, end);
  }
  return result;
}

/** First page that the call changes: with PROT_GROWSDOWN the start of the stack. */
function startOf(space: AddressSpace, address: Vaddr, prot: number): Vpn {
  const vpn = address / PAGE_SIZE;
  const vma = (prot & PROT_GROWSDOWN) === 0 ? NO_VMA : space.findVma(vpn);
  return vma === NO_VMA ? vpn : Math.min(vpn, space.pool.startVpn[vma]);
}

/** Parts of a range that are private, locked and not writable. */
function lockedReadOnly(space: AddressSpace, startVpn: Vpn, endVpn: Vpn): [Vpn, Vpn][] {
  const { pool } = space;
  const parts: [Vpn, Vpn][] = [];
  for (let vma = space.findVma(startVpn); vma !== NO_VMA; vma = space.nextVma(vma)) {
    if (pool.startVpn[vma] >= endVpn) break;
    if ((pool.vmFlags[vma] & (VM_WRITE | VM_SHARED | VM_LOCKED)) !== VM_LOCKED) continue;
    parts.push([Math.max(pool.startVpn[vma], startVpn), Math.min(pool.endVpn[vma], endVpn)]);
  }
  return parts;
}
