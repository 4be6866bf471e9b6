/** What changed since the last commit (transaction_t), all in memory. Plain data. */
import type { BlockBuffer } from "@pageframe/contracts";

/** A block of metadata with its new bytes; the buffer keeps the old ones until the commit. */
export interface ChangedBlock {
  readonly block: number;
  readonly kind: number;
  /** FS_BLOCK_SIZE bytes, sealed at commit. */
  bytes: Uint8Array;
  /** Referenced, so that the commit needs no memory. Null in an operation when the transaction has the block. */
  buffer: BlockBuffer | null;
  /** Was the buffer made for it, unread? */
  isFresh: boolean;
}

/** The running transaction. */
export class Transaction {
  readonly blocks = new Map<number, ChangedBlock>();
  /** Blocks of metadata that were freed: what the journal holds of them must not be replayed. */
  readonly revoked = new Set<number>();
  /** Inodes with new blocks or a new end: their data is written before the commit. */
  readonly ordered = new Set<number>();
  /** Inodes that changed; the value says whether more than times did. */
  readonly touched = new Map<number, boolean>();
  /** Bits of each group's bitmap that were freed and are not given out before the commit, and how many. */
  readonly freedBits = new Map<number, Uint8Array>();
  readonly nrFreed = new Map<number, number>();
  /** When its first change was made; -1 before. */
  startNs = -1;

  get isEmpty(): boolean {
    return this.blocks.size === 0 && this.revoked.size === 0;
  }

  /** Forgets all, for the next transaction. */
  clear(): void {
    this.blocks.clear();
    this.revoked.clear();
    this.touched.clear();
    this.freedBits.clear();
    this.nrFreed.clear();
    this.startNs = -1;
  }
}
