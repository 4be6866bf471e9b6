/**
 * I/O of pages: submitted, in flight, complete. Hot: per page read or written.
 *
 * A page that is being read is locked, one that is being written carries PG_WRITEBACK, until its bio is complete in virtual
 * time. Who needs the page waits: the clock moves to the completion. Nobody else runs meanwhile.
 * Source: Linux 6.18 mm/filemap.c, folio_wait_bit_common(), folio_end_read(), folio_end_writeback(); fs/mpage.c.
 */
import {
  type Bio,
  bug,
  type Pfn,
  PG_WRITEBACK,
  PGPGIN,
  PGPGOUT,
  REQ_OP_FLUSH,
  REQ_OP_READ,
  REQ_OP_WRITE,
  SECTOR_SIZE,
  TP_FOLIO_WAIT_WRITEBACK,
} from "@pageframe/contracts";
import { NO_MAPPING } from "@pageframe/memmap";
import { type Disk, SECTORS_PER_BLOCK } from "../files/inode.ts";
import { type Inode } from "../files/inode.ts";
import { endFolioRead, endPartOfFolio, takeFolioStatus } from "./folio-io.ts";
import { endPageWriteback } from "../filemap/writeback-state.ts";
import { type System } from "../system.ts";
import { CAUSE_IO_WAIT } from "../time.ts";

/** `Bio.status` before completion. */
const BIO_IN_FLIGHT = 1;
/** `Bio.ownerId` of bytes that somebody waits for. */
const NO_OWNER = -1;
/** KiB that a page counts in pgpgin and pgpgout. */
const KIB_PER_BLOCK = 4;

/** Reads or writes pages that lie together on a disk from `block` on. They are locked, or carry PG_WRITEBACK. */
export function submitPages(
  sys: System,
  disk: Disk,
  op: number,
  flags: number,
  block: number,
  pfns: readonly Pfn[],
  inode: Inode,
  pgoff: number,
): void {
  submit(sys, disk, {
    op,
    flags,
    sector: block * SECTORS_PER_BLOCK,
    nrSectors: pfns.length * SECTORS_PER_BLOCK,
    pfns,
    bytes: null,
    ownerId: inode.id,
    ownerIndex: pgoff,
    status: BIO_IN_FLIGHT,
    submittedNs: -1,
    completedNs: -1,
  });
}

/** Reads or writes bytes from `block` on, and does not wait. `bytes` must not change until then. */
export function submitBytes(
  sys: System,
  disk: Disk,
  op: number,
  flags: number,
  block: number,
  bytes: Uint8Array,
  ownerId: number = NO_OWNER,
): Bio {
  const bio: Bio = {
    op,
    flags,
    sector: block * SECTORS_PER_BLOCK,
    nrSectors: bytes.length / SECTOR_SIZE,
    pfns: [],
    bytes,
    ownerId,
    ownerIndex: block,
    status: BIO_IN_FLIGHT,
    submittedNs: -1,
    completedNs: -1,
  };
  submit(sys, disk, bio);
  return bio;
}

/** Reads or writes bytes and waits. Returns 0 or -errno. */
export function transferBytes(
  sys: System,
  disk: Disk,
  op: number,
  flags: number,
  block: number,
  bytes: Uint8Array,
): number {
  return waitOnBio(sys, disk, submitBytes(sys, disk, op, flags, block, bytes));
}

/** Makes all writes that are complete durable (blkdev_issue_flush). Returns 0 or -errno. */
export function flushDisk(sys: System, disk: Disk): number {
  return waitOnBio(sys, disk, submitBytes(sys, disk, REQ_OP_FLUSH, 0, 0, NO_BYTES));
}

const NO_BYTES: Uint8Array = new Uint8Array(0);

function submit(sys: System, disk: Disk, bio: Bio): void {
  const nrKib = (bio.nrSectors / SECTORS_PER_BLOCK) * KIB_PER_BLOCK;
  if (bio.op === REQ_OP_READ) sys.vmstat.countEvents(PGPGIN, nrKib);
  else if (bio.op === REQ_OP_WRITE) sys.vmstat.countEvents(PGPGOUT, nrKib);
  sys.nrBiosInFlight++;
  disk.device.submitBio(bio, sys.time.nowNs);
}

/** Sends on what a disk held back for merging. */
export function unplugDisk(sys: System, disk: Disk): void {
  disk.device.unplug(sys.time.nowNs);
}

/** Settles what is complete by now. O(disks) when nothing is. */
export function completeIo(sys: System): void {
  if (sys.nrBiosInFlight === 0) return;
  const { nowNs } = sys.time;
  for (const disk of sys.disks) {
    for (let bio = disk.device.takeCompleted(nowNs); bio !== null; bio = disk.device.takeCompleted(nowNs)) {
      endBio(sys, disk, bio);
    }
  }
}

/** Waits for the next completion on a disk; false when nothing is in flight there. */
function waitForDisk(sys: System, disk: Disk): boolean {
  const nextNs = disk.device.nextCompletionNs(sys.time.nowNs);
  if (nextNs === Infinity) return false;
  sys.time.waitUntil(nextNs, CAUSE_IO_WAIT);
  completeIo(sys);
  return true;
}

/** Waits for the next completion anywhere; false when nothing is in flight. */
export function waitForAnyDisk(sys: System): boolean {
  let nextNs = Infinity;
  for (const disk of sys.disks) nextNs = Math.min(nextNs, disk.device.nextCompletionNs(sys.time.nowNs));
  if (nextNs === Infinity) return false;
  sys.time.waitUntil(nextNs, CAUSE_IO_WAIT);
  completeIo(sys);
  return true;
}

/** Waits until a page of the page cache has none of the bits PG_LOCKED, PG_WRITEBACK any more. The page must be held. */
export function waitOnPage(sys: System, pfn: Pfn, bits: number): void {
  const { memmap } = sys;
  if (sys.trace !== null && memmap.hasFlags(pfn, bits & PG_WRITEBACK)) {
    const head = memmap.compoundHead(pfn);
    sys.trace.emit(TP_FOLIO_WAIT_WRITEBACK, memmap.mapping[head], memmap.index[head], 0, 0);
  }
  while (memmap.hasFlags(pfn, bits)) {
    const inodeId = memmap.mapping[memmap.compoundHead(pfn)];
    const disk = inodeId === NO_MAPPING ? null : sys.files.inode(inodeId).disk;
    if (disk === null || !waitForDisk(sys, disk)) bug(`pfn ${pfn} waits for I/O that is not in flight`);
  }
}

function waitOnBio(sys: System, disk: Disk, bio: Bio): number {
  for (;;) {
    const done = disk.device.takeCompleted(sys.time.nowNs);
    if (done === null) {
      const nextNs = disk.device.nextCompletionNs(sys.time.nowNs);
      if (nextNs === Infinity) bug(`a bio at sector ${bio.sector} of ${disk.name} is lost`);
      sys.time.waitUntil(nextNs, CAUSE_IO_WAIT);
      continue;
    }
    endBio(sys, disk, done);
    if (done === bio) return bio.status;
  }
}

/** What follows from a completion (bi_end_io). */
function endBio(sys: System, disk: Disk, bio: Bio): void {
  const { memmap } = sys;
  sys.nrBiosInFlight--;
  if (bio.bytes !== null) {
    if (bio.ownerId !== NO_OWNER) {
      const buffer =
        disk.buffers.get(bio.ownerIndex) ?? bug(`block ${bio.ownerIndex} left memory while it was written`);
      if (bio.status < 0) buffer.hasWriteError = true;
      endPageWriteback(sys, disk.inode, buffer.pfn, bio.status);
    }
    return;
  }
  const inode = sys.files.inode(bio.ownerId);
  for (let at = 0; at < bio.pfns.length;) {
    const folio = memmap.compoundHead(bio.pfns[at]);
    const nrLeft = folio + memmap.nrFolioPages(folio) - bio.pfns[at];
    const nrPages = Math.min(nrLeft, bio.pfns.length - at);
    if (bio.op === REQ_OP_READ) endFolioRead(sys, folio, nrPages, bio.status);
    else if (endPartOfFolio(sys, folio, nrPages, bio.status)) {
      endPageWriteback(sys, inode, folio, takeFolioStatus(sys, folio));
    }
    at += nrPages;
  }
}
