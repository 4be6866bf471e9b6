/**
 * The ASID seat: which address-space identifier (PCID on x86) tags the translations of an address space in a CPU's TLB, and
 * when a CPU has to forget what an identifier tagged before. Hot: per context switch and per flush.
 */
import type { Asid, CpuId, MmId } from "./units.ts";

/** The kernel's own address space, where there is no user half (init_mm). */
export const INIT_MM: MmId = -1;
/** Absence of an identifier. */
export const NO_ASID: Asid = -1;

/** Answers of {@link AsidAllocator.load}: what the CPU has to forget when it loads the address space. */
export const ASID_FLUSH_NONE = 0;
/** What the identifier tags. */
export const ASID_FLUSH_OWN = 1;
/** Everything. */
export const ASID_FLUSH_ALL = 2;

/**
 * Gives address spaces identifiers on CPUs. Every CPU starts with INIT_MM loaded.
 *
 * Where flushes are sent by interrupt, CPUs lag: every change that needs a flush moves the generation of the address space
 * on, and each CPU knows the generation that its translations are up to. Whoever flushes a CPU says so with setCpuGeneration.
 * Where they are broadcast, all CPUs are flushed at once and generations stay 0.
 */
export interface AsidAllocator {
  readonly name: string;
  /** Does a flush reach every CPU at once, by hardware and without interrupts? */
  readonly isBroadcast: boolean;
  /** A new address space under an id that nobody has; it shares nothing with the one that had the id before. */
  addMm(mm: MmId): void;
  /** The address space is gone: no CPU loads it any more. */
  removeMm(mm: MmId): void;
  /** Chooses the identifier for an address space that `cpu` loads. Returns ASID_FLUSH_*. */
  load(cpu: CpuId, mm: MmId): number;
  /** Identifier that `cpu` has loaded. */
  loadedAsid(cpu: CpuId): Asid;
  /** Identifier that tags what `cpu` may hold of an address space, or NO_ASID when it can hold nothing usable. */
  asidOf(cpu: CpuId, mm: MmId): Asid;
  /** Moves the generation of an address space on; returns the new one (inc_mm_tlb_gen). */
  bumpGeneration(mm: MmId): number;
  generation(mm: MmId): number;
  /** Generation of the loaded address space that `cpu` is up to. */
  cpuGeneration(cpu: CpuId): number;
  setCpuGeneration(cpu: CpuId, generation: number): void;
  /**
   * Address space whose translations under an identifier `cpu` would use without a flush, now or once it loads it; INIT_MM
   * also where there is none. For audits. O(address spaces).
   */
  userOf(cpu: CpuId, asid: Asid): MmId;
  checkInvariants(): void;
}
