/**
 * /proc/kpageflags and /proc/kpagecount.
 * Source: Linux 6.18 fs/proc/page.c, stable_page_flags(), get_kpage_count().
 * Differs: no flags of huge pages, poisoned pages, memory that is offline, or idle pages.
 */
import {
  MAX_PAGE_ORDER,
  pageFlagsOrder,
  PG_ACTIVE,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PG_BUDDY,
  PG_DIRTY,
  PG_HEAD,
  PG_LOCKED,
  PG_LRU,
  PG_MLOCKED,
  PG_PRIVATE,
  PG_RECLAIM,
  PG_REFERENCED,
  PG_RESERVED,
  PG_SLAB,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_TABLE,
  PG_TAIL,
  PG_UNEVICTABLE,
  PG_UPTODATE,
  PG_WRITEBACK,
  type Pfn,
} from "@pageframe/contracts";
import { type Memmap, NO_ZONE } from "@pageframe/memmap";
import {
  KPF_ACTIVE,
  KPF_ANON,
  KPF_BUDDY,
  KPF_COMPOUND_HEAD,
  KPF_COMPOUND_TAIL,
  KPF_DIRTY,
  KPF_KSM,
  KPF_LOCKED,
  KPF_LRU,
  KPF_MLOCKED,
  KPF_MMAP,
  KPF_NOPAGE,
  KPF_OWNER_2,
  KPF_OWNER_PRIVATE,
  KPF_PGTABLE,
  KPF_PRIVATE,
  KPF_RECLAIM,
  KPF_REFERENCED,
  KPF_RESERVED,
  KPF_SLAB,
  KPF_SWAPBACKED,
  KPF_SWAPCACHE,
  KPF_THP,
  KPF_UNEVICTABLE,
  KPF_UPTODATE,
  KPF_WRITEBACK,
  KPF_ZERO_PAGE,
} from "@pageframe/procfs";
import { type System } from "../system.ts";

/** Bits that are copied as they are: PG_* and KPF_*. */
const COPIED: readonly (readonly [pageFlag: number, kpfBit: number])[] = [
  [PG_HEAD, KPF_COMPOUND_HEAD],
  [PG_LOCKED, KPF_LOCKED],
  [PG_DIRTY, KPF_DIRTY],
  [PG_UPTODATE, KPF_UPTODATE],
  [PG_WRITEBACK, KPF_WRITEBACK],
  [PG_LRU, KPF_LRU],
  [PG_REFERENCED, KPF_REFERENCED],
  [PG_ACTIVE, KPF_ACTIVE],
  [PG_RECLAIM, KPF_RECLAIM],
  [PG_SWAPBACKED, KPF_SWAPBACKED],
  [PG_UNEVICTABLE, KPF_UNEVICTABLE],
  [PG_MLOCKED, KPF_MLOCKED],
  [PG_SLAB, KPF_SLAB],
  [PG_TABLE, KPF_PGTABLE],
  [PG_RESERVED, KPF_RESERVED],
  [PG_ANON_EXCLUSIVE, KPF_OWNER_2],
  [PG_PRIVATE, KPF_PRIVATE],
  [PG_SWAPCACHE, KPF_OWNER_PRIVATE],
];

/**
 * Flags of a frame, a number below 2^43: bits KPF_*. KPF_KSM is set on every anonymous page: since 6.18 that mask holds the
 * bit of anonymous memory too, and any of its bits counts.
 */
export function kpageflags(sys: System, pfn: Pfn): number {
  const { memmap } = sys;
  if (pfn >= memmap.nrFrames || memmap.zoneId[pfn] === NO_ZONE) return 2 ** KPF_NOPAGE;
  const head = memmap.compoundHead(pfn);
  const flags = memmap.flags[head];
  let kpf = 0;
  for (const [pageFlag, kpfBit] of COPIED) if ((flags & pageFlag) !== 0) kpf += 2 ** kpfBit;
  if ((memmap.flags[pfn] & PG_TAIL) !== 0) {
    kpf += 2 ** KPF_COMPOUND_TAIL;
    if ((flags & PG_HEAD) !== 0) kpf -= 2 ** KPF_COMPOUND_HEAD;
  }
  // A large folio on the lists shows as one that is mapped if any of its pages is.
  if (memmap.folioMapcount(head) > 0) kpf += 2 ** KPF_MMAP;
  if ((flags & PG_HEAD) !== 0 && (flags & (PG_LRU | PG_ANON)) !== 0) kpf += 2 ** KPF_THP;
  if ((flags & PG_ANON) !== 0) kpf += 2 ** KPF_ANON + 2 ** KPF_KSM;
  if ((flags & PG_SWAPCACHE) !== 0 && (flags & PG_SWAPBACKED) !== 0) kpf += 2 ** KPF_SWAPCACHE;
  if (pfn === sys.zeroPfn) kpf += 2 ** KPF_ZERO_PAGE;
  if (isFreeBuddyPage(memmap, pfn)) kpf += 2 ** KPF_BUDDY;
  return kpf;
}

/** Page-table entries that map a frame; 0 for the zero page, which nobody counts, and for no frame. */
export function kpagecount(sys: System, pfn: Pfn): number {
  return pfn < sys.memmap.nrFrames ? sys.memmap.mapcount[pfn] : 0;
}

/** Does the frame lie in a free block of the buddy allocator (is_free_buddy_page)? */
function isFreeBuddyPage(memmap: Memmap, pfn: Pfn): boolean {
  if (memmap.refcount[pfn] !== 0) return false;
  for (let order = 0; order <= MAX_PAGE_ORDER; order++) {
    const flags = memmap.flags[pfn - (pfn % 2 ** order)];
    if ((flags & PG_BUDDY) !== 0 && pageFlagsOrder(flags) >= order) return true;
  }
  return false;
}
