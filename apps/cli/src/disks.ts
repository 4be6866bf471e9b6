/** What a replay's machine has of the host: images that its disks lie in, and directories that it sees. */
import { existsSync } from "node:fs";
import { KernelError, SECTOR_SIZE } from "@pageframe/contracts";
import { type Kernel, type KernelConfigInput, parseBytes } from "@pageframe/kernel";
import { usageError } from "./errors.ts";
import { HostDirectory } from "./host-directory.ts";
import { HostFileBlockBackend } from "./host-file-block.ts";
import { type Machine } from "./machine.ts";

/** Does the machine keep anything in files of the host that stays when a run is over? */
export function hasImages(machine: Machine): boolean {
  return machine.diskImage !== null || (machine.kernel.disks ?? []).some(({ file }) => file !== undefined);
}

/**
 * Opens the images of a machine's disks, in their order; null where a disk is in memory. One that does not exist is made. Throws
 * usage errors.
 */
export function openImages(machine: Machine, config: KernelConfigInput): (HostFileBlockBackend | null)[] {
  const disks = config.disks ?? [];
  if (machine.diskImage !== null && disks.length === 0) {
    throw usageError(
      "--disk-image has no disk to be for: the trace has no files",
      "add --disk SIZE, or leave it out",
    );
  }
  const images: (HostFileBlockBackend | null)[] = [];
  try {
    disks.forEach(({ size, file }, at) => {
      const path = at === 0 ? (machine.diskImage ?? file) : file;
      images.push(path === undefined ? null : openImage(path, parseBytes(size) / SECTOR_SIZE));
    });
  } catch (error) {
    for (const image of images) image?.close();
    throw asUsageError(error);
  }
  return images;
}

function openImage(path: string, nrSectors: number): HostFileBlockBackend {
  return existsSync(path) ? new HostFileBlockBackend(path) : HostFileBlockBackend.create(path, nrSectors);
}

/** Lets the machine see the directories. Throws usage errors. */
export function mountDirectories(kernel: Kernel, machine: Machine): void {
  for (const { directory, path } of machine.mounts) {
    try {
      if (kernel.mountFileSystem(new HostDirectory(directory), path) < 0) {
        throw usageError(`--mount ${directory}=${path} does not work: ${kernel.mountProblem}`);
      }
    } catch (error) {
      throw asUsageError(error);
    }
  }
}

/** Work whose failures are those of what the user named: an image, a disk, a directory. */
export function blamingTheUser<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw asUsageError(error);
  }
}

function asUsageError(error: unknown): unknown {
  return error instanceof KernelError ? usageError(error.sentence) : error;
}
