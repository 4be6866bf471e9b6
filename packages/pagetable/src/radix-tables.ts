/**
 * The tables of a radix page table in simulated RAM: walking down, making what is missing, reading and writing entries.
 * Hot: per fault and per page of every range operation.
 *
 * A table is one frame: 512 entries of two int32 words, at `contents.slotOf[pfn] * 1024` in `contents.words`. The root is
 * a table of the top level; an entry above level 1 is empty, points to a table one level down, or is a leaf (2 MiB at level
 * 2, 1 GiB at level 3, 512 GiB at level 4 of Sv48). What points to a table, and where the frame number is:
 *
 *     x86      pte.ts         P set, PS clear            frame in bits 12..51
 *     RISC-V   riscv-pte.ts   V set, R, W and X clear    frame in bits 10..53
 *
 * Non-empty entries that are not present to the processor (swap, PROT_NONE) are leaves too. A walker starts at `rootPfn`,
 * takes index bits (level - 1) * 9 .. + 8 of the page number at each level, and ends at a leaf or at what is not present.
 *
 * Invariants: a table has one parent; its count of non-empty entries in `counts` is exact; `nrTables[level]` counts the
 * tables of this address space alone; with a kernel half, top entries 256..511 equal the kernel half's.
 * The processor may set A and D in entries at any time: that never changes whether an entry is empty.
 * Source: Intel SDM vol. 3A sections 5.5.4, 5.5.5; RISC-V Privileged Architecture sections 12.3 to 12.5; Linux 6.18
 * mm/memory.c, arch/x86/include/asm/pgtable_64.h.
 */
import {
  bug,
  EINVAL,
  KernelError,
  NO_ENTRY,
  NO_PFN,
  PAGE_WORDS,
  PT_LEVEL_P4D,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PT_LEVEL_PUD,
  PTE_WORDS,
  PTRS_PER_TABLE,
  type Pfn,
  riscvHi,
  riscvLo,
  riscvToCanonicalHi,
  riscvToCanonicalLo,
  type TableFrames,
  type Vpn,
  vpnLo,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { KERNEL_TOP_INDEX, RADIX4, type RadixLayout, TABLE_WORDS_SHIFT, tableIndex } from "./layout.ts";
import { noFrameForRoot, type PageTableConfig } from "./page-table-config.ts";
import { type SharedHalf, TableCounts } from "./table-counts.ts";

/** `hotVpn` when no table is remembered: far above every page. */
export const NO_TABLE: number = 2 ** 60;
/** Brings bit 27 of a page number to bit 1. */
const TOP_SCALE: number = 2 ** -26;
const INDEX_WORDS_MASK: number = PTRS_PER_TABLE * PTE_WORDS - PTE_WORDS;

/** Told of every change of a top entry: the root for user mode copies those of the user half (user-root.ts). */
export interface TopMirror {
  mirror(index: number): void;
}

/** Tables and entries of one address space. */
export class RadixTables {
  /** Frame of the top table; NO_PFN after destroy(). */
  rootPfn: Pfn = NO_PFN;
  readonly layout: RadixLayout;
  readonly nrLevels: number;
  readonly maxLeafLevel: number;
  readonly limitVpn: Vpn;
  readonly nrTables: Int32Array;
  lastLevel = 0;
  lastLo = 0;
  lastHi = 0;
  readonly contents: FrameContents;
  readonly kernelHalf: SharedHalf | null;
  readonly counts: TableCounts;
  /** After sealTop(), empty top entries stay empty. */
  isTopSealed = false;
  /** Grows whenever a table is freed or a leaf becomes a table: cursors then look again where they are. */
  generation = 0;
  readonly isRiscv: boolean;
  /** Who copies the top entries of the user half; null without page-table isolation. */
  topMirror: TopMirror | null = null;
  /** First page past those whose tables belong to this address space alone. */
  readonly endOwnVpn: Vpn;
  private readonly frames: TableFrames;
  private readonly pointerMask: number;
  private readonly pointerValue: number;
  private readonly pfnShift: number;
  protected rootBase = 0;
  /** The level-1 table met last: its first page, and the index of its first word. */
  protected hotVpn: number = NO_TABLE;
  protected hotBase = 0;

  /**
   * Takes the root's frame and copies the kernel half's top entries. Throws ENOMEM when there is no frame, EINVAL when the
   * kernel half has another layout.
   */
  constructor(config: PageTableConfig, layout: RadixLayout = RADIX4) {
    this.layout = layout;
    this.nrLevels = layout.nrLevels;
    this.maxLeafLevel = layout.maxLeafLevel;
    this.limitVpn = layout.limitVpn;
    this.isRiscv = layout.isRiscv;
    this.pointerMask = layout.pointerMask;
    this.pointerValue = layout.pointerValue;
    this.pfnShift = layout.pfnShift;
    this.contents = config.contents;
    this.frames = config.frames;
    this.kernelHalf = config.kernelHalf ?? null;
    if (this.kernelHalf !== null && this.kernelHalf.layout.name !== layout.name) {
      throw new KernelError(
        EINVAL,
        `a page table of kind ${layout.name} cannot share a kernel half of kind ${this.kernelHalf.layout.name}`,
      );
    }
    this.counts = this.kernelHalf?.counts ?? new TableCounts();
    this.nrTables = new Int32Array(layout.nrLevels + 1);
    this.endOwnVpn = this.kernelHalf === null ? layout.limitVpn : layout.limitVpn / 2;
    this.rootPfn = this.newTable(layout.nrLevels);
    if (this.rootPfn === NO_PFN) {
      throw noFrameForRoot();
    }
    this.rootBase = this.contents.wordBase(this.rootPfn);
    if (this.kernelHalf !== null) {
      const source = this.contents.wordBase(this.kernelHalf.rootPfn);
      for (let index = KERNEL_TOP_INDEX; index < PTRS_PER_TABLE; index++) {
        const words = this.contents.words;
        const from = source + index * PTE_WORDS;
        this.writeWords(this.rootBase + index * PTE_WORDS, words[from], words[from + 1]);
      }
    }
  }

  /** Page numbers are below `limitVpn`. ~10 ns, ~2 ns in the same level-1 table as the last call. */
  findEntry(vpn: Vpn): number {
    const offset = vpn - this.hotVpn;
    if (offset >= 0 && offset < PTRS_PER_TABLE) {
      this.lastLevel = PT_LEVEL_PTE;
      return this.hotBase + (offset << 1);
    }
    const entry = this.walk(vpn);
    if (this.lastLevel !== PT_LEVEL_PTE) {
      const { words } = this.contents;
      if ((words[entry] | words[entry + 1]) === 0) return NO_ENTRY;
    }
    return entry;
  }

  /**
   * The entry may be empty, a leaf or a pointer to a table; the caller looks. `lastLevel` is 0 when no frame could be
   * had. Calls bug() for a kernel page when the kernel half is shared: that half is edited through KernelHalf.
   */
  allocEntry(vpn: Vpn, level: number): number {
    const offset = vpn - this.hotVpn;
    if (level === PT_LEVEL_PTE && offset >= 0 && offset < PTRS_PER_TABLE) {
      this.lastLevel = PT_LEVEL_PTE;
      return this.hotBase + (offset << 1);
    }
    this.checkVpn(vpn);
    const { contents, nrLevels } = this;
    let entry = this.rootBase + tableIndex(vpn, nrLevels) * PTE_WORDS;
    let at = nrLevels;
    for (; at > level; at--) {
      const lo = contents.words[entry];
      const hi = contents.words[entry + 1];
      let tablePfn: Pfn;
      if ((lo | hi) === 0) {
        if (at === nrLevels && this.isTopSealed) {
          bug(
            `vpn 0x${vpn.toString(16)} needs a new top entry, and address spaces have copied the top already`,
          );
        }
        tablePfn = this.newTable(at - 1);
        if (tablePfn === NO_PFN) {
          this.lastLevel = 0;
          return NO_ENTRY;
        }
        this.writePointer(entry, tablePfn, vpn);
        if (at === nrLevels) this.topMirror?.mirror(tableIndex(vpn, at));
      } else if (this.isPointer(lo)) {
        tablePfn = this.pointerPfn(lo, hi);
      } else {
        this.lastLevel = at;
        return NO_ENTRY;
      }
      const base = contents.slotOf[tablePfn] * PAGE_WORDS;
      if (at - 1 === PT_LEVEL_PTE) this.remember(vpn, base);
      entry = base + tableIndex(vpn, at - 1) * PTE_WORDS;
    }
    this.lastLevel = at;
    return entry;
  }

  entryLo(entry: number): number {
    const { words } = this.contents;
    if (!this.isRiscv) return words[entry];
    return riscvToCanonicalLo(words[entry], words[entry + 1], this.levelOf(entry));
  }

  entryHi(entry: number): number {
    const { words } = this.contents;
    return this.isRiscv ? riscvToCanonicalHi(words[entry], words[entry + 1]) : words[entry + 1];
  }

  /** Calls bug() when the entry points to a table: free that first (freeTables). */
  setEntry(entry: number, lo: number, hi: number): void {
    if (entry < 0) bug(`entry ${entry} is none`);
    const level = this.levelOf(entry);
    if (level > PT_LEVEL_PTE && this.isPointer(this.contents.words[entry])) {
      bug(`entry ${entry} points to a table, which would be lost`);
    }
    this.writeLeaf(entry, level, lo, hi);
  }

  /** Forbids new top entries: from now on others may copy the top. */
  sealTop(): void {
    this.isTopSealed = true;
  }

  /** Walks down to the leaf or the first empty entry; returns that entry and sets `lastLevel`. For this package. */
  walkRemembered(vpn: Vpn): number {
    const offset = vpn - this.hotVpn;
    if (offset < 0 || offset >= PTRS_PER_TABLE) return this.walk(vpn);
    this.lastLevel = PT_LEVEL_PTE;
    return this.hotBase + (offset << 1);
  }

  /** Writes a leaf of `level` given in canonical form, and counts it. For this package. */
  writeLeaf(entry: number, level: number, lo: number, hi: number): void {
    if (this.isRiscv) this.writeWords(entry, riscvLo(lo, hi, level), riscvHi(lo, hi));
    else this.writeWords(entry, lo, hi);
  }

  /** As walkRemembered(), from the root down. */
  protected walk(vpn: Vpn): number {
    const { words, slotOf } = this.contents;
    const { pointerMask, pointerValue, pfnShift } = this;
    const hiShift = 32 - pfnShift;
    const vpnBits = vpnLo(vpn);
    // Bits 26 up, so that an index at bit 27 or 36 comes doubled.
    const topBits = (vpn * TOP_SCALE) | 0;
    const { nrLevels } = this;
    let base = this.rootBase;
    let entry: number;
    let lo: number;
    if (nrLevels > PT_LEVEL_PUD) {
      if (nrLevels > PT_LEVEL_P4D) {
        entry = base + ((topBits >>> 9) & INDEX_WORDS_MASK);
        lo = words[entry];
        if ((lo & pointerMask) !== pointerValue) {
          this.lastLevel = nrLevels;
          return entry;
        }
        base = slotOf[((lo >>> pfnShift) | (words[entry + 1] << hiShift)) & 0x7fffffff] * PAGE_WORDS;
      }
      entry = base + (topBits & INDEX_WORDS_MASK);
      lo = words[entry];
      if ((lo & pointerMask) !== pointerValue) {
        this.lastLevel = PT_LEVEL_P4D;
        return entry;
      }
      base = slotOf[((lo >>> pfnShift) | (words[entry + 1] << hiShift)) & 0x7fffffff] * PAGE_WORDS;
    }
    entry = base + ((vpnBits >>> 17) & INDEX_WORDS_MASK);
    lo = words[entry];
    if ((lo & pointerMask) !== pointerValue) {
      this.lastLevel = PT_LEVEL_PUD;
      return entry;
    }
    base = slotOf[((lo >>> pfnShift) | (words[entry + 1] << hiShift)) & 0x7fffffff] * PAGE_WORDS;
    entry = base + ((vpnBits >>> 8) & INDEX_WORDS_MASK);
    lo = words[entry];
    if ((lo & pointerMask) !== pointerValue) {
      this.lastLevel = PT_LEVEL_PMD;
      return entry;
    }
    base = slotOf[((lo >>> pfnShift) | (words[entry + 1] << hiShift)) & 0x7fffffff] * PAGE_WORDS;
    this.remember(vpn, base);
    this.lastLevel = PT_LEVEL_PTE;
    return base + ((vpnBits << 1) & INDEX_WORDS_MASK);
  }

  /** Finds the large leaf, empty or not, that covers a page; NO_ENTRY when smaller entries or none do. */
  protected findLarge(vpn: Vpn): number {
    const entry = this.findEntry(vpn);
    return entry === NO_ENTRY || this.lastLevel === PT_LEVEL_PTE ? NO_ENTRY : entry;
  }

  /** Finds the entry of `level` for a page when it points to a table, else NO_ENTRY. */
  protected findAtLevel(vpn: Vpn, level: number): number {
    const { words, slotOf } = this.contents;
    let entry = this.rootBase + tableIndex(vpn, this.nrLevels) * PTE_WORDS;
    for (let at = this.nrLevels; this.isPointer(words[entry]); at--) {
      if (at === level) return entry;
      const base = slotOf[this.pointerPfn(words[entry], words[entry + 1])] * PAGE_WORDS;
      entry = base + tableIndex(vpn, at - 1) * PTE_WORDS;
    }
    return NO_ENTRY;
  }

  /** Remembers a level-1 table of this address space: shared ones may be freed behind its back. */
  private remember(vpn: Vpn, base: number): void {
    if (vpn >= this.endOwnVpn) return;
    this.hotVpn = vpn - (vpnLo(vpn) & (PTRS_PER_TABLE - 1));
    this.hotBase = base;
  }

  protected isPointer(lo: number): boolean {
    return (lo & this.pointerMask) === this.pointerValue;
  }

  protected pointerPfn(lo: number, hi: number): Pfn {
    return ((lo >>> this.pfnShift) | (hi << (32 - this.pfnShift))) & 0x7fffffff;
  }

  protected writePointer(entry: number, tablePfn: Pfn, vpn: Vpn): void {
    const { layout } = this;
    let flags = vpn < layout.kernelVpn ? layout.tableUserLo : layout.tableKernelLo;
    if (layout.topPointerLo !== 0 && this.levelOf(entry) === this.nrLevels) flags = layout.topPointerLo;
    this.writeWords(entry, (tablePfn << layout.pfnShift) | flags, tablePfn >>> (32 - layout.pfnShift));
  }

  private levelOf(entry: number): number {
    return this.counts.level[entry >>> TABLE_WORDS_SHIFT];
  }

  /** Writes an entry of whatever kind as it is in RAM, and counts it. */
  protected writeWords(entry: number, lo: number, hi: number): void {
    const { words } = this.contents;
    const wasEmpty = (words[entry] | words[entry + 1]) === 0;
    const isEmpty = (lo | hi) === 0;
    if (wasEmpty !== isEmpty) this.counts.nrPopulated[entry >>> TABLE_WORDS_SHIFT] += isEmpty ? -1 : 1;
    words[entry] = lo;
    words[entry + 1] = hi;
  }

  /** Takes a frame for a table; NO_PFN when there is none. `contents.words` may move. */
  protected newTable(level: number): Pfn {
    const tablePfn = this.frames.allocTable(level);
    if (tablePfn === NO_PFN) return NO_PFN;
    this.counts.open(this.contents.ensureSlot(tablePfn) >>> TABLE_WORDS_SHIFT, level);
    this.nrTables[level]++;
    return tablePfn;
  }

  /** Gives a table's frame back; its words are all zero. */
  protected freeTable(tablePfn: Pfn, level: number): void {
    this.hotVpn = NO_TABLE;
    this.generation++;
    this.counts.close(this.contents.slotOf[tablePfn]);
    this.nrTables[level]--;
    this.contents.releaseSlot(tablePfn);
    this.frames.freeTable(tablePfn, level);
  }

  private checkVpn(vpn: Vpn): void {
    this.checkWalkVpn(vpn);
    if (vpn >= this.endOwnVpn) {
      bug(`vpn 0x${vpn.toString(16)} is in the shared kernel half, which KernelHalf.pageTable edits`);
    }
  }

  protected checkWalkVpn(vpn: Vpn): void {
    if (vpn < 0 || vpn >= this.limitVpn) bug(`vpn ${vpn} is not below 2^${Math.log2(this.limitVpn)}`);
  }
}
