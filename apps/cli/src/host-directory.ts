/**
 * A directory of the host as a file system that can only be read.
 *
 * Nothing outside the directory is ever reached. Names are looked up one by one, in a directory that is open and whose
 * real path is what it is known by; no symbolic link is followed here. Links are told as links: who walks a path follows
 * them among the names of the model, where ".." of the root is the root and "/" is the model's. Only regular files are
 * opened, and what was opened must be the file that was looked up.
 *
 * Inodes are numbers given in the order in which files are met: one for each file of the host, however many names it
 * has, and one for each name of a directory. The host may change things meanwhile: a file that went away or became another one
 * answers -ESTALE, one that became shorter -EIO.
 * Source: open(2), O_NOFOLLOW; proc_pid_fd(5).
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  statfsSync,
} from "node:fs";
import {
  type BlockMapping,
  type DirectoryEntry,
  EACCES,
  EINVAL,
  EIO,
  EISDIR,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EOPNOTSUPP,
  EROFS,
  ESTALE,
  type ExternalState,
  type FileAttributes,
  type FileSystem,
  type FileSystemStats,
  FS_BLOCK_SIZE,
  FS_NAME_MAX,
  KernelError,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "@pageframe/contracts";
import { isSystemError, systemSentence } from "./errors.ts";

const ROOT_INO = 1;
/** Files that are kept open for reading. */
const NR_OPEN_MAX = 16;
/** Where an open descriptor shows its real path (Linux). */
const FD_FOLDER = "/proc/self/fd";

/** A file, link or directory that was met. */
interface HostNode {
  readonly type: number;
  /** Which file of the host it is. */
  readonly identity: string;
  /** A name that it had last; of a directory the only one. */
  parentIno: number;
  name: string;
}

/** What a snapshot keeps. */
interface HostDirectoryState {
  readonly nodes: readonly HostNode[];
}

/** The file system `hostdir`. */
export class HostDirectory implements FileSystem, ExternalState {
  readonly type = "hostdir";
  readonly isReadOnly = true;
  readonly rootIno: number = ROOT_INO;
  readonly replacedIno = 0;
  /** Real path of the root. */
  readonly path: string;
  private readonly hasFdFolder: boolean;
  /** By inode - ROOT_INO. */
  private nodes: HostNode[];
  private inoOf = new Map<string, number>();
  /** Descriptors of files, the one used last at the end. */
  private readonly openFiles = new Map<number, number>();

  /** Throws ENOENT, ENOTDIR, EACCES or EINVAL when it is no directory that can be read. */
  constructor(path: string) {
    if (process.platform === "win32") {
      throw new KernelError(
        EOPNOTSUPP,
        "directories of this host cannot be shown: it has no way not to follow links",
      );
    }
    let stat: BigIntStats;
    try {
      this.path = realpathSync(path);
      stat = lstatSync(this.path, { bigint: true });
      if (stat.isDirectory()) closeSync(openSync(this.path, constants.O_RDONLY | constants.O_DIRECTORY));
    } catch (error) {
      const sentence = `directory ${path} cannot be read: ${systemSentence(error)}`;
      throw new KernelError(errnoOf(error, EINVAL), sentence);
    }
    if (!stat.isDirectory())
      throw new KernelError(ENOTDIR, `${path} is not a directory; the name of one would work`);
    this.hasFdFolder = existsSync(FD_FOLDER);
    this.nodes = [{ type: S_IFDIR, identity: identityOf(stat), parentIno: ROOT_INO, name: "" }];
  }

  lookup(dirIno: number, name: string): number {
    const refusal = checkName(name);
    if (refusal !== 0) return refusal;
    return this.inDirectory(
      dirIno,
      (base) => {
        const stat = lstatSync(`${base}/${name}`, { bigint: true });
        return this.meet(dirIno, name, stat);
      },
      ENOENT,
    );
  }

  getattr(ino: number): FileAttributes | number {
    return this.withNode(ino, (stat) => ({
      ino,
      mode: Number(stat.mode),
      nrLinks: Number(stat.nlink),
      sizeBytes: Number(stat.size),
      nrSectors: Number(stat.blocks),
      mtimeNs: Number(stat.mtimeNs),
      ctimeNs: Number(stat.ctimeNs),
    }));
  }

  /** In order of names. Devices, pipes, sockets, and names that are no UTF-8, are left out. */
  readdir(dirIno: number): DirectoryEntry[] | number {
    return this.inDirectory(dirIno, (base) => {
      const entries: DirectoryEntry[] = [];
      for (const name of readdirSync(base, { encoding: "buffer" }).map(textOf).sort()) {
        if (name === "") continue;
        const ino = this.lookupQuietly(dirIno, base, name);
        if (ino > 0) entries.push({ name, ino, type: this.nodeOf(ino)?.type ?? 0 });
      }
      return entries;
    });
  }

  /** -EINVAL for what is no link. */
  readlink(ino: number): string | number {
    return this.withNode(ino, (stat, path) => {
      if (!stat.isSymbolicLink()) return -EINVAL;
      const target = textOf(readlinkSync(path, { encoding: "buffer" }));
      return target === "" ? -EIO : target;
    });
  }

  /** What lies behind the end of the file is zero; a page that lies there whole is gone: -EIO. */
  readPage(ino: number, pgoff: number, into: Uint8Array): number {
    const fd = this.openFile(ino);
    if (fd < 0) return fd;
    try {
      let done = 0;
      while (done < FS_BLOCK_SIZE) {
        const nrBytes = readSync(fd, into, done, FS_BLOCK_SIZE - done, pgoff * FS_BLOCK_SIZE + done);
        if (nrBytes === 0) break;
        done += nrBytes;
      }
      into.fill(0, done, FS_BLOCK_SIZE);
      return done === 0 ? -EIO : 0;
    } catch {
      return -EIO;
    }
  }

  create(): number {
    return -EROFS;
  }

  link(): number {
    return -EROFS;
  }

  unlink(): number {
    return -EROFS;
  }

  rmdir(): number {
    return -EROFS;
  }

  rename(): number {
    return -EROFS;
  }

  setSize(): number {
    return -EROFS;
  }

  punchHole(): number {
    return -EROFS;
  }

  touch(): number {
    return -EROFS;
  }

  /** Files lie on no device of the model: pages come from readPage(). */
  mapBlocks(
    _ino: number,
    _fileBlock: number,
    _nrBlocks: number,
    create: boolean,
    _into: BlockMapping,
  ): number {
    return create ? -EROFS : -EIO;
  }

  release(ino: number): number {
    const fd = this.openFiles.get(ino);
    if (fd !== undefined) closeSync(fd);
    this.openFiles.delete(ino);
    return 0;
  }

  syncInode(): number {
    return 0;
  }

  syncAll(): number {
    return 0;
  }

  runDaemon(): void {
    // Nothing is ever dirty.
  }

  get daemonDueNs(): number {
    return Infinity;
  }

  unmount(): number {
    for (const ino of [...this.openFiles.keys()]) this.release(ino);
    return 0;
  }

  statfs(): FileSystemStats {
    try {
      const { bsize, blocks, bfree, files, ffree } = statfsSync(this.path);
      const inBlocks = (nr: number): number => Math.floor((nr * bsize) / FS_BLOCK_SIZE);
      return {
        nrBlocks: inBlocks(blocks),
        nrFreeBlocks: inBlocks(bfree),
        nrInodes: files,
        nrFreeInodes: ffree,
      };
    } catch {
      return { nrBlocks: 0, nrFreeBlocks: 0, nrInodes: 0, nrFreeInodes: 0 };
    }
  }

  /** The numbers of inodes, so that a run that is repeated gives the same ones. */
  captureExternal(): unknown {
    const state: HostDirectoryState = { nodes: this.nodes.map((node) => ({ ...node })) };
    return state;
  }

  reinstateExternal(state: unknown): void {
    this.unmount();
    this.nodes = (state as HostDirectoryState).nodes.map((node) => ({ ...node }));
    this.inoOf = new Map(
      this.nodes.slice(1).map((node, at) => [keyOf(node.parentIno, node.name, node), at + ROOT_INO + 1]),
    );
  }

  private nodeOf(ino: number): HostNode | undefined {
    return this.nodes[ino - ROOT_INO];
  }

  /** Number of a file that was found under a name; -EACCES for what is no file, link or directory. */
  private meet(dirIno: number, name: string, stat: BigIntStats): number {
    const type = Number(stat.mode) & S_IFMT;
    if (type !== S_IFREG && type !== S_IFDIR && type !== S_IFLNK) return -EACCES;
    const node: HostNode = { type, identity: identityOf(stat), parentIno: dirIno, name };
    const key = keyOf(dirIno, name, node);
    const known = this.inoOf.get(key);
    if (known === undefined) {
      this.nodes.push(node);
      this.inoOf.set(key, this.nodes.length - 1 + ROOT_INO);
      return this.nodes.length - 1 + ROOT_INO;
    }
    this.nodes[known - ROOT_INO].parentIno = dirIno;
    this.nodes[known - ROOT_INO].name = name;
    return known;
  }

  /** As lookup(), for an entry of a directory that is open; one that went away meanwhile is no failure. */
  private lookupQuietly(dirIno: number, base: string, name: string): number {
    try {
      return this.meet(dirIno, name, lstatSync(`${base}/${name}`, { bigint: true }));
    } catch {
      return -ENOENT;
    }
  }

  /** Path of a directory: of real directories as far as is known, which inDirectory() checks. */
  private pathOf(dirIno: number): string {
    const names: string[] = [];
    for (let ino = dirIno; ino !== ROOT_INO; ino = this.nodes[ino - ROOT_INO].parentIno) {
      names.push(this.nodes[ino - ROOT_INO].name);
    }
    return [this.path === "/" ? "" : this.path, ...names.reverse()].join("/") || "/";
  }

  /**
   * Opens a directory without following links and checks that it is the one that was met, where it was met. `act` gets a
   * path that leads there whatever the host does meanwhile. What throws becomes -errno; a missing name is `missing`.
   */
  private inDirectory<Result>(
    dirIno: number,
    act: (base: string) => Result,
    missing = ESTALE,
  ): Result | number {
    const node = this.nodeOf(dirIno);
    if (node === undefined) return -ESTALE;
    if (node.type !== S_IFDIR) return -ENOTDIR;
    const path = this.pathOf(dirIno);
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
    let fd = -1;
    try {
      fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
      const isTheOne = identityOf(fstatSync(fd, { bigint: true })) === node.identity;
      if (!isTheOne || this.realPathOf(fd, path) !== path) return -ESTALE;
    } catch (error) {
      if (fd >= 0) closeSync(fd);
      return -errnoOf(error, EIO, ESTALE);
    }
    try {
      return act(this.hasFdFolder ? `${FD_FOLDER}/${fd}` : path);
    } catch (error) {
      return -errnoOf(error, EIO, missing);
    } finally {
      closeSync(fd);
    }
  }

  /** Gives `act` the attributes and path of what was met as `ino`; -ESTALE when that is another file now. */
  private withNode<Result>(ino: number, act: (stat: BigIntStats, path: string) => Result): Result | number {
    const node = this.nodeOf(ino);
    if (node === undefined) return -ESTALE;
    const inParent = (base: string): Result | number => {
      const path = ino === ROOT_INO ? base : `${base}/${node.name}`;
      const stat =
        ino === ROOT_INO ? lstatSync(`${base}/.`, { bigint: true }) : lstatSync(path, { bigint: true });
      return identityOf(stat) === node.identity ? act(stat, path) : -ESTALE;
    };
    return this.inDirectory(node.parentIno, inParent);
  }

  /** Descriptor of a regular file, or -errno. */
  private openFile(ino: number): number {
    const known = this.openFiles.get(ino);
    if (known !== undefined) {
      this.openFiles.delete(ino);
      this.openFiles.set(ino, known);
      return known;
    }
    const node = this.nodeOf(ino);
    if (node?.type === S_IFDIR) return -EISDIR;
    const fd = this.withNode(ino, (stat, path) => (stat.isFile() ? this.openRegular(stat, path) : -EACCES));
    if (fd < 0) return fd;
    if (this.openFiles.size === NR_OPEN_MAX) {
      const [oldest] = this.openFiles.keys();
      this.release(oldest);
    }
    this.openFiles.set(ino, fd);
    return fd;
  }

  /** Opens what was a regular file a moment ago, and takes it only if it is that file. */
  private openRegular(stat: BigIntStats, path: string): number {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
    const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    const opened = fstatSync(fd, { bigint: true });
    if (opened.isFile() && identityOf(opened) === identityOf(stat)) return fd;
    closeSync(fd);
    return -ESTALE;
  }

  private realPathOf(fd: number, path: string): string {
    return this.hasFdFolder ? readlinkSync(`${FD_FOLDER}/${fd}`) : realpathSync(path);
  }
}

/** Which file of the host it is. The time of birth tells a new file from one whose inode it got. */
function identityOf({ dev, ino, mode, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${Number(mode) & S_IFMT}:${birthtimeNs}`;
}

/** Directories go by their name too: one that is mounted inside itself would be its own parent otherwise. */
function keyOf(dirIno: number, name: string, { type, identity }: HostNode): string {
  return type === S_IFDIR ? `${identity}/${dirIno}/${name}` : identity;
}

function checkName(name: string): number {
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0"))
    return -EINVAL;
  return Buffer.byteLength(name) > FS_NAME_MAX ? -ENAMETOOLONG : 0;
}

/** Text of bytes of the host; empty when they are no UTF-8. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : "";
}

/** Error number of what the host threw: `missing` for a path that leads nowhere, `other` for what has no match. */
function errnoOf(error: unknown, other: number, missing = ENOENT): number {
  if (isSystemError(error, "ENOENT") || isSystemError(error, "ELOOP")) return missing;
  if (isSystemError(error, "ENOTDIR")) return missing === ENOENT ? ENOTDIR : missing;
  if (isSystemError(error, "EACCES") || isSystemError(error, "EPERM")) return EACCES;
  if (isSystemError(error, "ENAMETOOLONG")) return ENAMETOOLONG;
  return other;
}
