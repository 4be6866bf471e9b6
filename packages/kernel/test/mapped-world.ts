import {
  type BlockBackend,
  type DirectoryEntry,
  EIO,
  ENOENT,
  ENOTDIR,
  EROFS,
  type FileAttributes,
  type FileSystem,
  type FileSystemStats,
  O_CREAT,
  O_RDWR,
  PAGE_SIZE,
  POSIX_FADV_DONTNEED,
  S_IFDIR,
  S_IFREG,
} from "@pageframe/contracts";
import { MemoryBlockBackend } from "@pageframe/block";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";

/** A disk whose reads or writes fail while one says so. */
export class FailingDisk implements BlockBackend {
  readonly name = "failing";
  readonly nrSectors: number;
  readonly isReadOnly = false;
  failsReads = false;
  failsWrites = false;
  nrReads = 0;
  nrWrites = 0;
  private readonly inner: MemoryBlockBackend;

  constructor(nrSectors: number) {
    this.nrSectors = nrSectors;
    this.inner = new MemoryBlockBackend(nrSectors);
  }

  readSectors(sector: number, into: Uint8Array): number {
    this.nrReads++;
    return this.failsReads ? -EIO : this.inner.readSectors(sector, into);
  }

  writeSectors(sector: number, from: Uint8Array): number {
    this.nrWrites++;
    return this.failsWrites ? -EIO : this.inner.writeSectors(sector, from);
  }

  flush(): number {
    return 0;
  }

  close(): void {
    this.inner.close();
  }
}

/** A machine with a file system at /mnt, and a task. */
export class DiskWorld {
  readonly kernel: Kernel;
  readonly task: Task;
  readonly disk: FailingDisk = new FailingDisk(32768);

  constructor(config: KernelConfigInput = {}) {
    this.kernel = bootKernel(
      { memory: "8MiB", contents: "sparse", disks: [{ size: "16MiB" }], ...config },
      { diskBackends: [this.disk] },
    );
    if (this.kernel.mkfs("vda") !== 0 || this.kernel.mount("vda", "/mnt") !== 0) throw new Error("no disk");
    this.task = this.kernel.spawn("test");
  }

  /** A file whose page k begins with `seed + k`, on the disk; opened for reading and writing. */
  file(path: string, nrPages: number, seed = 1, isCold = false): number {
    const { kernel, task } = this;
    const file = kernel.open(task, path, O_RDWR | O_CREAT);
    const bytes = new Uint8Array(nrPages * PAGE_SIZE);
    for (let page = 0; page < nrPages; page++) bytes[page * PAGE_SIZE] = (seed + page) & 0xff;
    if (kernel.pwrite(task, file, bytes, 0) !== bytes.length) throw new Error(`${path} was not written`);
    kernel.fsync(task, file);
    if (isCold) kernel.fadvise(task, file, 0, 0, POSIX_FADV_DONTNEED);
    return file;
  }

  map(file: number, nrPages: number, prot: number, flags: number, task = this.task, pgoff = 0): number {
    return this.kernel.mmap(task, 0, nrPages * PAGE_SIZE, prot, flags, file, pgoff * PAGE_SIZE);
  }

  /** mincore(2) as digits. */
  mincore(address: number, nrPages: number, task = this.task): string {
    const vec = new Uint8Array(nrPages);
    const error = this.kernel.mincore(task, address, nrPages * PAGE_SIZE, vec);
    return error === 0 ? vec.join("") : String(error);
  }

  /** First byte of a page of a file, as it lies on the disk. */
  onDisk(file: number, page: number): number {
    const byte = new Uint8Array(PAGE_SIZE);
    this.kernel.fadvise(this.task, file, 0, 0, POSIX_FADV_DONTNEED);
    this.kernel.pread(this.task, file, byte, page * PAGE_SIZE);
    return byte[0];
  }

  /** Faults of the task since the last call: minor and major. */
  faults(task = this.task): [number, number] {
    const seen = this.seenFaults.get(task.pid) ?? [0, 0];
    this.seenFaults.set(task.pid, [task.nrMinorFaults, task.nrMajorFaults]);
    return [task.nrMinorFaults - seen[0], task.nrMajorFaults - seen[1]];
  }

  private readonly seenFaults = new Map<number, [number, number]>();
}

const ROOT_INO = 1;

/** A read-only file system that has its bytes itself: one directory of files. */
export class PlainFileSystem implements FileSystem {
  readonly type = "plain";
  readonly isReadOnly = true;
  readonly rootIno = ROOT_INO;
  readonly replacedIno = 0;
  readonly names: string[] = [];
  readonly files: Uint8Array[] = [];
  /** Inodes whose pages cannot be read. */
  readonly broken = new Set<number>();

  add(name: string, bytes: Uint8Array): number {
    this.names.push(name);
    this.files.push(bytes);
    return ROOT_INO + this.files.length;
  }

  lookup(dirIno: number, name: string): number {
    if (dirIno !== ROOT_INO) return -ENOTDIR;
    const at = this.names.indexOf(name);
    return at < 0 ? -ENOENT : ROOT_INO + 1 + at;
  }

  getattr(ino: number): FileAttributes {
    const isRoot = ino === ROOT_INO;
    const sizeBytes = isRoot ? 0 : this.files[ino - ROOT_INO - 1].length;
    const mode = isRoot ? S_IFDIR | 0o755 : S_IFREG | 0o755;
    return { ino, mode, nrLinks: 1, sizeBytes, nrSectors: 0, mtimeNs: 0, ctimeNs: 0 };
  }

  readdir(): DirectoryEntry[] {
    return this.names.map((name, at) => ({ name, ino: ROOT_INO + 1 + at, type: S_IFREG }));
  }

  readPage(ino: number, pgoff: number, into: Uint8Array): number {
    if (this.broken.has(ino)) return -EIO;
    into.fill(0);
    into.set(this.files[ino - ROOT_INO - 1].subarray(pgoff * PAGE_SIZE, (pgoff + 1) * PAGE_SIZE));
    return 0;
  }

  readlink = (): number => -EIO;
  create = (): number => -EROFS;
  link = (): number => -EROFS;
  unlink = (): number => -EROFS;
  rmdir = (): number => -EROFS;
  rename = (): number => -EROFS;
  release = (): number => 0;
  mapBlocks = (): number => -EIO;
  setSize = (): number => -EROFS;
  punchHole = (): number => -EROFS;
  touch = (): number => 0;
  syncInode = (): number => 0;
  syncAll = (): number => 0;
  readonly daemonDueNs = Infinity;
  runDaemon = (): void => undefined;
  unmount = (): number => 0;
  statfs = (): FileSystemStats => ({ nrBlocks: 0, nrFreeBlocks: 0, nrInodes: 0, nrFreeInodes: 0 });
}
