/** VmFlags of smaps. Source: Linux 6.18 fs/proc/task_mmu.c, show_smap_vma_flags(); include/linux/mm.h, VM_*. */

/** Bits of vm_flags_t. */
const NR_VM_FLAGS = 64;
const NR_LOW_FLAGS = 32;
/** What a flag without a code shows as. */
const UNKNOWN = "??";
/** Protection keys (VM_PKEY_BIT0..3), which have a line of their own. */
const PKEY_BITS: readonly number[] = [32, 33, 34, 35];

/** Code of each flag by its bit, on x86-64 with soft-dirty tracking. */
const CODES: Readonly<Record<number, string>> = {
  0: "rd",
  1: "wr",
  2: "ex",
  3: "sh",
  4: "mr",
  5: "mw",
  6: "me",
  7: "ms",
  8: "gd",
  9: "um",
  10: "pf",
  12: "uw",
  13: "lo",
  14: "io",
  15: "sr",
  16: "rr",
  17: "dc",
  18: "de",
  19: "lf",
  20: "ac",
  21: "nr",
  22: "ht",
  23: "sf",
  24: "ar",
  25: "wf",
  26: "dd",
  27: "sd",
  28: "mm",
  29: "hg",
  30: "nh",
  31: "mg",
  37: "ss",
  40: "dp",
  41: "ui",
  42: "sl",
};

/**
 * Spells VM_* bits as smaps does, such as `rd wr mr mw me ac `: two letters and a space for each, lowest bit first.
 * `vmFlagsHi` are bits 32..63.
 */
export function vmFlagCodes(vmFlags: number, vmFlagsHi = 0): string {
  let text = "";
  for (let bit = 0; bit < NR_VM_FLAGS; bit++) {
    const word = bit < NR_LOW_FLAGS ? vmFlags : vmFlagsHi;
    if (((word >>> (bit % NR_LOW_FLAGS)) & 1) === 0 || PKEY_BITS.includes(bit)) continue;
    text += `${CODES[bit] ?? UNKNOWN} `;
  }
  return text;
}
