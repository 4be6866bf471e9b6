/**
 * Splitting large folios of files, where truncation or advice means a part of one. Cold.
 * Source: Linux 6.18 mm/huge_memory.c, __folio_split(), non-uniform split; mm/truncate.c, try_folio_split().
 * Differs: the pieces go to the new end of their LRU list.
 */
import {
  NO_SWAP_ENTRY,
  type Order,
  PG_ACTIVE,
  PG_DIRTY,
  PG_LOCKED,
  PG_LRU,
  PG_MLOCKED,
  PG_READAHEAD,
  PG_REFERENCED,
  PG_UNEVICTABLE,
  PG_UPTODATE,
  PG_WORKINGSET,
  PG_WRITEBACK,
  type Pfn,
} from "@pageframe/contracts";
import { type Inode } from "../files/inode.ts";
import { unmapMapping } from "../files/unmap-mapping.ts";
import { folioEnd } from "./drop-pages.ts";
import { type System } from "../system.ts";

/** Flags that every piece has of the whole. */
const KEPT_FLAGS =
  PG_REFERENCED | PG_UPTODATE | PG_ACTIVE | PG_WORKINGSET | PG_UNEVICTABLE | PG_MLOCKED | PG_READAHEAD;

/**
 * Splits a large folio so that the page at `pgoff` stands alone, and what is around it in halves of halves; with `isUniform` into
 * single pages. Nothing maps it afterwards. False, and nothing done, for one that is dirty, under I/O or held by somebody else
 * than the cache.
 */
export function splitFolio(sys: System, inode: Inode, folio: Pfn, pgoff: number, isUniform = false): boolean {
  const { memmap } = sys;
  const order = memmap.compoundOrder(folio);
  if (order === 0) return true;
  if (memmap.hasFlags(folio, PG_DIRTY | PG_WRITEBACK | PG_LOCKED)) return false;
  sys.lru.drain(sys.currentCpu);
  if (memmap.refcount[folio] !== memmap.folioMapcount(folio) + 1) return false;
  unmapMapping(sys, inode, memmap.index[folio], folioEnd(sys, folio), false, true);
  sys.lru.drain(sys.currentCpu);
  if (memmap.hasFlags(folio, PG_DIRTY) || memmap.refcount[folio] !== 1) return false;

  const startPgoff = memmap.index[folio];
  const flags = memmap.flags[folio];
  const isListed = (flags & PG_LRU) !== 0;
  if (isListed) sys.reclaimPolicy.removePage(folio);
  memmap.destroyCompound(folio);
  memmap.flags[folio] &= ~KEPT_FLAGS;
  for (const piece of piecesOf(startPgoff, order, pgoff, isUniform)) {
    splitIndex(inode, piece.pgoff, piece.order, order);
    const head = folio + (piece.pgoff - startPgoff);
    memmap.flags[head] |= flags & KEPT_FLAGS;
    memmap.refcount[head] = 1;
    memmap.index[head] = piece.pgoff;
    memmap.private[head] = NO_SWAP_ENTRY;
    if (piece.order > 0) memmap.prepCompound(head, piece.order);
    memmap.mapping[head] = inode.id;
    if (isListed) sys.reclaimPolicy.addPage(head);
    else sys.lru.addPage(head, sys.currentCpu);
  }
  return true;
}

/** Cuts the index until an entry of a piece's size stands there. */
function splitIndex(inode: Inode, pgoff: number, order: Order, wholeOrder: Order): void {
  for (let at = wholeOrder - 1; at >= order; at--) {
    if (inode.pages.orderOf(pgoff) > at) inode.pages.split(pgoff, at);
  }
}

/** Pieces of a folio in the order of the file. */
function piecesOf(
  startPgoff: number,
  order: Order,
  pgoff: number,
  isUniform: boolean,
): { pgoff: number; order: Order }[] {
  if (isUniform) return Array.from({ length: 2 ** order }, (_, at) => ({ pgoff: startPgoff + at, order: 0 }));
  const pieces = [{ pgoff, order: 0 }];
  let first = startPgoff;
  for (let at = order - 1; at >= 0; at--) {
    const half = first + 2 ** at;
    if (pgoff >= half) {
      pieces.push({ pgoff: first, order: at });
      first = half;
    } else {
      pieces.push({ pgoff: half, order: at });
    }
  }
  return pieces.sort((a, b) => a.pgoff - b.pgoff);
}
