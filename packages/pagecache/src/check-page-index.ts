/** Audit of a page index: its tree, its counts and marks. Cold: O(nodes). */
import { bug } from "@pageframe/contracts";
import {
  INDEX_SHIFT,
  INDEX_SLOTS,
  isNodeEntry,
  isShadowEntry,
  isSiblingEntry,
  nodeOfEntry,
  NOTHING,
} from "./page-index-entry.ts";
import { NO_NODE, NR_MARKS, type PageIndexPool } from "./page-index-pool.ts";

interface Totals {
  nrPages: number;
  nrShadows: number;
}

/** Checks an index with this head (a `headShift` below 0: no node) and these counts; calls bug() at a contradiction. */
export function checkPageIndex(
  pool: PageIndexPool,
  head: number,
  headShift: number,
  headMarks: number,
  nrPages: number,
  nrShadows: number,
): void {
  const totals: Totals = { nrPages: 0, nrShadows: 0 };
  if (headShift < 0) {
    if (isNodeEntry(head) || isSiblingEntry(head)) bug(`the head is ${head} without a node`);
    if (head >= 0) totals.nrPages = 1;
    else if (head !== NOTHING) totals.nrShadows = 1;
    if (totals.nrPages === 0 && headMarks !== 0) bug("marks without a page");
  } else {
    const root = nodeOfEntry(head);
    const first = pool.slots[root << INDEX_SHIFT];
    if (pool.counts[root] === 1 && first !== NOTHING && (isNodeEntry(first) || headShift === 0)) {
      bug("the tree is taller than it needs to be");
    }
    const marks = checkNode(pool, root, NO_NODE, 0, headShift, totals);
    if (marks !== headMarks) bug(`the head has marks ${headMarks}, the nodes ${marks}`);
  }
  if (nrPages !== totals.nrPages || nrShadows !== totals.nrShadows) {
    bug(`counted ${nrPages} pages and ${nrShadows} shadows, found ${totals.nrPages} and ${totals.nrShadows}`);
  }
}

/** Checks a node and all below it; adds to the totals and returns the marks that are set in it. */
function checkNode(
  pool: PageIndexPool,
  node: number,
  parent: number,
  offset: number,
  shift: number,
  totals: Totals,
): number {
  const name = `index node ${node}`;
  if (pool.parents[node] !== parent || pool.shifts[node] !== shift) bug(`${name} is in the wrong place`);
  if (parent !== NO_NODE && pool.offsets[node] !== offset) bug(`${name} is not in slot ${offset}`);
  let count = 0;
  let nrValues = 0;
  let nodeMarks = 0;
  for (let at = 0; at < INDEX_SLOTS; at++) {
    const entry = pool.slots[(node << INDEX_SHIFT) + at];
    let allowed = 0;
    let needed = 0;
    if (entry !== NOTHING) count++;
    if (isNodeEntry(entry)) {
      if (shift === 0) bug(`${name} is a leaf with a child`);
      needed = checkNode(pool, nodeOfEntry(entry), node, at, shift - INDEX_SHIFT, totals);
      allowed = needed;
    } else if (entry !== NOTHING) {
      const first = checkEntry(pool, node, at, shift);
      if (isShadowEntry(first)) {
        nrValues++;
        totals.nrShadows += 1 << shift;
      } else {
        totals.nrPages += 1 << shift;
        if (entry >= 0) allowed = (1 << NR_MARKS) - 1;
      }
    }
    let marks = 0;
    for (let mark = 0; mark < NR_MARKS; mark++) if (pool.hasMark(node, at, mark)) marks |= 1 << mark;
    if ((marks & ~allowed) !== 0 || (needed & ~marks) !== 0) bug(`${name} has marks ${marks} in slot ${at}`);
    nodeMarks |= marks;
  }
  if (count === 0 || count !== pool.counts[node] || nrValues !== pool.nrValues[node]) {
    bug(
      `${name} counts ${pool.counts[node]} slots and ${pool.nrValues[node]} shadows of ${count} and ${nrValues}`,
    );
  }
  if (pool.shadowNodes.has(node) !== (count === nrValues)) bug(`${name} is listed wrongly`);
  return nodeMarks;
}

/** Checks the entry that a slot belongs to; returns what its first slot holds. */
function checkEntry(pool: PageIndexPool, node: number, at: number, shift: number): number {
  const name = `slot ${at} of index node ${node}`;
  if (shift > INDEX_SHIFT) bug(`${name} holds an entry at shift ${shift}`);
  const first = pool.firstSlot(node, at);
  const entry = pool.slots[(node << INDEX_SHIFT) + first];
  const length = pool.runLength(node, first);
  if (isNodeEntry(entry) || isSiblingEntry(entry) || entry === NOTHING || at >= first + length) {
    bug(`${name} is a sibling without an entry`);
  }
  if ((length & (length - 1)) !== 0 || first % length !== 0) bug(`${name} has an entry of ${length} slots`);
  return entry;
}
