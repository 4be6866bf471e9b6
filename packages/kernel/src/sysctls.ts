/** Values of settings that have no other home. The settings themselves are in sysctl.ts. */
const DEFAULT_MMAP_MIN_ADDR = 65536;
const DEFAULT_RANDOMIZE_VA_SPACE = 2;

/** Some files of /proc/sys. */
export class Sysctls {
  /** vm.mmap_min_addr, in bytes. */
  mmapMinAddr: number = DEFAULT_MMAP_MIN_ADDR;
  /** vm.max_map_count, for address spaces to come. */
  maxMapCount: number;
  /** kernel.randomize_va_space: 0 nothing, 1 all but the heap, 2 all. */
  randomizeVaSpace: number = DEFAULT_RANDOMIZE_VA_SPACE;
  /** vm.unprivileged_userfaultfd: 1 lets everybody handle faults of the kernel. */
  unprivilegedUserfaultfd = 0;

  constructor(maxMapCount: number) {
    this.maxMapCount = maxMapCount;
  }
}
