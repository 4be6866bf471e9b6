/** Audit of a radix page table. Cold: O(tables). */
import {
  bug,
  PAGE_WORDS,
  PAGES_PER_LEVEL,
  type Pfn,
  PT_LEVEL_PGD,
  PT_LEVEL_PTE,
  PTE_P,
  PTE_PROTNONE,
  PTE_WORDS,
  ptePfn,
  PTRS_PER_TABLE,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { isTablePointer, KERNEL_TOP_INDEX } from "./layout.ts";
import { type SharedHalf, type TableCounts } from "./table-counts.ts";

/** What the audit looks at. */
export interface AuditedTables {
  readonly rootPfn: Pfn;
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
  const nrFound = new Int32Array(PT_LEVEL_PGD + 1);
  checkTable(tables, tables.rootPfn, PT_LEVEL_PGD, new Set<number>(), nrFound);
  for (let level = PT_LEVEL_PTE; level <= PT_LEVEL_PGD; level++) {
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
  const { contents, counts } = tables;
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
    const isShared = level === PT_LEVEL_PGD && index >= KERNEL_TOP_INDEX && tables.kernelHalf !== null;
    if (isTablePointer(lo)) {
      if (!isShared) checkTable(tables, ptePfn(lo, hi), level - 1, seen, nrFound);
    } else if (level === PT_LEVEL_PGD) {
      bug(`top entry ${index} is a leaf`);
    } else if ((lo & (PTE_P | PTE_PROTNONE)) !== 0 && ptePfn(lo, hi) % PAGES_PER_LEVEL[level] !== 0) {
      bug(`leaf of level ${level} at index ${index} of pfn ${tablePfn} maps unaligned pfn ${ptePfn(lo, hi)}`);
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
