/** Makes the machine's disks, at boot or later. Cold. */
import { type BlockBackend, EINVAL, findOccupant, KernelError, PAGE_SECTORS } from "@pageframe/contracts";
import { diskModels, ioSchedulers, MemoryBlockBackend, RequestQueue } from "@pageframe/block";
import { type KernelConfig } from "../config.ts";
import { Disk } from "../files/inode.ts";
import { parsePages } from "../sizes.ts";
import { BackingDevice } from "../writeback/dirty-state.ts";
import { type System } from "../system.ts";

/** Block devices of virtio disks. */
const VIRTBLK_MAJOR = 254;
/** Minor numbers of one disk with its partitions. */
const MINORS_PER_DISK = 16;

/** Makes the configured disks over the given stores, memory where there is none. Throws EINVAL for two of one name. */
export function wireDisks(sys: System, backends: readonly (BlockBackend | null)[]): void {
  sys.config.disks.forEach((config, id) => addDisk(sys, config, backends[id] ?? null));
}

/** Adds a disk over a store, or memory, to a machine. Throws EINVAL when its name is taken. */
export function addDisk(
  sys: System,
  config: KernelConfig["disks"][number],
  store: BlockBackend | null = null,
): Disk {
  const id = sys.disks.length;
  const name = config.name ?? `vd${String.fromCharCode("a".charCodeAt(0) + id)}`;
  if (sys.disks.some((disk) => disk.name === name)) {
    throw new KernelError(EINVAL, `two disks are called "${name}"; every disk needs a name of its own`);
  }
  const backend = store ?? new MemoryBlockBackend(parsePages(config.size) * PAGE_SECTORS);
  const device = new RequestQueue({
    name,
    backend,
    model: findOccupant("disk model", diskModels, config.model).create({ nrSectors: backend.nrSectors }),
    scheduler: findOccupant("I/O scheduler", ioSchedulers, config.scheduler).create({}),
    contents: sys.contents,
  });
  const inode = sys.files.addInode({
    name: `/dev/${name}`,
    kind: "bdev",
    sizeBytes: Infinity,
    nrLinks: 1,
    devMajor: VIRTBLK_MAJOR,
    devMinor: id * MINORS_PER_DISK,
    isReserved: false,
    isLimited: false,
    seals: 0,
  });
  const disk = new Disk(id, name, device, backend, inode, new BackingDevice(sys.writeback));
  inode.disk = disk;
  inode.ownDisk = disk;
  inode.isOnDisk = true;
  sys.disks.push(disk);
  return disk;
}
