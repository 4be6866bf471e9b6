/**
 * Times the page index over 2^18 pages (1 GiB). Usage: node page-index.bench.js [in-order|scattered]. Prints the median of
 * nine rounds, fastest and slowest, in ns of CPU time per page; the first line is a bare typed array, for comparison.
 */
import { PAGECACHE_TAG_DIRTY, PAGECACHE_TAG_WRITEBACK, PageIndex, PageIndexPool } from "@pageframe/pagecache";

const NR_PAGES = 1 << 18;
const NR_FILES = 1 << 14;
const ROUNDS = 9;
const LARGE_ORDER = 4;
const FAR = 2 ** 35;

const name = process.argv[2] ?? "in-order";
const order = new Int32Array(NR_PAGES);
for (let at = 0; at < NR_PAGES; at++)
  order[at] = name === "scattered" ? Math.imul(at, 0x9e3779b1) & (NR_PAGES - 1) : at;

const cpuMs = (): number => process.cpuUsage().user / 1000;
const times: Record<string, number[]> = {};
function time(what: string, nrPages: number, work: () => void): void {
  const start = cpuMs();
  work();
  (times[what] ??= []).push(((cpuMs() - start) * 1e6) / nrPages);
}

const pool = new PageIndexPool();
const index = new PageIndex(pool);
const large = new PageIndex(pool);
const far = new PageIndex(pool);
const files = Array.from({ length: NR_FILES }, () => new PageIndex(pool));
for (let at = 0; at < NR_PAGES; at++) index.store(at, at);
for (let at = 0; at < NR_PAGES; at += 1 << LARGE_ORDER) large.storeLarge(at, LARGE_ORDER, at);
for (let at = 0; at < NR_PAGES; at++) far.store(FAR + at, at);
for (const file of files) for (let at = 0; at < 16; at++) file.store(at, at);
let sum = 0;

for (let round = 0; round < ROUNDS; round++) {
  time("bare array", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++) sum ^= order[order[at]];
  });
  time("load", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++) sum ^= index.load(order[at]);
  });
  time("load, folios of 16", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++) sum ^= large.load(order[at]);
  });
  time("load, beyond 2^35", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++) sum ^= far.load(FAR + order[at]);
  });
  time("load, files of 16 pages", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++) sum ^= files[order[at] >> 4].load(order[at] & 15);
  });
  time("mark dirty", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++) index.setMark(order[at], PAGECACHE_TAG_DIRTY);
  });
  time("tag for writeback", NR_PAGES, () => {
    index.tagForWriteback(0, Infinity);
  });
  time("find dirty, to writeback, done", NR_PAGES, () => {
    let at = index.nextMarked(0, Infinity, PAGECACHE_TAG_DIRTY);
    for (; at >= 0; at = index.nextMarked(at + 1, Infinity, PAGECACHE_TAG_DIRTY)) {
      index.clearMark(at, PAGECACHE_TAG_DIRTY);
      index.setMark(at, PAGECACHE_TAG_WRITEBACK);
    }
    for (at = 0; at < NR_PAGES; at++) index.clearMark(at, PAGECACHE_TAG_WRITEBACK);
  });
  time("next page", NR_PAGES, () => {
    for (let at = index.nextPage(0, Infinity); at >= 0; at = index.nextPage(at + 1, Infinity)) sum ^= at;
  });
  time("next miss", NR_PAGES, () => {
    sum ^= index.nextMiss(0, 2 * NR_PAGES);
  });
  time("evict, leaving shadows", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++) index.storeShadow(order[at], at);
  });
  time("store over shadows", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++) index.store(order[at], at);
  });
  time("erase", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++) index.erase(order[at]);
  });
  time("store", NR_PAGES, () => {
    for (let at = 0; at < NR_PAGES; at++) index.store(order[at], at);
  });
}
for (const [what, list] of Object.entries(times)) {
  list.sort((a, b) => a - b);
  console.log(
    `${name}  ${what}: ${list[ROUNDS >> 1].toFixed(1)} ns/page (${list[0].toFixed(1)} to ${list[ROUNDS - 1].toFixed(1)})`,
  );
}
if (sum === 1) console.log(sum);
