/**
 * The compiled half of page-walker.ts: the walks that find a 4 KiB leaf which allows the access. AssemblyScript; built
 * by scripts/compile-loops.mjs into src/walk.wasm.ts.
 *
 * A walk that meets anything else (no entry, a large leaf, reserved bits, a right that lacks or that a protection key
 * may take, a global leaf, an accessed bit that is clear above the leaf) ends with NOT_SIMPLE before it has changed or counted anything; PageWalker.walk() then does it all.
 * Offsets of the state block are those of compiled-walk.ts.
 */

const ROOT_PFN: usize = 0;
const TAG: usize = 4;
const LEVELS: usize = 8;
const HI_RESERVED: usize = 12;
const LIMIT_SHIFT: usize = 16;
const PDE_MASK: usize = 20;
const PDPTE_MASK: usize = 24;
const PML4E_MASK: usize = 28;
const PDE_KEEP: usize = 32;
const PDPTE_KEEP: usize = 36;
const PML4E_KEEP: usize = 40;
const PDE_ROWS: usize = 44;
const PDPTE_ROWS: usize = 48;
const PML4E_ROWS: usize = 52;
const WORDS: usize = 56;
const SLOT_OF: usize = 60;
const NR_FRAMES: usize = 64;
const LEAF_PFN: usize = 68;
const LEAF_FLAGS: usize = 72;
const NR_READS: usize = 76;
const NR_PDE_HITS: usize = 80;
const NR_PDPTE_HITS: usize = 84;
const NR_PML4E_HITS: usize = 88;
/** Four words each: what rights.ts says of user reads, writes and fetches. */
const WANT: usize = 92;
const MASK: usize = 108;
const SETS: usize = 124;

const P: i32 = 0x1;
const RW_US: i32 = 0x6;
const A: i32 = 0x20;
const PS: i32 = 0x80;
const D: i32 = 0x40;
const G: i32 = 0x100;
const NX: i32 = 1 << 31;

const DONE: i32 = 0;
const NOT_SIMPLE: i32 = 1;
const NO_SLOT: i32 = -1;

/** See PageWalker.walk(). Returns DONE with leafPfn and leafFlags in the state block, or NOT_SIMPLE. */
export function walk(state: usize, vpnLo: i32, vpnHi: i32, right: i32): i32 {
  const tag = load<i32>(state, TAG);
  const key = (vpnLo >>> 9) | (vpnHi << 23);
  const keyHi = (vpnHi >>> 9) | tag;
  const row = load<usize>(state, PDE_ROWS) + (<usize>(key & load<i32>(state, PDE_MASK)) << 4);
  if (load<i32>(row) == key && load<i32>(row, 4) == keyHi) {
    if (useLeaf(state, load<i32>(row, 8), load<i32>(row, 12), vpnLo, right) == NOT_SIMPLE) return NOT_SIMPLE;
    count(state, NR_PDE_HITS, 1);
    return DONE;
  }
  const pdpteKey = (vpnLo >>> 18) | (vpnHi << 14);
  const pdpteRow = load<usize>(state, PDPTE_ROWS) + (<usize>(pdpteKey & load<i32>(state, PDPTE_MASK)) << 4);
  if (load<i32>(pdpteRow) == pdpteKey && load<i32>(pdpteRow, 4) == tag) {
    const pmd = entryOf(state, load<i32>(pdpteRow, 8), key);
    const slot = tableSlot(state, pmd);
    if (slot == NO_SLOT) return NOT_SIMPLE;
    const deny = load<i32>(pdpteRow, 12) | rightsLacking(pmd);
    if (useLeaf(state, slot, deny, vpnLo, right) == NOT_SIMPLE) return NOT_SIMPLE;
    writeRow(row, key, keyHi & load<i32>(state, PDE_KEEP), slot, deny);
    count(state, NR_PDPTE_HITS, 2);
    return DONE;
  }
  const pml4eKey = (vpnLo >>> 27) | (vpnHi << 5);
  const pml4eRow = load<usize>(state, PML4E_ROWS) + (<usize>(pml4eKey & load<i32>(state, PML4E_MASK)) << 4);
  const isHit = load<i32>(pml4eRow) == pml4eKey && load<i32>(pml4eRow, 4) == tag;
  let pudSlot: i32;
  let pudDeny = 0;
  if (isHit) {
    pudSlot = load<i32>(pml4eRow, 8);
    pudDeny = load<i32>(pml4eRow, 12);
  } else {
    // Not canonical: #GP.
    if (vpnHi >>> load<i32>(state, LIMIT_SHIFT) != 0) return NOT_SIMPLE;
    pudSlot = frameSlot(state, load<i32>(state, ROOT_PFN));
    if (pudSlot == NO_SLOT) return NOT_SIMPLE;
    for (let level = load<i32>(state, LEVELS); level > 3; level--) {
      const entry = entryOf(state, pudSlot, level == 4 ? pml4eKey : vpnHi >>> 4);
      pudSlot = tableSlot(state, entry);
      if (pudSlot == NO_SLOT) return NOT_SIMPLE;
      pudDeny |= rightsLacking(entry);
    }
  }
  const pud = entryOf(state, pudSlot, pdpteKey);
  const pmdSlot = tableSlot(state, pud);
  if (pmdSlot == NO_SLOT) return NOT_SIMPLE;
  const pmdDeny = pudDeny | rightsLacking(pud);
  const pmd = entryOf(state, pmdSlot, key);
  const slot = tableSlot(state, pmd);
  if (slot == NO_SLOT) return NOT_SIMPLE;
  const deny = pmdDeny | rightsLacking(pmd);
  if (useLeaf(state, slot, deny, vpnLo, right) == NOT_SIMPLE) return NOT_SIMPLE;
  if (isHit) {
    count(state, NR_PML4E_HITS, 3);
  } else {
    writeRow(pml4eRow, pml4eKey, tag & load<i32>(state, PML4E_KEEP), pudSlot, pudDeny);
    store<i32>(state, load<i32>(state, NR_READS) + load<i32>(state, LEVELS), NR_READS);
  }
  writeRow(pdpteRow, pdpteKey, tag & load<i32>(state, PDPTE_KEEP), pmdSlot, pmdDeny);
  writeRow(row, key, keyHi & load<i32>(state, PDE_KEEP), slot, deny);
  return DONE;
}

/** Checks the leaf entry, sets A, and D for a write, and leaves the leaf fields; or NOT_SIMPLE. */
// @ts-ignore: decorator
@inline
function useLeaf(state: usize, slot: i32, deny: i32, vpnLo: i32, right: i32): i32 {
  const at = load<usize>(state, WORDS) + (<usize>slot << 12) + (<usize>(vpnLo & 511) << 3);
  const entry = load<i64>(at);
  const lo = <i32>entry;
  const hi = <i32>(entry >> 32);
  if ((lo & (P | G)) != P || (hi & load<i32>(state, HI_RESERVED)) != 0) return NOT_SIMPLE;
  const flags = ((deny | (~lo & RW_US) | (hi & NX)) ^ RW_US) | ((hi >>> 15) & 0xf000);
  const rule = state + (<usize>right << 2);
  if (((flags ^ load<i32>(rule, WANT)) & load<i32>(rule, MASK)) != 0) return NOT_SIMPLE;
  const used = lo | load<i32>(rule, SETS);
  if (used != lo) store<i32>(at, used);
  store<i32>(state, flags | (used & D), LEAF_FLAGS);
  store<i32>(state, (lo >>> 12) | (hi << 20), LEAF_PFN);
  return DONE;
}

/** Counts a walk that began at a cached entry, and the entries that it read. */
// @ts-ignore: decorator
@inline
function count(state: usize, hits: usize, nrReads: i32): void {
  store<i32>(state + hits, load<i32>(state + hits) + 1);
  store<i32>(state, load<i32>(state, NR_READS) + nrReads, NR_READS);
}

/** An entry of the table in a slot; `index` counts modulo 512. */
// @ts-ignore: decorator
@inline
function entryOf(state: usize, slot: i32, index: i32): i64 {
  return load<i64>(load<usize>(state, WORDS) + (<usize>slot << 12) + (<usize>(index & 511) << 3));
}

/** Writes a row of a walk cache. */
// @ts-ignore: decorator
@inline
function writeRow(row: usize, keyLo: i32, keyHi: i32, slot: i32, deny: i32): void {
  store<i32>(row, keyLo);
  store<i32>(row, keyHi, 4);
  store<i32>(row, slot, 8);
  store<i32>(row, deny, 12);
}

/**
 * Reads the leaf entries of the runs at [from, to), byte addresses, one right after the other: the host fetches them from
 * its memory side by side, and the walks that follow need not wait for each. Changes nothing; returns something that
 * depends on all it has read.
 */
export function touchRuns(state: usize, from: usize, to: usize): i32 {
  const words = load<usize>(state, WORDS);
  const slots = load<usize>(state, SLOT_OF);
  const nrFrames = load<u32>(state, NR_FRAMES);
  const pdpteRows = load<usize>(state, PDPTE_ROWS);
  const pdpteMask = load<i32>(state, PDPTE_MASK);
  let seen = 0;
  for (let run = from; run < to; run += 8) {
    const vpnLo = load<i32>(run);
    const vpnHi = load<i32>(run, 4) & 0x1fff;
    const pdpteKey = (vpnLo >>> 18) | (vpnHi << 14);
    const row = pdpteRows + (<usize>(pdpteKey & pdpteMask) << 4);
    if (load<i32>(row) != pdpteKey) continue;
    const pmd = load<i64>(words + (<usize>load<i32>(row, 8) << 12) + (<usize>((vpnLo >>> 9) & 511) << 3));
    const pfn = <u32>(pmd >> 12);
    if (pfn >= nrFrames) continue;
    const slot = load<i32>(slots + (<usize>pfn << 2));
    if (slot >= 0) seen ^= load<i32>(words + (<usize>slot << 12) + (<usize>(vpnLo & 511) << 3));
  }
  return seen;
}

/** Slot of the table that an entry points to; NO_SLOT unless it is a plain, accessed one. */
function tableSlot(state: usize, entry: i64): i32 {
  const lo = <i32>entry;
  const hi = <i32>(entry >> 32);
  if ((lo & (P | PS | A)) != (P | A) || (hi & load<i32>(state, HI_RESERVED)) != 0) return NO_SLOT;
  return frameSlot(state, (lo >>> 12) | (hi << 20));
}

function frameSlot(state: usize, pfn: i32): i32 {
  if (<u32>pfn >= load<u32>(state, NR_FRAMES)) return NO_SLOT;
  return load<i32>(load<usize>(state, SLOT_OF) + (<usize>pfn << 2));
}

/** RW, US and NX of an entry, as rights that it takes away. */
function rightsLacking(entry: i64): i32 {
  return (~(<i32>entry) & RW_US) | (<i32>(entry >> 32) & NX);
}
