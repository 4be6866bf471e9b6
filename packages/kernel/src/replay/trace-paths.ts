/**
 * Where the files of a trace lie on the machine. Cold.
 *
 * A file lies at its recorded path; a relative one begins at the root. The recording tells no new name of a file that was
 * renamed, and two files may have had one name: such a file gets a name of its own, with `~` and a number behind.
 */
import { FS_NAME_MAX, type TraceFile } from "@pageframe/contracts";

/** Longest path that is taken over as it is (PATH_MAX, with room for what may come behind). */
const MAX_PATH = 4000;

/** Path of each file of a trace, as long as it has one. */
export class TracePaths {
  private readonly files: readonly TraceFile[];
  private readonly paths = new Map<number, string>();
  private readonly owners = new Map<string, number>();
  private nrMadeUp = 0;

  constructor(files: readonly TraceFile[]) {
    this.files = files;
  }

  /** Path of a file, given when it is first asked for. */
  pathOf(fileId: number): string {
    const known = this.paths.get(fileId);
    if (known !== undefined) return known;
    const path = recordedPath(this.files[fileId].name) ?? "/file";
    return this.give(fileId, this.owners.has(path) ? this.freeNameFor(path) : path);
  }

  /** Does the file have a path by now? */
  hasPath(fileId: number): boolean {
    return this.paths.has(fileId);
  }

  /** Gives a file the path of another, or one that nobody has. What lies below it moves along. Returns the path. */
  rename(fileId: number, replacedFileId: number): string {
    const from = this.pathOf(fileId);
    const replaced = this.paths.get(replacedFileId);
    const to = replaced ?? this.freeNameFor(from);
    if (replaced !== undefined) this.remove(replacedFileId);
    this.remove(fileId);
    this.give(fileId, to);
    for (const [below, path] of [...this.paths]) {
      if (!path.startsWith(`${from}/`)) continue;
      this.remove(below);
      this.give(below, to + path.slice(from.length));
    }
    return to;
  }

  /** Gives a file a path in the root directory: where it should lie there is no directory. */
  moveToRoot(fileId: number): string {
    const path = this.pathOf(fileId);
    this.remove(fileId);
    return this.give(fileId, this.freeNameFor(`/${lastName(path)}`));
  }

  /** The file has no name any more. */
  remove(fileId: number): void {
    const path = this.paths.get(fileId);
    if (path === undefined) return;
    this.paths.delete(fileId);
    this.owners.delete(path);
  }

  private give(fileId: number, path: string): string {
    this.paths.set(fileId, path);
    this.owners.set(path, fileId);
    return path;
  }

  private freeNameFor(path: string): string {
    const directory = parentOf(path);
    const name = lastName(path).slice(0, FS_NAME_MAX / 5);
    for (;;) {
      const free = `${directory}/${name}~${++this.nrMadeUp}`;
      if (!this.owners.has(free)) return free;
    }
  }
}

/** Path of a recorded name: absolute, without dots; null of one that no file can have. */
export function recordedPath(name: string): string | null {
  const names: string[] = [];
  for (const part of name.split("/")) {
    if (part === "..") names.pop();
    else if (part !== "" && part !== ".") names.push(part);
  }
  // A character of UTF-8 takes at most three bytes for each unit of the string.
  const isTooLong = names.some((part) => part.length * 3 > FS_NAME_MAX && !isShort(part));
  const path = `/${names.join("/")}`;
  return names.length === 0 || isTooLong || path.length > MAX_PATH || path.includes("\0") ? null : path;
}

/** Path of the directory that a path lies in; empty for the root. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function isShort(name: string): boolean {
  let nrBytes = 0;
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    nrBytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return nrBytes <= FS_NAME_MAX;
}
