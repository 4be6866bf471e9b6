/**
 * Operations on a mounted file system: begun and ended as a whole, committed together.
 * Source: Linux 6.18 fs/jbd2/transaction.c, fs/ext4/fsync.c, fs/ext4/super.c. Differs: README.md.
 */
import {
  EIO,
  ENOSPC,
  EROFS,
  EUCLEAN,
  FS_BLOCK_SIZE,
  S_IFDIR,
  S_IFMT,
  type FileSystemHost,
} from "@pageframe/contracts";
import { BlockStore } from "./block-store.ts";
import { getU16, getU32, getU64 } from "./bytes.ts";
import { Directories } from "./directory.ts";
import { Extents } from "./extents.ts";
import { Groups } from "./groups.ts";
import { Inodes } from "./inodes.ts";
import { type Journal } from "./journal.ts";
import { INODE_BYTES, INODE_LINKS, INODE_MODE, inodeAt, ROOT_INO, type Geometry } from "./layout.ts";

/** Age at which the daemon commits a transaction (JBD2_DEFAULT_MAX_COMMIT_AGE). */
const COMMIT_INTERVAL_NS = 5_000_000_000;

/** What every operation begins and ends with, and how what they did is made durable. */
export class FileSystemCore {
  protected readonly host: FileSystemHost;
  protected readonly geometry: Geometry;
  protected readonly journal: Journal | null;
  protected readonly store: BlockStore;
  protected readonly groups: Groups;
  protected readonly inodes: Inodes;
  protected readonly extents: Extents;
  protected readonly directories: Directories;
  /** Inodes that got blocks behind their end in the running transaction. */
  protected readonly beyondEnd = new Set<number>();

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

  protected flush(): number {
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
    let result = store.isAborted ? -EIO : 0;
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

  /** Begins an operation; the transaction is committed first when this one might not fit. Returns 0, -EROFS or -EIO. */
  protected begin(): number {
    if (this.store.isFull && !this.store.isReadOnly) {
      if (!this.store.canCommit) return -EIO;
      const committed = this.commit();
      if (committed < 0) return committed;
    }
    return this.store.begin();
  }

  /** Makes the running transaction durable, with the data that it shows. Returns 0 or -errno. */
  protected commit(): number {
    if (this.store.isReadOnly) return -EROFS;
    this.store.writeOrdered();
    const listed = this.listBeyondEnd();
    return listed < 0 ? listed : this.store.commit();
  }

  /**
   * Files whose last blocks lie behind their end, because the size comes with another operation, are noted as orphans: a
   * crash between the two must not leave blocks with bytes that nobody wrote.
   */
  protected listBeyondEnd(): number {
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
  protected end(result: number): number {
    const ended = this.store.end(result);
    if (ended < 0) this.groups.undo();
    else this.groups.settle();
    return ended;
  }

  /** The device is full but for what the running transaction freed: after a commit that can be had. */
  protected shouldRetry(result: number): boolean {
    return result === -ENOSPC && this.groups.hasFreed && this.store.canCommit && this.commit() === 0;
  }

  /** S_IF* of an inode, or -errno. */
  protected typeOf(ino: number): number {
    const bytes = this.inodes.get(ino);
    return typeof bytes === "number" ? bytes : getU16(bytes, inodeAt(ino) + INODE_MODE) & S_IFMT;
  }

  /** First block behind a file's end. */
  protected endOf(ino: number): number {
    const bytes = this.inodes.get(ino);
    if (typeof bytes === "number") return 0;
    return Math.ceil(getU64(bytes, inodeAt(ino) + INODE_BYTES) / FS_BLOCK_SIZE);
  }

  protected linksOf(ino: number): number {
    const bytes = this.inodes.get(ino);
    return typeof bytes === "number" ? bytes : getU32(bytes, inodeAt(ino) + INODE_LINKS);
  }

  protected addLinks(dirIno: number, difference: number): number {
    const nrLinks = this.linksOf(dirIno);
    if (nrLinks < 0) return nrLinks;
    if (nrLinks + difference < 2) return -EUCLEAN;
    return this.inodes.setLinks(dirIno, nrLinks + difference);
  }
}
