export { AddressSpace } from "./address-space.ts";
export { MappingIndex } from "./mapping-index.ts";
export { MmStruct, type AddressSpaceConfig } from "./mm-struct.ts";
export {
  DEFAULT_RLIMIT_MEMLOCK_BYTES,
  DEFAULT_RLIMIT_STACK_BYTES,
  RISCV_MMAP_LEGACY_BASE_VPN,
  USER_PGTABLES_CEILING_VPN,
  mmapBaseVpn,
} from "./layout.ts";
export { FILE_HUGETLB, FILE_NOEXEC, FILE_THP_ALIGNED, FMODE_READ, FMODE_WRITE } from "./mmap.ts";
export { OVERCOMMIT_ALWAYS, OVERCOMMIT_GUESS, OVERCOMMIT_NEVER, VmCommit } from "./vm-commit.ts";
export {
  VM_DATA_DEFAULT_FLAGS,
  VM_LOCKED_MASK,
  VM_SPECIAL,
  VM_STACK_FLAGS,
  flagsToPerms,
  isAccessible,
  isAccountable,
  isDataMapping,
  isExecMapping,
  isKsmCompatible,
  isSpecialMapping,
  isStackMapping,
  vmFlagsOfProt,
} from "./vma-flags.ts";
export { NO_ANON_VMA, NO_FILE, NO_MEMPOLICY, NO_MM, NO_UFFD, VmaPool } from "./vma-pool.ts";
export { NO_GAP, VmaTree } from "./vma-tree.ts";
