/**
 * Random file work on a disk whose power may be cut at any write, with what each cut may leave: names and sizes as they were
 * after one of the operations since the last promise, sectors as they were in one of the versions of their page since then.
 *
 * The power is not cut for the machine that works: what a cut would leave goes to a fork of its disk, and the work goes on.
 */
import {
  type BlockBackend,
  O_RDONLY,
  O_RDWR,
  PAGE_SECTORS,
  PAGE_SIZE,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  SECTOR_SIZE,
} from "@pageframe/contracts";
import { FaultyBlockBackend, MemoryBlockBackend } from "@pageframe/block";
import { checkFileSystem } from "@pageframe/fs";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { DiskHost } from "../src/fs/disk-host.ts";
import { DiskWorld, MOUNT } from "./disk-world.ts";
import { PlainDirectory, PlainFile, type PlainNode, PlainSymlink, PlainTree } from "./plain-disk.ts";

const ZEROS: Uint8Array = new Uint8Array(PAGE_SIZE);

/** A device whose store can be exchanged, and which keeps what a power cut at one of its writes would leave. */
export class CuttableBackend implements BlockBackend {
  readonly name = "cuttable";
  readonly nrSectors: number;
  readonly isReadOnly = false;
  /** Writes until the next cut. */
  nrUntilCut = Infinity;
  /** What the cut left; null before. */
  image: MemoryBlockBackend | null = null;
  nrWrites = 0;
  private store: MemoryBlockBackend;
  private device: FaultyBlockBackend;

  constructor(store: MemoryBlockBackend) {
    this.nrSectors = store.nrSectors;
    this.store = store;
    this.device = new FaultyBlockBackend(store, { seed: 1 });
  }

  /** Puts another store in, with an empty write cache. */
  exchange(store: MemoryBlockBackend, seed: number): void {
    this.store = store;
    this.device = new FaultyBlockBackend(store, { seed });
    this.nrUntilCut = Infinity;
    this.image = null;
    this.nrWrites = 0;
  }

  readSectors(sector: number, into: Uint8Array): number {
    return this.device.readSectors(sector, into);
  }

  writeSectors(sector: number, from: Uint8Array): number {
    this.nrWrites++;
    if (--this.nrUntilCut === 0) {
      // Part of the write is on its way when the power goes.
      const nrSectors = from.length / SECTOR_SIZE;
      const nrArrived = (this.nrWrites * 7) % nrSectors;
      if (nrArrived > 0) this.device.writeSectors(sector, from.subarray(0, nrArrived * SECTOR_SIZE));
      this.image = this.store.fork();
      this.device.afterPowerCut(this.image);
      // This machine keeps its power.
      this.device.isCut = false;
    }
    return this.device.writeSectors(sector, from);
  }

  flush(): number {
    return this.device.flush();
  }

  close(): void {
    this.store.close();
  }
}

/** A file that remembers what each of its pages has been since it was durable. */
class KnownFile extends PlainFile {
  /** Versions of a page, the durable one first; a page that is not there has always been zeros. */
  readonly versions = new Map<number, Uint8Array[]>();
  /** Snapshot from which on names and size are as they are. */
  changedAt = 0;
  signature = "";
  private readonly tree: KnownTree;

  constructor(tree: KnownTree) {
    super();
    this.tree = tree;
  }

  override write(at: number, bytes: Uint8Array): void {
    // Page by page, as the kernel does: the file grows in steps.
    for (let done = 0; done < bytes.length;) {
      const nrHere = Math.min(PAGE_SIZE - ((at + done) % PAGE_SIZE), bytes.length - done);
      const sizeBefore = this.sizeBytes;
      super.write(at + done, bytes.subarray(done, done + nrHere));
      this.noteVersion(Math.floor((at + done) / PAGE_SIZE));
      if (this.sizeBytes !== sizeBefore) this.tree.note();
      done += nrHere;
    }
  }

  override growInSteps(sizeBytes: number): void {
    for (let pages = this.nrPages; pages * PAGE_SIZE < sizeBytes; pages++) {
      this.grow(pages * PAGE_SIZE);
      this.tree.note();
    }
    this.grow(sizeBytes);
  }

  override zero(start: number, end: number): void {
    super.zero(start, end);
    for (const index of this.versions.keys()) {
      if (index * PAGE_SIZE < end && (index + 1) * PAGE_SIZE > start) this.noteVersion(index);
    }
  }

  private noteVersion(index: number): void {
    let versions = this.versions.get(index);
    if (versions === undefined) {
      versions = [ZEROS];
      this.versions.set(index, versions);
    }
    versions.push(this.pages.get(index)?.slice() ?? ZEROS);
  }

  /** A page is durable as it is. */
  settle(index: number): void {
    const page = this.pages.get(index);
    if (page === undefined) this.versions.delete(index);
    else this.versions.set(index, [page.slice()]);
  }

  settleAll(): void {
    for (const index of this.versions.keys()) this.settle(index);
  }

  /** First byte of a page that no version has, or -1. Sectors are never torn. */
  firstWrongByte(index: number, found: Uint8Array): number {
    const versions = this.versions.get(index) ?? [ZEROS];
    for (let at = 0; at < found.length; at += SECTOR_SIZE) {
      const end = Math.min(at + SECTOR_SIZE, found.length);
      const piece = found.subarray(at, end);
      if (!versions.some((version) => Buffer.compare(version.subarray(at, end), piece) === 0)) return at;
    }
    return -1;
  }
}

/** Names and sizes at one time. */
interface NamesSnapshot {
  readonly key: string;
  readonly files: ReadonlyMap<string, KnownFile>;
}

/** A tree that remembers what its names and sizes have been since they were durable. */
class KnownTree extends PlainTree {
  /** Snapshots, of which the first has number `firstNumber`. */
  snapshots: NamesSnapshot[] = [];
  firstNumber = 0;
  private readonly dirIds = new Map<PlainDirectory, number>();

  protected override newFile(): PlainFile {
    return new KnownFile(this);
  }

  get lastNumber(): number {
    return this.firstNumber + this.snapshots.length - 1;
  }

  /** Remembers how names and sizes are now, if they are new. */
  note(): void {
    const lines: string[] = [];
    const files = new Map<string, KnownFile>();
    const signatures = new Map<KnownFile, string>();
    const firstPaths = new Map<PlainNode, string>();
    const walk = (path: string, dir: PlainDirectory): void => {
      let id = this.dirIds.get(dir);
      if (id === undefined) {
        id = this.dirIds.size;
        this.dirIds.set(dir, id);
      }
      for (const name of [...dir.names.keys()].sort()) {
        const node = dir.names.get(name)!;
        const here = `${path}/${name}`;
        const firstPath = firstPaths.get(node) ?? here;
        firstPaths.set(node, firstPath);
        if (node instanceof PlainDirectory) {
          lines.push(`${here} d`);
          walk(here, node);
        } else if (node instanceof PlainSymlink) lines.push(`${here} l ${node.target} ${firstPath}`);
        else if (node instanceof KnownFile) {
          lines.push(`${here} f ${node.sizeBytes} ${firstPath}`);
          files.set(here, node);
          signatures.set(node, `${signatures.get(node) ?? node.sizeBytes} ${id}/${name}`);
        }
      }
    };
    walk(this.mountPath, this.root);
    const key = lines.join("\n");
    const isFirst = this.snapshots.length === 0;
    const isSame = !isFirst && this.snapshots[this.snapshots.length - 1].key === key;
    const changed = [...signatures].filter(([file, signature]) => file.signature !== signature);
    if (isSame && changed.length === 0) return;
    this.snapshots.push({ key, files });
    for (const [file, signature] of changed) {
      file.signature = signature;
      file.changedAt = this.lastNumber;
    }
  }

  /** Snapshots before a number cannot come back. */
  forgetBefore(number: number): void {
    if (number <= this.firstNumber) return;
    this.snapshots.splice(0, number - this.firstNumber);
    this.firstNumber = number;
  }
}

/** A machine that mounts what a power cut left, and looks. */
class Rescuer {
  readonly kernel: Kernel;
  readonly backend: CuttableBackend;
  private readonly task: Task;

  constructor(diskSize: string, nrSectors: number) {
    this.backend = new CuttableBackend(new MemoryBlockBackend(nrSectors));
    this.kernel = bootKernel(
      { memory: "4MiB", contents: "sparse", disks: [{ size: diskSize, model: "none" }] },
      { diskBackends: [this.backend] },
    );
    this.task = this.kernel.spawn("rescue");
  }

  /** Mounts an image; the recovery's own write number `cutAt` is a cut, too, the image of which is returned. */
  mount(image: MemoryBlockBackend, seed: number, cutAt: number): MemoryBlockBackend | null {
    this.kernel.setSysctl("vm/drop_caches", "3");
    this.backend.exchange(image, seed);
    this.backend.nrUntilCut = cutAt;
    const error = this.kernel.mount("vda", MOUNT);
    if (error !== 0) throw new Error(`what was left cannot be mounted: ${this.kernel.mountProblem}`);
    this.backend.nrUntilCut = Infinity;
    return this.backend.image;
  }

  /** Unmounts, and throws for what checking the file system tells. */
  unmountAndCheck(): void {
    const error = this.kernel.umount(MOUNT);
    if (error !== 0) throw new Error(`umount gave ${error}`);
    const problems = checkFileSystem(new DiskHost(this.kernel.sys, this.kernel.sys.disks[0], true));
    if (problems.length > 0) throw new Error(`after recovery: ${problems.join("; ")}`);
  }

  /** Names and sizes, as KnownTree tells them. */
  names(): string {
    const { kernel, task } = this;
    const lines: string[] = [];
    const firstPaths = new Map<number, string>();
    const nrNames = new Map<number, number>();
    const nrLinks = new Map<number, number>();
    const walk = (path: string): void => {
      const entries = kernel.readdir(task, path);
      if (typeof entries === "number") throw new Error(`readdir of ${path} gave ${entries}`);
      for (const { name, ino } of [...entries].sort((one, other) => (one.name < other.name ? -1 : 1))) {
        const here = `${path}/${name}`;
        const attributes = kernel.stat(task, here, false);
        if (typeof attributes === "number") throw new Error(`stat of ${here} gave ${attributes}`);
        const firstPath = firstPaths.get(ino) ?? here;
        firstPaths.set(ino, firstPath);
        nrNames.set(ino, (nrNames.get(ino) ?? 0) + 1);
        nrLinks.set(ino, attributes.nrLinks);
        const type = attributes.mode & S_IFMT;
        if (type === S_IFDIR) {
          nrNames.delete(ino);
          lines.push(`${here} d`);
          walk(here);
        } else if (type === S_IFLNK) lines.push(`${here} l ${kernel.readlink(task, here)} ${firstPath}`);
        else lines.push(`${here} f ${attributes.sizeBytes} ${firstPath}`);
      }
    };
    walk(MOUNT);
    for (const [ino, nr] of nrNames) {
      if (nrLinks.get(ino) !== nr)
        throw new Error(`inode ${ino} has ${nr} names and ${nrLinks.get(ino)} links`);
    }
    return lines.join("\n");
  }

  /** First difference between the bytes of all files and their versions; empty when there is none. */
  compare(files: ReadonlyMap<string, KnownFile>): string {
    const { kernel, task } = this;
    for (const [path, file] of files) {
      const id = kernel.open(task, path, O_RDONLY);
      if (id < 0) throw new Error(`open of ${path} gave ${id}`);
      const page = new Uint8Array(PAGE_SIZE);
      let wrong = "";
      for (let index = 0; wrong === ""; index++) {
        const nrBytes = kernel.pread(task, id, page, index * PAGE_SIZE);
        if (nrBytes < 0) throw new Error(`pread of ${path} gave ${nrBytes}`);
        if (nrBytes === 0) break;
        const at = file.firstWrongByte(index, page.subarray(0, nrBytes));
        if (at >= 0) wrong = `sector at byte ${at} of page ${index} of ${path} is none of its versions`;
      }
      kernel.closeFile(id);
      if (wrong !== "") return wrong;
    }
    return "";
  }

  /** Makes a file longer: what comes to light must be zeros. */
  lookBehindEnd(path: string): void {
    const { kernel, task } = this;
    const id = kernel.open(task, path, O_RDWR);
    const attributes = kernel.fstat(task, id);
    if (typeof attributes === "number") throw new Error(`fstat of ${path} gave ${attributes}`);
    const { sizeBytes } = attributes;
    const bytes = new Uint8Array(NR_ADDED_PAGES * PAGE_SIZE);
    const error = kernel.ftruncate(task, id, sizeBytes + bytes.length);
    if (error !== 0) throw new Error(`ftruncate of ${path} gave ${error}`);
    const nrBytes = kernel.pread(task, id, bytes, sizeBytes);
    if (nrBytes !== bytes.length) throw new Error(`pread behind the end of ${path} gave ${nrBytes}`);
    const at = bytes.findIndex((byte) => byte !== 0);
    if (at >= 0) throw new Error(`byte ${at} behind the end of ${path} is ${bytes[at]}`);
    kernel.closeFile(id);
  }
}

/** What a world of power cuts is made from. */
export interface PowerCutOptions {
  readonly seed: number;
  /** Model of the disk's cost, and its scheduler. */
  readonly model: string;
  readonly scheduler?: string;
  /** Pages that the disk has. */
  readonly nrDiskPages?: number;
  /** Most writes between two cuts. */
  readonly maxWrites?: number;
}

/** Pages that are added to a file to see that nothing lies behind its end. */
const NR_ADDED_PAGES = 3;

/** Random work with power cuts. */
export class PowerCutWorld extends DiskWorld {
  nrCuts = 0;
  nrCutsInRecovery = 0;
  private readonly known: KnownTree;
  private readonly backend: CuttableBackend;
  private readonly rescuer: Rescuer;
  private readonly maxWrites: number;

  constructor({ seed, model, scheduler = "none", nrDiskPages = 400, maxWrites = 24 }: PowerCutOptions) {
    const nrSectors = nrDiskPages * PAGE_SECTORS;
    const diskSize = `${nrDiskPages * 4}KiB`;
    const tree = new KnownTree(MOUNT);
    const store = new MemoryBlockBackend(nrSectors);
    // What lay on the disk before: nobody may ever see it.
    const garbage = new Uint8Array(SECTOR_SIZE).fill(0xdb);
    for (let sector = 0; sector < nrSectors; sector++) store.writeSectors(sector, garbage);
    const backend = new CuttableBackend(store);
    const kernel = bootKernel(
      { memory: "2MiB", contents: "sparse", disks: [{ size: diskSize, model, scheduler }] },
      { diskBackends: [backend] },
    );
    if (kernel.mkfs("vda", { nrInodes: 64 }) !== 0 || kernel.mount("vda", MOUNT) !== 0)
      throw new Error(`no file system: ${kernel.mountProblem}`);
    super(kernel, {
      seed,
      tree,
      isSmallDisk: true,
      nrAnonPages: 4,
      maxFilePages: 12,
      farPage: 20,
      weights: {
        look: 4,
        pread: 4,
        read: 2,
        anon: 1,
        stat: 1,
        fsync: 5,
        pwrite: 40,
        compare: 0,
        fork: 0,
      },
    });
    this.known = tree;
    this.rescuer = new Rescuer(diskSize, nrSectors);
    this.backend = backend;
    this.maxWrites = maxWrites;
    tree.note();
    this.armCut();
  }

  /** Works until the power was cut so many times more. */
  runCuts(nrCuts: number): void {
    const goal = this.nrCuts + nrCuts;
    while (this.nrCuts < goal) this.run(1);
  }

  protected override step(): void {
    super.step();
    this.known.note();
    this.lookAtCut();
  }

  protected override promised(file: PlainFile | null, index?: number): void {
    // A cut on the way here came before the promise.
    this.known.note();
    this.lookAtCut();
    if (file === null) {
      for (const known of this.allFiles()) known.settleAll();
      this.known.forgetBefore(this.known.lastNumber);
      return;
    }
    const known = knownFile(file);
    if (index === undefined) known.settleAll();
    else known.settle(index);
    this.known.forgetBefore(known.changedAt);
  }

  private allFiles(): Set<KnownFile> {
    const files = new Set<KnownFile>();
    for (const snapshot of this.known.snapshots) for (const file of snapshot.files.values()) files.add(file);
    for (const { file } of this.openings) files.add(knownFile(file));
    return files;
  }

  private armCut(): void {
    this.backend.image = null;
    this.backend.nrUntilCut = 1 + this.below(this.maxWrites);
  }

  /** If there was a cut: recovers what it left, twice, and compares. */
  private lookAtCut(): void {
    const { image } = this.backend;
    if (image === null) return;
    this.nrCuts++;
    const { rescuer } = this;
    const again = rescuer.mount(image, this.nrCuts, 1 + this.below(12));
    const names = rescuer.names();
    this.compareWithModel(names);
    rescuer.unmountAndCheck();
    if (again !== null) {
      this.nrCutsInRecovery++;
      rescuer.mount(again, this.nrCuts, Infinity);
      const namesAgain = rescuer.names();
      if (namesAgain !== names)
        throw new Error(`recovered to\n${names}\nand, cut on the way, to\n${namesAgain}`);
      this.compareWithModel(names);
      rescuer.unmountAndCheck();
    }
    this.armCut();
  }

  private compareWithModel(names: string): void {
    let problem = "";
    for (let at = this.known.snapshots.length - 1; at >= 0; at--) {
      const { key, files } = this.known.snapshots[at];
      if (key !== names) continue;
      problem = this.rescuer.compare(files);
      if (problem !== "") continue;
      if (files.size > 0) this.rescuer.lookBehindEnd([...files.keys()][this.nrCuts % files.size]);
      return;
    }
    if (problem !== "") throw new Error(`after cut ${this.nrCuts}: ${problem}`);
    const allowed = this.known.snapshots.map(({ key }) => key).slice(-4);
    throw new Error(
      `after cut ${this.nrCuts} there is\n${names}\nlast allowed were\n${allowed.join("\n--\n")}`,
    );
  }
}

/** KnownTree makes no other files. */
function knownFile(file: PlainFile): KnownFile {
  if (file instanceof KnownFile) return file;
  throw new Error("a file of another tree");
}
