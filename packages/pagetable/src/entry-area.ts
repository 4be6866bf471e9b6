/**
 * The entry area (cpu_entry_area): the one part of the kernel that user mode's roots show under page-table isolation, so that
 * an exception finds its handler before CR3 is switched. Cold, once per machine.
 *
 *     fffffe0000000000   the IDT, read-only and global (CPU_ENTRY_AREA_RO_IDT)
 *
 * With four levels a top entry holds the area and nothing else, and is shared as it is. With five the last top entry holds
 * kernel text too: user roots then point to a P4D table that has the area's entry alone.
 * Source: Linux 6.18 arch/x86/mm/cpu_entry_area.c, cea_set_pte(), setup_cpu_entry_areas(); arch/x86/mm/pti.c,
 * pti_clone_user_shared(), pti_user_pagetable_walk_p4d(). Differs: neither the entry text nor the CPUs' entry stacks and TSS
 * are there: nothing runs in the kernel here.
 */
import {
  NO_PFN,
  type Pfn,
  PT_LEVEL_P4D,
  PT_LEVEL_PTE,
  PTE_A,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  PTE_WORDS,
  type TableFrames,
} from "@pageframe/contracts";
import { tableIndex } from "./layout.ts";
import { type RadixPageTable } from "./radix-page-table.ts";

/** Top entry through which user roots show the area: where it stands, and its two words. */
export interface EntryTop {
  readonly index: number;
  readonly lo: number;
  readonly hi: number;
}

/** Pages from fffffe0000000000 (CPU_ENTRY_AREA_BASE) to the end of the address space: 2 TiB. */
const CPU_ENTRY_AREA_PAGES_FROM_END = 0x20000000;
/** Low flags of PAGE_KERNEL_RO. */
const PTE_KERNEL_RO_LO: number = PTE_P | PTE_A | PTE_G;

/** Maps the area into the kernel's own table; `idtPfn` is the IDT's frame. Returns null when frames for tables ran out. */
export function mapEntryArea(table: RadixPageTable, frames: TableFrames, idtPfn: Pfn): EntryTop | null {
  const { contents, layout } = table;
  const { nrLevels } = layout;
  const vpn = layout.limitVpn - CPU_ENTRY_AREA_PAGES_FROM_END;
  if (table.map(vpn, PT_LEVEL_PTE, idtPfn, PTE_KERNEL_RO_LO, PTE_HI_NX) !== 0) return null;
  const index = tableIndex(vpn, nrLevels);
  const topAt = contents.wordBase(table.rootPfn) + index * PTE_WORDS;
  const top: EntryTop = { index, lo: contents.words[topAt], hi: contents.words[topAt + 1] };
  if (nrLevels === PT_LEVEL_P4D) return top;
  const userP4dPfn = frames.allocTable(PT_LEVEL_P4D);
  if (userP4dPfn === NO_PFN) return null;
  const to = contents.ensureSlot(userP4dPfn) + tableIndex(vpn, PT_LEVEL_P4D) * PTE_WORDS;
  const p4dPfn = ((top.lo >>> layout.pfnShift) | (top.hi << (32 - layout.pfnShift))) & 0x7fffffff;
  const from = contents.wordBase(p4dPfn) + tableIndex(vpn, PT_LEVEL_P4D) * PTE_WORDS;
  contents.words[to] = contents.words[from];
  contents.words[to + 1] = contents.words[from + 1];
  return {
    index,
    lo: (userP4dPfn << layout.pfnShift) | layout.tableKernelLo,
    hi: userP4dPfn >>> (32 - layout.pfnShift),
  };
}
