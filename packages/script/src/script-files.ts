/** Files of scripts: making them, and operations on them. */
import { KernelError, O_CREAT, O_RDONLY, O_RDWR, PAGE_SIZE, POSIX_FADV_DONTNEED } from "@pageframe/contracts";
import { DISK_NAME } from "./machine-of-records.ts";
import { type FileKind, type OperationOf } from "./script.ts";
import { type World } from "./world.ts";

/** Where files on a disk lie. */
const MOUNT_POINT = "/mnt";
/** Nobody but their owner may write them: mincore(2) tells others nothing. */
const FILE_MODE = 0o600;
/** Bytes of a filled file: page k holds this letter, k % 26 further. */
const FIRST_LETTER = 0x61;
const NR_LETTERS = 26;
/** FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE. */
const PUNCH_MODE = 3;

/** An operation on a file of the script. */
export type FileOperation = OperationOf<"ftruncate" | "fsync" | "fadvise" | "punch" | "pread" | "pwrite">;

/** Makes a file, as the driver does before or between the operations of processes. */
export function makeFile(world: World, operation: OperationOf<"file">): void {
  const { kernel, driver } = world;
  const { file: name, kind, nrPages, isFilled, isCold, isReadOnly } = operation;
  const { path, open } = placeOf(world, kind, `mmrec-${name}`);
  const fileId = check(open(O_RDWR | O_CREAT), path);
  check(kernel.ftruncate(driver, fileId, nrPages * PAGE_SIZE), path);
  if (isFilled) {
    const page = new Uint8Array(PAGE_SIZE);
    for (let pgoff = 0; pgoff < nrPages; pgoff++) {
      page.fill(FIRST_LETTER + (pgoff % NR_LETTERS));
      check(kernel.pwrite(driver, fileId, page, pgoff * PAGE_SIZE), path);
    }
    check(kernel.fsync(driver, fileId), path);
  }
  if (isCold) check(kernel.fadvise(driver, fileId, 0, 0, POSIX_FADV_DONTNEED), path);
  if (!isReadOnly) {
    world.files.push({ name, kind, path, fileId });
    return;
  }
  // It is opened anew by its path, which a memfd does not have.
  const readOnlyId = kind === "memfd" ? -1 : open(O_RDONLY);
  kernel.closeFile(fileId);
  world.files.push({ name, kind, path, fileId: readOnlyId });
}

/** Where a file of a kind lies, as maps shows it, and how it is opened. */
function placeOf(
  world: World,
  kind: FileKind,
  ownName: string,
): { readonly path: string; readonly open: (openFlags: number) => number } {
  const { kernel, driver } = world;
  switch (kind) {
    case "memfd":
      return { path: `/memfd:${ownName}`, open: () => kernel.memfdCreate(ownName) };
    case "tmpfs":
      return { path: `/dev/shm/${ownName}`, open: (openFlags) => kernel.openTmpfs(ownName, openFlags) };
    case "ext4": {
      const path = `${MOUNT_POINT}/${ownName}`;
      mountOnce(world);
      return { path, open: (openFlags) => kernel.open(driver, path, openFlags, FILE_MODE) };
    }
  }
}

/** Makes a file system on the disk before the first file that lies there. */
function mountOnce({ kernel, files }: World): void {
  if (files.some(({ kind }) => kind === "ext4")) return;
  check(kernel.mkfs(DISK_NAME), DISK_NAME);
  check(kernel.mount(DISK_NAME, MOUNT_POINT), MOUNT_POINT);
}

/** Runs an operation on a file in the current process. Returns what the system call does, for `pread` the byte. */
export function runFileOperation(world: World, operation: FileOperation): number {
  const { kernel, current } = world;
  const task = current.task!;
  const { fileId } = world.fileOf(operation.file);
  switch (operation.name) {
    case "ftruncate":
      return kernel.ftruncate(task, fileId, operation.lengthBytes);
    case "fsync":
      return kernel.fsync(task, fileId);
    case "fadvise": {
      const { firstPage, nrPages, advice } = operation;
      return kernel.fadvise(task, fileId, firstPage * PAGE_SIZE, nrPages * PAGE_SIZE, advice);
    }
    case "punch": {
      const { firstPage, nrPages } = operation;
      return kernel.fallocate(task, fileId, PUNCH_MODE, firstPage * PAGE_SIZE, nrPages * PAGE_SIZE);
    }
    case "pread": {
      const to = new Uint8Array(1);
      const nrRead = kernel.pread(task, fileId, to, operation.offsetBytes);
      return nrRead === 1 ? to[0] : nrRead;
    }
    case "pwrite":
      return kernel.pwrite(task, fileId, Uint8Array.of(operation.value), operation.offsetBytes);
  }
}

function check(result: number, path: string): number {
  if (result < 0) throw new KernelError(-result, `${path} cannot be made on this machine`);
  return result;
}
