/**
 * The hardware walk of a radix page table in simulated RAM, with its paging-structure caches. Hot: per TLB miss.
 *
 * Every level narrows the rights: RW and US of all levels are AND-ed, NX is OR-ed. `rights` holds PTE_RW and PTE_US as
 * they are and bit 31 set while execution is still allowed, so that one AND per level does it. The accessed bit is set
 * at every level that is used; a cached level has it set already, and is not read again.
 * Source: Intel SDM vol. 3A sections 4.5 (4-level and 5-level paging), 4.6, 4.7, 4.8, 4.10.3. Differs: physical addresses
 * have 43 bits, so that a frame number fits int32; protection keys are ignored (CR4.PKE clear).
 */
import {
  bug,
  EINVAL,
  KernelError,
  PAGE_WORDS,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  PTE_PS,
  PTE_RW,
  PTE_US,
  PTE_WORDS,
  ptePfn,
  PTRS_PER_TABLE,
  RUN_WRITE,
  TLB_1G,
  TLB_2M,
  TLB_4K,
  TLB_ENTRY_1G,
  TLB_ENTRY_NX,
  X86_PF_PROT,
  X86_PF_RSVD,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { RIGHT_KIND_MASK, type RightTable } from "./rights.ts";
import {
  WALK_CACHE_MISS,
  WALK_KEY_PCID_SHIFT,
  WALK_KEY_VALID,
  WalkCache,
  type WalkCacheConfig,
} from "./walk-cache.ts";

/** Sizes of the paging-structure caches. */
export interface WalkCachesConfig {
  /** PMD entries, which point to tables of PTEs. */
  readonly pde: WalkCacheConfig;
  /** PUD entries. */
  readonly pdpte: WalkCacheConfig;
  /** PGD entries (P4D with five levels). */
  readonly pml4e: WalkCacheConfig;
}

/**
 * What measurements found on Skylake; associativity is not known.
 * Source: van Schaik et al. 2017, "Reverse Engineering Hardware Page Table Caches", table 2.
 */
export const DEFAULT_WALK_CACHES: WalkCachesConfig = {
  pde: { entries: 32, ways: 4 },
  pdpte: { entries: 4, ways: 4 },
  pml4e: { entries: 2, ways: 2 },
};

const INDEX_MASK: number = PTRS_PER_TABLE - 1;
const EXECUTE = 1 << 31;
const ALL_RIGHTS: number = PTE_RW | PTE_US | EXECUTE;
/** Frame-number bits 31..39, above the 43 bits of a physical address. */
const HI_RESERVED = 0xff800;
/** Address bits of a large page's own size; bit 12 is its PAT. */
const LO_RESERVED_2M = 0x1fe000;
const LO_RESERVED_1G = 0x3fffe000;

/** Walks the table that `rootPfn` names. A walk leaves what it found in the leaf fields. */
export class PageWalker {
  /** Table of the highest level, and the PCID its cached entries carry: CR3. */
  rootPfn = 0;
  pcid = 0;
  /** First frame of the page found. */
  leafPfn = 0;
  /** Its flags as the TLB keeps them. */
  leafFlags = 0;
  /** TLB_4K, TLB_2M or TLB_1G. */
  leafSize = 0;
  /** Entries read from simulated RAM. */
  nrReads = 0;
  readonly levels: number;
  readonly pde: WalkCache;
  readonly pdpte: WalkCache;
  readonly pml4e: WalkCache;
  private readonly contents: FrameContents;
  private readonly rights: RightTable;
  private readonly hiReserved: number;

  constructor(
    contents: FrameContents,
    rights: RightTable,
    noExecute: boolean,
    levels: number,
    caches: WalkCachesConfig,
  ) {
    if (levels !== 4 && levels !== 5) {
      throw new KernelError(EINVAL, `a page table of ${levels} levels: x86-64 has 4 or 5`);
    }
    this.contents = contents;
    this.rights = rights;
    this.levels = levels;
    this.hiReserved = HI_RESERVED | (noExecute ? 0 : PTE_HI_NX);
    this.pde = new WalkCache("pde", caches.pde);
    this.pdpte = new WalkCache("pdpte", caches.pdpte);
    this.pml4e = new WalkCache("pml4e", caches.pml4e);
  }

  /**
   * Finds the leaf for a page, checks the right, sets A, and D for a write. Returns 0 with the leaf fields set, or
   * -(1 + page-fault error code).
   */
  walk(vpnLo: number, vpnHi: number, right: number): number {
    const { words } = this.contents;
    const tag = (this.pcid << WALK_KEY_PCID_SHIFT) | WALK_KEY_VALID;
    const { pde, pdpte, pml4e } = this;
    let level: number;
    let slot: number;
    let rights: number;
    let cached = pde.find((vpnLo >>> 9) | (vpnHi << 23), (vpnHi >>> 9) | tag);
    if (cached !== WALK_CACHE_MISS) {
      level = 1;
      slot = pde.slot[cached];
      rights = pde.rights[cached];
    } else if ((cached = pdpte.find((vpnLo >>> 18) | (vpnHi << 14), tag)) !== WALK_CACHE_MISS) {
      level = 2;
      slot = pdpte.slot[cached];
      rights = pdpte.rights[cached];
    } else if ((cached = pml4e.find((vpnLo >>> 27) | (vpnHi << 5), tag)) !== WALK_CACHE_MISS) {
      level = 3;
      slot = pml4e.slot[cached];
      rights = pml4e.rights[cached];
    } else {
      level = this.levels;
      slot = this.slotOf(this.rootPfn, level);
      rights = ALL_RIGHTS;
    }
    while (slot !== NO_SLOT) {
      const at = slot * PAGE_WORDS + indexAt(vpnLo, vpnHi, level) * PTE_WORDS;
      const lo = words[at];
      const hi = words[at + 1];
      this.nrReads++;
      if ((lo & PTE_P) === 0) break;
      rights &= (lo & (PTE_RW | PTE_US)) | (~hi & EXECUTE);
      if (level === 1) return this.useLeaf(words, at, lo, hi, rights, right, TLB_4K, 0, 0);
      if ((lo & PTE_PS) !== 0) {
        if (level === 2)
          return this.useLeaf(words, at, lo, hi, rights, right, TLB_2M, PTE_PS, LO_RESERVED_2M);
        if (level === 3)
          return this.useLeaf(
            words,
            at,
            lo,
            hi,
            rights,
            right,
            TLB_1G,
            PTE_PS | TLB_ENTRY_1G,
            LO_RESERVED_1G,
          );
      }
      if ((hi & this.hiReserved) !== 0 || (lo & PTE_PS) !== 0) {
        return -1 - (this.rights.faultCode[right] | X86_PF_PROT | X86_PF_RSVD);
      }
      if ((lo & PTE_A) === 0) words[at] = lo | PTE_A;
      slot = this.slotOf(ptePfn(lo, hi), level - 1);
      if (slot === NO_SLOT) break;
      if (level === 2) pde.insert((vpnLo >>> 9) | (vpnHi << 23), (vpnHi >>> 9) | tag, slot, rights);
      else if (level === 3) pdpte.insert((vpnLo >>> 18) | (vpnHi << 14), tag, slot, rights);
      else if (level === 4) pml4e.insert((vpnLo >>> 27) | (vpnHi << 5), tag, slot, rights);
      level--;
    }
    return -1 - this.rights.faultCode[right];
  }

  /** Forgets the cached entries that a walk for one page could start from. */
  dropPath(vpnLo: number, vpnHi: number): void {
    const tag = (this.pcid << WALK_KEY_PCID_SHIFT) | WALK_KEY_VALID;
    this.pde.dropKey((vpnLo >>> 9) | (vpnHi << 23), (vpnHi >>> 9) | tag);
    this.pdpte.dropKey((vpnLo >>> 18) | (vpnHi << 14), tag);
    this.pml4e.dropKey((vpnLo >>> 27) | (vpnHi << 5), tag);
  }

  /** Forgets cached entries of one PCID. */
  flushPcid(pcid: number): void {
    this.pde.flushPcid(pcid);
    this.pdpte.flushPcid(pcid);
    this.pml4e.flushPcid(pcid);
  }

  /** Forgets all cached entries. */
  flushAll(): void {
    this.pde.flushAll();
    this.pdpte.flushAll();
    this.pml4e.flushAll();
  }

  checkInvariants(): void {
    this.pde.checkInvariants();
    this.pdpte.checkInvariants();
    this.pml4e.checkInvariants();
  }

  private useLeaf(
    words: Int32Array,
    at: number,
    lo: number,
    hi: number,
    rights: number,
    right: number,
    pageSize: number,
    sizeFlags: number,
    loReserved: number,
  ): number {
    const table = this.rights;
    if ((hi & this.hiReserved) !== 0 || (lo & loReserved) !== 0) {
      return -1 - (table.faultCode[right] | X86_PF_PROT | X86_PF_RSVD);
    }
    const flags = (rights & (PTE_RW | PTE_US)) | (~rights & TLB_ENTRY_NX);
    if (((flags ^ table.want[right]) & table.mask[right]) !== 0) {
      return -1 - (table.faultCode[right] | X86_PF_PROT);
    }
    const used = lo | ((right & RIGHT_KIND_MASK) === RUN_WRITE ? PTE_A | PTE_D : PTE_A);
    if (used !== lo) words[at] = used;
    this.leafFlags = flags | (used & (PTE_D | PTE_G)) | sizeFlags;
    this.leafPfn = pageSize === TLB_4K ? ptePfn(lo, hi) : largePfn(lo, hi);
    this.leafSize = pageSize;
    return 0;
  }

  /** Contents slot of a table. A table without bytes reads as empty: NO_SLOT. */
  private slotOf(pfn: number, level: number): number {
    const { slotOf } = this.contents;
    if (pfn >= slotOf.length) {
      bug(`the level-${level} table is at pfn ${pfn}, and the machine has ${slotOf.length} frames`);
    }
    return slotOf[pfn];
  }
}

/** First frame of a 2 MiB or 1 GiB leaf: without the PAT bit, which is bit 0 of the frame number. */
function largePfn(lo: number, hi: number): number {
  return ptePfn(lo, hi) & ~1;
}

/** Index into the table of a level, 0..511. */
export function indexAt(vpnLo: number, vpnHi: number, level: number): number {
  if (level <= 3) return (vpnLo >>> (9 * (level - 1))) & INDEX_MASK;
  return level === 4 ? ((vpnLo >>> 27) | (vpnHi << 5)) & INDEX_MASK : (vpnHi >>> 4) & INDEX_MASK;
}
