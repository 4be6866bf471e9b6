import {
  FS_BLOCK_SIZE,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  type BlockMapping,
  type FileSystem,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { checkFileSystem, makeFileSystem, mountFileSystem } from "../src/index.ts";
import { crc32c } from "../src/crc32c.ts";
import {
  DIR_MODE,
  FILE_MODE,
  mustMount,
  newDevice,
  PowerCut,
  Random,
  TestDevice,
  TestHost,
  TestPages,
} from "./helpers.ts";

const NR_STEPS = Number(process.env["PAGEFRAME_STEPS"] ?? 120);
const NR_BLOCKS = 140;

/** An image with a bit of everything; what it shows, path by path. */
function makeImage(isDirty = false): { image: Uint8Array; shown: string } {
  const device = newDevice(NR_BLOCKS);
  const host = new TestHost(device);
  expect(makeFileSystem(host, { seed: 3, nrInodes: 32 })).toBe(0);
  const fs = mustMount(host);
  const pages = new TestPages(host, fs);
  const dir = fs.create(fs.rootIno, "dir", DIR_MODE);
  const file = fs.create(dir, "file", FILE_MODE);
  pages.pwrite(file, 0, new Uint8Array(9000).fill(7));
  fs.create(fs.rootIno, "short", S_IFLNK | 0o777, "dir/file");
  fs.create(fs.rootIno, "long", S_IFLNK | 0o777, "y".repeat(500));
  // Every other block: a tree of extents outside the inode.
  const sparse = fs.create(dir, "sparse", FILE_MODE);
  for (let fileBlock = 0; fileBlock < 26; fileBlock += 2)
    pages.pwrite(sparse, fileBlock * FS_BLOCK_SIZE, new Uint8Array([fileBlock]));
  fs.link(file, fs.rootIno, "again");
  // Enough long names for two leaves.
  for (let index = 0; index < 9; index++) fs.link(file, dir, `${index}`.repeat(240 + index));
  for (let index = 0; index < 9; index++) fs.link(file, dir, `${index}`.repeat(220 + index));
  pages.writeAll();
  if (isDirty) fs.syncAll();
  else fs.unmount();
  return { image: device.visible.slice(), shown: show(host, isDirty ? fs : mustMount(new TestHost(device))) };
}

/** Looks at everything and tells it as text; errors are numbers in it. */
function show(host: TestHost, fs: FileSystem): string {
  const lines: string[] = [];
  const pages = new TestPages(host, fs);
  walk(fs, pages, fs.rootIno, "", lines, 0);
  return lines.sort().join("\n");
}

function walk(
  fs: FileSystem,
  pages: TestPages,
  dirIno: number,
  path: string,
  lines: string[],
  nrDeep: number,
): void {
  const entries = fs.readdir(dirIno);
  if (typeof entries === "number" || nrDeep > 5) {
    lines.push(`${path}: ${nrDeep} ${typeof entries === "number" ? entries : entries.length}`);
    return;
  }
  for (const { name, ino, type } of entries.slice(0, 200)) {
    const attributes = fs.getattr(ino);
    const found = fs.lookup(dirIno, name);
    let text = `${path}/${name}: ${ino} ${type} ${found}`;
    if (typeof attributes === "number") text += ` error ${attributes}`;
    else {
      text += ` ${attributes.mode} ${attributes.nrLinks} ${attributes.sizeBytes} ${attributes.nrSectors}`;
      if (type === S_IFLNK) text += ` ${fs.readlink(ino)}`;
      if (type === S_IFREG) text += ` ${readSome(fs, pages, ino, attributes.sizeBytes)}`;
    }
    lines.push(text);
    if (type === S_IFDIR) walk(fs, pages, ino, `${path}/${name}`, lines, nrDeep + 1);
  }
}

/** Checksum of what a file maps, run by run, however large it says it is. */
function readSome(fs: FileSystem, pages: TestPages, ino: number, sizeBytes: number): string {
  const into: BlockMapping = { block: 0, nrBlocks: 0, isNew: false };
  let text = "";
  const end = Math.ceil(sizeBytes / FS_BLOCK_SIZE);
  for (let fileBlock = 0, nrRuns = 0; fileBlock < end && nrRuns < 40; nrRuns++) {
    const result = fs.mapBlocks(ino, fileBlock, end - fileBlock, false, into);
    if (result < 0) return `${text} error ${result}`;
    expect(into.nrBlocks).toBeGreaterThan(0);
    fileBlock += into.nrBlocks;
    text += ` ${into.block}+${into.nrBlocks}`;
  }
  if (sizeBytes > NR_BLOCKS * FS_BLOCK_SIZE) return text;
  const bytes = pages.read(ino);
  return typeof bytes === "number"
    ? `${text} error ${bytes}`
    : `${text} ${crc32c(0, bytes, 0, bytes.length)}`;
}

/** Changes things too; only errors may come of it. */
function work(host: TestHost, fs: FileSystem, random: Random): void {
  const pages = new TestPages(host, fs);
  pages.isStrict = false;
  const dir = fs.lookup(fs.rootIno, "dir");
  const places = [fs.rootIno, dir > 0 ? dir : fs.rootIno];
  const names = ["file", "again", "sparse", "new", "short", "long", "n2", "dir"];
  for (let step = 0; step < 25; step++) {
    const place = random.pick(places);
    const name = random.pick(names);
    const ino = fs.lookup(place, name);
    const attributes = ino > 0 ? fs.getattr(ino) : 0;
    const isFile = typeof attributes === "object" && (attributes.mode & 0o170000) === S_IFREG;
    const choice = random.below(9);
    if (choice === 0) fs.create(place, name, FILE_MODE);
    else if (choice === 1) fs.create(place, name, DIR_MODE);
    else if (choice === 2) {
      const gone = fs.unlink(place, name);
      if (gone > 0) fs.release(gone);
    } else if (choice === 3) {
      const gone = fs.rmdir(place, name);
      if (gone > 0) fs.release(gone);
    } else if (choice === 4) fs.rename(place, name, random.pick(places), random.pick(names));
    else if (choice === 5 && isFile)
      pages.pwrite(ino, random.below(30) * FS_BLOCK_SIZE, new Uint8Array(5000));
    else if (choice === 6 && isFile) pages.truncate(ino, random.below(60000));
    else if (choice === 7 && isFile) pages.punch(ino, random.below(20), 20 + random.below(20));
    else if (choice === 8) fs.syncAll();
  }
  fs.unmount();
}

/** Mounts and does everything with an image; says what it showed, or why it was refused. */
function tryImage(image: Uint8Array, random: Random): { shown: string | null; sentence: string } {
  const problems = checkFileSystem(new TestHost(new TestDevice(image.slice())));
  const host = new TestHost(new TestDevice(image.slice()));
  const mounted = mountFileSystem(host);
  if (!("fs" in mounted)) {
    expect(mounted.errno).toBeLessThan(0);
    expect(mounted.sentence.length).toBeGreaterThan(20);
    expect(host.nrReferences).toBe(0);
    return { shown: null, sentence: mounted.sentence };
  }
  const shown = show(host, mounted.fs);
  if (random.below(3) === 0) work(host, mounted.fs, random);
  return { shown, sentence: problems.join("; ") };
}

/** Blocks that hold metadata: all that begin with one of the kinds. */
function metadataBlocks(image: Uint8Array): number[] {
  const blocks: number[] = [];
  for (let block = 0; block < image.length / FS_BLOCK_SIZE; block++) {
    const at = block * FS_BLOCK_SIZE;
    if (image[at] === 0x50 && image[at + 1] === 0x46) blocks.push(block);
  }
  return blocks;
}

/** Every line is as it was, or says an error. */
function isHonest(shown: string, expected: Set<string>): boolean {
  return shown.split("\n").every((line) => expected.has(line) || /(^|[^0-9])-(5|117)\b/.test(line));
}

describe("damaged images", () => {
  it("show the truth or an error, whichever byte of the metadata is changed", () => {
    const { image, shown } = makeImage();
    const expected = new Set(shown.split("\n"));
    const blocks = metadataBlocks(image);
    const random = new Random(5);
    // In turn with a large stride that has no factor in common with 4096; PAGEFRAME_STEPS large enough: every byte.
    const nrBytes = blocks.length * FS_BLOCK_SIZE;
    const stride = Math.max(1, Math.floor(nrBytes / NR_STEPS) | 1);
    const masks = [0x01, 0xff, 0x80];
    for (let index = 0; index < nrBytes; index += stride) {
      const block = blocks[Math.floor(index / FS_BLOCK_SIZE)];
      const at = block * FS_BLOCK_SIZE + (index % FS_BLOCK_SIZE);
      const mask = masks[(index + Math.floor(index / FS_BLOCK_SIZE)) % 3];
      const damaged = image.slice();
      damaged[at] ^= mask;
      const result = tryImage(damaged, random);
      const isFine = result.shown === null || isHonest(result.shown, expected);
      if (!isFine) throw new Error(`byte ${at} with mask ${mask}: ${result.shown!}`);
      // Journal blocks of a clean file system mean nothing; all else is noticed by a check.
      const isOldJournal = block > 3 && block < 3 + 64;
      if (!isOldJournal && result.sentence === "")
        throw new Error(`byte ${at} of block ${block}: nobody noticed`);
    }
  });

  it("show the truth or an error when a byte of a journal that must be replayed is changed", () => {
    const { image, shown } = makeImage(true);
    const expected = new Set(shown.split("\n"));
    const random = new Random(6);
    expect(tryImage(image, random).shown).toBe(shown);
    const blocks = metadataBlocks(image).filter((block) => block >= 3 && block < 3 + 64);
    expect(blocks.length).toBeGreaterThan(10);
    const nrBytes = blocks.length * FS_BLOCK_SIZE;
    const stride = Math.max(1, Math.floor(nrBytes / (NR_STEPS / 2)) | 1);
    let nrRefused = 0;
    for (let index = 0; index < nrBytes; index += stride) {
      const at = blocks[Math.floor(index / FS_BLOCK_SIZE)] * FS_BLOCK_SIZE + (index % FS_BLOCK_SIZE);
      const damaged = image.slice();
      damaged[at] ^= 1 << (index % 8);
      const result = tryImage(damaged, random);
      if (result.shown === null) nrRefused++;
      else if (!isHonest(result.shown, expected) || result.shown.split("\n").length !== expected.size) {
        throw new Error(`byte ${at}: ${result.shown.slice(0, 3000)}`);
      }
    }
    expect(nrRefused).toBeGreaterThan(0);
  });

  it("are refused with one sentence at every length they are cut to", () => {
    const { image } = makeImage();
    for (let nrBlocks = 0; nrBlocks < NR_BLOCKS; nrBlocks++) {
      const result = mountFileSystem(new TestHost(new TestDevice(image.slice(0, nrBlocks * FS_BLOCK_SIZE))));
      if ("fs" in result) throw new Error(`an image of ${nrBlocks} blocks is mounted`);
      expect(result.sentence).toMatch(nrBlocks === 0 ? /no file system here/ : /truncated/);
    }
  });

  it("neither stop nor crash anything when they are forged with right checksums", () => {
    const clean = makeImage();
    const dirty = makeImage(true);
    const random = new Random(Number(process.env["PAGEFRAME_SEED"] ?? 7));
    for (let step = 0; step < NR_STEPS / 3; step++) {
      const image = (random.below(4) === 0 ? dirty : clean).image.slice();
      const blocks = metadataBlocks(image);
      const nrChanges = 1 + random.below(4);
      for (let change = 0; change < nrChanges; change++) {
        const block = random.pick(blocks);
        forge(image, block, blocks, random);
        seal(image, block);
      }
      try {
        tryImage(image, random);
      } catch (error) {
        if (error instanceof PowerCut) throw error;
        throw new Error(`step ${step}`, { cause: error });
      }
    }
  });
});

/** Changes a word of a block, mostly where words matter: to a number that might make sense, to another block's, to chance. */
function forge(image: Uint8Array, block: number, blocks: readonly number[], random: Random): void {
  const base = block * FS_BLOCK_SIZE;
  let at = base + 4 * random.below(FS_BLOCK_SIZE / 4);
  // Words that hold something are more worth changing.
  for (let turn = 0; turn < 200 && image[at] === 0 && random.below(10) > 0; turn++)
    at = base + 4 * random.below(FS_BLOCK_SIZE / 4);
  if (random.below(6) === 0) at = base + 16 + 4 * random.below(12);
  const view = new DataView(image.buffer, image.byteOffset);
  const value = view.getUint32(at, true);
  const choices = [
    0,
    1,
    value + 1,
    value - 1,
    value ^ (1 << random.below(32)),
    random.pick(blocks),
    random.below(NR_BLOCKS),
    random.below(34),
    0xffffffff,
    0x7fffffff,
    random.below(2 ** 32),
  ];
  if (random.below(12) === 0) {
    // A whole block in another's place.
    const from = random.pick(blocks) * FS_BLOCK_SIZE;
    image.copyWithin(base + 24, from + 24, from + FS_BLOCK_SIZE);
    return;
  }
  view.setUint32(at, random.pick(choices) >>> 0, true);
}

/** Gives a block the right checksum again. */
function seal(image: Uint8Array, block: number): void {
  const bytes = image.subarray(block * FS_BLOCK_SIZE, (block + 1) * FS_BLOCK_SIZE);
  const isSuper = bytes[2] === 0x73 && bytes[3] === 0x62;
  const seed = isSuper ? 0x50464653 : crc32c(0, image, 80, 96);
  const first = crc32c(seed, bytes, 0, 4);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(4, crc32c(first, bytes, 8, FS_BLOCK_SIZE), true);
}
