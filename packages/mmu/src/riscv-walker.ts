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
  namesOfBits,
  PAGE_SHIFT,
  PAGE_WORDS,
  PAGES_PER_LEVEL,
  RISCV_FLAG_NAMES,
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
  TLB_ENTRY_NX,
  type Vpn,
  vpnIndex,
  X86_PF_PROT,
  X86_PF_RSVD,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { explainedEntry, faultedWalk, joinedEntry, tableName } from "./explain.ts";
import { type Fault, riscvFault } from "./fault-code.ts";
import { type ExplainedLevel, type ExplainedWalk } from "./hardware-walker.ts";
import { type RightTable } from "./rights.ts";
import { CachedWalker } from "./table-walker.ts";
import {
  WALK_KEY_PCID_SHIFT,
  WALK_KEY_VALID,
  WALK_ROW_WORDS,
  WalkCaches,
  type WalkCachesConfig,
} from "./walk-caches.ts";
import { sizeFlagsOf } from "./x86-entry.ts";

const INDEX_MASK = 511;
/** Reserved in every entry: bits 54..58, N (63) without Svnapot, and frame-number bits above 43 bits of address. */
const HI_RESERVED: number = (0x1f << 22) | (1 << 31) | 0x3ffe00;
const PBMT_BITS: number = RISCV_PTE_HI_NC | RISCV_PTE_HI_IO;
/** Must be clear in a pointer. */
const POINTER_RESERVED: number = RISCV_PTE_U | RISCV_PTE_A | RISCV_PTE_D;

/** Walks the table of three (Sv39) or four (Sv48) levels that `rootPfn` names. */
export class RiscvWalker extends CachedWalker {
  nrReads = 0;
  readonly nrLevels: number;
  readonly addressBits: number;
  readonly hasGeneralProtection = false;
  readonly walksBeforeFault = false;
  /** Does the walker set A and D (Svadu)? */
  private readonly setsAd: boolean;

  constructor(
    contents: FrameContents,
    rights: RightTable,
    setsAd: boolean,
    nrLevels: 3 | 4,
    caches: WalkCachesConfig,
  ) {
    super(contents, rights, new WalkCaches(nrLevels === 4 ? caches : { ...caches, pml4e: 0 }));
    this.setsAd = setsAd;
    this.nrLevels = nrLevels;
    this.addressBits = PAGE_SHIFT + 9 * nrLevels;
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
      slot = this.slotOf(this.rootPfn);
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
      slot = this.slotOf((lo >>> 10) | (hi << 22));
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
    const { words } = this.contents;
    const levels: ExplainedLevel[] = [];
    const kindCode = this.rights.faultCode[right];
    if (vpn >= PAGES_PER_LEVEL[this.nrLevels + 1]) return faultedWalk(levels, kindCode);
    let tablePfn = this.rootPfn;
    let isGlobal = 0;
    for (let level = this.nrLevels; ; level--) {
      const index = vpnIndex(vpn, level);
      const slot = this.slotOf(tablePfn);
      const at = slot * PAGE_WORDS + index * 2;
      const lo = slot === NO_SLOT ? 0 : words[at];
      const hi = slot === NO_SLOT ? 0 : words[at + 1];
      const name = tableName(level, this.nrLevels);
      const canonical = joinedEntry(riscvToCanonicalLo(lo, hi, level), riscvToCanonicalHi(lo, hi));
      levels.push({ ...explainedEntry(level, tablePfn, index, lo, hi, flagText(lo)), name, canonical });
      const problem = problemOf(lo, hi, level);
      if (problem >= 0) return faultedWalk(levels, kindCode | problem);
      tablePfn = (lo >>> 10) | (hi << 22);
      isGlobal |= lo & RISCV_PTE_G;
      if ((lo & RISCV_PTE_LEAF) === 0) continue;
      const refused = this.leafProblem(lo, flagsOf(lo, isGlobal), right);
      if (refused >= 0) return faultedWalk(levels, kindCode | refused);
      const nrPages = PAGES_PER_LEVEL[level];
      return { levels, nrPages, pfn: tablePfn + (vpn % nrPages), faultCode: -1 };
    }
  }

  override decodeFault(code: number): Fault {
    return riscvFault(code);
  }

  /** Ends a walk at the leaf at word `at`; returns as walk() does. */
  private useLeaf(at: number, level: number, vpnLo: number, isGlobal: number, right: number): number {
    const { words } = this.contents;
    const lo = words[at];
    const hi = words[at + 1];
    const flags = flagsOf(lo, isGlobal);
    const problem = this.leafProblem(lo, flags, right);
    if (problem >= 0) return this.fault(right, problem);
    const used = lo | (this.rights.sets[right] << 1);
    if (used !== lo) words[at] = used;
    this.leafFlags = flags | ((used & RISCV_PTE_D) >>> 1) | sizeFlagsOf(level);
    // Of 512 GiB the piece of 1 GiB that holds the page: page-number bits 18..26.
    this.leafPfn = ((lo >>> 10) | (hi << 22)) + (level === 4 ? vpnLo & 0x7fc0000 : 0);
    this.leafSize = level === 4 ? TLB_1G : level - 1;
    return 0;
  }

  /** Error bits that a well-formed leaf refuses an access with, or -1. */
  private leafProblem(lo: number, flags: number, right: number): number {
    const { rights } = this;
    if (((flags ^ rights.want[right]) & rights.mask[right]) !== 0) return X86_PF_PROT;
    // A and D are one bit higher than in x86-64.
    if (!this.setsAd && ((rights.sets[right] << 1) & ~lo) !== 0) return X86_PF_PROT;
    return -1;
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
  return namesOfBits(RISCV_FLAG_NAMES, lo).join(" ");
}
