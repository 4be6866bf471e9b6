/**
 * The top table that user mode runs on under page-table isolation: a mirror of the user half of an address space's root, and
 * of the kernel half nothing but what is shared on purpose (the entry trampoline).
 *
 * All tables below the top are the address space's own: both roots point to them. The user half of the kernel's root gets NX,
 * so that a return to user mode that forgets to switch CR3 faults at its first instruction.
 * Source: Linux 6.18 arch/x86/mm/pti.c, __pti_set_user_pgtbl(), pti_clone_user_shared(); arch/x86/include/asm/pgtable.h,
 * kernel_to_user_pgdp(). Differs: the two roots are two frames, not the halves of one block of 8 KiB; a page of the trampoline
 * is shared with all that its top entry covers, as Linux does for cpu_entry_area alone.
 */
import {
  bug,
  EINVAL,
  ENOMEM,
  KernelError,
  NO_PFN,
  PTE_A,
  PTE_HI_NX,
  PTE_P,
  PTE_US,
  PTE_WORDS,
  PTRS_PER_TABLE,
  type Pfn,
} from "@pageframe/contracts";
import { type EntryTop } from "./entry-area.ts";
import { KERNEL_TOP_INDEX } from "./layout.ts";
import { type PageTableConfig } from "./page-table-config.ts";
import { type RadixPageTable } from "./radix-page-table.ts";
import { type TopMirror } from "./radix-tables.ts";

/** The second root of one address space. */
export class UserRoot implements TopMirror {
  /** Frame of the root for user mode; NO_PFN after destroy(). */
  rootPfn: Pfn;
  private readonly table: RadixPageTable;
  private readonly config: PageTableConfig;

  /**
   * Takes a frame, mirrors what is there, and from then on whatever changes in the user half of `table`'s top. Throws EINVAL
   * for a table of RISC-V or one that is mirrored already, ENOMEM when there is no frame.
   */
  constructor(config: PageTableConfig, table: RadixPageTable) {
    if (table.isRiscv || table.topMirror !== null) {
      const why = table.isRiscv
        ? `${table.layout.name} has no page-table isolation`
        : "the table has a user root";
      throw new KernelError(EINVAL, `no user root can be made: ${why}`);
    }
    this.config = config;
    this.table = table;
    this.rootPfn = config.frames.allocTable(table.nrLevels);
    if (this.rootPfn === NO_PFN) throw new KernelError(ENOMEM, "no frame is free for the root of user mode");
    config.contents.ensureSlot(this.rootPfn);
    for (let index = 0; index < KERNEL_TOP_INDEX; index++) this.mirror(index);
    table.topMirror = this;
  }

  /** Copies a top entry of the user half, and sets NX in the original when it is a user's. */
  mirror(index: number): void {
    if (index >= KERNEL_TOP_INDEX) return;
    this.copy(index);
    const { contents } = this.config;
    const at = contents.wordBase(this.table.rootPfn) + index * PTE_WORDS;
    const isUsers = (contents.words[at] & (PTE_P | PTE_US)) === (PTE_P | PTE_US);
    if (isUsers) contents.words[at + 1] |= PTE_HI_NX;
  }

  /** Shows user mode what a top entry of the kernel half covers. Throws EINVAL for one of the user half. */
  shareKernelTop(index: number): void {
    if (!Number.isInteger(index) || index < KERNEL_TOP_INDEX || index >= PTRS_PER_TABLE) {
      throw new KernelError(
        EINVAL,
        `top entry ${index} is none of the kernel half, which is ${KERNEL_TOP_INDEX} to ${PTRS_PER_TABLE - 1}`,
      );
    }
    this.copy(index);
  }

  /** Shows user mode the kernel's entry area, which KernelHalf has made. */
  showEntryArea({ index, lo, hi }: EntryTop): void {
    const { contents } = this.config;
    const at = contents.wordBase(this.rootPfn) + index * PTE_WORDS;
    contents.words[at] = lo;
    contents.words[at + 1] = hi;
  }

  /** Calls bug() unless the user half is the table's and the kernel half holds `entryTop` alone. */
  checkInvariants(entryTop: EntryTop): void {
    const { words } = this.config.contents;
    const base = this.config.contents.wordBase(this.rootPfn);
    const tableBase = this.config.contents.wordBase(this.table.rootPfn);
    for (let index = 0; index < PTRS_PER_TABLE; index++) {
      const at = index * PTE_WORDS;
      const isUsers = index < KERNEL_TOP_INDEX;
      const isEntry = index === entryTop.index;
      const lo = isUsers ? words[tableBase + at] : isEntry ? entryTop.lo : 0;
      const hi = isUsers ? words[tableBase + at + 1] & ~PTE_HI_NX : isEntry ? entryTop.hi : 0;
      // The processor sets A in either root when it walks there.
      if (((words[base + at] ^ lo) & ~PTE_A) !== 0 || words[base + at + 1] !== hi) {
        bug(`top entry ${index} of the user root at pfn ${this.rootPfn} is not what user mode may see`);
      }
    }
  }

  /** Gives the frame back; the table is no longer mirrored. */
  destroy(): void {
    const { contents, frames } = this.config;
    this.table.topMirror = null;
    contents.words.fill(0, contents.wordBase(this.rootPfn), contents.wordBase(this.rootPfn) + 1024);
    contents.releaseSlot(this.rootPfn);
    frames.freeTable(this.rootPfn, this.table.nrLevels);
    this.rootPfn = NO_PFN;
  }

  private copy(index: number): void {
    const { contents } = this.config;
    const from = contents.wordBase(this.table.rootPfn) + index * PTE_WORDS;
    const to = contents.wordBase(this.rootPfn) + index * PTE_WORDS;
    const { words } = contents;
    words[to] = words[from];
    // A user entry that was mirrored before has the kernel root's NX, which is not the user's.
    words[to + 1] = index < KERNEL_TOP_INDEX ? words[from + 1] & ~PTE_HI_NX : words[from + 1];
  }
}
