/** An MMU over a real page table in simulated RAM, where each page is mapped on its first fault. */
import { PTE_P, PTE_RW, PTE_US, runKind, type TableFrames, vpnHi, vpnLo } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { Mmu } from "@pageframe/mmu";
import { RadixPageTable } from "@pageframe/pagetable";
import { SetAssociativeTlb } from "@pageframe/tlb";

const LEAF_FLAGS = PTE_P | PTE_RW | PTE_US;
/** Tables get the frames below, data pages those from here on. */
const FIRST_DATA_PFN = 8192;
const NR_FRAMES = 1_500_000;
/** Accesses driven by one call: long enough to hide it, short enough that the JIT soon replaces the loop. */
const BATCH_ACCESSES = 16_384;

/** Hands out frames 0, 1, 2, ... */
class AscendingTableFrames implements TableFrames {
  nrTables = 0;
  private readonly contents: FrameContents;

  constructor(contents: FrameContents) {
    this.contents = contents;
  }

  allocTable(): number {
    this.contents.ensureSlot(this.nrTables);
    return this.nrTables++;
  }

  freeTable(): void {
    // Nothing is unmapped here.
  }
}

/** One address space and the MMU that accesses it. */
export class DemandMapper {
  readonly mmu: Mmu;
  private readonly contents: FrameContents;
  private readonly frames: AscendingTableFrames;
  private readonly pageTable: RadixPageTable;
  private nextDataPfn = FIRST_DATA_PFN;

  constructor() {
    this.contents = new FrameContents(NR_FRAMES, "none");
    this.frames = new AscendingTableFrames(this.contents);
    this.pageTable = new RadixPageTable({ contents: this.contents, frames: this.frames });
    this.mmu = new Mmu({
      tlb: new SetAssociativeTlb({ arena: this.contents.compiledArena }),
      contents: this.contents,
    });
    this.mmu.loadCr3(this.pageTable.rootPfn, 0, false);
  }

  /** Makes all accesses of a stream. */
  run(words: Int32Array): void {
    const nrAccesses = words.length / 2;
    for (let from = 0; from < nrAccesses; from += BATCH_ACCESSES) {
      this.runBatch(words, from, Math.min(from + BATCH_ACCESSES, nrAccesses));
    }
  }

  /** Counts that any MMU of the same TLB must give, and a hash of all page tables. */
  checks(): Record<string, number> {
    const { l1Hits, l2Hits, walks, faults, dirtyAssists } = this.mmu.stats;
    const { nrTables } = this.frames;
    return { l1Hits, l2Hits, walks, faults, dirtyAssists, nrTables, hashOfTables: this.hashOfTables() };
  }

  private runBatch(words: Int32Array, from: number, to: number): void {
    const { mmu } = this;
    let at = mmu.accessRuns(words, from, to);
    while (at < to) {
      const vpn = mmu.faultVpn;
      this.pageTable.map(vpn, 1, this.nextDataPfn++, LEAF_FLAGS, 0);
      mmu.retranslate(vpnLo(vpn), vpnHi(vpn), runKind(words[2 * at + 1]), true);
      at = mmu.accessRuns(words, at + 1, to);
    }
  }

  /** FNV-1a over all words of all tables, by frame. */
  private hashOfTables(): number {
    const { words } = this.contents;
    let hash = 0x811c9dc5 | 0;
    for (let pfn = 0; pfn < this.frames.nrTables; pfn++) {
      const base = this.contents.wordBase(pfn);
      for (let at = base; at < base + 1024; at++) hash = Math.imul(hash ^ words[at], 0x01000193);
    }
    return hash >>> 0;
  }
}
