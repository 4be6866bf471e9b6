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
/** What descend() found, for commit(). */
const DENY_ABOVE: usize = 92;
const READS_ABOVE: usize = 96;
const PML4E_SLOT: usize = 100;
const PML4E_DENY: usize = 104;
/** Four words each: what rights.ts says of user reads, writes and fetches. */
const WANT: usize = 108;
const MASK: usize = 124;
const SETS: usize = 140;

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
  const hiReserved = load<i32>(state, HI_RESERVED);
  const words = load<usize>(state, WORDS);
  const key = (vpnLo >>> 9) | (vpnHi << 23);
  const keyHi = (vpnHi >>> 9) | tag;
  const row = load<usize>(state, PDE_ROWS) + (<usize>(key & load<i32>(state, PDE_MASK)) << 4);
  let slot: i32;
  let deny: i32;
  let isHit = true;
  if (load<i32>(row) == key && load<i32>(row, 4) == keyHi) {
    slot = load<i32>(row, 8);
    deny = load<i32>(row, 12);
  } else {
    isHit = false;
    slot = descend(state, vpnLo, vpnHi, tag);
    if (slot == NO_SLOT) return NOT_SIMPLE;
    const pmd = load<i64>(words + (<usize>slot << 12) + (<usize>(key & 511) << 3));
    slot = tableSlot(state, pmd);
    if (slot == NO_SLOT) return NOT_SIMPLE;
    deny = load<i32>(state, DENY_ABOVE) | rightsLacking(pmd);
  }
  const at = words + (<usize>slot << 12) + (<usize>(vpnLo & 511) << 3);
  const entry = load<i64>(at);
  const lo = <i32>entry;
  const hi = <i32>(entry >> 32);
  if ((lo & (P | G)) != P || (hi & hiReserved) != 0) return NOT_SIMPLE;
  const flags = ((deny | (~lo & RW_US) | (hi & NX)) ^ RW_US) | ((hi >>> 15) & 0xf000);
  const rule = state + (<usize>right << 2);
  if (((flags ^ load<i32>(rule, WANT)) & load<i32>(rule, MASK)) != 0) return NOT_SIMPLE;
  const used = lo | load<i32>(rule, SETS);
  if (used != lo) store<i32>(at, used);
  store<i32>(state, flags | (used & D), LEAF_FLAGS);
  store<i32>(state, (lo >>> 12) | (hi << 20), LEAF_PFN);
  if (isHit) {
    store<i32>(state, load<i32>(state, NR_PDE_HITS) + 1, NR_PDE_HITS);
    store<i32>(state, load<i32>(state, NR_READS) + 1, NR_READS);
  } else {
    store<i32>(row, key);
    store<i32>(row, keyHi & load<i32>(state, PDE_KEEP), 4);
    store<i32>(row, slot, 8);
    store<i32>(row, deny, 12);
    commit(state, vpnLo, vpnHi, tag);
  }
  return DONE;
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

/** Slot of the PMD table for a page, with DENY_ABOVE and what commit() needs; NO_SLOT when that is not simple. */
function descend(state: usize, vpnLo: i32, vpnHi: i32, tag: i32): i32 {
  const pdpteKey = (vpnLo >>> 18) | (vpnHi << 14);
  const pdpteRow = load<usize>(state, PDPTE_ROWS) + (<usize>(pdpteKey & load<i32>(state, PDPTE_MASK)) << 4);
  if (load<i32>(pdpteRow) == pdpteKey && load<i32>(pdpteRow, 4) == tag) {
    store<i32>(state, load<i32>(pdpteRow, 12), DENY_ABOVE);
    store<i32>(state, 0, READS_ABOVE);
    return load<i32>(pdpteRow, 8);
  }
  const words = load<usize>(state, WORDS);
  const pml4eKey = (vpnLo >>> 27) | (vpnHi << 5);
  const pml4eRow = load<usize>(state, PML4E_ROWS) + (<usize>(pml4eKey & load<i32>(state, PML4E_MASK)) << 4);
  let slot: i32;
  let deny: i32 = 0;
  let nrReads = 1;
  if (load<i32>(pml4eRow) == pml4eKey && load<i32>(pml4eRow, 4) == tag) {
    slot = load<i32>(pml4eRow, 8);
    deny = load<i32>(pml4eRow, 12);
    store<i32>(state, NO_SLOT, PML4E_SLOT);
  } else {
    // Not canonical: #GP.
    if (vpnHi >>> load<i32>(state, LIMIT_SHIFT) != 0) return NO_SLOT;
    slot = frameSlot(state, load<i32>(state, ROOT_PFN));
    if (slot == NO_SLOT) return NO_SLOT;
    for (let level = load<i32>(state, LEVELS); level > 3; level--) {
      const index = level == 4 ? pml4eKey : vpnHi >>> 4;
      const entry = load<i64>(words + (<usize>slot << 12) + (<usize>(index & 511) << 3));
      slot = tableSlot(state, entry);
      if (slot == NO_SLOT) return NO_SLOT;
      deny |= rightsLacking(entry);
      nrReads++;
    }
    store<i32>(state, slot, PML4E_SLOT);
    store<i32>(state, deny, PML4E_DENY);
  }
  const pud = load<i64>(words + (<usize>slot << 12) + (<usize>(pdpteKey & 511) << 3));
  store<i32>(state, deny | rightsLacking(pud), DENY_ABOVE);
  store<i32>(state, nrReads, READS_ABOVE);
  return tableSlot(state, pud);
}

/** Counts a walk that missed the PDE cache and has worked, and caches what descend() found. */
function commit(state: usize, vpnLo: i32, vpnHi: i32, tag: i32): void {
  const nrReads = load<i32>(state, READS_ABOVE);
  store<i32>(state, load<i32>(state, NR_READS) + nrReads + 2, NR_READS);
  if (nrReads == 0) {
    store<i32>(state, load<i32>(state, NR_PDPTE_HITS) + 1, NR_PDPTE_HITS);
    return;
  }
  const words = load<usize>(state, WORDS);
  const pdpteKey = (vpnLo >>> 18) | (vpnHi << 14);
  const pml4eKey = (vpnLo >>> 27) | (vpnHi << 5);
  const pdpteRow = load<usize>(state, PDPTE_ROWS) + (<usize>(pdpteKey & load<i32>(state, PDPTE_MASK)) << 4);
  const pml4eRow = load<usize>(state, PML4E_ROWS) + (<usize>(pml4eKey & load<i32>(state, PML4E_MASK)) << 4);
  let pudSlot = load<i32>(state, PML4E_SLOT);
  if (pudSlot == NO_SLOT) {
    store<i32>(state, load<i32>(state, NR_PML4E_HITS) + 1, NR_PML4E_HITS);
    pudSlot = load<i32>(pml4eRow, 8);
  } else {
    store<i32>(pml4eRow, pml4eKey);
    store<i32>(pml4eRow, tag & load<i32>(state, PML4E_KEEP), 4);
    store<i32>(pml4eRow, pudSlot, 8);
    store<i32>(pml4eRow, load<i32>(state, PML4E_DENY), 12);
  }
  const pud = load<i64>(words + (<usize>pudSlot << 12) + (<usize>(pdpteKey & 511) << 3));
  store<i32>(pdpteRow, pdpteKey);
  store<i32>(pdpteRow, tag & load<i32>(state, PDPTE_KEEP), 4);
  store<i32>(pdpteRow, tableSlot(state, pud), 8);
  store<i32>(pdpteRow, load<i32>(state, DENY_ABOVE), 12);
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
