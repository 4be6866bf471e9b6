/**
 * Access rights as masks, so that one comparison checks an access. Hot: per access.
 *
 * A `right` is what an access asks for: bits 0..1 RUN_READ, RUN_WRITE or RUN_EXEC, bit 2 RIGHT_SUPERVISOR. With `flags` as the
 * TLB keeps them (PTE_RW, PTE_US, PTE_D, PTE_PS, TLB_ENTRY_NX, the protection key in bits 12..15), an access is allowed when
 *
 *     ((flags ^ want[right]) & mask[right]) === 0
 *
 * and otherwise refused unless refusal() says 0: rules that a mask cannot tell set bits there that send the access to
 * refusal(). `hitMask` has in addition the bits that let a TLB hit be used as it is: PTE_D for a write, and no PTE_PS, because
 * the frame of a large page's part must be computed first. `runMask` is for who does not ask for the frame.
 *
 * The arrays are filled by the rules of a format (x86-rights.ts), and again when a control register changes: entries in the
 * TLB need no flush for that.
 */
import { PTE_A, PTE_D, PTE_PS, RUN_EXEC, RUN_WRITE, X86_PF_PROT } from "@pageframe/contracts";

/** Bit of a `right`: the access comes from supervisor mode. */
export const RIGHT_SUPERVISOR = 4;
/** Bits of a `right` that hold the kind of access. */
export const RIGHT_KIND_MASK = 3;
const NR_RIGHTS = 8;
/** In the flags of an entry: the protection key. */
export const FLAGS_PKEY_SHIFT = 12;
export const FLAGS_PKEY_MASK: number = 15 << FLAGS_PKEY_SHIFT;
/** A bit that no entry's flags have: a right that wants it always asks refusal(). */
export const FLAGS_NEVER: number = 1 << 16;

/** Control-register flags that decide about rights. */
export interface ProtectionControls {
  /** CR0.WP: supervisor writes respect read-only pages. */
  readonly writeProtect: boolean;
  /** EFER.NXE: the no-execute bit means something; else it is reserved. */
  readonly noExecute: boolean;
  /** CR4.SMEP: the supervisor may not execute user pages. */
  readonly smep: boolean;
  /** CR4.SMAP: the supervisor may not read or write user pages, unless `ac`. */
  readonly smap: boolean;
  /** EFLAGS.AC (STAC, CLAC): lifts SMAP. */
  readonly ac: boolean;
  /** CR4.PKE: the protection keys of user pages are checked against PKRU. */
  readonly protectionKeys: boolean;
  /** RISC-V's sstatus.SUM: the supervisor may read and write user pages. */
  readonly sum: boolean;
  /** RISC-V's sstatus.MXR: what can be executed can be read. */
  readonly mxr: boolean;
  /** RISC-V's menvcfg.ADUE (Svadu): the walker sets A and D; else (Svade) the access faults. */
  readonly adue: boolean;
}

/** The controls that a configuration gives; the others as Linux has them on a processor without SMAP and protection keys. */
export function controlsOf(config: Partial<ProtectionControls>): ProtectionControls {
  return {
    writeProtect: config.writeProtect ?? true,
    noExecute: config.noExecute ?? true,
    smep: config.smep ?? true,
    smap: config.smap ?? false,
    ac: config.ac ?? false,
    protectionKeys: config.protectionKeys ?? false,
    sum: config.sum ?? false,
    mxr: config.mxr ?? false,
    adue: config.adue ?? true,
  };
}

/** The masks and error codes of the eight rights. */
export abstract class RightTable {
  readonly want: Int32Array = new Int32Array(NR_RIGHTS);
  readonly mask: Int32Array = new Int32Array(NR_RIGHTS);
  readonly hitMask: Int32Array = new Int32Array(NR_RIGHTS);
  /** As `mask`, and PTE_D for a write: an entry that may be used as it is, if a large page's part does not matter. */
  readonly runMask: Int32Array = new Int32Array(NR_RIGHTS);
  /** What an access sets in the leaf entry: PTE_A, and PTE_D for a write. */
  readonly sets: Int32Array = new Int32Array(NR_RIGHTS);
  /** X86_PF_WRITE, X86_PF_USER and X86_PF_INSTR of a fault on an access with this right. */
  readonly faultCode: Int32Array = new Int32Array(NR_RIGHTS);

  /** X86_PF_PROT and what belongs to it when the access is refused, else 0. For accesses that the mask refuses. */
  refusal(_flags: number, _right: number): number {
    return X86_PF_PROT;
  }

  /** Lets the supervisor use user pages, or not, by what the processor has for it. */
  abstract setUserAccess(isAllowed: boolean): void;

  /** Sets the rule of one right. */
  protected setRule(right: number, mask: number, want: number, faultCode: number): void {
    const dirty = (right & RIGHT_KIND_MASK) === RUN_WRITE ? PTE_D : 0;
    this.mask[right] = mask;
    this.runMask[right] = mask | dirty;
    this.hitMask[right] = mask | dirty | PTE_PS;
    this.want[right] = want | dirty;
    this.sets[right] = PTE_A | dirty;
    this.faultCode[right] = faultCode;
  }
}

/** Every right that there is: three kinds of access, by the user and by the supervisor. */
export const ALL_RIGHTS: readonly number[] = Array.from({ length: NR_RIGHTS }, (_, right) => right).filter(
  (right) => (right & RIGHT_KIND_MASK) <= RUN_EXEC,
);
