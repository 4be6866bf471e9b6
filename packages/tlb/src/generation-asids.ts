/**
 * One identifier for an address space on all CPUs, until they run out: then a new generation begins, everybody needs a new
 * one, and every CPU forgets everything before it loads its first of the new generation. Hot: per context switch.
 *
 * An address space's context is `generation * nrAsids + asid`, 0 for none. Identifier 0 belongs to no user.
 * `active` is the context that a CPU loaded last in this generation, 0 if none; `reserved` the one that it ran when the
 * generation began, which keeps its identifier.
 * Invariants: no two address spaces have one context; a context of this generation has its bit in `taken`, and so has the
 * identifier that a CPU keeps.
 * Source: Linux 6.18 arch/arm64/mm/context.c, check_and_switch_context(), new_context(), flush_context(),
 * check_update_reserved_asid(). Differs: no pinned contexts, no pairs of identifiers for KPTI.
 */
import {
  type Asid,
  ASID_FLUSH_ALL,
  ASID_FLUSH_NONE,
  type AsidAllocator,
  bug,
  type CpuId,
  EINVAL,
  INIT_MM,
  KernelError,
  type MmId,
  NO_ASID,
} from "@pageframe/contracts";

/** Identifiers are 8 bits wide (ID_AA64MMFR0_EL1.ASIDBits 0); a TLB's tag has room for 12. */
const DEFAULT_ASID_BITS = 8;
const MAX_ASID_BITS = 12;
const FIRST_GENERATION = 1;

/** The occupant `generations`. */
export class GenerationAsids implements AsidAllocator {
  readonly name = "generations";
  /** TLBI of the inner shareable domain. */
  readonly isBroadcast = true;
  private readonly nrAsids: number;
  private readonly nrCpus: number;
  private readonly taken: Uint8Array;
  private readonly contexts: number[] = [0];
  private readonly active: Float64Array;
  private readonly reserved: Float64Array;
  private readonly loadedAsids: Int32Array;
  private readonly mustFlush: Uint8Array;
  private asidGeneration: number = FIRST_GENERATION;
  private nextAsid = 1;

  /** Throws EINVAL when there are not more identifiers than CPUs. */
  constructor(nrCpus: number, asidBits: number = DEFAULT_ASID_BITS) {
    if (!Number.isInteger(asidBits) || asidBits > MAX_ASID_BITS || 2 ** asidBits < nrCpus + 2) {
      throw new KernelError(
        EINVAL,
        `asidBits (${asidBits}) must be an integer up to ${MAX_ASID_BITS} with 2^asidBits at least ${nrCpus + 2}, ` +
          `one more than ${nrCpus} CPUs can keep and one that stays unused`,
      );
    }
    this.nrCpus = nrCpus;
    this.nrAsids = 2 ** asidBits;
    this.taken = new Uint8Array(this.nrAsids);
    this.active = new Float64Array(nrCpus);
    this.reserved = new Float64Array(nrCpus);
    this.loadedAsids = new Int32Array(nrCpus);
    this.mustFlush = new Uint8Array(nrCpus);
  }

  addMm(mm: MmId): void {
    this.contexts[mm + 1] = 0;
  }

  /** The identifier stays taken until the generation ends. */
  removeMm(mm: MmId): void {
    this.contexts[mm + 1] = 0;
  }

  /** O(1); O(identifiers + CPUs) when a generation begins. */
  load(cpu: CpuId, mm: MmId): number {
    if (mm === INIT_MM) {
      this.loadedAsids[cpu] = 0;
      return ASID_FLUSH_NONE;
    }
    let context = this.contexts[mm + 1];
    if (!this.isCurrent(context)) {
      context = this.newContext(context);
      this.contexts[mm + 1] = context;
    }
    this.active[cpu] = context;
    this.loadedAsids[cpu] = context % this.nrAsids;
    if (this.mustFlush[cpu] === 0) return ASID_FLUSH_NONE;
    this.mustFlush[cpu] = 0;
    return ASID_FLUSH_ALL;
  }

  loadedAsid(cpu: CpuId): Asid {
    return this.loadedAsids[cpu];
  }

  /** The same on every CPU. */
  asidOf(_cpu: CpuId, mm: MmId): Asid {
    const context = this.contexts[mm + 1];
    return context === 0 ? NO_ASID : context % this.nrAsids;
  }

  bumpGeneration(_mm: MmId): number {
    return 0;
  }

  generation(_mm: MmId): number {
    return 0;
  }

  cpuGeneration(_cpu: CpuId): number {
    return 0;
  }

  setCpuGeneration(_cpu: CpuId, _generation: number): void {
    // Nobody lags.
  }

  userOf(cpu: CpuId, asid: Asid): MmId {
    if (asid === 0) return INIT_MM;
    const isPending = this.mustFlush[cpu] !== 0;
    // Before its flush a CPU may go on with what it has loaded, and with nothing else.
    if (isPending && this.loadedAsids[cpu] !== asid) return INIT_MM;
    const context = isPending ? this.reserved[cpu] : this.asidGeneration * this.nrAsids + asid;
    const index = context === 0 ? -1 : this.contexts.indexOf(context);
    return index < 0 ? INIT_MM : index - 1;
  }

  checkInvariants(): void {
    const seen = new Set<number>();
    for (const [index, context] of this.contexts.entries()) {
      if (context === 0) continue;
      if (seen.has(context)) bug(`mm ${index - 1} shares context ${context} with another`);
      seen.add(context);
      if (this.isCurrent(context) && this.taken[context % this.nrAsids] === 0) {
        bug(`asid ${context % this.nrAsids} of mm ${index - 1} is not marked as taken`);
      }
    }
    for (let cpu = 0; cpu < this.nrCpus; cpu++) {
      const asid = this.loadedAsids[cpu];
      if (asid !== 0 && this.taken[asid] === 0) bug(`asid ${asid} is loaded on CPU ${cpu} and not taken`);
    }
  }

  private isCurrent(context: number): boolean {
    return Math.floor(context / this.nrAsids) === this.asidGeneration;
  }

  /** Gives an address space whose context is `old` (0: none) one of this generation. */
  private newContext(old: number): number {
    const { nrAsids, taken } = this;
    if (old !== 0) {
      const asid = old % nrAsids;
      const kept = this.asidGeneration * nrAsids + asid;
      if (this.updateReserved(old, kept)) return kept;
      // Had it before, and nobody else has it yet.
      if (taken[asid] === 0) {
        taken[asid] = 1;
        return kept;
      }
    }
    let asid = taken.indexOf(0, this.nextAsid);
    if (asid < 0) {
      this.beginGeneration();
      asid = taken.indexOf(0, 1);
    }
    taken[asid] = 1;
    this.nextAsid = asid;
    return this.asidGeneration * nrAsids + asid;
  }

  /** Does some CPU keep `old` over the turn of the generation? Then it keeps it under its new name. */
  private updateReserved(old: number, kept: number): boolean {
    let isReserved = false;
    for (let cpu = 0; cpu < this.nrCpus; cpu++) {
      if (this.reserved[cpu] !== old) continue;
      this.reserved[cpu] = kept;
      isReserved = true;
    }
    return isReserved;
  }

  private beginGeneration(): void {
    this.asidGeneration++;
    this.taken.fill(0);
    for (let cpu = 0; cpu < this.nrCpus; cpu++) {
      // A CPU that has run nothing since the last turn still runs what it kept then.
      if (this.active[cpu] !== 0) this.reserved[cpu] = this.active[cpu];
      this.active[cpu] = 0;
      if (this.reserved[cpu] !== 0) this.taken[this.reserved[cpu] % this.nrAsids] = 1;
    }
    this.mustFlush.fill(1);
  }
}
