/** Copying an address space. Source: Linux 6.18 mm/mmap.c, dup_mmap(); mm/rmap.c, anon_vma_fork(). */
import {
  EINVAL,
  ENOMEM,
  KernelError,
  NO_VMA,
  VM_ACCOUNT,
  VM_DONTCOPY,
  VM_NOHUGEPAGE,
  VM_UFFD_FLAGS,
  VM_WIPEONFORK,
} from "@pageframe/contracts";
import { type MmStruct } from "./mm-struct.ts";
import { unmapAll } from "./munmap.ts";
import { VM_LOCKED_MASK } from "./vma-flags.ts";
import { NO_ANON_VMA, NO_UFFD } from "./vma-pool.ts";

/** Copies the mappings of `mm` into `child`; see AddressSpace.forkInto(). */
export function forkAddressSpace(mm: MmStruct, child: MmStruct): number {
  if (child.pool !== mm.pool || child.mapCount !== 0 || child.id === mm.id) {
    throw new KernelError(
      EINVAL,
      `mm ${mm.id} forks into mm ${child.id} with ${child.mapCount} VMAs; it takes an empty one of the same pool`,
    );
  }
  copyLayout(mm, child);
  const { pool } = mm;
  for (let vma = mm.tree.first; vma !== NO_VMA; vma = pool.next[vma]) {
    const vmFlags = pool.vmFlags[vma];
    if ((vmFlags & VM_DONTCOPY) !== 0) continue;
    const start = pool.startVpn[vma];
    const end = pool.endVpn[vma];
    const nrCharged = (vmFlags & VM_ACCOUNT) !== 0 ? end - start : 0;
    if (nrCharged !== 0 && child.commit.charge(nrCharged, mm.totalVm, mm.isPrivileged) !== 0)
      return abandon(child);
    const uffd =
      pool.uffd[vma] === NO_UFFD ? NO_UFFD : (mm.host.forkUffd?.(pool.uffd[vma], child.id) ?? NO_UFFD);
    const copiedFlags = vmFlags & ~(VM_LOCKED_MASK | (uffd === NO_UFFD ? VM_UFFD_FLAGS : 0));
    const copy = child.allocVma(start, end, copiedFlags, pool.pgoff[vma], pool.fileId[vma]);
    if (copy === NO_VMA) {
      child.commit.uncharge(nrCharged);
      return abandon(child);
    }
    pool.mempolicy[copy] = pool.mempolicy[vma];
    pool.uffd[copy] = uffd;
    pool.swapReadahead[copy] = pool.swapReadahead[vma];
    if (pool.anonVma[vma] !== NO_ANON_VMA && (vmFlags & VM_WIPEONFORK) === 0) {
      // The child gets an anon_vma of its own beside the parent's.
      pool.anonVma[copy] = pool.newAnonVma();
      pool.hasParentAnonVma[copy] = 1;
    }
    child.tree.insertBetween(copy, child.tree.last, NO_VMA);
    child.account(vmFlags, end - start);
  }
  return 0;
}

function copyLayout(mm: MmStruct, child: MmStruct): void {
  child.mmapBase = mm.mmapBase;
  child.mmapLegacyBase = mm.mmapLegacyBase;
  child.maxMapCount = mm.maxMapCount;
  child.mmapMinVpn = mm.mmapMinVpn;
  child.isMdwe = mm.isMdwe;
  child.isMergeAny = mm.isMergeAny;
  child.startBrk = mm.startBrk;
  child.brkAddress = mm.brkAddress;
  child.dataBytes = mm.dataBytes;
  child.startStack = mm.startStack;
  child.rlimitStackBytes = mm.rlimitStackBytes;
  child.rlimitAsBytes = mm.rlimitAsBytes;
  child.rlimitDataBytes = mm.rlimitDataBytes;
  child.rlimitDataMaxBytes = mm.rlimitDataMaxBytes;
  child.rlimitMemlockBytes = mm.rlimitMemlockBytes;
  child.isPrivileged = mm.isPrivileged;
  child.defFlags = mm.defFlags & VM_NOHUGEPAGE;
}

/** Undoes a fork that ran out of memory; no page is mapped yet. */
function abandon(child: MmStruct): number {
  unmapAll(child);
  return -ENOMEM;
}
