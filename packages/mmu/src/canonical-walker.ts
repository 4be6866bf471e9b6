/**
 * What walkers of tables have in common that are no tree and hold entries in canonical form (pte.ts): the leaf. Hot: per walk.
 *
 * A leaf alone gives the rights; there are no levels above it, and no walk caches. The rights, A and D are those of x86.
 *
 * Such a table may have the user half only: the kernel half is then an x86-64 table with a root of its own (kernelRootPfn),
 * as other processors have two roots (TTBR0 and TTBR1 of Arm), and addresses have as many bits as that table translates, else
 * 57. `rootPfn` is NO_PFN when there is no user half.
 */
import {
  bug,
  NO_ENTRY,
  NO_PFN,
  PAGE_SHIFT,
  PAGE_SIZE,
  PAGE_WORDS,
  PAGES_PER_LEVEL,
  type Paddr,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_HI_PKEY_SHIFT,
  PTE_RW,
  PTE_US,
  type Pfn,
  type Vpn,
} from "@pageframe/contracts";
import { NO_SLOT } from "@pageframe/memmap";
import { faultedWalk } from "./explain.ts";
import { FAULT_GP } from "./fault-code.ts";
import {
  type ExplainedLevel,
  type ExplainedWalk,
  type WalkCacheHits,
  type WalkerConfig,
} from "./hardware-walker.ts";
import { PageWalker } from "./page-walker.ts";
import { FLAGS_PKEY_MASK, FLAGS_PKEY_SHIFT, type RightTable } from "./rights.ts";
import { TableWalker } from "./table-walker.ts";
import { entryProblem, hiReservedOf, leafFrame, sizeFlagsOf } from "./x86-entry.ts";

const ADDRESS_BITS = 57;
const PKEY_SHIFT: number = PTE_HI_PKEY_SHIFT - FLAGS_PKEY_SHIFT;

/** What a search for a page met. */
export interface Search {
  readonly levels: ExplainedLevel[];
  /** First word of the leaf entry, or NO_ENTRY; its level. */
  readonly at: number;
  readonly level: number;
}

/** A walker that finds leaf entries by search. */
export abstract class CanonicalWalker extends TableWalker {
  nrReads = 0;
  readonly nrLevels = 1;
  readonly addressBits: number;
  readonly hasGeneralProtection = true;
  readonly walksBeforeFault = false;
  /** Level of the entry that find() found. */
  protected foundLevel = 0;
  private readonly hiReserved: number;
  /** Bits of `vpnHi` that are translated. */
  private readonly vpnHiBits: number;
  /** Who walks the kernel half; null when this table has it too. */
  private readonly kernelWalker: PageWalker | null;

  constructor(config: WalkerConfig, rights: RightTable) {
    const { contents, controls, levels, kernelRootPfn, walkCaches } = config;
    super(contents, rights);
    this.rootPfn = NO_PFN;
    this.hiReserved = hiReservedOf(controls.noExecute);
    this.kernelWalker = null;
    this.addressBits = ADDRESS_BITS;
    if (kernelRootPfn !== NO_PFN) {
      this.kernelWalker = new PageWalker(contents, rights, controls.noExecute, levels, walkCaches);
      this.kernelWalker.rootPfn = kernelRootPfn;
      this.addressBits = this.kernelWalker.addressBits;
    }
    this.vpnHiBits = this.addressBits - PAGE_SHIFT - 32;
  }

  walk(vpnLo: number, vpnHi: number, right: number): number {
    // From the upper half on: the kernel's, or not canonical.
    if (vpnHi >>> (this.vpnHiBits - 1) !== 0) {
      if (this.kernelWalker !== null) return this.walkKernelHalf(this.kernelWalker, vpnLo, vpnHi, right);
      if (vpnHi >>> this.vpnHiBits !== 0) {
        this.result = -1 - FAULT_GP;
        return this.result;
      }
    }
    const at = this.rootPfn === NO_PFN ? NO_ENTRY : this.find(vpnLo, vpnHi);
    if (at === NO_ENTRY) return this.fault(right, 0);
    const { rights } = this;
    const { words } = this.contents;
    const level = this.foundLevel;
    const lo = words[at];
    const hi = words[at + 1];
    const problem = this.leafProblem(lo, hi, level, right);
    if (problem >= 0) return this.fault(right, problem);
    const used = lo | rights.sets[right];
    if (used !== lo) words[at] = used;
    this.leafFlags = flagsOf(lo, hi) | (used & (PTE_D | PTE_G)) | sizeFlagsOf(level);
    this.leafPfn = leafFrame(lo, hi, level);
    this.leafSize = level - 1;
    return 0;
  }

  explain(vpn: Vpn, right: number): ExplainedWalk {
    const limitVpn = 2 ** (this.addressBits - PAGE_SHIFT);
    if (this.kernelWalker !== null && vpn >= limitVpn / 2) return this.kernelWalker.explain(vpn, right);
    if (vpn >= limitVpn) return faultedWalk([], FAULT_GP);
    const nothing: Search = { levels: [], at: NO_ENTRY, level: 0 };
    const { levels, at, level } = this.rootPfn === NO_PFN ? nothing : this.search(vpn);
    const { words } = this.contents;
    const problem = at === NO_ENTRY ? 0 : this.leafProblem(words[at], words[at + 1], level, right);
    if (problem >= 0) return faultedWalk(levels, this.rights.faultCode[right] | problem);
    const nrPages = PAGES_PER_LEVEL[level];
    return {
      levels,
      nrPages,
      pfn: leafFrame(words[at], words[at + 1], level) + (vpn % nrPages),
      faultCode: -1,
    };
  }

  /** Only of the kernel half are there any. */
  get cacheHits(): WalkCacheHits {
    return this.kernelWalker?.cacheHits ?? { pde: 0, pdpte: 0, pml4e: 0 };
  }

  get nrCached(): number {
    return this.kernelWalker?.nrCached ?? 0;
  }

  dropPath(vpnLo: number, vpnHi: number, pcid: number): void {
    this.kernelWalker?.dropPath(vpnLo, vpnHi, pcid);
  }

  flushPcid(pcid: number): void {
    this.kernelWalker?.flushPcid(pcid);
  }

  flushAll(): void {
    this.kernelWalker?.flushAll();
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

  private walkKernelHalf(kernel: PageWalker, vpnLo: number, vpnHi: number, right: number): number {
    const { nrReads } = kernel;
    kernel.pcid = this.pcid;
    this.result = kernel.walk(vpnLo, vpnHi, right);
    this.nrReads += kernel.nrReads - nrReads;
    this.leafPfn = kernel.leafPfn;
    this.leafFlags = kernel.leafFlags;
    this.leafSize = kernel.leafSize;
    return this.result;
  }

  /** Error bits that a leaf refuses an access with; 0 when it is not present, -1 when it does not refuse. */
  private leafProblem(lo: number, hi: number, level: number, right: number): number {
    const problem = entryProblem(lo, hi, level, true, this.hiReserved);
    if (problem >= 0) return problem;
    const refusal = this.refusal(flagsOf(lo, hi), right);
    return refusal === 0 ? -1 : refusal;
  }
}

/** Physical address of a word of the frame contents that lies in frame `pfn`. */
export function paddrOf(pfn: Pfn, word: number): Paddr {
  return pfn * PAGE_SIZE + (word % PAGE_WORDS) * 4;
}

/** RW, US, NX and protection key of an entry, as rights are compared. */
function flagsOf(lo: number, hi: number): number {
  return (lo & (PTE_RW | PTE_US)) | (hi & PTE_HI_NX) | ((hi >>> PKEY_SHIFT) & FLAGS_PKEY_MASK);
}
