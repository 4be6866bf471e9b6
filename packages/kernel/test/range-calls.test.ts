import {
  MADV_COLD,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_NORMAL,
  MADV_RANDOM,
  MAP_SHARED,
  MAP_FIXED,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  PAGE_SIZE,
  PROT_READ,
  TASK_SIZE,
  VM_RAND_READ,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { ARENA_VPN, at, fill, mapPages, mapsOf, READ_WRITE, SHARED_ANON, spawnWith } from "./helpers.ts";

function boot(config: KernelConfigInput = {}): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory: "16MiB", contents: "sparse", ...config });
  return { kernel, task: spawnWith(kernel, "test", 16) };
}

function pages(nr: number): number {
  return nr * PAGE_SIZE;
}

// All errors: Linux 6.18.44, a C program that makes the same calls.
describe("msync", () => {
  it("refuses unknown flags, both ways at once and an address inside a page; takes no flag at all", () => {
    const { kernel, task } = boot();
    expect(kernel.msync(task, at(0), PAGE_SIZE, 0)).toBe(0);
    expect(kernel.msync(task, at(0), PAGE_SIZE, MS_SYNC | MS_ASYNC)).toBe(-22);
    expect(kernel.msync(task, at(0), PAGE_SIZE, 8)).toBe(-22);
    expect(kernel.msync(task, at(0) + 1, PAGE_SIZE, MS_SYNC)).toBe(-22);
    expect(kernel.msync(task, at(0), 0, MS_SYNC)).toBe(0);
    expect(kernel.msync(task, at(0), 2 ** 64 - PAGE_SIZE, MS_SYNC)).toBe(-12);
    expect(kernel.msync(task, at(0), 2 ** 64, MS_SYNC)).toBe(0);
  });

  it("answers ENOMEM over holes, and EBUSY when it should forget locked pages", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 18, 2);
    for (const flags of [MS_ASYNC, MS_SYNC, MS_INVALIDATE]) {
      expect(kernel.msync(task, at(14), pages(4), flags)).toBe(-12);
      expect(kernel.msync(task, at(100), PAGE_SIZE, flags)).toBe(-12);
    }
    kernel.mlock(task, at(18), PAGE_SIZE);
    expect(kernel.msync(task, at(14), pages(6), MS_INVALIDATE)).toBe(-16);
    expect(kernel.msync(task, at(18), PAGE_SIZE, MS_INVALIDATE | MS_SYNC)).toBe(-16);
    expect(kernel.msync(task, at(14), pages(6), MS_ASYNC | MS_INVALIDATE)).toBe(-16);
    expect(kernel.msync(task, at(18), PAGE_SIZE, MS_ASYNC)).toBe(0);
  });
});

describe("mincore", () => {
  function vecOf(kernel: Kernel, task: Task, page: number, nrPages: number): string {
    const vec = new Uint8Array(nrPages).fill(7);
    expect(kernel.mincore(task, at(page), pages(nrPages), vec)).toBe(0);
    return vec.join("");
  }

  it("tells pages that are mapped, the page of zeros too", () => {
    const { kernel, task } = boot();
    fill(kernel, task, 2, 3);
    kernel.read(task, at(8));
    expect(vecOf(kernel, task, 0, 16)).toBe("0011100010000000");
  });

  it("tells pages of shared memory that somebody else brought in", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 32, 4, READ_WRITE, SHARED_ANON);
    const child = kernel.fork(task);
    kernel.write(child, at(33), 1);
    expect(vecOf(kernel, task, 32, 4)).toBe("0100");
    kernel.audit();
  });

  it("takes the page of the file below a private mapping", () => {
    const { kernel, task } = boot();
    const fileId = kernel.memfdCreate("m", 0);
    kernel.ftruncate(task, fileId, pages(4));
    mapPages(kernel, task, 32, 4, READ_WRITE, MAP_SHARED | MAP_FIXED, fileId);
    kernel.write(task, at(34), 1);
    kernel.munmap(task, at(32), pages(4));
    mapPages(kernel, task, 48, 4, PROT_READ, SHARED_ANON & ~0x20, fileId);
    expect(vecOf(kernel, task, 48, 4)).toBe("0010");
  });

  it("tells a program without rights that all pages of other people's files are there", () => {
    const { kernel, task } = boot();
    const fileId = kernel.openFile("/lib/secret");
    mapPages(kernel, task, 32, 4, PROT_READ, MAP_SHARED | MAP_FIXED, fileId);
    kernel.read(task, at(33));
    expect(vecOf(kernel, task, 32, 4)).toContain("0");
    task.mm.space.isPrivileged = false;
    expect(vecOf(kernel, task, 32, 4)).toBe("1111");
    expect(vecOf(kernel, task, 0, 2)).toBe("00");
  });

  it("checks the address first, then the range, then the vector, then holes", () => {
    const { kernel, task } = boot();
    const vec = new Uint8Array(16);
    expect(kernel.mincore(task, at(0) + 1, 0, vec)).toBe(-22);
    expect(kernel.mincore(task, TASK_SIZE, PAGE_SIZE, vec)).toBe(-12);
    expect(kernel.mincore(task, at(0), pages(16), vec.subarray(0, 8))).toBe(-14);
    expect(kernel.mincore(task, at(0), 0, vec.subarray(0, 0))).toBe(0);
    fill(kernel, task, 14, 2);
    expect(kernel.mincore(task, at(14), pages(4), vec)).toBe(-12);
    expect(vec.subarray(0, 3).join("")).toBe("110");
  });
});

describe("mseal", () => {
  function sealed(): { kernel: Kernel; task: Task } {
    const machine = boot();
    fill(machine.kernel, machine.task, 0, 16);
    expect(machine.kernel.mseal(machine.task, at(4), pages(4))).toBe(0);
    return machine;
  }

  it("splits mappings and refuses holes, flags and addresses inside a page", () => {
    const { kernel, task } = sealed();
    expect(mapsOf(kernel, task)).toHaveLength(3);
    expect(kernel.mseal(task, at(4), pages(2))).toBe(0);
    expect(kernel.mseal(task, at(8), pages(20))).toBe(-12);
    expect(mapsOf(kernel, task)).toHaveLength(3);
    expect(kernel.mseal(task, at(0) + 1, PAGE_SIZE)).toBe(-22);
    expect(kernel.mseal(task, at(0), PAGE_SIZE, 1)).toBe(-22);
    expect(kernel.mseal(task, at(0), 2 ** 64 - PAGE_SIZE)).toBe(-22);
    expect(kernel.mseal(task, at(0), 0)).toBe(0);
    kernel.audit();
  });

  it("keeps a mapping as it is: nothing unmaps, replaces, protects or moves any of it", () => {
    const { kernel, task } = sealed();
    expect(kernel.munmap(task, at(2), pages(4))).toBe(-1);
    expect(kernel.munmap(task, at(4), PAGE_SIZE)).toBe(-1);
    expect(mapPages(kernel, task, 6, 4)).toBe(-1);
    expect(kernel.mprotect(task, at(4), pages(4), PROT_READ)).toBe(-1);
    expect(kernel.mprotect(task, at(4), pages(4), READ_WRITE)).toBe(-1);
    expect(kernel.mremap(task, at(4), pages(4), pages(8), MREMAP_MAYMOVE)).toBe(-1);
    expect(kernel.mremap(task, at(4), pages(4), pages(2), 0)).toBe(-1);
    expect(kernel.mremap(task, at(10), PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, at(5))).toBe(-1);
    expect(kernel.read(task, at(4))).toBe(5);
    expect(kernel.mlock(task, at(4), pages(4))).toBe(0);
    kernel.audit();
  });

  it("lets what is writable be emptied, and nothing else", () => {
    const { kernel, task } = sealed();
    expect(kernel.madvise(task, at(4), PAGE_SIZE, MADV_DONTNEED)).toBe(0);
    mapPages(kernel, task, 32, 4, PROT_READ);
    kernel.mseal(task, at(32), pages(4));
    expect(kernel.madvise(task, at(32), PAGE_SIZE, MADV_DONTNEED)).toBe(-1);
    expect(kernel.madvise(task, at(32), PAGE_SIZE, MADV_DONTFORK)).toBe(-1);
    expect(kernel.madvise(task, at(32), PAGE_SIZE, MADV_RANDOM)).toBe(0);
    mapPages(kernel, task, 48, 4, PROT_READ, SHARED_ANON);
    kernel.mseal(task, at(48), pages(4));
    expect(kernel.madvise(task, at(48), PAGE_SIZE, MADV_DONTNEED)).toBe(0);
    kernel.audit();
  });

  it("holds in children", () => {
    const { kernel, task } = sealed();
    const child = kernel.fork(task);
    expect(kernel.munmap(child, at(4), PAGE_SIZE)).toBe(-1);
    kernel.exit(child);
    kernel.audit();
  });
});

describe("process_madvise", () => {
  const flagsAt = (task: Task, page: number): number => {
    const { space } = task.mm;
    return space.pool.vmFlags[space.findVma(ARENA_VPN + page)];
  };

  it("takes any advice for one's own memory, and adds up the bytes", () => {
    const { kernel, task } = boot();
    const ranges = [
      [at(0), PAGE_SIZE],
      [at(1), 100],
      [at(3), 0],
      [at(4), pages(2)],
    ] as const;
    expect(kernel.processMadvise(task, task, ranges, MADV_RANDOM)).toBe(100 + pages(3));
    expect([1, 3, 5].map((page) => (flagsAt(task, page) & VM_RAND_READ) !== 0)).toEqual([true, false, true]);
    expect(kernel.processMadvise(task, task, [], 5)).toBe(0);
    expect(kernel.processMadvise(task, task, ranges, 5)).toBe(-22);
    kernel.audit();
  });

  it("tells how far it came, and the error only when it did nothing", () => {
    const { kernel, task } = boot();
    const good = [at(0), PAGE_SIZE] as const;
    const bad = [at(100), PAGE_SIZE] as const;
    expect(kernel.processMadvise(task, task, [good, bad, good], MADV_NORMAL)).toBe(PAGE_SIZE);
    expect(kernel.processMadvise(task, task, [bad, good], MADV_NORMAL)).toBe(-12);
    expect(kernel.processMadvise(task, task, [good, [TASK_SIZE, PAGE_SIZE]], MADV_NORMAL)).toBe(-14);
    expect(kernel.processMadvise(task, task, [good, [at(0), 2 ** 64 - PAGE_SIZE]], MADV_NORMAL)).toBe(-22);
    expect(kernel.processMadvise(task, task, new Array(1025).fill(good), MADV_NORMAL)).toBe(-22);
  });

  it("gives others no advice that changes what they see, and none without rights or to the dead", () => {
    const { kernel, task } = boot();
    const child = kernel.fork(task);
    const range = [[at(0), PAGE_SIZE]] as const;
    expect(kernel.processMadvise(task, child, range, MADV_DONTNEED)).toBe(-22);
    expect(kernel.processMadvise(task, child, range, MADV_RANDOM)).toBe(-22);
    task.mm.space.isPrivileged = false;
    expect(kernel.processMadvise(task, child, range, MADV_COLD)).toBe(-13);
    expect(kernel.processMadvise(task, task, range, MADV_DONTNEED)).toBe(PAGE_SIZE);
    kernel.exit(child);
    expect(kernel.processMadvise(task, child, range, MADV_COLD)).toBe(-3);
    kernel.audit();
  });
});
