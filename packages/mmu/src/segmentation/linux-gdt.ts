/**
 * The GDT as Linux sets it up: the flat model, in which every segment is 0 to 4 GiB and paging does the rest.
 *
 *     index   x86-64                        i386
 *      1      KERNEL32_CS                    6..8   TLS
 *      2      KERNEL_CS                     12      KERNEL_CS
 *      3      KERNEL_DS                     13      KERNEL_DS
 *      4      DEFAULT_USER32_CS             14      DEFAULT_USER_CS
 *      5      DEFAULT_USER_DS               15      DEFAULT_USER_DS
 *      6      DEFAULT_USER_CS               16, 17  TSS, LDT
 *      8, 10  TSS, LDT (16 bytes each)      18..25  PNP and APM BIOS
 *     12..14  TLS                           26      ESPFIX_SS
 *     15      CPUNODE                       27, 28  PERCPU, CPUNODE; 31 DOUBLEFAULT_TSS
 *
 * The accessed bits are set from the start, so that the processor never writes to the table.
 * Source: Linux 6.18 arch/x86/include/asm/segment.h, desc_defs.h; arch/x86/kernel/cpu/common.c, gdt_page, setup_getcpu();
 * arch/x86/kernel/setup_percpu.c, setup_percpu_segment(); arch/x86/include/asm/desc.h, set_tssldt_descriptor().
 */
import { EINVAL, KernelError } from "@pageframe/contracts";
import { type DESC_LDT, type DESC_TSS, encodeDescriptor, encodeSystemDescriptor64 } from "./descriptor.ts";
import { type DescriptorMemory } from "./descriptor-memory.ts";

/** Flags of GDT_ENTRY_INIT: type, S, DPL and P in bits 0..7, AVL, L, D/B and G in bits 12..15. */
export const DESC_DATA16 = 0x0093;
export const DESC_CODE16 = 0x009b;
export const DESC_DATA32 = 0xc093;
export const DESC_DATA32_BIOS = 0x4093;
export const DESC_CODE32 = 0xc09b;
export const DESC_CODE32_BIOS = 0x409b;
export const DESC_DATA64 = 0xc093;
export const DESC_CODE64 = 0xa09b;
/** DPL 3. */
export const DESC_USER = 0x60;

/** Indices and selectors of one kind of kernel. */
export interface LinuxSegments {
  readonly nrEntries: number;
  /** Selectors: __KERNEL_CS and so on. */
  readonly kernelCs: number;
  readonly kernelDs: number;
  readonly userCs: number;
  readonly userDs: number;
  /** Code of 32-bit programs. */
  readonly user32Cs: number;
  /** __CPUNODE_SEG. */
  readonly cpunode: number;
  /** Indices GDT_ENTRY_TSS, GDT_ENTRY_LDT, GDT_ENTRY_TLS_MIN; three TLS entries. */
  readonly tssIndex: number;
  readonly ldtIndex: number;
  readonly tlsMin: number;
}

/** x86-64. */
export const LINUX_SEGMENTS_64: LinuxSegments = Object.freeze({
  nrEntries: 16,
  kernelCs: 0x10,
  kernelDs: 0x18,
  userCs: 0x33,
  userDs: 0x2b,
  user32Cs: 0x23,
  cpunode: 0x7b,
  tssIndex: 8,
  ldtIndex: 10,
  tlsMin: 12,
});

/** i386. */
export const LINUX_SEGMENTS_32: LinuxSegments = Object.freeze({
  nrEntries: 32,
  kernelCs: 0x60,
  kernelDs: 0x68,
  userCs: 0x73,
  userDs: 0x7b,
  user32Cs: 0x73,
  cpunode: 0xe3,
  tssIndex: 16,
  ldtIndex: 17,
  tlsMin: 6,
});

/** Bits of the CPU number in the limit of the CPUNODE segment; the node's are above (VDSO_CPUNODE_BITS). */
export const VDSO_CPUNODE_BITS = 12;

/** Makes a descriptor from Linux's flags (GDT_ENTRY_INIT). Throws EINVAL for a base or limit that does not fit. */
export function gdtEntry(flags: number, base: number, limit: number): bigint {
  return encodeDescriptor({
    base,
    limit,
    type: flags & 15,
    isSystem: (flags & 0x10) === 0,
    dpl: (flags >>> 5) & 3,
    isPresent: (flags & 0x80) !== 0,
    isAvailable: (flags & 0x1000) !== 0,
    isLong: (flags & 0x2000) !== 0,
    isBig: (flags & 0x4000) !== 0,
    isPaged: (flags & 0x8000) !== 0,
  });
}

/** Gives the entries that gdt_page starts with, zero where it has none: 16 with 64 bits, 32 with 32. */
export function linuxGdtEntries(bits: 32 | 64): bigint[] {
  const flat = (flags: number): bigint => gdtEntry(flags, 0, 0xfffff);
  if (bits === 64) {
    const entries = Array<bigint>(LINUX_SEGMENTS_64.nrEntries).fill(0n);
    entries[1] = flat(DESC_CODE32);
    entries[2] = flat(DESC_CODE64);
    entries[3] = flat(DESC_DATA64);
    entries[4] = flat(DESC_CODE32 | DESC_USER);
    entries[5] = flat(DESC_DATA64 | DESC_USER);
    entries[6] = flat(DESC_CODE64 | DESC_USER);
    return entries;
  }
  const entries = Array<bigint>(LINUX_SEGMENTS_32.nrEntries).fill(0n);
  entries[12] = flat(DESC_CODE32);
  entries[13] = flat(DESC_DATA32);
  entries[14] = flat(DESC_CODE32 | DESC_USER);
  entries[15] = flat(DESC_DATA32 | DESC_USER);
  entries[18] = gdtEntry(DESC_CODE32_BIOS, 0, 0xffff);
  entries[19] = gdtEntry(DESC_CODE16, 0, 0xffff);
  entries[20] = gdtEntry(DESC_DATA16, 0, 0xffff);
  entries[21] = gdtEntry(DESC_DATA16, 0, 0);
  entries[22] = gdtEntry(DESC_DATA16, 0, 0);
  entries[23] = gdtEntry(DESC_CODE32_BIOS, 0, 0xffff);
  entries[24] = gdtEntry(DESC_CODE16, 0, 0xffff);
  entries[25] = gdtEntry(DESC_DATA32_BIOS, 0, 0xffff);
  entries[26] = flat(DESC_DATA32);
  entries[27] = flat(DESC_DATA32);
  return entries;
}

/** The i386 per-CPU data segment, which %fs of the kernel holds; `base` is per_cpu_offset(cpu). */
export function percpuEntry(base: number): bigint {
  return gdtEntry(DESC_DATA32, base, 0xfffff);
}

/** The segment whose limit tells user space its CPU and node (LSL). Throws EINVAL for numbers that do not fit 12 and 8 bits. */
export function cpunodeEntry(cpu: number, node: number): bigint {
  if (cpu < 0 || cpu >= 1 << VDSO_CPUNODE_BITS || node < 0 || node > 255) {
    throw new KernelError(
      EINVAL,
      `CPU ${cpu} of node ${node} in a limit of 20 bits: 0 to 4095 and 0 to 255 fit`,
    );
  }
  // Read-only data, expand-down, accessed; DPL 3, 32-bit.
  return gdtEntry(0x40f5, 0, (node << VDSO_CPUNODE_BITS) | cpu);
}

/** The TSS or LDT descriptor of a 64-bit kernel, low half first; `limit` is its size less one. */
export function tssldtEntry64(
  type: typeof DESC_TSS | typeof DESC_LDT,
  base: bigint,
  limit: number,
): [bigint, bigint] {
  return encodeSystemDescriptor64(tssldt(type, limit), base);
}

/** The TSS or LDT descriptor of a 32-bit kernel. */
export function tssldtEntry32(type: typeof DESC_TSS | typeof DESC_LDT, base: number, limit: number): bigint {
  return encodeDescriptor({ ...tssldt(type, limit), base });
}

/** Writes descriptors one after the other from a linear address on. Returns 0, or -(1 + page-fault error code). */
export function storeDescriptors(
  memory: DescriptorMemory,
  address: number,
  entries: readonly bigint[],
): number {
  for (let index = 0; index < entries.length; index++) {
    const error =
      memory.writeWord(address + 8 * index, Number(entries[index] & 0xffffffffn)) ||
      memory.writeWord(address + 8 * index + 4, Number(entries[index] >> 32n));
    if (error !== 0) return error;
  }
  return 0;
}

function tssldt(type: number, limit: number): Parameters<typeof encodeSystemDescriptor64>[0] {
  return {
    limit,
    type,
    isSystem: true,
    dpl: 0,
    isPresent: true,
    isAvailable: false,
    isLong: false,
    isBig: false,
    isPaged: false,
  };
}
