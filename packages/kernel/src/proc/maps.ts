/** /proc/PID/maps. Source: Linux 6.18 fs/proc/task_mmu.c, show_map_vma(), get_vma_name(). Cold. */
import { NO_VMA, type VmaId } from "@pageframe/contracts";
import { type MapsEntry } from "@pageframe/procfs";
import { flagsToPerms } from "@pageframe/vma";
import { pathOf } from "../files/files.ts";
import { VSYSCALL_PAGE_52 } from "../kernel-space/kernel-layout.ts";
import { type System } from "../system.ts";
import { type Mm, type Task } from "../task.ts";

/** Line of the vsyscall page: executable, and nothing else. */
const VSYSCALL_ENTRY: MapsEntry = {
  startVpn: VSYSCALL_PAGE_52,
  endVpn: VSYSCALL_PAGE_52 + 1,
  perms: "--xp",
  pgoff: 0,
  devMajor: 0,
  devMinor: 0,
  inode: 0,
  name: "[vsyscall]",
};

/** Collects the mappings of a task, the vsyscall page last. */
export function mapsEntries(sys: System, task: Task): MapsEntry[] {
  const { mm } = task;
  const entries: MapsEntry[] = [];
  for (let vma = mm.space.firstVma; vma !== NO_VMA; vma = mm.space.nextVma(vma)) {
    entries.push(mapsEntry(sys, mm, vma));
  }
  const gate = gateEntry(sys, task);
  if (gate !== null) entries.push(gate);
  return entries;
}

/** The vsyscall page, a VMA that is in no tree (get_gate_vma); null where programs do not have it. */
export function gateEntry(sys: System, task: Task): MapsEntry | null {
  return sys.config.vsyscall === "xonly" && !task.hasExited ? VSYSCALL_ENTRY : null;
}

/** What maps shows of one mapping. */
export function mapsEntry(sys: System, mm: Mm, vma: VmaId): MapsEntry {
  const { space } = mm;
  const { pool } = space;
  const fileId = pool.fileId[vma];
  const inode = fileId >= 0 ? sys.files.inodeOf(fileId) : null;
  const isFile = inode !== null && !inode.isSpecial;
  const anonName = space.isHeapVma(vma) ? "[heap]" : space.isStackVma(vma) ? "[stack]" : "";
  return {
    startVpn: pool.startVpn[vma],
    endVpn: pool.endVpn[vma],
    perms: flagsToPerms(pool.vmFlags[vma]),
    pgoff: isFile ? pool.pgoff[vma] : 0,
    devMajor: isFile ? inode.devMajor : 0,
    devMinor: isFile ? inode.devMinor : 0,
    inode: isFile ? inode.ino : 0,
    name: inode === null ? anonName : pathOf(inode),
  };
}
