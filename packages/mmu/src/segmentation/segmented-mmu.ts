/**
 * Memory as a 32-bit program sees it in protected mode: segmentation, then paging. Hot: translate(), per access.
 *
 *     segment, offset → limit, type (#GP, #SS) → linear address → TLB, page tables (#PF) → physical address
 *
 * Both stages answer alike: an address or 0, else -vector with `faultVector` and `faultCode`; the vector tells the stage, 14 is
 * paging's. An access that the segment refuses never reaches the TLB. A CPL of 3 is the user to paging, 0 to 2 are the
 * supervisor. Descriptor tables are read through paging as well.
 * Source: Intel SDM vol. 3A section 3.1 (figure 3-1), 5.6 (CPL and paging).
 */
import {
  EINVAL,
  KernelError,
  type Paddr,
  PAGE_SHIFT,
  PAGE_SIZE,
  RUN_READ,
  RUN_WRITE,
  X86_TRAP_PF,
} from "@pageframe/contracts";
import { type Mmu } from "../mmu.ts";
import { PagedMemory } from "./paged-memory.ts";
import { SegmentUnit } from "./segment-unit.ts";

/** Absence of a second page. */
const NO_PADDR = -1;
const LAST_PAGE_OFFSET: number = PAGE_SIZE - 1;

/** Segment registers before an MMU with tables of 32-bit x86. */
export class SegmentedMmu {
  readonly mmu: Mmu;
  /** Load registers and tables here (load(), lgdt(), ...), CS with farJump() and its kin. */
  readonly segments: SegmentUnit;
  faultVector = 0;
  /** Error code: a selector's or 0 of #GP and #SS, X86_PF_* of #PF. */
  faultCode = 0;
  /** Linear address that #PF is about (CR2). */
  faultAddress = 0;
  /** Linear address of the last access that passed segmentation. */
  linear = 0;
  /** Physical address where the second page of the last access starts, or -1: it lay in one page. */
  secondPaddr: Paddr = NO_PADDR;

  /** Throws EINVAL when the MMU walks tables of another format, or RAM keeps no data. */
  constructor(mmu: Mmu) {
    this.mmu = mmu;
    this.segments = new SegmentUnit({ memory: new PagedMemory(mmu) });
  }

  /**
   * Translates an access of `nrBytes` (1..4096) from `offset` (0..2^32 - 1) of a segment on. Returns the physical address of
   * the first byte, or -vector. `kind` is RUN_READ, RUN_WRITE, or RUN_EXEC through CS.
   */
  translate(seg: number, offset: number, nrBytes: number, kind: number): number {
    const { segments } = this;
    const linear = segments.linear(seg, offset, nrBytes, kind);
    if (linear < 0) {
      this.faultVector = segments.faultVector;
      this.faultCode = segments.faultCode;
      return linear;
    }
    this.linear = linear;
    const isUser = segments.cpl === 3;
    const pfn = this.mmu.translate(linear >>> PAGE_SHIFT, 0, kind, isUser);
    if (pfn < 0) return this.pageFault(linear, -1 - pfn);
    const inPage = linear & LAST_PAGE_OFFSET;
    this.secondPaddr = NO_PADDR;
    if (inPage + nrBytes > PAGE_SIZE) {
      const second = (linear - inPage + PAGE_SIZE) >>> 0;
      const secondPfn = this.mmu.translate(second >>> PAGE_SHIFT, 0, kind, isUser);
      if (secondPfn < 0) return this.pageFault(second, -1 - secondPfn);
      this.secondPaddr = secondPfn * PAGE_SIZE;
    }
    return pfn * PAGE_SIZE + inPage;
  }

  /** Reads 1 to 4 bytes, little-endian, as an unsigned number; or -vector. Throws EINVAL for another number of bytes. */
  read(seg: number, offset: number, nrBytes: number): number {
    checkWidth(nrBytes);
    const paddr = this.translate(seg, offset, nrBytes, RUN_READ);
    if (paddr < 0) return paddr;
    let value = 0;
    for (let byte = 0; byte < nrBytes; byte++) {
      const at = this.paddrOf(paddr, byte);
      value += this.mmu.contents.readByte(Math.floor(at / PAGE_SIZE), at % PAGE_SIZE) * 2 ** (8 * byte);
    }
    return value;
  }

  /**
   * Writes 1 to 4 bytes, little-endian; returns 0, or -vector when nothing was written. Throws EINVAL for another number of
   * bytes.
   */
  write(seg: number, offset: number, nrBytes: number, value: number): number {
    checkWidth(nrBytes);
    const paddr = this.translate(seg, offset, nrBytes, RUN_WRITE);
    if (paddr < 0) return paddr;
    for (let byte = 0; byte < nrBytes; byte++) {
      const at = this.paddrOf(paddr, byte);
      this.mmu.contents.writeByte(Math.floor(at / PAGE_SIZE), at % PAGE_SIZE, (value >>> (8 * byte)) & 0xff);
    }
    return 0;
  }

  checkInvariants(): void {
    this.segments.checkInvariants();
    this.mmu.checkInvariants();
  }

  /** Physical address of a byte of the access that starts at `paddr`. */
  private paddrOf(paddr: Paddr, byte: number): Paddr {
    const nrInFirst = PAGE_SIZE - (paddr % PAGE_SIZE);
    return byte < nrInFirst ? paddr + byte : this.secondPaddr + byte - nrInFirst;
  }

  private pageFault(linear: number, code: number): number {
    this.faultVector = X86_TRAP_PF;
    this.faultCode = code;
    this.faultAddress = linear;
    return -X86_TRAP_PF;
  }
}

function checkWidth(nrBytes: number): void {
  if (!Number.isInteger(nrBytes) || nrBytes < 1 || nrBytes > 4) {
    throw new KernelError(EINVAL, `an access of ${nrBytes} bytes: 1 to 4 would work`);
  }
}
