/**
 * Segments that programs may ask Linux for: thread-local storage in the GDT (set_thread_area) and a local descriptor table
 * (modify_ldt). Both take a struct user_desc of 16 bytes:
 *
 *     word 0 entry_number | 1 base_addr | 2 limit
 *     word 3 bit 0 seg_32bit | 1..2 contents | 3 read_exec_only | 4 limit_in_pages | 5 seg_not_present | 6 useable | 7 lm
 *
 * Contents are the type bits above writable: 0 data, 1 expand-down (stack), 2 code, 3 conforming code.
 * Source: Linux 6.18 arch/x86/include/uapi/asm/ldt.h; arch/x86/include/asm/desc.h, fill_ldt(); arch/x86/kernel/tls.c;
 * arch/x86/kernel/ldt.c.
 */
import { EINVAL, ESRCH, KernelError } from "@pageframe/contracts";
import { decodeDescriptor, encodeDescriptor } from "./descriptor.ts";

/** LDT_ENTRIES, LDT_ENTRY_SIZE and GDT_ENTRY_TLS_ENTRIES. */
export const LDT_ENTRIES = 8192;
export const LDT_ENTRY_SIZE = 8;
export const GDT_ENTRY_TLS_ENTRIES = 3;

/** struct user_desc, with Linux's names in camelCase. */
export interface UserDesc {
  /** 0..2^32 - 1, or -1 to let set_thread_area choose. */
  readonly entryNumber: number;
  readonly baseAddr: number;
  /** 20 bits; Linux drops the others. */
  readonly limit: number;
  readonly seg32bit: boolean;
  /** 0..3. */
  readonly contents: number;
  readonly readExecOnly: boolean;
  readonly limitInPages: boolean;
  readonly segNotPresent: boolean;
  readonly useable: boolean;
  /** Ignored by Linux when it makes a descriptor. */
  readonly lm: boolean;
}

/** Reads the four words of a struct user_desc. Throws EINVAL for another number of words. */
export function decodeUserDesc(words: ArrayLike<number>): UserDesc {
  if (words.length !== 4) throw new KernelError(EINVAL, `a user_desc of ${words.length} words: it has 4`);
  const flags = words[3];
  return {
    entryNumber: words[0] | 0,
    baseAddr: words[1] >>> 0,
    limit: words[2] >>> 0,
    seg32bit: (flags & 1) !== 0,
    contents: (flags >>> 1) & 3,
    readExecOnly: (flags & 8) !== 0,
    limitInPages: (flags & 16) !== 0,
    segNotPresent: (flags & 32) !== 0,
    useable: (flags & 64) !== 0,
    lm: (flags & 128) !== 0,
  };
}

/** Makes the four words of a struct user_desc, as int32. */
export function encodeUserDesc(info: UserDesc): Int32Array {
  const flags =
    Number(info.seg32bit) |
    (info.contents << 1) |
    (Number(info.readExecOnly) << 3) |
    (Number(info.limitInPages) << 4) |
    (Number(info.segNotPresent) << 5) |
    (Number(info.useable) << 6) |
    (Number(info.lm) << 7);
  return Int32Array.of(info.entryNumber, info.baseAddr, info.limit, flags);
}

/** Does it ask for an empty entry (LDT_empty)? */
export function userDescIsEmpty(info: UserDesc): boolean {
  return isBlank(info) && info.readExecOnly && info.segNotPresent;
}

/** Is all of it zero but for the number, which means an empty entry in set_thread_area (LDT_zero)? */
export function userDescIsZero(info: UserDesc): boolean {
  return isBlank(info) && !info.readExecOnly && !info.segNotPresent;
}

/** Makes the descriptor that a user_desc asks for (fill_ldt): DPL 3, accessed, never 64-bit. */
export function fillLdt(info: UserDesc): bigint {
  return encodeDescriptor({
    base: info.baseAddr,
    limit: info.limit & 0xfffff,
    type: (info.readExecOnly ? 0 : 2) | (info.contents << 2) | 1,
    isSystem: false,
    dpl: 3,
    isPresent: !info.segNotPresent,
    isAvailable: info.useable,
    isLong: false,
    isBig: info.seg32bit,
    isPaged: info.limitInPages,
  });
}

/** Says what user_desc a descriptor is the answer to (fill_user_desc, get_thread_area). */
export function userDescOf(entryNumber: number, entry: bigint): UserDesc {
  const descriptor = decodeDescriptor(entry);
  return {
    entryNumber,
    baseAddr: descriptor.base,
    limit: descriptor.limit,
    seg32bit: descriptor.isBig,
    contents: descriptor.type >>> 2,
    readExecOnly: (descriptor.type & 2) === 0,
    limitInPages: descriptor.isPaged,
    segNotPresent: !descriptor.isPresent,
    useable: descriptor.isAvailable,
    lm: descriptor.isLong,
  };
}

/** A thread's three TLS descriptors (thread.tls_array), which a context switch copies into the GDT from `tlsMin` on. */
export class TlsArray {
  readonly entries: BigUint64Array = new BigUint64Array(GDT_ENTRY_TLS_ENTRIES);
  /** GDT index of the first: 12 on x86-64, 6 on i386. */
  readonly tlsMin: number;

  constructor(tlsMin: number) {
    this.tlsMin = tlsMin;
  }

  /**
   * Sets one entry; number -1 takes the first empty one. Returns its GDT index, -EINVAL for a number out of range or a segment
   * that is not present, not 32-bit or not data, -ESRCH when all three are taken. Source: do_set_thread_area().
   */
  setThreadArea(info: UserDesc): number {
    const isEmpty = userDescIsEmpty(info) || userDescIsZero(info);
    if (!isEmpty && (!info.seg32bit || info.contents > 1 || info.segNotPresent)) return -EINVAL;
    let at = info.entryNumber - this.tlsMin;
    if (info.entryNumber === -1) {
      at = this.entries.indexOf(0n);
      if (at < 0) return -ESRCH;
    }
    if (at < 0 || at >= GDT_ENTRY_TLS_ENTRIES) return -EINVAL;
    this.entries[at] = isEmpty ? 0n : fillLdt(info);
    return this.tlsMin + at;
  }

  /** Describes the entry of a GDT index, or returns -EINVAL. Source: do_get_thread_area(). */
  getThreadArea(entryNumber: number): UserDesc | number {
    const at = entryNumber - this.tlsMin;
    if (at < 0 || at >= GDT_ENTRY_TLS_ENTRIES) return -EINVAL;
    return userDescOf(entryNumber, this.entries[at]);
  }
}

/** A process's LDT (mm->context.ldt): as long as its largest entry number says. */
export class LocalDescriptorTable {
  entries: BigUint64Array = new BigUint64Array(0);

  /**
   * Writes one entry (modify_ldt function 0x11; with `isOldMode` function 1, which clears on base and limit 0, and AVL always).
   * Returns 0, or -EINVAL for a number above 8191 or conforming code that is present. 16-bit segments are allowed
   * (CONFIG_X86_16BIT). Source: write_ldt().
   */
  write(info: UserDesc, isOldMode = false): number {
    const at = info.entryNumber >>> 0;
    if (at >= LDT_ENTRIES) return -EINVAL;
    if (info.contents === 3 && (isOldMode || !info.segNotPresent)) return -EINVAL;
    const isCleared = userDescIsEmpty(info) || (isOldMode && info.baseAddr === 0 && info.limit === 0);
    const entry = isCleared ? 0n : fillLdt(isOldMode ? { ...info, useable: false } : info);
    if (at >= this.entries.length) {
      const entries = new BigUint64Array(at + 1);
      entries.set(this.entries);
      this.entries = entries;
    }
    this.entries[at] = entry;
    return 0;
  }

  /** Limit of its descriptor in the GDT; -1 when there is none and LDTR is null. Source: native_set_ldt(). */
  get limit(): number {
    return this.entries.length * LDT_ENTRY_SIZE - 1;
  }
}

function isBlank(info: UserDesc): boolean {
  return (
    info.baseAddr === 0 &&
    info.limit === 0 &&
    info.contents === 0 &&
    !info.seg32bit &&
    !info.limitInPages &&
    !info.useable
  );
}
