/** Descriptor tables behind paging: the processor's own accesses, which are the supervisor's whatever the CPL. */
import { EINVAL, KernelError, PAGE_SHIFT, PAGE_SIZE, RUN_READ, RUN_WRITE } from "@pageframe/contracts";
import { type Mmu } from "../mmu.ts";
import { type DescriptorMemory } from "./descriptor-memory.ts";

/** Memory at 32-bit linear addresses, through an MMU. A fault leaves its error code there as any other does. */
export class PagedMemory implements DescriptorMemory {
  readonly mmu: Mmu;

  /** Throws EINVAL when RAM keeps no data, or the MMU translates more than 32 bits. */
  constructor(mmu: Mmu) {
    if (!mmu.contents.hasData) {
      throw new KernelError(EINVAL, "contents of mode none keep no data: descriptors need sparse or dense");
    }
    if (mmu.walker.addressBits !== 32) {
      throw new KernelError(
        EINVAL,
        `an MMU for addresses of ${mmu.walker.addressBits} bits: formats x86-32 and pae have 32`,
      );
    }
    this.mmu = mmu;
  }

  readWord(address: number): number {
    let word = 0;
    for (let byte = 0; byte < 4; byte++) {
      const linear = (address + byte) >>> 0;
      const pfn = this.mmu.translate(linear >>> PAGE_SHIFT, 0, RUN_READ, false);
      if (pfn < 0) return pfn;
      word += this.mmu.contents.readByte(pfn, linear % PAGE_SIZE) * 2 ** (8 * byte);
    }
    return word;
  }

  /** Nothing is written when any of the four bytes faults. */
  writeWord(address: number, word: number): number {
    const last = (address + 3) >>> 0;
    const first = address >>> 0;
    const firstPfn = this.mmu.translate(first >>> PAGE_SHIFT, 0, RUN_WRITE, false);
    if (firstPfn < 0) return firstPfn;
    const isSplit = first >>> PAGE_SHIFT !== last >>> PAGE_SHIFT;
    const lastPfn = isSplit ? this.mmu.translate(last >>> PAGE_SHIFT, 0, RUN_WRITE, false) : firstPfn;
    if (lastPfn < 0) return lastPfn;
    for (let byte = 0; byte < 4; byte++) {
      const linear = (first + byte) >>> 0;
      const pfn = linear >>> PAGE_SHIFT === first >>> PAGE_SHIFT ? firstPfn : lastPfn;
      this.mmu.contents.writeByte(pfn, linear % PAGE_SIZE, (word >>> (8 * byte)) & 0xff);
    }
    return 0;
  }
}
