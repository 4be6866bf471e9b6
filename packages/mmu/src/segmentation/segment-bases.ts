/**
 * Bases of 64 bits: FS and GS, the MSRs that hold them, and the base of GS that SWAPGS keeps for the kernel. Cold.
 *
 * Source: Intel SDM vol. 3A section 3.4.4; vol. 2, SWAPGS, WRMSR, WRFSBASE; Linux 6.18 arch/x86/include/asm/msr-index.h.
 */
import { EINVAL, KernelError, X86_TRAP_GP, X86_TRAP_UD } from "@pageframe/contracts";
import { joinHalves, SEG_FS, SEG_GS, type SegmentRegisters } from "./segment-registers.ts";

/** Model-specific registers of 64-bit segment bases. Source: SDM vol. 4 table 2-2. */
export const MSR_FS_BASE = 0xc0000100;
export const MSR_GS_BASE = 0xc0000101;
export const MSR_KERNEL_GS_BASE = 0xc0000102;

/** Exchanges GS.base and IA32_KERNEL_GS_BASE. Returns 0, or -vector: #UD outside 64-bit mode, #GP(0) above CPL 0. */
export function swapBases(registers: SegmentRegisters): number {
  if (!registers.is64Bit) return registers.raise(X86_TRAP_UD, 0);
  if (registers.cpl !== 0) return registers.raise(X86_TRAP_GP, 0);
  const lo = registers.baseLo[SEG_GS];
  const hi = registers.baseHi[SEG_GS];
  registers.baseLo[SEG_GS] = registers.kernelGsLo;
  registers.baseHi[SEG_GS] = registers.kernelGsHi;
  registers.kernelGsLo = lo;
  registers.kernelGsHi = hi;
  return 0;
}

/** Reads one of the three MSRs. Throws EINVAL for another. */
export function readBaseMsr(registers: SegmentRegisters, msr: number): bigint {
  if (msr === MSR_KERNEL_GS_BASE) return joinHalves(registers.kernelGsLo, registers.kernelGsHi);
  const seg = segmentOfMsr(msr);
  return joinHalves(registers.baseLo[seg], registers.baseHi[seg]);
}

/**
 * Writes one of the three MSRs. Returns 0, or -13 with #GP(0) for an address that is not canonical or above CPL 0. Throws
 * EINVAL for another MSR.
 */
export function writeBaseMsr(registers: SegmentRegisters, msr: number, address: bigint): number {
  const seg = msr === MSR_KERNEL_GS_BASE ? -1 : segmentOfMsr(msr);
  const hi = highHalf(address);
  if (registers.cpl !== 0 || !registers.isCanonical(hi)) return registers.raise(X86_TRAP_GP, 0);
  if (seg >= 0) {
    registers.baseLo[seg] = lowHalf(address);
    registers.baseHi[seg] = hi;
  } else {
    registers.kernelGsLo = lowHalf(address);
    registers.kernelGsHi = hi;
  }
  return 0;
}

/** Writes the base of FS or GS at any CPL. Returns 0, or -vector: #UD outside 64-bit mode, #GP(0) if it is not canonical. */
export function writeSegmentBase(registers: SegmentRegisters, seg: number, address: bigint): number {
  if (!registers.is64Bit) return registers.raise(X86_TRAP_UD, 0);
  const hi = highHalf(address);
  if (!registers.isCanonical(hi)) return registers.raise(X86_TRAP_GP, 0);
  registers.baseLo[seg] = lowHalf(address);
  registers.baseHi[seg] = hi;
  return 0;
}

function lowHalf(address: bigint): number {
  return Number(BigInt.asIntN(32, address));
}

function highHalf(address: bigint): number {
  return Number(BigInt.asIntN(32, address >> 32n));
}

function segmentOfMsr(msr: number): number {
  if (msr === MSR_FS_BASE) return SEG_FS;
  if (msr === MSR_GS_BASE) return SEG_GS;
  throw new KernelError(
    EINVAL,
    `MSR 0x${msr.toString(16)}: 0xc0000100 (FS_BASE), 0xc0000101 (GS_BASE) and 0xc0000102 (KERNEL_GS_BASE) are there`,
  );
}
