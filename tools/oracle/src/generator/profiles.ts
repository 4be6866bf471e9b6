/** How often which operation comes: a seed takes one of these. */
import * as disk from "./disk.ts";
import * as operations from "./operations.ts";
import { type WriteOperation } from "./operations.ts";

type Writers = Readonly<Record<string, WriteOperation>>;

/** Names of operations, as scripts and the table of weights have them. */
const WRITERS = {
  mmap: operations.mmap,
  munmap: operations.munmap,
  mprotect: operations.mprotect,
  mremap: operations.mremap,
  brk: operations.brk,
  read: operations.read,
  write: operations.write,
  fillArea: operations.fillArea,
  exec: operations.exec,
  madvise: operations.madvise,
  pageOutAndIn: operations.pageOutAndIn,
  pmadvise: operations.pmadvise,
  lock: operations.lock,
  mseal: operations.mseal,
  msync: operations.msync,
  mincore: operations.mincore,
  ftruncate: operations.ftruncate,
  punch: operations.punch,
  transfer: operations.transfer,
  fork: operations.fork,
  on: operations.on,
  exit: operations.exit,
  wait: operations.wait,
  rlimit: operations.rlimit,
  dropcaps: operations.dropcaps,
  clearRefs: operations.clearRefs,
  prctl: operations.prctl,
  fileAdvice: operations.fileAdvice,
  oomScoreAdj: operations.oomScoreAdj,
  drain: operations.drain,
} satisfies Writers;

type Weights = Readonly<Record<keyof typeof WRITERS, number>>;

/** Those that only scripts with files on a disk have. */
const DISK_WRITERS = {
  ...WRITERS,
  madviseKeeping: operations.madviseKeeping,
  mapStream: disk.mapStream,
  readOn: disk.readOn,
  jump: disk.jump,
  adviseStream: disk.adviseStream,
  mincoreStream: disk.mincoreStream,
  mincoreSettled: disk.mincoreSettled,
  readFile: disk.readFile,
  adviseFile: disk.adviseFile,
  fsync: disk.fsync,
  pageOutFile: disk.pageOutFile,
} satisfies Writers;

type DiskWeights = Readonly<Record<keyof typeof DISK_WRITERS, number>>;

const MIXED: Weights = {
  mmap: 16,
  munmap: 4,
  mprotect: 9,
  mremap: 7,
  brk: 4,
  read: 20,
  write: 22,
  fillArea: 5,
  exec: 1,
  madvise: 16,
  pageOutAndIn: 2,
  pmadvise: 1,
  lock: 4,
  mseal: 0,
  msync: 2,
  mincore: 3,
  ftruncate: 2,
  punch: 1,
  transfer: 2,
  fork: 3,
  on: 5,
  exit: 1,
  wait: 2,
  rlimit: 1,
  dropcaps: 0,
  clearRefs: 2,
  prctl: 1,
  fileAdvice: 1,
  oomScoreAdj: 1,
  drain: 1,
};

const VMAS: Weights = {
  ...MIXED,
  mseal: 1,
  mmap: 30,
  munmap: 10,
  mprotect: 24,
  mremap: 20,
  brk: 6,
  read: 12,
  write: 14,
  fork: 1,
};
const COPYING: Weights = { ...MIXED, fork: 8, on: 16, write: 34, read: 24, exit: 3, wait: 4, fillArea: 8 };
const SWAPPING: Weights = {
  ...MIXED,
  pageOutAndIn: 18,
  fillArea: 12,
  mincore: 6,
  madvise: 24,
  on: 8,
  pmadvise: 3,
};
const FILES: Weights = { ...MIXED, ftruncate: 8, punch: 6, transfer: 10, msync: 4, mmap: 22 };
const LIMITS: Weights = { ...MIXED, rlimit: 6, dropcaps: 3, lock: 18, mmap: 24, brk: 10 };

/** The profiles, in the order in which seeds take turns. */
export const profiles: Readonly<Record<string, Weights>> = {
  mixed: MIXED,
  vmas: VMAS,
  copying: COPYING,
  swapping: SWAPPING,
  files: FILES,
  limits: LIMITS,
};

/** Everything a little, without what goes to swap. */
const ARENA: DiskWeights = {
  ...MIXED,
  brk: 1,
  exec: 0,
  mincore: 0,
  madvise: 0,
  pageOutAndIn: 0,
  pmadvise: 0,
  fileAdvice: 0,
  dropcaps: 1,
  ftruncate: 5,
  punch: 4,
  transfer: 8,
  msync: 6,
  madviseKeeping: 14,
  mapStream: 1,
  readOn: 4,
  jump: 6,
  adviseStream: 2,
  mincoreStream: 2,
  mincoreSettled: 3,
  readFile: 5,
  adviseFile: 6,
  fsync: 3,
  pageOutFile: 4,
};
const STREAMS: DiskWeights = {
  ...ARENA,
  mmap: 6,
  mprotect: 3,
  mremap: 2,
  read: 8,
  write: 10,
  fillArea: 2,
  ftruncate: 3,
  fork: 1,
  mapStream: 5,
  readOn: 20,
  jump: 20,
  adviseStream: 14,
  mincoreStream: 10,
  readFile: 14,
  adviseFile: 12,
};

/** The profiles of scripts with files on a disk. */
export const diskProfiles: Readonly<Record<string, DiskWeights>> = { arena: ARENA, streams: STREAMS };

/** A profile's operations with their weights. */
export function weightedOperations(weights: Weights | DiskWeights): (readonly [number, WriteOperation])[] {
  const writers: Writers = DISK_WRITERS;
  return Object.entries(weights).map(([name, weight]) => [weight, writers[name]]);
}
