/** Disk images: a file of the host as the disk of a small machine, whose kernel makes, checks, reads and changes what lies on it. */
import {
  type BlockBackend,
  EACCES,
  EIO,
  ENOSPC,
  errnoName,
  KernelError,
  SECTOR_SIZE,
} from "@pageframe/contracts";
import { bootKernel, formatBytes, type Kernel, type Task } from "@pageframe/kernel";
import { type CliError, runError, usageError } from "./errors.ts";
import { HostFileBlockBackend } from "./host-file-block.ts";

const DISK = "vda";
/** RAM of the machine; files may be larger. */
const MEMORY = "32MiB";

/** What errors of the image's file system mean to a user; others are told by name. */
const SENTENCES: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or directory",
  ENOTDIR: "a part of the path is not a directory",
  EISDIR: "it is a directory",
  EEXIST: "it is there already",
  ENOSPC: "the image is full",
  EFBIG: "it would be larger than a file can be",
  ENAMETOOLONG: "a name in it is longer than 255 bytes",
  ELOOP: "it leads through too many symbolic links",
  EROFS: "the image is write-protected, or could not be written a moment ago",
  EUCLEAN: "its metadata is damaged; pageframe disk check says more",
  EIO: "the host cannot read or write the image there",
};

/** A machine with an image as its disk. */
export class DiskImage {
  readonly path: string;
  readonly kernel: Kernel;
  readonly task: Task;
  private readonly backend: BlockBackend;
  private isMounted = false;

  constructor(path: string, backend: BlockBackend) {
    this.path = path;
    this.backend = backend;
    const size = `${backend.nrSectors * SECTOR_SIZE}B`;
    this.kernel = bootKernel(
      { memory: MEMORY, contents: "sparse", disks: [{ name: DISK, size, model: "none" }] },
      { diskBackends: [backend] },
    );
    this.task = this.kernel.spawn("disk");
  }

  /** Opens an image to be looked at only: the file does not change. Throws a usage error when there is none. */
  static openReadOnly(path: string): DiskImage {
    return new DiskImage(path, openBackend(path, true));
  }

  /**
   * Opens and mounts an image; `isChanged`: to change what lies on it. A journal that was left is replayed, also to look at
   * the rest, where the file may be written. Throws a usage error when it holds no file system that can be used.
   */
  static mount(path: string, isChanged: boolean): DiskImage {
    const image = new DiskImage(path, openToMount(path, isChanged));
    const { kernel } = image;
    const error = kernel.mount(DISK, "/", { readOnly: !isChanged });
    if (error >= 0) {
      image.isMounted = true;
      return image;
    }
    const sentence = kernel.mountProblem.replace(/^E[A-Z0-9]+: /, "");
    image.close();
    const hint = `"pageframe disk check ${path}" says more, "pageframe disk make" makes an image`;
    const message = `image ${path} cannot be used: ${sentence}`;
    throw error === -EIO ? runError(message, hint) : usageError(message, hint);
  }

  /** Makes an empty file system. Throws a usage error when the image is too small, and EINVAL for too many inodes. */
  makeFileSystem(nrInodes: number | undefined, seed: number): void {
    const error = this.kernel.mkfs(DISK, nrInodes === undefined ? { seed } : { seed, nrInodes });
    if (error === 0) return;
    const { path, backend } = this;
    if (error !== -ENOSPC) throw runError(`image ${path} cannot be written: ${errnoName(error)}`);
    const size = formatBytes(backend.nrSectors * SECTOR_SIZE);
    throw usageError(
      `${size} are too small for a file system, whose journal alone takes 256KiB`,
      "--size 1MiB holds one; fewer --inodes take less room",
    );
  }

  /** Sentences about what is wrong; null when it does not begin with a file system of this kind. */
  check(): string[] | null {
    const found = this.describe();
    if ("sentence" in found) return null;
    const problems = this.kernel.fsck(DISK);
    return typeof problems === "number" ? [errnoName(problems)] : problems;
  }

  /** What the superblock says, or why there is none. */
  describe(): ReturnType<Kernel["describeFileSystem"]> {
    return this.kernel.describeFileSystem(DISK);
  }

  /** An error of the image's file system about a path in it. */
  error(what: string, path: string, errno: number): CliError {
    const name = errnoName(errno);
    const isUsage = !["EIO", "ENOSPC", "EUCLEAN", "ENOMEM"].includes(name);
    const message = `${path} of image ${this.path} cannot be ${what}: ${SENTENCES[name] ?? name}`;
    return isUsage ? usageError(message) : runError(message);
  }

  /** Unmounts, so that everything is in the file. Throws a run error when it could not be written. */
  finish(): void {
    if (!this.isMounted) return;
    this.isMounted = false;
    const error = this.kernel.umount("/");
    if (error < 0) throw runError(`image ${this.path} could not be written: ${errnoName(error)}`);
  }

  /** Closes the file of the host, whatever is mounted: what was not finished is as after a power cut. */
  close(): void {
    this.backend.close();
  }
}

/** Calls `work` with a mounted image, finishes and closes it. */
export async function withImage<Result>(
  path: string,
  isChanged: boolean,
  work: (image: DiskImage) => Promise<Result> | Result,
): Promise<Result> {
  const image = DiskImage.mount(path, isChanged);
  try {
    const result = await work(image);
    image.finish();
    return result;
  } catch (error) {
    try {
      image.finish();
    } catch {
      // What went wrong first is what the user wants to know.
    }
    throw error;
  } finally {
    image.close();
  }
}

function openToMount(path: string, isChanged: boolean): BlockBackend {
  if (isChanged) return openBackend(path, false);
  try {
    return new HostFileBlockBackend(path);
  } catch (error) {
    if (error instanceof KernelError && error.errno === EACCES) return openBackend(path, true);
    throw asUsage(error);
  }
}

function openBackend(path: string, isReadOnly: boolean): BlockBackend {
  try {
    return new HostFileBlockBackend(path, { isReadOnly });
  } catch (error) {
    throw asUsage(error);
  }
}

/** An image that cannot be opened is bad input. */
export function asUsage(error: unknown): unknown {
  return error instanceof KernelError ? usageError(error.sentence) : error;
}
