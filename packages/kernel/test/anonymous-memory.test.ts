/**
 * Private anonymous memory: first reads, first writes, rights. "Recorded" values are what Linux 6.18.15 answered to the
 * scripts 02-zero-page-cow and 04-mprotect (minor faults of the step, signal, maps afterwards).
 */
import {
  MAP_ANONYMOUS,
  MAP_FIXED_NOREPLACE,
  MAP_PRIVATE,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  RUN_READ,
  RUN_WRITE,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SIGSEGV,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import {
  ARENA_VPN,
  at,
  countersOf,
  faultsOf,
  mapPages,
  mapsLine,
  mapsOf,
  READ_WRITE,
  spawnWith,
} from "./helpers.ts";

const EACCES_SIGNAL = { signal: SIGSEGV, code: SEGV_ACCERR };
const NOWHERE_SIGNAL = { signal: SIGSEGV, code: SEGV_MAPERR };

function boot(): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory: "2MiB", contents: "sparse" });
  return { kernel, task: kernel.spawn("test") };
}

describe("untouched anonymous memory", () => {
  it("reads as zeros from one shared page that counts for nobody", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 8);
    const counters = countersOf(
      kernel,
      ["pgfault", "nr_anon_pages", "pgalloc_dma", "nr_zone_inactive_anon"],
      () => {
        // Recorded: one minor fault a page, RssAnon 0.
        expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([1, 0]);
        expect(faultsOf(task, () => kernel.read(task, at(1)))).toEqual([1, 0]);
        expect(kernel.read(task, at(1) + 4095)).toBe(0);
      },
    );
    // The tables of levels 3, 2 and 1 are all that was allocated.
    expect(counters).toEqual({ pgfault: 2, nr_anon_pages: 0, pgalloc_dma: 3, nr_zone_inactive_anon: 0 });
    expect([task.mm.rssAnon, task.mm.rss, task.mm.peakRss]).toEqual([0, 0, 0]);
    kernel.audit();
  });

  it("costs a second fault when it is written after it was read", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 8);
    kernel.read(task, at(0));
    kernel.read(task, at(1));
    // Recorded: write 0 → 1 fault, read 0 → 0, write 1 → 1, write 2 → 1, read 2 → 0.
    expect(faultsOf(task, () => kernel.write(task, at(0), 5))).toEqual([1, 0]);
    expect(faultsOf(task, () => kernel.read(task, at(0)))).toEqual([0, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(1), 6))).toEqual([1, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(2), 7))).toEqual([1, 0]);
    expect(faultsOf(task, () => kernel.read(task, at(2)))).toEqual([0, 0]);
    expect([0, 1, 2, 3].map((page) => kernel.read(task, at(page)))).toEqual([5, 6, 7, 0]);
    expect([task.mm.rssAnon, task.mm.rssFile]).toEqual([3, 0]);
    kernel.audit();
  });

  it("is all zeros after a byte was written: nothing of the frame's last owner shows", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 100);
    for (let page = 0; page < 100; page++) {
      for (const offset of [0, 1, 2048, 4095]) kernel.write(task, at(page) + offset, 0xee);
    }
    kernel.exit(task);
    const next = spawnWith(kernel, "next", 200);
    for (let page = 0; page < 200; page++) {
      kernel.write(next, at(page) + 7, 1);
      for (const offset of [0, 1, 2048, 4095]) expect(kernel.read(next, at(page) + offset)).toBe(0);
    }
    kernel.audit();
  });

  it("keeps every byte of a page apart", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 2);
    for (let offset = 0; offset < 2 * PAGE_SIZE; offset++)
      kernel.write(task, at(0) + offset, (offset * 7) & 0xff);
    let nrWrong = 0;
    for (let offset = 0; offset < 2 * PAGE_SIZE; offset++) {
      if (kernel.read(task, at(0) + offset) !== ((offset * 7) & 0xff)) nrWrong++;
    }
    expect(nrWrong).toBe(0);
    expect(task.mm.rssAnon).toBe(2);
  });

  it("counts faults, resident pages and tables of sparse memory one by one", () => {
    const { kernel, task } = boot();
    const before = task.mm.nrTablePages;
    // One page in each of three 2 MiB regions, and one a GiB further on.
    for (const page of [0, 512, 1024, 262144]) mapPages(kernel, task, page, 1);
    expect(
      faultsOf(task, () => [0, 512, 1024, 262144].map((page) => kernel.write(task, at(page), 1))),
    ).toEqual([4, 0]);
    // Level 3 once, level 2 twice, level 1 four times.
    expect(task.mm.nrTablePages - before).toBe(1 + 2 + 4);
    expect(task.mm.rss).toBe(4);
    kernel.audit();
  });

  it("faults once in a run of accesses, however many there are", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 4);
    const counts = countersOf(kernel, ["pgfault"], () => {
      for (let turn = 0; turn < 10; turn++) {
        for (let page = 0; page < 4; page++) kernel.access(task, ARENA_VPN + page, RUN_WRITE);
      }
      for (let page = 0; page < 4; page++) kernel.access(task, ARENA_VPN + page, RUN_READ);
    });
    expect(counts.pgfault).toBe(4);
  });
});

describe("an access that a mapping forbids", () => {
  it("raises MAPERR where nothing is mapped, before, between and behind mappings", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 10, 2);
    mapPages(kernel, task, 14, 2);
    for (const page of [9, 12, 13, 16]) {
      for (const signal of [
        kernel.read(task, at(page)),
        kernel.write(task, at(page), 1),
        kernel.exec(task, at(page)),
      ]) {
        expect(signal).toEqual({ ...NOWHERE_SIGNAL, vpn: ARENA_VPN + page });
      }
    }
    for (const address of [0, 4096, 0x7fffffffe000])
      expect(kernel.read(task, address)).toMatchObject(NOWHERE_SIGNAL);
    // Such accesses are not page faults in /proc's sense.
    expect([task.nrMinorFaults, task.nrMajorFaults]).toEqual([0, 0]);
  });

  it("raises ACCERR for a write to read-only memory, before and after its first read", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 16, 4, PROT_READ);
    // Recorded: read 16 → 1 fault; write 16 → SIGSEGV ACCERR, 0 faults.
    expect(kernel.write(task, at(17), 1)).toEqual({ ...EACCES_SIGNAL, vpn: ARENA_VPN + 17 });
    expect(faultsOf(task, () => kernel.read(task, at(16)))).toEqual([1, 0]);
    expect(faultsOf(task, () => expect(kernel.write(task, at(16), 1)).toMatchObject(EACCES_SIGNAL))).toEqual([
      0, 0,
    ]);
    // Recorded: mprotect rw, then the write takes one fault.
    expect(kernel.mprotect(task, at(16), 4 * PAGE_SIZE, READ_WRITE)).toBe(0);
    expect(faultsOf(task, () => kernel.write(task, at(16), 1))).toEqual([1, 0]);
    expect(kernel.read(task, at(16))).toBe(1);
    kernel.audit();
  });

  it("raises ACCERR for everything on memory without rights", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 32, 4, PROT_NONE);
    expect(kernel.read(task, at(32))).toMatchObject(EACCES_SIGNAL);
    expect(kernel.write(task, at(32), 1)).toMatchObject(EACCES_SIGNAL);
    expect(kernel.exec(task, at(32))).toMatchObject(EACCES_SIGNAL);
    expect([task.nrMinorFaults, task.mm.rss]).toEqual([0, 0]);
  });

  it("lets write-only and execute-only memory be read, as the processor cannot forbid it", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 40, 4, PROT_WRITE);
    // Recorded: read 40 → 1 fault, write 40 → 1, exec 40 → ACCERR, 0.
    expect(faultsOf(task, () => kernel.read(task, at(40)))).toEqual([1, 0]);
    expect(faultsOf(task, () => kernel.write(task, at(40), 1))).toEqual([1, 0]);
    expect(faultsOf(task, () => expect(kernel.exec(task, at(40))).toMatchObject(EACCES_SIGNAL))).toEqual([
      0, 0,
    ]);
    mapPages(kernel, task, 48, 4, PROT_EXEC);
    expect(faultsOf(task, () => expect(kernel.read(task, at(48))).toBe(0))).toEqual([1, 0]);
    expect(kernel.exec(task, at(48))).toBeNull();
    kernel.audit();
  });

  it("raises ACCERR for a fetch from a page without PROT_EXEC, after mapping it when it was not there", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 2);
    kernel.write(task, at(0), 195);
    expect(faultsOf(task, () => expect(kernel.exec(task, at(0))).toMatchObject(EACCES_SIGNAL))).toEqual([
      0, 0,
    ]);
    // The first fault on an absent page does not know yet: access_error() lets a fetch pass as a read.
    expect(faultsOf(task, () => expect(kernel.exec(task, at(1))).toMatchObject(EACCES_SIGNAL))).toEqual([
      1, 0,
    ]);
    kernel.audit();
  });

  it("does not end the task: it goes on, and its memory is as it was", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 1);
    kernel.write(task, at(0), 9);
    expect(kernel.write(task, at(5), 1)).not.toBeNull();
    expect(task.hasExited).toBe(false);
    expect(task.killedBy).toBeNull();
    expect(kernel.read(task, at(0))).toBe(9);
  });
});

describe("mprotect", () => {
  it("answers and changes maps as recorded", () => {
    const { kernel, task } = boot();
    const protect = (page: number, nrPages: number, prot: number): number =>
      kernel.mprotect(task, at(page), nrPages * PAGE_SIZE, prot);
    mapPages(kernel, task, 0, 8);
    for (let page = 0; page < 4; page++) kernel.write(task, at(page), 195 + page);

    expect(protect(0, 2, PROT_READ | PROT_EXEC)).toBe(0);
    expect(faultsOf(task, () => expect(kernel.exec(task, at(0))).toBeNull())).toEqual([0, 0]);
    expect(kernel.write(task, at(0), 1)).toMatchObject(EACCES_SIGNAL);
    expect(kernel.exec(task, at(2))).toMatchObject(EACCES_SIGNAL);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(0, 2, "r-xp"), mapsLine(2, 8, "rw-p")]);

    // Given back, written pages are writable at once: they belong to this mapping alone.
    expect(protect(0, 2, READ_WRITE)).toBe(0);
    expect(faultsOf(task, () => expect(kernel.write(task, at(0), 195)).toBeNull())).toEqual([0, 0]);
    expect(kernel.exec(task, at(0))).toMatchObject(EACCES_SIGNAL);
    expect(protect(0, 2, READ_WRITE | PROT_EXEC)).toBe(0);
    expect(faultsOf(task, () => expect(kernel.exec(task, at(0))).toBeNull())).toEqual([0, 0]);
    expect(faultsOf(task, () => expect(kernel.write(task, at(1), 195)).toBeNull())).toEqual([0, 0]);

    expect(protect(0, 4, PROT_NONE)).toBe(0);
    expect(kernel.read(task, at(0))).toMatchObject(EACCES_SIGNAL);
    expect(kernel.write(task, at(0), 1)).toMatchObject(EACCES_SIGNAL);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(0, 4, "---p"), mapsLine(4, 8, "rw-p")]);
    expect(task.mm.rssAnon).toBe(4);
    kernel.audit();
    expect(protect(0, 4, READ_WRITE)).toBe(0);
    expect(faultsOf(task, () => expect(kernel.read(task, at(0))).toBe(195))).toEqual([0, 0]);
    expect([1, 2, 3].map((page) => kernel.read(task, at(page)))).toEqual([195, 197, 198]);

    expect(protect(4, 8, PROT_READ)).toBe(-12);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(0, 4, "rw-p"), mapsLine(4, 8, "r--p")]);
    expect(protect(6, 4, PROT_READ)).toBe(-12);
    expect(kernel.mprotect(task, at(0) + 8, PAGE_SIZE, PROT_READ)).toBe(-22);
    expect(protect(50, 1, PROT_READ)).toBe(-12);
    expect(protect(0, 0, PROT_READ)).toBe(0);
    kernel.audit();
  });

  it("changes the rights of a shared page for one side only", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 8);
    for (let page = 0; page < 4; page++) kernel.write(task, at(page), 195);
    const child = kernel.fork(task);
    // Recorded: the child may not write after r; after rw it may, with one fault, and the parent sees nothing.
    kernel.mprotect(child, at(0), 8 * PAGE_SIZE, PROT_READ);
    expect(kernel.write(child, at(0), 1)).toMatchObject(EACCES_SIGNAL);
    kernel.mprotect(child, at(0), 8 * PAGE_SIZE, READ_WRITE);
    expect(faultsOf(child, () => expect(kernel.write(child, at(0), 1)).toBeNull())).toEqual([1, 0]);
    expect(faultsOf(task, () => expect(kernel.read(task, at(0))).toBe(195))).toEqual([0, 0]);
    expect(kernel.read(child, at(0))).toBe(1);
    kernel.audit();
  });

  it("takes write rights back from a page that was never written", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 1);
    kernel.read(task, at(0));
    kernel.mprotect(task, at(0), PAGE_SIZE, PROT_READ);
    kernel.mprotect(task, at(0), PAGE_SIZE, READ_WRITE);
    // It maps the page of zeros, which nobody may write.
    expect(faultsOf(task, () => kernel.write(task, at(0), 3))).toEqual([1, 0]);
    const other = spawnWith(kernel, "other", 1);
    expect(kernel.read(other, at(0))).toBe(0);
    kernel.audit();
  });
});

describe("mmap", () => {
  it("replaces what MAP_FIXED covers, and its pages", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 8);
    for (let page = 0; page < 8; page++) kernel.write(task, at(page), 1);
    expect(mapPages(kernel, task, 2, 3)).toBe(at(2));
    expect(task.mm.rssAnon).toBe(5);
    expect([1, 2, 4, 5].map((page) => kernel.read(task, at(page)))).toEqual([1, 0, 0, 1]);
    kernel.audit();
  });

  it("leaves what is there alone without MAP_FIXED", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 4);
    const flags = MAP_PRIVATE | MAP_ANONYMOUS;
    expect(kernel.mmap(task, at(2), PAGE_SIZE, READ_WRITE, flags | MAP_FIXED_NOREPLACE)).toBe(-17);
    const elsewhere = kernel.mmap(task, at(2), PAGE_SIZE, READ_WRITE, flags);
    expect(elsewhere).toBeGreaterThan(0);
    expect(elsewhere).not.toBe(at(2));
    expect(kernel.write(task, elsewhere, 1)).toBeNull();
    kernel.audit();
  });

  it("promises no more than RAM and swap together", () => {
    const kernel = bootKernel({ memory: "1MiB", swap: [{ size: "1MiB" }] });
    const task = kernel.spawn("greedy");
    const flags = MAP_PRIVATE | MAP_ANONYMOUS;
    expect(kernel.mmap(task, 0, 16 * 2 ** 20, READ_WRITE, flags)).toBe(-12);
    expect(kernel.mmap(task, 0, 1.5 * 2 ** 20, READ_WRITE, flags)).toBeGreaterThan(0);
    expect(kernel.mmap(task, 0, 0, READ_WRITE, flags)).toBe(-22);
    kernel.audit();
  });

  it("refuses a file that was not opened", () => {
    const { kernel, task } = boot();
    expect(() => mapPages(kernel, task, 0, 1, PROT_READ, MAP_PRIVATE, 0)).toThrow(
      "EINVAL: file 0 was not opened; 0 files are",
    );
  });
});
