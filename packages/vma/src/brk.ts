/** The heap. Source: Linux 6.18 mm/mmap.c, brk(2); mm/vma.c, do_brk_flags(). */
import {
  ENOMEM,
  NO_VMA,
  PAGE_SIZE,
  VM_ACCOUNT,
  VM_LOCKED,
  VM_SOFTDIRTY,
  type Vaddr,
  type Vpn,
} from "@pageframe/contracts";
import { type MmStruct } from "./mm-struct.ts";
import { MERGE_LEFT, findMerges, mergeNew } from "./merge.ts";
import { unmapRange } from "./munmap.ts";
import { startWithGap } from "./unmapped-area.ts";
import { VM_DATA_DEFAULT_FLAGS } from "./vma-flags.ts";
import { NO_FILE, NO_MEMPOLICY } from "./vma-pool.ts";

/** brk(2); see AddressSpace.brk(). */
export function doBrk(mm: MmStruct, address: Vaddr): Vaddr {
  if (address < mm.startBrk) return mm.brkAddress;
  if (address - mm.startBrk + mm.dataBytes > mm.rlimitDataBytes) return mm.brkAddress;
  const newVpn = Math.ceil(address / PAGE_SIZE);
  const oldVpn = Math.ceil(mm.brkAddress / PAGE_SIZE);
  if (newVpn < oldVpn) {
    const vma = mm.tree.find(newVpn);
    if (vma === NO_VMA || mm.pool.startVpn[vma] >= oldVpn) return mm.brkAddress;
    if (unmapRange(mm, newVpn, oldVpn) !== 0) return mm.brkAddress;
  } else if (newVpn > oldVpn) {
    if (newVpn > mm.taskSizeVpn || !mm.mayLock(mm.defFlags, newVpn - oldVpn)) return mm.brkAddress;
    // One page stays free behind the heap, and the guard gap of a stack.
    const next = mm.tree.find(oldVpn);
    if (next !== NO_VMA && newVpn + 1 > startWithGap(mm.tree, next)) return mm.brkAddress;
    if (expandHeap(mm, oldVpn, newVpn) !== 0) return mm.brkAddress;
  }
  mm.brkAddress = address;
  return address;
}

/** Maps [startVpn, endVpn), widening the heap when it ends there. Returns 0 or -ENOMEM. */
function expandHeap(mm: MmStruct, startVpn: Vpn, endVpn: Vpn): number {
  const { pool, tree, commit } = mm;
  const nrPages = endVpn - startVpn;
  const vmFlags = mm.ksmFlags(VM_DATA_DEFAULT_FLAGS | VM_ACCOUNT | mm.defFlags);
  if (!mm.mayExpand(vmFlags, nrPages) || mm.mapCount > mm.maxMapCount) return -ENOMEM;
  if (commit.charge(nrPages, mm.totalVm, mm.isPrivileged) !== 0) return -ENOMEM;
  const next = tree.find(startVpn);
  const before = next === NO_VMA ? tree.last : pool.prev[next];
  // What ends below the heap is not its predecessor.
  const prev = before !== NO_VMA && pool.endVpn[before] * PAGE_SIZE > mm.startBrk ? before : NO_VMA;
  const merges = findMerges(pool, prev, NO_VMA, startVpn, endVpn, vmFlags, NO_FILE, startVpn, NO_MEMPOLICY);
  let vma;
  if (merges === MERGE_LEFT) {
    vma = mergeNew(mm, merges, prev, NO_VMA, startVpn, endVpn, startVpn);
  } else {
    vma = mm.allocVma(startVpn, endVpn, vmFlags, startVpn, NO_FILE);
    if (vma === NO_VMA) {
      commit.uncharge(nrPages);
      return -ENOMEM;
    }
    tree.insertBetween(vma, before, next);
  }
  mm.account(vmFlags, nrPages);
  if ((vmFlags & VM_LOCKED) !== 0) mm.lockedVm += nrPages;
  mm.pool.vmFlags[vma] |= VM_SOFTDIRTY;
  return 0;
}
