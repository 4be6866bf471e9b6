/**
 * The kernel half of every address space: top entries 256..511, made once at boot and copied into each root, so that
 * all address spaces share the tables below.
 *
 *     273..   direct map: frame n at DIRECT_MAP_VPN + n, in the largest leaves that fit
 *     402     vmalloc: an empty table of level 3
 *     508     the entry area, under page-table isolation alone (entry-area.ts)
 *     511     kernel text at ffffffff80000000 in leaves of 2 MiB, and two tables for the fixmap at ffffffffff400000
 *
 * Those are the indices of four levels; the other layouts have their own (layout.ts). Entry 511 is x86-64's, and there when
 * the configuration has an image.
 *
 * Differs: Linux preallocates all 64 top entries of vmalloc (preallocate_vmalloc_pages()) and has KASAN and vmemmap entries;
 * one vmalloc entry spans 512 GiB here, and the others have nothing to show. Nor does the direct map get split later for
 * read-only kernel text, so DirectMap4k of a real machine is larger, and all of the text is writable.
 * Source: Linux 6.18 arch/x86/mm/init.c, init_memory_mapping(), split_mem_range(); arch/x86/mm/init_64.c.
 */
import {
  bug,
  EINVAL,
  ENOMEM,
  KernelError,
  type MemoryRange,
  NO_PFN,
  PAGES_PER_LEVEL,
  type Pfn,
  PT_LEVEL_PMD,
  PT_LEVEL_PTE,
  PT_LEVEL_PUD,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  PTE_RW,
  type TableFrames,
  type Vpn,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { type EntryTop, mapEntryArea } from "./entry-area.ts";
import { type InvertedTable } from "./inverted-table.ts";
import { RADIX4, type RadixLayout } from "./layout.ts";
import { RadixPageTable } from "./radix-page-table.ts";
import { StaticTableFrames } from "./static-table-frames.ts";
import { type SharedHalf, type TableCounts } from "./table-counts.ts";

/** Low flags of direct-map leaves (PAGE_KERNEL, without PS). */
export const PTE_KERNEL_LO: number = PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G;

/** Pages from ffffffff80000000 to the end of the address space: 2 GiB. */
const KERNEL_TEXT_PAGES_FROM_END = 0x80000;
/** Pages from the end of the fixmap, ffffffffff800000, to the end of the address space: 8 MiB. */
const FIXMAP_END_PAGES_FROM_END = 0x800;
/** Tables of level 1 below that which the fixmap has (FIXMAP_PMD_NUM). */
export const FIXMAP_PMD_NUM = 2;

/** What the kernel half is built from. */
export interface KernelHalfConfig {
  readonly contents: FrameContents;
  readonly frames: TableFrames;
  /** RAM to map, sorted and disjoint. */
  readonly ranges: readonly MemoryRange[];
  /** May leaves be 1 GiB (CPU feature pdpe1gb)? Default true. */
  readonly hasGbPages?: boolean;
  /** Kind of radix table; RADIX4 by default. */
  readonly layout?: RadixLayout;
  /** Where the kernel image lies, and frames in it for the tables of text and fixmap; without it neither is mapped. */
  readonly image?: KernelImage | null;
  /**
   * Frame of the IDT under page-table isolation: the entry area shows it to user mode, and nothing else of the kernel half is
   * global. NO_PFN, the default, without isolation.
   */
  readonly idtPfn?: Pfn;
}

/** The kernel image in RAM. */
export interface KernelImage {
  readonly startPfn: Pfn;
  readonly endPfn: Pfn;
  /** Frames in it that serve as tables. Where they do not suffice, tables are allocated. */
  readonly tablePfns: readonly Pfn[];
}

/** The shared kernel half, and the page table of the kernel itself (init_mm). */
export class KernelHalf implements SharedHalf {
  /** Page table over swapper_pg_dir: maps and unmaps kernel pages, seen at once by all address spaces. */
  readonly pageTable: RadixPageTable;
  readonly layout: RadixLayout;
  inverted: InvertedTable | null = null;
  /** Leaves of the direct map by level (1: DirectMap4k, 2: DirectMap2M, 3: DirectMap1G of /proc/meminfo). */
  readonly nrDirectMapLeaves: Int32Array;
  /** Flags that kernel leaves may have (__default_kernel_pte_mask): all, or under page-table isolation all but PTE_G. */
  readonly defaultPteMask: number;
  /** What user roots show of this half; null without page-table isolation. */
  readonly entryTop: EntryTop | null;

  /** Builds the tables. Throws ENOMEM when frames for them run out, EINVAL for 32-bit tables. */
  constructor(config: KernelHalfConfig) {
    const { contents, frames, hasGbPages = true, layout = RADIX4 } = config;
    if (layout.limitVpn < 2 ** 27) {
      throw new KernelError(
        EINVAL,
        `a kernel half of kind ${layout.name}: 32-bit tables own their whole space`,
      );
    }
    this.layout = layout;
    const image = config.image ?? null;
    const tableFrames = new StaticTableFrames(contents, frames, image?.tablePfns ?? []);
    this.pageTable = new RadixPageTable({ contents, frames: tableFrames }, layout);
    this.nrDirectMapLeaves = new Int32Array(PT_LEVEL_PUD + 1);
    const { idtPfn = NO_PFN } = config;
    this.defaultPteMask = idtPfn === NO_PFN ? -1 : ~PTE_G;
    const maxLevel = hasGbPages ? PT_LEVEL_PUD : PT_LEVEL_PMD;
    for (let at = 0; at < config.ranges.length; at++) {
      const start = config.ranges[at].startPfn;
      let end = config.ranges[at].endPfn;
      // Ranges that touch differ in their node only: a leaf may span them.
      while (at + 1 < config.ranges.length && config.ranges[at + 1].startPfn === end) {
        end = config.ranges[++at].endPfn;
      }
      this.mapDirect(start, end, maxLevel);
    }
    if (this.pageTable.allocEntry(layout.vmallocVpn, layout.nrLevels - 1) < 0) throw outOfFrames("vmalloc");
    if (image !== null) {
      tableFrames.isStatic = true;
      this.mapText(image);
      this.prepareFixmap();
      tableFrames.isStatic = false;
    }
    this.entryTop = idtPfn === NO_PFN ? null : mapEntryArea(this.pageTable, frames, idtPfn);
    if (idtPfn !== NO_PFN && this.entryTop === null) throw outOfFrames("the entry area");
    this.pageTable.sealTop();
  }

  /** Frame of the kernel's own root (swapper_pg_dir). */
  get rootPfn(): Pfn {
    return this.pageTable.rootPfn;
  }

  /** Counts of all tables of the machine: address spaces made with this half use them too. */
  get counts(): TableCounts {
    return this.pageTable.counts;
  }

  /** Page at which the direct map shows a frame (__va). */
  directMapVpn(pfn: Pfn): Vpn {
    return this.layout.directMapVpn + pfn;
  }

  /** A page of the last 2 GiB of the address space: kernel text, modules and fixmap, whatever the layout. */
  private topVpn(pagesFromEnd: number): Vpn {
    return this.layout.limitVpn - pagesFromEnd;
  }

  checkInvariants(): void {
    this.pageTable.checkInvariants();
  }

  /** Maps frame 0 at ffffffff80000000, as far as leaves of 2 MiB hold parts of the image (cleanup_highmap). */
  private mapText({ startPfn, endPfn }: KernelImage): void {
    const nrPages = PAGES_PER_LEVEL[PT_LEVEL_PMD];
    for (let pfn = startPfn - (startPfn % nrPages); pfn < endPfn; pfn += nrPages) {
      const vpn = this.topVpn(KERNEL_TEXT_PAGES_FROM_END) + pfn;
      if (this.pageTable.map(vpn, PT_LEVEL_PMD, pfn, PTE_KERNEL_LO & this.defaultPteMask, 0) !== 0)
        throw outOfFrames("kernel text");
    }
  }

  /** Makes the tables that setting a fixmap entry needs (level2_fixmap_pgt, level1_fixmap_pgt). */
  private prepareFixmap(): void {
    for (let table = 1; table <= FIXMAP_PMD_NUM; table++) {
      const vpn = this.topVpn(FIXMAP_END_PAGES_FROM_END + table * PAGES_PER_LEVEL[PT_LEVEL_PMD]);
      if (this.pageTable.allocEntry(vpn, PT_LEVEL_PTE) < 0) throw outOfFrames("the fixmap");
    }
  }

  /** Maps frames [start, end) with the largest aligned leaves up to `maxLevel`. */
  private mapDirect(start: Pfn, end: Pfn, maxLevel: number): void {
    let pfn = start;
    while (pfn < end) {
      let level = maxLevel;
      while (
        level > PT_LEVEL_PTE &&
        (pfn % PAGES_PER_LEVEL[level] !== 0 || pfn + PAGES_PER_LEVEL[level] > end)
      ) {
        level--;
      }
      const flags = PTE_KERNEL_LO & this.defaultPteMask;
      const error = this.pageTable.map(this.directMapVpn(pfn), level, pfn, flags, PTE_HI_NX);
      if (error === -ENOMEM) throw outOfFrames("the direct map");
      if (error !== 0) bug(`pfn ${pfn} is in the direct map already: ranges overlap`);
      this.nrDirectMapLeaves[level]++;
      pfn += PAGES_PER_LEVEL[level];
    }
  }
}

function outOfFrames(what: string): KernelError {
  return new KernelError(ENOMEM, `no frame is left for the page tables of ${what}`);
}
