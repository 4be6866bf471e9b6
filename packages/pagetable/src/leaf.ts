/**
 * What all tables do to leaves, in canonical form: rights, the parts of a split, the whole of a collapse. Hot: per page of
 * range operations.
 */
import {
  bug,
  EINVAL,
  flipHi,
  flipLo,
  KernelError,
  leafHi,
  leafLo,
  leafPfn,
  PAGES_PER_LEVEL,
  type PageTableCursor,
  pfnMaskHi,
  pfnMaskLo,
  type Pfn,
  PT_LEVEL_PTE,
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PROTNONE,
  PTE_PS,
  PTE_SOFT_DIRTY,
  PTE_SWP_SOFT_DIRTY,
  PTE_SWP_UFFD_WP,
  pteFlagsTo4k,
  pteFlagsToLarge,
  pteIsMigration,
  pteIsNone,
  pteMigrationIsDirty,
  pteMigrationIsYoung,
  pteSwpPfn,
  pteSwpType,
  pfnSwpPteHi,
  pfnSwpPteLo,
  type Vpn,
} from "@pageframe/contracts";

/** Bits that may differ among leaves that collapse: the whole has them if one had. */
const JOINED_BITS: number = PTE_A | PTE_D | PTE_SOFT_DIRTY;

/** Does a leaf hold a frame? PS alone counts above level 1: a leaf on its way out (pmd_mkinvalid). */
export function leafIsPresent(lo: number, level: number): boolean {
  return (lo & (level > PT_LEVEL_PTE ? PTE_P | PTE_PROTNONE | PTE_PS : PTE_P | PTE_PROTNONE)) !== 0;
}

/** Can the leaf be split: does it hold frames in a row? */
export function leafIsSplittable(lo: number, hi: number, level: number): boolean {
  return !pteIsNone(lo, hi) && (leafIsPresent(lo, level) || pteIsMigration(hi));
}

/** Low half of part `part` (0..511) of a leaf of `level`, one level down. */
export function partLo(lo: number, hi: number, level: number, part: number): number {
  const offset = part * PAGES_PER_LEVEL[level - 1];
  if (!leafIsPresent(lo, level)) return pfnSwpPteLo(pteSwpPfn(lo, hi) + offset, swapFlags(lo));
  return leafLo(leafPfn(lo, hi, level) + offset, level - 1, partFlags(lo, level), flagsOfHi(hi, level));
}

/** High half of part `part` of a leaf of `level`. */
export function partHi(lo: number, hi: number, level: number, part: number): number {
  const offset = part * PAGES_PER_LEVEL[level - 1];
  if (!leafIsPresent(lo, level)) {
    return pfnSwpPteHi(
      pteSwpType(hi),
      pteSwpPfn(lo, hi) + offset,
      pteMigrationIsYoung(hi),
      pteMigrationIsDirty(hi),
    );
  }
  return leafHi(leafPfn(lo, hi, level) + offset, level - 1, partFlags(lo, level), flagsOfHi(hi, level));
}

/**
 * May a leaf of `level` be part `part` of a whole whose part 0 is `firstLo`, `firstHi`? Part 0 is asked too: its frame must
 * be aligned to the whole.
 */
export function isPartOf(
  firstLo: number,
  firstHi: number,
  lo: number,
  hi: number,
  level: number,
  part: number,
): boolean {
  if ((lo & (PTE_P | PTE_PROTNONE)) === 0 || (level > PT_LEVEL_PTE && (lo & PTE_PS) === 0)) return false;
  const first = leafPfn(firstLo, firstHi, level);
  if (part === 0) return first % PAGES_PER_LEVEL[level + 1] === 0;
  const unlike = ((lo ^ firstLo) & ~pfnMaskLo(level) & ~JOINED_BITS) | ((hi ^ firstHi) & ~pfnMaskHi(level));
  return unlike === 0 && leafPfn(lo, hi, level) === first + part * PAGES_PER_LEVEL[level];
}

/** Low half of the whole, one level above `level`, with part 0 and the low halves of all parts OR-ed. */
export function wholeLo(firstLo: number, firstHi: number, orOfLo: number, level: number): number {
  return leafLo(
    leafPfn(firstLo, firstHi, level),
    level + 1,
    wholeFlags(firstLo, orOfLo, level),
    flagsOfHi(firstHi, level),
  );
}

/** High half of the whole. */
export function wholeHi(firstLo: number, firstHi: number, level: number): number {
  return leafHi(
    leafPfn(firstLo, firstHi, level),
    level + 1,
    wholeFlags(firstLo, 0, level),
    flagsOfHi(firstHi, level),
  );
}

/**
 * Clears, then sets flags of every present leaf of [vpn, endVpn), which a fresh cursor passes over; returns how many
 * changed. Calls bug() when the range cuts a large leaf.
 */
export function protectLeaves(
  cursor: PageTableCursor,
  vpn: Vpn,
  endVpn: Vpn,
  setLo: number,
  clearLo: number,
  setHi: number,
  clearHi: number,
  pagesPerLevel: readonly number[] = PAGES_PER_LEVEL,
): number {
  let nrChanged = 0;
  while (cursor.next()) {
    const { lo, hi, level } = cursor;
    if (!leafIsPresent(lo, level)) continue;
    if (level > PT_LEVEL_PTE) checkWhole(vpn, endVpn, cursor.vpn, pagesPerLevel[level]);
    const newLo = (lo & ~clearLo) | setLo;
    const newHi = (hi & ~clearHi) | setHi;
    if (newLo === lo && newHi === hi) continue;
    cursor.set(flipLo(lo, hi, newLo, newHi, level), flipHi(lo, hi, newLo, newHi, level));
    nrChanged++;
  }
  return nrChanged;
}

/** Throws EINVAL when a leaf of `level` cannot map `vpn` to `pfn`. */
export function checkLeaf(
  vpn: Vpn,
  level: number,
  pfn: Pfn,
  maxLevel: number,
  pagesPerLevel: readonly number[] = PAGES_PER_LEVEL,
): void {
  const nrPages = pagesPerLevel[level];
  if (level > maxLevel || vpn % nrPages !== 0 || pfn % nrPages !== 0) {
    throw new KernelError(
      EINVAL,
      `a leaf of level ${level} at vpn 0x${vpn.toString(16)} for pfn ${pfn}: leaves are of level 1 to ${maxLevel}, ` +
        `with both numbers a multiple of their ${nrPages} pages`,
    );
  }
}

/** Calls bug() when [vpn, endVpn) cuts the leaf of `nrPages` at `leafVpn`. */
export function checkWhole(vpn: Vpn, endVpn: Vpn, leafVpn: Vpn, nrPages: number): void {
  if (leafVpn < vpn || leafVpn + nrPages > endVpn) {
    bug(`[0x${vpn.toString(16)}, 0x${endVpn.toString(16)}) cuts the leaf at 0x${leafVpn.toString(16)}`);
  }
}

/** Low flags of a part: at level 1 PS goes and PAT moves; the frame's other bits are not in them. */
function partFlags(lo: number, level: number): number {
  const flags = lo & ~pfnMaskLo(level);
  return level === 2 ? pteFlagsTo4k(flags & 0x1fff) : flags & 0x1fff;
}

function wholeFlags(firstLo: number, orOfLo: number, level: number): number {
  const flags = (firstLo & ~pfnMaskLo(level)) | (orOfLo & JOINED_BITS);
  return level === PT_LEVEL_PTE ? pteFlagsToLarge(flags) : flags & 0x1fff;
}

function flagsOfHi(hi: number, level: number): number {
  return hi & ~(pfnMaskHi(level) | 0xfffff);
}

function swapFlags(lo: number): number {
  return lo & (PTE_SWP_SOFT_DIRTY | PTE_SWP_UFFD_WP);
}
