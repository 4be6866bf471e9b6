/** A plain model of a file system: a tree of names, and files that are maps of pages. Checks what Linux answers, too. */
import {
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EROFS,
  PAGE_SIZE,
} from "@pageframe/contracts";

const MAX_LINKS = 40;

/** A regular file. Pages that are not there are zeros. */
export class PlainFile {
  readonly kind = "file";
  readonly pages = new Map<number, Uint8Array>();
  sizeBytes = 0;
  nrLinks = 1;
  /** What mappings wrote beyond the end, by byte of the file: zeros any time, or what was written. */
  readonly junk = new Map<number, number>();

  get nrPages(): number {
    return Math.ceil(this.sizeBytes / PAGE_SIZE);
  }

  byte(at: number): number {
    return this.pages.get(Math.floor(at / PAGE_SIZE))?.[at % PAGE_SIZE] ?? 0;
  }

  write(at: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const offset = (at + done) % PAGE_SIZE;
      const nrBytes = Math.min(PAGE_SIZE - offset, bytes.length - done);
      const index = Math.floor((at + done) / PAGE_SIZE);
      let page = this.pages.get(index);
      if (page === undefined) {
        page = new Uint8Array(PAGE_SIZE);
        this.pages.set(index, page);
      }
      page.set(bytes.subarray(done, done + nrBytes), offset);
      done += nrBytes;
    }
    if (bytes.length > 0) this.grow(at + bytes.length);
  }

  grow(sizeBytes: number): void {
    if (sizeBytes <= this.sizeBytes) return;
    this.sizeBytes = sizeBytes;
    for (const at of this.junk.keys()) if (at < sizeBytes) this.junk.delete(at);
  }

  /** Grows page by page, as fallocate() does. */
  growInSteps(sizeBytes: number): void {
    this.grow(sizeBytes);
  }

  /** Sets the size; shrinking drops what is behind. */
  truncate(sizeBytes: number): void {
    if (sizeBytes >= this.sizeBytes) {
      this.grow(sizeBytes);
      return;
    }
    this.zero(sizeBytes, this.sizeBytes);
    this.sizeBytes = sizeBytes;
    this.junk.clear();
  }

  /** Makes bytes [start, end) zeros. */
  zero(start: number, end: number): void {
    const last = Math.min(end, this.sizeBytes);
    for (const [index, page] of this.pages) {
      const from = Math.max(start, index * PAGE_SIZE);
      const to = Math.min(last, (index + 1) * PAGE_SIZE);
      if (from >= to) continue;
      if (to - from === PAGE_SIZE) this.pages.delete(index);
      else page.fill(0, from - index * PAGE_SIZE, to - index * PAGE_SIZE);
    }
  }

  /** First of the bytes from `at` on that is not what it should be, or -1. */
  firstDifference(at: number, found: Uint8Array): number {
    for (let done = 0; done < found.length;) {
      const offset = (at + done) % PAGE_SIZE;
      const nrBytes = Math.min(PAGE_SIZE - offset, found.length - done);
      const page = this.pages.get(Math.floor((at + done) / PAGE_SIZE)) ?? ZEROS;
      const expected = page.subarray(offset, offset + nrBytes);
      const piece = found.subarray(done, done + nrBytes);
      if (Buffer.compare(expected, piece) !== 0) {
        return at + done + expected.findIndex((byte, index) => byte !== piece[index]);
      }
      done += nrBytes;
    }
    return -1;
  }

  /** Are bytes [start, end) all zeros? */
  isZero(start: number, end: number): boolean {
    for (const [index, page] of this.pages) {
      const from = Math.max(0, start - index * PAGE_SIZE);
      const to = Math.min(PAGE_SIZE, end - index * PAGE_SIZE);
      if (from < to && page.subarray(from, to).some((byte) => byte !== 0)) return false;
    }
    return true;
  }
}

const ZEROS: Uint8Array = new Uint8Array(PAGE_SIZE);

export class PlainSymlink {
  readonly kind = "link";
  readonly target: string;
  nrLinks = 1;

  constructor(target: string) {
    this.target = target;
  }
}

export class PlainDirectory {
  readonly kind = "directory";
  readonly names = new Map<string, PlainNode>();
}

export type PlainNode = PlainFile | PlainSymlink | PlainDirectory;

/** Where a path leads. */
export interface PlainPlace {
  /** Directories from the mount on to the one that holds the last name. */
  readonly above: readonly PlainDirectory[];
  readonly name: string;
  readonly node: PlainNode | null;
}

/** The names of a file system that is mounted at one path. */
export class PlainTree {
  readonly root = new PlainDirectory();
  readonly mountPath: string;
  isReadOnly = false;

  constructor(mountPath: string) {
    this.mountPath = mountPath;
  }

  /** Follows a path below the mount; errors are negative. */
  walk(path: string, followLast: boolean): PlainPlace | number {
    let above: PlainDirectory[] = [this.root];
    const pending = this.split(path);
    let nrLinks = 0;
    for (;;) {
      const name = pending.pop();
      if (name === undefined) return -EINVAL;
      const dir = above[above.length - 1];
      const node = dir.names.get(name) ?? null;
      const isLast = pending.length === 0;
      if (node instanceof PlainSymlink && (!isLast || followLast)) {
        if (++nrLinks > MAX_LINKS) return -ELOOP;
        above = [this.root];
        pending.push(...this.split(node.target));
        continue;
      }
      if (isLast) return { above, name, node };
      if (node === null) return -ENOENT;
      if (!(node instanceof PlainDirectory)) return -ENOTDIR;
      above.push(node);
    }
  }

  private split(path: string): string[] {
    return path
      .slice(this.mountPath.length + 1)
      .split("/")
      .reverse();
  }

  /** Answer of open() and what is opened; new files are made. `hasWrite`: O_WRONLY, O_RDWR or O_TRUNC. */
  open(
    path: string,
    flags: { create: boolean; exclusive: boolean; noFollow: boolean; hasWrite: boolean },
  ): PlainFile | PlainDirectory | number {
    const isExclusive = flags.create && flags.exclusive;
    const place = this.walk(path, !flags.noFollow && !isExclusive);
    if (typeof place === "number") return place;
    const { node } = place;
    if (node === null) {
      if (!flags.create) return -ENOENT;
      if (this.isReadOnly) return -EROFS;
      const file = this.newFile();
      dirOf(place).names.set(place.name, file);
      return file;
    }
    if (isExclusive) return -EEXIST;
    if (node instanceof PlainSymlink) return -ELOOP;
    if (node instanceof PlainDirectory) return flags.create || flags.hasWrite ? -EISDIR : node;
    if (flags.hasWrite && this.isReadOnly) return -EROFS;
    return node;
  }

  protected newFile(): PlainFile {
    return new PlainFile();
  }

  mkdir(path: string): number {
    return this.make(path, () => new PlainDirectory());
  }

  symlink(target: string, path: string): number {
    return this.make(path, () => new PlainSymlink(target));
  }

  private make(path: string, create: () => PlainNode): number {
    const place = this.walk(path, false);
    if (typeof place === "number") return place;
    if (place.node !== null) return -EEXIST;
    if (this.isReadOnly) return -EROFS;
    dirOf(place).names.set(place.name, create());
    return 0;
  }

  link(path: string, newPath: string): number {
    const from = this.walk(path, false);
    if (typeof from === "number") return from;
    if (from.node === null) return -ENOENT;
    const to = this.walk(newPath, false);
    if (typeof to === "number") return to;
    if (to.node !== null) return -EEXIST;
    if (this.isReadOnly) return -EROFS;
    if (from.node instanceof PlainDirectory) return -EPERM;
    from.node.nrLinks++;
    dirOf(to).names.set(to.name, from.node);
    return 0;
  }

  unlink(path: string): number {
    const place = this.walk(path, false);
    if (typeof place === "number") return place;
    if (this.isReadOnly) return -EROFS;
    if (place.node === null) return -ENOENT;
    if (place.node instanceof PlainDirectory) return -EISDIR;
    place.node.nrLinks--;
    dirOf(place).names.delete(place.name);
    return 0;
  }

  rmdir(path: string): number {
    const place = this.walk(path, false);
    if (typeof place === "number") return place;
    if (this.isReadOnly) return -EROFS;
    if (place.node === null) return -ENOENT;
    if (!(place.node instanceof PlainDirectory)) return -ENOTDIR;
    if (place.node.names.size > 0) return -ENOTEMPTY;
    dirOf(place).names.delete(place.name);
    return 0;
  }

  /** Source of the order: fs/namei.c, do_renameat2(), vfs_rename(). */
  rename(path: string, newPath: string): number {
    const from = this.walk(path, false);
    if (typeof from === "number") return from;
    const to = this.walk(newPath, false);
    if (typeof to === "number") return to;
    if (this.isReadOnly) return -EROFS;
    if (from.node === null) return -ENOENT;
    if (to.above.includes(from.node as PlainDirectory)) return -EINVAL;
    if (from.above.includes(to.node as PlainDirectory)) return -ENOTEMPTY;
    if (to.node === from.node) return 0;
    if (to.node !== null) {
      const isDir = from.node instanceof PlainDirectory;
      if (isDir && !(to.node instanceof PlainDirectory)) return -ENOTDIR;
      if (!isDir && to.node instanceof PlainDirectory) return -EISDIR;
      if (to.node instanceof PlainDirectory && to.node.names.size > 0) return -ENOTEMPTY;
      if (!(to.node instanceof PlainDirectory)) to.node.nrLinks--;
    }
    dirOf(to).names.set(to.name, from.node);
    dirOf(from).names.delete(from.name);
    return 0;
  }

  /** All directories, by path. */
  directories(): Map<string, PlainDirectory> {
    const found = new Map([[this.mountPath, this.root]]);
    for (const [path, dir] of found) {
      for (const [name, node] of dir.names) {
        if (node instanceof PlainDirectory) found.set(`${path}/${name}`, node);
      }
    }
    return found;
  }

  /** All names that files have. */
  files(): Map<string, PlainFile> {
    const found = new Map<string, PlainFile>();
    for (const [path, dir] of this.directories()) {
      for (const [name, node] of dir.names) if (node instanceof PlainFile) found.set(`${path}/${name}`, node);
    }
    return found;
  }
}

function dirOf(place: PlainPlace): PlainDirectory {
  return place.above[place.above.length - 1];
}

/** A page of a private mapping that was written. */
interface OwnPage {
  readonly bytes: Uint8Array;
  /** Bytes behind the end of the file that mappings wrote before it was copied: they are that, or zeros. */
  readonly junk: Map<number, number>;
}

/** A page of a mapping of a file. */
export interface PlainMapped {
  readonly file: PlainFile;
  readonly index: number;
  readonly isShared: boolean;
  readonly isWritable: boolean;
  /** Does msync() write it? Not where its file was opened for reading only: nobody could have written through it (VM_SHARED). */
  readonly isSynced: boolean;
  own: OwnPage | null;
}

/** What a byte of a mapping may be; empty: SIGBUS. */
export function mappedByte(page: PlainMapped, offset: number): number[] {
  const { file, index, own } = page;
  if (own !== null) {
    const junk = own.junk.get(offset);
    return junk === undefined ? [own.bytes[offset]] : [0, junk];
  }
  if (index >= file.nrPages) return [];
  const at = index * PAGE_SIZE + offset;
  if (at < file.sizeBytes) return [file.byte(at)];
  const junk = file.junk.get(at);
  return junk === undefined ? [0] : [0, junk];
}

/** A mapping writes a byte; it may. */
export function writeMappedByte(page: PlainMapped, offset: number, byte: number): void {
  const { file, index } = page;
  const at = index * PAGE_SIZE + offset;
  if (page.isShared) {
    if (at < file.sizeBytes) file.write(at, Uint8Array.of(byte));
    else file.junk.set(at, byte);
    return;
  }
  if (page.own === null) {
    const junk = new Map<number, number>();
    for (const [where, value] of file.junk) {
      if (Math.floor(where / PAGE_SIZE) === index) junk.set(where % PAGE_SIZE, value);
    }
    page.own = { bytes: (file.pages.get(index) ?? ZEROS).slice(), junk };
  }
  page.own.bytes[offset] = byte;
  page.own.junk.delete(offset);
}

/** Copy of a mapped page for a child. */
export function copyMapped(page: PlainMapped): PlainMapped {
  const own = page.own === null ? null : { bytes: page.own.bytes.slice(), junk: new Map(page.own.junk) };
  return { ...page, own };
}
