/** Putting pages into a two-level set-associative TLB, over what is least recently used there. Hot: per walk. */
import { PTE_G, RUN_VPN_HI_MASK, TLB_1G } from "@pageframe/contracts";
import { FLAGS, L2, L2_HUGE, LINK, NO_ENTRY, PFN, TlbStore, USE } from "./tlb-store.ts";
import {
  pageHiOf,
  pageLoOf,
  signatureOf,
  TAG_GLOBAL,
  TAG_PCID_SHIFT,
  TAG_SIZE_SHIFT,
  TAG_SPECIAL,
  TAG_VALID,
  tagPcid,
} from "./tlb-tag.ts";

/** Entries, and what goes in. */
export class TlbFills extends TlbStore {
  /**
   * Puts a page of any size that neither level holds into both. `plainTag` is what its tag were if it was plain. Returns the
   * entry of the first level.
   */
  protected fillSpecial(
    vpnLo: number,
    plainTag: number,
    pageSize: number,
    pfn: number,
    flags: number,
  ): number {
    const vpnHi = plainTag & RUN_VPN_HI_MASK;
    const pageLo = pageLoOf(vpnLo, vpnHi, pageSize);
    const owner = (flags & PTE_G) !== 0 ? TAG_GLOBAL : tagPcid(plainTag) << TAG_PCID_SHIFT;
    const tag = pageHiOf(vpnHi, pageSize) | owner | (pageSize << TAG_SIZE_SHIFT) | TAG_VALID;
    const array = pageSize === TLB_1G ? L2_HUGE : L2;
    let copy = NO_ENTRY;
    if (this.arrayStride[array] !== 0) {
      copy = this.fillL2(pageLo, tag, this.lruSetOf(this.setFirst(array, pageLo)), pfn, flags);
    }
    return this.fillL1(pageLo, tag, pageSize, pfn, flags, copy);
  }

  /** Writes over the least recently used way of a set of the second level; returns it. */
  private fillL2(pageLo: number, tag: number, lruSet: number, pfn: number, flags: number): number {
    const { cells, nrRows, lruHead } = this;
    const victim = cells[LINK * nrRows + lruHead[lruSet]];
    lruHead[lruSet] = victim;
    const old = cells[nrRows + victim];
    if (old === 0) this.noteValid(victim);
    if (((old | tag) & TAG_SPECIAL) !== 0) this.countSpecial(old, tag);
    cells[victim] = pageLo;
    cells[nrRows + victim] = tag;
    cells[PFN * nrRows + victim] = pfn;
    cells[FLAGS * nrRows + victim] = flags;
    this.signatures[victim] = signatureOf(pageLo);
    return victim;
  }

  /** Writes over the least recently used way of a set of the first level; returns it. */
  protected fillL1(
    pageLo: number,
    tag: number,
    pageSize: number,
    pfn: number,
    flags: number,
    copy: number,
  ): number {
    const { cells, nrRows, tick } = this;
    const first = this.setFirst(pageSize, pageLo);
    const useAt = USE * nrRows;
    const end = useAt + first + this.arrayStride[pageSize];
    let least = cells[useAt + first];
    for (let at = useAt + first + 1; at < end; at++) {
      const difference = (cells[at] - least) | 0;
      least = (least + (difference & (difference >> 31))) | 0;
    }
    const way = least & (tick - 1);
    const victim = first + way;
    if (least < tick) this.noteValid(victim);
    const old = cells[nrRows + victim];
    if (((old | tag) & TAG_SPECIAL) !== 0) this.countSpecial(old, tag);
    cells[victim] = pageLo;
    cells[nrRows + victim] = tag;
    cells[PFN * nrRows + victim] = pfn;
    cells[FLAGS * nrRows + victim] = flags;
    cells[useAt + victim] = this.clock + way;
    cells[LINK * nrRows + victim] = copy;
    this.signatures[victim] = signatureOf(pageLo);
    return victim;
  }

  private countSpecial(old: number, tag: number): void {
    this.nrSpecial += Number((tag & TAG_SPECIAL) !== 0) - Number((old & TAG_SPECIAL) !== 0);
  }
}
