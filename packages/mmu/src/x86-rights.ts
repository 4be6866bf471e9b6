/**
 * The rights of x86: RW, US, NX, CR0.WP, SMEP, SMAP, protection keys. Cold: the masks are rights.ts.
 *
 * Protection keys concern data accesses to user pages (US set at all levels), by the user and by the supervisor. PKRU has two
 * bits a key: AD (2k) forbids reading and writing, WD (2k + 1) writing, which a supervisor with CR0.WP clear may do all the
 * same. While keys are checked the masks want key 0, which most pages have, so that only others are looked at one by one;
 * when PKRU restricts key 0 itself, all pages are. PKRU is no part of an entry: WRPKRU takes effect without a flush.
 * Source: Intel SDM vol. 3A sections 5.6.1 (rights), 5.6.2 (protection keys), 5.7 (error code). Differs: no keys for
 * supervisor pages (CR4.PKS), no SGX, no shadow stacks.
 */
import {
  EINVAL,
  KernelError,
  PTE_RW,
  PTE_US,
  RUN_EXEC,
  RUN_WRITE,
  TLB_ENTRY_NX,
  X86_PF_INSTR,
  X86_PF_PK,
  X86_PF_PROT,
  X86_PF_USER,
  X86_PF_WRITE,
} from "@pageframe/contracts";
import {
  ALL_RIGHTS,
  FLAGS_NEVER,
  FLAGS_PKEY_MASK,
  FLAGS_PKEY_SHIFT,
  type ProtectionControls,
  RIGHT_KIND_MASK,
  RIGHT_SUPERVISOR,
  RightTable,
} from "./rights.ts";

/** Bits of PKRU for one key. */
const PKRU_AD_BIT = 1;
const PKRU_WD_BIT = 2;
const PKRU_BITS_PER_PKEY = 2;

/** Rights by the control registers of x86. */
export class X86Rights extends RightTable {
  private controls: ProtectionControls;
  private pkruBits = 0;

  constructor(controls: ProtectionControls) {
    super();
    this.controls = controls;
    this.refill();
  }

  /** PKRU, as a number of 32 bits without sign. */
  get pkru(): number {
    return this.pkruBits >>> 0;
  }

  /** WRPKRU. Throws EINVAL for what is not 32 bits, or when CR4.PKE is clear (#UD on a processor). */
  set pkru(value: number) {
    if (!this.controls.protectionKeys) {
      throw new KernelError(EINVAL, "PKRU cannot be written while CR4.PKE is clear; set protectionKeys");
    }
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw new KernelError(EINVAL, `PKRU ${value} is not an integer of 32 bits`);
    }
    this.pkruBits = value | 0;
    this.refill();
  }

  /** EFLAGS.AC. */
  setAc(isSet: boolean): void {
    this.controls = { ...this.controls, ac: isSet };
    this.refill();
  }

  setUserAccess(isAllowed: boolean): void {
    this.setAc(isAllowed);
  }

  override refusal(flags: number, right: number): number {
    const strict = this.mask[right] & ~(FLAGS_PKEY_MASK | FLAGS_NEVER);
    const code = ((flags ^ this.want[right]) & strict) === 0 ? 0 : X86_PF_PROT;
    return this.isKeyDenied(flags, right) ? X86_PF_PROT | X86_PF_PK : code;
  }

  /** Does PKRU forbid a data access to the user page that has these flags? */
  private isKeyDenied(flags: number, right: number): boolean {
    if (!this.controls.protectionKeys || (flags & PTE_US) === 0) return false;
    const key = (flags & FLAGS_PKEY_MASK) >>> FLAGS_PKEY_SHIFT;
    return ((this.pkruBits >>> (PKRU_BITS_PER_PKEY * key)) & this.deniedBy(right)) !== 0;
  }

  /** Bits of a key in PKRU that forbid an access. */
  private deniedBy(right: number): number {
    const kind = right & RIGHT_KIND_MASK;
    if (kind === RUN_EXEC) return 0;
    const respectsWd = (right & RIGHT_SUPERVISOR) === 0 || this.controls.writeProtect;
    return kind === RUN_WRITE && respectsWd ? PKRU_AD_BIT | PKRU_WD_BIT : PKRU_AD_BIT;
  }

  private refill(): void {
    for (const right of ALL_RIGHTS) this.fill(right);
  }

  private fill(right: number): void {
    const { writeProtect, noExecute, smep, smap, ac, protectionKeys } = this.controls;
    const kind = right & RIGHT_KIND_MASK;
    const isUser = (right & RIGHT_SUPERVISOR) === 0;
    let mask = 0;
    let want = 0;
    if (isUser) {
      mask |= PTE_US;
      want |= PTE_US;
    } else if (kind === RUN_EXEC ? smep : smap && !ac) {
      mask |= PTE_US;
    }
    if (kind === RUN_WRITE && (isUser || writeProtect)) {
      mask |= PTE_RW;
      want |= PTE_RW;
    }
    if (kind === RUN_EXEC && noExecute) mask |= TLB_ENTRY_NX;
    if (protectionKeys && kind !== RUN_EXEC) {
      mask |= FLAGS_PKEY_MASK;
      if ((this.pkruBits & this.deniedBy(right)) !== 0) {
        mask |= FLAGS_NEVER;
        want |= FLAGS_NEVER;
      }
    }
    const code =
      (isUser ? X86_PF_USER : 0) |
      (kind === RUN_WRITE ? X86_PF_WRITE : 0) |
      (kind === RUN_EXEC && (noExecute || smep) ? X86_PF_INSTR : 0);
    this.setRule(right, mask, want, code);
  }
}
