/** Private and shared mappings of files. "Recorded": Linux 6.18.15, script 07-file-mappings. */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_READ,
  SEGV_ACCERR,
  SIGSEGV,
  MADV_DONTNEED,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import {
  at,
  countersOf,
  faultsOf,
  fill,
  mapPages,
  READ_WRITE,
  settledFreePages,
  SHARED_ANON,
  spawnWith,
} from "./helpers.ts";

const PRIVATE_FILE = MAP_PRIVATE | MAP_FIXED;
const SHARED_FILE = MAP_SHARED | MAP_FIXED;

function boot(memory = "4MiB", swapSize = "0MiB"): { kernel: Kernel; task: Task; fileId: number } {
  const swap = swapSize === "0MiB" ? [] : [{ size: swapSize }];
  const kernel = bootKernel({ memory, swap, contents: "sparse" });
  return { kernel, task: kernel.spawn("test"), fileId: kernel.openFile("/lib/libc.so.6") };
}

function firstBytes(kernel: Kernel, task: Task, firstPage: number, nrPages: number): unknown[] {
  return Array.from({ length: nrPages }, (_, page) => kernel.read(task, at(firstPage + page)));
}

describe("a private mapping of a file", () => {
  it("shows the file's bytes, the same to everyone and different from page to page", () => {
    const { kernel, task, fileId } = boot();
    mapPages(kernel, task, 0, 16, PROT_READ, PRIVATE_FILE, fileId);
    const seen = firstBytes(kernel, task, 0, 16);
    expect(new Set(seen).size).toBeGreaterThan(8);
    const other = kernel.spawn("other");
    mapPages(kernel, other, 100, 16, PROT_READ, PRIVATE_FILE, fileId);
    const counters = countersOf(kernel, ["nr_file_pages", "nr_mapped", "pgfault", "pgmajfault"], () => {
      expect(firstBytes(kernel, other, 100, 16)).toEqual(seen);
    });
    // The second task maps the pages that are there.
    expect(counters).toEqual({ nr_file_pages: 0, nr_mapped: 0, pgfault: 16, pgmajfault: 0 });
    expect([task.mm.rssFile, other.mm.rssFile, task.mm.rssAnon]).toEqual([16, 16, 0]);
    kernel.audit();
  });

  it("differs from file to file", () => {
    const { kernel, task, fileId } = boot();
    mapPages(kernel, task, 0, 8, PROT_READ, PRIVATE_FILE, fileId);
    mapPages(kernel, task, 8, 8, PROT_READ, PRIVATE_FILE, kernel.openFile("/lib/ld.so"));
    expect(firstBytes(kernel, task, 0, 8)).not.toEqual(firstBytes(kernel, task, 8, 8));
  });

  it("maps the part of the file that its offset names", () => {
    const { kernel, task, fileId } = boot();
    mapPages(kernel, task, 0, 16, PROT_READ, PRIVATE_FILE, fileId);
    kernel.mmap(task, at(100), 4 * PAGE_SIZE, PROT_READ, PRIVATE_FILE, fileId, 8 * PAGE_SIZE);
    expect(firstBytes(kernel, task, 100, 4)).toEqual(firstBytes(kernel, task, 8, 4));
    expect(kernel.proc.mapsText(task).split("\n")[1]).toMatch(/ r--p 00008000 fe:01 1 +\/lib\/libc\.so\.6$/);
    kernel.audit();
  });

  it("costs one fault to read and one more to write, and the write is nobody else's", () => {
    const { kernel, task, fileId } = boot();
    const other = kernel.spawn("other");
    mapPages(kernel, task, 0, 4, READ_WRITE, PRIVATE_FILE, fileId);
    mapPages(kernel, other, 0, 4, READ_WRITE, PRIVATE_FILE, fileId);
    const original = firstBytes(kernel, other, 0, 4);
    const written = ((original[0] as number) + 1) & 0xff;
    expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([1, 0]);
    // Recorded: read 0 → 1 fault, write 0 → 1, read 0 → 0.
    expect(faultsOf(task, () => kernel.write(task, at(0), written))).toEqual([1, 0]);
    expect(faultsOf(task, () => expect(kernel.read(task, at(0))).toBe(written))).toEqual([0, 0]);
    expect([task.mm.rssAnon, task.mm.rssFile]).toEqual([1, 0]);
    expect(firstBytes(kernel, other, 0, 4)).toEqual(original);
    kernel.audit();
  });

  it("copies the file's page when the first access is a write, with one fault", () => {
    const { kernel, task, fileId } = boot();
    const reader = kernel.spawn("reader");
    mapPages(kernel, task, 0, 1, READ_WRITE, PRIVATE_FILE, fileId);
    mapPages(kernel, reader, 0, 1, PROT_READ, PRIVATE_FILE, fileId);
    expect(faultsOf(task, () => kernel.write(task, at(0) + 9, 77))).toEqual([1, 0]);
    expect([task.mm.rssAnon, task.mm.rssFile]).toEqual([1, 0]);
    for (let offset = 0; offset < PAGE_SIZE; offset += 3) {
      if (offset !== 9) expect(kernel.read(task, at(0) + offset)).toBe(kernel.read(reader, at(0) + offset));
    }
    expect(kernel.read(task, at(0) + 9)).toBe(77);
    kernel.audit();
  });

  it("gives the file's bytes again after MADV_DONTNEED dropped what was written", () => {
    const { kernel, task, fileId } = boot();
    mapPages(kernel, task, 0, 2, READ_WRITE, PRIVATE_FILE, fileId);
    const [original] = firstBytes(kernel, task, 0, 1);
    kernel.write(task, at(0), ((original as number) + 5) & 0xff);
    expect(kernel.madvise(task, at(0), 2 * PAGE_SIZE, MADV_DONTNEED)).toBe(0);
    expect(task.mm.rss).toBe(0);
    expect(faultsOf(task, () => expect(kernel.read(task, at(0))).toBe(original))).toEqual([1, 0]);
    kernel.audit();
  });

  it("runs code and keeps it from being written", () => {
    const { kernel, task, fileId } = boot();
    mapPages(kernel, task, 0, 4, PROT_READ | PROT_EXEC, PRIVATE_FILE, fileId);
    expect(faultsOf(task, () => expect(kernel.exec(task, at(0))).toBeNull())).toEqual([1, 0]);
    expect(faultsOf(task, () => expect(kernel.read(task, at(0))).not.toBeNull())).toEqual([0, 0]);
    expect(kernel.write(task, at(0), 1)).toMatchObject({ signal: SIGSEGV, code: SEGV_ACCERR });
    expect(kernel.write(task, at(1), 1)).toMatchObject({ signal: SIGSEGV, code: SEGV_ACCERR });
  });

  it("keeps the file cached when nobody maps it any more", () => {
    const { kernel, task, fileId } = boot();
    mapPages(kernel, task, 0, 8, PROT_READ, PRIVATE_FILE, fileId);
    firstBytes(kernel, task, 0, 8);
    const counters = countersOf(kernel, ["nr_file_pages", "nr_mapped"], () => kernel.exit(task));
    expect(counters).toEqual({ nr_file_pages: 0, nr_mapped: -8 });
    kernel.audit();
  });
});

describe("a shared mapping of a file", () => {
  it("shows everyone what anyone writes, private mappings included until they write", () => {
    const { kernel, task, fileId } = boot();
    const other = kernel.spawn("other");
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED_FILE, fileId);
    mapPages(kernel, other, 50, 4, READ_WRITE, SHARED_FILE, fileId);
    mapPages(kernel, other, 60, 4, READ_WRITE, PRIVATE_FILE, fileId);
    kernel.write(other, at(61), 1);
    const before = kernel.read(other, at(62));
    kernel.write(task, at(0), 10);
    kernel.write(task, at(1), 11);
    kernel.write(other, at(53), 13);
    expect(firstBytes(kernel, task, 0, 2)).toEqual([10, 11]);
    expect(firstBytes(kernel, other, 50, 2)).toEqual([10, 11]);
    expect(kernel.read(task, at(3))).toBe(13);
    expect(kernel.read(other, at(60))).toBe(10);
    expect(kernel.read(other, at(61))).toBe(1);
    expect(kernel.read(other, at(62))).toBe(before);
    expect([task.mm.rssAnon, task.mm.rssFile]).toEqual([0, 3]);
    kernel.audit();
  });

  it("faults on the first write to a page that was read, so that the page becomes dirty", () => {
    const { kernel, task, fileId } = boot();
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED_FILE, fileId);
    // Recorded for ext4: read 192 → 1 fault, write 192 → 1.
    expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([1, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(0), 9))).toEqual([1, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(0), 10))).toEqual([0, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(1), 9))).toEqual([1, 0]);
    kernel.audit();
  });

  it("keeps what was written when its mapping goes", () => {
    const { kernel, task, fileId } = boot();
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED_FILE, fileId);
    fill(kernel, task, 0, 4, 40);
    kernel.exit(task);
    const next = kernel.spawn("next");
    mapPages(kernel, next, 0, 4, PROT_READ, PRIVATE_FILE, fileId);
    expect(firstBytes(kernel, next, 0, 4)).toEqual([41, 42, 43, 44]);
    kernel.audit();
  });
});

describe("the page cache under pressure", () => {
  it("drops clean pages without writing and reads them again as major faults", () => {
    const { kernel, task, fileId } = boot("1MiB");
    mapPages(kernel, task, 0, 600, PROT_READ, PRIVATE_FILE, fileId);
    const first = firstBytes(kernel, task, 0, 600);
    const counters = countersOf(
      kernel,
      ["pgpgout", "pgmajfault", "pgpgin", "pswpout", "workingset_refault_file"],
      () => {
        expect(firstBytes(kernel, task, 0, 600)).toEqual(first);
      },
    );
    expect([counters.pgpgout, counters.pswpout]).toEqual([0, 0]);
    // The loop is larger than memory: most of it was evicted before its turn came.
    expect(counters.pgmajfault).toBeGreaterThan(300);
    expect(counters.workingset_refault_file).toBe(counters.pgmajfault);
    expect(counters.pgpgin).toBe(4 * counters.pgmajfault);
    expect(task.nrMajorFaults).toBe(counters.pgmajfault);
    expect(kernel.sys.nrOomKills).toBe(0);
    kernel.audit();
  });

  it("writes dirty pages back before it drops them", () => {
    const { kernel, task, fileId } = boot("1MiB");
    mapPages(kernel, task, 0, 600, READ_WRITE, SHARED_FILE, fileId);
    const counters = countersOf(kernel, ["pgpgout", "nr_written"], () =>
      expect(fill(kernel, task, 0, 600, 3)).toBe(true),
    );
    expect(counters.nr_written).toBeGreaterThan(300);
    expect(counters.pgpgout).toBe(4 * counters.nr_written);
    expect(firstBytes(kernel, task, 0, 600)).toEqual(
      Array.from({ length: 600 }, (_, page) => 1 + ((page + 3) % 251)),
    );
    kernel.audit();
  });

  it("notices what was written through a mapping that is gone", () => {
    const { kernel, task, fileId } = boot("1MiB");
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED_FILE, fileId);
    fill(kernel, task, 0, 4, 90);
    kernel.munmap(task, at(0), 4 * PAGE_SIZE);
    const hog = kernel.spawn("hog");
    mapPages(kernel, hog, 100, 700, PROT_READ, PRIVATE_FILE, kernel.openFile("/big"));
    firstBytes(kernel, hog, 100, 700);
    expect(kernel.sys.files.findPage(fileId, 0)).toBe(-1);
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED_FILE, fileId);
    expect(faultsOf(task, () => expect(kernel.read(task, at(0))).toBe(91))).toEqual([0, 1]);
    kernel.audit();
  });
});

describe("shared anonymous memory", () => {
  it("begins as zeros and is one memory for both sides of a fork", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 16, 4, READ_WRITE, SHARED_ANON);
    kernel.write(task, at(16), 50);
    const child = kernel.fork(task);
    expect(kernel.read(child, at(16))).toBe(50);
    kernel.write(child, at(16), 99);
    kernel.write(child, at(18), 3);
    expect(firstBytes(kernel, task, 16, 4)).toEqual([99, 0, 3, 0]);
    expect([task.mm.rssAnon, task.mm.rssShmem]).toEqual([0, 4]);
    expect(kernel.proc.mapsText(task)).toMatch(
      / rw-s 00000000 00:01 \d+ +\/dev\/zero \(deleted\)\nf+600000-.*\n$/,
    );
    kernel.audit();
  });

  it("is another memory for every mmap", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 1, READ_WRITE, SHARED_ANON);
    mapPages(kernel, task, 10, 1, READ_WRITE, SHARED_ANON);
    kernel.write(task, at(0), 1);
    expect(kernel.read(task, at(10))).toBe(0);
    // The id of a file goes with MAP_ANONYMOUS to nobody.
    const fileId = kernel.openFile("/data");
    mapPages(kernel, task, 20, 1, READ_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, fileId);
    expect(kernel.read(task, at(20))).toBe(0);
  });

  it("is writable at once after a read: nobody has to know that it is dirty", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED_ANON);
    // Recorded for tmpfs: read 64 → 1 fault, write 64 → 0.
    expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([1, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(0), 8))).toEqual([0, 0]);
    kernel.exit(task);
    kernel.audit();
  });

  it("counts as Shmem and as cached", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 10, READ_WRITE, SHARED_ANON);
    const counters = countersOf(kernel, ["nr_shmem", "nr_file_pages", "nr_mapped", "nr_anon_pages"], () =>
      fill(kernel, task, 0, 10),
    );
    expect(counters).toEqual({ nr_shmem: 10, nr_file_pages: 10, nr_mapped: 10, nr_anon_pages: 0 });
  });

  it("keeps its bytes through eviction", () => {
    const { kernel, task } = boot("1MiB", "2MiB");
    mapPages(kernel, task, 0, 100, READ_WRITE, SHARED_ANON);
    fill(kernel, task, 0, 100, 5);
    const hog = spawnWith(kernel, "hog", 400);
    fill(kernel, hog, 0, 400);
    const child = kernel.fork(task);
    expect(firstBytes(kernel, child, 0, 100)).toEqual(Array.from({ length: 100 }, (_, page) => 6 + page));
    kernel.audit();
  });

  it("is freed when the last mapping of it goes", () => {
    const { kernel, task } = boot();
    const once = (): void => {
      mapPages(kernel, task, 0, 64, READ_WRITE, SHARED_ANON);
      fill(kernel, task, 0, 64);
      const child = kernel.fork(task);
      kernel.munmap(task, at(0), 64 * PAGE_SIZE);
      expect(kernel.read(child, at(5))).toBe(6);
      kernel.exit(child);
    };
    once();
    const free = settledFreePages(kernel);
    once();
    expect(settledFreePages(kernel)).toBe(free);
    expect(kernel.proc.vmstat()["nr_shmem"]).toBe(0);
    kernel.audit();
  });
});
