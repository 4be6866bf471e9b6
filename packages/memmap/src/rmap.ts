/**
 * Reverse mapping: for every frame a chain of (mm, vpn) pairs, one for each page-table entry that maps it. Hot: per
 * mapping.
 *
 * Chains are rows of a pool: `linkNext`, `linkMm`, `linkVpn`; `head[pfn]` is the first row or NO_LINK. Free rows are
 * chained through `linkNext` from `freeHead`. The memmap's `mapcount` is kept equal to the chain's length.
 * Differs: Linux finds mappings through anon_vma trees and address_space, walking VMAs; a chain finds the same entries.
 */
import { bug, type MmId, type Pfn, type Vpn } from "@pageframe/contracts";
import { type Memmap } from "./memmap.ts";

/** End of a chain. */
export const NO_LINK = -1;

/** The chains of all frames of a memmap. */
export class Rmap {
  /** First link of each frame's chain, or NO_LINK. */
  readonly head: Int32Array;
  /** Link after this one. Re-read after add(): the pool may have grown. */
  linkNext: Int32Array;
  /** Address space of a link. */
  linkMm: Int32Array;
  /** Page number of a link. */
  linkVpn: Float64Array;
  private freeHead = NO_LINK;
  private nrUsed = 0;
  private readonly memmap: Memmap;

  constructor(memmap: Memmap, initialLinks = 1024) {
    this.memmap = memmap;
    this.head = new Int32Array(memmap.nrFrames).fill(NO_LINK);
    this.linkNext = new Int32Array(0);
    this.linkMm = new Int32Array(0);
    this.linkVpn = new Float64Array(0);
    this.grow(Math.max(1, initialLinks));
  }

  /** Links in use. */
  get nrLinks(): number {
    return this.nrUsed;
  }

  /** Records that `mm` maps the frame at `vpn`; counts it in mapcount. */
  add(pfn: Pfn, mm: MmId, vpn: Vpn): void {
    if (this.freeHead === NO_LINK) this.grow(this.linkNext.length);
    const link = this.freeHead;
    this.freeHead = this.linkNext[link];
    this.linkNext[link] = this.head[pfn];
    this.linkMm[link] = mm;
    this.linkVpn[link] = vpn;
    this.head[pfn] = link;
    this.memmap.mapcount[pfn]++;
    this.nrUsed++;
  }

  /** Forgets one mapping; calls bug() when it was not recorded. O(mappings of the frame). */
  remove(pfn: Pfn, mm: MmId, vpn: Vpn): void {
    const { linkNext, linkMm, linkVpn } = this;
    let before = NO_LINK;
    for (let link = this.head[pfn]; link !== NO_LINK; link = linkNext[link]) {
      if (linkMm[link] === mm && linkVpn[link] === vpn) {
        if (before === NO_LINK) this.head[pfn] = linkNext[link];
        else linkNext[before] = linkNext[link];
        linkNext[link] = this.freeHead;
        this.freeHead = link;
        this.memmap.mapcount[pfn]--;
        this.nrUsed--;
        return;
      }
      before = link;
    }
    bug(`rmap of pfn ${pfn} holds no mapping of mm ${mm} at vpn 0x${vpn.toString(16)}`);
  }

  /** Checks that every chain is as long as the frame's mapcount and that no link is lost. O(frames + links). */
  checkInvariants(): void {
    let nrChained = 0;
    for (let pfn = 0; pfn < this.head.length; pfn++) {
      let nrMappings = 0;
      for (let link = this.head[pfn]; link !== NO_LINK; link = this.linkNext[link]) {
        if (++nrMappings > this.linkNext.length) bug(`reverse mappings of pfn ${pfn} never end`);
      }
      if (nrMappings !== this.memmap.mapcount[pfn]) {
        bug(`pfn ${pfn} has ${nrMappings} reverse mappings and mapcount ${this.memmap.mapcount[pfn]}`);
      }
      nrChained += nrMappings;
    }
    let nrFree = 0;
    for (let link = this.freeHead; link !== NO_LINK; link = this.linkNext[link]) {
      if (++nrFree > this.linkNext.length) bug("free reverse mappings never end");
    }
    if (nrChained !== this.nrUsed || nrChained + nrFree !== this.linkNext.length) {
      bug(
        `rmap pool: ${nrChained} chained, ${this.nrUsed} counted, ${nrFree} free of ${this.linkNext.length}`,
      );
    }
  }

  /** Adds `nr` free links. Cold. */
  private grow(nr: number): void {
    const old = this.linkNext.length;
    const linkNext = new Int32Array(old + nr);
    const linkMm = new Int32Array(old + nr);
    const linkVpn = new Float64Array(old + nr);
    linkNext.set(this.linkNext);
    linkMm.set(this.linkMm);
    linkVpn.set(this.linkVpn);
    for (let link = old + nr - 1; link >= old; link--) {
      linkNext[link] = this.freeHead;
      this.freeHead = link;
    }
    this.linkNext = linkNext;
    this.linkMm = linkMm;
    this.linkVpn = linkVpn;
  }
}
