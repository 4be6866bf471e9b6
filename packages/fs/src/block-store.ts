/**
 * Blocks of metadata in three layers: the operation under way, the running transaction, the buffers of the kernel.
 *
 * A change goes to a copy in the operation. end() with success moves the copies to the transaction, with failure drops
 * them: a failed operation leaves no trace. Only a commit writes into buffers, so whatever the kernel writes back at
 * whatever time was committed before. Blocks from the device are checked when they come in and then kept by reference for
 * a while (a small cache), so that they are not checked again at each look. Hot: per operation.
 * Source: Linux 6.18 fs/jbd2/transaction.c. Differs: copies in place of shadow buffers, and operations can be undone.
 */
import {
  bug,
  EIO,
  EROFS,
  EUCLEAN,
  FS_BLOCK_SIZE,
  type BlockBuffer,
  type FileSystemHost,
} from "@pageframe/contracts";
import { isBlockSound } from "./check-block.ts";
import { type Journal } from "./journal.ts";
import { isSealed, sealBlock, setHeader, type Geometry } from "./layout.ts";
import { type ChangedBlock, Transaction } from "./transaction.ts";

/** Most blocks of metadata that one operation changes; operations that need more are split. */
const OPERATION_BLOCKS = 48;
/** References to checked buffers that are kept between operations. */
const NR_CACHED = 64;

interface CachedBlock {
  readonly kind: number;
  readonly buffer: BlockBuffer;
  /** Looked at since the cache last went round. */
  isRecent: boolean;
}

/** The metadata of a mounted file system. */
export class BlockStore {
  readonly host: FileSystemHost;
  readonly geometry: Geometry;
  /** Null while a device is only looked at. */
  readonly journal: Journal | null;
  readonly transaction: Transaction = new Transaction();
  isReadOnly: boolean;
  /** The device failed writing the journal. */
  isAborted = false;
  private isInOperation = false;
  private isOrdering = false;
  private isWritingJournal = false;
  private readonly cache = new Map<number, CachedBlock>();
  private readonly opBlocks = new Map<number, ChangedBlock>();
  private readonly opFreed: number[] = [];
  private readonly opOrdered: number[] = [];
  private readonly opTouched = new Map<number, boolean>();
  /** Arrays of blocks that are not needed any more. */
  private readonly spare: Uint8Array[] = [];

  constructor(host: FileSystemHost, geometry: Geometry, journal: Journal | null, isReadOnly: boolean) {
    this.host = host;
    this.geometry = geometry;
    this.journal = journal;
    this.isReadOnly = isReadOnly;
  }

  /** Blocks that the operation under way has changed so far. */
  get nrOperationBlocks(): number {
    return this.opBlocks.size;
  }

  /** Bytes of a block to read, or -EUCLEAN, -EIO, -ENOMEM. Good until the operation ends or changes the block. */
  get(block: number, kind: number): Uint8Array | number {
    if (this.isInOperation) {
      const changed = this.opBlocks.get(block);
      if (changed !== undefined) return changed.kind === kind ? changed.bytes : -EUCLEAN;
    }
    const running = this.transaction.blocks.get(block);
    if (running !== undefined) return running.kind === kind ? running.bytes : -EUCLEAN;
    const cached = this.cache.get(block);
    if (cached !== undefined) {
      cached.isRecent = true;
      return cached.kind === kind ? cached.buffer.bytes : -EUCLEAN;
    }
    return this.read(block, kind);
  }

  /** Bytes of a block to change within the operation, or -errno. */
  modify(block: number, kind: number): Uint8Array | number {
    const changed = this.opBlocks.get(block);
    if (changed !== undefined) return changed.kind === kind ? changed.bytes : -EUCLEAN;
    const bytes = this.get(block, kind);
    if (typeof bytes === "number") return bytes;
    let buffer: BlockBuffer | null = null;
    if (!this.transaction.blocks.has(block)) {
      const taken = this.host.readBuffer(block);
      if (typeof taken === "number") return taken;
      buffer = taken;
    }
    const copy = this.spare.pop() ?? new Uint8Array(FS_BLOCK_SIZE);
    copy.set(bytes);
    this.opBlocks.set(block, { block, kind, bytes: copy, buffer, isFresh: false });
    return copy;
  }

  /** A block that holds nothing yet: zeros and a header. Returns its bytes to fill, or -ENOMEM. */
  create(block: number, kind: number, owner: number, generation: number): Uint8Array | number {
    const { blocks, revoked } = this.transaction;
    if (this.opBlocks.has(block) || blocks.has(block) || revoked.has(block)) return -EUCLEAN;
    this.uncache(block);
    const buffer = this.host.newBuffer(block);
    if (typeof buffer === "number") return buffer;
    const bytes = this.spare.pop() ?? new Uint8Array(FS_BLOCK_SIZE);
    bytes.fill(0);
    setHeader(bytes, kind, block, owner, generation);
    this.opBlocks.set(block, { block, kind, bytes, buffer, isFresh: true });
    return bytes;
  }

  /** A block of metadata is not needed any more; its bit in the bitmap is the caller's. */
  revoke(block: number): void {
    this.opFreed.push(block);
  }

  /** The data of an inode is to be written before this operation is committed. */
  order(ino: number): void {
    this.opOrdered.push(ino);
  }

  /** An inode is gone: its data need not be written. */
  unorder(ino: number): void {
    this.transaction.ordered.delete(ino);
  }

  /** An inode changed; more than its times, or only those. */
  touch(ino: number, isMoreThanTimes: boolean): void {
    if (isMoreThanTimes || !this.opTouched.has(ino)) this.opTouched.set(ino, isMoreThanTimes);
  }

  /** Must the running transaction be committed before another operation begins, because that might not fit? */
  get isFull(): boolean {
    const { blocks, revoked } = this.transaction;
    const { journal } = this;
    const nrChanged = blocks.size + OPERATION_BLOCKS;
    return journal !== null && !journal.canHold(nrChanged, revoked.size + OPERATION_BLOCKS, this.isOrdering);
  }

  /** Begins an operation, for which there is room. Returns 0 or -EROFS. */
  begin(): number {
    if (this.isInOperation || this.isWritingJournal) bug("file system: an operation begins within another");
    if (this.isReadOnly || this.journal === null) return -EROFS;
    this.trim();
    this.isInOperation = true;
    return 0;
  }

  /** Ends the operation: kept when `result` is not negative, undone otherwise. Returns `result`. */
  end(result: number): number {
    this.isInOperation = false;
    if (result < 0) this.undo();
    else this.merge();
    this.opBlocks.clear();
    this.opFreed.length = 0;
    this.opOrdered.length = 0;
    this.opTouched.clear();
    return result;
  }

  private merge(): void {
    const { blocks, revoked, ordered, touched } = this.transaction;
    if (this.transaction.startNs < 0) this.transaction.startNs = this.host.nowNs;
    for (const changed of this.opBlocks.values()) {
      const running = blocks.get(changed.block);
      if (running === undefined) blocks.set(changed.block, changed);
      else {
        this.spare.push(running.bytes);
        running.bytes = changed.bytes;
      }
    }
    for (const block of this.opFreed) {
      const running = blocks.get(block);
      if (running !== undefined) {
        blocks.delete(block);
        this.spare.push(running.bytes);
        if (running.buffer !== null) this.host.putBuffer(running.buffer);
      }
      this.uncache(block);
      revoked.add(block);
    }
    for (const ino of this.opOrdered) ordered.add(ino);
    for (const [ino, isMoreThanTimes] of this.opTouched) {
      if (isMoreThanTimes || !touched.has(ino)) touched.set(ino, isMoreThanTimes);
    }
  }

  private undo(): void {
    for (const changed of this.opBlocks.values()) {
      this.spare.push(changed.bytes);
      if (changed.buffer === null) continue;
      this.host.putBuffer(changed.buffer);
      if (changed.isFresh) this.host.forgetBuffer(changed.block);
    }
  }

  /**
   * Writes the data that must be there before the running transaction is. Errors are the kernel's to report at fsync
   * (data_err=ignore). Writing may fill holes, which adds to the transaction.
   */
  writeOrdered(): void {
    this.isOrdering = true;
    const { ordered } = this.transaction;
    for (const ino of ordered) {
      this.host.writeData(ino);
      ordered.delete(ino);
    }
    this.isOrdering = false;
  }

  /**
   * Makes the running transaction, whose data is written, durable: journal first, then the buffers may be written. Returns
   * 0 or -EIO; then the file system is read-only from there on. A transaction that holds nothing costs nothing.
   */
  commit(): number {
    if (this.isOrdering || this.isInOperation) bug("file system: a commit within an operation or a commit");
    if (this.isReadOnly || this.journal === null) return -EROFS;
    const { transaction, host } = this;
    if (transaction.isEmpty) return 0;
    for (const changed of transaction.blocks.values()) sealBlock(changed.bytes, this.geometry.checksumSeed);
    this.isWritingJournal = true;
    const result = this.journal.commit(transaction);
    this.isWritingJournal = false;
    if (result < 0) {
      this.abort();
      return -EIO;
    }
    for (const changed of transaction.blocks.values()) {
      const buffer = changed.buffer ?? bug(`block ${changed.block} of a transaction has no buffer`);
      buffer.bytes.set(changed.bytes);
      host.markDirty(buffer);
      this.spare.push(changed.bytes);
      if (this.cache.has(changed.block)) host.putBuffer(buffer);
      else this.cache.set(changed.block, { kind: changed.kind, buffer, isRecent: false });
    }
    for (const block of transaction.revoked) host.forgetBuffer(block);
    transaction.clear();
    if (this.spare.length > OPERATION_BLOCKS) this.spare.length = OPERATION_BLOCKS;
    this.trim();
    return 0;
  }

  /** Moves the journal's tail where the device allows. Returns 0 or -EIO; then the file system is read-only. */
  checkpoint(): number {
    if (this.journal === null || this.isAborted) return -EROFS;
    const result = this.journal.checkpoint(0);
    if (result < 0) this.abort();
    return result;
  }

  /** Leaves an empty journal, after a commit. Returns 0 or -EIO. */
  close(): number {
    if (this.journal === null) return 0;
    const result = this.journal.close();
    if (result < 0) this.abort();
    return result;
  }

  /** May commit() be called now? Not while data is written for one. */
  get canCommit(): boolean {
    return !this.isOrdering && !this.isWritingJournal && !this.isReadOnly;
  }

  /** Nothing is written any more (ext4_abort). */
  abort(): void {
    this.isReadOnly = true;
    this.isAborted = true;
  }

  /** Drops references that have not been looked at for long. Called where nobody looks at bytes. */
  trim(): void {
    const nrTurns = this.cache.size;
    for (let turn = 0; this.cache.size > NR_CACHED && turn < 2 * nrTurns; turn++) {
      for (const [block, cached] of this.cache) {
        this.cache.delete(block);
        if (cached.isRecent) {
          cached.isRecent = false;
          this.cache.set(block, cached);
        } else this.host.putBuffer(cached.buffer);
        break;
      }
    }
  }

  /** Drops all references, and what was not committed. Nothing may be asked afterwards. */
  dropAll(): void {
    for (const changed of this.transaction.blocks.values()) {
      if (changed.buffer !== null) this.host.putBuffer(changed.buffer);
    }
    this.transaction.clear();
    for (const cached of this.cache.values()) this.host.putBuffer(cached.buffer);
    this.cache.clear();
  }

  private uncache(block: number): void {
    const cached = this.cache.get(block);
    if (cached === undefined) return;
    this.cache.delete(block);
    this.host.putBuffer(cached.buffer);
  }

  private read(block: number, kind: number): Uint8Array | number {
    const { host, geometry } = this;
    if (block < 0 || block >= geometry.nrBlocks) return -EUCLEAN;
    const buffer = host.readBuffer(block);
    if (typeof buffer === "number") return buffer;
    const { bytes } = buffer;
    if (!isSealed(bytes, kind, block, geometry.checksumSeed) || !isBlockSound(bytes, kind, block, geometry)) {
      host.putBuffer(buffer);
      return -EUCLEAN;
    }
    this.cache.set(block, { kind, buffer, isRecent: false });
    return bytes;
  }
}
