/** The machine that the records were made on, as a configuration. */
import { type KernelConfigInput } from "@pageframe/kernel";

/** The disk that files of kind ext4 lie on. */
export const DISK_NAME = "loop0";

/** 1 GiB on one node, one CPU, 64 MiB of swap; memory has bytes, so that reads tell what was written. */
export const MACHINE_OF_RECORDS: KernelConfigInput = {
  // MemTotal is then 990,130 kB, what boot messages of 128 and 512 MiB let expect of 1 GiB. oom_score goes by it.
  memory: "978862KiB",
  cpus: 1,
  nodes: 1,
  // A loop device: it works while others run, although it lies in memory.
  swap: [{ size: "64MiB", synchronous: false }],
  // It lies in memory: what is asked of it is there before the next line.
  disks: [{ name: DISK_NAME, size: "256MiB", model: "none" }],
  contents: "sparse",
  transparentHugepage: true,
};
