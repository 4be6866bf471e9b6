/**
 * Access rights as masks, so that one comparison checks an access. Hot: per access.
 *
 * A `right` is what an access asks for: bits 0..1 RUN_READ, RUN_WRITE or RUN_EXEC, bit 2 RIGHT_SUPERVISOR. With `flags` as the
 * TLB keeps them (PTE_RW, PTE_US, PTE_D, PTE_PS, TLB_ENTRY_NX), an access is allowed when
 *
 *     ((flags ^ want[right]) & mask[right]) === 0
 *
 * `hitMask` has in addition the bits that let a TLB hit be used as it is: PTE_D for a write, and no PTE_PS, because the
 * frame of a large page's part must be computed first. `runMask` is for who does not ask for the frame.
 * Source: Intel SDM vol. 3A section 4.6.1 (rights), 4.7 (error code).
 */
import {
  PTE_A,
  PTE_D,
  PTE_PS,
  PTE_RW,
  PTE_US,
  RUN_EXEC,
  RUN_WRITE,
  TLB_ENTRY_NX,
  X86_PF_INSTR,
  X86_PF_USER,
  X86_PF_WRITE,
} from "@pageframe/contracts";

/** Bit of a `right`: the access comes from supervisor mode. */
export const RIGHT_SUPERVISOR = 4;
/** Bits of a `right` that hold the kind of access. */
const RIGHT_KIND_MASK = 3;
const NR_RIGHTS = 8;

/** Control-register flags that decide about rights. */
export interface ProtectionControls {
  /** CR0.WP: supervisor writes respect read-only pages. */
  readonly writeProtect: boolean;
  /** EFER.NXE: the no-execute bit means something; else it is reserved. */
  readonly noExecute: boolean;
  /** CR4.SMEP: the supervisor may not execute user pages. */
  readonly smep: boolean;
  /** CR4.SMAP with EFLAGS.AC clear: the supervisor may not read or write user pages. */
  readonly smap: boolean;
}

/** The masks and error codes of the eight rights. */
export class RightTable {
  readonly want: Int32Array = new Int32Array(NR_RIGHTS);
  readonly mask: Int32Array = new Int32Array(NR_RIGHTS);
  readonly hitMask: Int32Array = new Int32Array(NR_RIGHTS);
  /** As `mask`, and PTE_D for a write: an entry that may be used as it is, if a large page's part does not matter. */
  readonly runMask: Int32Array = new Int32Array(NR_RIGHTS);
  /** What an access sets in the leaf entry: PTE_A, and PTE_D for a write. */
  readonly sets: Int32Array = new Int32Array(NR_RIGHTS);
  /** X86_PF_WRITE, X86_PF_USER and X86_PF_INSTR of a fault on an access with this right. */
  readonly faultCode: Int32Array = new Int32Array(NR_RIGHTS);

  constructor(controls: ProtectionControls) {
    for (let right = 0; right < NR_RIGHTS; right++) this.fill(right, controls);
  }

  private fill(right: number, { writeProtect, noExecute, smep, smap }: ProtectionControls): void {
    const kind = right & RIGHT_KIND_MASK;
    const isUser = (right & RIGHT_SUPERVISOR) === 0;
    let mask = 0;
    let want = 0;
    if (isUser) {
      mask |= PTE_US;
      want |= PTE_US;
    } else if (kind === RUN_EXEC ? smep : smap) {
      mask |= PTE_US;
    }
    if (kind === RUN_WRITE && (isUser || writeProtect)) {
      mask |= PTE_RW;
      want |= PTE_RW;
    }
    if (kind === RUN_EXEC && noExecute) mask |= TLB_ENTRY_NX;
    this.mask[right] = mask;
    const dirty = kind === RUN_WRITE ? PTE_D : 0;
    this.runMask[right] = mask | dirty;
    this.hitMask[right] = mask | dirty | PTE_PS;
    this.want[right] = want | dirty;
    this.sets[right] = PTE_A | dirty;
    this.faultCode[right] =
      (isUser ? X86_PF_USER : 0) |
      (kind === RUN_WRITE ? X86_PF_WRITE : 0) |
      (kind === RUN_EXEC && (noExecute || smep) ? X86_PF_INSTR : 0);
  }
}
