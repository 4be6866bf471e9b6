import {
  DEF_PRIORITY,
  EVICT_FREED,
  EVICT_NO_SWAP,
  NO_SHADOW,
  PG_ANON,
  type Pfn,
  type ReclaimHost,
  SWAP_CLUSTER_MAX,
  WORKINGSET_REFAULT_FILE,
  ZONE_NORMAL,
} from "@pageframe/contracts";
import { Memmap, VmStat } from "@pageframe/memmap";
import { ActiveInactivePolicy, LruCache } from "../src/index.ts";
import { Scan } from "../src/scan.ts";
import { ANON } from "./helpers.ts";

const NR_FRAMES = 4096;
const NO_FRAME = -1;

/** What reading cost: reads of pages that were not cached, and how many of those had been there before. */
export interface ReadCosts {
  readonly misses: number;
  readonly refaults: number;
}

/** A page cache of one file for a task with a few anonymous pages that it uses all the time. */
class FileCache implements ReclaimHost {
  readonly memmap: Memmap;
  readonly frameOf: Int32Array;
  readonly shadowOf: Int32Array;
  evictedShadow: (pfn: Pfn) => number = () => NO_SHADOW;
  nrUsed = 0;
  private readonly pageOf: Int32Array;
  private readonly free: number[] = [];

  constructor(nrPages: number) {
    this.memmap = new Memmap(NR_FRAMES, 64);
    this.memmap.zoneId.fill(ZONE_NORMAL);
    this.frameOf = new Int32Array(nrPages).fill(NO_FRAME);
    this.shadowOf = new Int32Array(nrPages).fill(NO_SHADOW);
    this.pageOf = new Int32Array(NR_FRAMES);
    for (let pfn = NR_FRAMES - 1; pfn >= 0; pfn--) this.free.push(pfn);
  }
  take(flags: number): number {
    const pfn = this.free.pop();
    if (pfn === undefined) throw new Error("no frame is left");
    this.memmap.flags[pfn] = flags;
    this.memmap.refcount[pfn] = 1;
    this.nrUsed++;
    return pfn;
  }
  cache(page: number): number {
    const pfn = this.take(0);
    this.pageOf[pfn] = page;
    this.frameOf[page] = pfn;
    return pfn;
  }
  pageReferenced(pfn: Pfn): number {
    return this.memmap.hasFlags(pfn, PG_ANON) ? 1 : 0;
  }
  evictPage(pfn: Pfn): number {
    if (this.memmap.hasFlags(pfn, PG_ANON)) return EVICT_NO_SWAP;
    const page = this.pageOf[pfn];
    this.shadowOf[page] = this.evictedShadow(pfn);
    this.frameOf[page] = NO_FRAME;
    this.memmap.flags[pfn] = 0;
    this.memmap.refcount[pfn] = 0;
    this.free.push(pfn);
    this.nrUsed--;
    return EVICT_FREED;
  }
  nrFreeSwapSlots(): number {
    return 16_000;
  }
  nrSwapSlots(): number {
    return 16_000;
  }
  isMappedExecutable(): boolean {
    return false;
  }
}

/** Reads pages of a file one by one, without readahead, under a limit of `nrPages` of which `nrAnon` are the reader's own. */
export function readFile(pages: readonly number[], nrPages: number, nrAnon: number): ReadCosts {
  const cache = new FileCache(Math.max(...pages) + 1);
  const { memmap, shadowOf, frameOf } = cache;
  const vmstat = new VmStat(1);
  const policy = new ActiveInactivePolicy({
    memmap,
    vmstat,
    host: cache,
    nrNodes: 1,
    swappiness: 60,
    seed: 0,
    trace: null,
  });
  cache.evictedShadow = (pfn): number => policy.evictedShadow(pfn);
  const lru = new LruCache({
    memmap,
    policy,
    nrCpus: 1,
    releaser: { releasePage: () => undefined },
    mlock: { settleMlocked: () => undefined, noteUncounted: () => undefined },
  });
  const scan = new Scan(lru);
  scan.nrToReclaim = SWAP_CLUSTER_MAX;
  for (let page = 0; page < nrAnon; page++) lru.addPage(cache.take(ANON), 0);
  let misses = 0;
  let lastPage = -1;
  for (const page of pages) {
    let pfn = frameOf[page];
    if (pfn === NO_FRAME) {
      misses++;
      if (cache.nrUsed >= nrPages) reclaim(policy, scan);
      pfn = cache.cache(page);
      if (shadowOf[page] !== NO_SHADOW) policy.refault(pfn, shadowOf[page]);
      shadowOf[page] = NO_SHADOW;
      lru.addPage(pfn, 0);
    }
    // filemap_read() does not mark the page where the last read ended.
    if (page !== lastPage) lru.markAccessed(pfn, 0);
    lastPage = page;
  }
  policy.checkInvariants();
  return { misses, refaults: vmstat.nodeStat(0, WORKINGSET_REFAULT_FILE) };
}

/** One try of reclaim for a limit. */
function reclaim(policy: ActiveInactivePolicy, scan: Scan): void {
  scan.nrReclaimed = 0;
  for (scan.priority = DEF_PRIORITY; scan.priority >= 0; scan.priority--) {
    scan.nrScanned = 0;
    policy.shrinkNode(scan);
    if (scan.nrReclaimed >= scan.nrToReclaim) break;
  }
  policy.snapshotRefaults(0);
}
