/**
 * The hardware walk of RISC-V's Sv39 and Sv48 tables (riscv-pte.ts in contracts). Hot: per TLB miss.
 *
 * A leaf alone gives the rights; G of a pointer makes everything below it global. A leaf of 512 GiB is cached in pieces of
 * 1 GiB. A and D: with menvcfg.ADUE (Svadu) the walker sets them; without it (Svade) an access that would have to is a page
 * fault, and software sets them.
 * Source: RISC-V Privileged Architecture, sections 12.3.2 (the algorithm, "Virtual Address Translation Process"), 12.4
 * (Sv39), 12.5 (Sv48). Differs: physical addresses have 43 bits, an access above them is a page fault, not an access fault;
 * cached pointers are forgotten by SFENCE.VMA of any page of the address space, as by INVLPG; no Svnapot, no machine mode.
 */
import {
  bug,
  NO_PFN,
  PAGE_SHIFT,
  PAGE_WORDS,
  PAGES_PER_LEVEL,
  PTE_PS,
  RISCV_PTE_A,
  RISCV_PTE_D,
  RISCV_PTE_G,
  RISCV_PTE_HI_IO,
  RISCV_PTE_HI_NC,
  RISCV_PTE_LEAF,
  RISCV_PTE_R,
  RISCV_PTE_U,
  RISCV_PTE_V,
  RISCV_PTE_W,
  RISCV_PTE_X,
  riscvToCanonicalHi,
  riscvToCanonicalLo,
  TLB_1G,
  TLB_ENTRY_1G,
  TLB_ENTRY_NX,
  type Vpn,
  vpnIndex,
  X86_PF_PROT,
  X86_PF_RSVD,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { explainedEntry, joinedEntry, tableName } from "./explain.ts";
import { type Fault, riscvFault } from "./fault-code.ts";
import {
  type ExplainedLevel,
  type ExplainedWalk,
  type HardwareWalker,
  type WalkCacheHits,
} from "./hardware-walker.ts";
import { type RightTable } from "./rights.ts";
import {
  WALK_KEY_PCID_SHIFT,
  WALK_KEY_VALID,
  WALK_ROW_WORDS,
  WalkCaches,
  type WalkCachesConfig,
} from "./walk-caches.ts";

const INDEX_MASK = 511;
/** Reserved in every entry: bits 54..58, N (63) without Svnapot, and frame-number bits above 43 bits of address. */
const HI_RESERVED: number = (0x1f << 22) | (1 << 31) | 0x3ffe00;
const PBMT_BITS: number = RISCV_PTE_HI_NC | RISCV_PTE_HI_IO;
/** Must be clear in a pointer. */
const POINTER_RESERVED: number = RISCV_PTE_U | RISCV_PTE_A | RISCV_PTE_D;
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [RISCV_PTE_V, "V"],
  [RISCV_PTE_R, "R"],
  [RISCV_PTE_W, "W"],
  [RISCV_PTE_X, "X"],
  [RISCV_PTE_U, "U"],
  [RISCV_PTE_G, "G"],
  [RISCV_PTE_A, "A"],
  [RISCV_PTE_D, "D"],
];

/** Walks the table of three (Sv39) or four (Sv48) levels that `rootPfn` names. */
export class RiscvWalker implements HardwareWalker {
  rootPfn = 0;
  pcid = 0;
  leafPfn = 0;
  leafFlags = 0;
  leafSize = 0;
  result = 0;
  nrReads = 0;
  readonly rights: RightTable;
  readonly nrLevels: number;
  readonly addressBits: number;
  readonly hasGeneralProtection = false;
  readonly walksBeforeFault = false;
  private readonly caches: WalkCaches;
  private readonly contents: FrameContents;
  /** Does the walker set A and D (Svadu)? */
  private readonly setsAd: boolean;

  constructor(
    contents: FrameContents,
    rights: RightTable,
    setsAd: boolean,
    nrLevels: 3 | 4,
    caches: WalkCachesConfig,
  ) {
    this.contents = contents;
    this.rights = rights;
    this.setsAd = setsAd;
    this.nrLevels = nrLevels;
    this.addressBits = PAGE_SHIFT + 9 * nrLevels;
    this.caches = new WalkCaches(nrLevels === 4 ? caches : { ...caches, pml4e: 0 });
  }

  walk(vpnLo: number, vpnHi: number, right: number): number {
    const { caches } = this;
    const { rows } = caches;
    const { words } = this.contents;
    const tag = (this.pcid << WALK_KEY_PCID_SHIFT) | WALK_KEY_VALID;
    const pdeKey = (vpnLo >>> 9) | (vpnHi << 23);
    const pdeTag = (vpnHi >>> 9) | tag;
    const pdeRow = (pdeKey & caches.pdeMask) * WALK_ROW_WORDS;
    const pdpteKey = (vpnLo >>> 18) | (vpnHi << 14);
    const pdpteRow = caches.pdpteFirst + (pdpteKey & caches.pdpteMask) * WALK_ROW_WORDS;
    const pml4eKey = (vpnLo >>> 27) | (vpnHi << 5);
    const pml4eRow = caches.pml4eFirst + (pml4eKey & caches.pml4eMask) * WALK_ROW_WORDS;
    let level = 1;
    let slot: number;
    /** RISCV_PTE_G when a pointer above has it. */
    let isGlobal = 0;
    if (rows[pdeRow] === pdeKey && rows[pdeRow + 1] === pdeTag) {
      caches.nrPdeHits++;
      slot = rows[pdeRow + 2];
      isGlobal = rows[pdeRow + 3];
    } else if (rows[pdpteRow] === pdpteKey && rows[pdpteRow + 1] === tag) {
      caches.nrPdpteHits++;
      level = 2;
      slot = rows[pdpteRow + 2];
      isGlobal = rows[pdpteRow + 3];
    } else if (rows[pml4eRow] === pml4eKey && rows[pml4eRow + 1] === tag) {
      caches.nrPml4eHits++;
      level = 3;
      slot = rows[pml4eRow + 2];
      isGlobal = rows[pml4eRow + 3];
    } else {
      // Sv39 translates 27 bits of a page number, Sv48 36.
      if ((this.nrLevels === 3 ? (vpnLo >>> 27) | vpnHi : vpnHi >>> 4) !== 0) return this.fault(right, 0);
      level = this.nrLevels;
      slot = this.slotOfTable(this.rootPfn);
    }
    for (; ; level--) {
      if (slot === NO_SLOT) return this.fault(right, 0);
      const index = level === 1 ? vpnLo : level === 2 ? pdeKey : level === 3 ? pdpteKey : pml4eKey;
      const at = slot * PAGE_WORDS + (index & INDEX_MASK) * 2;
      const lo = words[at];
      const hi = words[at + 1];
      this.nrReads++;
      const problem = problemOf(lo, hi, level);
      if (problem >= 0) return this.fault(right, problem);
      if ((lo & RISCV_PTE_LEAF) !== 0) return this.useLeaf(at, level, vpnLo, isGlobal, right);
      isGlobal |= lo & RISCV_PTE_G;
      slot = this.slotOfTable((lo >>> 10) | (hi << 22));
      if (slot === NO_SLOT) continue;
      const row = level === 2 ? pdeRow : level === 3 ? pdpteRow : pml4eRow;
      rows[row] = index;
      rows[row + 1] =
        level === 2 ? pdeTag & caches.pdeKeep : tag & (level === 3 ? caches.pdpteKeep : caches.pml4eKeep);
      rows[row + 2] = slot;
      rows[row + 3] = isGlobal;
    }
  }

  explain(vpn: Vpn, right: number): ExplainedWalk {
    const { rights } = this;
    const { words } = this.contents;
    const levels: ExplainedLevel[] = [];
    const faulted = (code: number): ExplainedWalk => ({
      levels,
      nrPages: 0,
      pfn: NO_PFN,
      faultCode: rights.faultCode[right] | code,
    });
    if (vpn >= PAGES_PER_LEVEL[this.nrLevels + 1]) return faulted(0);
    let tablePfn = this.rootPfn;
    let isGlobal = 0;
    for (let level = this.nrLevels; ; level--) {
      const index = vpnIndex(vpn, level);
      const slot = this.slotOfTable(tablePfn);
      const at = slot * PAGE_WORDS + index * 2;
      const lo = slot === NO_SLOT ? 0 : words[at];
      const hi = slot === NO_SLOT ? 0 : words[at + 1];
      const name = tableName(level, this.nrLevels);
      const canonical = joinedEntry(riscvToCanonicalLo(lo, hi, level), riscvToCanonicalHi(lo, hi));
      levels.push({ ...explainedEntry(level, tablePfn, index, lo, hi, flagText(lo)), name, canonical });
      const problem = problemOf(lo, hi, level);
      if (problem >= 0) return faulted(problem);
      tablePfn = (lo >>> 10) | (hi << 22);
      isGlobal |= lo & RISCV_PTE_G;
      if ((lo & RISCV_PTE_LEAF) === 0) continue;
      const refusal = this.refusal(lo, flagsOf(lo, isGlobal), right);
      if (refusal >= 0) return faulted(refusal);
      const nrPages = PAGES_PER_LEVEL[level];
      return { levels, nrPages, pfn: tablePfn + (vpn % nrPages), faultCode: -1 };
    }
  }

  decodeFault(code: number): Fault {
    return riscvFault(code);
  }

  isContiguous(): boolean {
    return false;
  }

  get cacheHits(): WalkCacheHits {
    const { nrPdeHits, nrPdpteHits, nrPml4eHits } = this.caches;
    return { pde: nrPdeHits, pdpte: nrPdpteHits, pml4e: nrPml4eHits };
  }

  get nrCached(): number {
    return this.caches.nrValid;
  }

  dropPath(vpnLo: number, vpnHi: number, pcid: number): void {
    this.caches.dropPath(vpnLo, vpnHi, pcid);
  }

  flushPcid(pcid: number): void {
    this.caches.flushPcid(pcid);
  }

  flushAll(): void {
    this.caches.flushAll();
  }

  /** Ends a walk at the leaf at word `at`; returns as walk() does. */
  private useLeaf(at: number, level: number, vpnLo: number, isGlobal: number, right: number): number {
    const { words } = this.contents;
    const lo = words[at];
    const hi = words[at + 1];
    const flags = flagsOf(lo, isGlobal);
    const refusal = this.refusal(lo, flags, right);
    if (refusal >= 0) return this.fault(right, refusal);
    const used = lo | (this.rights.sets[right] << 1);
    if (used !== lo) words[at] = used;
    const sizeFlags = level === 1 ? 0 : level === 2 ? PTE_PS : PTE_PS | TLB_ENTRY_1G;
    this.leafFlags = flags | ((used & RISCV_PTE_D) >>> 1) | sizeFlags;
    // Of 512 GiB the piece of 1 GiB that holds the page: page-number bits 18..26.
    this.leafPfn = ((lo >>> 10) | (hi << 22)) + (level === 4 ? vpnLo & 0x7fc0000 : 0);
    this.leafSize = level === 4 ? TLB_1G : level - 1;
    return 0;
  }

  /** Error bits that a well-formed leaf refuses an access with, or -1. */
  private refusal(lo: number, flags: number, right: number): number {
    const { rights } = this;
    if (((flags ^ rights.want[right]) & rights.mask[right]) !== 0) return X86_PF_PROT;
    // A and D are one bit higher than in x86-64.
    if (!this.setsAd && ((rights.sets[right] << 1) & ~lo) !== 0) return X86_PF_PROT;
    return -1;
  }

  /** Contents slot of a table, or NO_SLOT for one without bytes: its entries are not valid. */
  private slotOfTable(pfn: number): number {
    const { slotOf } = this.contents;
    if (pfn >= slotOf.length)
      bug(`a page table is at pfn ${pfn}, and the machine has ${slotOf.length} frames`);
    return slotOf[pfn];
  }

  private fault(right: number, code: number): number {
    this.result = -1 - (this.rights.faultCode[right] | code);
    return this.result;
  }
}

/** Error bits of an entry of `level` that cannot be used, whatever the right; -1 for one that can. */
function problemOf(lo: number, hi: number, level: number): number {
  if ((lo & RISCV_PTE_V) === 0) return 0;
  const reserved = X86_PF_PROT | X86_PF_RSVD;
  if ((hi & HI_RESERVED) !== 0 || (lo & (RISCV_PTE_R | RISCV_PTE_W)) === RISCV_PTE_W) return reserved;
  if ((lo & RISCV_PTE_LEAF) === 0) {
    return level === 1 || (lo & POINTER_RESERVED) !== 0 || (hi & PBMT_BITS) !== 0 ? reserved : -1;
  }
  const pfn = (lo >>> 10) | (hi << 22);
  return (hi & PBMT_BITS) === PBMT_BITS || (pfn & (PAGES_PER_LEVEL[level] - 1)) !== 0 ? reserved : -1;
}

/** A leaf's rights as flags of the TLB. */
function flagsOf(lo: number, isGlobal: number): number {
  return (
    ((lo & RISCV_PTE_R) >>> 1) |
    ((lo & RISCV_PTE_W) >>> 1) |
    ((lo & RISCV_PTE_U) >>> 2) |
    ((lo & RISCV_PTE_X) === 0 ? TLB_ENTRY_NX : 0) |
    (((lo | isGlobal) & RISCV_PTE_G) << 3)
  );
}

function flagText(lo: number): string {
  if ((lo & RISCV_PTE_V) === 0) return "";
  return FLAG_NAMES.filter(([bit]) => (lo & bit) !== 0)
    .map(([, name]) => name)
    .join(" ");
}
