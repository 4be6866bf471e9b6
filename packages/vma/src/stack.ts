/**
 * Stacks: the initial one, and growth on faults. Source: Linux 6.18 fs/exec.c, setup_arg_pages(); mm/vma.c,
 * expand_downwards(), acct_stack_growth().
 */
import {
  EFAULT,
  ENOMEM,
  EPERM,
  NO_VMA,
  PAGE_SIZE,
  STACK_GUARD_GAP_PAGES,
  VM_GROWSDOWN,
  VM_SOFTDIRTY,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { type MmStruct } from "./mm-struct.ts";
import { prepareAnonVma } from "./anon-vma.ts";
import { VM_LOCKED_MASK, VM_STACK_FLAGS, isAccessible } from "./vma-flags.ts";
import { NO_FILE } from "./vma-pool.ts";

/** Maps the initial stack; see AddressSpace.setupStack(). */
export function setupStack(mm: MmStruct, topVpn: Vpn, nrPages: number): number {
  const { tree, commit } = mm;
  const startVpn = topVpn - nrPages;
  const there = tree.find(startVpn);
  if (there !== NO_VMA && mm.pool.startVpn[there] < topVpn) return -ENOMEM;
  if (commit.charge(nrPages, mm.totalVm, mm.isPrivileged) !== 0) return -ENOMEM;
  const vma = mm.allocVma(startVpn, topVpn, VM_STACK_FLAGS | VM_SOFTDIRTY | mm.defFlags, startVpn, NO_FILE);
  if (vma === NO_VMA) {
    commit.uncharge(nrPages);
    return -ENOMEM;
  }
  tree.insert(vma);
  mm.account(VM_STACK_FLAGS, nrPages);
  if ((mm.defFlags & VM_LOCKED_MASK) !== 0) mm.lockedVm += nrPages;
  mm.startStack = topVpn * PAGE_SIZE - 8;
  return 0;
}

/** Moves the start of a VM_GROWSDOWN mapping down to `vpn`; see AddressSpace.expandStack(). */
export function expandDownwards(mm: MmStruct, vma: VmaId, vpn: Vpn): number {
  const { pool, tree } = mm;
  const vmFlags = pool.vmFlags[vma];
  if ((vmFlags & VM_GROWSDOWN) === 0) return -EFAULT;
  if (vpn < mm.mmapMinVpn) return -EPERM;
  const prev = pool.prev[vma];
  if (
    prev !== NO_VMA &&
    (pool.vmFlags[prev] & VM_GROWSDOWN) === 0 &&
    isAccessible(pool.vmFlags[prev]) &&
    vpn - pool.endVpn[prev] < STACK_GUARD_GAP_PAGES
  ) {
    return -ENOMEM;
  }
  prepareAnonVma(mm, vma);
  const nrPages = pool.endVpn[vma] - vpn;
  const nrGrown = pool.startVpn[vma] - vpn;
  if (nrGrown > pool.pgoff[vma]) return -ENOMEM;
  if (!mm.mayExpand(vmFlags, nrGrown)) return -ENOMEM;
  if (nrPages * PAGE_SIZE > mm.rlimitStackBytes) return -ENOMEM;
  if (!mm.mayLock(vmFlags, nrGrown)) return -ENOMEM;
  if (mm.commit.charge(nrGrown, mm.totalVm, mm.isPrivileged) !== 0) return -ENOMEM;
  if ((vmFlags & VM_LOCKED_MASK) !== 0) mm.lockedVm += nrGrown;
  mm.account(vmFlags, nrGrown);
  pool.pgoff[vma] -= nrGrown;
  tree.setRange(vma, vpn, pool.endVpn[vma]);
  return 0;
}
