/**
 * The memory-management unit of one CPU. Hot: per access.
 *
 *     access → TLB → (miss) paging-structure caches → walk of the page table in simulated RAM → rights, A, D
 *
 * A page is given as the two halves of its number (`vpnLo`, `vpnHi` in contracts). An access that works gives the pfn of
 * its 4 KiB frame; one that faults gives -(1 + error code) and leaves `faultCode` and `faultVpn`, as the processor leaves
 * the error code and CR2. Nothing about a page that faulted stays cached.
 *
 * Counting: every access is one lookup, so l1Hits + l2Hits + walks = accesses. What happens after the fault handler has
 * returned is the same access: retranslate() counts neither a lookup nor a walk.
 */
import {
  type Asid,
  EINVAL,
  findOccupant,
  KernelError,
  NO_PFN,
  type Pfn,
  PTE_D,
  PTE_PS,
  RUN_COUNT_SHIFT,
  RUN_KIND_MASK,
  RUN_KIND_SHIFT,
  RUN_READ,
  RUN_VPN_HI_MASK,
  TLB_4K,
  TLB_ENTRY_1G,
  TLB_MISS,
  TLB_NOT_LOOKED_UP,
  type Tlb,
  type Vaddr,
  type Vpn,
  vpnHi as highOf,
  vpnLo as lowOf,
  vpnOf,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { canonicalVpn, fullAddress, NO_VPN } from "./canonical.ts";
import { type EptConfig } from "./ept-config.ts";
import { type Explanation, explain, notCanonicalCode } from "./explanation.ts";
import { isVmExit } from "./fault-code.ts";
import { type HardwareWalker } from "./hardware-walker.ts";
import { controlsOf, type ProtectionControls, RIGHT_SUPERVISOR, type RightTable } from "./rights.ts";
import { NestedWalker } from "./nested-walker.ts";
import { RiscvRights } from "./riscv-rights.ts";
import { DEFAULT_WALK_CACHES, type WalkCachesConfig } from "./walk-caches.ts";
import { Walker32 } from "./walker32.ts";
import { walkers } from "./walkers.ts";
import { X86Rights } from "./x86-rights.ts";

/** What an MMU is made of. Only `tlb` and `contents` must be given. */
export interface MmuConfig extends Partial<ProtectionControls> {
  readonly tlb: Tlb;
  /** Simulated RAM, where the page tables are. */
  readonly contents: FrameContents;
  /** Format of the page tables, a name of `walkers`: `x86-64` by default. */
  readonly format?: string;
  /** Levels of an x86-64 page table: 4 (default) or 5 (CR4.LA57). */
  readonly levels?: 4 | 5;
  readonly walkCaches?: Partial<WalkCachesConfig>;
  /** The host's tables, for format `nested`: those of the guest are then in guest-physical memory, CR3 too. */
  readonly ept?: EptConfig;
  /** Root of an x86-64 table of `levels` that is the kernel half, for formats `hashed` and `inverted`. */
  readonly kernelRootPfn?: Pfn;
}

/** Counts since the MMU was made. */
export interface MmuStats {
  /** l1Hits + l2Hits + walks. */
  readonly accesses: number;
  /** Includes the accesses that a run folded. */
  readonly l1Hits: number;
  readonly l2Hits: number;
  /** Accesses that no TLB level could translate. */
  readonly walks: number;
  /** Second halves of accesses that straddle two pages, by outcome; in none of the above. */
  readonly splitL1Hits: number;
  readonly splitL2Hits: number;
  readonly splitWalks: number;
  /** Page-table entries read from simulated RAM, by walks, rewalks and dirty assists. */
  readonly walkReads: number;
  /** Walks that started below a cached PMD, PUD or PGD entry. */
  readonly pdeHits: number;
  readonly pdpteHits: number;
  readonly pml4eHits: number;
  readonly faults: number;
  /** EPT violations and misconfigurations: the host's, in none of the faults. */
  readonly vmExits: number;
  /** Walks after a fault was handled. */
  readonly faultRewalks: number;
  /** First writes through an entry whose page was clean when it was cached. */
  readonly dirtyAssists: number;
}

const MAX_PCID = 4095;
/** A 4 MiB page of x86-32 is in the TLB as two of 2 MiB, this many pages apart; whatever forgets one forgets both. */
const TWIN_PAGES = 512;

/** The MMU of one CPU. */
export class Mmu {
  readonly tlb: Tlb;
  readonly contents: FrameContents;
  readonly walker: HardwareWalker;
  /** Code (X86_PF_* of a page fault, else see fault-code.ts) and page of the last fault. */
  faultCode = 0;
  faultVpn: Vpn = 0;
  /** Guest frame that the last VM exit was about; NO_PFN without nested paging or before the first one. */
  faultGuestPfn: Pfn = NO_PFN;
  private pcid: Asid = 0;
  private readonly hasTwins: boolean;
  private readonly rights: RightTable;
  private readonly want: Int32Array;
  private readonly hitMask: Int32Array;
  private readonly runMask: Int32Array;
  private nrFaults = 0;
  private nrVmExits = 0;
  private nrFaultRewalks = 0;
  private nrDirtyAssists = 0;
  private nrSplitL1Hits = 0;
  private nrSplitL2Hits = 0;
  private nrSplitWalks = 0;
  /** Accesses of the run that faulted behind the one that did. */
  private nrHeldBack = 0;

  /** Throws EINVAL for a number of levels or a cache geometry that cannot be. */
  constructor(config: MmuConfig) {
    this.tlb = config.tlb;
    this.contents = config.contents;
    this.walker = findOccupant("page-table format", walkers, config.format ?? "x86-64").create({
      contents: config.contents,
      controls: controlsOf(config),
      levels: config.levels ?? 4,
      walkCaches: { ...DEFAULT_WALK_CACHES, ...config.walkCaches },
      ept: config.ept ?? null,
      kernelRootPfn: config.kernelRootPfn ?? NO_PFN,
    });
    this.hasTwins = this.walker instanceof Walker32 && !this.walker.isPae;
    this.rights = this.walker.rights;
    this.want = this.rights.want;
    this.hitMask = this.rights.hitMask;
    this.runMask = this.rights.runMask;
  }

  /** Frame of the current top table. */
  get rootPfn(): Pfn {
    return this.walker.rootPfn;
  }

  /** PCID of the current address space. */
  get currentPcid(): Asid {
    return this.pcid;
  }

  get stats(): MmuStats {
    const { walker } = this;
    const { cacheHits } = walker;
    const tlb = this.tlb.stats;
    const l1Hits = tlb.l1Hits - this.nrSplitL1Hits;
    const l2Hits = tlb.l2Hits - this.nrSplitL2Hits;
    const walks = tlb.misses - this.nrSplitWalks;
    return {
      accesses: l1Hits + l2Hits + walks,
      l1Hits,
      l2Hits,
      walks,
      splitL1Hits: this.nrSplitL1Hits,
      splitL2Hits: this.nrSplitL2Hits,
      splitWalks: this.nrSplitWalks,
      walkReads: walker.nrReads,
      pdeHits: cacheHits.pde,
      pdpteHits: cacheHits.pdpte,
      pml4eHits: cacheHits.pml4e,
      faults: this.nrFaults,
      vmExits: this.nrVmExits,
      faultRewalks: this.nrFaultRewalks,
      dirtyAssists: this.nrDirtyAssists,
    };
  }

  /** PKRU: bits 2k and 2k + 1 forbid access and writing to user pages of key k. 0 while CR4.PKE is clear. */
  get pkru(): number {
    return this.rights instanceof X86Rights ? this.rights.pkru : 0;
  }

  /**
   * Writes PKRU (WRPKRU); what is cached stays. Throws EINVAL for what is not 32 bits, or when there is no PKRU.
   * Source: Intel SDM vol. 3A section 5.6.2.
   */
  writePkru(pkru: number): void {
    this.x86Rights("PKRU").pkru = pkru;
  }

  /** Sets EFLAGS.AC (STAC) or clears it (CLAC): the supervisor may use user pages in spite of SMAP. */
  setAc(isSet: boolean): void {
    this.x86Rights("EFLAGS.AC").setAc(isSet);
  }

  /** Lets the supervisor use user pages, or not: EFLAGS.AC of x86, sstatus.SUM of RISC-V (user_access_begin). */
  setUserAccess(isAllowed: boolean): void {
    this.rights.setUserAccess(isAllowed);
  }

  /** Sets or clears RISC-V's sstatus.SUM: the supervisor may use user pages. */
  setSum(isSet: boolean): void {
    this.riscvRights("sstatus.SUM").setSum(isSet);
  }

  /** Sets or clears RISC-V's sstatus.MXR: pages that can be executed can be read. */
  setMxr(isSet: boolean): void {
    this.riscvRights("sstatus.MXR").setMxr(isSet);
  }

  /**
   * Goes over to another page table (MOV to CR3 with CR4.PCIDE set). Forgets what is cached for that PCID, but for
   * global pages, unless `noFlush` (bit 63). Throws EINVAL for a PCID above 4095. Returns 0, or -(1 + FAULT_GP) with CR3 as
   * it was when a PDPTE of PAE has a reserved bit set. Source: Intel SDM vol. 3A sections 5.4.1 (PDPTEs), 5.10.4.1.
   */
  loadCr3(rootPfn: Pfn, pcid: Asid, noFlush: boolean): number {
    if (!Number.isInteger(pcid) || pcid < 0 || pcid > MAX_PCID) {
      throw new KernelError(EINVAL, `pcid ${pcid} is not an integer from 0 to ${MAX_PCID}`);
    }
    const error = this.walker instanceof Walker32 ? this.walker.loadPdptes(rootPfn) : 0;
    if (error !== 0) {
      this.nrFaults++;
      this.faultCode = -1 - error;
      return error;
    }
    this.pcid = pcid;
    this.walker.rootPfn = rootPfn;
    this.walker.pcid = pcid;
    if (!noFlush) this.flushPcid(pcid);
    return 0;
  }

  /**
   * Translates one access. `kind` is RUN_READ, RUN_WRITE or RUN_EXEC. Returns the pfn of the 4 KiB frame, or
   * -(1 + fault code).
   */
  translate(vpnLo: number, vpnHi: number, kind: number, isUser: boolean): number {
    return this.access(vpnLo, vpnHi, isUser ? kind : kind | RIGHT_SUPERVISOR);
  }

  /**
   * Translates an access to a byte by its address: a bigint of 64 bits, or a Vaddr (canonical.ts). An address that is not
   * canonical reaches neither TLB nor page table: it raises #GP, or #SS when the access is one of the stack (FAULT_GP,
   * FAULT_SS), on RISC-V a page fault; `faultVpn` (CR2) stays. Returns as translate() does. Throws EINVAL for what is no
   * address of 64 bits. Source: Intel SDM vol. 1 section 3.3.7.1, vol. 3A chapter 4 (Linear-Address Pre-Processing). Cold.
   */
  translateByte(address: Vaddr | bigint, kind: number, isUser: boolean, isStack = false): number {
    const { addressBits } = this.walker;
    const vpn = canonicalVpn(fullAddress(address, addressBits), addressBits);
    if (vpn !== NO_VPN) return this.translate(lowOf(vpn), highOf(vpn), kind, isUser);
    this.nrFaults++;
    this.faultCode = notCanonicalCode(this.walker, isUser ? kind : kind | RIGHT_SUPERVISOR, isStack);
    return -1 - this.faultCode;
  }

  /**
   * Translates an access again whose fault has been handled, and caches the result. Counts a `faultRewalks`, and the
   * accesses that the faulting run folded; no lookup, no walk. Returns as translate() does.
   */
  retranslate(vpnLo: number, vpnHi: number, kind: number, isUser: boolean): number {
    this.nrFaultRewalks++;
    const pfn = this.walkAndFill(vpnLo, vpnHi, isUser ? kind : kind | RIGHT_SUPERVISOR);
    if (pfn >= 0) {
      this.tlb.addL1Hits(this.nrHeldBack);
      this.nrHeldBack = 0;
    }
    return pfn;
  }

  /**
   * Drives runs [fromRun, toRun) of user accesses (access-run.ts in contracts). Returns the first run that faulted, or
   * toRun. After a fault: handle it, retranslate() the run's page, go on with the next run.
   */
  accessRuns(words: Int32Array, fromRun: number, toRun: number): number {
    const { tlb } = this;
    this.nrHeldBack = 0;
    let run = fromRun;
    while (run < toRun) {
      run = tlb.translateRuns(words, run, toRun, this.pcid, this.want, this.runMask, this.walker);
      if (run === toRun) break;
      const word1 = words[2 * run + 1];
      const nrFolded = word1 >>> RUN_COUNT_SHIFT;
      if (this.finishRun(words[2 * run], word1) < 0) {
        this.nrHeldBack = nrFolded;
        break;
      }
      tlb.addL1Hits(nrFolded);
      run++;
    }
    return run;
  }

  /**
   * Says how an address is translated now, level by level, as the page table has it, and what the TLB holds for it: sets
   * nothing, counts nothing. A bigint is an address of 64 bits, a number a Vaddr (canonical.ts). Throws EINVAL for what is
   * no address of 64 bits. Cold.
   */
  translateAddress(
    address: Vaddr | bigint,
    kind: number = RUN_READ,
    isUser = true,
    isStack = false,
  ): Explanation {
    return explain(this.walker, this.tlb, address, isUser ? kind : kind | RIGHT_SUPERVISOR, isStack);
  }

  /** Forgets one page of the current address space, global or not (INVLPG). */
  invlpg(vpn: Vpn): void {
    this.flushPage(vpn, this.pcid);
  }

  /** Forgets one page of an address space (INVPCID type 0, and global pages). */
  flushPage(vpn: Vpn, pcid: Asid): void {
    this.tlb.flushPage(lowOf(vpn), highOf(vpn), pcid);
    if (this.hasTwins) this.tlb.flushPage(lowOf(vpn) ^ TWIN_PAGES, 0, pcid);
    this.walker.flushPcid(pcid);
  }

  /** Forgets `nrPages` pages of an address space: as many INVLPG. */
  flushRange(vpn: Vpn, nrPages: number, pcid: Asid): void {
    if (this.hasTwins) {
      const start = vpn - (vpn % (2 * TWIN_PAGES));
      const nrLeaves = Math.ceil((vpn + nrPages - start) / (2 * TWIN_PAGES));
      this.tlb.flushRange(lowOf(start), 0, nrLeaves * 2 * TWIN_PAGES, pcid);
    } else this.tlb.flushRange(lowOf(vpn), highOf(vpn), nrPages, pcid);
    this.walker.flushPcid(pcid);
  }

  /** Forgets an address space but for global pages (INVPCID type 1). */
  flushPcid(pcid: Asid): void {
    this.tlb.flushPcid(pcid);
    this.walker.flushPcid(pcid);
  }

  /** Forgets everything; global pages too when `andGlobal` (INVPCID types 2 and 3). */
  flushAll(andGlobal: boolean): void {
    this.tlb.flushAll(andGlobal);
    this.walker.flushAll();
  }

  /** Forgets all that came from the host's tables: everything that is cached (INVEPT). Throws EINVAL without nested paging. */
  invept(): void {
    if (!(this.walker instanceof NestedWalker)) {
      throw new KernelError(EINVAL, 'INVEPT needs nested paging; this MMU has not the format "nested"');
    }
    this.walker.ept.flush();
    this.flushAll(true);
  }

  /** Checks the TLB. Cold. */
  checkInvariants(): void {
    this.tlb.checkInvariants();
  }

  private riscvRights(what: string): RiscvRights {
    if (this.rights instanceof RiscvRights) return this.rights;
    throw new KernelError(
      EINVAL,
      `${what} belongs to RISC-V, and this MMU walks tables of another processor`,
    );
  }

  private x86Rights(what: string): X86Rights {
    if (this.rights instanceof X86Rights) return this.rights;
    throw new KernelError(EINVAL, `${what} belongs to x86, and this MMU walks tables of another processor`);
  }

  /** Does what the TLB left undone for the run at which it stopped. Returns as translate() does. */
  private finishRun(vpnLo: number, word1: number): number {
    const vpnHi = word1 & RUN_VPN_HI_MASK;
    const kind = (word1 >>> RUN_KIND_SHIFT) & RUN_KIND_MASK;
    const entry = this.tlb.stoppedEntry;
    if (entry === TLB_MISS) return this.fault(-1 - this.walker.result, vpnLo, vpnHi);
    if (entry === TLB_NOT_LOOKED_UP) return this.accessSplit(vpnLo, vpnHi, kind);
    return this.useEntry(entry, vpnLo, vpnHi, kind);
  }

  private access(vpnLo: number, vpnHi: number, right: number): number {
    const { tlb } = this;
    const entry = tlb.lookup(vpnLo, vpnHi, this.pcid, right);
    if (
      entry !== TLB_MISS &&
      ((tlb.cells[tlb.flagsAt + entry] ^ this.want[right]) & this.hitMask[right]) === 0
    ) {
      return tlb.cells[tlb.pfnAt + entry];
    }
    return entry === TLB_MISS
      ? this.walkAndFill(vpnLo, vpnHi, right)
      : this.useEntry(entry, vpnLo, vpnHi, right);
  }

  /** Does what a hit needs beyond its frame number: a large page's part, the dirty bit, or a fault. */
  private useEntry(entry: number, vpnLo: number, vpnHi: number, right: number): number {
    const { tlb } = this;
    const flags = tlb.cells[tlb.flagsAt + entry];
    const lacking = (flags ^ this.want[right]) & this.hitMask[right] & ~PTE_PS;
    if (lacking === 0) return frameOf(tlb.cells[tlb.pfnAt + entry], flags, vpnLo);
    if (lacking !== PTE_D) {
      const refusal = this.rights.refusal(flags, right);
      if (refusal !== 0 && this.walker.walksBeforeFault) return this.walkAndFill(vpnLo, vpnHi, right);
      if (refusal !== 0) return this.fault(this.rights.faultCode[right] | refusal, vpnLo, vpnHi);
      if ((lacking & PTE_D) === 0) return frameOf(tlb.cells[tlb.pfnAt + entry], flags, vpnLo);
    }
    return this.assistDirty(entry, vpnLo, vpnHi, right);
  }

  /** Sets the dirty bit in the page table, and in the TLB if it is still right about the page. */
  private assistDirty(entry: number, vpnLo: number, vpnHi: number, right: number): number {
    const { tlb, walker } = this;
    this.nrDirtyAssists++;
    const result = walker.walk(vpnLo, vpnHi, right);
    if (result !== 0) return this.fault(-1 - result, vpnLo, vpnHi);
    const flags = tlb.cells[tlb.flagsAt + entry];
    if (tlb.cells[tlb.pfnAt + entry] === walker.leafPfn && (flags | PTE_D) === walker.leafFlags) {
      tlb.setEntryFlags(entry, PTE_D);
      return frameOf(walker.leafPfn, walker.leafFlags, vpnLo);
    }
    return this.fill(vpnLo, vpnHi, right);
  }

  private walkAndFill(vpnLo: number, vpnHi: number, right: number): number {
    const result = this.walker.walk(vpnLo, vpnHi, right);
    return result === 0 ? this.fill(vpnLo, vpnHi, right) : this.fault(-1 - result, vpnLo, vpnHi);
  }

  /** Caches what the walker found. */
  private fill(vpnLo: number, vpnHi: number, right: number): number {
    const { leafPfn, leafFlags, leafSize } = this.walker;
    this.tlb.insert(vpnLo, vpnHi, this.pcid, leafSize, leafPfn, leafFlags, right, this.walker);
    return leafSize === TLB_4K ? leafPfn : frameOf(leafPfn, leafFlags, vpnLo);
  }

  /**
   * Notes a fault and forgets the page and the way to it, as the processor does so that changed entries are seen.
   * Source: Intel SDM vol. 3A section 5.10.4.1.
   */
  private fault(code: number, vpnLo: number, vpnHi: number): number {
    if (isVmExit(code)) {
      this.nrVmExits++;
      // A walk ahead of a TLB that prefetches may fail too, and is no VM exit.
      if (this.walker instanceof NestedWalker) this.faultGuestPfn = this.walker.faultGuestPfn;
    } else {
      this.nrFaults++;
    }
    this.faultCode = code;
    this.faultVpn = vpnOf(vpnLo, vpnHi);
    this.tlb.dropPage(vpnLo, vpnHi, this.pcid);
    if (this.hasTwins) this.tlb.dropPage(vpnLo ^ TWIN_PAGES, vpnHi, this.pcid);
    this.walker.dropPath(vpnLo, vpnHi, this.pcid);
    return -1 - code;
  }

  /** Translates the second half of a straddling access, and counts its outcome apart. */
  private accessSplit(vpnLo: number, vpnHi: number, right: number): number {
    const { tlb } = this;
    const l2Hits = tlb.nrL2Hits;
    const misses = tlb.nrMisses;
    const pfn = this.access(vpnLo, vpnHi, right);
    if (tlb.nrMisses !== misses) this.nrSplitWalks++;
    else if (tlb.nrL2Hits !== l2Hits) this.nrSplitL2Hits++;
    else this.nrSplitL1Hits++;
    return pfn;
  }
}

/** The 4 KiB frame of a page within the page that an entry maps. */
function frameOf(pfn: number, flags: number, vpnLo: number): number {
  if ((flags & PTE_PS) === 0) return pfn;
  return pfn + (vpnLo & ((flags & TLB_ENTRY_1G) !== 0 ? 0x3ffff : 0x1ff));
}
