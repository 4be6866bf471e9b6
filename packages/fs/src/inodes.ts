/**
 * Inodes: their blocks of the table, and the list of those that are to be freed or cut after a crash (orphans).
 *
 * The list is linked both ways through the inodes, its head is in the state block. An inode is on it when its last name is
 * gone while it is open, and while a range of its blocks is freed in several transactions.
 * Source: Linux 6.18 fs/ext4/{inode,orphan}.c, ext4_iget(), ext4_orphan_add(). Differs: the list has links back.
 */
import { EUCLEAN, S_IFDIR, S_IFMT, S_IFREG } from "@pageframe/contracts";
import { type BlockStore } from "./block-store.ts";
import { getU16, getU32, setU16, setU32, setU64 } from "./bytes.ts";
import { type Groups } from "./groups.ts";
import {
  INODE_CTIME,
  INODE_FLAGS,
  INODE_GENERATION,
  INODE_LINKS,
  INODE_MODE,
  INODE_MTIME,
  INODE_NEXT_ORPHAN,
  INODE_ORPHAN,
  INODE_PREV_ORPHAN,
  INODE_SIZE,
  inodeAt,
  KIND_INODES,
  KIND_STATE,
  STATE_BLOCK,
  STATE_ORPHAN,
} from "./layout.ts";

/** The inode table of a mounted file system. */
export class Inodes {
  private readonly store: BlockStore;
  private readonly groups: Groups;

  constructor(store: BlockStore, groups: Groups) {
    this.store = store;
    this.groups = groups;
  }

  /** Block of the table with an inode that is in use, to read at inodeAt(ino); -EUCLEAN when there is none, -EIO. */
  get(ino: number): Uint8Array | number {
    const { geometry } = this.store;
    if (!Number.isInteger(ino) || ino < 1 || ino > geometry.nrInodes) return -EUCLEAN;
    const isMade = this.groups.hasTableBlock(ino);
    if (isMade < 1) return isMade < 0 ? isMade : -EUCLEAN;
    const bytes = this.store.get(geometry.inodeBlock(ino), KIND_INODES);
    if (typeof bytes === "number") return bytes;
    return getU16(bytes, inodeAt(ino) + INODE_MODE) === 0 ? -EUCLEAN : bytes;
  }

  /** The same, to change; its times alone, or more. */
  modify(ino: number, isMoreThanTimes: boolean): Uint8Array | number {
    const found = this.get(ino);
    if (typeof found === "number") return found;
    this.store.touch(ino, isMoreThanTimes);
    return this.store.modify(this.store.geometry.inodeBlock(ino), KIND_INODES);
  }

  /** Takes an inode that has no name yet, near another. Returns its number, -ENOSPC, ... */
  alloc(nearIno: number, mode: number, isSpread: boolean): number {
    const ino = this.groups.allocInode(nearIno, (mode & S_IFMT) === S_IFDIR, isSpread);
    if (ino < 0) return ino;
    const bytes = this.store.modify(this.store.geometry.inodeBlock(ino), KIND_INODES);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    if (getU16(bytes, at + INODE_MODE) !== 0) return -EUCLEAN;
    const generation = getU32(bytes, at + INODE_GENERATION) + 1;
    bytes.fill(0, at, at + INODE_SIZE);
    setU16(bytes, at + INODE_MODE, mode);
    setU32(bytes, at + INODE_GENERATION, generation);
    setU64(bytes, at + INODE_MTIME, this.store.host.nowNs);
    setU64(bytes, at + INODE_CTIME, this.store.host.nowNs);
    this.store.touch(ino, true);
    return ino;
  }

  /** Gives an inode back that has neither names nor blocks. */
  free(ino: number): number {
    const bytes = this.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    const isDir = (getU16(bytes, at + INODE_MODE) & S_IFMT) === S_IFDIR;
    const generation = getU32(bytes, at + INODE_GENERATION);
    bytes.fill(0, at, at + INODE_SIZE);
    setU32(bytes, at + INODE_GENERATION, generation);
    this.store.unorder(ino);
    return this.groups.freeInode(ino, isDir);
  }

  /** Changes an inode's number of names; without any it becomes an orphan. */
  setLinks(ino: number, nrLinks: number): number {
    const bytes = this.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    setU32(bytes, inodeAt(ino) + INODE_LINKS, nrLinks);
    setU64(bytes, inodeAt(ino) + INODE_CTIME, this.store.host.nowNs);
    return nrLinks === 0 ? this.addOrphan(ino) : 0;
  }

  /** First inode of the list, 0 when it is empty, or -errno. */
  firstOrphan(): number {
    const state = this.store.get(STATE_BLOCK, KIND_STATE);
    return typeof state === "number" ? state : getU32(state, STATE_ORPHAN);
  }

  /** Puts an inode on the list; nothing happens when it is there. */
  addOrphan(ino: number): number {
    const bytes = this.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    const flags = getU32(bytes, at + INODE_FLAGS);
    if ((flags & INODE_ORPHAN) !== 0) return 0;
    const state = this.store.modify(STATE_BLOCK, KIND_STATE);
    if (typeof state === "number") return state;
    const next = getU32(state, STATE_ORPHAN);
    setU32(state, STATE_ORPHAN, ino);
    setU32(bytes, at + INODE_FLAGS, flags | INODE_ORPHAN);
    setU32(bytes, at + INODE_NEXT_ORPHAN, next);
    setU32(bytes, at + INODE_PREV_ORPHAN, 0);
    return next === 0 ? 0 : this.setNeighbour(next, INODE_PREV_ORPHAN, 0, ino);
  }

  /** Takes an inode off the list. */
  removeOrphan(ino: number): number {
    const bytes = this.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    const flags = getU32(bytes, at + INODE_FLAGS);
    if ((flags & INODE_ORPHAN) === 0) return -EUCLEAN;
    const next = getU32(bytes, at + INODE_NEXT_ORPHAN);
    const previous = getU32(bytes, at + INODE_PREV_ORPHAN);
    setU32(bytes, at + INODE_FLAGS, flags & ~INODE_ORPHAN);
    setU32(bytes, at + INODE_NEXT_ORPHAN, 0);
    setU32(bytes, at + INODE_PREV_ORPHAN, 0);
    if (next !== 0) {
      const result = this.setNeighbour(next, INODE_PREV_ORPHAN, ino, previous);
      if (result < 0) return result;
    }
    if (previous !== 0) return this.setNeighbour(previous, INODE_NEXT_ORPHAN, ino, next);
    const state = this.store.modify(STATE_BLOCK, KIND_STATE);
    if (typeof state === "number") return state;
    if (getU32(state, STATE_ORPHAN) !== ino) return -EUCLEAN;
    setU32(state, STATE_ORPHAN, next);
    return 0;
  }

  /** Changes a link of an inode of the list, which must have been `from`. */
  private setNeighbour(ino: number, field: number, from: number, to: number): number {
    const bytes = this.modify(ino, true);
    if (typeof bytes === "number") return bytes;
    const at = inodeAt(ino);
    if ((getU32(bytes, at + INODE_FLAGS) & INODE_ORPHAN) === 0 || getU32(bytes, at + field) !== from)
      return -EUCLEAN;
    setU32(bytes, at + field, to);
    return 0;
  }

  /** Is it a file whose blocks can be mapped? 1, 0, or -errno. */
  isRegular(ino: number): number {
    const bytes = this.get(ino);
    if (typeof bytes === "number") return bytes;
    return (getU16(bytes, inodeAt(ino) + INODE_MODE) & S_IFMT) === S_IFREG ? 1 : 0;
  }
}
