/**
 * The hardware walk of a radix page table in simulated RAM, with its paging-structure caches. Hot: per TLB miss.
 *
 * Every level narrows the rights: RW and US of all levels are AND-ed, NX is OR-ed. `deny` collects it with one OR a level:
 * PTE_RW and PTE_US are set where a level lacks them, bit 31 where one has NX. The accessed bit is set at every level that
 * is used; a cached level has it already, and is not read again.
 *
 * walk() is straight code from the cached entry down, because the processor that runs it overlaps the memory accesses of
 * one walk with the next only when few instructions lie between them [a loop over levels: a tenth slower].
 * Source: Intel SDM vol. 3A sections 5.5 (4-level and 5-level paging), 5.6 to 5.8, 5.10.3. Differs: physical addresses have
 * 43 bits, so that a frame number fits int32.
 */
import {
  bug,
  type CompiledWalker,
  EINVAL,
  KernelError,
  PAGE_SHIFT,
  PAGE_WORDS,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_HI_PKEY_SHIFT,
  PTE_P,
  PTE_PS,
  PTE_RW,
  PTE_US,
  TLB_1G,
  TLB_2M,
  TLB_4K,
  TLB_ENTRY_1G,
  type Vpn,
  X86_PF_PROT,
  X86_PF_RSVD,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { CompiledWalk, type WalkerFields } from "./compiled-walk.ts";
import { explainWalk } from "./explain.ts";
import { FAULT_GP } from "./fault-code.ts";
import { type ExplainedWalk } from "./hardware-walker.ts";
import { FLAGS_PKEY_MASK, FLAGS_PKEY_SHIFT, type RightTable } from "./rights.ts";
import { CachedWalker } from "./table-walker.ts";
import {
  WALK_KEY_PCID_SHIFT,
  WALK_KEY_VALID,
  WALK_ROW_WORDS,
  WalkCaches,
  type WalkCachesConfig,
} from "./walk-caches.ts";
import { hiReservedOf, LO_RESERVED_1G, LO_RESERVED_2M } from "./x86-entry.ts";

const RW_US: number = PTE_RW | PTE_US;
const D_G: number = PTE_D | PTE_G;
/** From the place of the protection key in an entry's high half to its place in the flags. */
const PKEY_SHIFT: number = PTE_HI_PKEY_SHIFT - FLAGS_PKEY_SHIFT;
/** Bits 9..11 and 52..58 of an entry, which the processor ignores. */
const SOFTWARE_LO = 0xe00;
const SOFTWARE_HI = 0x7f00000;

/** There is no table further down: the walk has ended, and `result` says how. */
const WALK_ENDED = -1;
const INDEX_MASK = 511;
/** Walks the table that `rootPfn` names. A walk leaves what it found in the leaf fields. */
export class PageWalker extends CachedWalker implements WalkerFields {
  /** Entries read from simulated RAM. */
  nrReads = 0;
  readonly nrLevels: number;
  readonly addressBits: number;
  readonly hasGeneralProtection = true;
  readonly walksBeforeFault = false;
  private readonly hiReserved: number;
  /** `vpnHi` shifted right by this is 0 for a page that the table can translate. */
  private readonly limitShift: number;
  private readonly compiledWalk: CompiledWalk | null;
  /** Rights taken away above the table that walkAbove() found. */
  private denyAbove = 0;

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
    super(contents, rights, new WalkCaches(caches, contents.compiledArena));
    this.nrLevels = levels;
    this.addressBits = PAGE_SHIFT + 9 * levels;
    this.limitShift = 9 * levels - 32;
    this.hiReserved = hiReservedOf(noExecute);
    this.compiledWalk = CompiledWalk.create(contents, this, levels, this.hiReserved, this.limitShift);
  }

  get compiled(): CompiledWalker | null {
    return this.compiledWalk?.isUsable === true ? this.compiledWalk : null;
  }

  get cacheTag(): number {
    return (this.pcid << WALK_KEY_PCID_SHIFT) | WALK_KEY_VALID;
  }

  /**
   * Finds the leaf for a page, checks the right, sets A, and D for a write. Returns 0 with the leaf fields set, or
   * -(1 + page-fault error code).
   */
  walk(vpnLo: number, vpnHi: number, right: number): number {
    const { caches, hiReserved, rights } = this;
    const { words } = this.contents;
    const { rows } = caches;
    const tag = (this.pcid << WALK_KEY_PCID_SHIFT) | WALK_KEY_VALID;
    const key = (vpnLo >>> 9) | (vpnHi << 23);
    const keyHi = (vpnHi >>> 9) | tag;
    const row = (key & caches.pdeMask) * WALK_ROW_WORDS;
    let slot: number;
    let deny: number;
    let at: number;
    let lo: number;
    let hi: number;
    if (rows[row] === key && rows[row + 1] === keyHi) {
      slot = rows[row + 2];
      deny = rows[row + 3];
      caches.nrPdeHits++;
    } else {
      slot = this.walkAbove(vpnLo, vpnHi, tag, right);
      if (slot === WALK_ENDED) return this.result;
      at = slot * PAGE_WORDS + (key & INDEX_MASK) * 2;
      lo = words[at];
      hi = words[at + 1];
      deny = this.denyAbove | (~lo & RW_US) | (hi & PTE_HI_NX);
      this.nrReads++;
      if ((lo & (PTE_P | PTE_PS | PTE_A)) !== (PTE_P | PTE_A) || (hi & hiReserved) !== 0) {
        if ((lo & (PTE_P | PTE_PS)) === (PTE_P | PTE_PS)) {
          return this.useLargeLeaf(at, deny, right, TLB_2M, PTE_PS, LO_RESERVED_2M);
        }
        if (!this.useTable(at, right)) return this.result;
      }
      slot = this.slotOfTable((lo >>> 12) | (hi << 20), right);
      if (slot === WALK_ENDED) return this.result;
      rows[row] = key;
      rows[row + 1] = keyHi & caches.pdeKeep;
      rows[row + 2] = slot;
      rows[row + 3] = deny;
    }
    at = slot * PAGE_WORDS + (vpnLo & INDEX_MASK) * 2;
    lo = words[at];
    hi = words[at + 1];
    this.nrReads++;
    if ((lo & PTE_P) === 0) return this.fault(right, 0);
    if ((hi & hiReserved) !== 0) return this.fault(right, X86_PF_PROT | X86_PF_RSVD);
    const flags =
      ((deny | (~lo & RW_US) | (hi & PTE_HI_NX)) ^ RW_US) | ((hi >>> PKEY_SHIFT) & FLAGS_PKEY_MASK);
    if (((flags ^ rights.want[right]) & rights.mask[right]) !== 0) {
      const refusal = rights.refusal(flags, right);
      if (refusal !== 0) return this.fault(right, refusal);
    }
    const used = lo | rights.sets[right];
    if (used !== lo) words[at] = used;
    this.leafFlags = flags | (used & D_G);
    this.leafPfn = (lo >>> 12) | (hi << 20);
    this.leafSize = TLB_4K;
    return 0;
  }

  explain(vpn: Vpn, right: number): ExplainedWalk {
    return explainWalk(this.contents, this.rights, this.hiReserved, this.nrLevels, this.rootPfn, vpn, right);
  }

  /**
   * Reads the entries beside a 4 KiB leaf that walk() has just found; they lie in one cache line with it, so this counts no
   * reads. Bits that only software uses may differ.
   */
  override isContiguous(vpnLo: number, vpnHi: number, nrPages: number): boolean {
    const { rows, pdeMask } = this.caches;
    const { words } = this.contents;
    const key = (vpnLo >>> 9) | (vpnHi << 23);
    const table = rows[(key & pdeMask) * WALK_ROW_WORDS + 2] * PAGE_WORDS;
    const first = table + (vpnLo & INDEX_MASK & -nrPages) * 2;
    const lo = words[first] & ~SOFTWARE_LO;
    const hi = words[first + 1] & ~SOFTWARE_HI;
    const pfn = (lo >>> 12) | (hi << 20);
    if ((lo & (PTE_P | PTE_A)) !== (PTE_P | PTE_A) || (pfn & (nrPages - 1)) !== 0) return false;
    for (let page = 1; page < nrPages; page++) {
      const at = first + 2 * page;
      // The group's first frame is aligned, so its number takes the addition without a carry into the high half.
      if ((words[at] & ~SOFTWARE_LO) !== lo + (page << 12)) return false;
      if ((words[at + 1] & ~SOFTWARE_HI) !== hi) return false;
    }
    return true;
  }

  /**
   * Slot of the PMD table for a page, with its `denyAbove`; or WALK_ENDED with a `result`: a fault, or 0 for a 1 GiB
   * leaf.
   */
  private walkAbove(vpnLo: number, vpnHi: number, tag: number, right: number): number {
    const { caches } = this;
    const { words } = this.contents;
    const { rows } = caches;
    const pdpteKey = (vpnLo >>> 18) | (vpnHi << 14);
    const pdpteRow = caches.pdpteFirst + (pdpteKey & caches.pdpteMask) * WALK_ROW_WORDS;
    if (rows[pdpteRow] === pdpteKey && rows[pdpteRow + 1] === tag) {
      caches.nrPdpteHits++;
      this.denyAbove = rows[pdpteRow + 3];
      return rows[pdpteRow + 2];
    }
    const pml4eKey = (vpnLo >>> 27) | (vpnHi << 5);
    const pml4eRow = caches.pml4eFirst + (pml4eKey & caches.pml4eMask) * WALK_ROW_WORDS;
    let level: number;
    let slot: number;
    let deny: number;
    if (rows[pml4eRow] === pml4eKey && rows[pml4eRow + 1] === tag) {
      caches.nrPml4eHits++;
      level = 3;
      slot = rows[pml4eRow + 2];
      deny = rows[pml4eRow + 3];
    } else {
      if (vpnHi >>> this.limitShift !== 0) {
        this.result = -1 - FAULT_GP;
        return WALK_ENDED;
      }
      level = this.nrLevels;
      slot = this.slotOfTable(this.rootPfn, right);
      deny = 0;
    }
    for (; level >= 3 && slot !== WALK_ENDED; level--) {
      const index = level === 3 ? pdpteKey : level === 4 ? pml4eKey : vpnHi >>> 4;
      const at = slot * PAGE_WORDS + (index & INDEX_MASK) * 2;
      const lo = words[at];
      const hi = words[at + 1];
      this.nrReads++;
      deny |= (~lo & RW_US) | (hi & PTE_HI_NX);
      if (level === 3 && (lo & (PTE_P | PTE_PS)) === (PTE_P | PTE_PS)) {
        this.result = this.useLargeLeaf(at, deny, right, TLB_1G, PTE_PS | TLB_ENTRY_1G, LO_RESERVED_1G);
        return WALK_ENDED;
      }
      if (!this.useTable(at, right)) return WALK_ENDED;
      slot = this.slotOfTable((lo >>> 12) | (hi << 20), right);
      if (level === 5 || slot === WALK_ENDED) continue;
      const row = level === 4 ? pml4eRow : pdpteRow;
      rows[row] = level === 4 ? pml4eKey : pdpteKey;
      rows[row + 1] = tag & (level === 4 ? caches.pml4eKeep : caches.pdpteKeep);
      rows[row + 2] = slot;
      rows[row + 3] = deny;
    }
    this.denyAbove = deny;
    return slot;
  }

  /** Checks the entry at word `at`, which points to a table, and sets A. False with a `result` when it faults. */
  private useTable(at: number, right: number): boolean {
    const { words } = this.contents;
    const lo = words[at];
    if ((lo & PTE_P) === 0) {
      this.fault(right, 0);
      return false;
    }
    if ((lo & PTE_PS) !== 0 || (words[at + 1] & this.hiReserved) !== 0) {
      this.fault(right, X86_PF_PROT | X86_PF_RSVD);
      return false;
    }
    if ((lo & PTE_A) === 0) words[at] = lo | PTE_A;
    return true;
  }

  /** Ends a walk at the 2 MiB or 1 GiB leaf at word `at`; returns as walk() does. */
  private useLargeLeaf(
    at: number,
    deny: number,
    right: number,
    pageSize: number,
    sizeFlags: number,
    loReserved: number,
  ): number {
    const { rights } = this;
    const { words } = this.contents;
    const lo = words[at];
    const hi = words[at + 1];
    if ((hi & this.hiReserved) !== 0 || (lo & loReserved) !== 0) {
      return this.fault(right, X86_PF_PROT | X86_PF_RSVD);
    }
    const flags = (deny ^ RW_US) | ((hi >>> PKEY_SHIFT) & FLAGS_PKEY_MASK);
    if (((flags ^ rights.want[right]) & rights.mask[right]) !== 0) {
      const refusal = rights.refusal(flags, right);
      if (refusal !== 0) return this.fault(right, refusal);
    }
    const used = lo | rights.sets[right];
    if (used !== lo) words[at] = used;
    this.leafFlags = flags | (used & D_G) | sizeFlags;
    // Bit 12 of the entry is the page's PAT bit, not bit 0 of its frame number.
    this.leafPfn = ((lo >>> 12) | (hi << 20)) & ~1;
    this.leafSize = pageSize;
    return 0;
  }

  /**
   * Contents slot of a table, or WALK_ENDED with a `result`: a table without bytes reads as zeros, so its entries are not
   * present.
   */
  private slotOfTable(pfn: number, right: number): number {
    const { slotOf } = this.contents;
    if (pfn >= slotOf.length)
      bug(`a page table is at pfn ${pfn}, and the machine has ${slotOf.length} frames`);
    const slot = slotOf[pfn];
    if (slot !== NO_SLOT) return slot;
    this.fault(right, 0);
    return WALK_ENDED;
  }
}
