/** One function an operation: it adds lines to the script and brings the sketch up to date. */
import { type Random } from "./random.ts";
import { ARENA_PAGES, type Sketch, type SketchFile, type SketchPage, SketchProcess } from "./sketch.ts";
import { accessAddress, anyRange, rangeText, someRange } from "./targets.ts";

/** What operations need. */
export interface Scribe {
  readonly random: Random;
  readonly sketch: Sketch;
  readonly lines: string[];
}

/** Adds an operation; returns false when there is nothing to do it with. */
export type WriteOperation = (scribe: Scribe) => boolean;

const MOST_PROCESSES = 5;
/** Long enough for pages to get to the disk: until then the kernel's answers depend on how fast it is. */
const WRITEBACK_MS = 40;

const PROTECTIONS = [
  [12, "rw"],
  [4, "r"],
  [2, "rwx"],
  [2, "rx"],
  [1, "-"],
  [1, "w"],
] as const;

// ---- mappings ----

/** `mmap` of every kind: where, what, how. */
export function mmap({ random, sketch, lines }: Scribe): boolean {
  const { current } = sketch;
  const range = anyRange(random);
  const protection = random.pickWeighted(PROTECTIONS);
  const file = random.oneIn(3) && sketch.files.length > 0 ? random.pick(sketch.files) : null;
  const isShared = random.oneIn(3);
  const flags = [
    ...(isShared ? [random.oneIn(12) ? "validate" : "shared"] : ["private"]),
    ...(file === null ? ["anon"] : []),
  ];
  const where = random.pickWeighted([
    [8, "free"],
    [6, "fixed"],
    [3, "hint"],
    [3, "any"],
  ] as const);
  if (where === "fixed" || where === "hint") flags.push(where);
  addRareFlags(random, flags, isShared, file !== null);
  // Where nothing is, most of the time; else it is the error that is asked for.
  const start = where === "free" ? freeStart(random, sketch, range.nrPages) : range.start;
  const offset = file === null ? 0 : random.below(Math.max(1, file.nrPages));
  const behind = file === null ? "" : ` ${file.name}${random.oneIn(3) ? "" : ` ${offset}`}`;
  lines.push(
    `mmap ${where === "any" ? "any" : start} ${range.nrPages} ${protection} ${flags.join(",")}${behind}`,
  );
  const page: SketchPage = {
    isShared,
    file: file?.name ?? null,
    canRead: protection !== "-",
    canWrite: protection.includes("w"),
  };
  if (where === "any") current.nrLastMapped = range.nrPages;
  else if (where === "fixed" || current.isFree(start, range.nrPages)) current.set(start, range.nrPages, page);
  return true;
}

function addRareFlags(random: Random, flags: string[], isShared: boolean, isFile: boolean): void {
  if (random.oneIn(10)) flags.push("populate");
  if (random.oneIn(40)) flags.push("populate", "nonblock");
  if (random.oneIn(12)) flags.push("noreserve");
  if (random.oneIn(30)) flags.push("locked");
  if (random.oneIn(30)) flags.push("stack");
  // Of shared or file mappings it is an error, which one look in a while is enough for.
  if (random.oneIn(isShared || isFile ? 40 : 8)) flags.push("growsdown");
}

function freeStart(random: Random, sketch: Sketch, nrPages: number): number {
  const starts: number[] = [];
  for (let start = 0; start + nrPages <= ARENA_PAGES; start++) {
    if (sketch.current.isFree(start, nrPages)) starts.push(start);
  }
  return starts.length === 0 || random.oneIn(12) ? random.below(ARENA_PAGES - nrPages) : random.pick(starts);
}

/** `munmap`. */
export function munmap({ random, sketch, lines }: Scribe): boolean {
  const range = someRange(random, sketch, 6);
  lines.push(`munmap ${rangeText(random, sketch, range)}`);
  sketch.current.set(range.start, range.nrPages, null);
  return true;
}

/** `mprotect`, seldom with PROT_GROWSDOWN. */
export function mprotect({ random, sketch, lines }: Scribe): boolean {
  const range = someRange(random, sketch);
  const protection = random.pickWeighted(PROTECTIONS);
  const growsDown = random.oneIn(25) && protection !== "-" ? "g" : "";
  lines.push(`mprotect ${rangeText(random, sketch, range)} ${protection}${growsDown}`);
  for (let at = range.start; at < range.start + range.nrPages; at++) {
    const page = sketch.current.pages[at];
    if (page == null) break;
    sketch.current.pages[at] = { ...page, canRead: protection !== "-", canWrite: protection.includes("w") };
  }
  return true;
}

/** `mremap`: in place, moving, to a place, leaving the old mapping; shrinking and growing. */
export function mremap({ random, sketch, lines }: Scribe): boolean {
  const { current } = sketch;
  const { start, nrPages } = someRange(random, sketch, 8);
  const flags = random.pickWeighted([
    [3, "-"],
    [3, "maymove"],
    [5, "maymove,fixed"],
    [2, "maymove,dontunmap"],
    [2, "maymove,fixed,dontunmap"],
    [1, "fixed"],
  ] as const);
  const keepsSize = flags.includes("dontunmap") ? !random.oneIn(8) : random.oneIn(3);
  const nrOld = random.oneIn(40) ? 0 : nrPages;
  const nrNew = keepsSize ? nrPages : random.between(1, 12);
  const isFixed = flags.includes("fixed");
  const to = random.below(ARENA_PAGES - nrNew);
  lines.push(`mremap ${start} ${nrOld} ${nrNew} ${flags}${isFixed ? ` ${to}` : ""}`);
  // If it goes where the kernel likes, that is the last mapping.
  if (flags.startsWith("maymove") && !isFixed) current.nrLastMapped = Math.min(current.nrLastMapped, 1);
  const page = current.pages[start] ?? null;
  const overlaps = to < start + nrPages && start < to + nrNew;
  if (page === null) return true;
  if (isFixed && !overlaps) {
    if (!flags.includes("dontunmap")) current.set(start, nrPages, null);
    current.set(to, nrNew, page);
  } else if (!isFixed && nrNew <= nrPages) {
    current.set(start + nrNew, nrPages - nrNew, null);
  }
  return true;
}

/** `brk`: mostly a little further, now and then back or below where it began. */
export function brk({ random, sketch, lines }: Scribe): boolean {
  const nrPages = random.oneIn(15) ? -1 : random.between(0, 28);
  lines.push(`brk ${nrPages}`);
  if (nrPages >= 0) sketch.current.nrBreakPages = nrPages;
  return true;
}

// ---- accesses ----

/** `read` of one page, or of several for a hash. */
export function read({ random, sketch, lines }: Scribe): boolean {
  const address = accessAddress(random, sketch, ({ canRead }) => canRead);
  lines.push(`read ${address}${severalPages(random, address)}`);
  return true;
}

/** `write` of one page or several. */
export function write({ random, sketch, lines }: Scribe): boolean {
  const address = accessAddress(random, sketch, ({ canWrite }) => canWrite);
  lines.push(`write ${address} ${random.between(1, 199)}${severalPages(random, address)}`);
  return true;
}

/**
 * Not in the last mapping: behind it lies the vvar page, whose bytes are the time. And not from below the stack on: how
 * much of that is there already is the recorder's.
 */
function severalPages(random: Random, address: string): string {
  if (/^[ms]/.test(address) || !random.oneIn(4)) return "";
  const stride = random.oneIn(4) ? ` ${random.between(2, 3)}` : "";
  return ` ${random.between(2, 6)}${stride}`;
}

/** Writes a whole area: what is swapped, forked and copied later has to be there first. */
export function fillArea({ random, sketch, lines }: Scribe): boolean {
  const pages = sketch.current.collectPages(({ canWrite }) => canWrite);
  if (pages.length === 0) return false;
  const start = random.pick(pages);
  let nrPages = 1;
  while (sketch.current.pages[start + nrPages]?.canWrite === true) nrPages++;
  lines.push(`write ${start} ${random.between(1, 199)} ${nrPages}`);
  return true;
}

/** `exec` where nothing is, or where nothing may be executed: bytes that are executed may do anything. */
export function exec({ random, lines }: Scribe): boolean {
  lines.push(`exec ${random.pick(["4000", "4001", "@0", "@2000"])}`);
  return true;
}

// ---- advice and locks ----

const ADVICES = [
  [5, "dontneed"],
  [4, "free"],
  [3, "cold"],
  [8, "pageout"],
  [3, "willneed"],
  [3, "populate_read"],
  [4, "populate_write"],
  [2, "remove"],
  [2, "dontneed_locked"],
  [3, "guard_install"],
  [3, "guard_remove"],
  [2, "dontfork"],
  [1, "dofork"],
  [2, "wipeonfork"],
  [1, "keeponfork"],
  [1, "normal"],
  [1, "random"],
  [1, "sequential"],
  [1, "dontdump"],
  [1, "dodump"],
  [1, "hugepage"],
  [1, "nohugepage"],
  [1, "mergeable"],
  [1, "unmergeable"],
] as const;

/** `madvise` with any name. */
export function madvise({ random, sketch, lines }: Scribe): boolean {
  const advice = random.oneIn(60) ? String(random.pick([5, 7, 30, 77])) : random.pickWeighted(ADVICES);
  const mostPages = advice === "pageout" ? 24 : 12;
  lines.push(`madvise ${rangeText(random, sketch, someRange(random, sketch, mostPages))} ${advice}`);
  if (advice === "pageout") lines.push(`sleep ${WRITEBACK_MS}`);
  return true;
}

const ADVICES_THAT_KEEP = ADVICES.filter(([, name]) => name !== "pageout");

/** `madvise` with any name but pageout: nothing goes to swap. */
export function madviseKeeping({ random, sketch, lines }: Scribe): boolean {
  const advice = random.pickWeighted(ADVICES_THAT_KEEP);
  lines.push(`madvise ${rangeText(random, sketch, someRange(random, sketch))} ${advice}`);
  return true;
}

/** Pages out an area, and mostly touches it again: from the swap cache or from the disk. */
export function pageOutAndIn({ random, sketch, lines }: Scribe): boolean {
  const { start, nrPages } = someRange(random, sketch, 24, ({ canWrite }) => canWrite);
  const range = `${start} ${nrPages}`;
  lines.push(`madvise ${range} pageout`, `sleep ${WRITEBACK_MS}`);
  // The second time what was written the first time leaves the swap cache.
  if (random.oneIn(2)) lines.push(`madvise ${range} pageout`, `sleep ${WRITEBACK_MS}`);
  const at = random.between(start, start + nrPages - 1);
  const touches = [[`read ${at}`], [`write ${at} ${random.between(1, 199)}`], []];
  lines.push(...random.pick(touches));
  return true;
}

/** `pmadvise` of any process, this one too. */
export function pmadvise({ random, sketch, lines }: Scribe): boolean {
  const target = random.pick(sketch.alive);
  const advice = random.pick([
    "cold",
    "pageout",
    "willneed",
    "cold",
    "pageout",
    "willneed",
    "dontneed",
    "collapse",
  ]);
  const { start, nrPages } = someRange(random, sketch);
  lines.push(`pmadvise ${target.name} ${start} ${nrPages} ${advice === "collapse" ? "77" : advice}`);
  if (advice === "pageout") lines.push(`sleep ${WRITEBACK_MS}`);
  return true;
}

/** `mlock`, `mlock2`, `munlock`, and all future mappings now and then. */
export function lock({ random, sketch, lines }: Scribe): boolean {
  const range = rangeText(random, sketch, someRange(random, sketch, 10));
  lines.push(
    random.pickWeighted([
      [8, `mlock ${range}`],
      [8, `mlock2 ${range} onfault`],
      [2, `mlock2 ${range} -`],
      [8, `munlock ${range}`],
      [1, "mlockall future"],
      [1, "mlockall future,onfault"],
      [2, "munlockall"],
    ]),
  );
  return true;
}

/** `mseal`: what is sealed stays, so few pages of it. */
export function mseal({ random, sketch, lines }: Scribe): boolean {
  lines.push(`mseal ${rangeText(random, sketch, someRange(random, sketch, 4))}`);
  return true;
}

/** `msync` with every combination of flags, wrong ones too. */
export function msync({ random, sketch, lines }: Scribe): boolean {
  const flags = random.pick([
    "sync",
    "async",
    "invalidate",
    "sync,invalidate",
    "async,invalidate",
    "sync,async",
    "-",
  ]);
  lines.push(`msync ${rangeText(random, sketch, someRange(random, sketch))} ${flags}`);
  return true;
}

/** `mincore`. */
export function mincore({ random, sketch, lines }: Scribe): boolean {
  lines.push(`mincore ${rangeText(random, sketch, someRange(random, sketch, 20))}`);
  return true;
}

// ---- files ----

function someFile({ random, sketch }: Scribe): SketchFile | null {
  return sketch.files.length === 0 ? null : random.pick(sketch.files);
}

/** `ftruncate`: sizes may end within a page. */
export function ftruncate(scribe: Scribe): boolean {
  const file = someFile(scribe);
  if (file === null) return false;
  const { random, lines } = scribe;
  const nrPages = random.between(0, file.mostPages);
  lines.push(`ftruncate ${file.name} ${nrPages}${random.oneIn(5) ? `.${random.pick([1, 100, 4095])}` : ""}`);
  if (!file.isReadOnly) file.nrPages = nrPages;
  return true;
}

/** `punch`. */
export function punch(scribe: Scribe): boolean {
  const file = someFile(scribe);
  if (file === null) return false;
  const { random, lines } = scribe;
  lines.push(
    `punch ${file.name} ${random.below(file.nrPages + 2)} ${random.between(random.oneIn(20) ? 0 : 1, 8)}`,
  );
  return true;
}

/** `pread` and `pwrite` of a byte. */
export function transfer(scribe: Scribe): boolean {
  const file = someFile(scribe);
  if (file === null) return false;
  const { random, lines } = scribe;
  const at = `${random.below(file.nrPages + 2)}${random.oneIn(4) ? `.${random.pick([1, 4095])}` : ""}`;
  lines.push(
    random.oneIn(2) ? `pread ${file.name} ${at}` : `pwrite ${file.name} ${at} ${random.between(1, 199)}`,
  );
  return true;
}

/** `fsync` and `fadvise`, which files in memory take and ignore. */
export function fileAdvice(scribe: Scribe): boolean {
  const file = someFile(scribe);
  if (file === null) return false;
  const { random, lines } = scribe;
  const advice = random.pick(["dontneed", "random", "sequential", "willneed"]);
  const range = `${random.below(file.nrPages + 1)} ${random.between(0, 8)}`;
  lines.push(random.oneIn(2) ? `fsync ${file.name}` : `fadvise ${file.name} ${range} ${advice}`);
  return true;
}

// ---- processes ----

/** `fork`; half of the time the script goes on in the child. */
export function fork({ random, sketch, lines }: Scribe): boolean {
  if (sketch.processes.length === MOST_PROCESSES) return false;
  const { current } = sketch;
  const child = new SketchProcess(`P${sketch.processes.length}`, current.name, current.pages);
  child.nrBreakPages = current.nrBreakPages;
  child.nrLastMapped = current.nrLastMapped;
  child.stream = current.stream === null ? null : { ...current.stream };
  child.hasDroppedCaps = current.hasDroppedCaps;
  child.limits = new Map(current.limits);
  sketch.processes.push(child);
  lines.push(`fork ${child.name}`);
  if (random.oneIn(2)) switchTo(child, sketch, lines);
  return true;
}

/** `on`: another process goes on. */
export function on({ random, sketch, lines }: Scribe): boolean {
  const others = sketch.alive.filter((process) => process !== sketch.current);
  if (others.length === 0) return false;
  switchTo(random.pick(others), sketch, lines);
  return true;
}

/** `exit`, with a parent left that can go on; mostly it waits soon. */
export function exit({ random, sketch, lines }: Scribe): boolean {
  const { current, alive } = sketch;
  // The parent has to be there: who inherits its children is not the script's.
  const parent = alive.find(({ name }) => name === current.parent);
  if (parent === undefined) return false;
  lines.push(`exit ${random.below(4)}`);
  current.isAlive = false;
  parent.nrZombies++;
  switchTo(random.oneIn(3) ? parent : random.pick(sketch.alive), sketch, lines);
  return true;
}

/** `wait`, for a child that has exited. */
export function wait({ sketch, lines }: Scribe): boolean {
  if (sketch.current.nrZombies === 0) return false;
  sketch.current.nrZombies--;
  lines.push("wait");
  return true;
}

function switchTo(process: SketchProcess, sketch: Sketch, lines: string[]): void {
  sketch.current = process;
  lines.push(`on ${process.name}`);
}

// ---- limits and settings ----

/** `rlimit`, so low that the next mappings meet it; never higher than before, which takes a right that roots may lack. */
export function rlimit({ random, sketch, lines }: Scribe): boolean {
  const { limits } = sketch.current;
  const name = random.pick(["as", "data", "memlock", "stack"] as const);
  const before = limits.get(name);
  if (name === "as" || name === "data") {
    // It counts from what there is, which may be more than at the time of the last one.
    if (before !== undefined) return false;
    limits.set(name, 0);
    lines.push(`rlimit ${name} +${random.between(0, 40) * 4}`);
    return true;
  }
  const [least, most] = name === "memlock" ? [0, 20] : [16, 64];
  const nrPages = random.between(least, before ?? most);
  limits.set(name, nrPages);
  lines.push(`rlimit ${name} ${nrPages * 4}`);
  return true;
}

/** `dropcaps`, once a process: RLIMIT_MEMLOCK counts from then on. */
export function dropcaps({ sketch, lines }: Scribe): boolean {
  if (sketch.current.hasDroppedCaps) return false;
  sketch.current.hasDroppedCaps = true;
  lines.push("dropcaps");
  return true;
}

/** `clear_refs`: accessed bits mostly; soft-dirty, the most ever resident; what there is not. */
export function clearRefs({ random, lines }: Scribe): boolean {
  lines.push(`clear_refs ${random.pick([1, 1, 2, 2, 3, 3, 4, 4, 5, 6])}`);
  return true;
}

/** `prctl` that concerns memory: THP_DISABLE, MDWE, MEMORY_MERGE, no_new_privs, and what they say then. */
export function prctl({ random, lines }: Scribe): boolean {
  lines.push(
    `prctl ${random.pick(["41 1", "41 0", "42", "42", "65 1", "65 3", "66", "66", "67 1", "67 0", "68", "38 1", "39"])}`,
  );
  return true;
}

/** `oom_score_adj`; out of range is an error. */
export function oomScoreAdj({ random, lines }: Scribe): boolean {
  lines.push(`oom_score_adj ${random.pick([0, 100, 500, 1000, 1001])}`);
  return true;
}

/** `drain`. */
export function drain({ lines }: Scribe): boolean {
  lines.push("drain");
  return true;
}
