/**
 * Gets a machine ready for a trace with files: a root file system on a disk with the files that were there before, and a page
 * cache that is empty, or as full as it goes. Cold.
 */
import { EINVAL, KernelError, PAGE_SIZE, type TraceMetadata, WMARK_HIGH } from "@pageframe/contracts";
import { addDisk } from "../disk/wire-disks.ts";
import { mountAt } from "../fs/path-walk.ts";
import { type Kernel } from "../kernel.ts";
import { ReplayFiles } from "./replay-files.ts";
import { RecordedRead } from "./replay-io.ts";
import { makeTraceFiles, replayDiskSize } from "./trace-disk.ts";
import { TracePaths } from "./trace-paths.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Model of a disk that a machine gets for a replay. */
const REPLAY_DISK_MODEL = "nvme";
/** Bytes of one read that warms the cache: a window of readahead. */
const WARM_BYTES: number = 128 * 1024;
/** Pages that stay free beside the watermarks: what one such read may take, and as many for tables and metadata. */
const WARM_RESERVE_PAGES: number = (2 * WARM_BYTES) / PAGE_SIZE;

/** How files are prepared. */
export interface PrepareOptions {
  readonly start?: "cold" | "warm";
  readonly verify?: boolean;
}

/**
 * Mounts a root file system that has the trace's files, unless one is mounted: on the first disk that is not in use, or on one
 * that is added. Throws KernelError for a disk that holds something else, or too small a one.
 */
export function prepareFiles(kernel: Kernel, metadata: TraceMetadata, options: PrepareOptions): ReplayFiles {
  const { sys } = kernel;
  const paths = new TracePaths(metadata.files);
  const made = mountAt(sys, "") === null ? mountRoot(kernel, metadata, paths) : new Set<number>();
  const init = [...sys.tasks.values()][0];
  dropClean(kernel);
  if (options.start === "warm") warmCache(kernel, init, metadata, paths);
  return new ReplayFiles(kernel, metadata, paths, options.verify === true ? made : null);
}

function mountRoot(kernel: Kernel, metadata: TraceMetadata, paths: TracePaths): Set<number> {
  const { sys } = kernel;
  const disk =
    sys.disks.find(({ mountedAt }) => mountedAt < 0) ??
    addDisk(sys, { size: replayDiskSize(metadata), model: REPLAY_DISK_MODEL, scheduler: "none" });
  const others = sys.mounts.flatMap((mount) => (mount === null ? [] : [`${mount.path}/`]));
  const made = makeTraceFiles(disk.name, disk.backend, metadata, paths, sys.contents.hasData, (path) =>
    others.some((mount) => path.startsWith(mount)),
  );
  if (kernel.mount(disk.name, "/") < 0) {
    throw new KernelError(EINVAL, `disk ${disk.name} cannot be mounted: ${kernel.mountProblem}`);
  }
  return made;
}

/** Leaves nothing in the page cache that could be read again. */
function dropClean(kernel: Kernel): void {
  kernel.setSysctl("vm/drop_caches", "3");
}

/** Reads the files that were there before, in the order of the trace, until memory is almost used up. */
function warmCache(kernel: Kernel, task: Task, metadata: TraceMetadata, paths: TracePaths): void {
  const { sys } = kernel;
  for (let fileId = 0; fileId < metadata.files.length; fileId++) {
    const { isCreated, isDirectory } = metadata.files[fileId];
    if (isCreated || isDirectory) continue;
    const file = kernel.open(task, paths.pathOf(fileId));
    if (file < 0) continue;
    const isDone = warmFile(kernel, task, file);
    kernel.closeFile(file);
    if (!isDone) break;
  }
  sys.lru.drainAll();
}

/** Reads a file. Returns false when memory ran out before its end. */
function warmFile(kernel: Kernel, task: Task, file: number): boolean {
  const { sys } = kernel;
  const { sizeBytes } = sys.files.inodeOf(file);
  for (let at = 0; at < sizeBytes; at += WARM_BYTES) {
    if (!hasRoom(sys)) return false;
    const sink = new RecordedRead(sys.contents, at, WARM_BYTES, null);
    if (kernel.readTo(task, file, sink, WARM_BYTES, at) <= 0) return true;
  }
  return true;
}

/** Would another read fit without anything having to leave memory? */
function hasRoom(sys: System): boolean {
  const nrKept = sys.frames.zones.reduce((sum, zone) => sum + zone.watermarks[WMARK_HIGH], 0);
  return sys.frames.nrFreePages() > nrKept + WARM_RESERVE_PAGES;
}
