/**
 * The journal: whole blocks of metadata, written twice, so that a transaction happens entirely or not at all.
 *
 * The first block says where to begin (tail) and with which sequence number; the rest is a ring. A transaction in it:
 *
 *     descriptor (block numbers and checksums) | those blocks | ... more of both | revoke blocks | flush | commit | flush
 *
 * The commit's checksum is that of its first sector: it is there or not, never torn.
 * Every block but the copies has the common header, `owner` and `generation` of which hold the sequence number (64 bits).
 * A block that was freed as metadata is named in a revoke block: copies of it in this and earlier transactions are not
 * replayed, since it may hold data by then. Copies are removed from the ring (the tail moves) after the buffers were
 * written and the device flushed.
 * Source: Linux 6.18 fs/jbd2/{commit,checkpoint,recovery,revoke}.c. Differs: a commit is complete when it returns.
 */
import { EIO, FS_BLOCK_SIZE, type FileSystemHost } from "@pageframe/contracts";
import { getU32, setU32, setU64 } from "./bytes.ts";
import {
  HEADER_CHECKSUM,
  HEADER_COUNT,
  HEADER_OWNER,
  HEADER_SIZE,
  KIND_COMMIT,
  KIND_DESCRIPTOR,
  KIND_JOURNAL,
  KIND_REVOKE,
  sealBlock,
  sealSector,
  setHeader,
  type Geometry,
} from "./layout.ts";
import { type ChangedBlock, type Transaction } from "./transaction.ts";

/** Bytes of a descriptor's entry (block, kind, checksum) and of a revoke block's (block). */
export const TAG_SIZE = 16;
export const TAGS_PER_BLOCK: number = (FS_BLOCK_SIZE - HEADER_SIZE) / TAG_SIZE;
export const REVOKES_PER_BLOCK: number = (FS_BLOCK_SIZE - HEADER_SIZE) / 8;
/** Offsets in the journal's first block: where the tail is, its sequence number, and whether the ring holds nothing. */
export const JOURNAL_TAIL: number = HEADER_SIZE;
export const JOURNAL_SEQUENCE: number = HEADER_SIZE + 8;
export const JOURNAL_IS_CLEAN: number = HEADER_SIZE + 16;

/** A committed transaction whose blocks may not be in their places yet. */
interface Checkpoint {
  readonly sequence: number;
  /** Where it begins in the ring, and how many blocks it takes there. */
  readonly start: number;
  readonly nrBlocks: number;
  readonly blocks: readonly number[];
}

/** Blocks that a transaction takes in the ring. */
function ringBlocks(nrChanged: number, nrRevoked: number): number {
  const nrDescriptors = Math.max(1, Math.ceil(nrChanged / TAGS_PER_BLOCK));
  return nrChanged + nrDescriptors + Math.ceil(nrRevoked / REVOKES_PER_BLOCK) + 1;
}

/** The journal of a mounted file system. */
export class Journal {
  private readonly host: FileSystemHost;
  private readonly geometry: Geometry;
  /** Blocks of the ring. */
  private readonly nrRing: number;
  private head: number;
  private sequence: number;
  private isClean: boolean;
  private readonly checkpoints: Checkpoint[] = [];

  /** Begins with an empty ring at position 0; the block on the device must say the same, and that it is clean. */
  constructor(host: FileSystemHost, geometry: Geometry, sequence: number) {
    this.host = host;
    this.geometry = geometry;
    this.nrRing = geometry.nrJournalBlocks - 1;
    this.head = 0;
    this.sequence = sequence;
    this.isClean = true;
  }

  /**
   * May a transaction of this size be committed? Half of the ring is the most, so that checkpoints do not stall each commit;
   * all of it for what is added while the data of a commit is written (`isLast`).
   */
  canHold(nrChanged: number, nrRevoked: number, isLast: boolean): boolean {
    const nrMost = this.nrRing >= 256 && !isLast ? this.nrRing >> 1 : this.nrRing;
    return ringBlocks(nrChanged, nrRevoked) <= nrMost;
  }

  /** Is more than half of the ring in use? */
  get isHalfFull(): boolean {
    return this.nrUsed * 2 > this.nrRing;
  }

  /** Transactions that are not checkpointed. */
  get nrCheckpoints(): number {
    return this.checkpoints.length;
  }

  private get nrUsed(): number {
    if (this.checkpoints.length === 0) return 0;
    const used = (this.head - this.checkpoints[0].start + this.nrRing) % this.nrRing;
    return used === 0 ? this.nrRing : used;
  }

  /** Writes a transaction, whose blocks are sealed, so that it survives. Returns 0 or -EIO: then it may or may not. */
  commit(transaction: Transaction): number {
    const { host } = this;
    const nrBlocks = ringBlocks(transaction.blocks.size, transaction.revoked.size);
    if (this.nrRing - this.nrUsed < nrBlocks && this.checkpoint(nrBlocks) < 0) return -EIO;
    if (this.isClean && this.writeFirst(false) < 0) return -EIO;
    const image = this.encode(transaction, nrBlocks);
    if (this.writeRing(this.head, image) < 0 || host.flush() < 0) return -EIO;
    const last = (this.head + nrBlocks - 1) % this.nrRing;
    const commit = new Uint8Array(FS_BLOCK_SIZE);
    this.begin(commit, KIND_COMMIT, last, nrBlocks);
    sealSector(commit, this.geometry.checksumSeed);
    if (this.writeRing(last, commit) < 0 || host.flush() < 0) return -EIO;
    const { sequence, head: start } = this;
    this.checkpoints.push({ sequence, start, nrBlocks, blocks: [...transaction.blocks.keys()] });
    this.head = (start + nrBlocks) % this.nrRing;
    this.sequence++;
    return 0;
  }

  /**
   * Moves the tail until `nrWanted` blocks of the ring, and if it can half of it, are free: writes what the oldest transactions changed.
   * Returns 0 or -EIO.
   */
  checkpoint(nrWanted: number): number {
    const { host, checkpoints } = this;
    const nrGoal = Math.max(nrWanted, this.nrRing >> 1);
    const blocks = new Set<number>();
    let nrFree = this.nrRing - this.nrUsed;
    let nrDone = 0;
    while (nrDone < checkpoints.length && nrFree < nrGoal) {
      const oldest = checkpoints[nrDone++];
      for (const block of oldest.blocks) blocks.add(block);
      nrFree += oldest.nrBlocks;
    }
    if (nrDone === 0) return 0;
    if (host.syncBuffers([...blocks]) < 0 || host.flush() < 0) return -EIO;
    checkpoints.splice(0, nrDone);
    return this.writeFirst(false);
  }

  /** Writes everything to its place and marks the journal as holding nothing. Returns 0 or -EIO. */
  close(): number {
    if (this.isClean) return 0;
    return this.checkpoint(this.nrRing) < 0 || this.writeFirst(true) < 0 ? -EIO : 0;
  }

  /** Writes the journal's first block and waits: all that matters is in its first sector, which is never torn. */
  private writeFirst(isClean: boolean): number {
    const oldest = this.checkpoints.length > 0 ? this.checkpoints[0] : null;
    const tail = oldest === null ? this.head : oldest.start;
    const sequence = oldest === null ? this.sequence : oldest.sequence;
    const bytes = encodeJournalStart(this.geometry, tail, sequence, isClean);
    if (this.host.writeBlocks(this.geometry.journalStart, bytes) < 0 || this.host.flush() < 0) return -EIO;
    this.isClean = isClean;
    return 0;
  }

  private begin(bytes: Uint8Array, kind: number, position: number, count: number): void {
    setHeader(bytes, kind, this.geometry.journalStart + 1 + position, 0, 0);
    setU64(bytes, HEADER_OWNER, this.sequence);
    setU32(bytes, HEADER_COUNT, count);
  }

  /** All but the commit block. */
  private encode(transaction: Transaction, nrBlocks: number): Uint8Array {
    const { checksumSeed } = this.geometry;
    const image = new Uint8Array((nrBlocks - 1) * FS_BLOCK_SIZE);
    const changed: ChangedBlock[] = [...transaction.blocks.values()];
    let nrWritten = 0;
    for (let from = 0; from === 0 || from < changed.length; from += TAGS_PER_BLOCK) {
      const nrTags = Math.min(TAGS_PER_BLOCK, changed.length - from);
      const descriptor = blockOf(image, nrWritten);
      this.begin(descriptor, KIND_DESCRIPTOR, (this.head + nrWritten) % this.nrRing, nrTags);
      nrWritten++;
      for (let index = 0; index < nrTags; index++) {
        const { block, kind, bytes } = changed[from + index];
        const at = HEADER_SIZE + index * TAG_SIZE;
        setU64(descriptor, at, block);
        setU32(descriptor, at + 8, kind);
        setU32(descriptor, at + 12, getU32(bytes, HEADER_CHECKSUM));
        blockOf(image, nrWritten++).set(bytes);
      }
      sealBlock(descriptor, checksumSeed);
    }
    const revoked = [...transaction.revoked];
    for (let from = 0; from < revoked.length; from += REVOKES_PER_BLOCK) {
      const nrHere = Math.min(REVOKES_PER_BLOCK, revoked.length - from);
      const bytes = blockOf(image, nrWritten);
      this.begin(bytes, KIND_REVOKE, (this.head + nrWritten) % this.nrRing, nrHere);
      nrWritten++;
      for (let index = 0; index < nrHere; index++)
        setU64(bytes, HEADER_SIZE + index * 8, revoked[from + index]);
      sealBlock(bytes, checksumSeed);
    }
    return image;
  }

  private writeRing(position: number, from: Uint8Array): number {
    const start = this.geometry.journalStart + 1;
    const nrFirst = Math.min(from.length, (this.nrRing - position) * FS_BLOCK_SIZE);
    if (this.host.writeBlocks(start + position, from.subarray(0, nrFirst)) < 0) return -EIO;
    if (nrFirst === from.length) return 0;
    return this.host.writeBlocks(start, from.subarray(nrFirst)) < 0 ? -EIO : 0;
  }
}

function blockOf(image: Uint8Array, index: number): Uint8Array {
  return image.subarray(index * FS_BLOCK_SIZE, (index + 1) * FS_BLOCK_SIZE);
}

/** The journal's first block. */
export function encodeJournalStart(
  geometry: Geometry,
  tail: number,
  sequence: number,
  isClean: boolean,
): Uint8Array {
  const bytes = new Uint8Array(FS_BLOCK_SIZE);
  setHeader(bytes, KIND_JOURNAL, geometry.journalStart, 0, 0);
  setU64(bytes, JOURNAL_TAIL, tail);
  setU64(bytes, JOURNAL_SEQUENCE, sequence);
  setU32(bytes, JOURNAL_IS_CLEAN, isClean ? 1 : 0);
  sealBlock(bytes, geometry.checksumSeed);
  return bytes;
}
