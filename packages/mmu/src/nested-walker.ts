/**
 * The two-dimensional walk: x86-64 tables of a guest that lie in guest-physical memory, each address of which EPT translates.
 * Hot: per TLB miss.
 *
 *     guest CR3 → EPT → PGD entry → EPT → PUD entry → EPT → PMD entry → EPT → PTE → EPT → host frame
 *
 * So four levels over four read 4 * (4 + 1) + 4 = 24 entries. The caches of guest entries name host tables (combined mappings)
 * and save both dimensions; the nested cache of ept.ts saves the second alone. The TLB gets the smaller of the two pages, with
 * the rights of both; because it does not tell whose right is missing, a hit that lacks one walks again, and the walk says
 * whether the guest faults or the host is called.
 *
 * The guest's own fault comes first: EPT is asked about the page itself only when the guest's rights allow the access. With
 * EPT's A and D enabled a read of a guest entry needs EPT's W; without, only setting A or D in it does.
 * Source: Intel SDM vol. 3C sections 30.3, 30.4; Bhargava et al. 2008, "Accelerating Two-Dimensional Page Walks for
 * Virtualized Systems". Differs: no VPIDs, one guest a CPU.
 */
import {
  bug,
  EINVAL,
  KernelError,
  NO_PFN,
  PAGE_SHIFT,
  PAGE_WORDS,
  PAGES_PER_LEVEL,
  type Pfn,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_PS,
  PTE_RW,
  PTE_US,
  ptePkey,
  RUN_EXEC,
  RUN_WRITE,
  type Vpn,
  vpnHi as highOf,
  vpnLo as lowOf,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { type Ept, EPT_D, EPT_R, EPT_W, EPT_X, eptViolation } from "./ept.ts";
import { entryFlags, explainedEntry, faultedWalk, tableName } from "./explain.ts";
import { FAULT_GP } from "./fault-code.ts";
import { type ExplainedLevel, type ExplainedWalk } from "./hardware-walker.ts";
import { FLAGS_PKEY_SHIFT, RIGHT_KIND_MASK, type RightTable } from "./rights.ts";
import { CachedWalker } from "./table-walker.ts";
import {
  WALK_KEY_PCID_SHIFT,
  WALK_KEY_VALID,
  WALK_ROW_WORDS,
  WalkCaches,
  type WalkCachesConfig,
} from "./walk-caches.ts";
import { entryProblem, hiReservedOf, leafFrame, sizeFlagsOf } from "./x86-entry.ts";

const RW_US: number = PTE_RW | PTE_US;
const INDEX_MASK = 511;
/** Walks the guest's table whose root is at guest frame `rootPfn`. */
export class NestedWalker extends CachedWalker {
  /** Guest frame of the last walk that ended in a VM exit (guest-physical address of the VMCS). */
  faultGuestPfn: Pfn = NO_PFN;
  readonly nrLevels: number;
  readonly addressBits: number;
  readonly hasGeneralProtection = true;
  readonly walksBeforeFault = true;
  readonly ept: Ept;
  private nrGuestReads = 0;
  private readonly hiReserved: number;
  /** The table that is read next: guest frame, contents slot, what EPT allows the guest there. */
  private tableGfn: Pfn = NO_PFN;
  private tableSlot: number = NO_SLOT;
  private tableRights = 0;
  /** Rights taken away above the table that findCached() found. */
  private cachedDeny = 0;

  constructor(
    contents: FrameContents,
    rights: RightTable,
    noExecute: boolean,
    levels: number,
    caches: WalkCachesConfig,
    ept: Ept,
  ) {
    if (levels !== 4 && levels !== 5) {
      throw new KernelError(EINVAL, `a page table of ${levels} levels: x86-64 has 4 or 5`);
    }
    super(contents, rights, new WalkCaches(caches));
    this.nrLevels = levels;
    this.addressBits = PAGE_SHIFT + 9 * levels;
    this.hiReserved = hiReservedOf(noExecute);
    this.ept = ept;
  }

  /** Entries read in both dimensions. */
  get nrReads(): number {
    return this.nrGuestReads + this.ept.nrReads;
  }

  walk(vpnLo: number, vpnHi: number, right: number): number {
    this.result = this.run(vpnLo, vpnHi, right, null);
    return this.result;
  }

  /** Lists guest and EPT entries in the order in which a walk without caches reads them. */
  explain(vpn: Vpn, right: number): ExplainedWalk {
    const levels: ExplainedLevel[] = [];
    const { leafPfn, leafFlags, leafSize, faultGuestPfn } = this;
    const result = this.run(lowOf(vpn), highOf(vpn), right, levels);
    const nrPages = PAGES_PER_LEVEL[this.leafSize + 1];
    const walk =
      result === 0
        ? { levels, nrPages, pfn: this.leafPfn + (vpn % nrPages), faultCode: -1 }
        : faultedWalk(levels, -1 - result);
    this.leafPfn = leafPfn;
    this.leafFlags = leafFlags;
    this.leafSize = leafSize;
    this.faultGuestPfn = faultGuestPfn;
    return walk;
  }

  /** One walk; with `steps` a dry one, that lists what it reads and uses no cache. Returns as walk() does. */
  private run(vpnLo: number, vpnHi: number, right: number, steps: ExplainedLevel[] | null): number {
    const { nrLevels, rights } = this;
    const { words } = this.contents;
    if (vpnHi >>> (9 * nrLevels - 32) !== 0) return -1 - FAULT_GP;
    let level = steps === null ? this.findCached(vpnLo, vpnHi) : 0;
    let deny = level === 0 ? 0 : this.cachedDeny;
    if (level === 0) {
      const exit = this.enterTable(this.rootPfn, steps);
      if (exit !== 0) return exit;
      level = nrLevels;
    }
    for (; ; level--) {
      const slot = this.tableSlot;
      const index = indexAt(level, vpnLo, vpnHi);
      const at = slot * PAGE_WORDS + 2 * index;
      // A table in a host frame without bytes reads as zeros.
      const lo = slot === NO_SLOT ? 0 : words[at];
      const hi = slot === NO_SLOT ? 0 : words[at + 1];
      if (steps === null) this.nrGuestReads++;
      else {
        const entry = explainedEntry(level, this.tableGfn, index, lo, hi, entryFlags(lo, hi));
        steps.push({ ...entry, name: tableName(level, nrLevels) });
      }
      const isLeaf = level === 1 || (level <= 3 && (lo & PTE_PS) !== 0);
      const problem = entryProblem(lo, hi, level, isLeaf, this.hiReserved);
      if (problem >= 0) return -1 - (rights.faultCode[right] | problem);
      deny |= (~lo & RW_US) | (hi & PTE_HI_NX);
      if (isLeaf) return this.useLeaf(at, level, deny, vpnLo, right, steps);
      const exit = this.setBits(at, lo | PTE_A, steps) || this.enterTable((lo >>> 12) | (hi << 20), steps);
      if (exit !== 0) return exit;
      if (steps === null) this.cacheTable(level, vpnLo, vpnHi, deny);
    }
  }

  /** Ends a walk at the guest's leaf at word `at`. */
  private useLeaf(
    at: number,
    level: number,
    deny: number,
    vpnLo: number,
    right: number,
    steps: ExplainedLevel[] | null,
  ): number {
    const { ept, rights } = this;
    const { words } = this.contents;
    const lo = words[at];
    const hi = words[at + 1];
    let flags = (deny ^ RW_US) | (ptePkey(hi) << FLAGS_PKEY_SHIFT);
    const refusal = this.refusal(flags, right);
    if (refusal !== 0) return -1 - (rights.faultCode[right] | refusal);
    const nrPages = PAGES_PER_LEVEL[level];
    const gfn = leafFrame(lo, hi, level) + (vpnLo & (nrPages - 1));
    const kind = right & RIGHT_KIND_MASK;
    const access = kind === RUN_EXEC ? EPT_X : kind === RUN_WRITE ? EPT_W : EPT_R;
    const code = ept.translate(gfn, access, true, steps);
    if (code !== 0) return this.exit(code, gfn);
    const used = lo | rights.sets[right];
    const exit = this.setBits(at, used, steps);
    if (exit !== 0) return exit;
    const size = Math.min(level, ept.level);
    if ((ept.rights & EPT_W) === 0) flags &= ~PTE_RW;
    if ((ept.rights & EPT_X) === 0) flags |= PTE_HI_NX;
    const isDirty = !ept.hasAccessedDirty || (ept.dirty & EPT_D) !== 0;
    this.leafFlags = flags | (used & (isDirty ? PTE_D | PTE_G : PTE_G)) | sizeFlagsOf(size);
    this.leafPfn = ept.hostPfn - (gfn & (PAGES_PER_LEVEL[size] - 1));
    this.leafSize = size - 1;
    return 0;
  }

  /** Translates the guest frame of a table and makes that the table to read next. Returns 0 or a VM exit. */
  private enterTable(gfn: number, steps: ExplainedLevel[] | null): number {
    const { ept } = this;
    const code = ept.translate(gfn, ept.hasAccessedDirty ? EPT_R | EPT_W : EPT_R, false, steps);
    if (code !== 0) return this.exit(code, gfn);
    const { slotOf } = this.contents;
    if (ept.hostPfn >= slotOf.length)
      bug(`a guest's page table is at pfn ${ept.hostPfn}, and the machine has ${slotOf.length} frames`);
    this.tableGfn = gfn;
    this.tableSlot = slotOf[ept.hostPfn];
    this.tableRights = ept.rights;
    return 0;
  }

  /** Writes A and D into the entry at word `at` of the current table, if EPT lets the guest. Returns 0 or a VM exit. */
  private setBits(at: number, used: number, steps: ExplainedLevel[] | null): number {
    const { words } = this.contents;
    if (used === words[at]) return 0;
    if ((this.tableRights & EPT_W) === 0) {
      return this.exit(eptViolation(EPT_W, this.tableRights, false), this.tableGfn);
    }
    if (steps === null) words[at] = used;
    return 0;
  }

  private exit(code: number, gfn: number): number {
    this.faultGuestPfn = gfn;
    return -1 - code;
  }

  /** Goes to the lowest table that is cached for a page; returns its level, or 0. */
  private findCached(vpnLo: number, vpnHi: number): number {
    for (let level = 1; level <= 3; level++) {
      const row = this.rowOf(level, vpnLo, vpnHi);
      const { rows } = this.caches;
      if (rows[row] !== keyAt(level, vpnLo, vpnHi) || rows[row + 1] !== this.tagAt(level, vpnHi)) continue;
      if (level === 1) this.caches.nrPdeHits++;
      else if (level === 2) this.caches.nrPdpteHits++;
      else this.caches.nrPml4eHits++;
      this.tableSlot = rows[row + 2];
      this.cachedDeny = rows[row + 3];
      this.tableRights = EPT_W;
      return level;
    }
    return 0;
  }

  /** Caches that the entry of `level` leads to the current table; not one that EPT lets the guest only read. */
  private cacheTable(level: number, vpnLo: number, vpnHi: number, deny: number): void {
    if (level > 4 || this.tableSlot === NO_SLOT || (this.tableRights & EPT_W) === 0) return;
    const { caches } = this;
    const { rows } = caches;
    const row = this.rowOf(level - 1, vpnLo, vpnHi);
    const keep = level === 2 ? caches.pdeKeep : level === 3 ? caches.pdpteKeep : caches.pml4eKeep;
    rows[row] = keyAt(level - 1, vpnLo, vpnHi);
    rows[row + 1] = this.tagAt(level - 1, vpnHi) & keep;
    rows[row + 2] = this.tableSlot;
    rows[row + 3] = deny;
  }

  /** Row of the cache that leads to the table of `level`. */
  private rowOf(level: number, vpnLo: number, vpnHi: number): number {
    const { caches } = this;
    const key = keyAt(level, vpnLo, vpnHi);
    if (level === 1) return (key & caches.pdeMask) * WALK_ROW_WORDS;
    return level === 2
      ? caches.pdpteFirst + (key & caches.pdpteMask) * WALK_ROW_WORDS
      : caches.pml4eFirst + (key & caches.pml4eMask) * WALK_ROW_WORDS;
  }

  private tagAt(level: number, vpnHi: number): number {
    return (level === 1 ? vpnHi >>> 9 : 0) | (this.pcid << WALK_KEY_PCID_SHIFT) | WALK_KEY_VALID;
  }
}

/** Low 32 bits of the part of a page number that selects the table of `level` (1..3). */
function keyAt(level: number, vpnLo: number, vpnHi: number): number {
  return (vpnLo >>> (9 * level)) | (vpnHi << (32 - 9 * level));
}

/** Index into the table of `level` (1..5). */
function indexAt(level: number, vpnLo: number, vpnHi: number): number {
  const part = level === 1 ? vpnLo : level === 5 ? vpnHi >>> 4 : keyAt(level - 1, vpnLo, vpnHi);
  return part & INDEX_MASK;
}
