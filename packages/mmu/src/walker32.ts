/**
 * The hardware walk of 32-bit x86: two levels with entries of one word (x86-32), or PAE. Hot: per TLB miss.
 *
 *     x86-32   CR3 → directory, bits 22..31 of the address → page table, bits 12..21         leaves of 4 KiB and 4 MiB
 *     PAE      PDPTE register, bits 30..31 → directory, bits 21..29 → page table, 12..20      leaves of 4 KiB and 2 MiB
 *
 * With PAE the four entries that CR3 points to are read when CR3 is written, into registers, and never by a walk: a change
 * of one is not seen until then. One of them that is present with a reserved bit set makes that write fault (#GP). They
 * narrow no rights and have no accessed bit. x86-32 has no NX; both have no protection keys.
 *
 * CR4.PSE is set, and PSE-36 there: addresses have 40 bits with x86-32, 43 with PAE. A 4 MiB leaf goes into the TLB in pieces
 * of 2 MiB. Directory entries are cached as in x86-64 (walk-caches.ts), by bits 22 up or 21 up of the address.
 * Source: Intel SDM vol. 3A sections 5.3, 5.4, 5.6 to 5.8, 5.10.2.3, 5.10.3.
 */
import {
  NO_PFN,
  PAGE_SIZE,
  PAGE_WORDS,
  PDE32_RESERVED,
  type Pfn,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  pte32Pfn,
  ptePfn,
  PTE_PS,
  PTE_RW,
  PTE_US,
  TLB_2M,
  TLB_4K,
  type Vpn,
  X86_PF_PROT,
  X86_PF_RSVD,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { entryFlags, explainedEntry, faultedWalk } from "./explain.ts";
import { FAULT_GP } from "./fault-code.ts";
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
import { LO_RESERVED_2M } from "./x86-entry.ts";

/** Page-number bits of a 32-bit address. */
const VPN_BITS = 20;
const NR_PDPTES = 4;
const RW_US: number = PTE_RW | PTE_US;
/** Bits 1, 2 and 5 to 8 of a PDPTE; in its high half all above 43 bits of address. */
const PDPTE_LO_RESERVED = 0x1e6;
const PDPTE_HI_RESERVED = ~0x7ff;
/** In the high half of other PAE entries: bits 43 to 62. */
const HI_RESERVED = 0x7ffff800;
/** Walks the tables of 32-bit x86. */
export class Walker32 extends CachedWalker {
  nrReads = 0;
  readonly isPae: boolean;
  readonly nrLevels: number;
  readonly addressBits = 32;
  readonly hasGeneralProtection = true;
  readonly walksBeforeFault = false;
  /** The four PDPTE registers, two halves each. */
  readonly pdptes: Int32Array = new Int32Array(2 * NR_PDPTES);
  private readonly hiReserved: number;
  /** Page-number bits below a directory's index, words of an entry as a shift, and mask of an index. */
  private readonly pageShift: number;
  private readonly entryShift: number;
  private readonly indexMask: number;

  constructor(
    contents: FrameContents,
    rights: RightTable,
    isPae: boolean,
    noExecute: boolean,
    caches: WalkCachesConfig,
  ) {
    super(contents, rights, new WalkCaches(caches));
    this.isPae = isPae;
    this.nrLevels = isPae ? 3 : 2;
    this.pageShift = isPae ? 9 : 10;
    this.entryShift = isPae ? 1 : 0;
    this.indexMask = isPae ? 511 : 1023;
    this.hiReserved = HI_RESERVED | (noExecute ? 0 : PTE_HI_NX);
  }

  /**
   * Reads the PDPTE registers from the table at `rootPfn`, as a write of CR3 does with PAE; nothing without. Returns 0, or
   * -(1 + FAULT_GP) with the registers as they were, when one is present and has a reserved bit set.
   */
  loadPdptes(rootPfn: Pfn): number {
    if (!this.isPae) return 0;
    const { words, slotOf } = this.contents;
    const slot = rootPfn < slotOf.length ? slotOf[rootPfn] : NO_SLOT;
    const base = slot * PAGE_WORDS;
    if (slot === NO_SLOT) {
      this.pdptes.fill(0);
      return 0;
    }
    for (let at = base; at < base + 2 * NR_PDPTES; at += 2) {
      const isReserved = (words[at] & PDPTE_LO_RESERVED) !== 0 || (words[at + 1] & PDPTE_HI_RESERVED) !== 0;
      if ((words[at] & PTE_P) !== 0 && isReserved) return -1 - FAULT_GP;
    }
    for (let word = 0; word < 2 * NR_PDPTES; word++) this.pdptes[word] = words[base + word];
    return 0;
  }

  walk(vpnLo: number, vpnHi: number, right: number): number {
    if (vpnHi !== 0 || vpnLo >>> VPN_BITS !== 0) {
      this.result = -1 - FAULT_GP;
      return this.result;
    }
    const { caches, contents } = this;
    const { rows } = caches;
    const key = vpnLo >>> this.pageShift;
    const keyHi = (this.pcid << WALK_KEY_PCID_SHIFT) | WALK_KEY_VALID;
    const row = (key & caches.pdeMask) * WALK_ROW_WORDS;
    let slot: number;
    let deny: number;
    if (rows[row] === key && rows[row + 1] === keyHi) {
      slot = rows[row + 2];
      deny = rows[row + 3];
      caches.nrPdeHits++;
    } else {
      const directory = this.slotOf(this.directoryPfn(vpnLo));
      if (directory === NO_SLOT) return this.fault(right, 0);
      const at = directory * PAGE_WORDS + ((key & this.indexMask) << this.entryShift);
      const lo = contents.words[at];
      const hi = this.isPae ? contents.words[at + 1] : 0;
      this.nrReads++;
      if ((lo & PTE_P) === 0) return this.fault(right, 0);
      deny = (~lo & RW_US) | (hi & PTE_HI_NX);
      const isLeaf = (lo & PTE_PS) !== 0;
      if (this.isMalformed(lo, hi, isLeaf)) return this.fault(right, X86_PF_PROT | X86_PF_RSVD);
      if (isLeaf) return this.useLeaf(at, deny, right, this.largePfn(lo, hi, vpnLo), TLB_2M, PTE_PS);
      if ((lo & PTE_A) === 0) contents.words[at] = lo | PTE_A;
      slot = this.slotOf(ptePfn(lo, hi));
      if (slot === NO_SLOT) return this.fault(right, 0);
      rows[row] = key;
      rows[row + 1] = keyHi & caches.pdeKeep;
      rows[row + 2] = slot;
      rows[row + 3] = deny;
    }
    const at = slot * PAGE_WORDS + ((vpnLo & this.indexMask) << this.entryShift);
    const lo = contents.words[at];
    const hi = this.isPae ? contents.words[at + 1] : 0;
    this.nrReads++;
    if ((lo & PTE_P) === 0) return this.fault(right, 0);
    if (this.isMalformed(lo, hi, false)) return this.fault(right, X86_PF_PROT | X86_PF_RSVD);
    deny |= (~lo & RW_US) | (hi & PTE_HI_NX);
    return this.useLeaf(at, deny, right, ptePfn(lo, hi), TLB_4K, 0);
  }

  explain(vpn: Vpn, right: number): ExplainedWalk {
    const levels: ExplainedLevel[] = [];
    const kindCode = this.rights.faultCode[right];
    if (vpn >>> VPN_BITS !== 0 || vpn >= 2 ** 32) return faultedWalk(levels, FAULT_GP);
    let tablePfn = this.directoryPfn(vpn);
    if (this.isPae) {
      const index = vpn >>> 18;
      const lo = this.pdptes[2 * index];
      const flags = (lo & PTE_P) === 0 ? "" : "P";
      const entry = explainedEntry(3, this.rootPfn, index, lo, this.pdptes[2 * index + 1], flags);
      levels.push({ ...entry, name: "PGD" });
      if (tablePfn === NO_PFN) return faultedWalk(levels, kindCode);
    }
    let deny = 0;
    for (let level = 2; level >= 1; level--) {
      const index = (level === 2 ? vpn >>> this.pageShift : vpn) & this.indexMask;
      const slot = this.slotOf(tablePfn);
      const at = slot * PAGE_WORDS + (index << this.entryShift);
      const lo = slot === NO_SLOT ? 0 : this.contents.words[at];
      const hi = slot === NO_SLOT || !this.isPae ? 0 : this.contents.words[at + 1];
      const entry = explainedEntry(level, tablePfn, index, lo, hi, entryFlags(lo, hi));
      const name = level === 2 && !this.isPae ? "PGD" : entry.name;
      levels.push({ ...entry, name, paddr: tablePfn * PAGE_SIZE + (index << this.entryShift) * 4 });
      if ((lo & PTE_P) === 0) return faultedWalk(levels, kindCode);
      const isLarge = level === 2 && (lo & PTE_PS) !== 0;
      if (this.isMalformed(lo, hi, isLarge)) return faultedWalk(levels, kindCode | X86_PF_PROT | X86_PF_RSVD);
      deny |= (~lo & RW_US) | (hi & PTE_HI_NX);
      tablePfn = ptePfn(lo, hi);
      if (level === 2 && !isLarge) continue;
      const refusal = this.refusal(deny ^ RW_US, right);
      if (refusal !== 0) return faultedWalk(levels, kindCode | refusal);
      const nrPages = isLarge ? 1 << this.pageShift : 1;
      const pfn = isLarge ? this.largePfn(lo, hi, vpn) + (vpn & 511) : tablePfn;
      return { levels, nrPages, pfn, faultCode: -1 };
    }
    return faultedWalk(levels, kindCode);
  }

  override dropPath(vpnLo: number, _vpnHi: number, pcid: number): void {
    // The key is of the directory's entry, which the caches take to be of 512 pages.
    this.caches.dropPath((vpnLo >>> this.pageShift) << 9, 0, pcid);
  }

  /** Frame of the directory for a page; NO_PFN when its PDPTE register is not present. */
  private directoryPfn(vpn: number): Pfn {
    if (!this.isPae) return this.rootPfn;
    const at = 2 * (vpn >>> 18);
    return (this.pdptes[at] & PTE_P) === 0 ? NO_PFN : ptePfn(this.pdptes[at], this.pdptes[at + 1]);
  }

  /** First frame of the 2 MiB around a page in a large leaf: a 4 MiB leaf has two of them. */
  private largePfn(lo: number, hi: number, vpn: number): Pfn {
    return this.isPae ? ptePfn(lo, hi) & ~1 : pte32Pfn(lo, 2) + (vpn & 512);
  }

  private isMalformed(lo: number, hi: number, isLarge: boolean): boolean {
    if (!this.isPae) return isLarge && (lo & PDE32_RESERVED) !== 0;
    return (hi & this.hiReserved) !== 0 || (isLarge && (lo & LO_RESERVED_2M) !== 0);
  }

  /** Ends a walk at the leaf at word `at`; returns as walk() does. */
  private useLeaf(
    at: number,
    deny: number,
    right: number,
    pfn: Pfn,
    pageSize: number,
    sizeFlags: number,
  ): number {
    const flags = deny ^ RW_US;
    const refusal = this.refusal(flags, right);
    if (refusal !== 0) return this.fault(right, refusal);
    const { words } = this.contents;
    const lo = words[at];
    const used = lo | this.rights.sets[right];
    if (used !== lo) words[at] = used;
    this.leafFlags = flags | (used & (PTE_D | PTE_G)) | sizeFlags;
    this.leafPfn = pfn;
    this.leafSize = pageSize;
    return 0;
  }
}
