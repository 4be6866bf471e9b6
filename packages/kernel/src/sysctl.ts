/**
 * Settings at run time: the files of /proc/sys that this machine has. Cold.
 *
 * Keys are paths below /proc/sys, such as `vm/swappiness`. Values are text, read as strtoul(3) with base 0 does; only the
 * first word counts, and an empty text changes nothing. Ranges were asked of a 6.18 kernel.
 * Source: Linux 6.18 kernel/sysctl.c, proc_dointvec_minmax(), proc_doulongvec_minmax(); mm/util.c, overcommit_policy_handler();
 * fs/drop_caches.c; kernel/sysctl.c and mm/: the tables of vm.
 */
import { bug, EACCES, EINVAL, ENOENT, PAGE_SIZE } from "@pageframe/contracts";
import { dropCaches } from "./files/drop-caches.ts";
import { type System } from "./system.ts";
import { isDirtySetting, readDirtySetting, writeDirtySetting } from "./writeback/dirty-settings.ts";

const INT_MAX = 0x7fffffff;
const INT_MIN = -0x80000000;
/** Largest unsigned long that a number holds exactly; above, text is taken as the nearest number. */
const ULONG_MAX = 2 ** 64 - 1;

/** Range of each key, and whether it can be read. */
const RANGES: Readonly<Record<string, { min: number; max: number; isWriteOnly?: boolean }>> = {
  "kernel/randomize_va_space": { min: INT_MIN, max: INT_MAX },
  "vm/admin_reserve_kbytes": { min: 0, max: ULONG_MAX },
  // What these take is in @pageframe/pagecache: another range would be one more truth.
  "vm/dirty_background_bytes": { min: -ULONG_MAX, max: ULONG_MAX },
  "vm/dirty_background_ratio": { min: -ULONG_MAX, max: ULONG_MAX },
  "vm/dirty_bytes": { min: -ULONG_MAX, max: ULONG_MAX },
  "vm/dirty_expire_centisecs": { min: -ULONG_MAX, max: ULONG_MAX },
  "vm/dirty_ratio": { min: -ULONG_MAX, max: ULONG_MAX },
  "vm/dirty_writeback_centisecs": { min: -ULONG_MAX, max: ULONG_MAX },
  "vm/dirtytime_expire_seconds": { min: -ULONG_MAX, max: ULONG_MAX },
  "vm/drop_caches": { min: 1, max: 4, isWriteOnly: true },
  "vm/max_map_count": { min: 0, max: INT_MAX },
  "vm/mmap_min_addr": { min: 0, max: ULONG_MAX },
  "vm/overcommit_kbytes": { min: 0, max: ULONG_MAX },
  "vm/overcommit_memory": { min: 0, max: 2 },
  "vm/overcommit_ratio": { min: INT_MIN, max: INT_MAX },
  "vm/page-cluster": { min: 0, max: 31 },
  "vm/swappiness": { min: 0, max: 200 },
  "vm/unprivileged_userfaultfd": { min: 0, max: 1 },
  "vm/user_reserve_kbytes": { min: 0, max: ULONG_MAX },
};

/** Keys that sysctl() knows, sorted. */
export const SYSCTL_NAMES: readonly string[] = Object.keys(RANGES);

/** Reads a setting as text. Returns -ENOENT for an unknown key, -EACCES for one that is only written. */
export function readSysctl(sys: System, name: string): string | number {
  if (!Object.hasOwn(RANGES, name)) return -ENOENT;
  return RANGES[name].isWriteOnly === true ? -EACCES : String(get(sys, name));
}

/** Sets a setting. Returns 0, -ENOENT for an unknown key, -EINVAL for a value that is no number or out of range, -ERANGE for too many bytes. */
export function writeSysctl(sys: System, name: string, text: string): number {
  if (!Object.hasOwn(RANGES, name)) return -ENOENT;
  const word = /^\s*(\S*)/.exec(text)![1];
  if (word === "") return 0;
  const value = parseNumber(word);
  const { min, max } = RANGES[name];
  if (Number.isNaN(value) || value < min || value > max) return -EINVAL;
  if (isDirtySetting(name)) return writeDirtySetting(sys, name, value);
  set(sys, name, value);
  return 0;
}

/** A number as the kernel reads it: decimal, 0x hexadecimal, 0 octal. NaN for anything else. */
function parseNumber(word: string): number {
  const match = /^(-?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))$/.exec(word);
  if (match === null) return NaN;
  const [, sign, hexadecimal, octal, decimal] = match as unknown as (string | undefined)[];
  const value =
    hexadecimal !== undefined
      ? parseInt(hexadecimal, 16)
      : octal !== undefined
        ? parseInt(octal, 8)
        : Number(decimal);
  return sign === "-" ? -value : value;
}

function get(sys: System, name: string): number {
  const { vmCommit, sysctls } = sys;
  if (isDirtySetting(name)) return readDirtySetting(sys, name);
  switch (name) {
    case "kernel/randomize_va_space":
      return sysctls.randomizeVaSpace;
    case "vm/admin_reserve_kbytes":
      return vmCommit.adminReserveKib;
    case "vm/max_map_count":
      return sysctls.maxMapCount;
    case "vm/mmap_min_addr":
      return sysctls.mmapMinAddr;
    case "vm/overcommit_kbytes":
      return vmCommit.overcommitKib;
    case "vm/overcommit_memory":
      return vmCommit.overcommitMemory;
    case "vm/overcommit_ratio":
      return vmCommit.overcommitRatio;
    case "vm/page-cluster":
      return sys.swap.pageCluster;
    case "vm/swappiness":
      return sys.reclaimPolicy.swappiness;
    case "vm/unprivileged_userfaultfd":
      return sysctls.unprivilegedUserfaultfd;
    case "vm/user_reserve_kbytes":
      return vmCommit.userReserveKib;
    default:
      return bug(`setting ${name} has a range and no value`);
  }
}

function set(sys: System, name: string, value: number): void {
  const { vmCommit, sysctls } = sys;
  switch (name) {
    case "kernel/randomize_va_space":
      sysctls.randomizeVaSpace = value;
      break;
    case "vm/admin_reserve_kbytes":
      vmCommit.adminReserveKib = value;
      break;
    case "vm/drop_caches":
      dropCaches(sys, value & 3);
      break;
    case "vm/max_map_count":
      sysctls.maxMapCount = value;
      for (const mm of sys.mms) if (mm !== null) mm.space.maxMapCount = value;
      break;
    case "vm/mmap_min_addr":
      sysctls.mmapMinAddr = value;
      for (const mm of sys.mms) if (mm !== null) mm.space.mmapMinVpn = Math.ceil(value / PAGE_SIZE);
      break;
    case "vm/overcommit_kbytes":
      vmCommit.setOvercommitKib(value);
      break;
    case "vm/overcommit_memory":
      vmCommit.setOvercommitMemory(value);
      break;
    case "vm/overcommit_ratio":
      vmCommit.setOvercommitRatio(value);
      break;
    case "vm/page-cluster":
      sys.swap.pageCluster = value;
      break;
    case "vm/swappiness":
      sys.reclaimPolicy.swappiness = value;
      break;
    case "vm/unprivileged_userfaultfd":
      sysctls.unprivilegedUserfaultfd = value;
      break;
    case "vm/user_reserve_kbytes":
      vmCommit.userReserveKib = value;
      break;
    default:
      bug(`setting ${name} has a range and no effect`);
  }
}
