/**
 * What walkers of tables have in common that are no tree and hold entries in canonical form (pte.ts): the leaf. Hot: per walk.
 *
 * A leaf alone gives the rights; there are no levels above it, and no walk caches. Addresses have 57 bits, as x86-64's with
 * five levels. The rights, A and D are those of x86.
 */
import {
  bug,
  NO_ENTRY,
  NO_PFN,
  PAGE_SHIFT,
  PAGE_WORDS,
  PAGES_PER_LEVEL,
  PT_LEVEL_PTE,
  PT_LEVEL_PUD,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_HI_PKEY_SHIFT,
  PTE_P,
  PTE_PS,
  PTE_RW,
  PTE_US,
  TLB_ENTRY_1G,
  type Vpn,
  X86_PF_PROT,
  X86_PF_RSVD,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { decodeFault, type Fault, FAULT_GP } from "./fault-code.ts";
import {
  type ExplainedLevel,
  type ExplainedWalk,
  type HardwareWalker,
  type WalkCacheHits,
} from "./hardware-walker.ts";
import { FLAGS_PKEY_MASK, FLAGS_PKEY_SHIFT, type RightTable } from "./rights.ts";

const ADDRESS_BITS = 57;
const VPN_HI_BITS: number = ADDRESS_BITS - PAGE_SHIFT - 32;
/** Frame-number bits 31..39 of an entry, above the 43 bits of a physical address. */
const HI_RESERVED = 0xff800;
/** Address bits of a large page's own size, by level; bit 12 is its PAT. */
const LO_RESERVED: readonly number[] = [0, 0, 0x1fe000, 0x3fffe000];
const PKEY_SHIFT: number = PTE_HI_PKEY_SHIFT - FLAGS_PKEY_SHIFT;

/** What a search for a page met. */
export interface Search {
  readonly levels: ExplainedLevel[];
  /** First word of the leaf entry, or NO_ENTRY; its level. */
  readonly at: number;
  readonly level: number;
}

/** A walker that finds leaf entries by search. */
export abstract class CanonicalWalker implements HardwareWalker {
  rootPfn = 0;
  pcid = 0;
  leafPfn = 0;
  leafFlags = 0;
  leafSize = 0;
  result = 0;
  nrReads = 0;
  readonly rights: RightTable;
  readonly nrLevels = 1;
  readonly addressBits: number = ADDRESS_BITS;
  readonly hasGeneralProtection = true;
  readonly walksBeforeFault = false;
  readonly nrCached = 0;
  protected readonly contents: FrameContents;
  /** Level of the entry that find() found. */
  protected foundLevel = 0;
  private readonly hiReserved: number;

  constructor(contents: FrameContents, rights: RightTable, noExecute: boolean) {
    this.contents = contents;
    this.rights = rights;
    this.hiReserved = HI_RESERVED | (noExecute ? 0 : PTE_HI_NX);
  }

  walk(vpnLo: number, vpnHi: number, right: number): number {
    if (vpnHi >>> VPN_HI_BITS !== 0) {
      this.result = -1 - FAULT_GP;
      return this.result;
    }
    const at = this.find(vpnLo, vpnHi);
    if (at === NO_ENTRY) return this.fault(right, 0);
    const { rights } = this;
    const { words } = this.contents;
    const level = this.foundLevel;
    const lo = words[at];
    const hi = words[at + 1];
    const refusal = this.refusal(lo, hi, level, right);
    if (refusal >= 0) return this.fault(right, refusal);
    const used = lo | rights.sets[right];
    if (used !== lo) words[at] = used;
    const sizeFlags = level === PT_LEVEL_PTE ? 0 : level === PT_LEVEL_PUD ? PTE_PS | TLB_ENTRY_1G : PTE_PS;
    this.leafFlags = flagsOf(lo, hi) | (used & (PTE_D | PTE_G)) | sizeFlags;
    this.leafPfn = framesOf(lo, hi, level);
    this.leafSize = level - 1;
    return 0;
  }

  explain(vpn: Vpn, right: number): ExplainedWalk {
    if (vpn >= 2 ** (ADDRESS_BITS - PAGE_SHIFT)) {
      return { levels: [], nrPages: 0, pfn: NO_PFN, faultCode: FAULT_GP };
    }
    const { levels, at, level } = this.search(vpn);
    const { words } = this.contents;
    const refusal = at === NO_ENTRY ? 0 : this.refusal(words[at], words[at + 1], level, right);
    if (refusal >= 0) {
      return { levels, nrPages: 0, pfn: NO_PFN, faultCode: this.rights.faultCode[right] | refusal };
    }
    const nrPages = PAGES_PER_LEVEL[level];
    return {
      levels,
      nrPages,
      pfn: framesOf(words[at], words[at + 1], level) + (vpn % nrPages),
      faultCode: -1,
    };
  }

  decodeFault(code: number): Fault {
    return decodeFault(code);
  }

  isContiguous(): boolean {
    return false;
  }

  get cacheHits(): WalkCacheHits {
    return { pde: 0, pdpte: 0, pml4e: 0 };
  }

  dropPath(): void {
    // Nothing is cached.
  }

  flushPcid(): void {
    // Nothing is cached.
  }

  flushAll(): void {
    // Nothing is cached.
  }

  /** First word of the leaf entry for a page, or NO_ENTRY; counts reads, sets `foundLevel`. */
  protected abstract find(vpnLo: number, vpnHi: number): number;

  /** As find(), with all that it reads, and counts nothing. Cold. */
  protected abstract search(vpn: Vpn): Search;

  /** First word of a frame of the table. A frame without bytes is a bug here: the table is found through its own words. */
  protected baseOf(pfn: number): number {
    const { slotOf } = this.contents;
    const slot = pfn >= 0 && pfn < slotOf.length ? slotOf[pfn] : NO_SLOT;
    if (slot === NO_SLOT) bug(`a frame of the page table is at pfn ${pfn}, which has no contents`);
    return slot * PAGE_WORDS;
  }

  /** Error bits that a leaf refuses an access with; 0 when it is not present, -1 when it does not refuse. */
  private refusal(lo: number, hi: number, level: number, right: number): number {
    const { rights } = this;
    if ((lo & PTE_P) === 0) return 0;
    if ((hi & this.hiReserved) !== 0 || (lo & LO_RESERVED[level]) !== 0) return X86_PF_PROT | X86_PF_RSVD;
    const flags = flagsOf(lo, hi);
    if (((flags ^ rights.want[right]) & rights.mask[right]) === 0) return -1;
    const code = rights.refusal(flags, right);
    return code === 0 ? -1 : code;
  }

  private fault(right: number, code: number): number {
    this.result = -1 - (this.rights.faultCode[right] | code);
    return this.result;
  }
}

/** RW, US, NX and protection key of an entry, as rights are compared. */
function flagsOf(lo: number, hi: number): number {
  return (lo & (PTE_RW | PTE_US)) | (hi & PTE_HI_NX) | ((hi >>> PKEY_SHIFT) & FLAGS_PKEY_MASK);
}

/** First frame of a leaf: bit 12 of a large one is its PAT. */
function framesOf(lo: number, hi: number, level: number): number {
  const pfn = (lo >>> 12) | (hi << 20);
  return level === PT_LEVEL_PTE ? pfn : pfn & ~1;
}
