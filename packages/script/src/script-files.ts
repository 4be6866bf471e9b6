/** Files of scripts: making them, and operations on them. */
import { KernelError, PAGE_SIZE } from "@pageframe/contracts";
import { notModelled } from "./not-modelled-error.ts";
import { type OperationOf } from "./script.ts";
import { type World } from "./world.ts";

/** Flags of open(2). Source: Linux 6.18 include/uapi/asm-generic/fcntl.h. */
const O_RDONLY = 0;
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
  const { file: name, kind, nrPages, isFilled, isReadOnly } = operation;
  if (kind === "ext4") notModelled("a file on ext4");
  const ownName = `mmrec-${name}`;
  const path = kind === "memfd" ? `/memfd:${ownName}` : `/dev/shm/${ownName}`;
  const fileId = check(kind === "memfd" ? kernel.memfdCreate(ownName) : kernel.openTmpfs(ownName), path);
  check(kernel.ftruncate(driver, fileId, nrPages * PAGE_SIZE), path);
  if (isFilled) {
    const page = new Uint8Array(PAGE_SIZE);
    for (let pgoff = 0; pgoff < nrPages; pgoff++) {
      page.fill(FIRST_LETTER + (pgoff % NR_LETTERS));
      check(kernel.pwrite(driver, fileId, page, pgoff * PAGE_SIZE), path);
    }
  }
  if (!isReadOnly) {
    world.files.push({ name, kind, path, fileId });
    return;
  }
  // It is opened anew by its path, which a memfd does not have.
  const readOnlyId = kind === "memfd" ? -1 : kernel.openTmpfs(ownName, O_RDONLY);
  kernel.closeFile(fileId);
  world.files.push({ name, kind, path, fileId: readOnlyId });
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
