/** Audit of a radix page table. Cold: O(tables). */
import {
  bug,
  leafPfn,
  PAGE_WORDS,
  PAGES_PER_LEVEL,
  type Pfn,
  PT_LEVEL_PTE,
  PTE_WORDS,
  PTRS_PER_TABLE,
  riscvToCanonicalHi,
  riscvToCanonicalLo,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { KERNEL_TOP_INDEX, type RadixLayout } from "./layout.ts";
import { leafIsPresent } from "./leaf.ts";
import { type SharedHalf, type TableCounts } from "./table-counts.ts";

/** What the audit looks at. */
export interface AuditedTables {
  readonly rootPfn: Pfn;
  readonly layout: RadixLayout;
  readonly nrTables: Int32Array;
  readonly contents: FrameContents;
  readonly counts: TableCounts;
  readonly kernelHalf: SharedHalf | null;
}

/**
 * Walks every table of one address space; calls bug() when a count is wrong, a frame serves as two tables, a large leaf
 * is not aligned, or the top differs from the shared kernel half.
 */
export function checkTables(tables: AuditedTables): void {
  const { nrLevels } = tables.layout;
  const nrFound = new Int32Array(nrLevels + 1);
  checkTable(tables, tables.rootPfn, nrLevels, new Set<number>(), nrFound);
  for (let level = PT_LEVEL_PTE; level <= nrLevels; level++) {
    if (nrFound[level] !== tables.nrTables[level]) {
      bug(`${nrFound[level]} tables of level ${level} are linked and ${tables.nrTables[level]} counted`);
    }
  }
  if (tables.kernelHalf !== null) checkSharedTop(tables, tables.kernelHalf);
}

function checkTable(
  tables: AuditedTables,
  tablePfn: Pfn,
  level: number,
  seen: Set<number>,
  nrFound: Int32Array,
): void {
  const { contents, counts, layout } = tables;
  const isTop = level === layout.nrLevels;
  if (seen.has(tablePfn)) bug(`pfn ${tablePfn} serves as two tables`);
  seen.add(tablePfn);
  nrFound[level]++;
  const slot = contents.slotOf[tablePfn];
  if (slot === NO_SLOT) bug(`table at pfn ${tablePfn} has no contents`);
  if (counts.level[slot] !== level)
    bug(`table at pfn ${tablePfn} has level ${counts.level[slot]}, not ${level}`);
  let nrPopulated = 0;
  for (let index = 0; index < PTRS_PER_TABLE; index++) {
    const entry = slot * PAGE_WORDS + index * PTE_WORDS;
    const lo = contents.words[entry];
    const hi = contents.words[entry + 1];
    if ((lo | hi) === 0) continue;
    nrPopulated++;
    if (level === PT_LEVEL_PTE) continue;
    const isShared = isTop && index >= KERNEL_TOP_INDEX && tables.kernelHalf !== null;
    if ((lo & layout.pointerMask) === layout.pointerValue) {
      const childPfn = ((lo >>> layout.pfnShift) | (hi << (32 - layout.pfnShift))) & 0x7fffffff;
      if (!isShared) checkTable(tables, childPfn, level - 1, seen, nrFound);
      continue;
    }
    if (level > layout.maxLeafLevel) bug(`entry ${index} of a table of level ${level} is a leaf`);
    const leafLo = layout.isRiscv ? riscvToCanonicalLo(lo, hi, level) : lo;
    const leafHi = layout.isRiscv ? riscvToCanonicalHi(lo, hi) : hi;
    // The frame's bits below its alignment, but for PAT.
    if (leafIsPresent(leafLo, level) && (leafLo & 0x3fffe000 & (PAGES_PER_LEVEL[level] * 4096 - 1)) !== 0) {
      const pfn = leafPfn(leafLo, leafHi, PT_LEVEL_PTE);
      bug(`leaf of level ${level} at index ${index} of pfn ${tablePfn} maps unaligned pfn ${pfn}`);
    }
  }
  if (nrPopulated !== counts.nrPopulated[slot]) {
    bug(
      `table of level ${level} at pfn ${tablePfn} has ${nrPopulated} entries and ${counts.nrPopulated[slot]} counted`,
    );
  }
}

function checkSharedTop(tables: AuditedTables, kernelHalf: SharedHalf): void {
  const { contents } = tables;
  const own = contents.wordBase(tables.rootPfn);
  const shared = contents.wordBase(kernelHalf.rootPfn);
  for (let word = KERNEL_TOP_INDEX * PTE_WORDS; word < PAGE_WORDS; word++) {
    if (contents.words[own + word] !== contents.words[shared + word]) {
      bug(`top entry ${word >>> 1} differs from the kernel half's`);
    }
  }
}
