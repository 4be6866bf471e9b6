/**
 * The compiled half of set-associative-tlb.ts: translateRuns() while all entries are plain (4 KiB, not global).
 * AssemblyScript; built by scripts/compile-loops.mjs into src/translate-runs.wasm.ts.
 *
 * Ways are found without a branch for each: every entry has a byte of a hash of its page number, its signature, and
 * one comparison looks at the signatures of four ways. Of four equal bytes in a word, (x - 0x01010101) & ~x & 0x80808080
 * marks at least the lowest that is equal to the wanted one, where x is their exclusive or. What it marks is checked.
 * A run on the page of the run before needs no search, and leaves the order of use as it is. While a quarter of the runs
 * misses and the page tables are large, the walker looks ahead at the leaf entries of a group of runs.
 * Offsets of the block are those of compiled-loop.ts.
 */

/** The walker's exports, see CompiledWalker in contracts. */
// @ts-ignore: decorator
@external("walker", "walk")
declare function walk(state: usize, vpnLo: i32, vpnHi: i32, right: i32): i32;

@external("walker", "touchRuns")
declare function touchRuns(state: usize, from: usize, to: usize): i32;

const CELLS: usize = 0;
const ROW_BYTES: usize = 4;
const SIGNATURES: usize = 8;
const LRU_HEAD: usize = 12;
const L1_SET_MASK: usize = 16;
const L1_STRIDE: usize = 20;
const L2_FIRST: usize = 24;
const L2_SET_MASK: usize = 28;
const L2_STRIDE: usize = 32;
const TICK: usize = 36;
const CLOCK: usize = 40;
const NR_VALID: usize = 44;
const NR_L2_HITS: usize = 48;
const NR_MISSES: usize = 52;
const NR_FOLDED: usize = 56;
const STOPPED_ENTRY: usize = 60;
const OWNER: usize = 64;
const WALKER_STATE: usize = 68;
const LEAF_PFN_AT: usize = 72;
const LEAF_FLAGS_AT: usize = 76;
const WANT: usize = 80;
const MASK: usize = 96;
const LOOKS_AHEAD: usize = 112;
const SEEN: usize = 116;

const VPN_HI_MASK: i32 = 0x1fff;
const KIND_SHIFT: i32 = 13;
const KIND_MASK: i32 = 3;
const SPLIT_BIT: i32 = 1 << 15;
const COUNT_SHIFT: i32 = 16;

const NOT_LOOKED_UP: i32 = -2;
const NEEDS_WALK: i32 = -3;
const RAN_THROUGH: i32 = -4;
const NO_ENTRY: i32 = -1;

/** Runs of 8 bytes that the walker looks ahead at, and misses among as many that make it worth while. */
const GROUP_BYTES: usize = 32 * 8;
const MISSES_TO_LOOK_AHEAD: i32 = 8;

/** Translates the runs at [from, to), byte addresses. Returns to, or where it stopped, with STOPPED_ENTRY set. */
export function translateRuns(block: usize, from: usize, to: usize): usize {
  const cells = load<usize>(block, CELLS);
  const rowBytes = load<usize>(block, ROW_BYTES);
  const owner = load<i32>(block, OWNER);
  const tick = load<i32>(block, TICK);
  const signatures = load<usize>(block, SIGNATURES);
  const l1SetMask = load<i32>(block, L1_SET_MASK);
  const l1Stride = load<i32>(block, L1_STRIDE);
  const flagsAt = cells + 3 * rowBytes;
  const useAt = cells + 4 * rowBytes;
  const tagAt = cells + rowBytes;
  let clock = load<i32>(block, CLOCK);
  let nrFolded = 0;
  let nrMisses = 0;
  let nrL2Hits = 0;
  let seen = 0;
  let lastLo = 0;
  let lastTag = 0;
  let lastEntry = 0;
  let stopped = RAN_THROUGH;
  let run = from;
  let groupEnd = load<i32>(block, LOOKS_AHEAD) != 0 ? from : to;
  let missesBefore = 0;
  for (; run < to; run += 8) {
    if (run == groupEnd) {
      groupEnd = min(run + GROUP_BYTES, to);
      if (nrMisses - missesBefore >= MISSES_TO_LOOK_AHEAD) {
        seen ^= touchRuns(load<usize>(block, WALKER_STATE), run, groupEnd);
      }
      missesBefore = nrMisses;
    }
    const vpnLo = load<i32>(run);
    const word1 = load<i32>(run, 4);
    if ((word1 & SPLIT_BIT) != 0) {
      stopped = NOT_LOOKED_UP;
      break;
    }
    const tag = (word1 & VPN_HI_MASK) | owner;
    const kind = (word1 >>> KIND_SHIFT) & KIND_MASK;
    let entry = lastEntry;
    if (vpnLo != lastLo || tag != lastTag) {
      clock += tick;
      const pattern = patternOf(vpnLo);
      entry = (vpnLo & l1SetMask) * l1Stride;
      let marks = marksOf(signatures + entry, pattern);
      for (let end = entry + l1Stride - 4; marks == 0 && entry < end; ) {
        entry += 4;
        marks = marksOf(signatures + entry, pattern);
      }
      entry += (ctz(marks) >>> 3) & 3;
      if (load<i32>(cells + (<usize>entry << 2)) != vpnLo || load<i32>(tagAt + (<usize>entry << 2)) != tag) {
        if (marks != 0) entry = search(block, (vpnLo & l1SetMask) * l1Stride, l1Stride, vpnLo, tag);
        else entry = NO_ENTRY;
      }
      if (entry != NO_ENTRY) {
        const at = useAt + (<usize>entry << 2);
        store<i32>(at, clock | (load<i32>(at) & (tick - 1)));
      } else {
        const copy = findL2(block, vpnLo, tag, pattern);
        if (copy == NO_ENTRY) {
          nrMisses++;
          if (walk(load<usize>(block, WALKER_STATE), vpnLo, word1 & VPN_HI_MASK, kind) != 0) {
            stopped = NEEDS_WALK;
            break;
          }
          lastEntry = fill(block, vpnLo, tag, pattern, clock);
          lastLo = vpnLo;
          lastTag = tag;
          nrFolded += word1 >>> COUNT_SHIFT;
          continue;
        }
        nrL2Hits++;
        touchL2(block, vpnLo, copy);
        const from2 = cells + (<usize>copy << 2);
        const pfn = load<i32>(from2 + 2 * rowBytes);
        const flags = load<i32>(from2 + 3 * rowBytes);
        entry = fillL1(block, vpnLo, tag, pfn, flags, pattern, copy, clock);
      }
      lastLo = vpnLo;
      lastTag = tag;
      lastEntry = entry;
    }
    const flags = load<i32>(flagsAt + (<usize>entry << 2));
    const right = block + (<usize>kind << 2);
    if (((flags ^ load<i32>(right, WANT)) & load<i32>(right, MASK)) != 0) {
      stopped = entry;
      break;
    }
    nrFolded += word1 >>> COUNT_SHIFT;
  }
  store<i32>(block, clock, CLOCK);
  store<i32>(block, nrFolded, NR_FOLDED);
  store<i32>(block, nrMisses, NR_MISSES);
  store<i32>(block, nrL2Hits, NR_L2_HITS);
  store<i32>(block, seen, SEEN);
  store<i32>(block, stopped, STOPPED_ENTRY);
  return run;
}

/** A page number's signature, four times. */
// @ts-ignore: decorator
@inline
function patternOf(vpnLo: i32): i32 {
  return ((vpnLo * 0x9e3779b1) >>> 24) * 0x01010101;
}

/** Marks bytes of the word that may be equal to the pattern's, the lowest equal one for certain. */
// @ts-ignore: decorator
@inline
function marksOf(at: usize, pattern: i32): i32 {
  const differing = load<i32>(at) ^ pattern;
  return (differing - 0x01010101) & ~differing & 0x80808080;
}

/** Looks at every way of a set, when the marked one is another page with the same signature. */
function search(block: usize, first: i32, stride: i32, vpnLo: i32, tag: i32): i32 {
  const cells = load<usize>(block, CELLS);
  const tagAt = cells + load<usize>(block, ROW_BYTES);
  for (let entry = first; entry < first + stride; entry++) {
    if (load<i32>(cells + (<usize>entry << 2)) == vpnLo && load<i32>(tagAt + (<usize>entry << 2)) == tag) return entry;
  }
  return NO_ENTRY;
}

/** Entry of the second level for a page, or NO_ENTRY. Sets have at most 32 ways: eight words of signatures. */
function findL2(block: usize, vpnLo: i32, tag: i32, pattern: i32): i32 {
  const cells = load<usize>(block, CELLS);
  const stride = load<i32>(block, L2_STRIDE);
  const first = load<i32>(block, L2_FIRST) + (vpnLo & load<i32>(block, L2_SET_MASK)) * stride;
  const signatures = load<usize>(block, SIGNATURES) + <usize>first;
  let marks = marksOf(signatures, pattern);
  // Word w of the set leaves its marks in bit 7 - w of each byte.
  for (let word = 1; word << 2 < stride; word++) marks |= marksOf(signatures + (<usize>word << 2), pattern) >>> word;
  if (marks == 0) return NO_ENTRY;
  const mark = ctz(marks);
  const entry = first + ((7 - (mark & 7)) << 2) + (mark >>> 3);
  const at = cells + (<usize>entry << 2);
  if (load<i32>(at) == vpnLo && load<i32>(at + load<usize>(block, ROW_BYTES)) == tag) return entry;
  return search(block, first, stride, vpnLo, tag);
}

/** Makes an entry of the second level the most recent of its set. */
function touchL2(block: usize, vpnLo: i32, entry: i32): void {
  const head = load<usize>(block, LRU_HEAD) + (<usize>(vpnLo & load<i32>(block, L2_SET_MASK)) << 2);
  const first = load<i32>(head);
  if (first == entry) return;
  const next = load<usize>(block, CELLS) + 4 * load<usize>(block, ROW_BYTES);
  const prev = next + load<usize>(block, ROW_BYTES);
  const last = load<i32>(prev + (<usize>first << 2));
  if (last != entry) {
    const after = load<i32>(next + (<usize>entry << 2));
    const before = load<i32>(prev + (<usize>entry << 2));
    store<i32>(next + (<usize>before << 2), after);
    store<i32>(prev + (<usize>after << 2), before);
    store<i32>(next + (<usize>last << 2), entry);
    store<i32>(prev + (<usize>entry << 2), last);
    store<i32>(next + (<usize>entry << 2), first);
    store<i32>(prev + (<usize>first << 2), entry);
  }
  store<i32>(head, entry);
}

/** Puts the leaf that the walker found into both levels, in place of the least recent. Returns the first level's entry. */
// @ts-ignore: decorator
@inline
function fill(block: usize, vpnLo: i32, tag: i32, pattern: i32, clock: i32): i32 {
  const cells = load<usize>(block, CELLS);
  const rowBytes = load<usize>(block, ROW_BYTES);
  const pfn = load<i32>(load<usize>(block, LEAF_PFN_AT));
  const flags = load<i32>(load<usize>(block, LEAF_FLAGS_AT));
  const head = load<usize>(block, LRU_HEAD) + (<usize>(vpnLo & load<i32>(block, L2_SET_MASK)) << 2);
  const copy = load<i32>(cells + 5 * rowBytes + (<usize>load<i32>(head) << 2));
  store<i32>(head, copy);
  writeEntry(block, copy, vpnLo, tag, pfn, flags, pattern, load<i32>(cells + rowBytes + (<usize>copy << 2)) == 0);
  return fillL1(block, vpnLo, tag, pfn, flags, pattern, copy, clock);
}

/** Writes over the least recently used way of a set of the first level; returns it. */
// @ts-ignore: decorator
@inline
function fillL1(
  block: usize,
  vpnLo: i32,
  tag: i32,
  pfn: i32,
  flags: i32,
  pattern: i32,
  copy: i32,
  clock: i32,
): i32 {
  const cells = load<usize>(block, CELLS);
  const rowBytes = load<usize>(block, ROW_BYTES);
  const stride = load<i32>(block, L1_STRIDE);
  const tick = load<i32>(block, TICK);
  const first = (vpnLo & load<i32>(block, L1_SET_MASK)) * stride;
  const useAt = cells + 4 * rowBytes;
  const firstUse = useAt + (<usize>first << 2);
  let least = min(min(load<i32>(firstUse), load<i32>(firstUse, 4)), min(load<i32>(firstUse, 8), load<i32>(firstUse, 12)));
  for (let at = firstUse + 16; at < firstUse + (<usize>stride << 2); at += 4) least = min(least, load<i32>(at));
  const way = least & (tick - 1);
  const victim = first + way;
  writeEntry(block, victim, vpnLo, tag, pfn, flags, pattern, least < tick);
  store<i32>(useAt + (<usize>victim << 2), clock | way);
  store<i32>(cells + 5 * rowBytes + (<usize>victim << 2), copy);
  return victim;
}

// @ts-ignore: decorator
@inline
function writeEntry(
  block: usize,
  entry: i32,
  vpnLo: i32,
  tag: i32,
  pfn: i32,
  flags: i32,
  pattern: i32,
  wasEmpty: bool,
): void {
  if (wasEmpty) noteValid(block, entry);
  const rowBytes = load<usize>(block, ROW_BYTES);
  let at = load<usize>(block, CELLS) + (<usize>entry << 2);
  store<i32>(at, vpnLo);
  at += rowBytes;
  store<i32>(at, tag);
  at += rowBytes;
  store<i32>(at, pfn);
  at += rowBytes;
  store<i32>(at, flags);
  store<u8>(load<usize>(block, SIGNATURES) + <usize>entry, <u8>pattern);
}

/** Puts an entry that was empty on the valid list. */
function noteValid(block: usize, entry: i32): void {
  const rowBytes = load<usize>(block, ROW_BYTES);
  const validAt = load<usize>(block, CELLS) + 6 * rowBytes;
  const nrValid = load<i32>(block, NR_VALID);
  store<i32>(validAt + (<usize>entry << 2), nrValid);
  store<i32>(validAt + rowBytes + (<usize>nrValid << 2), entry);
  store<i32>(block, nrValid + 1, NR_VALID);
}
