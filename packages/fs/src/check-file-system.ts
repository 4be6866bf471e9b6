/**
 * Checks a file system that is not in use (fsck -n): everything is reachable, every block has one owner, counts are right.
 *
 * Source: e2fsck(8), passes 1 to 5. Differs: it mends nothing.
 */
import {
  EUCLEAN,
  FS_BLOCK_SIZE,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type FileSystemHost,
} from "@pageframe/contracts";
import { BlockStore } from "./block-store.ts";
import { decodeUtf8, getU16, getU32, getU64 } from "./bytes.ts";
import { nrZeroBits } from "./check-block.ts";
import { hashName } from "./directory.ts";
import { descriptorAt, descriptorBlock, fillBits, fillNewBitmap } from "./groups.ts";
import { JOURNAL_IS_CLEAN } from "./journal.ts";
import {
  ENTRY_BLOCK,
  ENTRY_BLOCKS,
  ENTRY_KEY,
  ENTRY_SIZE,
  GROUP_BLOCKS_INIT,
  GROUP_DIRS,
  GROUP_FLAGS,
  GROUP_FREE_BLOCKS,
  GROUP_FREE_INODES,
  GROUP_INODES_INIT,
  GROUP_TABLE_BLOCKS,
  HEADER_COUNT,
  HEADER_EXTRA,
  HEADER_GENERATION,
  HEADER_OWNER,
  HEADER_SIZE,
  INODE_BLOCKS,
  INODE_BYTES,
  INODE_COUNT,
  INODE_DEPTH,
  INODE_FLAGS,
  INODE_GENERATION,
  INODE_LINKS,
  INODE_MODE,
  INODE_NAMES,
  INODE_NEXT_ORPHAN,
  INODE_ORPHAN,
  INODE_PARENT,
  INODE_PREV_ORPHAN,
  INODE_ROOT,
  INODE_ROOT_SIZE,
  inodeAt,
  INODES_PER_BLOCK,
  isSealed,
  KIND_BLOCK_BITMAP,
  KIND_EXTENTS,
  KIND_GROUPS,
  KIND_INODE_BITMAP,
  KIND_INODES,
  KIND_JOURNAL,
  KIND_NAMES,
  KIND_NODE,
  KIND_STATE,
  KIND_SYMLINK,
  MAX_FILE_BLOCKS,
  NAME_HASH,
  NAME_INO,
  NAME_SIZE,
  NAME_TEXT,
  NAME_TYPE,
  ROOT_INO,
  STATE_BLOCK,
  STATE_ORPHAN,
  type Geometry,
} from "./layout.ts";
import { readBackup, readSuperblock } from "./superblock.ts";

/** So many complaints are enough. */
const NR_MOST = 100;
const MAX_HASH = 0xffffffff;

/**
 * Says what is wrong with the file system on a device, one sentence each; nothing when it is clean. It must not be mounted,
 * or be synced and left alone meanwhile. O(inodes in use and their metadata).
 */
export function checkFileSystem(host: FileSystemHost): string[] {
  const found = readSuperblock(host);
  if ("errno" in found) return [found.sentence];
  const problems: string[] = [];
  if (found.isBackup) problems.push("the superblock is damaged; its copy in the last block is not");
  else if (!readBackup(host, found.geometry))
    problems.push("the copy of the superblock in the last block is damaged");
  const first = new Uint8Array(FS_BLOCK_SIZE);
  const { journalStart, checksumSeed } = found.geometry;
  const isRead = host.readBlocks(journalStart, first) === 0;
  if (!isRead || !isSealed(first, KIND_JOURNAL, journalStart, checksumSeed))
    problems.push("the journal's first block is damaged");
  const store = new BlockStore(host, found.geometry, null, true);
  new Checker(store, problems).run();
  store.dropAll();
  if (problems.length > 0 && isRead && getU32(first, JOURNAL_IS_CLEAN) === 0)
    problems.push("the journal may hold what mends this: mount the file system first");
  return problems.slice(0, NR_MOST);
}

/** What an inode says, for later passes. */
interface SeenInode {
  readonly type: number;
  readonly nrLinks: number;
  readonly parent: number;
  readonly isOrphan: boolean;
  nrNames: number;
  nrDirs: number;
}

/** One run over a file system. */
class Checker {
  private readonly store: BlockStore;
  private readonly geometry: Geometry;
  private readonly problems: string[];
  /** Bitmaps as they should be. */
  private readonly owned = new Map<number, Uint8Array>();
  private readonly seen = new Map<number, SeenInode>();
  /** Directory -> its subdirectories. */
  private readonly children = new Map<number, number[]>();
  // Of the inode under the walk.
  private ino = 0;
  private generation = 0;
  private nrBlocks = 0;
  private nrNames = 0;

  constructor(store: BlockStore, problems: string[]) {
    this.store = store;
    this.geometry = store.geometry;
    this.problems = problems;
  }

  run(): void {
    for (let group = 0; group < this.geometry.nrGroups; group++) this.checkInodes(group);
    this.checkNames();
    this.checkReachable();
    this.checkOrphans();
    for (let group = 0; group < this.geometry.nrGroups; group++) this.checkBlocks(group);
  }

  private complain(sentence: string): void {
    if (this.problems.length < NR_MOST) this.problems.push(sentence);
  }

  private get(block: number, kind: number, what: string): Uint8Array | null {
    const bytes = this.store.get(block, kind);
    if (typeof bytes !== "number") return bytes;
    this.complain(`block ${block} (${what}) ${bytes === -EUCLEAN ? "is damaged" : "cannot be read"}`);
    return null;
  }

  private descriptor(group: number): Uint8Array | null {
    return this.get(descriptorBlock(group), KIND_GROUPS, `descriptor of group ${group}`);
  }

  // Pass 1: inodes and their trees.

  private checkInodes(group: number): void {
    this.store.trim();
    const { geometry } = this;
    const held = this.descriptor(group);
    if (held === null) return;
    // A copy: the reference may go while the group's inodes are walked.
    const at = descriptorAt(group);
    const descriptor = held.slice();
    const nrTableBlocks = getU32(descriptor, at + GROUP_TABLE_BLOCKS);
    const isInit = (getU32(descriptor, at + GROUP_FLAGS) & GROUP_INODES_INIT) !== 0;
    // The counts of a group that nothing was taken from were looked at when its descriptor came in.
    if (!isInit && nrTableBlocks === 0) return;
    const expected = new Uint8Array(FS_BLOCK_SIZE);
    fillNewBitmap(expected, KIND_INODE_BITMAP, group, geometry);
    if (group === 0) fillBits(expected, 0, ROOT_INO - 1, true);
    let nrDirs = 0;
    for (let index = 0; index < nrTableBlocks * INODES_PER_BLOCK; index++) {
      if (index % INODES_PER_BLOCK === 0) this.store.trim();
      const ino = group * geometry.inodesPerGroup + index + 1;
      const block = geometry.inodeBlock(ino);
      const bytes = this.get(block, KIND_INODES, `inodes of group ${group}`);
      if (bytes === null) {
        index += INODES_PER_BLOCK - 1;
        continue;
      }
      if (getU16(bytes, inodeAt(ino) + INODE_MODE) === 0) continue;
      fillBits(expected, index, index + 1, true);
      if (this.checkInode(ino, bytes.slice()) === S_IFDIR) nrDirs++;
    }
    this.compareBitmap(group, KIND_INODE_BITMAP, isInit, expected);
    if (getU32(descriptor, at + GROUP_FREE_INODES) !== nrZeroBits(expected))
      this.complain(`group ${group} says it has ${getU32(descriptor, at + GROUP_FREE_INODES)} free inodes`);
    if (getU32(descriptor, at + GROUP_DIRS) !== nrDirs)
      this.complain(`group ${group} says it has ${getU32(descriptor, at + GROUP_DIRS)} directories`);
  }

  private checkInode(ino: number, bytes: Uint8Array): number {
    const at = inodeAt(ino);
    const type = getU16(bytes, at + INODE_MODE) & S_IFMT;
    const isOrphan = (getU32(bytes, at + INODE_FLAGS) & INODE_ORPHAN) !== 0;
    this.seen.set(ino, {
      type,
      nrLinks: getU32(bytes, at + INODE_LINKS),
      parent: getU32(bytes, at + INODE_PARENT),
      isOrphan,
      nrNames: 0,
      nrDirs: 0,
    });
    this.ino = ino;
    this.generation = getU32(bytes, at + INODE_GENERATION);
    this.nrBlocks = 0;
    this.nrNames = 0;
    if (type === S_IFLNK) this.checkTarget(bytes, at);
    else {
      const depth = getU16(bytes, at + INODE_DEPTH);
      const count = getU32(bytes, at + INODE_COUNT);
      const high = type === S_IFREG ? MAX_FILE_BLOCKS : MAX_HASH;
      this.checkEntries(bytes, at + INODE_ROOT, count, depth, type, 0, high);
    }
    if (this.nrBlocks !== getU64(bytes, at + INODE_BLOCKS))
      this.complain(
        `inode ${ino} says it has ${getU64(bytes, at + INODE_BLOCKS)} blocks, not ${this.nrBlocks}`,
      );
    if (type === S_IFDIR && this.nrNames !== getU32(bytes, at + INODE_NAMES))
      this.complain(
        `directory ${ino} says it has ${getU32(bytes, at + INODE_NAMES)} names, not ${this.nrNames}`,
      );
    return type;
  }

  private checkTarget(bytes: Uint8Array, at: number): void {
    const nrBytes = getU64(bytes, at + INODE_BYTES);
    if (nrBytes <= INODE_ROOT_SIZE) return;
    const block = getU64(bytes, at + INODE_ROOT + ENTRY_BLOCK);
    if (!this.own(block, 1)) return;
    const target = this.get(block, KIND_SYMLINK, `target of inode ${this.ino}`);
    if (target === null) return;
    if (!this.isOwn(target) || getU32(target, HEADER_COUNT) !== nrBytes)
      this.complain(`the target of symbolic link ${this.ino} is another's`);
  }

  /** Entries of a node on a level (0: extents); keys below lie in [low, high], of extents below high. */
  private checkEntries(
    bytes: Uint8Array,
    from: number,
    count: number,
    level: number,
    type: number,
    low: number,
    high: number,
  ): void {
    for (let slot = 0; slot < count; slot++) {
      const at = from + slot * ENTRY_SIZE;
      const key = getU32(bytes, at + ENTRY_KEY);
      const block = getU64(bytes, at + ENTRY_BLOCK);
      if (level === 0) {
        const nrHere = getU32(bytes, at + ENTRY_BLOCKS);
        this.own(block, nrHere);
        if (key < low || key + nrHere > high)
          this.complain(`inode ${this.ino} has an extent at block ${key} that is in the wrong place`);
        continue;
      }
      const lowest = slot === 0 ? low : key;
      const highest = slot + 1 < count ? getU32(bytes, at + ENTRY_SIZE + ENTRY_KEY) : high;
      if (lowest < low || highest > high)
        this.complain(`inode ${this.ino} has a node whose keys are out of order`);
      // A block that has an owner already is not walked again: no image makes this go round.
      if (this.own(block, 1)) this.checkNode(block, level - 1, type, lowest, highest);
    }
  }

  private checkNode(block: number, level: number, type: number, low: number, high: number): void {
    this.store.trim();
    const kind = level > 0 ? KIND_NODE : type === S_IFDIR ? KIND_NAMES : KIND_EXTENTS;
    const node = this.get(block, kind, `tree of inode ${this.ino}`)?.slice() ?? null;
    if (node === null) return;
    if (!this.isOwn(node) || (level > 0 && getU32(node, HEADER_EXTRA) !== level)) {
      this.complain(`block ${block} in the tree of inode ${this.ino} is another's`);
      return;
    }
    if (kind === KIND_NAMES) this.checkLeaf(node, low, high);
    else this.checkEntries(node, HEADER_SIZE, getU32(node, HEADER_COUNT), level, type, low, high);
  }

  private checkLeaf(leaf: Uint8Array, low: number, high: number): void {
    const end = getU32(leaf, HEADER_EXTRA);
    for (let at = HEADER_SIZE; at < end; at += NAME_TEXT + leaf[at + NAME_SIZE]) {
      const name = leaf.subarray(at + NAME_TEXT, at + NAME_TEXT + leaf[at + NAME_SIZE]);
      const hash = getU32(leaf, at + NAME_HASH);
      const text = decodeUtf8(name, 0, name.length);
      if (hash !== hashName(name, this.geometry.hashSeed) || hash < low || hash > high)
        this.complain(`name "${text}" of directory ${this.ino} is where no look-up finds it`);
      if (name.includes(0) || name.includes(0x2f) || text === "." || text === "..")
        this.complain(`directory ${this.ino} has a name that cannot be: "${text}"`);
      this.nrNames++;
      this.names.push(this.ino, getU32(leaf, at + NAME_INO), leaf[at + NAME_TYPE] << 12);
      this.texts.push(text);
    }
  }

  /** Directory, inode and type of every name, and the names. */
  private readonly names: number[] = [];
  private readonly texts: string[] = [];

  private isOwn(bytes: Uint8Array): boolean {
    return getU32(bytes, HEADER_OWNER) === this.ino && getU32(bytes, HEADER_GENERATION) === this.generation;
  }

  /** Blocks of data of one group get an owner. Says whether they had none. */
  private own(start: number, nrBlocks: number): boolean {
    const { geometry } = this;
    this.nrBlocks += nrBlocks;
    const group = geometry.groupOf(start);
    let bits = this.owned.get(group);
    if (bits === undefined) {
      bits = new Uint8Array(FS_BLOCK_SIZE);
      this.owned.set(group, bits);
    }
    const from = start - geometry.groupStart(group);
    for (let bit = from; bit < from + nrBlocks; bit++) {
      if ((bits[HEADER_SIZE + (bit >> 3)] & (1 << (bit & 7))) === 0) continue;
      this.complain(`block ${geometry.groupStart(group) + bit} of inode ${this.ino} has another owner too`);
      return false;
    }
    fillBits(bits, from, from + nrBlocks, true);
    return true;
  }

  // Pass 2 to 4: names, links, orphans.

  private checkNames(): void {
    const known = new Set<string>();
    for (let index = 0; index < this.texts.length; index++) {
      const dirIno = this.names[index * 3];
      const ino = this.names[index * 3 + 1];
      const text = this.texts[index];
      const named = this.seen.get(ino);
      if (known.has(`${dirIno}/${text}`)) this.complain(`directory ${dirIno} has the name "${text}" twice`);
      known.add(`${dirIno}/${text}`);
      if (named?.type !== this.names[index * 3 + 2]) {
        this.complain(`name "${text}" of directory ${dirIno} names inode ${ino}, which is not that`);
        continue;
      }
      named.nrNames++;
      if (named.type !== S_IFDIR) continue;
      if (named.parent !== dirIno)
        this.complain(`directory ${ino} says its parent is ${named.parent}, not ${dirIno}`);
      const dir = this.seen.get(dirIno);
      if (dir !== undefined) dir.nrDirs++;
      const list = this.children.get(dirIno);
      if (list === undefined) this.children.set(dirIno, [ino]);
      else list.push(ino);
    }
    for (const [ino, inode] of this.seen) {
      const isGone = inode.nrLinks === 0 && inode.nrNames === 0;
      let nrExpected = inode.nrNames;
      if (inode.type === S_IFDIR && !isGone) {
        nrExpected = 2 + inode.nrDirs;
        if (inode.nrNames !== (ino === ROOT_INO ? 0 : 1))
          this.complain(`directory ${ino} has ${inode.nrNames} names`);
      }
      if (inode.nrLinks !== nrExpected)
        this.complain(`inode ${ino} says it has ${inode.nrLinks} links, not ${nrExpected}`);
    }
  }

  private checkReachable(): void {
    const reached = new Set<number>([ROOT_INO]);
    for (const dirIno of reached) {
      for (const ino of this.children.get(dirIno) ?? []) reached.add(ino);
    }
    for (const [ino, inode] of this.seen) {
      if (inode.type === S_IFDIR && inode.nrLinks > 0 && !reached.has(ino))
        this.complain(`directory ${ino} cannot be reached from the root`);
    }
    if (this.seen.get(ROOT_INO)?.type !== S_IFDIR) this.complain("there is no root directory");
  }

  private checkOrphans(): void {
    this.store.trim();
    const state = this.get(STATE_BLOCK, KIND_STATE, "state");
    if (state === null) return;
    const listed = new Set<number>();
    let previous = 0;
    let ino = getU32(state, STATE_ORPHAN);
    while (ino !== 0) {
      if (listed.has(ino) || this.seen.get(ino)?.isOrphan !== true) {
        this.complain(`the list of orphans leads to inode ${ino}, which is not on it`);
        return;
      }
      listed.add(ino);
      this.store.trim();
      const bytes = this.get(this.geometry.inodeBlock(ino), KIND_INODES, "orphan");
      if (bytes === null) return;
      if (getU32(bytes, inodeAt(ino) + INODE_PREV_ORPHAN) !== previous)
        this.complain(`orphan ${ino} has a wrong link back`);
      previous = ino;
      ino = getU32(bytes, inodeAt(ino) + INODE_NEXT_ORPHAN);
    }
    for (const [number, inode] of this.seen)
      if (inode.isOrphan && !listed.has(number)) this.complain(`orphan ${number} is not on the list`);
  }

  // Pass 5: bitmaps and counts.

  private checkBlocks(group: number): void {
    this.store.trim();
    const descriptor = this.descriptor(group);
    if (descriptor === null) return;
    const at = descriptorAt(group);
    const nrFree = getU32(descriptor, at + GROUP_FREE_BLOCKS);
    const isInit = (getU32(descriptor, at + GROUP_FLAGS) & GROUP_BLOCKS_INIT) !== 0;
    const owned = this.owned.get(group);
    if (!isInit && owned === undefined) return;
    const expected = new Uint8Array(FS_BLOCK_SIZE);
    fillNewBitmap(expected, KIND_BLOCK_BITMAP, group, this.geometry);
    for (let index = HEADER_SIZE; owned !== undefined && index < FS_BLOCK_SIZE; index++)
      expected[index] |= owned[index];
    this.compareBitmap(group, KIND_BLOCK_BITMAP, isInit, expected);
    if (nrFree !== nrZeroBits(expected)) this.complain(`group ${group} says it has ${nrFree} free blocks`);
  }

  private compareBitmap(group: number, kind: number, isInit: boolean, expected: Uint8Array): void {
    const isOfBlocks = kind === KIND_BLOCK_BITMAP;
    const what = isOfBlocks ? "blocks" : "inodes";
    let bitmap: Uint8Array | null = new Uint8Array(FS_BLOCK_SIZE);
    if (isInit) {
      const block = this.geometry.groupStart(group) + (isOfBlocks ? 0 : 1);
      bitmap = this.get(block, kind, `bitmap of ${what} of group ${group}`);
    } else fillNewBitmap(bitmap, kind, group, this.geometry);
    if (bitmap === null) return;
    let nrWrong = 0;
    for (let index = HEADER_SIZE; index < FS_BLOCK_SIZE; index++)
      if (bitmap[index] !== expected[index]) nrWrong++;
    if (nrWrong > 0)
      this.complain(`the bitmap of ${what} of group ${group} is wrong in ${nrWrong} of its bytes`);
  }
}
