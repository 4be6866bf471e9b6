/** lseek(2) to data and holes. Source: Linux 6.18 fs/iomap/seek.c, iomap_seek_data(), iomap_seek_hole(); mm/shmem.c, shmem_file_llseek(). */
import { type BlockMapping, ENXIO, NO_BLOCK, NO_PFN, PAGE_SIZE } from "@pageframe/contracts";
import { type Inode } from "../files/inode.ts";

/** First byte from `offset` on, below the end of the file, that is data or a hole; the end is a hole. -ENXIO or -errno. */
export function seekDataOrHole(inode: Inode, offset: number, isData: boolean): number {
  const endPgoff = Math.ceil(inode.sizeBytes / PAGE_SIZE);
  const mapping: BlockMapping = { block: NO_BLOCK, nrBlocks: 0, isNew: false };
  for (let pgoff = Math.floor(offset / PAGE_SIZE); pgoff < endPgoff;) {
    const nrPages = dataRun(inode, pgoff, endPgoff, mapping);
    if (nrPages < 0) return nrPages;
    if ((mapping.block !== NO_BLOCK) === isData) return Math.max(offset, pgoff * PAGE_SIZE);
    pgoff += Math.max(1, mapping.nrBlocks);
  }
  return isData ? -ENXIO : inode.sizeBytes;
}

/** Fills `mapping` with what begins at a page: data or a hole, and how far. 0 or -errno. */
function dataRun(inode: Inode, pgoff: number, endPgoff: number, mapping: BlockMapping): number {
  const { superBlock } = inode;
  if (superBlock !== null && superBlock.disk !== null) {
    return superBlock.fs.mapBlocks(inode.fsIno, pgoff, endPgoff - pgoff, false, mapping);
  }
  const hasPage = superBlock !== null || inode.pages.load(pgoff) !== NO_PFN || inode.swapped.has(pgoff);
  mapping.block = hasPage ? 0 : NO_BLOCK;
  mapping.nrBlocks = 1;
  return 0;
}
