/** What walkers have in common: the fields that a walk leaves, how it ends, and walk caches. Hot: per TLB miss. */
import { type Asid, bug, NO_PFN, type Pfn, type Vpn } from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { decodeFault, type Fault } from "./fault-code.ts";
import { type ExplainedWalk, type HardwareWalker, type WalkCacheHits } from "./hardware-walker.ts";
import { type RightTable } from "./rights.ts";
import { type WalkCaches } from "./walk-caches.ts";

/** A walker of any format. What is said of a method here is true where nothing else is said. */
export abstract class TableWalker implements HardwareWalker {
  rootPfn: Pfn = 0;
  pcid: Asid = 0;
  leafPfn = 0;
  leafFlags = 0;
  leafSize = 0;
  result = 0;
  readonly rights: RightTable;
  protected readonly contents: FrameContents;
  abstract readonly nrReads: number;
  abstract readonly nrLevels: number;
  abstract readonly addressBits: number;
  abstract readonly hasGeneralProtection: boolean;
  abstract readonly walksBeforeFault: boolean;
  abstract readonly cacheHits: WalkCacheHits;
  abstract readonly nrCached: number;

  constructor(contents: FrameContents, rights: RightTable) {
    this.contents = contents;
    this.rights = rights;
  }

  abstract walk(vpnLo: number, vpnHi: number, right: number): number;
  abstract explain(vpn: Vpn, right: number): ExplainedWalk;
  abstract dropPath(vpnLo: number, vpnHi: number, pcid: Asid): void;
  abstract flushPcid(pcid: Asid): void;
  abstract flushAll(): void;

  /** False: the walker cannot tell. */
  isContiguous(_vpnLo: number, _vpnHi: number, _nrPages: number): boolean {
    return false;
  }

  /** As x86 names faults. */
  decodeFault(code: number): Fault {
    return decodeFault(code);
  }

  /** Ends a walk with a page fault; returns as walk() does. */
  protected fault(right: number, code: number): number {
    this.result = -1 - (this.rights.faultCode[right] | code);
    return this.result;
  }

  /** Error bits of an access that a leaf's flags refuse; 0 when they allow it. */
  protected refusal(flags: number, right: number): number {
    const { rights } = this;
    return ((flags ^ rights.want[right]) & rights.mask[right]) === 0 ? 0 : rights.refusal(flags, right);
  }

  /** Contents slot of a table; NO_SLOT for one that is not there or has no bytes, whose entries read as zeros. */
  protected slotOf(pfn: Pfn): number {
    if (pfn === NO_PFN) return NO_SLOT;
    const { slotOf } = this.contents;
    if (pfn >= slotOf.length)
      bug(`a page table is at pfn ${pfn}, and the machine has ${slotOf.length} frames`);
    return slotOf[pfn];
  }
}

/** A walker with paging-structure caches (walk-caches.ts). */
export abstract class CachedWalker extends TableWalker {
  readonly caches: WalkCaches;

  constructor(contents: FrameContents, rights: RightTable, caches: WalkCaches) {
    super(contents, rights);
    this.caches = caches;
  }

  get cacheHits(): WalkCacheHits {
    const { nrPdeHits, nrPdpteHits, nrPml4eHits } = this.caches;
    return { pde: nrPdeHits, pdpte: nrPdpteHits, pml4e: nrPml4eHits };
  }

  get nrCached(): number {
    return this.caches.nrValid;
  }

  dropPath(vpnLo: number, vpnHi: number, pcid: Asid): void {
    this.caches.dropPath(vpnLo, vpnHi, pcid);
  }

  flushPcid(pcid: Asid): void {
    this.caches.flushPcid(pcid);
  }

  flushAll(): void {
    this.caches.flushAll();
  }
}
