/**
 * Who a process is: user ids, and the capabilities that go with them. Source: Linux 6.18 kernel/sys.c, __sys_setresuid();
 * security/commoncap.c, cap_emulate_setxuid(); kernel/cred.c, commit_creds().
 * Differs: a process has all capabilities or none, as root and other users have them; no file-system uid.
 */
import { EINVAL, EPERM } from "@pageframe/contracts";
import { applyLimits } from "./prlimit.ts";
import { SUID_DUMP_DISABLE, type Task } from "../task.ts";

/** Highest user id: the one above means "leave as it is". */
const MAX_UID = 0xfffffffe;
/** setresuid(2) leaves an id that is given as -1. */
const KEEP = -1;

/** setresuid(2). Returns 0, -EINVAL for what is no user id, or -EPERM. */
export function sysSetresuid(task: Task, ruid: number, euid: number, suid: number): number {
  const { process } = task;
  for (const id of [ruid, euid, suid]) {
    if (id !== KEEP && (!Number.isInteger(id) || id < 0 || id > MAX_UID)) return -EINVAL;
    const isOwn = id === KEEP || id === process.uid || id === process.euid || id === process.suid;
    if (!isOwn && !process.isPrivileged) return -EPERM;
  }
  const before = process.euid;
  const wasRoot = process.uid === 0 || process.euid === 0 || process.suid === 0;
  if (ruid !== KEEP) process.uid = ruid;
  if (euid !== KEEP) process.euid = euid;
  if (suid !== KEEP) process.suid = suid;
  const isRoot = process.uid === 0 || process.euid === 0 || process.suid === 0;
  // Without any id of root there are no permitted capabilities; without its effective id, none in effect.
  if ((wasRoot && !isRoot) || (before === 0 && process.euid !== 0)) process.isPrivileged = false;
  if (before !== 0 && process.euid === 0) process.isPrivileged = true;
  if (process.euid !== before) task.mm.dumpable = SUID_DUMP_DISABLE;
  if (task.vforkParentPid === 0) applyLimits(task.mm, process);
  return 0;
}
