import {
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_HUGEPAGE,
  MADV_KEEPONFORK,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_UNMERGEABLE,
  MADV_WIPEONFORK,
  PAGE_SIZE,
  PROT_READ,
  SEGV_MAPERR,
  SIGSEGV,
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_HUGEPAGE,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_RAND_READ,
  VM_SEQ_READ,
  VM_WIPEONFORK,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { ARENA_VPN, at, fill, mapPages, mapsLine, mapsOf, SHARED_ANON, spawnWith } from "./helpers.ts";

function boot(config: KernelConfigInput = {}): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory: "16MiB", contents: "sparse", ...config });
  return { kernel, task: spawnWith(kernel, "test", 16) };
}

/** Flags of the mapping that holds a page of the arena. */
function flagsAt(task: Task, page: number): number {
  const { space } = task.mm;
  return space.pool.vmFlags[space.findVma(ARENA_VPN + page)];
}

describe("madvise", () => {
  it("refuses an unknown advice before an address inside a page, and both before a length of zero", () => {
    const { kernel, task } = boot();
    expect(kernel.madvise(task, at(0), 0, 5)).toBe(-22);
    expect(kernel.madvise(task, at(0), 0, 104)).toBe(-22);
    expect(kernel.madvise(task, at(0) + 1, 0, MADV_NORMAL)).toBe(-22);
    expect(kernel.madvise(task, at(0), 2 ** 64 - at(0), MADV_NORMAL)).toBe(-22);
    expect(kernel.madvise(task, at(0), 0, MADV_NORMAL)).toBe(0);
    kernel.audit();
  });

  it("does everything that is mapped and then reports the hole", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 20, 4);
    expect(kernel.madvise(task, at(12), 10 * PAGE_SIZE, MADV_RANDOM)).toBe(-12);
    expect(flagsAt(task, 12) & VM_RAND_READ).not.toBe(0);
    expect(flagsAt(task, 21) & VM_RAND_READ).not.toBe(0);
    expect(flagsAt(task, 22) & VM_RAND_READ).toBe(0);
    expect(kernel.madvise(task, at(100), PAGE_SIZE, MADV_RANDOM)).toBe(-12);
    kernel.audit();
  });

  it("splits mappings at its borders and joins them again when the advice is taken back", () => {
    const { kernel, task } = boot();
    expect(kernel.madvise(task, at(4), 2 * PAGE_SIZE - 1, MADV_SEQUENTIAL)).toBe(0);
    expect(mapsOf(kernel, task)).toEqual([
      mapsLine(0, 4, "rw-p"),
      mapsLine(4, 6, "rw-p"),
      mapsLine(6, 16, "rw-p"),
    ]);
    expect(kernel.madvise(task, at(2), 6 * PAGE_SIZE, MADV_NORMAL)).toBe(0);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(0, 16, "rw-p")]);
    kernel.audit();
  });

  it("keeps one of random and sequential, and one of huge and no huge pages", () => {
    const { kernel, task } = boot();
    const advised = (advice: number): number => {
      expect(kernel.madvise(task, at(0), 16 * PAGE_SIZE, advice)).toBe(0);
      return flagsAt(task, 0) & (VM_RAND_READ | VM_SEQ_READ | VM_HUGEPAGE | VM_NOHUGEPAGE);
    };
    expect(advised(MADV_RANDOM)).toBe(VM_RAND_READ);
    expect(advised(MADV_SEQUENTIAL)).toBe(VM_SEQ_READ);
    expect(advised(MADV_NORMAL)).toBe(0);
    expect(advised(MADV_HUGEPAGE)).toBe(VM_HUGEPAGE);
    expect(advised(MADV_NOHUGEPAGE)).toBe(VM_NOHUGEPAGE);
  });

  it("sets and clears the flags of fork, dump and same-page merging", () => {
    const { kernel, task } = boot();
    const advised = (advice: number, flag: number): boolean => {
      expect(kernel.madvise(task, at(0), 16 * PAGE_SIZE, advice)).toBe(0);
      return (flagsAt(task, 0) & flag) !== 0;
    };
    expect(advised(MADV_DONTFORK, VM_DONTCOPY)).toBe(true);
    expect(advised(MADV_DOFORK, VM_DONTCOPY)).toBe(false);
    expect(advised(MADV_WIPEONFORK, VM_WIPEONFORK)).toBe(true);
    expect(advised(MADV_KEEPONFORK, VM_WIPEONFORK)).toBe(false);
    expect(advised(MADV_DONTDUMP, VM_DONTDUMP)).toBe(true);
    expect(advised(MADV_DODUMP, VM_DONTDUMP)).toBe(false);
    expect(advised(MADV_MERGEABLE, VM_MERGEABLE)).toBe(true);
    expect(advised(MADV_UNMERGEABLE, VM_MERGEABLE)).toBe(false);
    kernel.audit();
  });

  it("wipes private anonymous memory only, and merges no shared pages", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 32, 4, PROT_READ, SHARED_ANON);
    expect(kernel.madvise(task, at(32), 4 * PAGE_SIZE, MADV_WIPEONFORK)).toBe(-22);
    expect(kernel.madvise(task, at(32), 4 * PAGE_SIZE, MADV_KEEPONFORK)).toBe(0);
    expect(kernel.madvise(task, at(32), 4 * PAGE_SIZE, MADV_MERGEABLE)).toBe(0);
    expect(flagsAt(task, 32) & VM_MERGEABLE).toBe(0);
    kernel.audit();
  });

  // Linux 6.18.44 on its own [vdso] and [vvar].
  it("refuses what mappings of the kernel's own cannot do, and to split them", () => {
    const { kernel, task } = boot();
    const vdso = kernel.mapVdso(task);
    const { pool } = task.mm.space;
    const vma = task.mm.space.findVma(vdso / PAGE_SIZE);
    const vvar = pool.startVpn[pool.prev[vma]] * PAGE_SIZE;
    const whole = (pool.endVpn[vma] - pool.startVpn[vma]) * PAGE_SIZE;
    expect(whole).toBe(2 * PAGE_SIZE);
    expect(kernel.madvise(task, vdso, whole, MADV_DODUMP)).toBe(-22);
    expect(kernel.madvise(task, vdso, PAGE_SIZE, MADV_DONTFORK)).toBe(-22);
    expect(kernel.madvise(task, vdso, whole, MADV_DONTFORK)).toBe(0);
    expect(kernel.madvise(task, vdso, whole, MADV_DOFORK)).toBe(0);
    expect(kernel.madvise(task, vdso, whole, MADV_MERGEABLE)).toBe(0);
    expect(pool.vmFlags[vma] & VM_MERGEABLE).toBe(0);
    expect(kernel.madvise(task, vdso, whole, MADV_WIPEONFORK)).toBe(0);
    expect(kernel.munmap(task, vdso, PAGE_SIZE)).toBe(-22);
    expect(kernel.mprotect(task, vdso, PAGE_SIZE, PROT_READ)).toBe(-22);
    expect(kernel.madvise(task, vvar, PAGE_SIZE, MADV_DOFORK)).toBe(-22);
    kernel.audit();
  });

  it("knows nothing of huge pages on a kernel without", () => {
    const { kernel, task } = boot({ transparentHugepage: false });
    expect(kernel.madvise(task, at(0), PAGE_SIZE, MADV_HUGEPAGE)).toBe(-22);
    expect(kernel.madvise(task, at(0), PAGE_SIZE, MADV_NOHUGEPAGE)).toBe(-22);
  });

  it("stops at the first mapping that refuses, with what lies below done", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 16, 4, PROT_READ, SHARED_ANON);
    mapPages(kernel, task, 20, 4);
    expect(kernel.madvise(task, at(8), 16 * PAGE_SIZE, MADV_WIPEONFORK)).toBe(-22);
    expect(flagsAt(task, 8) & VM_WIPEONFORK).not.toBe(0);
    expect(flagsAt(task, 20) & VM_WIPEONFORK).toBe(0);
    kernel.audit();
  });

  it("answers EAGAIN when a split would pass max_map_count", () => {
    const { kernel, task } = boot({ maxMapCount: 1 });
    expect(kernel.madvise(task, at(4), PAGE_SIZE, MADV_RANDOM)).toBe(-11);
    kernel.audit();
  });
});

describe("fork after madvise", () => {
  it("gives the child zeros where MADV_WIPEONFORK was, and again to its own children", () => {
    const { kernel, task } = boot();
    fill(kernel, task, 0, 16);
    kernel.madvise(task, at(4), 4 * PAGE_SIZE, MADV_WIPEONFORK);
    const child = kernel.fork(task);
    expect(child.mm.rss).toBe(12);
    expect(kernel.read(child, at(4))).toBe(0);
    expect(kernel.read(child, at(8))).toBe(9);
    expect(kernel.read(task, at(4))).toBe(5);
    fill(kernel, child, 4, 1);
    expect(kernel.read(kernel.fork(child), at(4))).toBe(0);
    kernel.audit();
  });

  it("leaves out what MADV_DONTFORK marked", () => {
    const { kernel, task } = boot();
    fill(kernel, task, 0, 16);
    kernel.madvise(task, at(4), 4 * PAGE_SIZE, MADV_DONTFORK);
    const child = kernel.fork(task);
    expect(kernel.read(child, at(4))).toEqual({ signal: SIGSEGV, code: SEGV_MAPERR, vpn: ARENA_VPN + 4 });
    expect(child.mm.space.totalVm).toBe(12);
    expect(kernel.madvise(child, at(3), 6 * PAGE_SIZE, MADV_DONTNEED)).toBe(-12);
    expect(kernel.read(child, at(8))).toBe(0);
    kernel.audit();
  });
});
