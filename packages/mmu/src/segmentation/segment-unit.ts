/**
 * The segmentation unit of one CPU in protected mode: segment registers with their hidden parts, the descriptor tables,
 * and the check of every access through a segment. Hot: linear() and linear64(), per access.
 *
 *     selector → descriptor (GDT, LDT) → hidden part of the register     load(), lldt(), ltr(); far-transfer.ts for CS
 *     register, offset → linear address                                  linear(), linear64()
 *
 * What may fault returns 0 (or an address) and else -vector; `faultVector` and `faultCode` then hold the exception and its
 * error code, `faultAddress` the linear address of a page fault on a descriptor table (CR2). A fault changes nothing else.
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
 * Real and virtual-8086 mode are not modelled. Differs: an access that runs over the end of a 4 GiB segment wraps around;
 * processors may do that or fault (section 6.3), Linux's KVM does as here (arch/x86/kvm/emulate.c, __linearize()).
 * Source: Intel SDM vol. 3A chapters 3 and 6; vol. 2, pseudocode of MOV, LLDT, LTR, SWAPGS, WRMSR.
 */
import {
  bug,
  EINVAL,
  KernelError,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  X86_TRAP_GP,
  X86_TRAP_NP,
  X86_TRAP_PF,
  X86_TRAP_SS,
  X86_TRAP_UD,
} from "@pageframe/contracts";
import {
  DESC_ACCESSED,
  DESC_CONFORMING,
  DESC_EXECUTABLE,
  DESC_EXPAND_DOWN,
  DESC_LDT,
  DESC_READABLE,
  DESC_TSS,
  DESC_TSS16,
  DESC_WRITABLE,
  descriptorBase,
  descriptorDpl,
  descriptorIsBig,
  descriptorIsLong,
  descriptorIsPresent,
  descriptorIsSystem,
  descriptorLimit,
  descriptorType,
  effectiveLimit,
} from "./descriptor.ts";
import { type DescriptorMemory } from "./descriptor-memory.ts";
import { selectorErrorCode, selectorInLdt, selectorIsNull, selectorRpl } from "./selector.ts";

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

/** Model-specific registers of 64-bit segment bases. Source: SDM vol. 4 table 2-2; Linux arch/x86/include/asm/msr-index.h. */
export const MSR_FS_BASE = 0xc0000100;
export const MSR_GS_BASE = 0xc0000101;
export const MSR_KERNEL_GS_BASE = 0xc0000102;

const TWO_32 = 4294967296;
/** The accessed bit in the high word of a descriptor. */
const DESC_HI_ACCESSED: number = DESC_ACCESSED << 8;
const LAST_OFFSET = 0xffffffff;
const CAN_READ: number = 1 << RUN_READ;
const CAN_WRITE: number = 1 << RUN_WRITE;
const CAN_EXEC: number = 1 << RUN_EXEC;

/** What a segmentation unit is made of. */
export interface SegmentUnitConfig {
  /** Where GDT, LDT and TSS are. */
  readonly memory: DescriptorMemory;
  /** IA32_EFER.LMA: IA-32e mode, where code with L runs in 64-bit mode and other code in compatibility mode. Default false. */
  readonly isLongMode?: boolean;
  /** Bits of a linear address in long mode: 48 (default) or 57 (CR4.LA57). */
  readonly linearBits?: 48 | 57;
}

/** What a segment register holds. */
export interface SegmentState {
  readonly selector: number;
  readonly base: bigint;
  /** Effective limit in bytes, -1 in LDTR and TR that hold nothing. */
  readonly limit: number;
  /** As SegmentUnit has it. */
  readonly rights: number;
  readonly isUsable: boolean;
}

/** Segment registers and descriptor tables of one CPU. Starts as after a reset to protected mode: CPL 0, all registers null. */
export class SegmentUnit {
  readonly memory: DescriptorMemory;
  readonly isLongMode: boolean;
  /** Current privilege level, 0..3. */
  cpl = 0;
  /** CS holds 64-bit code, in long mode. */
  is64Bit = false;
  gdtBase = 0;
  /** Last valid byte of the GDT; -1 before LGDT. */
  gdtLimit = -1;
  readonly selector: Int32Array = new Int32Array(NR_SEGMENT_REGISTERS);
  readonly baseLo: Int32Array = new Int32Array(NR_SEGMENT_REGISTERS);
  readonly baseHi: Int32Array = new Int32Array(NR_SEGMENT_REGISTERS);
  readonly limit: Float64Array = new Float64Array(NR_SEGMENT_REGISTERS);
  readonly rights: Int32Array = new Int32Array(NR_SEGMENT_REGISTERS);
  readonly lowest: Float64Array = new Float64Array(NR_SEGMENT_REGISTERS);
  readonly highest: Float64Array = new Float64Array(NR_SEGMENT_REGISTERS);
  readonly allowed: Int32Array = new Int32Array(NR_SEGMENT_REGISTERS);
  faultVector = 0;
  faultCode = 0;
  faultAddress = 0;
  /** Result of linear64(), as two int32 halves. */
  linearLo = 0;
  linearHi = 0;
  /** Words of the descriptor that the last fetch() read, and its address. */
  descriptorLo = 0;
  descriptorHi = 0;
  descriptorAddress = 0;
  private kernelGsLo = 0;
  private kernelGsHi = 0;
  private readonly canonicalShift: number;
  private readonly linearBits: number;

  /** Throws EINVAL for a width of linear addresses that cannot be. */
  constructor(config: SegmentUnitConfig) {
    const { memory, isLongMode = false, linearBits = 48 } = config;
    if (![48, 57].includes(linearBits)) {
      throw new KernelError(
        EINVAL,
        `linearBits ${String(linearBits)}: linear addresses have 48 or 57 bits in long mode`,
      );
    }
    this.memory = memory;
    this.isLongMode = isLongMode;
    this.linearBits = isLongMode ? linearBits : 32;
    this.canonicalShift = linearBits - 33;
    for (let seg = 0; seg < NR_SEGMENT_REGISTERS; seg++) this.clear(seg, 0);
  }

  /**
   * Translates an access through a segment outside 64-bit mode: `nrBytes` (1 or more) from `offset` (0..2^32 - 1) on.
   * Returns the linear address of its first byte, 0..2^32 - 1, or -vector: #SS(0) through SS, #GP(0) through others.
   * `kind` is RUN_READ, RUN_WRITE, or RUN_EXEC through CS. Throws EINVAL in 64-bit mode.
   * Source: SDM sections 3.4.4, 6.3, 6.4.
   */
  linear(seg: number, offset: number, nrBytes: number, kind: number): number {
    if (
      offset >= this.lowest[seg] &&
      offset + nrBytes - 1 <= this.highest[seg] &&
      (this.allowed[seg] & (1 << kind)) !== 0 &&
      !this.is64Bit
    ) {
      return (this.baseLo[seg] + offset) >>> 0;
    }
    return this.checkLinear(seg, offset, kind);
  }

  /**
   * Translates an access in 64-bit mode, `nrBytes` from the offset with the halves given on, into `linearLo`, `linearHi`.
   * Bases but those of FS and GS count as 0; there are no limits and no types. Returns 0, or -vector when the first or the
   * last byte has no canonical address: #SS(0) through SS, #GP(0) through others. Throws EINVAL outside 64-bit mode.
   * Source: SDM sections 3.4.4 and 6.3.1; vol. 1 section 3.3.7.1.
   */
  linear64(seg: number, offsetLo: number, offsetHi: number, nrBytes: number): number {
    if (!this.is64Bit) throw new KernelError(EINVAL, "linear64() outside 64-bit mode: linear() would work");
    let lo = offsetLo;
    let hi = offsetHi;
    if (seg === SEG_FS || seg === SEG_GS) {
      const sum = (offsetLo >>> 0) + (this.baseLo[seg] >>> 0);
      lo = sum | 0;
      hi = (offsetHi + this.baseHi[seg] + (sum >= TWO_32 ? 1 : 0)) | 0;
    }
    const lastHi = (lo >>> 0) + nrBytes - 1 >= TWO_32 ? (hi + 1) | 0 : hi;
    if (!this.isCanonical(hi) || !this.isCanonical(lastHi)) {
      return this.raise(seg === SEG_SS ? X86_TRAP_SS : X86_TRAP_GP, 0);
    }
    this.linearLo = lo | 0;
    this.linearHi = hi | 0;
    return 0;
  }

  /** Has an address with this high half equal bits from the top bit of linear addresses up? */
  isCanonical(hi: number): boolean {
    const top = hi >> this.canonicalShift;
    return top === 0 || top === -1;
  }

  /**
   * Loads DS, ES, FS, GS or SS (MOV, POP) and sets the descriptor's accessed bit. Returns 0, or -vector: #UD for CS; for
   * SS #GP or #SS, for others #GP or #NP with the selector, #GP(0) for a null SS, or a page fault on the table. Throws EINVAL
   * for LDTR and TR.
   * Source: SDM section 6.6, 6.7, 6.4.1; vol. 2, MOV.
   */
  load(seg: number, selector: number): number {
    checkRegister(seg);
    if (seg >= SEG_LDTR) {
      throw new KernelError(
        EINVAL,
        `${SEGMENT_NAMES[seg]} is no data register: lldt() and ltr() load LDTR and TR`,
      );
    }
    if (seg === SEG_CS) return this.raise(X86_TRAP_UD, 0);
    if (seg === SEG_SS) return this.loadStack(selector);
    if (selectorIsNull(selector)) {
      this.clear(seg, selector);
      return 0;
    }
    const error = this.fetch(selector, 8);
    if (error !== 0) return error;
    const hi = this.descriptorHi;
    const type = descriptorType(hi);
    const isCode = (type & DESC_EXECUTABLE) !== 0;
    const isConforming = isCode && (type & DESC_CONFORMING) !== 0;
    const dpl = descriptorDpl(hi);
    if (
      descriptorIsSystem(hi) ||
      (isCode && (type & DESC_READABLE) === 0) ||
      (!isConforming && (dpl < this.cpl || dpl < selectorRpl(selector)))
    ) {
      return this.raise(X86_TRAP_GP, selectorErrorCode(selector));
    }
    if (!descriptorIsPresent(hi)) return this.raise(X86_TRAP_NP, selectorErrorCode(selector));
    return this.install(seg, selector);
  }

  /** Loads GDTR (LGDT). Returns 0, or -13 with #GP(0) when CPL is not 0. Throws EINVAL for what no operand can be. */
  lgdt(base: number, limit: number): number {
    if (!Number.isInteger(base) || base < 0 || base >= 2 ** this.linearBits || !isLimit16(limit)) {
      throw new KernelError(
        EINVAL,
        `GDT at ${base} with limit ${limit}: the base has ${this.linearBits} bits, the limit is 0 to 65535`,
      );
    }
    if (this.cpl !== 0) return this.raise(X86_TRAP_GP, 0);
    this.gdtBase = base;
    this.gdtLimit = limit;
    return 0;
  }

  /**
   * Loads LDTR (LLDT); a null selector leaves no LDT. Returns 0 or -vector: #GP(0) when CPL is not 0, #GP(selector),
   * #NP(selector), or a page fault on the table. Source: SDM section 2.4.2; vol. 2, LLDT.
   */
  lldt(selector: number): number {
    if (this.cpl !== 0) return this.raise(X86_TRAP_GP, 0);
    if (selectorIsNull(selector)) {
      this.clear(SEG_LDTR, selector);
      return 0;
    }
    return this.loadSystem(SEG_LDTR, selector);
  }

  /**
   * Loads TR (LTR) and marks the TSS busy. Returns 0 or -vector: #GP(0) when CPL is not 0 or the selector null,
   * #GP(selector), #NP(selector), or a page fault on the table. Source: SDM sections 2.4.4, 8.2.4; vol. 2, LTR.
   */
  ltr(selector: number): number {
    if (this.cpl !== 0 || selectorIsNull(selector)) return this.raise(X86_TRAP_GP, 0);
    return this.loadSystem(SEG_TR, selector);
  }

  /** Exchanges GS.base and IA32_KERNEL_GS_BASE (SWAPGS). Returns 0, or -vector: #UD outside 64-bit mode, #GP(0) above CPL 0. */
  swapgs(): number {
    if (!this.is64Bit) return this.raise(X86_TRAP_UD, 0);
    if (this.cpl !== 0) return this.raise(X86_TRAP_GP, 0);
    const lo = this.baseLo[SEG_GS];
    const hi = this.baseHi[SEG_GS];
    this.baseLo[SEG_GS] = this.kernelGsLo;
    this.baseHi[SEG_GS] = this.kernelGsHi;
    this.kernelGsLo = lo;
    this.kernelGsHi = hi;
    return 0;
  }

  /** Reads MSR_FS_BASE, MSR_GS_BASE or MSR_KERNEL_GS_BASE, whatever the CPL. Throws EINVAL for another. */
  readMsr(msr: number): bigint {
    if (msr === MSR_KERNEL_GS_BASE) return joined(this.kernelGsLo, this.kernelGsHi);
    return this.baseOf(segmentOfMsr(msr));
  }

  /**
   * Writes one of the three MSRs (WRMSR). Returns 0, or -13 with #GP(0) for an address that is not canonical or above CPL 0.
   * Throws EINVAL for another MSR. Source: SDM vol. 2, WRMSR; vol. 3A section 3.4.4.
   */
  writeMsr(msr: number, address: bigint): number {
    const seg = msr === MSR_KERNEL_GS_BASE ? -1 : segmentOfMsr(msr);
    if (this.cpl !== 0 || !this.isCanonicalAddress(address)) return this.raise(X86_TRAP_GP, 0);
    if (seg >= 0) {
      this.setBase(seg, address);
      return 0;
    }
    this.kernelGsLo = Number(BigInt.asIntN(32, address));
    this.kernelGsHi = Number(BigInt.asIntN(32, address >> 32n));
    return 0;
  }

  /**
   * Writes the base of FS or GS at any CPL (WRFSBASE, WRGSBASE with CR4.FSGSBASE set, as Linux has it). Returns 0, or
   * -vector: #UD outside 64-bit mode, #GP(0) for an address that is not canonical.
   */
  writeBase(seg: typeof SEG_FS | typeof SEG_GS, address: bigint): number {
    if (!this.is64Bit) return this.raise(X86_TRAP_UD, 0);
    if (!this.isCanonicalAddress(address)) return this.raise(X86_TRAP_GP, 0);
    this.setBase(seg, address);
    return 0;
  }

  /** Says what a register holds, hidden part included. Cold. */
  segment(seg: number): SegmentState {
    checkRegister(seg);
    const rights = this.rights[seg];
    return {
      selector: this.selector[seg],
      base: this.baseOf(seg),
      limit: this.limit[seg],
      rights,
      isUsable: (rights & SEGMENT_UNUSABLE) === 0,
    };
  }

  /** Leaves an exception in the fault fields and returns -vector. */
  raise(vector: number, code: number): number {
    this.faultVector = vector;
    this.faultCode = code;
    return -vector;
  }

  /**
   * Reads the first 8 of the `nrBytes` of the descriptor that a selector names into `descriptorLo`, `descriptorHi`. Returns 0,
   * or -vector: `outside` (#GP by default) with the selector when it lies beyond the table's limit, or a page fault.
   */
  fetch(selector: number, nrBytes: number, outside: number = X86_TRAP_GP): number {
    const inLdt = selectorInLdt(selector);
    const offset = selector & 0xfff8;
    if (offset + nrBytes - 1 > (inLdt ? this.limit[SEG_LDTR] : this.gdtLimit)) {
      return this.raise(outside, selectorErrorCode(selector));
    }
    const address = (inLdt ? this.addressOf(SEG_LDTR) : this.gdtBase) + offset;
    const lo = this.readWord(address);
    if (lo < 0) return lo;
    const hi = this.readWord(address + 4);
    if (hi < 0) return hi;
    this.descriptorLo = lo | 0;
    this.descriptorHi = hi | 0;
    this.descriptorAddress = address;
    return 0;
  }

  /** Reads a word of a table; -14 with the fault fields set on a page fault. */
  readWord(address: number): number {
    const word = this.memory.readWord(address);
    return word >= 0 ? word : this.pageFault(address, -1 - word);
  }

  /** Linear address that a register's base is, unsigned in the width of linear addresses. */
  addressOf(seg: number): number {
    const hi = this.baseHi[seg] & (this.linearBits === 57 ? 0x1ffffff : 0xffff);
    return hi * TWO_32 + (this.baseLo[seg] >>> 0);
  }

  /**
   * Checks that a selector names a stack segment for privilege level `level`, and fetches its descriptor. Returns 0, or
   * -vector: `wrong` with the selector, #SS(selector) when it is not present, or a page fault.
   */
  fetchStack(selector: number, level: number, wrong: number): number {
    const error = this.fetch(selector, 8, wrong);
    if (error !== 0) return error;
    const hi = this.descriptorHi;
    if (
      selectorRpl(selector) !== level ||
      descriptorIsSystem(hi) ||
      (descriptorType(hi) & (DESC_EXECUTABLE | DESC_WRITABLE)) !== DESC_WRITABLE ||
      descriptorDpl(hi) !== level
    ) {
      return this.raise(wrong, selectorErrorCode(selector));
    }
    return descriptorIsPresent(hi) ? 0 : this.raise(X86_TRAP_SS, selectorErrorCode(selector));
  }

  /**
   * Sets the accessed bit of the fetched code or data descriptor where it is clear, and fills a register from it. Returns 0,
   * or -14 when the table cannot be written.
   */
  install(seg: number, selector: number): number {
    const error = this.markAccessed(this.descriptorAddress, this.descriptorHi);
    if (error === 0) this.fill(seg, selector, this.descriptorLo, this.descriptorHi | DESC_HI_ACCESSED);
    return error;
  }

  /** Sets the accessed bit in the descriptor at `address`, whose high word is given, where it is clear. Returns 0 or -14. */
  markAccessed(address: number, hi: number): number {
    return (hi & DESC_HI_ACCESSED) !== 0 ? 0 : this.writeHigh(address, hi | DESC_HI_ACCESSED);
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

  /** Makes a register null: FS and GS get base 0, as Intel's processors do. Source: SDM section 3.4.2, 6.4.1. */
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

  /** The rest of linear(): wrap-around of a 4 GiB segment, wrong use, or the fault. */
  private checkLinear(seg: number, offset: number, kind: number): number {
    if (this.is64Bit) throw new KernelError(EINVAL, "linear() in 64-bit mode: linear64() would work");
    if (kind === RUN_EXEC && seg !== SEG_CS) {
      throw new KernelError(EINVAL, `an instruction fetch through ${SEGMENT_NAMES[seg]}: it goes through CS`);
    }
    const isWholeSpace = this.lowest[seg] === 0 && this.highest[seg] === LAST_OFFSET;
    if (isWholeSpace && offset >= 0 && offset <= LAST_OFFSET && (this.allowed[seg] & (1 << kind)) !== 0) {
      return (this.baseLo[seg] + offset) >>> 0;
    }
    return this.raise(seg === SEG_SS ? X86_TRAP_SS : X86_TRAP_GP, 0);
  }

  private loadStack(selector: number): number {
    if (selectorIsNull(selector)) {
      // In 64-bit mode the kernel may run without a stack segment (section 6.4.1.1).
      if (!this.is64Bit || this.cpl === 3 || selectorRpl(selector) !== this.cpl)
        return this.raise(X86_TRAP_GP, 0);
      this.clear(SEG_SS, selector);
      return 0;
    }
    const error = this.fetchStack(selector, this.cpl, X86_TRAP_GP);
    return error !== 0 ? error : this.install(SEG_SS, selector);
  }

  /** Loads LDTR or TR with a selector that is not null. */
  private loadSystem(seg: number, selector: number): number {
    const code = selectorErrorCode(selector);
    if (selectorInLdt(selector)) return this.raise(X86_TRAP_GP, code);
    const error = this.fetch(selector, this.isLongMode ? 16 : 8);
    if (error !== 0) return error;
    const hi = this.descriptorHi;
    const type = descriptorType(hi);
    const isWanted =
      seg === SEG_LDTR ? type === DESC_LDT : type === DESC_TSS || (type === DESC_TSS16 && !this.isLongMode);
    if (!descriptorIsSystem(hi) || !isWanted) return this.raise(X86_TRAP_GP, code);
    if (!descriptorIsPresent(hi)) return this.raise(X86_TRAP_NP, code);
    let baseHi = 0;
    if (this.isLongMode) {
      const word2 = this.readWord(this.descriptorAddress + 8);
      if (word2 < 0) return word2;
      const word3 = this.readWord(this.descriptorAddress + 12);
      if (word3 < 0) return word3;
      baseHi = word2 | 0;
      if ((word3 & 0x1f00) !== 0 || !this.isCanonical(baseHi)) return this.raise(X86_TRAP_GP, code);
    }
    if (seg === SEG_TR) {
      // Busy: type 9 becomes 11, 1 becomes 3.
      const failed = this.writeHigh(this.descriptorAddress, hi | (2 << 8));
      if (failed !== 0) return failed;
    }
    this.fill(seg, selector, this.descriptorLo, seg === SEG_TR ? hi | (2 << 8) : hi);
    this.baseHi[seg] = baseHi;
    return 0;
  }

  private writeHigh(address: number, hi: number): number {
    const result = this.memory.writeWord(address + 4, hi);
    return result === 0 ? 0 : this.pageFault(address + 4, -1 - result);
  }

  private pageFault(address: number, code: number): number {
    this.faultAddress = address;
    return this.raise(X86_TRAP_PF, code);
  }

  private isCanonicalAddress(address: bigint): boolean {
    return this.isCanonical(Number(BigInt.asIntN(32, address >> 32n)));
  }

  private baseOf(seg: number): bigint {
    return joined(this.baseLo[seg], this.baseHi[seg]);
  }

  private setBase(seg: number, address: bigint): void {
    this.baseLo[seg] = Number(BigInt.asIntN(32, address));
    this.baseHi[seg] = Number(BigInt.asIntN(32, address >> 32n));
  }
}

function joined(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

function checkRegister(seg: number): void {
  if (!Number.isInteger(seg) || seg < 0 || seg >= NR_SEGMENT_REGISTERS) {
    throw new KernelError(
      EINVAL,
      `segment register ${seg}: they are 0 (ES) to ${NR_SEGMENT_REGISTERS - 1} (TR)`,
    );
  }
}

function segmentOfMsr(msr: number): number {
  if (msr === MSR_FS_BASE) return SEG_FS;
  if (msr === MSR_GS_BASE) return SEG_GS;
  throw new KernelError(
    EINVAL,
    `MSR 0x${msr.toString(16)}: 0xc0000100 (FS_BASE), 0xc0000101 (GS_BASE) and 0xc0000102 (KERNEL_GS_BASE) are there`,
  );
}

function isLimit16(limit: number): boolean {
  return Number.isInteger(limit) && limit >= 0 && limit <= 0xffff;
}
