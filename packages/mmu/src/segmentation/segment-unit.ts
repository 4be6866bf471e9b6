/**
 * The segmentation unit of one CPU in protected mode: the check of every access through a segment, and what loads segment
 * registers and descriptor tables. Hot: linear() and linear64(), per access.
 *
 *     selector → descriptor (GDT, LDT) → hidden part of the register     load(), lldt(), ltr(); far-transfer.ts for CS
 *     register, offset → linear address                                  linear(), linear64()
 *
 * What may fault returns 0 (or an address) and else -vector; `faultVector` and `faultCode` then hold the exception and its
 * error code, `faultAddress` the linear address of a page fault on a descriptor table (CR2). A fault changes nothing else.
 *
 * The registers and their hidden parts are in segment-registers.ts, GDTR and the fetching of descriptors in
 * descriptor-tables.ts, the checks of loading in segment-loading.ts, bases of 64 bits in segment-bases.ts.
 *
 * Real and virtual-8086 mode are not modelled. Differs: an access that runs over the end of a 4 GiB segment wraps around;
 * processors may do that or fault (section 6.3), Linux's KVM does as here (arch/x86/kvm/emulate.c, __linearize()).
 * Source: Intel SDM vol. 3A chapters 3 and 6; vol. 2, pseudocode of MOV, LLDT, LTR, SWAPGS, WRMSR.
 */
import { EINVAL, KernelError, RUN_EXEC, X86_TRAP_GP, X86_TRAP_SS, X86_TRAP_UD } from "@pageframe/contracts";
import { type DescriptorMemory } from "./descriptor-memory.ts";
import { DescriptorTables } from "./descriptor-tables.ts";
import { readBaseMsr, swapBases, writeBaseMsr, writeSegmentBase } from "./segment-bases.ts";
import { loadData, loadStack, loadSystem } from "./segment-loading.ts";
import {
  checkRegister,
  LAST_OFFSET,
  SEG_CS,
  SEG_FS,
  SEG_GS,
  SEG_LDTR,
  SEG_SS,
  SEG_TR,
  segmentName,
} from "./segment-registers.ts";
import { selectorIsNull } from "./selector.ts";

const TWO_32 = 4294967296;

/** What a segmentation unit is made of. */
export interface SegmentUnitConfig {
  /** Where GDT, LDT and TSS are. */
  readonly memory: DescriptorMemory;
  /** IA32_EFER.LMA: IA-32e mode, where code with L runs in 64-bit mode and other code in compatibility mode. Default false. */
  readonly isLongMode?: boolean;
  /** Bits of a linear address in long mode: 48 (default) or 57 (CR4.LA57). */
  readonly linearBits?: 48 | 57;
}

/** Segment registers and descriptor tables of one CPU. Starts as after a reset to protected mode: CPL 0, all registers null. */
export class SegmentUnit extends DescriptorTables {
  /** Result of linear64(), as two int32 halves. */
  linearLo = 0;
  linearHi = 0;

  /** Throws EINVAL for a width of linear addresses that cannot be. */
  constructor(config: SegmentUnitConfig) {
    const { memory, isLongMode = false, linearBits = 48 } = config;
    super(memory, isLongMode, linearBits);
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

  /**
   * Loads DS, ES, FS, GS or SS (MOV, POP) and sets the descriptor's accessed bit. Returns 0, or -vector: #UD for CS; for
   * SS #GP or #SS, for others #GP or #NP with the selector, #GP(0) for a null SS, or a page fault on the table. Throws EINVAL
   * for LDTR and TR.
   * Source: SDM sections 6.6, 6.7, 6.4.1; vol. 2, MOV.
   */
  load(seg: number, selector: number): number {
    checkRegister(seg);
    if (seg >= SEG_LDTR) {
      throw new KernelError(
        EINVAL,
        `${segmentName(seg)} is no data register: lldt() and ltr() load LDTR and TR`,
      );
    }
    if (seg === SEG_CS) return this.raise(X86_TRAP_UD, 0);
    return seg === SEG_SS ? loadStack(this, selector) : loadData(this, seg, selector);
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
    return loadSystem(this, SEG_LDTR, selector);
  }

  /**
   * Loads TR (LTR) and marks the TSS busy. Returns 0 or -vector: #GP(0) when CPL is not 0 or the selector null,
   * #GP(selector), #NP(selector), or a page fault on the table. Source: SDM sections 2.4.4, 8.2.4; vol. 2, LTR.
   */
  ltr(selector: number): number {
    if (this.cpl !== 0 || selectorIsNull(selector)) return this.raise(X86_TRAP_GP, 0);
    return loadSystem(this, SEG_TR, selector);
  }

  /** Exchanges GS.base and IA32_KERNEL_GS_BASE (SWAPGS). Returns 0, or -vector: #UD outside 64-bit mode, #GP(0) above CPL 0. */
  swapgs(): number {
    return swapBases(this);
  }

  /** Reads MSR_FS_BASE, MSR_GS_BASE or MSR_KERNEL_GS_BASE, whatever the CPL. Throws EINVAL for another. */
  readMsr(msr: number): bigint {
    return readBaseMsr(this, msr);
  }

  /**
   * Writes one of the three MSRs (WRMSR). Returns 0, or -13 with #GP(0) for an address that is not canonical or above CPL 0.
   * Throws EINVAL for another MSR. Source: SDM vol. 2, WRMSR; vol. 3A section 3.4.4.
   */
  writeMsr(msr: number, address: bigint): number {
    return writeBaseMsr(this, msr, address);
  }

  /**
   * Writes the base of FS or GS at any CPL (WRFSBASE, WRGSBASE with CR4.FSGSBASE set, as Linux has it). Returns 0, or
   * -vector: #UD outside 64-bit mode, #GP(0) for an address that is not canonical.
   */
  writeBase(seg: typeof SEG_FS | typeof SEG_GS, address: bigint): number {
    return writeSegmentBase(this, seg, address);
  }

  /** The rest of linear(): wrap-around of a 4 GiB segment, wrong use, or the fault. */
  private checkLinear(seg: number, offset: number, kind: number): number {
    if (this.is64Bit) throw new KernelError(EINVAL, "linear() in 64-bit mode: linear64() would work");
    if (kind === RUN_EXEC && seg !== SEG_CS) {
      throw new KernelError(EINVAL, `an instruction fetch through ${segmentName(seg)}: it goes through CS`);
    }
    const isWholeSpace = this.lowest[seg] === 0 && this.highest[seg] === LAST_OFFSET;
    if (isWholeSpace && offset >= 0 && offset <= LAST_OFFSET && (this.allowed[seg] & (1 << kind)) !== 0) {
      return (this.baseLo[seg] + offset) >>> 0;
    }
    return this.raise(seg === SEG_SS ? X86_TRAP_SS : X86_TRAP_GP, 0);
  }
}
