/**
 * Extended page tables: what translates the physical addresses of a guest. Hot: up to five times a nested walk.
 *
 *     lo bit 0 R  readable      lo bits 3..5 memory type of a leaf      lo bit 8 A  accessed, if enabled (EPTP bit 6)
 *            1 W  writable           6    ignore the guest's PAT             9 D  dirty, in a leaf
 *            2 X  executable         7    leaf at PDE and PDPTE         12..30 and hi 0..11: host frame
 *
 * An entry is present when any of R, W, X is set. The rights of all levels are AND-ed. What the guest may not do is an EPT
 * violation, an entry that means nothing is an EPT misconfiguration; both are VM exits, the host's business, no faults of the
 * guest. Four levels, leaves of 4 KiB, 2 MiB and 1 GiB.
 *
 * The nested cache (AMD's nested TLB, Intel's guest-physical mappings) is direct-mapped by guest frame, a row of three words:
 *
 *     guest frame + 1, 0 when empty | host frame | bits 0..2 rights, 4..5 level of the leaf, 9 its D
 *
 * Source: Intel SDM vol. 3C sections 30.3.2 (translation, tables 30-1 to 30-7), 30.3.3 (violations, misconfigurations), 30.3.5
 * (A and D), 30.4 (caches), table 29-7 (exit qualification); Linux 6.18 arch/x86/include/uapi/asm/vmx.h. Differs: no
 * execute-only translations (IA32_VMX_EPT_VPID_CAP bit 0 clear), no mode-based execution, no sub-page rights; host frames have
 * 31 bits.
 */
import {
  type BitNames,
  bug,
  EINVAL,
  KernelError,
  namesOfBits,
  NO_PFN,
  PAGE_WORDS,
  type Pfn,
} from "@pageframe/contracts";
import { type FrameContents, NO_SLOT } from "@pageframe/memmap";
import { type EptConfig } from "./ept-config.ts";
import { EXIT_EPT_MISCONFIG, EXIT_EPT_VIOLATION } from "./fault-code.ts";
import { explainedEntry } from "./explain.ts";
import { type ExplainedLevel } from "./hardware-walker.ts";

export const EPT_R: number = 1 << 0;
export const EPT_W: number = 1 << 1;
export const EPT_X: number = 1 << 2;
const EPT_RWX: number = EPT_R | EPT_W | EPT_X;
const EPT_LARGE: number = 1 << 7;
const EPT_A: number = 1 << 8;
export const EPT_D: number = 1 << 9;
const FLAG_NAMES: BitNames = [
  [EPT_R, "R"],
  [EPT_W, "W"],
  [EPT_X, "X"],
  [EPT_LARGE, "PS"],
  [EPT_A, "A"],
  [EPT_D, "D"],
];
const EPT_LEVELS = 4;
/** Memory types that do not exist: 2, 3 and 7. */
const BAD_TYPES: number = (1 << 2) | (1 << 3) | (1 << 7);
/** Frame-number bits 31..39, above the 43 bits of a host address. */
const HI_RESERVED = 0xff800;
/** Address bits of a large leaf's own size, by level. */
const LO_RESERVED: readonly number[] = [0, 0, 0x1ff000, 0x3ffff000];
/** Of a pointer, bits 3 to 6 are reserved; in the top table bit 7 too. */
const POINTER_RESERVED = 0x78;
/** Exit qualification: the guest's linear address is valid; the access was to its translation, not of the walk. */
const QUAL_LINEAR_VALID: number = 1 << 7;
const QUAL_TRANSLATED: number = 1 << 8;
const ROW_WORDS = 3;
const INFO_LEVEL_SHIFT = 4;
const NAMES: readonly string[] = ["", "EPT PTE", "EPT PDE", "EPT PDPTE", "EPT PML4E"];

/** The second dimension of a nested walk. */
export class Ept {
  readonly rootPfn: Pfn;
  readonly hasAccessedDirty: boolean;
  /** Entries read, and look-ups that the nested cache answered. */
  nrReads = 0;
  nrCacheHits = 0;
  /** After translate() gave 0: host frame of the guest frame, level of its leaf, rights, and EPT_D when the leaf is dirty. */
  hostPfn: Pfn = NO_PFN;
  level = 0;
  rights = 0;
  dirty = 0;
  private readonly contents: FrameContents;
  private readonly rows: Int32Array;
  private readonly cacheMask: number;

  constructor(contents: FrameContents, config: EptConfig) {
    const { cacheEntries = 0 } = config;
    if (cacheEntries !== 0 && !(cacheEntries >= 1 && Number.isInteger(Math.log2(cacheEntries)))) {
      throw new KernelError(EINVAL, `ept.cacheEntries (${cacheEntries}) must be a power of two, or 0`);
    }
    this.contents = contents;
    this.rootPfn = config.rootPfn;
    this.hasAccessedDirty = config.accessedDirty ?? true;
    this.rows = new Int32Array(cacheEntries * ROW_WORDS);
    this.cacheMask = cacheEntries - 1;
  }

  /**
   * Translates a guest frame for an access (EPT_R, EPT_W, EPT_X). Returns 0 with the fields set, or the code of a VM exit.
   * `isTranslated` says that the access is the guest's own, not one of its walk. With `steps` nothing is cached, set or
   * counted; what is read is listed.
   */
  translate(gfn: number, access: number, isTranslated: boolean, steps: ExplainedLevel[] | null): number {
    const { rows, cacheMask } = this;
    const row = (gfn & cacheMask) * ROW_WORDS;
    if (steps === null && cacheMask >= 0 && rows[row] === gfn + 1) {
      const info = rows[row + 2];
      const isUsable = (access & ~info) === 0;
      const isClean = this.hasAccessedDirty && (access & EPT_W) !== 0 && (info & EPT_D) === 0;
      if (isUsable && !isClean) {
        this.nrCacheHits++;
        this.hostPfn = rows[row + 1];
        this.level = (info >>> INFO_LEVEL_SHIFT) & 3;
        this.rights = info & EPT_RWX;
        this.dirty = info & EPT_D;
        return 0;
      }
    }
    const code = this.walk(gfn, access, isTranslated, steps);
    if (steps !== null || cacheMask < 0) return code;
    if (code === 0) {
      rows[row] = gfn + 1;
      rows[row + 1] = this.hostPfn;
      rows[row + 2] = this.rights | (this.level << INFO_LEVEL_SHIFT) | this.dirty;
    } else if (rows[row] === gfn + 1) {
      rows[row] = 0;
    }
    return code;
  }

  /** Forgets what the nested cache holds (INVEPT). */
  flush(): void {
    this.rows.fill(0);
  }

  private walk(gfn: number, access: number, isTranslated: boolean, steps: ExplainedLevel[] | null): number {
    const { words, slotOf } = this.contents;
    let tablePfn = this.rootPfn;
    let rights = EPT_RWX;
    for (let level = EPT_LEVELS; ; level--) {
      const shift = 9 * (level - 1);
      const index = (gfn >>> shift) & 511;
      if (tablePfn >= slotOf.length)
        bug(`an EPT table is at pfn ${tablePfn}, and the machine has ${slotOf.length} frames`);
      const slot = slotOf[tablePfn];
      const at = slot * PAGE_WORDS + 2 * index;
      const lo = slot === NO_SLOT ? 0 : words[at];
      const hi = slot === NO_SLOT ? 0 : words[at + 1];
      if (steps === null) this.nrReads++;
      else
        steps.push({ ...explainedEntry(level, tablePfn, index, lo, hi, flagText(lo)), name: NAMES[level] });
      rights &= lo;
      if ((lo & EPT_RWX) === 0) return eptViolation(access, 0, isTranslated);
      const isLeaf = level === 1 || (level < EPT_LEVELS && (lo & EPT_LARGE) !== 0);
      if (isMisconfigured(lo, hi, level, isLeaf)) return EXIT_EPT_MISCONFIG;
      const pfn = (lo >>> 12) | (hi << 20);
      if (isLeaf && (access & ~rights) !== 0) return eptViolation(access, rights, isTranslated);
      let used = lo;
      if (this.hasAccessedDirty) used |= isLeaf && (access & EPT_W) !== 0 ? EPT_A | EPT_D : EPT_A;
      if (used !== lo && steps === null) words[at] = used;
      if (!isLeaf) {
        tablePfn = pfn;
        continue;
      }
      this.hostPfn = pfn + (gfn & ((1 << shift) - 1));
      this.level = level;
      this.rights = rights;
      this.dirty = used & EPT_D;
      return 0;
    }
  }
}

/** Code of an EPT violation: what was tried, what is allowed. */
export function eptViolation(access: number, rights: number, isTranslated: boolean): number {
  return (
    EXIT_EPT_VIOLATION |
    access |
    ((rights & EPT_RWX) << 3) |
    QUAL_LINEAR_VALID |
    (isTranslated ? QUAL_TRANSLATED : 0)
  );
}

function isMisconfigured(lo: number, hi: number, level: number, isLeaf: boolean): boolean {
  if ((lo & EPT_R) === 0 || (hi & HI_RESERVED) !== 0) return true;
  if (!isLeaf) return (lo & (level === EPT_LEVELS ? POINTER_RESERVED | EPT_LARGE : POINTER_RESERVED)) !== 0;
  return ((BAD_TYPES >>> ((lo >>> 3) & 7)) & 1) !== 0 || (lo & LO_RESERVED[level]) !== 0;
}

function flagText(lo: number): string {
  if ((lo & EPT_RWX) === 0) return "";
  return namesOfBits(FLAG_NAMES, lo).join(" ");
}
