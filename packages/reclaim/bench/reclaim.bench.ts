/**
 * Times adding, removing and scanning pages. Usage: node reclaim.bench.js [policy] [in-order|scattered]. Prints the
 * median of nine rounds, fastest and slowest, in ns of CPU time per page.
 */
import { EVICT_FREED, findOccupant, type ReclaimHost, SWAP_CLUSTER_MAX } from "@pageframe/contracts";
import { Memmap, VmStat } from "@pageframe/memmap";
import { LruCache, newScanWrites, reclaimPolicies } from "@pageframe/reclaim";

const NR_PAGES = 1 << 18;
const ANON = (1 << 21) | (1 << 17);
const ROUNDS = 9;

class IdleHost implements ReclaimHost {
  nrReferenced = 0;
  readonly memmap: Memmap;

  constructor(memmap: Memmap) {
    this.memmap = memmap;
  }

  pageReferenced(): number {
    return this.nrReferenced;
  }

  evictPage(pfn: number): number {
    this.memmap.flags[pfn] = ANON;
    return EVICT_FREED;
  }

  nrFreeSwapSlots(): number {
    return 1;
  }

  nrSwapSlots(): number {
    return 1;
  }

  isMappedExecutable(): boolean {
    return false;
  }
}

const name = process.argv[2] ?? "active-inactive";
const memmap = new Memmap(NR_PAGES, 64);
memmap.zoneId.fill(2);
const host = new IdleHost(memmap);
const policy = findOccupant("reclaim policy", reclaimPolicies, name).create({
  memmap,
  vmstat: new VmStat(1),
  host,
  nrNodes: 1,
  swappiness: 60,
  seed: 0,
  trace: null,
});
const cache = new LruCache({
  memmap,
  policy,
  releaser: { releasePage: () => undefined },
  mlock: { settleMlocked: () => undefined, noteUncounted: () => undefined },
  nrCpus: 1,
});
const scan = {
  nodeId: 0,
  nrToReclaim: SWAP_CLUSTER_MAX,
  priority: 0,
  isKswapd: true,
  highestZoneType: 3,
  maySwap: true,
  nrScanned: 0,
  nrReclaimed: 0,
  nrFreePages: 0,
  highWatermark: 0,
  forceDeactivate: false,
  noCacheTrimMode: false,
  skippedDeactivate: false,
  cacheTrimModeFailed: false,
  nr: newScanWrites(),
  isNodeUnderWriteback: false,
  wakeupFlushers: () => undefined,
  lruAddDrain: () => undefined,
};
const isScattered = process.argv[3] === "scattered";
const order = new Int32Array(NR_PAGES);
for (let at = 0; at < NR_PAGES; at++)
  order[at] = isScattered ? Math.imul(at, 0x9e3779b1) & (NR_PAGES - 1) : at;
memmap.flags.fill(ANON);
memmap.refcount.fill(1);

const cpuMs = (): number => process.cpuUsage().user / 1000;
const times: Record<string, number[]> = {};
function time(what: string, nrPages: number, work: () => void): void {
  const start = cpuMs();
  work();
  (times[what] ??= []).push(((cpuMs() - start) * 1e6) / nrPages);
}

for (let round = 0; round < ROUNDS; round++) {
  time("add through batches", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++) cache.addPage(order[at], 0);
    cache.drainAll();
  });
  host.nrReferenced = 1;
  time("scan, all referenced", NR_PAGES, () => {
    scan.nrToReclaim = NR_PAGES;
    policy.shrinkNode(scan);
  });
  host.nrReferenced = 0;
  time("remove", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++)
      if ((memmap.flags[order[at]] & 32) !== 0) policy.removePage(order[at]);
  });
  memmap.flags.fill(ANON);
  for (let at = 0; at < NR_PAGES; at++) policy.addPage(order[at]);
  time("scan, all evicted", NR_PAGES, () => {
    scan.nrToReclaim = NR_PAGES;
    policy.shrinkNode(scan);
  });
  for (let at = 0; at < NR_PAGES; at++) if ((memmap.flags[at] & 32) !== 0) policy.removePage(at);
  memmap.flags.fill(ANON);
}
for (const [what, list] of Object.entries(times)) {
  list.sort((a, b) => a - b);
  console.log(
    `${name}  ${what}: ${list[ROUNDS >> 1].toFixed(1)} ns/page (${list[0].toFixed(1)} to ${list[ROUNDS - 1].toFixed(1)})`,
  );
}
