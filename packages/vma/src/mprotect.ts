/** mprotect(2). Source: Linux 6.18 mm/mprotect.c, do_mprotect_pkey(), mprotect_fixup(). */
import {
  EACCES,
  EINVAL,
  ENOMEM,
  EPERM,
  NO_VMA,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  PROT_READ,
  PROT_WRITE,
  VM_ACCESS_FLAGS,
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_NORESERVE,
  VM_SEALED,
  VM_SHARED,
  VM_WRITE,
  type Vaddr,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { type MmStruct } from "./mm-struct.ts";
import { modifyVma } from "./merge.ts";
import { vmFlagsOfProt } from "./vma-flags.ts";
import { NO_ANON_VMA, NO_FILE } from "./vma-pool.ts";

/** PROT_SEM is accepted and means nothing. */
const PROT_SEM = 8;
const PROT_KNOWN: number = PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM;
const ADDRESS_END: number = 2 ** 64;

/** mprotect(2); see AddressSpace.mprotect(). */
export function doMprotect(mm: MmStruct, address: Vaddr, lengthBytes: number, protAsked: number): number {
  const { pool } = mm;
  const grows = protAsked & (PROT_GROWSDOWN | PROT_GROWSUP);
  const prot = protAsked & ~(PROT_GROWSDOWN | PROT_GROWSUP);
  if (grows === (PROT_GROWSDOWN | PROT_GROWSUP) || address % PAGE_SIZE !== 0) return -EINVAL;
  if (lengthBytes === 0) return 0;
  const endVpn = address / PAGE_SIZE + Math.ceil(lengthBytes / PAGE_SIZE);
  if (endVpn * PAGE_SIZE >= ADDRESS_END) return -ENOMEM;
  if ((prot & ~PROT_KNOWN) !== 0) return -EINVAL;

  let at = address / PAGE_SIZE;
  let vma = mm.tree.find(at);
  if (vma === NO_VMA || pool.startVpn[vma] >= endVpn) return -ENOMEM;
  if ((grows & PROT_GROWSDOWN) !== 0) {
    at = pool.startVpn[vma];
    if ((pool.vmFlags[vma] & VM_GROWSDOWN) === 0) return -EINVAL;
  } else if (pool.startVpn[vma] > at) {
    return -ENOMEM;
  } else if ((grows & PROT_GROWSUP) !== 0) {
    return -EINVAL;
  }

  while (at < endVpn) {
    vma = mm.tree.find(at);
    if (vma === NO_VMA || mm.pool.startVpn[vma] > at) return -ENOMEM;
    const vmFlags = vmFlagsOfProt(prot) | (mm.pool.vmFlags[vma] & ~VM_ACCESS_FLAGS);
    // VM_MAYREAD and its siblings lie four bits above VM_READ.
    if ((vmFlags & ~(vmFlags >> 4) & VM_ACCESS_FLAGS) !== 0) return -EACCES;
    if (mm.deniesWriteExec(mm.pool.vmFlags[vma], vmFlags)) return -EACCES;
    const protectedEnd = Math.min(mm.pool.endVpn[vma], endVpn);
    const protectedVma = protectVma(mm, vma, at, protectedEnd, vmFlags);
    if (protectedVma < 0) return protectedVma;
    at = mm.pool.endVpn[protectedVma];
  }
  return 0;
}

/** Gives a part of one VMA other rights; returns the VMA that holds it then, or an errno. */
function protectVma(mm: MmStruct, vma: VmaId, startVpn: Vpn, endVpn: Vpn, vmFlagsAsked: number): VmaId {
  const { pool, commit } = mm;
  const oldFlags = pool.vmFlags[vma];
  if ((oldFlags & VM_SEALED) !== 0) return -EPERM;
  let vmFlags = vmFlagsAsked;
  if (vmFlags === oldFlags) return vma;
  const nrPages = endVpn - startVpn;
  let nrCharged = 0;
  if ((vmFlags & VM_WRITE) !== 0) {
    if (!mm.mayExpand(vmFlags, nrPages) && mm.mayExpand(oldFlags, nrPages)) return -ENOMEM;
    if ((oldFlags & (VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE)) === 0) {
      if (commit.charge(nrPages, mm.totalVm, mm.isPrivileged) !== 0) return -ENOMEM;
      nrCharged = nrPages;
      vmFlags |= VM_ACCOUNT;
    }
  } else if (
    (oldFlags & VM_ACCOUNT) !== 0 &&
    pool.fileId[vma] === NO_FILE &&
    pool.anonVma[vma] === NO_ANON_VMA
  ) {
    // Nothing was written yet, so the promise can be taken back.
    vmFlags &= ~VM_ACCOUNT;
  }
  const modified = modifyVma(mm, vma, startVpn, endVpn, vmFlags, pool.mempolicy[vma]);
  if (modified < 0) {
    commit.uncharge(nrCharged);
    return modified;
  }
  mm.pool.vmFlags[modified] = vmFlags;
  mm.host.changeProtection(mm.id, startVpn, endVpn, vmFlags);
  if ((oldFlags & VM_ACCOUNT) !== 0 && (vmFlags & VM_ACCOUNT) === 0) commit.uncharge(nrPages);
  mm.account(oldFlags, -nrPages);
  mm.account(vmFlags, nrPages);
  return modified;
}
