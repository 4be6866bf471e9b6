/**
 * The descriptor tables of one CPU: GDTR, and reading and marking descriptors in the GDT and the LDT. What may fault returns
 * 0 (or a word) and else -vector.
 *
 * Source: Intel SDM vol. 3A sections 2.4.1, 3.4.5.1, 3.5.1, 6.7; vol. 2, LGDT.
 */
import { EINVAL, KernelError, X86_TRAP_GP, X86_TRAP_PF, X86_TRAP_SS } from "@pageframe/contracts";
import {
  DESC_ACCESSED,
  DESC_EXECUTABLE,
  DESC_WRITABLE,
  descriptorDpl,
  descriptorIsPresent,
  descriptorIsSystem,
  descriptorType,
} from "./descriptor.ts";
import { type DescriptorMemory } from "./descriptor-memory.ts";
import { SEG_LDTR, SegmentRegisters } from "./segment-registers.ts";
import { selectorErrorCode, selectorInLdt, selectorRpl } from "./selector.ts";

/** The accessed bit in the high word of a descriptor. */
const DESC_HI_ACCESSED: number = DESC_ACCESSED << 8;

/** Segment registers, and the tables that they are loaded from. */
export class DescriptorTables extends SegmentRegisters {
  readonly memory: DescriptorMemory;
  gdtBase = 0;
  /** Last valid byte of the GDT; -1 before LGDT. */
  gdtLimit = -1;
  /** Words of the descriptor that the last fetch() read, and its address. */
  descriptorLo = 0;
  descriptorHi = 0;
  descriptorAddress = 0;

  /** Throws as SegmentRegisters does. */
  constructor(memory: DescriptorMemory, isLongMode: boolean, linearBits: number) {
    super(isLongMode, linearBits);
    this.memory = memory;
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

  /** Reads a word of a table; -14 with the fault fields set on a page fault. */
  readWord(address: number): number {
    const word = this.memory.readWord(address);
    return word >= 0 ? word : this.pageFault(address, -1 - word);
  }

  /** Writes the high word of the descriptor at `address`. Returns 0, or -14 on a page fault. */
  writeHigh(address: number, hi: number): number {
    const result = this.memory.writeWord(address + 4, hi);
    return result === 0 ? 0 : this.pageFault(address + 4, -1 - result);
  }

  private pageFault(address: number, code: number): number {
    this.faultAddress = address;
    return this.raise(X86_TRAP_PF, code);
  }
}

function isLimit16(limit: number): boolean {
  return Number.isInteger(limit) && limit >= 0 && limit <= 0xffff;
}
