/**
 * A few identifiers per CPU, given to the address spaces that ran there last. Hot: per context switch.
 *
 *     CPU      slots 0..nrSlots-1, each with a context id (0: none) and the generation its translations are up to
 *     mm       context id, never used twice, and generation; at index mm + 1, for INIT_MM is -1
 *
 * A slot whose generation is behind its address space's holds stale translations; they are flushed before the slot is loaded.
 * Invariant: no two slots of a CPU hold the same context, and no slot is ahead of its address space.
 * Source: Linux 6.18 arch/x86/mm/tlb.c, choose_new_asid(), initialize_tlbstate_and_flush(); arch/x86/include/asm/tlbflush.h,
 * TLB_NR_DYN_ASIDS; arch/x86/include/asm/mmu_context.h, init_new_context().
 */
import {
  type Asid,
  ASID_FLUSH_NONE,
  ASID_FLUSH_OWN,
  type AsidAllocator,
  bug,
  type CpuId,
  INIT_MM,
  type MmId,
  NO_ASID,
} from "@pageframe/contracts";

/** Identifiers of one CPU (TLB_NR_DYN_ASIDS). */
const TLB_NR_DYN_ASIDS = 6;
/** Context id of INIT_MM, and of no address space. */
const INIT_CTX_ID = 1;
const NO_CTX_ID = 0;

/** The occupants `dynamic` and, with one slot and PCID 0, `none`. */
export class DynamicAsids implements AsidAllocator {
  readonly name: string;
  readonly isBroadcast = false;
  private readonly nrSlots: number;
  /** Identifier of slot 0: PCID 0 is for processors that do not use PCIDs (kern_pcid). */
  private readonly firstAsid: number;
  private readonly nrCpus: number;
  /** Slot `cpu * nrSlots + slot`: context and its generation there. */
  private readonly slotCtxIds: Float64Array;
  private readonly slotGenerations: Float64Array;
  private readonly loadedSlots: Int32Array;
  private readonly nextSlots: Int32Array;
  private readonly ctxIds: number[] = [INIT_CTX_ID];
  private readonly generations: number[] = [0];
  private lastCtxId: number = INIT_CTX_ID;

  constructor(name: string, nrCpus: number, nrSlots: number = TLB_NR_DYN_ASIDS, firstAsid = 1) {
    this.name = name;
    this.nrSlots = nrSlots;
    this.firstAsid = firstAsid;
    this.nrCpus = nrCpus;
    this.slotCtxIds = new Float64Array(nrCpus * nrSlots);
    this.slotGenerations = new Float64Array(nrCpus * nrSlots);
    this.loadedSlots = new Int32Array(nrCpus);
    this.nextSlots = new Int32Array(nrCpus).fill(1);
    for (let cpu = 0; cpu < nrCpus; cpu++) this.slotCtxIds[cpu * nrSlots] = INIT_CTX_ID;
  }

  addMm(mm: MmId): void {
    this.ctxIds[mm + 1] = ++this.lastCtxId;
    this.generations[mm + 1] = 0;
  }

  removeMm(mm: MmId): void {
    this.ctxIds[mm + 1] = NO_CTX_ID;
  }

  /** O(slots of a CPU). */
  load(cpu: CpuId, mm: MmId): number {
    const { slotCtxIds, slotGenerations, nrSlots } = this;
    const generation = this.generations[mm + 1];
    const first = cpu * nrSlots;
    let slot = this.findSlot(cpu, mm);
    const isNew = slot < 0;
    if (isNew) {
      slot = this.nextSlots[cpu]++;
      if (slot >= nrSlots) {
        slot = 0;
        this.nextSlots[cpu] = 1;
      }
    }
    this.loadedSlots[cpu] = slot;
    if (!isNew && slotGenerations[first + slot] === generation) return ASID_FLUSH_NONE;
    slotCtxIds[first + slot] = this.ctxIds[mm + 1];
    slotGenerations[first + slot] = generation;
    return ASID_FLUSH_OWN;
  }

  loadedAsid(cpu: CpuId): Asid {
    return this.firstAsid + this.loadedSlots[cpu];
  }

  asidOf(cpu: CpuId, mm: MmId): Asid {
    const slot = this.findSlot(cpu, mm);
    return slot < 0 ? NO_ASID : this.firstAsid + slot;
  }

  bumpGeneration(mm: MmId): number {
    return ++this.generations[mm + 1];
  }

  generation(mm: MmId): number {
    return this.generations[mm + 1];
  }

  cpuGeneration(cpu: CpuId): number {
    return this.slotGenerations[cpu * this.nrSlots + this.loadedSlots[cpu]];
  }

  setCpuGeneration(cpu: CpuId, generation: number): void {
    this.slotGenerations[cpu * this.nrSlots + this.loadedSlots[cpu]] = generation;
  }

  userOf(cpu: CpuId, asid: Asid): MmId {
    const slot = asid - this.firstAsid;
    if (slot < 0 || slot >= this.nrSlots) return INIT_MM;
    const at = cpu * this.nrSlots + slot;
    const ctxId = this.slotCtxIds[at];
    const index = ctxId === NO_CTX_ID ? 0 : this.ctxIds.indexOf(ctxId);
    return index > 0 && this.generations[index] === this.slotGenerations[at] ? index - 1 : INIT_MM;
  }

  checkInvariants(): void {
    const { nrSlots, slotCtxIds } = this;
    for (let at = 0; at < this.nrCpus * nrSlots; at++) {
      const ctxId = slotCtxIds[at];
      if (ctxId === NO_CTX_ID) continue;
      const first = at - (at % nrSlots);
      if (slotCtxIds.subarray(first, at).includes(ctxId)) {
        bug(`CPU ${first / nrSlots} has context ${ctxId} in two slots`);
      }
      const index = this.ctxIds.indexOf(ctxId);
      if (index >= 0 && this.slotGenerations[at] > this.generations[index]) {
        bug(
          `CPU ${first / nrSlots} is at generation ${this.slotGenerations[at]} of mm ${index - 1}, which is behind`,
        );
      }
    }
  }

  /** Slot of `cpu` that holds the context of an address space, or -1. */
  private findSlot(cpu: CpuId, mm: MmId): number {
    const ctxId = this.ctxIds[mm + 1];
    const first = cpu * this.nrSlots;
    for (let slot = 0; slot < this.nrSlots; slot++) {
      if (this.slotCtxIds[first + slot] === ctxId) return slot;
    }
    return -1;
  }
}
