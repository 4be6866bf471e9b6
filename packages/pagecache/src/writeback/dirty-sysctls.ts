/** The files of /proc/sys/vm that say how much may be dirty and for how long. */
import { EINVAL, ERANGE } from "@pageframe/contracts";

/** Values as the files show them. */
export interface DirtySysctls {
  /** Per cent of the dirtyable memory, or 0 when the bytes rule. */
  dirtyRatio: number;
  dirtyBackgroundRatio: number;
  /** 0 when the ratio rules. */
  dirtyBytes: number;
  dirtyBackgroundBytes: number;
  /** How often the flusher looks; 0: never. Hundredths of a second, as the next. */
  dirtyWritebackCentisecs: number;
  /** How old dirty data may get before the flusher takes it. */
  dirtyExpireCentisecs: number;
  /** How old timestamps may get that only memory has. */
  dirtytimeExpireSeconds: number;
}

export type DirtySysctlName = keyof DirtySysctls;

/** Names of the files. */
export const DIRTY_SYSCTL_FILES: Readonly<Record<string, DirtySysctlName>> = {
  dirty_ratio: "dirtyRatio",
  dirty_background_ratio: "dirtyBackgroundRatio",
  dirty_bytes: "dirtyBytes",
  dirty_background_bytes: "dirtyBackgroundBytes",
  dirty_writeback_centisecs: "dirtyWritebackCentisecs",
  dirty_expire_centisecs: "dirtyExpireCentisecs",
  dirtytime_expire_seconds: "dirtytimeExpireSeconds",
};

/** What a write asks of the caller, as bits: writeback_set_ratelimit(), waking all flushers, setting the dirtytime timer. */
export const DIRTY_SYSCTL_SET_RATELIMIT = 1;
export const DIRTY_SYSCTL_WAKE_FLUSHERS = 2;
export const DIRTY_SYSCTL_SET_DIRTYTIME_TIMER = 4;

const PAGE_SIZE = 4096;
const INT_MAX = 2 ** 31 - 1;
const UINT_MAX = 2 ** 32 - 1;
const ULONG_MAX = 2 ** 64;

/** The values after boot. Source: Linux 6.18 mm/page-writeback.c, fs/fs-writeback.c. */
export function newDirtySysctls(): DirtySysctls {
  return {
    dirtyRatio: 20,
    dirtyBackgroundRatio: 10,
    dirtyBytes: 0,
    dirtyBackgroundBytes: 0,
    dirtyWritebackCentisecs: 500,
    dirtyExpireCentisecs: 3000,
    dirtytimeExpireSeconds: 43200,
  };
}

/**
 * Writes a whole number to one of the files. Returns what is to be done now (DIRTY_SYSCTL_*, 0 for nothing), -EINVAL for a
 * number out of range, -ERANGE for bytes of more than 2^32 - 1 pages. Bytes put the ratio out of force and the ratio the
 * bytes; dirty_ratio and dirty_bytes do so only when they change.
 * Source: Linux 6.18 mm/page-writeback.c, dirty_ratio_handler(), dirty_bytes_handler(), dirty_background_ratio_handler(),
 * dirty_background_bytes_handler(), dirty_writeback_centisecs_handler(); fs/fs-writeback.c, dirtytime_interval_handler().
 */
export function writeDirtySysctl(sysctls: DirtySysctls, name: DirtySysctlName, value: number): number {
  switch (name) {
    case "dirtyRatio":
      if (!isBetween(value, 0, 100)) return -EINVAL;
      if (value === sysctls.dirtyRatio) return 0;
      sysctls.dirtyRatio = value;
      sysctls.dirtyBytes = 0;
      return DIRTY_SYSCTL_SET_RATELIMIT;
    case "dirtyBackgroundRatio":
      if (!isBetween(value, 0, 100)) return -EINVAL;
      sysctls.dirtyBackgroundRatio = value;
      sysctls.dirtyBackgroundBytes = 0;
      return 0;
    case "dirtyBytes":
      if (!isBetween(value, 2 * PAGE_SIZE, ULONG_MAX)) return -EINVAL;
      if (value === sysctls.dirtyBytes) return 0;
      if (Math.ceil(value / PAGE_SIZE) > UINT_MAX) return -ERANGE;
      sysctls.dirtyBytes = value;
      sysctls.dirtyRatio = 0;
      return DIRTY_SYSCTL_SET_RATELIMIT;
    case "dirtyBackgroundBytes":
      if (!isBetween(value, 1, ULONG_MAX)) return -EINVAL;
      if (Math.ceil(value / PAGE_SIZE) > UINT_MAX) return -ERANGE;
      sysctls.dirtyBackgroundBytes = value;
      sysctls.dirtyBackgroundRatio = 0;
      return 0;
    case "dirtyWritebackCentisecs": {
      // The kernel lets negative numbers in and waits for ever then.
      if (!isBetween(value, -INT_MAX - 1, INT_MAX)) return -EINVAL;
      const isOther = value !== sysctls.dirtyWritebackCentisecs;
      sysctls.dirtyWritebackCentisecs = value;
      return isOther && value !== 0 ? DIRTY_SYSCTL_WAKE_FLUSHERS : 0;
    }
    case "dirtyExpireCentisecs":
      if (!isBetween(value, 0, INT_MAX)) return -EINVAL;
      sysctls.dirtyExpireCentisecs = value;
      return 0;
    case "dirtytimeExpireSeconds":
      if (!isBetween(value, 0, INT_MAX)) return -EINVAL;
      sysctls.dirtytimeExpireSeconds = value;
      return DIRTY_SYSCTL_SET_DIRTYTIME_TIMER;
  }
}

function isBetween(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
