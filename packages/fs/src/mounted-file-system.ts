/**
 * The mounted file system: each method is one operation (or several, where blocks are freed in steps), and each operation
 * happens entirely or not at all.
 *
 * Source: Linux 6.18 fs/ext4/{namei,inode,file,super}.c, fs/namei.c. Differs: README.md.
 */
import {
  EEXIST,
  EFBIG,
  EINVAL,
  EIO,
  EISDIR,
  EMLINK,
  ENAMETOOLONG,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EROFS,
  EUCLEAN,
  FS_BLOCK_SIZE,
  FS_NAME_MAX,
  NO_BLOCK,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type BlockMapping,
  type DirectoryEntry,
  type FileAttributes,
  type FileSystem,
  type FileSystemHost,
  type FileSystemStats,
} from "@pageframe/contracts";
import { BlockStore } from "./block-store.ts";
import { decodeUtf8, encodeUtf8, getU16, getU32, getU64, setU32, setU64 } from "./bytes.ts";
import { Directories } from "./directory.ts";
import { Extents } from "./extents.ts";
import { Groups } from "./groups.ts";
import { Inodes } from "./inodes.ts";
import { type Journal } from "./journal.ts";
import {
  ENTRY_BLOCK,
  HEADER_COUNT,
  HEADER_GENERATION,
  HEADER_OWNER,
  HEADER_SIZE,
  INODE_BLOCKS,
  INODE_BYTES,
  INODE_CTIME,
  INODE_DEPTH,
  INODE_FLAGS,
  INODE_GENERATION,
  INODE_LINKS,
  INODE_MODE,
  INODE_MTIME,
  INODE_NAMES,
  INODE_ORPHAN,
  INODE_PARENT,
  INODE_PENDING,
  INODE_PENDING_END,
  INODE_PENDING_START,
  INODE_ROOT,
  INODE_ROOT_SIZE,
  inodeAt,
  KIND_SYMLINK,
  MAX_FILE_BLOCKS,
  MAX_TARGET,
  ROOT_INO,
  type Geometry,
} from "./layout.ts";

/** Most names of a file (EXT4_LINK_MAX). */
const LINK_MAX = 65000;
/** Age at which the daemon commits a transaction (JBD2_DEFAULT_MAX_COMMIT_AGE). */
const COMMIT_INTERVAL_NS = 5_000_000_000;
const SECTORS_PER_BLOCK = 8;

/** A file system of this package, mounted: made by mountFileSystem(). */
export class MountedFileSystem implements FileSystem {
  readonly type = "pffs";
  readonly rootIno: number = ROOT_INO;
  replacedIno = 0;
  private readonly host: FileSystemHost;
  private readonly geometry: Geometry;
  private readonly journal: Journal | null;
  private readonly store: BlockStore;
  private readonly groups: Groups;
  private readonly inodes: Inodes;
  private readonly extents: Extents;
  private readonly directories: Directories;
  /** Inodes that got blocks behind their end in the running transaction. */
  private readonly beyondEnd = new Set<number>();

  constructor(host: FileSystemHost, geometry: Geometry, journal: Journal | null, isReadOnly: boolean) {
    this.host = host;
    this.geometry = geometry;
    this.journal = journal;
    this.store = new BlockStore(host, geometry, journal, isReadOnly);
    this.groups = new Groups(this.store);
    this.inodes = new Inodes(this.store, this.groups);
    this.extents = new Extents(this.store, this.groups, this.inodes);
    this.directories = new Directories(this.store, this.groups, this.inodes);
  }

  get isReadOnly(): boolean {
    return this.store.isReadOnly;
  }

  /** Reads the counts and looks at the root. Returns 0 or -errno. */
  start(): number {
    const result = this.groups.load();
    if (result < 0) return result;
    const type = this.typeOf(ROOT_INO);
    return type < 0 ? type : type === S_IFDIR ? 0 : -EUCLEAN;
  }

  /** Frees what a crash left half freed: inodes without names, ranges of blocks. Returns 0 or -errno. */
  recoverOrphans(): number {
    for (let nrDone = 0; nrDone <= this.geometry.nrInodes; nrDone++) {
      const ino = this.inodes.firstOrphan();
      if (ino <= 0) return ino;
      const bytes = this.inodes.get(ino);
      if (typeof bytes === "number") return bytes;
      const at = inodeAt(ino);
      let result: number;
      if (getU32(bytes, at + INODE_LINKS) === 0) result = this.release(ino);
      else if (this.inodes.isRegular(ino) !== 1) return -EUCLEAN;
      else {
        const start = getU64(bytes, at + INODE_PENDING_START);
        const end = getU64(bytes, at + INODE_PENDING_END);
        result = end > start ? this.finishCut(ino, start, end) : 0;
        if (result === 0 && this.inodes.firstOrphan() === ino) {
          result = this.finishCut(ino, this.endOf(ino), MAX_FILE_BLOCKS);
        }
      }
      if (result < 0) return result;
    }
    return -EUCLEAN;
  }

  // Looking.

  lookup(dirIno: number, name: string): number {
    this.store.trim();
    const type = this.typeOf(dirIno);
    if (type < 0) return type;
    if (type !== S_IFDIR) return -ENOTDIR;
    const bytes = encodeUtf8(name);
    if (bytes.length > FS_NAME_MAX) return -ENAMETOOLONG;
    const result = this.directories.find(dirIno, bytes);
    return result < 0 ? result : this.checkFound();
  }

  getattr(ino: number): FileAttributes | number {
    this.store.trim();
    const bytes = this.inodes.get(ino);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    const mode = getU16(bytes, at + INODE_MODE);
    const nrBlocks = getU64(bytes, at + INODE_BLOCKS);
    const isDir = (mode & S_IFMT) === S_IFDIR;
    return {
      ino,
      mode,
      nrLinks: getU32(bytes, at + INODE_LINKS),
      sizeBytes: isDir ? Math.max(1, nrBlocks) * FS_BLOCK_SIZE : getU64(bytes, at + INODE_BYTES),
      nrSectors: nrBlocks * SECTORS_PER_BLOCK,
      mtimeNs: getU64(bytes, at + INODE_MTIME),
      ctimeNs: getU64(bytes, at + INODE_CTIME),
    };
  }

  readdir(dirIno: number): DirectoryEntry[] | number {
    this.store.trim();
    const type = this.typeOf(dirIno);
    if (type < 0) return type;
    return type === S_IFDIR ? this.directories.list(dirIno) : -ENOTDIR;
  }

  readlink(ino: number): string | number {
    this.store.trim();
    const bytes = this.inodes.get(ino);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    if ((getU16(bytes, at + INODE_MODE) & S_IFMT) !== S_IFLNK) return -EINVAL;
    const nrBytes = getU64(bytes, at + INODE_BYTES);
    if (nrBytes <= INODE_ROOT_SIZE) return decodeUtf8(bytes, at + INODE_ROOT, nrBytes);
    const generation = getU32(bytes, at + INODE_GENERATION);
    const target = this.store.get(getU64(bytes, at + INODE_ROOT + ENTRY_BLOCK), KIND_SYMLINK);
    if (typeof target === "number") return target;
    const isOwn =
      getU32(target, HEADER_OWNER) === ino &&
      getU32(target, HEADER_GENERATION) === generation &&
      getU32(target, HEADER_COUNT) === nrBytes;
    return isOwn ? decodeUtf8(target, HEADER_SIZE, nrBytes) : -EUCLEAN;
  }

  statfs(): FileSystemStats {
    const { nrGroups, nrGroupMetadata, nrInodes } = this.geometry;
    let nrBlocks = 0;
    if (nrGroups > 0) {
      const nrWhole = this.geometry.groupBlocks(0) - nrGroupMetadata;
      nrBlocks = nrWhole * (nrGroups - 1) + this.geometry.groupBlocks(nrGroups - 1) - nrGroupMetadata;
    }
    return {
      nrBlocks,
      nrFreeBlocks: this.groups.nrFreeBlocks,
      nrInodes,
      nrFreeInodes: this.groups.nrFreeInodes,
    };
  }

  // Names.

  create(dirIno: number, name: string, mode: number, target?: string): number {
    const bytes = encodeUtf8(name);
    const targetBytes = target === undefined ? null : encodeUtf8(target);
    let result = this.createOnce(dirIno, bytes, mode, targetBytes);
    if (this.shouldRetry(result)) result = this.createOnce(dirIno, bytes, mode, targetBytes);
    return result;
  }

  link(ino: number, dirIno: number, name: string): number {
    const bytes = encodeUtf8(name);
    let result = this.linkOnce(ino, dirIno, bytes);
    if (this.shouldRetry(result)) result = this.linkOnce(ino, dirIno, bytes);
    return result;
  }

  unlink(dirIno: number, name: string): number {
    const begun = this.begin();
    return begun < 0 ? begun : this.end(this.removeName(dirIno, encodeUtf8(name), false));
  }

  rmdir(dirIno: number, name: string): number {
    const begun = this.begin();
    return begun < 0 ? begun : this.end(this.removeName(dirIno, encodeUtf8(name), true));
  }

  rename(dirIno: number, name: string, newDirIno: number, newName: string): number {
    const from = encodeUtf8(name);
    const to = encodeUtf8(newName);
    let result = this.renameOnce(dirIno, from, newDirIno, to);
    if (this.shouldRetry(result)) result = this.renameOnce(dirIno, from, newDirIno, to);
    if (result < 0) this.replacedIno = 0;
    return result;
  }

  private createOnce(dirIno: number, name: Uint8Array, mode: number, target: Uint8Array | null): number {
    const begun = this.begin();
    if (begun < 0) return begun;
    return this.end(this.makeInode(dirIno, name, mode, target));
  }

  private makeInode(dirIno: number, name: Uint8Array, mode: number, target: Uint8Array | null): number {
    const type = mode & S_IFMT;
    if (type !== S_IFREG && type !== S_IFDIR && type !== S_IFLNK) return -EINVAL;
    if ((type === S_IFLNK) !== (target !== null)) return -EINVAL;
    const absent = this.checkAbsent(dirIno, name);
    if (absent < 0) return absent;
    if (target !== null && target.length === 0) return -ENOENT;
    if (target !== null && target.length > MAX_TARGET) return -ENAMETOOLONG;
    const ino = this.inodes.alloc(dirIno, mode, dirIno === ROOT_INO);
    if (ino < 0) return ino;
    const bytes = this.inodes.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    setU32(bytes, at + INODE_LINKS, type === S_IFDIR ? 2 : 1);
    let result = 0;
    if (type === S_IFDIR) {
      setU32(bytes, at + INODE_PARENT, dirIno);
      result = this.addLinks(dirIno, 1);
    } else if (target !== null) result = this.writeTarget(bytes, ino, target);
    if (result === 0) result = this.directories.insert(dirIno, name, ino, type);
    return result < 0 ? result : ino;
  }

  private writeTarget(bytes: Uint8Array, ino: number, target: Uint8Array): number {
    const at = inodeAt(ino);
    setU64(bytes, at + INODE_BYTES, target.length);
    if (target.length <= INODE_ROOT_SIZE) {
      bytes.set(target, at + INODE_ROOT);
      return 0;
    }
    const { geometry } = this;
    const block = this.groups.allocBlocks(
      geometry.groupStart(Math.floor((ino - 1) / geometry.inodesPerGroup)),
      1,
    );
    if (block < 0) return block;
    const generation = getU32(bytes, at + INODE_GENERATION);
    const content = this.store.create(block, KIND_SYMLINK, ino, generation);
    if (typeof content === "number") return content;
    setU32(content, HEADER_COUNT, target.length);
    content.set(target, HEADER_SIZE);
    setU64(bytes, at + INODE_ROOT + ENTRY_BLOCK, block);
    setU64(bytes, at + INODE_BLOCKS, 1);
    return 0;
  }

  private linkOnce(ino: number, dirIno: number, name: Uint8Array): number {
    const begun = this.begin();
    return begun < 0 ? begun : this.end(this.addName(ino, dirIno, name));
  }

  private addName(ino: number, dirIno: number, name: Uint8Array): number {
    const type = this.typeOf(ino);
    if (type < 0) return type;
    if (type === S_IFDIR) return -EPERM;
    const absent = this.checkAbsent(dirIno, name);
    if (absent < 0) return absent;
    const nrLinks = this.linksOf(ino);
    if (nrLinks < 1) return nrLinks < 0 ? nrLinks : -ENOENT;
    if (nrLinks >= LINK_MAX) return -EMLINK;
    const result = this.inodes.setLinks(ino, nrLinks + 1);
    return result < 0 ? result : this.directories.insert(dirIno, name, ino, type);
  }

  private removeName(dirIno: number, name: Uint8Array, isDir: boolean): number {
    const found = this.findIn(dirIno, name);
    if (found < 0) return found;
    const ino = this.directories.foundIno;
    const type = this.typeOf(ino);
    if (type < 0) return type;
    if (isDir && type !== S_IFDIR) return -ENOTDIR;
    if (!isDir && type === S_IFDIR) return -EISDIR;
    let result = this.directories.removeFound(dirIno);
    if (result === 0) result = this.loseName(ino, dirIno, isDir);
    return result < 0 ? result : ino;
  }

  /** An inode lost a name in a directory. -ENOTEMPTY for a directory with names. */
  private loseName(ino: number, dirIno: number, isDir: boolean): number {
    if (isDir) {
      const bytes = this.inodes.get(ino);
      if (typeof bytes === "number") return bytes;
      if (getU32(bytes, inodeAt(ino) + INODE_NAMES) > 0) return -ENOTEMPTY;
      if (getU16(bytes, inodeAt(ino) + INODE_DEPTH) > 0) return -EUCLEAN;
      const result = this.inodes.setLinks(ino, 0);
      return result < 0 ? result : this.addLinks(dirIno, -1);
    }
    const nrLinks = this.linksOf(ino);
    if (nrLinks < 1) return nrLinks < 0 ? nrLinks : -EUCLEAN;
    return this.inodes.setLinks(ino, nrLinks - 1);
  }

  private renameOnce(dirIno: number, name: Uint8Array, newDirIno: number, newName: Uint8Array): number {
    this.replacedIno = 0;
    const begun = this.begin();
    if (begun < 0) return begun;
    return this.end(this.move(dirIno, name, newDirIno, newName));
  }

  private move(dirIno: number, name: Uint8Array, newDirIno: number, newName: Uint8Array): number {
    let result = this.findIn(dirIno, name);
    if (result < 0) return result;
    const ino = this.directories.foundIno;
    const type = this.typeOf(ino);
    if (type < 0) return type;
    const isDir = type === S_IFDIR;
    if (isDir && dirIno !== newDirIno) {
      result = this.checkNotBelow(newDirIno, ino);
      if (result < 0) return result;
    }
    result = this.findIn(newDirIno, newName);
    if (result === 0) result = this.replaceName(ino, type, newDirIno);
    else if (result === -ENOENT) result = this.directories.insert(newDirIno, newName, ino, type);
    if (result !== 0) return result < 0 ? result : 0;
    result = this.findIn(dirIno, name);
    if (result === 0) result = this.directories.removeFound(dirIno);
    if (result < 0) return result;
    const bytes = this.inodes.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    setU64(bytes, inodeAt(ino) + INODE_CTIME, this.host.nowNs);
    if (!isDir || dirIno === newDirIno) return 0;
    setU32(bytes, inodeAt(ino) + INODE_PARENT, newDirIno);
    result = this.addLinks(dirIno, -1);
    return result < 0 ? result : this.addLinks(newDirIno, 1);
  }

  /** The name that was just found becomes that of another inode. Returns 0, 1 when it names that inode already, -errno. */
  private replaceName(ino: number, type: number, dirIno: number): number {
    const old = this.directories.foundIno;
    if (old === ino) return 1;
    const oldType = this.typeOf(old);
    if (oldType < 0) return oldType;
    if (type === S_IFDIR && oldType !== S_IFDIR) return -ENOTDIR;
    if (type !== S_IFDIR && oldType === S_IFDIR) return -EISDIR;
    let result = this.directories.replaceFound(dirIno, ino, type);
    if (result === 0) result = this.loseName(old, dirIno, oldType === S_IFDIR);
    if (result === 0) this.replacedIno = old;
    return result;
  }

  /** -EINVAL when `ino` is `dirIno` or above it. */
  private checkNotBelow(dirIno: number, ino: number): number {
    let here = dirIno;
    for (let nrSteps = 0; nrSteps <= this.geometry.nrInodes; nrSteps++) {
      if (here === ino) return -EINVAL;
      if (here === ROOT_INO) return 0;
      const type = this.typeOf(here);
      if (type < 0) return type;
      if (type !== S_IFDIR) return nrSteps === 0 ? -ENOTDIR : -EUCLEAN;
      const bytes = this.inodes.get(here);
      if (typeof bytes === "number") return bytes;
      here = getU32(bytes, inodeAt(here) + INODE_PARENT);
      if (nrSteps % 32 === 31) this.store.trim();
    }
    return -EUCLEAN;
  }

  /** 0 when a name may be added to a directory. */
  private checkAbsent(dirIno: number, name: Uint8Array): number {
    const result = this.findIn(dirIno, name);
    if (result !== -ENOENT) return result < 0 ? result : -EEXIST;
    // A directory that was removed while it was open takes no names.
    const nrLinks = this.linksOf(dirIno);
    return nrLinks === 0 ? -ENOENT : Math.min(0, nrLinks);
  }

  /** Looks for a name, with all checks of it and of the directory. */
  private findIn(dirIno: number, name: Uint8Array): number {
    const type = this.typeOf(dirIno);
    if (type < 0) return type;
    if (type !== S_IFDIR) return -ENOTDIR;
    if (name.length > FS_NAME_MAX) return -ENAMETOOLONG;
    if (!isNameValid(name)) return -EINVAL;
    const result = this.directories.find(dirIno, name);
    return result < 0 ? result : Math.min(0, this.checkFound());
  }

  /** The inode that a name was found for is there and of the kind that the directory says. Returns it or -EUCLEAN. */
  private checkFound(): number {
    const { foundIno, foundType } = this.directories;
    const type = this.typeOf(foundIno);
    if (type < 0) return type;
    return type === foundType && this.linksOf(foundIno) !== 0 ? foundIno : -EUCLEAN;
  }

  // Blocks.

  mapBlocks(ino: number, fileBlock: number, nrBlocks: number, create: boolean, into: BlockMapping): number {
    into.block = NO_BLOCK;
    into.nrBlocks = 0;
    into.isNew = false;
    if (fileBlock < 0 || nrBlocks < 1) return -EINVAL;
    if (fileBlock >= MAX_FILE_BLOCKS) return -EFBIG;
    this.store.trim();
    const regular = this.inodes.isRegular(ino);
    if (regular < 1) return regular < 0 ? regular : -EINVAL;
    const result = this.extents.find(ino, fileBlock, nrBlocks, into);
    if (result < 0 || !create || into.block !== NO_BLOCK) return result;
    const filled = this.fillOnce(ino, fileBlock, nrBlocks, into);
    return this.shouldRetry(filled) ? this.fillOnce(ino, fileBlock, nrBlocks, into) : filled;
  }

  private fillOnce(ino: number, fileBlock: number, nrBlocks: number, into: BlockMapping): number {
    const begun = this.begin();
    if (begun < 0) return begun;
    let result = this.extents.find(ino, fileBlock, nrBlocks, into);
    if (result === 0 && into.block === NO_BLOCK) {
      result = this.extents.fill(ino, fileBlock, into);
      this.store.order(ino);
      if (result === 0 && this.endOf(ino) < fileBlock + into.nrBlocks) this.beyondEnd.add(ino);
    }
    if (result < 0) {
      into.block = NO_BLOCK;
      into.isNew = false;
    }
    return this.end(result);
  }

  setSize(ino: number, sizeBytes: number): number {
    const regular = this.inodes.isRegular(ino);
    if (regular < 1) return regular < 0 ? regular : -EINVAL;
    if (!(sizeBytes >= 0)) return -EINVAL;
    if (sizeBytes > MAX_FILE_BLOCKS * FS_BLOCK_SIZE) return -EFBIG;
    return this.cut(ino, sizeBytes, Math.ceil(sizeBytes / FS_BLOCK_SIZE), MAX_FILE_BLOCKS);
  }

  punchHole(ino: number, startBlock: number, endBlock: number): number {
    const regular = this.inodes.isRegular(ino);
    if (regular < 1) return regular < 0 ? regular : -EINVAL;
    if (!(startBlock >= 0)) return -EINVAL;
    const end = Math.min(endBlock, MAX_FILE_BLOCKS);
    if (startBlock >= end) return this.touch(ino);
    const result = this.cut(ino, -1, startBlock, end);
    return this.shouldRetry(result) ? this.cut(ino, -1, startBlock, end) : result;
  }

  /**
   * Frees a range of blocks and sets the size (-1: as it was). What needs several transactions is noted in the inode, which
   * is an orphan until it is done: a crash between them is followed by the rest.
   */
  private cut(ino: number, sizeBytes: number, start: number, end: number): number {
    const begun = this.begin();
    if (begun < 0) return begun;
    const result = this.end(this.beginCut(ino, sizeBytes, start, end));
    return result === 1 ? this.finishCut(ino, start, end) : result;
  }

  private beginCut(ino: number, sizeBytes: number, start: number, end: number): number {
    let bytes = this.inodes.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    setU64(bytes, at + INODE_MTIME, this.host.nowNs);
    setU64(bytes, at + INODE_CTIME, this.host.nowNs);
    if (sizeBytes >= 0) {
      const sizeBefore = getU64(bytes, at + INODE_BYTES);
      setU64(bytes, at + INODE_BYTES, sizeBytes);
      // Data behind the old end was not seen, and need not have been written by an earlier commit; when the file shrinks, the
      // zeros behind its new end must be there before the size is.
      if (sizeBytes > sizeBefore || sizeBytes % FS_BLOCK_SIZE !== 0) this.store.order(ino);
      if (sizeBytes >= sizeBefore) return this.coverEnd(ino);
    }
    const result = this.extents.freeStep(ino, start, end);
    if (result !== 1) return result < 0 ? result : this.coverEnd(ino);
    bytes = this.inodes.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    setU64(bytes, at + INODE_PENDING_START, start);
    setU64(bytes, at + INODE_PENDING_END, end);
    const listed = this.inodes.addOrphan(ino);
    if (listed < 0) return listed;
    setU32(bytes, at + INODE_FLAGS, getU32(bytes, at + INODE_FLAGS) | INODE_PENDING);
    return 1;
  }

  /** When no block lies behind the file's end (any more), nothing of it needs to be cut after a crash. */
  private coverEnd(ino: number): number {
    const isBeyond = this.extents.hasFrom(ino, this.endOf(ino));
    if (isBeyond !== 0) return Math.min(0, isBeyond);
    this.beyondEnd.delete(ino);
    const bytes = this.inodes.get(ino);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    const isListed = (getU32(bytes, at + INODE_FLAGS) & INODE_ORPHAN) !== 0;
    return isListed && getU32(bytes, at + INODE_LINKS) > 0 ? this.inodes.removeOrphan(ino) : 0;
  }

  private finishCut(ino: number, start: number, end: number): number {
    for (;;) {
      const begun = this.begin();
      if (begun < 0) return begun;
      let result = this.extents.freeStep(ino, start, end);
      if (result === 0) result = this.clearPending(ino);
      this.end(result);
      if (result === 0) return 0;
      if (result > 0) continue;
      // What is left stays: nothing may free it later, when it holds something else.
      const again = this.begin();
      if (again === 0 && this.end(this.clearPending(ino)) === 0) return result;
      this.store.abort();
      return result;
    }
  }

  private clearPending(ino: number): number {
    const bytes = this.inodes.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    setU32(bytes, at + INODE_FLAGS, getU32(bytes, at + INODE_FLAGS) & ~INODE_PENDING);
    setU64(bytes, at + INODE_PENDING_START, 0);
    setU64(bytes, at + INODE_PENDING_END, 0);
    return this.coverEnd(ino);
  }

  release(ino: number): number {
    const nrLinks = this.linksOf(ino);
    if (nrLinks !== 0) return Math.min(0, nrLinks);
    for (;;) {
      const begun = this.begin();
      if (begun < 0) return begun;
      const result = this.end(this.freeInodeStep(ino));
      if (result !== 1) return result;
    }
  }

  private freeInodeStep(ino: number): number {
    const type = this.typeOf(ino);
    if (type < 0) return type;
    let result = 0;
    if (type === S_IFREG) result = this.extents.freeStep(ino, 0, MAX_FILE_BLOCKS);
    else if (type === S_IFLNK) result = this.freeTarget(ino);
    if (result !== 0) return result;
    const bytes = this.inodes.get(ino);
    if (typeof bytes === "number") return bytes;
    if (type !== S_IFLNK && getU64(bytes, inodeAt(ino) + INODE_BLOCKS) !== 0) return -EUCLEAN;
    this.beyondEnd.delete(ino);
    result = this.inodes.removeOrphan(ino);
    return result < 0 ? result : this.inodes.free(ino);
  }

  private freeTarget(ino: number): number {
    const bytes = this.inodes.get(ino);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    if (getU64(bytes, at + INODE_BYTES) <= INODE_ROOT_SIZE) return 0;
    const block = getU64(bytes, at + INODE_ROOT + ENTRY_BLOCK);
    this.store.revoke(block);
    return this.groups.freeBlocksAt(block, 1);
  }

  touch(ino: number): number {
    const found = this.inodes.get(ino);
    if (typeof found === "number") return found;
    const at = inodeAt(ino);
    const { nowNs } = this.host;
    if (getU64(found, at + INODE_MTIME) === nowNs && getU64(found, at + INODE_CTIME) === nowNs) return 0;
    const begun = this.begin();
    if (begun < 0) return begun;
    const bytes = this.inodes.modify(ino, false);
    if (typeof bytes === "number") return this.end(bytes);
    setU64(bytes, at + INODE_MTIME, nowNs);
    setU64(bytes, at + INODE_CTIME, nowNs);
    return this.end(0);
  }

  // Making it last.

  /**
   * Differs: fsync commits what is there even when the inode has not changed, so that directories above it that were
   * renamed are where the caller saw them. For fdatasync it must have changed in more than its times.
   */
  syncInode(ino: number, dataOnly: boolean): number {
    const needsCommit = !dataOnly || this.store.transaction.touched.get(ino) === true;
    return needsCommit ? this.syncAll() : this.flush();
  }

  syncAll(): number {
    if (this.store.isReadOnly || this.store.transaction.isEmpty) return this.flush();
    return this.commit();
  }

  private flush(): number {
    if (this.store.isAborted) return -EROFS;
    return this.host.isReadOnly ? 0 : this.host.flush();
  }

  runDaemon(nowNs: number): void {
    const { store, journal } = this;
    if (!store.canCommit || journal === null) return;
    const { startNs, isEmpty } = store.transaction;
    if (!isEmpty && nowNs - startNs >= COMMIT_INTERVAL_NS) this.commit();
    if (journal.isHalfFull) store.checkpoint();
  }

  get daemonDueNs(): number {
    const { store, journal } = this;
    if (!store.canCommit || journal === null) return Infinity;
    if (journal.isHalfFull) return 0;
    return store.transaction.isEmpty ? Infinity : store.transaction.startNs + COMMIT_INTERVAL_NS;
  }

  unmount(): number {
    const { store } = this;
    let result = store.isAborted ? -EROFS : 0;
    if (!store.isReadOnly) {
      result = this.commit();
      if (result === 0) result = store.close();
    }
    store.dropAll();
    return result;
  }

  /** Drops everything: the mount did not succeed. */
  abandon(): void {
    this.store.dropAll();
  }

  // Helpers.

  /** Begins an operation; the transaction is committed first when this one might not fit. Returns 0, -EROFS or -EIO. */
  private begin(): number {
    if (this.store.isFull && !this.store.isReadOnly) {
      if (!this.store.canCommit) return -EIO;
      const committed = this.commit();
      if (committed < 0) return committed;
    }
    return this.store.begin();
  }

  /** Makes the running transaction durable, with the data that it shows. Returns 0 or -errno. */
  private commit(): number {
    if (this.store.isReadOnly) return -EROFS;
    this.store.writeOrdered();
    const listed = this.listBeyondEnd();
    return listed < 0 ? listed : this.store.commit();
  }

  /**
   * Files whose last blocks lie behind their end, because the size comes with another operation, are noted as orphans: a
   * crash between the two must not leave blocks with bytes that nobody wrote.
   */
  private listBeyondEnd(): number {
    for (const ino of this.beyondEnd) {
      if (this.inodes.isRegular(ino) !== 1) continue;
      const begun = this.store.begin();
      if (begun < 0) return begun;
      // An inode that is damaged is no reason not to commit.
      this.end(this.inodes.addOrphan(ino));
    }
    this.beyondEnd.clear();
    return 0;
  }

  /** Ends an operation, with what the allocator counts. */
  private end(result: number): number {
    const ended = this.store.end(result);
    if (ended < 0) this.groups.undo();
    else this.groups.settle();
    return ended;
  }

  /** The device is full but for what the running transaction freed: after a commit that can be had. */
  private shouldRetry(result: number): boolean {
    return result === -ENOSPC && this.groups.hasFreed && this.store.canCommit && this.commit() === 0;
  }

  /** S_IF* of an inode, or -errno. */
  private typeOf(ino: number): number {
    const bytes = this.inodes.get(ino);
    return typeof bytes === "number" ? bytes : getU16(bytes, inodeAt(ino) + INODE_MODE) & S_IFMT;
  }

  /** First block behind a file's end. */
  private endOf(ino: number): number {
    const bytes = this.inodes.get(ino);
    if (typeof bytes === "number") return 0;
    return Math.ceil(getU64(bytes, inodeAt(ino) + INODE_BYTES) / FS_BLOCK_SIZE);
  }

  private linksOf(ino: number): number {
    const bytes = this.inodes.get(ino);
    return typeof bytes === "number" ? bytes : getU32(bytes, inodeAt(ino) + INODE_LINKS);
  }

  private addLinks(dirIno: number, difference: number): number {
    const nrLinks = this.linksOf(dirIno);
    if (nrLinks < 0) return nrLinks;
    if (nrLinks + difference < 2) return -EUCLEAN;
    return this.inodes.setLinks(dirIno, nrLinks + difference);
  }
}

function isNameValid(name: Uint8Array): boolean {
  if (name.length === 0 || name.includes(0x2f) || name.includes(0)) return false;
  return !(name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e)));
}
