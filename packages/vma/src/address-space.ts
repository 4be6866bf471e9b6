/**
 * The address space of one process and its system calls.
 *
 * VMAs are rows of a pool that all address spaces share, indexed here by a tree. Effects on pages go to the host.
 * VMA ids do not survive a change: look them up anew. Addresses and lengths of system calls are in bytes; results are
 * addresses, 0, or a negative errno.
 */
import { EFAULT, NO_VMA, VM_UFFD_FLAGS, type Vaddr, type VmaId, type Vpn } from "@pageframe/contracts";
import { prepareAnonVma } from "./anon-vma.ts";
import { doBrk } from "./brk.ts";
import { forkAddressSpace } from "./fork.ts";
import { modifyVma } from "./merge.ts";
import { MmStruct } from "./mm-struct.ts";
import { FMODE_READ, FMODE_WRITE, doMmap } from "./mmap.ts";
import { doMprotect } from "./mprotect.ts";
import { doMremap } from "./mremap.ts";
import { doMunmap, unmapAll } from "./munmap.ts";
import { installSpecialMapping } from "./special-mapping.ts";
import { expandDownwards, setupStack } from "./stack.ts";
import { findUnmappedArea } from "./unmapped-area.ts";
import { VM_LOCKED_MASK } from "./vma-flags.ts";
import { NO_FILE } from "./vma-pool.ts";

/** One mm_struct and what can be asked of it. */
export class AddressSpace extends MmStruct {
  /**
   * mmap(2): returns the address, or -EINVAL, -ENOMEM, -EEXIST, -EACCES, -EPERM, -EAGAIN, -EBADF, -EOVERFLOW.
   * `fileId` is NO_FILE for private anonymous memory; MAP_SHARED | MAP_ANONYMOUS takes the id of a new shmem object.
   * `fileMode`: FMODE_* and FILE_* bits of the file. Populating (MAP_POPULATE, VM_LOCKED) is the caller's.
   */
  mmap(
    address: Vaddr,
    lengthBytes: number,
    prot: number,
    flags: number,
    fileId: number = NO_FILE,
    offsetBytes = 0,
    fileMode: number = FMODE_READ | FMODE_WRITE,
  ): number {
    return doMmap(this, address, lengthBytes, prot, flags, fileId, offsetBytes, fileMode);
  }

  /** munmap(2): returns 0, -EINVAL, or -ENOMEM when a split would pass max_map_count. */
  munmap(address: Vaddr, lengthBytes: number): number {
    return doMunmap(this, address, lengthBytes);
  }

  /** mprotect(2): returns 0, -EINVAL, -ENOMEM over holes or -EACCES; what lies before the fault has changed. */
  mprotect(address: Vaddr, lengthBytes: number, prot: number): number {
    return doMprotect(this, address, lengthBytes, prot);
  }

  /**
   * mremap(2): returns the address of the resized or moved mapping, or -EINVAL, -EFAULT, -ENOMEM, -EAGAIN. The host
   * moves pages. `fileMode` of a mapped file as in mmap(); FILE_THP_ALIGNED counts.
   */
  mremap(
    address: Vaddr,
    oldBytes: number,
    newBytes: number,
    flags: number,
    newAddress: Vaddr = 0,
    fileMode = 0,
  ): number {
    return doMremap(this, address, oldBytes, newBytes, flags, newAddress, fileMode);
  }

  /** brk(2): moves the end of the heap and returns where it is now, which is the old place when refused. */
  brk(address: Vaddr): Vaddr {
    return doBrk(this, address);
  }

  /** Maps the initial stack, [topVpn - nrPages, topVpn). Returns 0 or -ENOMEM. Called by exec. */
  setupStack(topVpn: Vpn = this.taskSizeVpn, nrPages = 33): number {
    return setupStack(this, topVpn, nrPages);
  }

  /**
   * Maps pages of the kernel's own, over nothing that is there; never merged, not to be grown. Returns 0 or -ENOMEM.
   * Faults find them by `fileId`.
   */
  installSpecialMapping(startVpn: Vpn, nrPages: number, vmFlags: number, fileId: number): number {
    return installSpecialMapping(this, startVpn, nrPages, vmFlags, fileId);
  }

  /** Finds the page where mmap would put a mapping of `nrPages` without a hint, or -ENOMEM (get_unmapped_area). */
  findUnmappedArea(nrPages: number): Vpn {
    return findUnmappedArea(this, 0, nrPages, 1, false);
  }

  /**
   * Grows the stack above `vpn` down to it. Returns 0, -EFAULT when no VM_GROWSDOWN mapping is the next above,
   * -ENOMEM for the guard gap or a limit, -EPERM below mmap_min_addr. Called on a fault outside every VMA.
   */
  expandStack(vpn: Vpn): number {
    const vma = this.findVma(vpn);
    if (vma === NO_VMA) return -EFAULT;
    return this.pool.startVpn[vma] <= vpn ? 0 : expandDownwards(this, vma, vpn);
  }

  /** Gives the VMA an anon_vma before its first anonymous page (anon_vma_prepare): a neighbour's when compatible. */
  anonVmaPrepare(vma: VmaId): void {
    prepareAnonVma(this, vma);
  }

  /**
   * Gives [startVpn, endVpn) of a VMA other flags, merging and splitting (vma_modify_flags): what madvise and mlock
   * do to one VMA. Returns the VMA that holds the range now, or -ENOMEM, or -EINVAL where it cannot be split. Page-table
   * entries are the caller's.
   */
  modifyFlags(vma: VmaId, startVpn: Vpn, endVpn: Vpn, vmFlags: number): VmaId {
    const { pool } = this;
    const oldFlags = pool.vmFlags[vma];
    const modified = modifyVma(this, vma, startVpn, endVpn, vmFlags, pool.mempolicy[vma]);
    if (modified < 0) return modified;
    pool.vmFlags[modified] = vmFlags;
    this.account(oldFlags, startVpn - endVpn);
    this.account(vmFlags, endVpn - startVpn);
    const lockChange = (vmFlags & VM_LOCKED_MASK ? 1 : 0) - (oldFlags & VM_LOCKED_MASK ? 1 : 0);
    this.lockedVm += lockChange * (endVpn - startVpn);
    return modified;
  }

  /** Gives [startVpn, endVpn) of a VMA another memory policy (vma_modify_policy); returns as modifyFlags. */
  modifyPolicy(vma: VmaId, startVpn: Vpn, endVpn: Vpn, mempolicy: number): VmaId {
    const modified = modifyVma(this, vma, startVpn, endVpn, this.pool.vmFlags[vma], mempolicy);
    if (modified >= 0) this.pool.mempolicy[modified] = mempolicy;
    return modified;
  }

  /**
   * Gives [startVpn, endVpn) of a VMA to a userfaultfd, or NO_UFFD, with its VM_UFFD_* bits (vma_modify_flags_uffd); returns
   * as modifyFlags.
   */
  modifyUffd(vma: VmaId, startVpn: Vpn, endVpn: Vpn, uffd: number, uffdFlags: number): VmaId {
    const { pool } = this;
    const vmFlags = (pool.vmFlags[vma] & ~VM_UFFD_FLAGS) | uffdFlags;
    const modified = modifyVma(this, vma, startVpn, endVpn, vmFlags, pool.mempolicy[vma], uffd);
    if (modified < 0) return modified;
    pool.uffd[modified] = uffd;
    pool.vmFlags[modified] = (pool.vmFlags[modified] & ~VM_UFFD_FLAGS) | uffdFlags;
    return modified;
  }

  /**
   * Copies the mappings into `child`, an empty address space of the same pool, as fork does: not VM_DONTCOPY ones,
   * and nothing stays locked. Returns 0, or -ENOMEM with the child empty. Page tables are the caller's (VM_WIPEONFORK
   * mappings start empty).
   */
  forkInto(child: AddressSpace): number {
    return forkAddressSpace(this, child);
  }

  /** Unmaps everything (exit_mmap). */
  unmapAll(): void {
    unmapAll(this);
  }
}
