/** The files /proc/sys/vm/dirty_*: what follows when one is written. Cold. */
import {
  DIRTY_SYSCTL_FILES,
  DIRTY_SYSCTL_SET_RATELIMIT,
  DIRTY_SYSCTL_WAKE_FLUSHERS,
  writeDirtySysctl,
  WB_REASON_PERIODIC,
} from "@pageframe/pagecache";
import { type System } from "../system.ts";
import { setWritebackRatelimit } from "./dirty-limits.ts";
import { wakeupFlushers } from "./run-flushers.ts";

/** Value of `vm/dirty_...`. */
export function readDirtySetting(sys: System, name: string): number {
  return sys.writeback.sysctls[DIRTY_SYSCTL_FILES[fileOf(name)]];
}

/** Is it one of these settings? */
export function isDirtySetting(name: string): boolean {
  return Object.hasOwn(DIRTY_SYSCTL_FILES, fileOf(name));
}

/** Sets `vm/dirty_...`. Returns 0, -EINVAL for a number out of range, -ERANGE for bytes of too many pages. */
export function writeDirtySetting(sys: System, name: string, value: number): number {
  const { sysctls } = sys.writeback;
  const todo = writeDirtySysctl(sysctls, DIRTY_SYSCTL_FILES[fileOf(name)], value);
  if (todo < 0) return todo;
  if ((todo & DIRTY_SYSCTL_SET_RATELIMIT) !== 0) setWritebackRatelimit(sys);
  if ((todo & DIRTY_SYSCTL_WAKE_FLUSHERS) !== 0) wakeupFlushers(sys, WB_REASON_PERIODIC);
  return 0;
}

function fileOf(name: string): string {
  return name.startsWith("vm/") ? name.slice("vm/".length) : "";
}
