/**
 * Names: looked up, made, moved and taken away, each operation entirely or not at all.
 * Source: Linux 6.18 fs/ext4/namei.c, fs/namei.c. Differs: README.md.
 */
import {
  EEXIST,
  EINVAL,
  EISDIR,
  EMLINK,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EUCLEAN,
  FS_BLOCK_SIZE,
  FS_NAME_MAX,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type DirectoryEntry,
  type FileAttributes,
  type FileSystemStats,
} from "@pageframe/contracts";
import { decodeUtf8, encodeUtf8, getU16, getU32, getU64, setU32, setU64 } from "./bytes.ts";
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
  INODE_GENERATION,
  INODE_LINKS,
  INODE_MODE,
  INODE_MTIME,
  INODE_NAMES,
  INODE_PARENT,
  INODE_ROOT,
  INODE_ROOT_SIZE,
  inodeAt,
  KIND_SYMLINK,
  MAX_TARGET,
  ROOT_INO,
} from "./layout.ts";
import { FileSystemCore } from "./file-system-core.ts";

/** Most names of a file (EXT4_LINK_MAX). */
const LINK_MAX = 65000;
const SECTORS_PER_BLOCK = 8;

/** The calls about names and attributes. */
export class FileSystemNames extends FileSystemCore {
  replacedIno = 0;

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
}

function isNameValid(name: Uint8Array): boolean {
  if (name.length === 0 || name.includes(0x2f) || name.includes(0)) return false;
  return !(name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e)));
}
