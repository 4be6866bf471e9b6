/**
 * Operations on files that lie on a disk: streams and jumps through a mapping too long for the arena, reads of the file
 * itself, advice. Where reads run ahead or dirty pages are on their way, a `sleep` lets them arrive: a page that is
 * still being read when one looks has no one answer.
 */
import { mincore, type Scribe } from "./operations.ts";

/** First page of the long mapping, behind the arena. */
const STREAM_START = 200;
/** Pages of the file that is streamed, and of the mapping. */
const STREAM_PAGES = 192;
/** Long enough for reads and writes on a disk in memory. */
const SETTLE_MS = 20;

const SETTLE = `sleep ${SETTLE_MS}`;

const STREAM_ADVICES = [
  [3, "normal"],
  [3, "random"],
  [3, "sequential"],
  [3, "willneed"],
  [4, "dontneed"],
  [3, "cold"],
  [3, "populate_read"],
  [2, "populate_write"],
  [1, "hugepage"],
] as const;

const FILE_ADVICES = [
  [6, "dontneed"],
  [3, "willneed"],
  [2, "random"],
  [2, "sequential"],
] as const;

/** Files on a disk, one in memory, and mappings of them. */
export function beginOnDisk(scribe: Scribe): void {
  const { random, sketch, lines } = scribe;
  const sizes = [24, STREAM_PAGES, random.pick([1, 16, 40])];
  for (const [index, nrPages] of sizes.entries()) {
    const isReadOnly = index === 2 && random.oneIn(2);
    const isFilled = index === 1 || !random.oneIn(4);
    const words = [isFilled ? " fill" : "", random.oneIn(2) ? " cold" : "", isReadOnly ? " ro" : ""];
    lines.push(`file f${index} ext4 ${nrPages}${words.join("")}`);
    sketch.files.push({ name: `f${index}`, isReadOnly, nrPages, mostPages: Math.max(nrPages, 32) });
  }
  lines.push("file f3 tmpfs 12 fill");
  sketch.files.push({ name: "f3", isReadOnly: false, nrPages: 12, mostPages: 32 });
  const { current } = sketch;
  lines.push("mmap 0 20 rw shared f0", "mmap 24 16 rw private f0 4", "mmap 44 8 rw shared f3");
  current.set(0, 20, { isShared: true, file: "f0", canRead: true, canWrite: true });
  current.set(24, 16, { isShared: false, file: "f0", canRead: true, canWrite: true });
  current.set(44, 8, { isShared: true, file: "f3", canRead: true, canWrite: true });
  mapStream(scribe);
}

/** Maps the long file anew: shared or not, to write or only to read, to execute. */
export function mapStream({ random, sketch, lines }: Scribe): boolean {
  const { current } = sketch;
  if (current.stream !== null) lines.push(`munmap ${STREAM_START} ${STREAM_PAGES}`);
  const protection = random.pickWeighted([
    [6, "rw"],
    [6, "r"],
    [1, "rx"],
  ] as const);
  const isShared = random.oneIn(2);
  const offset = random.oneIn(3) ? random.below(40) : 0;
  const nrPages = STREAM_PAGES - offset;
  const flags = `${isShared ? "shared" : "private"}${random.oneIn(8) ? ",populate" : ""}`;
  lines.push(`mmap ${STREAM_START} ${nrPages} ${protection} ${flags} f1 ${offset}`, SETTLE);
  current.stream = { nrPages, isShared, canWrite: protection === "rw", position: 0 };
  return true;
}

/** Reads on in the long mapping, a few pages or many. */
export function readOn({ random, sketch, lines }: Scribe): boolean {
  const { stream } = sketch.current;
  if (stream === null) return false;
  const left = stream.nrPages - stream.position;
  const nrPages = Math.min(random.oneIn(3) ? random.between(10, 60) : random.between(1, 6), left);
  if (nrPages === 0) {
    stream.position = 0;
    return false;
  }
  lines.push(`read ${STREAM_START + stream.position} ${nrPages}`, SETTLE);
  stream.position += nrPages;
  return true;
}

/** Reads or writes somewhere in the long mapping, and goes on from there at times. */
export function jump({ random, sketch, lines }: Scribe): boolean {
  const { stream } = sketch.current;
  if (stream === null) return false;
  const page = random.below(stream.nrPages);
  const isWrite = stream.canWrite && random.oneIn(3);
  const nrPages = random.oneIn(4) ? Math.min(random.between(2, 5), stream.nrPages - page) : 1;
  const many = nrPages > 1 ? ` ${nrPages}` : "";
  lines.push(
    isWrite
      ? `write ${STREAM_START + page} ${random.between(1, 199)}${many}`
      : `read ${STREAM_START + page}${many}`,
    SETTLE,
  );
  if (random.oneIn(3)) stream.position = Math.min(page + nrPages, stream.nrPages);
  return true;
}

/** Advice on a part of the long mapping, or on all of it; pageout only where every page is the file's. */
export function adviseStream({ random, sketch, lines }: Scribe): boolean {
  const { stream } = sketch.current;
  if (stream === null) return false;
  const isWhole = random.oneIn(4);
  const first = isWhole ? 0 : random.below(stream.nrPages);
  const nrPages = isWhole ? stream.nrPages : Math.min(random.between(1, 48), stream.nrPages - first);
  const isPageOut = stream.isShared && random.oneIn(6);
  const advice = isPageOut ? "pageout" : random.pickWeighted(STREAM_ADVICES);
  lines.push(`madvise ${STREAM_START + first} ${nrPages} ${advice}`, SETTLE);
  return true;
}

/** What of the long file is in memory. */
export function mincoreStream(scribe: Scribe): boolean {
  const { lines, sketch } = scribe;
  const { stream } = sketch.current;
  if (stream === null) return false;
  settle(scribe);
  lines.push(`mincore ${STREAM_START} ${stream.nrPages}`);
  return true;
}

/** `mincore` of what is mapped in the arena. */
export function mincoreSettled(scribe: Scribe): boolean {
  settle(scribe);
  return mincore(scribe);
}

/** Reads bytes of a file page after page, or here and there. */
export function readFile({ random, sketch, lines }: Scribe): boolean {
  const file = random.pick(sketch.files);
  let page = random.below(file.nrPages + 1);
  const isSequential = random.oneIn(2);
  const nrReads = random.between(1, 6);
  for (let done = 0; done < nrReads; done++) {
    lines.push(`pread ${file.name} ${page}`, SETTLE);
    page = isSequential ? page + 1 : random.below(file.nrPages + 1);
  }
  return true;
}

/** `fadvise` on files on a disk: often for all of it. */
export function adviseFile({ random, sketch, lines }: Scribe): boolean {
  const file = random.pick(sketch.files);
  const advice = random.pickWeighted(FILE_ADVICES);
  const isWhole = random.oneIn(2);
  const range = isWhole ? "0 0" : `${random.below(file.nrPages + 1)} ${random.between(1, 40)}`;
  lines.push(`fadvise ${file.name} ${range} ${advice}`, SETTLE);
  return true;
}

/** `fsync`. */
export function fsync({ random, sketch, lines }: Scribe): boolean {
  lines.push(`fsync ${random.pick(sketch.files).name}`);
  return true;
}

/** Pages out a part of the arena where only shared files are: nothing of it goes to swap. */
export function pageOutFile({ random, sketch, lines }: Scribe): boolean {
  const isSharedFile = (at: number) => {
    const page = sketch.current.pages[at];
    return page?.isShared === true && page.file !== null && page.file !== "f3";
  };
  const starts = sketch.current.pages.flatMap((_, at) => (isSharedFile(at) ? [at] : []));
  if (starts.length === 0) return false;
  const start = random.pick(starts);
  let nrPages = 1;
  while (nrPages < 12 && isSharedFile(start + nrPages)) nrPages++;
  lines.push(`madvise ${start} ${nrPages} pageout`, SETTLE);
  return true;
}

/** Lets what is under way arrive. */
export function settle({ lines }: Scribe): void {
  if (lines.at(-1) !== SETTLE) lines.push(SETTLE);
}
