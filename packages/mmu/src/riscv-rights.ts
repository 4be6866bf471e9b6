/**
 * The rights of RISC-V: R, W, X and U of the leaf, SUM and MXR. Cold: the masks are rights.ts.
 *
 * In the flags of an entry PTE_P stands for R (x86 has no such bit, for every page can be read), PTE_RW for W, TLB_ENTRY_NX
 * for X clear. With MXR every page can be read: a leaf has R or X. The supervisor uses user pages only with SUM, and never
 * runs them.
 *
 * Exceptions as fault codes: a page fault of an instruction (cause 12), load (13) or store (15) has X86_PF_INSTR, neither, or
 * X86_PF_WRITE; X86_PF_USER is set for U-mode, X86_PF_PROT when a valid entry refuses, X86_PF_RSVD too when the entry is
 * malformed: W without R, reserved bits, a pointer at the lowest level, a superpage that is not aligned.
 * Source: RISC-V Privileged Architecture, sections 12.1.1 (SUM, MXR), 12.3.1 and 12.3.2 (Sv32's rules, which Sv39 and Sv48
 * share), table "Supervisor cause register values".
 */
import {
  PTE_P,
  PTE_RW,
  PTE_US,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  TLB_ENTRY_NX,
  X86_PF_INSTR,
  X86_PF_USER,
  X86_PF_WRITE,
} from "@pageframe/contracts";
import {
  ALL_RIGHTS,
  type ProtectionControls,
  RIGHT_KIND_MASK,
  RIGHT_SUPERVISOR,
  RightTable,
} from "./rights.ts";

/** Rights by sstatus. */
export class RiscvRights extends RightTable {
  private sum: boolean;
  private mxr: boolean;

  constructor({ sum, mxr }: ProtectionControls) {
    super();
    this.sum = sum;
    this.mxr = mxr;
    this.refill();
  }

  setSum(isSet: boolean): void {
    this.sum = isSet;
    this.refill();
  }

  setMxr(isSet: boolean): void {
    this.mxr = isSet;
    this.refill();
  }

  setUserAccess(isAllowed: boolean): void {
    this.setSum(isAllowed);
  }

  private refill(): void {
    for (const right of ALL_RIGHTS) this.fill(right);
  }

  private fill(right: number): void {
    const kind = right & RIGHT_KIND_MASK;
    const isUser = (right & RIGHT_SUPERVISOR) === 0;
    let mask = 0;
    let want = 0;
    if (isUser) want |= PTE_US;
    if (isUser || kind === RUN_EXEC || !this.sum) mask |= PTE_US;
    if (kind === RUN_READ && !this.mxr) {
      mask |= PTE_P;
      want |= PTE_P;
    }
    if (kind === RUN_WRITE) {
      mask |= PTE_RW;
      want |= PTE_RW;
    }
    if (kind === RUN_EXEC) mask |= TLB_ENTRY_NX;
    const code =
      (isUser ? X86_PF_USER : 0) |
      (kind === RUN_WRITE ? X86_PF_WRITE : 0) |
      (kind === RUN_EXEC ? X86_PF_INSTR : 0);
    this.setRule(right, mask, want, code);
  }
}
