/**
 * A run of accesses to one page, the unit in which traces are stored and the MMU is driven. Hot: per access run.
 *
 * Two int32 words a run, at `runs[2 * k]` and `runs[2 * k + 1]`:
 *
 *     word 0   bits 0..31   low 32 bits of the virtual page number
 *     word 1   bits 0..12   high 13 bits of the virtual page number (4 used with 48-bit addresses)
 *              bits 13..14  kind of the first access: RUN_READ, RUN_WRITE, RUN_EXEC
 *              bit  15      RUN_SPLIT: second half of an access that straddles two pages
 *              bits 16..30  number of accesses - 1
 *
 * Accesses fold into a run when no observable but the hit count can change: after a first write, reads and writes of
 * that page; after a first fetch, fetches and reads; after a first read, reads only.
 */

/** Kinds of access, as the MMU checks them. */
export const RUN_READ = 0;
export const RUN_WRITE = 1;
export const RUN_EXEC = 2;

export const RUN_VPN_HI_MASK = 0x1fff;
export const RUN_KIND_SHIFT = 13;
export const RUN_KIND_MASK = 3;
export const RUN_SPLIT: number = 1 << 15;
export const RUN_COUNT_SHIFT = 16;
/** Most accesses that one run holds; a longer one becomes several. */
export const RUN_MAX_COUNT = 32768;

/** Packs word 1 of a run. `nrAccesses` is 1..RUN_MAX_COUNT. */
export function packRun(vpnHi: number, kind: number, isSplit: boolean, nrAccesses: number): number {
  return vpnHi | (kind << RUN_KIND_SHIFT) | (isSplit ? RUN_SPLIT : 0) | ((nrAccesses - 1) << RUN_COUNT_SHIFT);
}

/** Reads the high 13 bits of the page number from word 1. */
export function runVpnHi(word1: number): number {
  return word1 & RUN_VPN_HI_MASK;
}

/** Reads the kind of the first access from word 1. */
export function runKind(word1: number): number {
  return (word1 >>> RUN_KIND_SHIFT) & RUN_KIND_MASK;
}

/** Reads the number of accesses (1..RUN_MAX_COUNT) from word 1. */
export function runCount(word1: number): number {
  return (word1 >>> RUN_COUNT_SHIFT) + 1;
}
