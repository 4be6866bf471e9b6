import { MAP_SHARED, O_CREAT, O_RDWR, PAGE_SIZE, PROT_READ, PROT_WRITE } from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { at, mapPages } from "./helpers.ts";

const MIB = 2 ** 20;
const NR_FILE_PAGES = (6 * MIB) / PAGE_SIZE;

/** A machine of 4 MiB with a disk at /mnt, where all of memory may be dirty. */
function bootSmall(model: string): { kernel: Kernel; task: Task; file: number } {
  const kernel = bootKernel({ memory: "4MiB", disks: [{ size: "32MiB", model }] });
  expect(kernel.mkfs("vda")).toBe(0);
  expect(kernel.mount("vda", "/mnt")).toBe(0);
  expect(kernel.setSysctl("vm/dirty_ratio", "100")).toBe(0);
  expect(kernel.setSysctl("vm/dirty_background_ratio", "100")).toBe(0);
  const task = kernel.spawn("writer");
  return { kernel, task, file: kernel.open(task, "/mnt/a", O_RDWR | O_CREAT) };
}

describe("a machine full of dirty pages of files", () => {
  it.each(["hdd", "nvme", "none"])(
    "writes files larger than memory, and gives it to programs (%s)",
    (model) => {
      const { kernel, task, file } = bootSmall(model);
      const bytes = new Uint8Array(128 * 1024);
      for (let from = 0; from < 6 * MIB; from += bytes.length) {
        expect(kernel.pwrite(task, file, bytes, from)).toBe(bytes.length);
      }
      expect(kernel.proc.vmstat()["nr_dirty"]).toBeGreaterThan(16);
      mapPages(kernel, task, 0, 700);
      for (let page = 0; page < 700; page++) expect(kernel.write(task, at(page), 1)).toBeNull();
      const vmstat = kernel.proc.vmstat();
      expect(vmstat["oom_kill"]).toBe(0);
      // Reclaim met dirty pages, left them to the flusher, and took them when they were written.
      expect(vmstat["nr_vmscan_immediate_reclaim"]).toBeGreaterThan(0);
      expect(vmstat["pgrotated"]).toBeGreaterThan(0);
      expect(vmstat["nr_vmscan_write"]).toBe(0);
      kernel.audit();
    },
  );

  it.each(["hdd", "none"])("lets two tasks dirty mappings larger than memory (%s)", (model) => {
    const { kernel, task, file } = bootSmall(model);
    const other = kernel.spawn("other");
    expect(kernel.ftruncate(task, file, NR_FILE_PAGES * PAGE_SIZE)).toBe(0);
    const maps = [task, other].map((who) =>
      kernel.mmap(who, 0, NR_FILE_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0),
    );
    for (let page = 0; page < NR_FILE_PAGES; page++) {
      expect(kernel.write(task, maps[0] + page * PAGE_SIZE, 1)).toBeNull();
      const behind = (page * 7) % NR_FILE_PAGES;
      expect(kernel.write(other, maps[1] + behind * PAGE_SIZE, 2)).toBeNull();
    }
    expect(kernel.proc.vmstat()["oom_kill"]).toBe(0);
    kernel.audit();
    expect(kernel.fsync(task, file)).toBe(0);
    expect(kernel.proc.vmstat()["nr_dirty"]).toBeLessThan(32);
    kernel.audit();
  });
});
