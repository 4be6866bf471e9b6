/**
 * The buffer cache: blocks of metadata in memory. Each is a page of its disk's inode, counted as `Buffers`, on the LRU lists
 * as any page of a file, and reclaimed when it is clean and nobody holds it.
 *
 * A file system reads a block, changes its bytes while it holds a reference, and marks it dirty; writeback writes it. What a
 * journal has not committed yet it keeps referenced and not dirty, so nobody writes it before its time.
 * Source: Linux 6.18 fs/buffer.c, __bread_gfp(), mark_buffer_dirty(), __bforget(), sync_dirty_buffer(), try_to_free_buffers().
 * Differs: a buffer is always a whole page; its bytes lie beside the frame, so that RAM without contents has metadata too.
 */
import {
  bug,
  EIO,
  ENOMEM,
  FS_BLOCK_SIZE,
  GFP_NOFS,
  __GFP_MOVABLE,
  NO_PFN,
  NO_SHADOW,
  PG_DIRTY,
  PG_LOCKED,
  PG_UPTODATE,
  PG_WRITEBACK,
  REQ_META,
  REQ_OP_READ,
  REQ_OP_WRITE,
  REQ_SYNC,
} from "@pageframe/contracts";
import { type BufferHead, type Disk } from "../files/inode.ts";
import { submitBytes, transferBytes, unplugDisk, waitOnPage } from "./io.ts";
import { addToPageCache, allocCachePage, deleteFromPageCache } from "../filemap/page-cache.ts";
import { clearPageDirty, markPageDirty } from "../filemap/dirty.ts";
import { beginPageWriteback } from "../filemap/writeback-state.ts";
import { putUserPage } from "../pages/pages.ts";
import { type System } from "../system.ts";

/** Finds or reads a block and takes a reference (sb_bread). -EIO, also beyond the end, or -ENOMEM. */
export function readBuffer(sys: System, disk: Disk, block: number): BufferHead | number {
  const found = disk.buffers.get(block);
  if (found !== undefined) return holdBuffer(sys, found);
  if (!Number.isInteger(block) || block < 0 || block >= disk.nrBlocks) return -EIO;
  const buffer = addBuffer(sys, disk, block);
  if (typeof buffer === "number") return buffer;
  buffer.nrRefs++;
  sys.memmap.setFlags(buffer.pfn, PG_LOCKED);
  const error = transferBytes(sys, disk, REQ_OP_READ, REQ_SYNC | REQ_META, block, buffer.bytes);
  sys.memmap.clearFlags(buffer.pfn, PG_LOCKED);
  if (error !== 0) {
    buffer.nrRefs--;
    dropBuffer(sys, disk, buffer);
    return -EIO;
  }
  sys.memmap.setFlags(buffer.pfn, PG_UPTODATE);
  return buffer;
}

/** Takes a reference to a block that becomes zeros, unread (sb_getblk and a memset). -EIO beyond the end, or -ENOMEM. */
export function newBuffer(sys: System, disk: Disk, block: number): BufferHead | number {
  const found = disk.buffers.get(block);
  if (found !== undefined) {
    found.bytes.fill(0);
    return holdBuffer(sys, found);
  }
  if (!Number.isInteger(block) || block < 0 || block >= disk.nrBlocks) return -EIO;
  const buffer = addBuffer(sys, disk, block);
  if (typeof buffer === "number") return buffer;
  buffer.nrRefs++;
  sys.memmap.setFlags(buffer.pfn, PG_UPTODATE);
  return buffer;
}

/** Drops a reference (brelse). */
export function putBuffer(buffer: BufferHead): void {
  if (--buffer.nrRefs < 0) bug(`block ${buffer.block} is put more often than it was taken`);
}

/** The block may be written whenever writeback likes (mark_buffer_dirty). */
export function markBufferDirty(sys: System, buffer: BufferHead): void {
  markPageDirty(sys, buffer.pfn);
}

/** Nobody wants what the block held: it is not written any more, and leaves memory (bforget). */
export function forgetBuffer(sys: System, disk: Disk, block: number): void {
  const buffer = disk.buffers.get(block);
  if (buffer === undefined) return;
  if (buffer.nrRefs > 0) bug(`block ${block} is forgotten with ${buffer.nrRefs} references`);
  waitOnPage(sys, buffer.pfn, PG_WRITEBACK);
  clearPageDirty(sys, buffer.pfn);
  dropBuffer(sys, disk, buffer);
}

/**
 * Writes those of the blocks that are dirty, in the order given, and waits for all of them. Returns 0, or -EIO when the last
 * write of one of them failed, now or earlier in the background: a journal must not let go of its copy then.
 * Source: Linux 6.18 fs/jbd2/checkpoint.c, jbd2_log_do_checkpoint(). Differs: asks each buffer, where jbd2 asks the whole device.
 */
export function syncBuffers(sys: System, disk: Disk, blocks: readonly number[]): number {
  const waiting: BufferHead[] = [];
  for (const block of blocks) {
    const buffer = disk.buffers.get(block);
    if (buffer === undefined) continue;
    waitOnPage(sys, buffer.pfn, PG_WRITEBACK);
    if (sys.memmap.hasFlags(buffer.pfn, PG_DIRTY)) writeBuffer(sys, disk, buffer, REQ_SYNC | REQ_META);
    buffer.nrRefs++;
    waiting.push(buffer);
  }
  unplugDisk(sys, disk);
  let result = 0;
  for (const buffer of waiting) {
    waitOnPage(sys, buffer.pfn, PG_WRITEBACK);
    putBuffer(buffer);
    if (buffer.hasWriteError) result = -EIO;
  }
  return result;
}

/** Submits a dirty buffer. The device gets a copy: what changes until it is written is not in it. */
export function writeBuffer(sys: System, disk: Disk, buffer: BufferHead, flags: number): void {
  clearPageDirty(sys, buffer.pfn);
  beginPageWriteback(sys, disk.inode, buffer.pfn);
  buffer.hasWriteError = false;
  submitBytes(sys, disk, REQ_OP_WRITE, flags, buffer.block, buffer.bytes.slice(), disk.inode.id);
}

/**
 * Drops all buffers of a disk that nobody has mounted, dirty ones too: whoever looks next reads what lies there.
 * Source: Linux 6.18 block/bdev.c, kill_bdev().
 */
export function dropAllBuffers(sys: System, disk: Disk): void {
  sys.lru.drainAll();
  for (const buffer of [...disk.buffers.values()]) forgetBuffer(sys, disk, buffer.block);
}

/** Drops a clean buffer that nobody holds, with its page, which leaves `shadow`. */
export function dropBuffer(sys: System, disk: Disk, buffer: BufferHead, shadow: number = NO_SHADOW): void {
  disk.buffers.delete(buffer.block);
  deleteFromPageCache(sys, disk.inode, buffer.pfn, shadow);
  putUserPage(sys, buffer.pfn, sys.currentCpu);
}

function holdBuffer(sys: System, buffer: BufferHead): BufferHead {
  buffer.nrRefs++;
  sys.lru.markAccessed(buffer.pfn, sys.currentCpu);
  return buffer;
}

function addBuffer(sys: System, disk: Disk, block: number): BufferHead | number {
  const pfn = allocCachePage(sys, GFP_NOFS | __GFP_MOVABLE);
  if (pfn === NO_PFN) return -ENOMEM;
  addToPageCache(sys, disk.inode, block, pfn);
  const buffer: BufferHead = {
    block,
    bytes: new Uint8Array(FS_BLOCK_SIZE),
    pfn,
    nrRefs: 0,
    hasWriteError: false,
  };
  disk.buffers.set(block, buffer);
  return buffer;
}
