/** Tells what a device says of its file system, without mounting it. Source: dumpe2fs(8) -h. */
import { FS_BLOCK_SIZE, type FileSystemHost } from "@pageframe/contracts";
import { getU32 } from "./bytes.ts";
import { JOURNAL_IS_CLEAN } from "./journal.ts";
import { isSealed, KIND_JOURNAL } from "./layout.ts";
import { idOf, readSuperblock, VERSION, type MountFailure } from "./superblock.ts";

/** What the superblock and the journal's first block say. */
export interface FileSystemDescription {
  readonly version: number;
  /** 32 hexadecimal digits that tell file systems apart. */
  readonly id: string;
  /** Blocks of FS_BLOCK_SIZE: all of it, and those of the journal among them. */
  readonly nrBlocks: number;
  readonly nrJournalBlocks: number;
  readonly nrGroups: number;
  readonly nrInodes: number;
  /** "dirty": the next mount replays the journal, because nobody unmounted. */
  readonly journal: "clean" | "dirty" | "damaged";
  /** The first superblock is damaged; this is what its copy says. */
  readonly isBackup: boolean;
}

/** Reads the superblock. Returns what it says, or a negative errno and a sentence. Never throws for what lies on the device. */
export function describeFileSystem(host: FileSystemHost): FileSystemDescription | MountFailure {
  const found = readSuperblock(host);
  if ("errno" in found) return found;
  const { geometry, isBackup, primary } = found;
  const { nrBlocks, nrJournalBlocks, nrGroups, inodesPerGroup, journalStart, checksumSeed } = geometry;
  const first = new Uint8Array(FS_BLOCK_SIZE);
  const isRead = host.readBlocks(journalStart, first) === 0;
  const isSound = isRead && isSealed(first, KIND_JOURNAL, journalStart, checksumSeed);
  const isClean = getU32(first, JOURNAL_IS_CLEAN) !== 0;
  return {
    version: VERSION,
    id: idOf(primary),
    nrBlocks,
    nrJournalBlocks,
    nrGroups,
    nrInodes: nrGroups * inodesPerGroup,
    journal: !isSound ? "damaged" : isClean ? "clean" : "dirty",
    isBackup,
  };
}
