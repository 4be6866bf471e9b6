/** An MMU over a real page table in simulated RAM, where each page is mapped on its first fault. */
import {
  bug,
  findOccupant,
  NO_PFN,
  PAGE_SIZE,
  type PageTable,
  PTE_P,
  PTE_RW,
  PTE_US,
  runKind,
  type TableFrames,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import { FrameContents, NO_SLOT } from "@pageframe/memmap";
import { Mmu } from "@pageframe/mmu";
import { pageTables } from "@pageframe/pagetable";
import { tlbs } from "@pageframe/tlb";

const LEAF_FLAGS = PTE_P | PTE_RW | PTE_US;
/** Tables get the frames below, data pages those from here on. */
const FIRST_DATA_PFN = 8192;
const NR_FRAMES = 1_500_000;
/** For the streams that touch little: an inverted table has a record for each frame. */
const NR_FEW_FRAMES = 200_000;
/** Accesses driven by one call: long enough to hide it, short enough that the JIT soon replaces the loop. */
const BATCH_ACCESSES = 16_384;

/** What sits in which seat; whatever is left out is the default. */
export interface MapperSeats {
  /** Of the TLB seat. */
  readonly tlb?: string;
  /** Of the page-table seat. */
  readonly pageTable?: string;
  /** False: the loop over accesses is JavaScript. */
  readonly isCompiled?: boolean;
}

/** Hands out frames 0, 1, 2, ..., and those that came back first. */
class TableFrameStack implements TableFrames {
  nrTables = 0;
  private readonly contents: FrameContents;
  private readonly returned: number[] = [];
  private nextPfn = 0;

  constructor(contents: FrameContents) {
    this.contents = contents;
  }

  allocTable(): number {
    const pfn = this.returned.pop() ?? this.nextPfn++;
    if (pfn >= FIRST_DATA_PFN) return NO_PFN;
    this.contents.ensureSlot(pfn);
    this.nrTables++;
    return pfn;
  }

  freeTable(pfn: number): void {
    this.contents.releaseSlot(pfn);
    this.returned.push(pfn);
    this.nrTables--;
  }
}

/** A page table in simulated RAM, and nothing else. */
export class TableMachine {
  readonly contents: FrameContents;
  readonly table: PageTable;
  readonly frames: TableFrameStack;

  constructor(occupant: (typeof pageTables)[number], nrFrames: number = NR_FEW_FRAMES) {
    this.contents = new FrameContents(nrFrames, "none");
    this.frames = new TableFrameStack(this.contents);
    this.table = occupant.create({ contents: this.contents, frames: this.frames });
  }

  /** Bytes of all tables. */
  get tableBytes(): number {
    return this.frames.nrTables * PAGE_SIZE;
  }
}

/** One address space and the MMU that accesses it. */
export class DemandMapper {
  readonly mmu: Mmu;
  private readonly machine: TableMachine;
  private readonly hasTopInRegisters: boolean;
  private nextDataPfn = FIRST_DATA_PFN;

  constructor({ tlb = "set-associative", pageTable = "radix4", isCompiled = true }: MapperSeats = {}) {
    this.hasTopInRegisters = pageTable === "pae";
    const nrFrames = pageTable === "radix4" ? NR_FRAMES : NR_FEW_FRAMES;
    this.machine = new TableMachine(findOccupant("page table", pageTables, pageTable), nrFrames);
    const { contents, table } = this.machine;
    const arena = isCompiled ? contents.compiledArena : null;
    this.mmu = new Mmu({
      tlb: findOccupant("TLB", tlbs, tlb).create({ arena }),
      contents,
      format: pageTable.startsWith("radix") ? "x86-64" : pageTable,
      levels: pageTable === "radix5" ? 5 : 4,
    });
    this.mmu.loadCr3(table.rootPfn, 0, false);
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
    const { nrTables } = this.machine.frames;
    return { l1Hits, l2Hits, walks, faults, dirtyAssists, nrTables, hashOfTables: this.hashOfTables() };
  }

  private runBatch(words: Int32Array, from: number, to: number): void {
    const { mmu } = this;
    let at = mmu.accessRuns(words, from, to);
    while (at < to) {
      const vpn = mmu.faultVpn;
      const mapped = this.machine.table.map(vpn, 1, this.nextDataPfn++, LEAF_FLAGS, 0);
      if (mapped < 0) bug(`page ${vpn} cannot be mapped: errno ${-mapped}`);
      // The entries at the top of PAE's tables are in registers: a new one counts from the next load on, as in pud_populate().
      if (this.hasTopInRegisters) mmu.loadCr3(mmu.rootPfn, 0, true);
      mmu.retranslate(vpnLo(vpn), vpnHi(vpn), runKind(words[2 * at + 1]), true);
      at = mmu.accessRuns(words, at + 1, to);
    }
  }

  /** FNV-1a over all words of all tables, by frame. */
  private hashOfTables(): number {
    const { slotOf, words } = this.machine.contents;
    let hash = 0x811c9dc5 | 0;
    for (let pfn = 0; pfn < FIRST_DATA_PFN; pfn++) {
      if (slotOf[pfn] === NO_SLOT) continue;
      const base = this.machine.contents.wordBase(pfn);
      for (let at = base; at < base + 1024; at++) hash = Math.imul(hash ^ words[at], 0x01000193);
    }
    return hash >>> 0;
  }
}
