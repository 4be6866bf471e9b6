import {
  type BlockBackend,
  EINVAL,
  EIO,
  ERANGE,
  O_CREAT,
  O_RDWR,
  PAGE_SIZE,
  TRACEPOINTS,
  type TraceSink,
} from "@pageframe/contracts";
import { MemoryBlockBackend } from "@pageframe/block";
import { WB_REASON_SYNC } from "@pageframe/pagecache";
import { describe, expect, it } from "vitest";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";

const MIB = 2 ** 20;
const SECOND = 1e9;

interface Machine {
  kernel: Kernel;
  task: Task;
  file: number;
}

/** A machine with a disk at /mnt, and a file on it that a task has open. */
function boot(model: string, memory = "16MiB"): Machine {
  const kernel = bootKernel({ memory, disks: [{ size: "256MiB", model }] });
  expect(kernel.mkfs("vda")).toBe(0);
  expect(kernel.mount("vda", "/mnt")).toBe(0);
  const task = kernel.spawn("writer");
  return { kernel, task, file: kernel.open(task, "/mnt/a", O_RDWR | O_CREAT) };
}

/** Writes bytes [from, to) of a file, 64 KiB at a time, and gives the most pages that were dirty or in flight. */
function write(kernel: Kernel, task: Task, file: number, from: number, to: number): number {
  const bytes = new Uint8Array(64 * 1024);
  let nrMost = 0;
  for (let at = from; at < to; at += bytes.length) {
    expect(kernel.pwrite(task, file, bytes, at)).toBe(bytes.length);
    nrMost = Math.max(nrMost, nrOf(kernel, "nr_dirty") + nrOf(kernel, "nr_writeback"));
  }
  return nrMost;
}

/** A line of /proc/vmstat. */
function nrOf(kernel: Kernel, name: string): number {
  return kernel.proc.vmstat()[name];
}

describe("writeback", () => {
  it("holds a writer back to the speed of the disk, below the limit", () => {
    const { kernel, task, file } = boot("hdd");
    const startNs = kernel.nowNs;
    const nrMost = write(kernel, task, file, 0, 32 * MIB);
    const seconds = (kernel.nowNs - startNs) / SECOND;
    // The disk writes 120 MiB/s; up to a fifth of 16 MiB is not written yet.
    expect(seconds).toBeGreaterThan(28 / 120);
    expect(seconds).toBeLessThan(32 / 80);
    expect(nrMost).toBeLessThanOrEqual(16 * 0.2 * (MIB / PAGE_SIZE) + 32);
    kernel.audit();
  });

  it("lets a writer on a disk that takes no time go on", () => {
    const { kernel, task, file } = boot("none", "8MiB");
    const startNs = kernel.nowNs;
    write(kernel, task, file, 0, 12 * MIB);
    expect(kernel.nowNs - startNs).toBeLessThan(0.1 * SECOND);
    kernel.audit();
  });

  it("writes pages that are 30 s old without anybody asking", () => {
    const { kernel, task, file } = boot("nvme");
    kernel.sync(task);
    write(kernel, task, file, 0, 128 * 1024);
    expect(nrOf(kernel, "nr_dirty")).toBeGreaterThanOrEqual(32);
    kernel.sleep(task, 24 * SECOND);
    expect(nrOf(kernel, "nr_dirty")).toBeGreaterThanOrEqual(1);
    kernel.audit();
    kernel.sleep(task, 16 * SECOND);
    expect(nrOf(kernel, "nr_dirty")).toBe(0);
    expect(nrOf(kernel, "nr_writeback")).toBe(0);
    kernel.audit();
  });

  it("begins to write in the background above a tenth of memory", () => {
    const { kernel, task, file } = boot("nvme");
    write(kernel, task, file, 0, MIB);
    kernel.sleep(task, SECOND / 10);
    expect(nrOf(kernel, "nr_dirty")).toBeGreaterThanOrEqual(256);
    write(kernel, task, file, MIB, 2 * MIB);
    kernel.sleep(task, SECOND / 10);
    expect(nrOf(kernel, "nr_dirty")).toBeLessThan(410);
    kernel.audit();
  });
});

describe("the settings of writeback", () => {
  it("answer as Linux 6.18 does", () => {
    const { kernel } = boot("none");
    // Written one after the other on Linux 6.18: what was written, the answer, what is read then.
    const table: [string, string, number, string][] = [
      ["dirty_ratio", "101", -EINVAL, "20"],
      ["dirty_ratio", "-1", -EINVAL, "20"],
      ["dirty_ratio", "abc", -EINVAL, "20"],
      ["dirty_ratio", "0", 0, "0"],
      ["dirty_ratio", "0x14", 0, "20"],
      ["dirty_bytes", "4096", -EINVAL, "0"],
      ["dirty_bytes", "0", -EINVAL, "0"],
      ["dirty_bytes", "8191", -EINVAL, "0"],
      ["dirty_bytes", "8192", 0, "8192"],
      ["dirty_bytes", "17592186040321", -ERANGE, "8192"],
      ["dirty_bytes", "17592186040320", 0, "17592186040320"],
      ["dirty_ratio", "20", 0, "20"],
      ["dirty_background_bytes", "0", -EINVAL, "0"],
      ["dirty_background_bytes", "1", 0, "1"],
      ["dirty_background_ratio", "101", -EINVAL, "0"],
      ["dirty_background_bytes", "-1", -EINVAL, "1"],
      ["dirty_background_ratio", "10", 0, "10"],
      ["dirty_expire_centisecs", "-1", -EINVAL, "3000"],
      ["dirty_writeback_centisecs", "-1", 0, "-1"],
      ["dirty_writeback_centisecs", "0", 0, "0"],
      ["dirty_writeback_centisecs", "500", 0, "500"],
      ["dirtytime_expire_seconds", "-1", -EINVAL, "43200"],
    ];
    for (const [file, value, answer, after] of table) {
      expect(kernel.setSysctl(`vm/${file}`, value), `${file} ${value}`).toBe(answer);
      expect(kernel.sysctl(`vm/${file}`), `${file} after ${value}`).toBe(after);
    }
    expect(kernel.sysctl("vm/dirty_bytes")).toBe("0");
    expect(kernel.sysctl("vm/dirty_background_bytes")).toBe("0");
  });

  it("set the thresholds that /proc/vmstat shows", () => {
    const { kernel } = boot("none");
    kernel.setSysctl("vm/dirty_bytes", "1048576");
    kernel.setSysctl("vm/dirty_background_bytes", "4097");
    expect([nrOf(kernel, "nr_dirty_threshold"), nrOf(kernel, "nr_dirty_background_threshold")]).toEqual([
      256, 2,
    ]);
    // The background limit is at most half of the other.
    kernel.setSysctl("vm/dirty_background_bytes", "4194304");
    expect(nrOf(kernel, "nr_dirty_background_threshold")).toBe(128);
  });
});

describe("a disk whose writes all fail", () => {
  /** A machine whose file's disk fails every write from now on, but those of metadata. */
  function bootBroken(): Machine & { fail: () => void } {
    const store = new FailingStore(new MemoryBlockBackend((64 * MIB) / 512));
    const kernel = bootKernel(
      { memory: "8MiB", disks: [{ size: "64MiB", model: "nvme" }] },
      { diskBackends: [store] },
    );
    expect(kernel.mkfs("vda")).toBe(0);
    expect(kernel.mount("vda", "/mnt")).toBe(0);
    const task = kernel.spawn("writer");
    const file = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT);
    return { kernel, task, file, fail: () => (store.isFailing = true) };
  }

  it("holds nobody for ever, and tells each opening once of errors that nobody waited for", () => {
    const { kernel, task, file, fail } = bootBroken();
    const other = kernel.open(task, "/mnt/a", O_RDWR);
    write(kernel, task, file, 0, MIB / 2);
    kernel.sync(task);
    fail();
    const bytes = new Uint8Array(64 * 1024);
    for (let at = 0; at < 16 * MIB; at += bytes.length) {
      // Once its journal fails the file system takes no new blocks.
      if (kernel.pwrite(task, file, bytes, at) < 0) break;
    }
    kernel.sleep(task, 60 * SECOND);
    expect(nrOf(kernel, "nr_writeback")).toBe(0);
    kernel.audit();
    expect(kernel.fsync(task, file)).toBeLessThan(0);
    expect(kernel.fsync(task, other)).toBeLessThan(0);
    kernel.audit();
  });

  it("tells of a background write that failed with fsync, once per opening", () => {
    const { kernel, task, file, fail } = bootBroken();
    const other = kernel.open(task, "/mnt/a", O_RDWR);
    write(kernel, task, file, 0, 64 * 1024);
    kernel.sync(task);
    // Blocks are there: only data is written again.
    write(kernel, task, file, 0, 64 * 1024);
    fail();
    kernel.sys.disks[0].bdi.flusher.startAll(kernel.sys.disks[0].bdi.queues, WB_REASON_SYNC, kernel.nowNs);
    kernel.sleep(task, SECOND / 10);
    expect(kernel.sys.files.file(file).inode.nrWriteErrors).toBeGreaterThan(0);
    const inode = kernel.sys.files.file(file).inode;
    expect(inode.wbErr).not.toBe(kernel.sys.files.file(file).wbErr);
    expect([kernel.fsync(task, file), kernel.fsync(task, other)].every((error) => error < 0)).toBe(true);
    expect(kernel.sys.files.file(file).wbErr).toBe(inode.wbErr);
    kernel.audit();
  });
});

describe("tracepoints of writeback", () => {
  it("tell of dirty pages, work, inodes and pauses", () => {
    const counts = new Map<string, number>();
    const trace: TraceSink = {
      emit: (tracepoint) => {
        const { name } = TRACEPOINTS[tracepoint];
        counts.set(name, (counts.get(name) ?? 0) + 1);
      },
    };
    const kernel = bootKernel({ memory: "8MiB", disks: [{ size: "64MiB", model: "hdd" }] }, { trace });
    kernel.mkfs("vda");
    kernel.mount("vda", "/mnt");
    const task = kernel.spawn("writer");
    const file = kernel.open(task, "/mnt/a", O_RDWR | O_CREAT);
    write(kernel, task, file, 0, 8 * MIB);
    kernel.fsync(task, file);
    for (const name of [
      "writeback_dirty_folio",
      "writeback_start",
      "writeback_written",
      "writeback_pages_written",
      "writeback_single_inode_start",
      "writeback_single_inode",
      "global_dirty_state",
      "balance_dirty_pages",
      "folio_wait_writeback",
    ]) {
      expect(counts.get(name), name).toBeGreaterThan(0);
    }
    expect(counts.get("writeback_single_inode")).toBe(counts.get("writeback_single_inode_start"));
  });
});

/** A store that can be made to fail all writes. */
class FailingStore implements BlockBackend {
  readonly name = "failing";
  readonly isReadOnly = false;
  readonly nrSectors: number;
  isFailing = false;
  private readonly inner: BlockBackend;

  constructor(inner: BlockBackend) {
    this.inner = inner;
    this.nrSectors = inner.nrSectors;
  }

  readSectors(sector: number, into: Uint8Array): number {
    return this.inner.readSectors(sector, into);
  }

  writeSectors(sector: number, from: Uint8Array): number {
    return this.isFailing ? -EIO : this.inner.writeSectors(sector, from);
  }

  ioWithoutBytes(_sector: number, _nrSectors: number, isWrite: boolean): number {
    return this.isFailing && isWrite ? -EIO : 0;
  }

  flush(): number {
    return this.isFailing ? -EIO : this.inner.flush();
  }

  close(): void {
    this.inner.close();
  }
}
