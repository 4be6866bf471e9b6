/**
 * mm_struct: what an address space consists of, its accounts and limits. The system calls are in address-space.ts.
 *
 * Fields are for reading, unless their comment says who sets them.
 */
import {
  DEFAULT_MAX_MAP_COUNT,
  EINVAL,
  KernelError,
  MMAP_MIN_VPN,
  NO_PAGES_HOST,
  NO_VMA,
  PAGE_SIZE,
  TASK_SIZE_VPN,
  VM_EXEC,
  VM_MERGEABLE,
  VM_WRITE,
  bug,
  type AddressSpaceHost,
  type MmId,
  type Vaddr,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import {
  DEFAULT_RLIMIT_MEMLOCK_BYTES,
  DEFAULT_RLIMIT_STACK_BYTES,
  USER_PGTABLES_CEILING_VPN,
  mmapBaseVpn,
} from "./layout.ts";
import { VmCommit } from "./vm-commit.ts";
import {
  VM_LOCKED_MASK,
  isDataMapping,
  isExecMapping,
  isKsmCompatible,
  isStackMapping,
} from "./vma-flags.ts";
import { NO_FILE, type VmaPool } from "./vma-pool.ts";
import { VmaTree } from "./vma-tree.ts";

/** How an address space differs from a new 64-bit process without randomisation. */
export interface AddressSpaceConfig {
  /** Row of the mm; what the host is told and what `pool.mmId` holds. Default 0. */
  readonly id?: MmId;
  /** Overcommit account of the machine. Default: an account of its own without a limit. */
  readonly commit?: VmCommit;
  /** First page past what programs may have (TASK_SIZE); that of x86-64 when absent. */
  readonly taskSizeVpn?: Vpn;
  /** Page where bottom-up placement starts (TASK_UNMAPPED_BASE); a third of the task size when absent. */
  readonly mmapLegacyBase?: Vpn;
  /** Page below which mmap places; computed from the stack limit when absent. */
  readonly mmapBase?: Vpn;
  /** vm.max_map_count. */
  readonly maxMapCount?: number;
  /** Is CONFIG_TRANSPARENT_HUGEPAGE there, so that placement aligns to 2 MiB? Default true. */
  readonly isThpEnabled?: boolean;
  readonly rlimitStackBytes?: number;
  readonly rlimitAsBytes?: number;
  readonly rlimitDataBytes?: number;
  readonly rlimitMemlockBytes?: number;
  /** Has CAP_SYS_RAWIO, CAP_IPC_LOCK and CAP_SYS_ADMIN. Default true (root). */
  readonly isPrivileged?: boolean;
}

/** State of one address space, with what every system call needs. {@link AddressSpace} is the one to use. */
export class MmStruct {
  readonly id: MmId;
  readonly pool: VmaPool;
  readonly tree: VmaTree;
  readonly host: AddressSpaceHost;
  readonly commit: VmCommit;
  readonly isThpEnabled: boolean;
  /** First page past what programs may have (TASK_SIZE). */
  readonly taskSizeVpn: Vpn;
  /** Page where bottom-up placement starts (TASK_UNMAPPED_BASE). Set by exec. */
  mmapLegacyBase: Vpn;

  /** Page below which mmap places. Set by exec. */
  mmapBase: Vpn;
  /** vm.max_map_count. Set by sysctl. */
  maxMapCount: number;
  /** Heap: [startBrk, brkAddress) in bytes. Set by exec and brk. */
  startBrk: Vaddr = 0;
  brkAddress: Vaddr = 0;
  /** Bytes of the program's initialised data, which RLIMIT_DATA counts with the heap. Set by exec. */
  dataBytes = 0;
  /** Address in the initial stack. Set by setupStack and exec. */
  startStack: Vaddr = 0;

  /** Pages mapped, of them locked, data, text and stack: VmSize, VmLck, VmData, VmExe + VmLib, VmStk. */
  totalVm = 0;
  lockedVm = 0;
  dataVm = 0;
  execVm = 0;
  stackVm = 0;
  /** Most pages mapped when some were about to go (hiwater_vm). Set by fork and munmap. */
  hiwaterVm = 0;
  /** Pages that `lockedVm` counts though no mapping is locked any more: MREMAP_DONTUNMAP leaves them so. */
  lockedVmDrift = 0;
  /** First page that programs without CAP_SYS_RAWIO may map (vm.mmap_min_addr). Set by sysctl. */
  mmapMinVpn: Vpn = MMAP_MIN_VPN;
  /** Must no mapping be writable and executable, none become executable (PR_SET_MDWE)? Set by prctl. */
  isMdwe = false;
  /** Do mappings that same-page merging could take begin as VM_MERGEABLE (MMF_VM_MERGE_ANY)? Set by setMergeAny and exec. */
  isMergeAny = false;
  /** VM_* bits that every new mapping gets (mlockall MCL_FUTURE). Set by the kernel. */
  defFlags = 0;

  /** Soft limits of the process in bytes, Infinity when unlimited. Set by setrlimit. */
  rlimitStackBytes: number;
  rlimitAsBytes: number;
  rlimitDataBytes: number;
  rlimitMemlockBytes: number;
  /** Hard limit of RLIMIT_DATA, in bytes. */
  rlimitDataMaxBytes = Infinity;
  /** Set by setuid. */
  isPrivileged: boolean;

  /** Row that findVma last found; only a hint. */
  private cachedVma: VmaId = NO_VMA;

  constructor(pool: VmaPool, host: AddressSpaceHost = NO_PAGES_HOST, config: AddressSpaceConfig = {}) {
    this.id = config.id ?? 0;
    if (!Number.isInteger(this.id) || this.id < 0) {
      throw new KernelError(EINVAL, `mm id ${this.id} is not an integer from 0`);
    }
    this.pool = pool;
    this.tree = new VmaTree(pool);
    this.host = host;
    this.commit = config.commit ?? new VmCommit();
    this.isThpEnabled = config.isThpEnabled ?? true;
    this.maxMapCount = config.maxMapCount ?? DEFAULT_MAX_MAP_COUNT;
    this.rlimitStackBytes = config.rlimitStackBytes ?? DEFAULT_RLIMIT_STACK_BYTES;
    this.rlimitAsBytes = config.rlimitAsBytes ?? Infinity;
    this.rlimitDataBytes = config.rlimitDataBytes ?? Infinity;
    this.rlimitMemlockBytes = config.rlimitMemlockBytes ?? DEFAULT_RLIMIT_MEMLOCK_BYTES;
    this.isPrivileged = config.isPrivileged ?? true;
    this.taskSizeVpn = config.taskSizeVpn ?? TASK_SIZE_VPN;
    if (
      !Number.isInteger(this.taskSizeVpn) ||
      this.taskSizeVpn < 1 ||
      this.taskSizeVpn > USER_PGTABLES_CEILING_VPN
    ) {
      throw new KernelError(
        EINVAL,
        `taskSizeVpn (${this.taskSizeVpn}) must be an integer from 1 to ${USER_PGTABLES_CEILING_VPN}`,
      );
    }
    this.mmapLegacyBase = config.mmapLegacyBase ?? Math.ceil(this.taskSizeVpn / 3);
    this.mmapBase = config.mmapBase ?? mmapBaseVpn(this.rlimitStackBytes, this.taskSizeVpn);
  }

  /** Most pages ever mapped, as far as the kernel has noticed: VmPeak. */
  get peakVm(): number {
    return Math.max(this.hiwaterVm, this.totalVm);
  }

  /** Number of VMAs (map_count). */
  get mapCount(): number {
    return this.tree.nrVmas;
  }

  /** Finds the first VMA whose end is above `vpn` (its start may be too), or NO_VMA. O(log n), O(1) on repetition. */
  findVma(vpn: Vpn): VmaId {
    const { pool, cachedVma } = this;
    if (
      cachedVma !== NO_VMA &&
      pool.mmId[cachedVma] === this.id &&
      pool.startVpn[cachedVma] <= vpn &&
      vpn < pool.endVpn[cachedVma]
    ) {
      return cachedVma;
    }
    const vma = this.tree.find(vpn);
    if (vma !== NO_VMA) this.cachedVma = vma;
    return vma;
  }

  /** Lowest VMA, or NO_VMA. */
  get firstVma(): VmaId {
    return this.tree.first;
  }

  /** VMA after this one in address order, or NO_VMA. */
  nextVma(vma: VmaId): VmaId {
    return this.pool.next[vma];
  }

  /** VMA before this one, or NO_VMA. */
  prevVma(vma: VmaId): VmaId {
    return this.pool.prev[vma];
  }

  /** Calls the visitor with each VMA in address order; it must not change mappings. */
  forEachVma(visit: (vma: VmaId) => void): void {
    for (let vma = this.tree.first; vma !== NO_VMA; vma = this.pool.next[vma]) visit(vma);
  }

  /** Is it part of the heap, `[heap]` in maps (vma_is_initial_heap)? */
  isHeapVma(vma: VmaId): boolean {
    const { startVpn, endVpn } = this.pool;
    return startVpn[vma] * PAGE_SIZE < this.brkAddress && endVpn[vma] * PAGE_SIZE > this.startBrk;
  }

  /** Is it the initial stack, `[stack]` in maps (vma_is_initial_stack)? */
  isStackVma(vma: VmaId): boolean {
    const { startVpn, endVpn } = this.pool;
    return startVpn[vma] * PAGE_SIZE <= this.startStack && endVpn[vma] * PAGE_SIZE >= this.startStack;
  }

  /** Would `nrPages` more with these flags stay within RLIMIT_AS and RLIMIT_DATA (may_expand_vm)? */
  mayExpand(vmFlags: number, nrPages: number): boolean {
    if (this.totalVm + nrPages > Math.floor(this.rlimitAsBytes / PAGE_SIZE)) return false;
    if (isDataMapping(vmFlags) && this.dataVm + nrPages > Math.floor(this.rlimitDataBytes / PAGE_SIZE)) {
      // A soft limit of 0 under a roomy hard limit counts as unlimited, for Valgrind's sake.
      return (
        this.rlimitDataBytes === 0 && this.dataVm + nrPages <= Math.floor(this.rlimitDataMaxBytes / PAGE_SIZE)
      );
    }
    return true;
  }

  /** Would `nrPages` more with these flags stay within RLIMIT_MEMLOCK (mlock_future_ok)? */
  mayLock(vmFlags: number, nrPages: number): boolean {
    if ((vmFlags & VM_LOCKED_MASK) === 0 || this.isPrivileged) return true;
    return this.lockedVm + nrPages <= Math.floor(this.rlimitMemlockBytes / PAGE_SIZE);
  }

  /** Does PR_SET_MDWE forbid that a mapping with the first flags gets the second (map_deny_write_exec)? */
  deniesWriteExec(oldFlags: number, newFlags: number): boolean {
    if (!this.isMdwe || (newFlags & VM_EXEC) === 0) return false;
    return (newFlags & VM_WRITE) !== 0 || (oldFlags & VM_EXEC) === 0;
  }

  /** Flags of a new mapping with VM_MERGEABLE where it belongs (ksm_vma_flags). For this package. */
  ksmFlags(vmFlags: number): number {
    return this.isMergeAny && isKsmCompatible(vmFlags) ? vmFlags | VM_MERGEABLE : vmFlags;
  }

  /**
   * Makes every mapping that same-page merging could take, there or to come, VM_MERGEABLE; or none that is there, as new
   * ones will not be. Neighbours that become equal do not merge (ksm_enable_merge_any, ksm_disable_merge_any). O(n).
   */
  setMergeAny(isMergeAny: boolean): void {
    if (this.isMergeAny === isMergeAny) return;
    this.isMergeAny = isMergeAny;
    const { vmFlags, next } = this.pool;
    for (let vma = this.tree.first; vma !== NO_VMA; vma = next[vma])
      vmFlags[vma] = isMergeAny ? this.ksmFlags(vmFlags[vma]) : vmFlags[vma] & ~VM_MERGEABLE;
  }

  /** Adds `nrPages` (may be negative) to the counts that the flags belong to (vm_stat_account). */
  account(vmFlags: number, nrPages: number): void {
    this.totalVm += nrPages;
    if (isExecMapping(vmFlags)) this.execVm += nrPages;
    else if (isStackMapping(vmFlags)) this.stackVm += nrPages;
    else if (isDataMapping(vmFlags)) this.dataVm += nrPages;
  }

  /** Makes a row with kernel memory behind it; returns NO_VMA when the host has none. For this package. */
  allocVma(startVpn: Vpn, endVpn: Vpn, vmFlags: number, pgoff: number, fileId: number): VmaId {
    const objectAddress = this.host.allocVmaObject();
    if (objectAddress === -1) return NO_VMA;
    const vma = this.pool.alloc(this.id, startVpn, endVpn, vmFlags, pgoff, fileId);
    this.pool.objectAddress[vma] = objectAddress;
    if (fileId !== NO_FILE) this.pool.objectId[vma] = this.host.getFile?.(fileId) ?? fileId;
    return vma;
  }

  /** Frees a row that is in no tree. For this package. */
  freeVma(vma: VmaId): void {
    const fileId = this.pool.fileId[vma];
    const objectAddress = this.pool.objectAddress[vma];
    this.pool.free(vma);
    if (fileId !== NO_FILE) this.host.putFile?.(fileId);
    this.host.freeVmaObject(objectAddress);
  }

  /** Checks the tree, the bounds and the counts; calls bug() on the first fault. O(n). */
  checkInvariants(): void {
    this.tree.checkInvariants();
    const { pool } = this;
    let [totalVm, lockedVm, dataVm, execVm, stackVm] = [0, 0, 0, 0, 0];
    for (let vma = this.tree.first; vma !== NO_VMA; vma = pool.next[vma]) {
      if (pool.mmId[vma] !== this.id) bug(`VMA ${vma} of mm ${this.id} belongs to mm ${pool.mmId[vma]}`);
      if (pool.startVpn[vma] < 0 || pool.endVpn[vma] > this.taskSizeVpn) {
        bug(`VMA ${vma} [${pool.startVpn[vma]}, ${pool.endVpn[vma]}) leaves user space`);
      }
      const nrPages = pool.endVpn[vma] - pool.startVpn[vma];
      const vmFlags = pool.vmFlags[vma];
      totalVm += nrPages;
      if (vmFlags & VM_LOCKED_MASK) lockedVm += nrPages;
      if (isExecMapping(vmFlags)) execVm += nrPages;
      else if (isStackMapping(vmFlags)) stackVm += nrPages;
      else if (isDataMapping(vmFlags)) dataVm += nrPages;
    }
    if (totalVm !== this.totalVm) bug(`totalVm is ${this.totalVm}, the VMAs hold ${totalVm} pages`);
    if (lockedVm + this.lockedVmDrift !== this.lockedVm) {
      bug(`lockedVm is ${this.lockedVm}, the VMAs hold ${lockedVm} pages, ${this.lockedVmDrift} are astray`);
    }
    if (dataVm !== this.dataVm) bug(`dataVm is ${this.dataVm}, the VMAs hold ${dataVm} pages`);
    if (execVm !== this.execVm) bug(`execVm is ${this.execVm}, the VMAs hold ${execVm} pages`);
    if (stackVm !== this.stackVm) bug(`stackVm is ${this.stackVm}, the VMAs hold ${stackVm} pages`);
  }
}
