/**
 * From a path to an inode: through mounts, directories and symbolic links. Cold.
 *
 * The tree that programs see is the mounted file systems, each at its path; where nothing is mounted there is nothing. Links are
 * followed in that tree, never in the host's: a link to /etc in a view of a host's directory leads to this machine's /etc.
 * Source: Linux 6.18 fs/namei.c, link_path_walk(), pick_link(), handle_dots(); path_resolution(7).
 * Differs: no permissions, no working directory: a path without a slash in front begins at the root.
 */
import {
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  FS_NAME_MAX,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
} from "@pageframe/contracts";
import { type SuperBlock } from "../files/inode.ts";
import { type System } from "../system.ts";

/** Links that one path may lead through (MAXSYMLINKS), and its longest form (PATH_MAX). */
const MAXSYMLINKS = 40;
const PATH_MAX = 4096;

/** Where a path leads. */
export interface Place {
  readonly superBlock: SuperBlock;
  /** Its inode, or 0 when the last name does not exist and the caller may make it. */
  readonly ino: number;
  /** Directory and name of the last component; the name is empty for the root of a mount. */
  readonly dirIno: number;
  readonly name: string;
  /** Path without links and dots. */
  readonly path: string;
}

/** Follows a path; with `followLast` a link at its end too. Returns the place, or -errno; a missing last name has `ino` 0. */
export function walkPath(sys: System, path: string, followLast: boolean): Place | number {
  if (path === "") return -ENOENT;
  if (path.length >= PATH_MAX) return -ENAMETOOLONG;
  const pending = path.split("/").reverse();
  const mustBeDirectory = path.endsWith("/") || path.endsWith("/.") || path.endsWith("/..");
  const walked: string[] = [];
  let nrLinks = 0;
  let place: Place | number = placeOf(sys, walked);
  while (pending.length > 0) {
    const name = pending.pop() ?? "";
    if (name === "" || name === ".") continue;
    if (name === "..") {
      walked.pop();
      place = placeOf(sys, walked);
      continue;
    }
    if (name.length > FS_NAME_MAX) return -ENAMETOOLONG;
    const isLast = pending.every((rest) => rest === "" || rest === ".");
    const next = step(sys, place, walked, name);
    if (typeof next === "number") {
      // Above the mounts there are only their paths.
      if (next === -ENOENT && isMountPrefix(sys, [...walked, name])) {
        walked.push(name);
        place = -ENOENT;
        continue;
      }
      return next;
    }
    if (next.ino === 0) return isLast ? next : -ENOENT;
    const target = isLast && !followLast && !mustBeDirectory ? null : linkTarget(next);
    if (typeof target === "number") return target;
    if (target !== null) {
      if (++nrLinks > MAXSYMLINKS) return -ELOOP;
      if (target === "") return -ENOENT;
      if (target.startsWith("/")) walked.length = 0;
      pending.push(...target.split("/").reverse());
      place = placeOf(sys, walked);
      continue;
    }
    walked.push(name);
    place = next;
  }
  if (typeof place === "number") return place;
  if (mustBeDirectory && place.ino !== 0 && typeOf(place) !== S_IFDIR) return -ENOTDIR;
  return place;
}

/** Type of the inode at a place (S_IF*), or -errno. */
export function typeOf(place: Place): number {
  const attributes = place.superBlock.fs.getattr(place.ino);
  return typeof attributes === "number" ? attributes : attributes.mode & S_IFMT;
}

/** Mount at exactly a path, or null. */
export function mountAt(sys: System, path: string): SuperBlock | null {
  return sys.mounts.find((mount) => mount?.path === path) ?? null;
}

/** Goes from a place to a name in it. */
function step(sys: System, from: Place | number, walked: readonly string[], name: string): Place | number {
  const path = `/${[...walked, name].join("/")}`;
  const mounted = mountAt(sys, path);
  if (mounted !== null) return rootOf(mounted);
  if (typeof from === "number") return from;
  const { superBlock, ino } = from;
  const found = superBlock.fs.lookup(ino, name);
  if (found < 0 && found !== -ENOENT) return found;
  return { superBlock, ino: Math.max(0, found), dirIno: ino, name, path };
}

/** Place of a path that was walked already, without links in it. */
function placeOf(sys: System, walked: readonly string[]): Place | number {
  let place: Place | number = -ENOENT;
  const root = mountAt(sys, "");
  if (root !== null) place = rootOf(root);
  const done: string[] = [];
  for (const name of walked) {
    place = step(sys, place, done, name);
    if (typeof place !== "number" && place.ino === 0) return -ENOENT;
    done.push(name);
  }
  return place;
}

function rootOf(superBlock: SuperBlock): Place {
  const ino = superBlock.fs.rootIno;
  return { superBlock, ino, dirIno: ino, name: "", path: superBlock.path };
}

function isMountPrefix(sys: System, names: readonly string[]): boolean {
  const prefix = `/${names.join("/")}/`;
  return sys.mounts.some((mount) => mount?.path.startsWith(prefix) === true);
}

/** Target of a place that is a link, null of another; or -errno. */
function linkTarget(place: Place): string | number | null {
  const type = typeOf(place);
  if (type < 0) return type;
  return type === S_IFLNK ? place.superBlock.fs.readlink(place.ino) : null;
}
