/**
 * Replays the journal after a crash: transactions that were committed go to their places, one that was not is as if it had
 * never been.
 *
 * Source: Linux 6.18 fs/jbd2/recovery.c, jbd2_journal_recover(). Differs: a transaction that is damaged although a commit
 * follows it refuses the mount, where jbd2 would end there in silence.
 */
import { EIO, EROFS, EUCLEAN, FS_BLOCK_SIZE, type FileSystemHost } from "@pageframe/contracts";
import { getU32, getU64 } from "./bytes.ts";
import {
  encodeJournalStart,
  JOURNAL_IS_CLEAN,
  JOURNAL_SEQUENCE,
  JOURNAL_TAIL,
  REVOKES_PER_BLOCK,
  TAG_SIZE,
  TAGS_PER_BLOCK,
} from "./journal.ts";
import {
  GROUP_TABLE_START,
  HEADER_BLOCK,
  HEADER_CHECKSUM,
  HEADER_COUNT,
  HEADER_KIND,
  HEADER_OWNER,
  HEADER_SIZE,
  isSealed,
  isSectorSealed,
  KIND_COMMIT,
  KIND_DESCRIPTOR,
  KIND_JOURNAL,
  KIND_REVOKE,
  STATE_BLOCK,
  type Geometry,
} from "./layout.ts";
import { type MountFailure } from "./superblock.ts";

/** Blocks that are written to their places before the device is waited for. */
const NR_CHUNK = 64;
/** Numbers of transactions stay below 2^53. */
const MAX_SEQUENCE: number = 2 ** 52;

/** A block of the ring that is to go to its place. */
interface Copy {
  readonly position: number;
  readonly block: number;
  readonly kind: number;
  readonly sequence: number;
}

/** Replays what must be. Returns the sequence number that the next transaction gets, or what is wrong. */
export function recoverJournal(host: FileSystemHost, geometry: Geometry): number | MountFailure {
  const first = new Uint8Array(FS_BLOCK_SIZE);
  if (host.readBlocks(geometry.journalStart, first) < 0)
    return { errno: -EIO, sentence: "the journal cannot be read" };
  if (!isSealed(first, KIND_JOURNAL, geometry.journalStart, geometry.checksumSeed))
    return damaged("its first block has a wrong checksum");
  const tail = getU64(first, JOURNAL_TAIL);
  const sequence = getU64(first, JOURNAL_SEQUENCE);
  if (tail >= geometry.nrJournalBlocks - 1 || sequence < 1 || sequence > MAX_SEQUENCE)
    return damaged("its first block gives a place or a number that cannot be");
  if (getU32(first, JOURNAL_IS_CLEAN) !== 0) return sequence;
  if (host.isReadOnly)
    return { errno: -EROFS, sentence: "the journal must be replayed and the device cannot be written" };
  const reader = new RingReader(host, geometry, tail, sequence);
  const read = reader.readAll();
  if (read < 0)
    return read === -EIO ? { errno: -EIO, sentence: "the journal cannot be read" } : damaged(reader.reason);
  const replayed = reader.replay();
  if (replayed < 0)
    return replayed === -EUCLEAN
      ? damaged(reader.reason)
      : { errno: replayed, sentence: "the journal cannot be replayed: the device fails" };
  // Far ahead of whatever lies in the ring, so that nothing of it can be taken for a later transaction.
  const next = reader.sequence + geometry.nrJournalBlocks;
  const empty = encodeJournalStart(geometry, 0, next, true);
  if (host.writeBlocks(geometry.journalStart, empty) < 0 || host.flush() < 0)
    return { errno: -EIO, sentence: "the journal cannot be written" };
  return next;
}

function damaged(reason: string): MountFailure {
  return { errno: -EUCLEAN, sentence: `the journal is damaged: ${reason}` };
}

/** Reads the ring from its tail on. */
class RingReader {
  /** Number of the next transaction, and what was wrong. */
  sequence: number;
  reason = "";
  private readonly host: FileSystemHost;
  private readonly geometry: Geometry;
  private readonly nrRing: number;
  private position: number;
  private nrRead = 0;
  private readonly bytes = new Uint8Array(FS_BLOCK_SIZE);
  private readonly copies: Copy[] = [];
  /** Block -> last transaction that revoked it. */
  private readonly revoked = new Map<number, number>();

  constructor(host: FileSystemHost, geometry: Geometry, tail: number, sequence: number) {
    this.host = host;
    this.geometry = geometry;
    this.nrRing = geometry.nrJournalBlocks - 1;
    this.position = tail;
    this.sequence = sequence;
  }

  /** Reads every committed transaction. Returns 0, -EIO, or -EUCLEAN when one is damaged. */
  readAll(): number {
    for (;;) {
      const nrCopies = this.copies.length;
      const result = this.readTransaction();
      if (result === 1) {
        this.sequence++;
        continue;
      }
      this.copies.length = nrCopies;
      return result < 0 ? result : this.checkEnd();
    }
  }

  /** Returns 1 when it was read, 0 when there is no whole transaction here, -EIO, -EUCLEAN. */
  private readTransaction(): number {
    const revoked: number[] = [];
    for (let nrBlocks = 0; ;) {
      const { position } = this;
      if (this.nrRead >= this.nrRing) return 0;
      if (this.read(position) < 0) return -EIO;
      this.position = (position + 1) % this.nrRing;
      this.nrRead++;
      nrBlocks++;
      const count = getU32(this.bytes, HEADER_COUNT);
      const committed = this.isCommit(position);
      if (committed < 0) return committed;
      if (committed === 1) {
        if (count !== nrBlocks) return 0;
        for (const block of revoked) this.revoked.set(block, this.sequence);
        return 1;
      }
      if (this.isRecord(KIND_REVOKE, position)) {
        if (count > REVOKES_PER_BLOCK) return 0;
        for (let index = 0; index < count; index++) revoked.push(getU64(this.bytes, HEADER_SIZE + index * 8));
        continue;
      }
      if (!this.isRecord(KIND_DESCRIPTOR, position) || count > TAGS_PER_BLOCK) return 0;
      if (this.nrRead + count > this.nrRing) return 0;
      const tags = this.bytes.slice();
      for (let index = 0; index < count; index++) {
        const at = HEADER_SIZE + index * TAG_SIZE;
        const copy: Copy = {
          position: this.position,
          block: getU64(tags, at),
          kind: getU32(tags, at + 8),
          sequence: this.sequence,
        };
        if (this.read(this.position) < 0) return -EIO;
        if (!this.isCopySound(copy, getU32(tags, at + 12))) return 0;
        this.copies.push(copy);
        this.position = (this.position + 1) % this.nrRing;
      }
      this.nrRead += count;
      nrBlocks += count;
    }
  }

  /**
   * Is it the transaction's commit? 1, 0, or -EUCLEAN: a damaged one. A crash leaves its sector as it was or as it was to be,
   * so one with two of its marks and a wrong checksum was damaged later.
   */
  private isCommit(position: number): number {
    const { geometry, bytes } = this;
    const kind = getU32(bytes, HEADER_KIND);
    const isHere = getU64(bytes, HEADER_BLOCK) === geometry.journalStart + 1 + position;
    const isNow = getU64(bytes, HEADER_OWNER) === this.sequence;
    if (kind === KIND_DESCRIPTOR || kind === KIND_REVOKE) return 0;
    const nrMarks = (kind === KIND_COMMIT ? 1 : 0) + (isHere ? 1 : 0) + (isNow ? 1 : 0);
    if (nrMarks < 2) return 0;
    if (isSectorSealed(bytes, geometry.checksumSeed)) return nrMarks === 3 ? 1 : 0;
    this.reason = `the commit of transaction ${this.sequence} has a wrong checksum`;
    return -EUCLEAN;
  }

  private isRecord(kind: number, position: number): boolean {
    const { geometry } = this;
    const place = geometry.journalStart + 1 + position;
    return (
      isSealed(this.bytes, kind, place, geometry.checksumSeed) &&
      getU64(this.bytes, HEADER_OWNER) === this.sequence
    );
  }

  /** Copies go where metadata may be, nowhere else. */
  private isCopySound(copy: Copy, checksum: number): boolean {
    const { geometry, bytes } = this;
    const { block } = copy;
    const isPlace =
      (block >= STATE_BLOCK && block < GROUP_TABLE_START + geometry.nrGroupTableBlocks) ||
      geometry.groupOf(block) >= 0;
    return (
      isPlace &&
      getU32(bytes, HEADER_CHECKSUM) === checksum &&
      isSealed(bytes, copy.kind, block, geometry.checksumSeed)
    );
  }

  /**
   * Where the transactions end, no commit of a later one may lie anywhere: a commit is written after all before it is
   * durable, so one that is there says that something before it was damaged.
   */
  private checkEnd(): number {
    const { geometry } = this;
    for (let position = 0; position < this.nrRing; position++) {
      if (this.read(position) < 0) return -EIO;
      if (getU32(this.bytes, HEADER_KIND) !== KIND_COMMIT) continue;
      if (getU64(this.bytes, HEADER_OWNER) < this.sequence) continue;
      if (!isSectorSealed(this.bytes, geometry.checksumSeed)) continue;
      this.reason = `transaction ${this.sequence} was committed and is not whole`;
      return -EUCLEAN;
    }
    return 0;
  }

  /** Writes the copies to their places and waits until they are durable. */
  replay(): number {
    const { host } = this;
    const written: number[] = [];
    for (const copy of this.copies) {
      if ((this.revoked.get(copy.block) ?? 0) >= copy.sequence) continue;
      if (this.read(copy.position) < 0) return -EIO;
      const buffer = host.newBuffer(copy.block);
      if (typeof buffer === "number") return buffer;
      buffer.bytes.set(this.bytes);
      host.markDirty(buffer);
      host.putBuffer(buffer);
      written.push(copy.block);
      if (written.length < NR_CHUNK) continue;
      if (host.syncBuffers(written) < 0) return -EIO;
      written.length = 0;
    }
    if (written.length > 0 && host.syncBuffers(written) < 0) return -EIO;
    return host.flush() < 0 ? -EIO : 0;
  }

  private read(position: number): number {
    return this.host.readBlocks(this.geometry.journalStart + 1 + position, this.bytes) < 0 ? -EIO : 0;
  }
}
