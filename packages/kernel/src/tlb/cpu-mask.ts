/** Sets of CPUs, as bits (struct cpumask). Hot: per flush. */
import { type CpuId } from "@pageframe/contracts";

/** Up to 64 CPUs. */
export class CpuMask {
  private lo = 0;
  private hi = 0;

  set(cpu: CpuId): void {
    if (cpu < 32) this.lo |= 1 << cpu;
    else this.hi |= 1 << (cpu - 32);
  }

  clear(cpu: CpuId): void {
    if (cpu < 32) this.lo &= ~(1 << cpu);
    else this.hi &= ~(1 << (cpu - 32));
  }

  clearAll(): void {
    this.lo = 0;
    this.hi = 0;
  }

  has(cpu: CpuId): boolean {
    return cpu < 32 ? (this.lo & (1 << cpu)) !== 0 : (this.hi & (1 << (cpu - 32))) !== 0;
  }

  /** Is any CPU but this one in it? (cpumask_any_but) */
  hasOther(cpu: CpuId): boolean {
    return cpu < 32
      ? ((this.lo & ~(1 << cpu)) | this.hi) !== 0
      : (this.lo | (this.hi & ~(1 << (cpu - 32)))) !== 0;
  }

  /** Adds all of another (cpumask_or). */
  add(other: CpuMask): void {
    this.lo |= other.lo;
    this.hi |= other.hi;
  }
}
