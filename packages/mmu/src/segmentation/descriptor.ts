/**
 * Segment descriptors and call gates as bits.
 *
 *     low word    bits 0..15 limit 0..15 | 16..31 base 0..15
 *     high word   bits 0..7 base 16..23 | 8..11 type | 12 S | 13..14 DPL | 15 P | 16..19 limit 16..19
 *                 20 AVL | 21 L | 22 D/B | 23 G | 24..31 base 24..31
 *
 * S set: code and data. Type bit 3 set is code (2 conforming, 1 readable), clear is data (2 expand-down, 1 writable); bit 0
 * is accessed in both. S clear: system descriptors and gates, DESC_* below. A call gate has other fields:
 *
 *     low word    bits 0..15 offset 0..15 | 16..31 selector
 *     high word   bits 0..4 parameters (0 in long mode) | 8..15 type, S, DPL, P as above | 16..31 offset 16..31
 *
 * In long mode LDT, TSS and call gate are 16 bytes: word 2 has bits 32..63 of base or offset, bits 8..12 of word 3 are zero.
 * Source: Intel SDM vol. 3A sections 3.4.5 (figure 3-8, tables 3-1 and 3-2), 6.8.3 (figure 6-8), 6.8.3.1 (figure 6-9),
 * 8.2.3 (figure 8-4).
 */
import { EINVAL, KernelError } from "@pageframe/contracts";

/** Type bits of code and data. */
export const DESC_ACCESSED = 1;
export const DESC_WRITABLE = 2;
export const DESC_READABLE = 2;
export const DESC_EXPAND_DOWN = 4;
export const DESC_CONFORMING = 4;
export const DESC_EXECUTABLE = 8;

/** Types of system descriptors. In long mode LDT, TSS and CALL_GATE are 64-bit, and the 16-bit and task types reserved. */
export const DESC_TSS16 = 1;
export const DESC_LDT = 2;
export const DESC_TSS16_BUSY = 3;
export const DESC_CALL_GATE16 = 4;
export const DESC_TASK_GATE = 5;
export const DESC_TSS = 9;
export const DESC_TSS_BUSY = 11;
export const DESC_CALL_GATE = 12;

/** What a code, data, LDT or TSS descriptor says. */
export interface SegmentDescriptor {
  /** Linear address of its first byte; above 32 bits only in the 16-byte form. */
  readonly base: number;
  /** The 20-bit field, in bytes or 4 KiB pages; see effectiveLimit(). */
  readonly limit: number;
  /** 0..15. */
  readonly type: number;
  /** The S flag is clear. */
  readonly isSystem: boolean;
  /** 0..3. */
  readonly dpl: number;
  readonly isPresent: boolean;
  /** AVL: for software. */
  readonly isAvailable: boolean;
  /** L: 64-bit code. */
  readonly isLong: boolean;
  /** D of code, B of a stack or of data that expands down: 32-bit. */
  readonly isBig: boolean;
  /** G: the limit counts 4 KiB pages. */
  readonly isPaged: boolean;
}

/** What a call gate says. */
export interface CallGate {
  /** Of the code segment. */
  readonly selector: number;
  /** In that segment; above 32 bits only in the 16-byte form, below 2^16 for DESC_CALL_GATE16. */
  readonly offset: bigint;
  /** Words copied from stack to stack, 0..31. */
  readonly nrParameters: number;
  /** DESC_CALL_GATE or DESC_CALL_GATE16. */
  readonly type: number;
  readonly dpl: number;
  readonly isPresent: boolean;
}

/** Base address in the 8 bytes of a descriptor, unsigned. */
export function descriptorBase(lo: number, hi: number): number {
  return ((lo >>> 16) | ((hi & 0xff) << 16) | (hi & 0xff000000)) >>> 0;
}

/** The limit field, 20 bits. */
export function descriptorLimit(lo: number, hi: number): number {
  return (lo & 0xffff) | (hi & 0xf0000);
}

/** Last (of an expand-down segment: last invalid) offset that a descriptor's limit and G mean: 0..2^32 - 1. */
export function effectiveLimit(limit: number, isPaged: boolean): number {
  return isPaged ? limit * 4096 + 4095 : limit;
}

/** Type field, 0..15. */
export function descriptorType(hi: number): number {
  return (hi >>> 8) & 15;
}

/** Is S clear? */
export function descriptorIsSystem(hi: number): boolean {
  return (hi & (1 << 12)) === 0;
}

/** Descriptor privilege level, 0..3. */
export function descriptorDpl(hi: number): number {
  return (hi >>> 13) & 3;
}

/** Is P set? */
export function descriptorIsPresent(hi: number): boolean {
  return (hi & (1 << 15)) !== 0;
}

/** Is it code that may be run as 64-bit code and as nothing else? With L and D set no code may be run in long mode. */
export function descriptorIsLong(hi: number): boolean {
  return (hi & (1 << 21)) !== 0;
}

/** Is D/B set? */
export function descriptorIsBig(hi: number): boolean {
  return (hi & (1 << 22)) !== 0;
}

/** Reads the 8 bytes of a code, data, LDT or TSS descriptor. */
export function decodeDescriptor(entry: bigint): SegmentDescriptor {
  const lo = Number(entry & 0xffffffffn);
  const hi = Number((entry >> 32n) & 0xffffffffn);
  return {
    base: descriptorBase(lo, hi),
    limit: descriptorLimit(lo, hi),
    type: descriptorType(hi),
    isSystem: descriptorIsSystem(hi),
    dpl: descriptorDpl(hi),
    isPresent: descriptorIsPresent(hi),
    isAvailable: (hi & (1 << 20)) !== 0,
    isLong: descriptorIsLong(hi),
    isBig: descriptorIsBig(hi),
    isPaged: (hi & (1 << 23)) !== 0,
  };
}

/** Makes the 8 bytes of a code, data, LDT or TSS descriptor. Throws EINVAL for a field that does not fit. */
export function encodeDescriptor(descriptor: SegmentDescriptor): bigint {
  checkField("base", descriptor.base, 0xffffffff);
  return encodeLow(descriptor);
}

/** Makes the 16 bytes of an LDT or TSS descriptor of long mode, low half first. Throws EINVAL as encodeDescriptor() does. */
export function encodeSystemDescriptor64(
  descriptor: Omit<SegmentDescriptor, "base">,
  base: bigint,
): [bigint, bigint] {
  if (base < 0n || base >= 1n << 64n || !descriptor.isSystem) {
    throw new KernelError(
      EINVAL,
      `base ${base} of a 16-byte descriptor: a system descriptor (S clear), 0 to 2^64 - 1`,
    );
  }
  return [encodeLow({ ...descriptor, base: Number(base & 0xffffffffn) }), base >> 32n];
}

/** Base address of a 16-byte descriptor. */
export function systemBase64(low: bigint, high: bigint): bigint {
  return BigInt(decodeDescriptor(low).base) | ((high & 0xffffffffn) << 32n);
}

/** Reads the 8 bytes of a call gate, and with `high` the 16 bytes of long mode. */
export function decodeCallGate(low: bigint, high = 0n): CallGate {
  const hi = Number((low >> 32n) & 0xffffffffn);
  return {
    selector: Number((low >> 16n) & 0xffffn),
    offset: (low & 0xffffn) | (((low >> 48n) & 0xffffn) << 16n) | ((high & 0xffffffffn) << 32n),
    nrParameters: hi & 31,
    type: descriptorType(hi),
    dpl: descriptorDpl(hi),
    isPresent: descriptorIsPresent(hi),
  };
}

/** Makes the 8 bytes of a call gate. Throws EINVAL for a field that does not fit. */
export function encodeCallGate(gate: CallGate): bigint {
  if (gate.offset >> 32n !== 0n) {
    throw new KernelError(EINVAL, `offset ${gate.offset} of an 8-byte call gate: 0 to 2^32 - 1 fits`);
  }
  return encodeGateLow(gate);
}

/** Makes the 16 bytes of a call gate of long mode, low half first. Throws EINVAL for a field that does not fit. */
export function encodeCallGate64(gate: CallGate): [bigint, bigint] {
  if (
    gate.offset < 0n ||
    gate.offset >= 1n << 64n ||
    gate.nrParameters !== 0 ||
    gate.type !== DESC_CALL_GATE
  ) {
    throw new KernelError(
      EINVAL,
      `a 16-byte call gate of type ${gate.type} with offset ${gate.offset} and ${gate.nrParameters} parameters: ` +
        `type ${DESC_CALL_GATE}, offset 0 to 2^64 - 1 and no parameters would do`,
    );
  }
  return [encodeGateLow(gate), gate.offset >> 32n];
}

function encodeLow(descriptor: SegmentDescriptor): bigint {
  const { base, limit, type, dpl } = descriptor;
  checkField("limit", limit, 0xfffff);
  checkField("type", type, 15);
  checkField("dpl", dpl, 3);
  const hi =
    ((base >>> 16) & 0xff) |
    (type << 8) |
    (descriptor.isSystem ? 0 : 1 << 12) |
    (dpl << 13) |
    (descriptor.isPresent ? 1 << 15 : 0) |
    (limit & 0xf0000) |
    (descriptor.isAvailable ? 1 << 20 : 0) |
    (descriptor.isLong ? 1 << 21 : 0) |
    (descriptor.isBig ? 1 << 22 : 0) |
    (descriptor.isPaged ? 1 << 23 : 0) |
    (base & 0xff000000);
  return joined((limit & 0xffff) | (base << 16), hi);
}

function encodeGateLow(gate: CallGate): bigint {
  checkField("selector", gate.selector, 0xffff);
  checkField("nrParameters", gate.nrParameters, 31);
  checkField("dpl", gate.dpl, 3);
  checkField("type", gate.type, 15);
  const offset = Number(gate.offset & 0xffffffffn);
  const hi =
    gate.nrParameters |
    (gate.type << 8) |
    (gate.dpl << 13) |
    (gate.isPresent ? 1 << 15 : 0) |
    (offset & 0xffff0000);
  return joined((offset & 0xffff) | (gate.selector << 16), hi);
}

function joined(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

function checkField(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new KernelError(EINVAL, `${name} ${value} of a descriptor: 0 to ${max} fits`);
  }
}
