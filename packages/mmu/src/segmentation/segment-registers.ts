/**
 * The segment registers of one CPU with their hidden parts, as typed arrays, and the exception that the last use of them
 * raised.
 *
 * A register's hidden part is what the descriptor said when it was loaded: a later change of the descriptor, of GDTR or of
 * LDTR is not seen until then. Its rows, by SEG_*:
 *
 *     selector  as loaded; of CS with the CPL as RPL
 *     baseLo, baseHi   halves of the base; baseHi is 0 but for FS, GS, LDTR and TR
 *     limit     effective limit in bytes; -1 in LDTR and TR that nothing was loaded into
 *     rights    bits 0..15 of the descriptor's bits 40..55 (limit bits zero) | 16 unusable: null (SDM vol. 3C table 26-2)
 *     lowest, highest   first and last offset that may be accessed
 *     allowed   bit n: an access of kind n (RUN_READ, RUN_WRITE, RUN_EXEC) may be
 *
 * Source: Intel SDM vol. 3A sections 3.4.2 to 3.4.4.
 */
import { bug, EINVAL, KernelError, RUN_EXEC, RUN_READ, RUN_WRITE } from "@pageframe/contracts";
import {
  DESC_EXECUTABLE,
  DESC_EXPAND_DOWN,
  DESC_READABLE,
  DESC_WRITABLE,
  descriptorBase,
  descriptorIsBig,
  descriptorIsLong,
  descriptorLimit,
  descriptorType,
  effectiveLimit,
} from "./descriptor.ts";

/** Segment registers, as instructions number them, and the two system registers. */
export const SEG_ES = 0;
export const SEG_CS = 1;
export const SEG_SS = 2;
export const SEG_DS = 3;
export const SEG_FS = 4;
export const SEG_GS = 5;
export const SEG_LDTR = 6;
export const SEG_TR = 7;
const NR_SEGMENT_REGISTERS = 8;
const SEGMENT_NAMES: readonly string[] = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"];

/** Bit of `rights`: null, nothing can be accessed through it. */
export const SEGMENT_UNUSABLE: number = 1 << 16;

/** Highest offset of a segment outside 64-bit mode. */
export const LAST_OFFSET = 0xffffffff;
const TWO_32 = 4294967296;
const CAN_READ: number = 1 << RUN_READ;
const CAN_WRITE: number = 1 << RUN_WRITE;
const CAN_EXEC: number = 1 << RUN_EXEC;

/** What a segment register holds. */
export interface SegmentState {
  readonly selector: number;
  readonly base: bigint;
  /** Effective limit in bytes, -1 in LDTR and TR that hold nothing. */
  readonly limit: number;
  /** As SegmentRegisters has it. */
  readonly rights: number;
  readonly isUsable: boolean;
}

/** Registers, privilege level and mode of one CPU. */
export class SegmentRegisters {
  readonly isLongMode: boolean;
  /** Bits of a linear address: 32, in long mode 48 or 57. */
  readonly linearBits: number;
  /** Current privilege level, 0..3. */
  cpl = 0;
  /** CS holds 64-bit code, in long mode. */
  is64Bit = false;
  readonly selector: Int32Array = new Int32Array(NR_SEGMENT_REGISTERS);
  readonly baseLo: Int32Array = new Int32Array(NR_SEGMENT_REGISTERS);
  readonly baseHi: Int32Array = new Int32Array(NR_SEGMENT_REGISTERS);
  readonly limit: Float64Array = new Float64Array(NR_SEGMENT_REGISTERS);
  readonly rights: Int32Array = new Int32Array(NR_SEGMENT_REGISTERS);
  readonly lowest: Float64Array = new Float64Array(NR_SEGMENT_REGISTERS);
  readonly highest: Float64Array = new Float64Array(NR_SEGMENT_REGISTERS);
  readonly allowed: Int32Array = new Int32Array(NR_SEGMENT_REGISTERS);
  /** IA32_KERNEL_GS_BASE, which SWAPGS exchanges with the base of GS. */
  kernelGsLo = 0;
  kernelGsHi = 0;
  /** Vector and error code of the last exception; linear address of a page fault on a table. */
  faultVector = 0;
  faultCode = 0;
  faultAddress = 0;
  private readonly canonicalShift: number;

  /** Throws EINVAL for a width of linear addresses that cannot be. */
  constructor(isLongMode: boolean, linearBits: number) {
    if (![48, 57].includes(linearBits)) {
      throw new KernelError(
        EINVAL,
        `linearBits ${String(linearBits)}: linear addresses have 48 or 57 bits in long mode`,
      );
    }
    this.isLongMode = isLongMode;
    this.linearBits = isLongMode ? linearBits : 32;
    this.canonicalShift = linearBits - 33;
    for (let seg = 0; seg < NR_SEGMENT_REGISTERS; seg++) this.clear(seg, 0);
  }

  /** Leaves an exception in the fault fields and returns -vector. */
  raise(vector: number, code: number): number {
    this.faultVector = vector;
    this.faultCode = code;
    return -vector;
  }

  /** Fills the hidden part of a register from a descriptor. */
  fill(seg: number, selector: number, lo: number, hi: number): void {
    const type = descriptorType(hi);
    const isCode = (type & DESC_EXECUTABLE) !== 0;
    const limit = effectiveLimit(descriptorLimit(lo, hi), (hi & (1 << 23)) !== 0);
    this.selector[seg] = selector;
    this.baseLo[seg] = descriptorBase(lo, hi);
    this.baseHi[seg] = 0;
    this.limit[seg] = limit;
    this.rights[seg] = (hi >>> 8) & 0xf0ff;
    const isExpandDown = !isCode && (type & DESC_EXPAND_DOWN) !== 0;
    this.lowest[seg] = isExpandDown ? limit + 1 : 0;
    this.highest[seg] = isExpandDown ? (descriptorIsBig(hi) ? LAST_OFFSET : 0xffff) : limit;
    this.allowed[seg] = isCode
      ? (seg === SEG_CS ? CAN_EXEC : 0) | ((type & DESC_READABLE) !== 0 ? CAN_READ : 0)
      : CAN_READ | ((type & DESC_WRITABLE) !== 0 ? CAN_WRITE : 0);
    if (seg === SEG_CS) this.is64Bit = this.isLongMode && descriptorIsLong(hi);
  }

  /** Makes a register null: FS and GS get base 0, as Intel's processors do. Source: SDM sections 3.4.2, 6.4.1. */
  clear(seg: number, selector: number): void {
    this.selector[seg] = selector;
    this.baseLo[seg] = 0;
    this.baseHi[seg] = 0;
    this.limit[seg] = seg >= SEG_LDTR ? -1 : 0;
    this.rights[seg] = SEGMENT_UNUSABLE;
    this.lowest[seg] = 1;
    this.highest[seg] = 0;
    this.allowed[seg] = 0;
  }

  /** Says what a register holds, hidden part included. Cold. */
  segment(seg: number): SegmentState {
    checkRegister(seg);
    const rights = this.rights[seg];
    return {
      selector: this.selector[seg],
      base: joinHalves(this.baseLo[seg], this.baseHi[seg]),
      limit: this.limit[seg],
      rights,
      isUsable: (rights & SEGMENT_UNUSABLE) === 0,
    };
  }

  /** Linear address that a register's base is, unsigned in the width of linear addresses. */
  addressOf(seg: number): number {
    const hi = this.baseHi[seg] & (this.linearBits === 57 ? 0x1ffffff : 0xffff);
    return hi * TWO_32 + (this.baseLo[seg] >>> 0);
  }

  /** Has an address with this high half equal bits from the top bit of linear addresses up? */
  isCanonical(hi: number): boolean {
    const top = hi >> this.canonicalShift;
    return top === 0 || top === -1;
  }

  /** Checks that the derived rows agree with the hidden parts. */
  checkInvariants(): void {
    for (let seg = 0; seg < SEG_LDTR; seg++) {
      const rights = this.rights[seg];
      if ((rights & SEGMENT_UNUSABLE) !== 0) {
        if (this.allowed[seg] !== 0) bug(`${SEGMENT_NAMES[seg]} is null and may be accessed`);
        continue;
      }
      const isExpandDown = (rights & (DESC_EXECUTABLE | DESC_EXPAND_DOWN)) === DESC_EXPAND_DOWN;
      const lowest = isExpandDown ? this.limit[seg] + 1 : 0;
      if (lowest !== this.lowest[seg])
        bug(`${SEGMENT_NAMES[seg]} starts at ${this.lowest[seg]}, not ${lowest}`);
      if ((rights & 0x90) !== 0x90) bug(`${SEGMENT_NAMES[seg]} holds what is no present code or data`);
      if (
        ((rights & DESC_EXECUTABLE) !== 0 || (rights & DESC_WRITABLE) === 0) &&
        (this.allowed[seg] & CAN_WRITE) !== 0
      ) {
        bug(`${SEGMENT_NAMES[seg]} may be written`);
      }
    }
  }
}

/** The address that two halves are, unsigned. */
export function joinHalves(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/** Name of a register, for messages. */
export function segmentName(seg: number): string {
  return SEGMENT_NAMES[seg];
}

/** Throws EINVAL for what is no register's number. */
export function checkRegister(seg: number): void {
  if (!Number.isInteger(seg) || seg < 0 || seg >= NR_SEGMENT_REGISTERS) {
    throw new KernelError(
      EINVAL,
      `segment register ${seg}: they are 0 (ES) to ${NR_SEGMENT_REGISTERS - 1} (TR)`,
    );
  }
}
