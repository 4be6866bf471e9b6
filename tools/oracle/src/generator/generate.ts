/** Random scripts: a seed gives one, always the same. */
import { beginOnDisk, settle } from "./disk.ts";
import { type Scribe } from "./operations.ts";
import { diskProfiles, profiles, weightedOperations } from "./profiles.ts";
import { Random } from "./random.ts";
import { Sketch } from "./sketch.ts";

/** Operations of a script when nothing else is asked for. */
export const DEFAULT_OPERATIONS = 60;

const FILE_PAGES = 24;
const MOST_FILE_PAGES = 32;
/** Operations between two snapshots. */
const SNAP_EVERY = 7;
const SNAP = "snap maps,pagemap,mapcount,smaps,status";
/**
 * What is observed now and then besides, until something is paged out: whether a page that comes back starts as active
 * depends on how much of other files the machine has in memory (workingset_refault).
 */
const MORE_PARTS = [
  [4, ""],
  [3, ",lru"],
  [2, ",kpf,lru"],
  [1, ",numa"],
  [1, ",lru,numa,oom"],
] as const;
const LAST_SNAP = "snap maps,pagemap,mapcount,kpf,smaps,status,oom";

/** What scripts may be like. */
export interface ScriptKind {
  /**
   * Whether pages are read ahead from swap; else the script sets vm.page-cluster to 0: on disks that rotate, how many
   * pages are read from swap at a time depends on all that was read before. Default: true.
   */
  readonly hasReadahead?: boolean;
  /** Whether most of its files lie on a disk, as kind ext4. Default: false. */
  readonly isOnDisk?: boolean;
}

/** Writes the script of a seed. */
export function generateScript(
  seed: number,
  nrOperations = DEFAULT_OPERATIONS,
  { hasReadahead = true, isOnDisk = false }: ScriptKind = {},
): string {
  const random = new Random(seed);
  const scribe: Scribe = { random, sketch: new Sketch(), lines: [] };
  const [profile, weights] = isOnDisk
    ? random.pick(Object.entries(diskProfiles))
    : random.pick(Object.entries(profiles));
  scribe.lines.push(`# seed ${seed}, ${profile}${isOnDisk ? " on a disk" : ""}`);
  if (!hasReadahead) scribe.lines.push("sysctl vm/page-cluster 0");
  if (isOnDisk) beginOnDisk(scribe);
  else begin(scribe);
  const choices = weightedOperations(weights);
  const hasSwapped = () => !isOnDisk && hasPagedOut(scribe);
  for (let done = 0; done < nrOperations; done++) {
    while (!random.pickWeighted(choices)(scribe));
    if (done % SNAP_EVERY === SNAP_EVERY - 1) {
      if (isOnDisk) settle(scribe);
      scribe.lines.push(hasSwapped() ? SNAP : `${SNAP}${random.pickWeighted(MORE_PARTS)}`);
    }
  }
  if (isOnDisk) settle(scribe);
  const lastSnap = hasSwapped() ? LAST_SNAP : `${LAST_SNAP},lru,numa`;
  for (const { name } of scribe.sketch.alive) scribe.lines.push(`on ${name}`, lastSnap);
  return `${scribe.lines.join("\n")}\n`;
}

function hasPagedOut({ lines }: Scribe): boolean {
  return lines.some((line) => line.endsWith("pageout"));
}

/** Files, and a mapping of each kind, so that the first operations find something. */
function begin({ random, sketch, lines }: Scribe): void {
  const kinds = random.oneIn(4) ? ["memfd", "tmpfs", "tmpfs"] : ["tmpfs", "memfd"];
  for (const [index, kind] of kinds.entries()) {
    const isReadOnly = index === 2;
    const name = `f${index}`;
    const options = [...(random.oneIn(4) ? [] : [" fill"]), ...(isReadOnly ? [" ro"] : [])].join("");
    lines.push(`file ${name} ${kind} ${FILE_PAGES}${options}`);
    sketch.files.push({ name, isReadOnly, nrPages: FILE_PAGES, mostPages: MOST_FILE_PAGES });
  }
  const { current } = sketch;
  const plain = { canRead: true, canWrite: true, file: null };
  lines.push("mmap 0 20 rw private,anon", "mmap 24 10 rw shared f0 4", "mmap 36 10 rw private f1 2");
  lines.push("mmap 48 8 rw shared,anon", "mmap 58 6 r private,anon");
  current.set(0, 20, { ...plain, isShared: false });
  current.set(24, 10, { ...plain, isShared: true, file: "f0" });
  current.set(36, 10, { ...plain, isShared: false, file: "f1" });
  current.set(48, 8, { ...plain, isShared: true });
  current.set(58, 6, { ...plain, isShared: false, canWrite: false });
}
