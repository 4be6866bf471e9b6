import {
  PTE_P,
  PTE_RW,
  PTE_US,
  PTE_WORDS,
  type Pfn,
  vpnHi,
  vpnIndex,
  vpnLo,
  type Vpn,
} from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { Mmu, type MmuConfig } from "@pageframe/mmu";
import { SetAssociativeTlb } from "@pageframe/tlb";

export const USER_TABLE: number = PTE_P | PTE_RW | PTE_US;

/** A machine, of 1024 frames if not told otherwise, whose page table is written entry by entry. */
export class Machine {
  readonly contents: FrameContents;
  readonly tlb: SetAssociativeTlb = new SetAssociativeTlb();
  readonly mmu: Mmu;
  private nextTable = 1;

  constructor(config: Partial<MmuConfig> = {}, nrFrames = 1024) {
    this.contents = new FrameContents(nrFrames, "none");
    this.mmu = new Mmu({ tlb: this.tlb, contents: this.contents, ...config });
    this.mmu.loadCr3(this.newTable(), 0, false);
  }

  newTable(): Pfn {
    this.contents.ensureSlot(this.nextTable);
    return this.nextTable++;
  }

  /** Index of the low word of the entry of `level` for a page; makes the tables above it, with USER_TABLE flags. */
  entryOf(vpn: Vpn, level: number): number {
    let tablePfn = this.mmu.rootPfn;
    for (let above = this.mmu.walker.nrLevels; above > level; above--) {
      const at = this.contents.wordBase(tablePfn) + PTE_WORDS * vpnIndex(vpn, above);
      if (this.contents.words[at] === 0) {
        const below = this.newTable();
        this.contents.words[at] = (below << 12) | USER_TABLE;
      }
      tablePfn = this.contents.words[at] >>> 12;
    }
    return this.contents.wordBase(tablePfn) + PTE_WORDS * vpnIndex(vpn, level);
  }

  /** Writes an entry's two halves. */
  write(vpn: Vpn, level: number, lo: number, hi = 0): void {
    const at = this.entryOf(vpn, level);
    this.contents.words[at] = lo;
    this.contents.words[at + 1] = hi;
  }

  /** Low half of an entry as it is now. */
  low(vpn: Vpn, level: number): number {
    return this.contents.words[this.entryOf(vpn, level)];
  }

  user(vpn: Vpn, kind: number): number {
    return this.mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, true);
  }

  supervisor(vpn: Vpn, kind: number): number {
    return this.mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, false);
  }

  again(vpn: Vpn, kind: number): number {
    return this.mmu.retranslate(vpnLo(vpn), vpnHi(vpn), kind, true);
  }
}
