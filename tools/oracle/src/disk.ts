/** The disk that files of kind ext4 lie on while scripts are recorded: a file system on a loop device over memory. */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "./input-error.ts";

/** Memory, on any Linux: the shared machine's disks lie in memory too. */
const MEMORY_DIRECTORY = "/dev/shm";
const DISK_BYTES = 256 * 1024 * 1024;
/**
 * What larger disks have by themselves; below 512 MiB mkfs may take 1 KiB, and a write of a byte to a hole then leaves
 * a page that is not up to date.
 */
const BLOCK_BYTES = 4096;
/** Linux's default; a loop device keeps what its last user had, which may be what suited another disk. */
const READ_AHEAD_KB = 128;

/** Calls `use` with the directory for files of kind ext4, which is empty and mounted if a script has such files. */
export function withDiskFor(scripts: readonly string[], use: (directory: string) => void): void {
  if (!scripts.some(hasFilesOnDisk)) {
    use(tmpdir());
    return;
  }
  const image = mkdtempSync(join(MEMORY_DIRECTORY, "oracle-disk-"));
  const directory = mkdtempSync(join(tmpdir(), "oracle-disk-"));
  let isMounted = false;
  try {
    const path = join(image, "image");
    const file = openSync(path, "w");
    ftruncateSync(file, DISK_BYTES);
    closeSync(file);
    succeed("mkfs.ext4", ["-q", "-F", "-b", String(BLOCK_BYTES), path]);
    succeed("mount", ["-o", "loop", path, directory]);
    isMounted = true;
    const { dev } = statSync(directory);
    writeFileSync(`/sys/class/bdi/${majorOf(dev)}:${minorOf(dev)}/read_ahead_kb`, String(READ_AHEAD_KB));
    use(directory);
  } finally {
    if (isMounted) spawnSync("umount", [directory]);
    rmSync(directory, { recursive: true });
    rmSync(image, { recursive: true });
  }
}

/** Parts of a device number as user space has it (new_encode_dev). */
function majorOf(dev: number): number {
  return (dev >>> 8) & 0xfff;
}

function minorOf(dev: number): number {
  return (dev & 0xff) | ((dev >>> 12) & 0xfff00);
}

function hasFilesOnDisk(scriptPath: string): boolean {
  return /^\s*file\s+\S+\s+ext4\s/m.test(readFileSync(scriptPath, "utf8"));
}

function succeed(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status === 0) return;
  const why = error?.message ?? stderr.trim();
  throw new InputError(`scripts with files of kind ext4 need a disk: ${program} says ${why}`);
}
