/**
 * Translates a stream of accesses through TLB, walk caches and real page tables; a page is mapped when it faults for
 * the first time. The work of a C program with the same TLB geometry, without walk caches and rights.
 */
import { PTE_P, PTE_RW, PTE_US, runKind, runVpnHi, vpnHi, vpnLo } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { Mmu, type MmuStats } from "@pageframe/mmu";
import { SetAssociativeTlb } from "@pageframe/tlb";

const ENTRY_FLAGS = PTE_P | PTE_RW | PTE_US;
/** Tables get the frames below, data pages the frames from here on. */
export const FIRST_DATA_PFN = 8192;
const NR_FRAMES = 1_500_000;
/** Accesses driven by one call: long enough to hide the call, short enough for the JIT to replace the loop. */
const BATCH = 16384;

/** An MMU with one address space that maps every page on its first fault. */
export class DemandMapper {
  readonly contents: FrameContents;
  readonly tlb: SetAssociativeTlb;
  readonly mmu: Mmu;
  private nextDataPfn = FIRST_DATA_PFN;
  private nextTablePfn = 0;

  constructor() {
    this.contents = new FrameContents(NR_FRAMES, "none");
    this.tlb = new SetAssociativeTlb();
    this.mmu = new Mmu({ tlb: this.tlb, contents: this.contents });
    this.mmu.loadCr3(this.newTable(), 0, false);
  }

  /** Translates all accesses of a stream, batch by batch. */
  run(words: Int32Array): void {
    const nrAccesses = words.length / 2;
    for (let from = 0; from < nrAccesses; from += BATCH) {
      this.runBatch(words, from, Math.min(from + BATCH, nrAccesses));
    }
  }

  /** As run(), through translate(), one call an access; returns the sum of the pfns. */
  runSingly(words: Int32Array): number {
    const { mmu } = this;
    let sum = 0;
    for (let at = 0; at < words.length; at += 2) {
      const lo = words[at];
      const hi = runVpnHi(words[at + 1]);
      const kind = runKind(words[at + 1]);
      let pfn = mmu.translate(lo, hi, kind, true);
      if (pfn < 0) {
        this.mapPage(lo, hi);
        pfn = mmu.retranslate(lo, hi, kind, true);
      }
      sum += pfn;
    }
    return sum;
  }

  private runBatch(words: Int32Array, from: number, to: number): void {
    const { mmu } = this;
    let at = mmu.accessRuns(words, from, to);
    while (at < to) {
      const lo = vpnLo(mmu.faultVpn);
      const hi = vpnHi(mmu.faultVpn);
      this.mapPage(lo, hi);
      mmu.retranslate(lo, hi, runKind(words[2 * at + 1]), true);
      at = mmu.accessRuns(words, at + 1, to);
    }
  }

  private mapPage(lo: number, hi: number): void {
    let tablePfn = this.mmu.rootPfn;
    const indices = [((lo >>> 27) | (hi << 5)) & 511, (lo >>> 18) & 511, (lo >>> 9) & 511];
    for (const index of indices) {
      const at = this.contents.wordBase(tablePfn) + 2 * index;
      if (this.contents.words[at] === 0) {
        const below = this.newTable();
        this.contents.words[at] = (below << 12) | ENTRY_FLAGS;
      }
      tablePfn = this.contents.words[at] >>> 12;
    }
    const at = this.contents.wordBase(tablePfn) + 2 * (lo & 511);
    const pfn = this.nextDataPfn++;
    this.contents.words[at] = (pfn << 12) | ENTRY_FLAGS;
    this.contents.words[at + 1] = pfn >>> 20;
  }

  private newTable(): number {
    this.contents.ensureSlot(this.nextTablePfn);
    return this.nextTablePfn++;
  }
}

/** What one run through a stream measured. */
export interface TranslationResult {
  readonly accessesPerMicrosecond: number;
  readonly stats: MmuStats;
}

/** Runs a stream twice, first with cold tables; `nowSeconds` reads a clock of processor time. */
export function measureTranslation(words: Int32Array, nowSeconds: () => number): TranslationResult[] {
  const mapper = new DemandMapper();
  return [0, 1].map(() => {
    const start = nowSeconds();
    mapper.run(words);
    const seconds = nowSeconds() - start;
    return { accessesPerMicrosecond: words.length / 2 / seconds / 1e6, stats: mapper.mmu.stats };
  });
}
