import {
  MAP_GROWSDOWN,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_POPULATE,
  MCL_CURRENT,
  MCL_FUTURE,
  MCL_ONFAULT,
  MLOCK_ONFAULT,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  PG_LRU,
  PG_MLOCKED,
  PG_REFERENCED,
  PG_UNEVICTABLE,
  type Pfn,
  PROT_GROWSDOWN,
  PROT_NONE,
  PROT_READ,
  PT_LEVEL_PTE,
  leafPfn,
  VM_LOCKED,
  VM_LOCKONFAULT,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import {
  ARENA_VPN,
  at,
  countersOf,
  faultsOf,
  fill,
  HEAP_START,
  mapPages,
  mapsLine,
  mapsOf,
  meminfoKib,
  PRIVATE_ANON,
  READ_WRITE,
  SHARED_ANON,
  spawnWith,
  wrongPages,
} from "./helpers.ts";

const LOCK_BITS = PG_LRU | PG_UNEVICTABLE | PG_MLOCKED;

function boot(config: KernelConfigInput = {}): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory: "16MiB", contents: "sparse", ...config });
  return { kernel, task: spawnWith(kernel, "test", 16) };
}

function pages(nr: number): number {
  return nr * PAGE_SIZE;
}

function pfnAt(task: Task, page: number): Pfn {
  const { pageTable } = task.mm;
  const entry = pageTable.findEntry(ARENA_VPN + page);
  return leafPfn(pageTable.entryLo(entry), pageTable.entryHi(entry), PT_LEVEL_PTE);
}

/** PG_LRU, PG_UNEVICTABLE and PG_MLOCKED of a page of the arena, once batches are drained. */
function lockBitsAt(kernel: Kernel, task: Task, page: number): number {
  kernel.sys.lru.drainAll();
  return kernel.sys.memmap.flags[pfnAt(task, page)] & LOCK_BITS;
}

function flagsAt(task: Task, page: number): number {
  const { space } = task.mm;
  return space.pool.vmFlags[space.findVma(ARENA_VPN + page)];
}

/** Takes root's rights and leaves a limit of `nrPages`. */
function limit(task: Task, nrPages: number): void {
  task.mm.space.isPrivileged = false;
  task.mm.space.rlimitMemlockBytes = pages(nrPages);
}

// Numbers of faults, maps and VmLck as in the record of 15-mlock (Linux 6.18.15).
describe("mlock", () => {
  it("faults the range in, counted as the task's faults, and puts the pages on the unevictable list", () => {
    const { kernel, task } = boot();
    expect(faultsOf(task, () => expect(kernel.mlock(task, at(0), pages(4))).toBe(0))).toEqual([4, 0]);
    expect(task.mm.space.lockedVm).toBe(4);
    expect(mapsOf(kernel, task)).toEqual([mapsLine(0, 4, "rw-p"), mapsLine(4, 16, "rw-p")]);
    expect(lockBitsAt(kernel, task, 3)).toBe(LOCK_BITS);
    expect(kernel.sys.memmap.hasFlags(pfnAt(task, 3), PG_REFERENCED)).toBe(true);
    kernel.audit();
  });

  it("takes whole pages, and nothing for a length of zero", () => {
    const { kernel, task } = boot();
    expect(kernel.mlock(task, at(1) + 5, PAGE_SIZE)).toBe(0);
    expect(task.mm.space.lockedVm).toBe(2);
    expect(kernel.mlock(task, at(5), 0)).toBe(0);
    expect(task.mm.space.lockedVm).toBe(2);
    expect(kernel.mlock(task, at(0), 2 ** 64 - at(0))).toBe(-22);
  });

  it("moves pages that are there already", () => {
    const { kernel, task } = boot();
    fill(kernel, task, 0, 16);
    const counted = countersOf(kernel, ["unevictable_pgs_mlocked", "unevictable_pgs_culled", "pgfault"], () =>
      kernel.mlock(task, at(0), pages(16)),
    );
    expect(counted).toEqual({ unevictable_pgs_mlocked: 16, unevictable_pgs_culled: 16, pgfault: 0 });
    expect(kernel.proc.vmstat()["nr_mlock"]).toBe(16);
    expect(lockBitsAt(kernel, task, 15)).toBe(LOCK_BITS);
    kernel.audit();
  });

  it("answers ENOMEM over a hole with what lies before locked, and for memory without rights", () => {
    const { kernel, task } = boot();
    expect(kernel.mlock(task, at(12), pages(8))).toBe(-12);
    expect(task.mm.space.lockedVm).toBe(4);
    expect(task.mm.rss).toBe(0);
    mapPages(kernel, task, 32, 4, PROT_NONE);
    expect(kernel.mlock(task, at(32), pages(4))).toBe(-12);
    expect(flagsAt(task, 32) & VM_LOCKED).not.toBe(0);
    kernel.audit();
  });

  it("reads in what is read-only: the page of zeros stays", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 32, 4, PROT_READ);
    expect(faultsOf(task, () => kernel.mlock(task, at(32), pages(4)))).toEqual([4, 0]);
    expect(task.mm.rss).toBe(0);
    kernel.audit();
  });

  it("breaks copy-on-write at once", () => {
    const { kernel, task } = boot();
    fill(kernel, task, 0, 4);
    const child = kernel.fork(task);
    expect(faultsOf(task, () => kernel.mlock(task, at(0), pages(4)))).toEqual([4, 0]);
    expect(wrongPages(kernel, child, 0, 4)).toEqual([]);
    expect(lockBitsAt(kernel, task, 0)).toBe(LOCK_BITS);
    expect(lockBitsAt(kernel, child, 0)).toBe(PG_LRU);
    kernel.audit();
  });

  it("with MLOCK_ONFAULT faults in nothing, and locks what comes later", () => {
    const { kernel, task } = boot();
    expect(faultsOf(task, () => kernel.mlock2(task, at(4), pages(4), MLOCK_ONFAULT))).toEqual([0, 0]);
    expect(flagsAt(task, 4) & VM_LOCKONFAULT).not.toBe(0);
    expect(task.mm.space.lockedVm).toBe(4);
    kernel.write(task, at(5), 1);
    expect(lockBitsAt(kernel, task, 5)).toBe(LOCK_BITS);
    expect(kernel.mlock2(task, at(4), pages(4), 2)).toBe(-22);
    kernel.audit();
  });

  it("is limited by RLIMIT_MEMLOCK without CAP_IPC_LOCK, where what is locked already counts once", () => {
    const { kernel, task } = boot();
    limit(task, 8);
    expect(kernel.mlock(task, at(0), pages(8))).toBe(0);
    expect(kernel.mlock(task, at(0), pages(9))).toBe(-12);
    expect(kernel.mlock(task, at(4), pages(4))).toBe(0);
    expect(mapPages(kernel, task, 100, 4, READ_WRITE, PRIVATE_ANON | MAP_LOCKED)).toBe(-11);
    expect(kernel.munlock(task, at(0), pages(4))).toBe(0);
    expect(
      faultsOf(task, () => mapPages(kernel, task, 100, 4, READ_WRITE, PRIVATE_ANON | MAP_LOCKED)),
    ).toEqual([4, 0]);
    limit(task, 0);
    expect(kernel.mlock(task, at(0), PAGE_SIZE)).toBe(-1);
    expect(kernel.munlock(task, at(0), pages(16))).toBe(0);
    kernel.audit();
  });
});

describe("munlock", () => {
  it("gives the pages back to the lists that reclaim looks at", () => {
    const { kernel, task } = boot();
    kernel.mlock(task, at(0), pages(8));
    const counted = countersOf(kernel, ["unevictable_pgs_munlocked", "unevictable_pgs_rescued"], () =>
      kernel.munlock(task, at(1), pages(2)),
    );
    expect(counted).toEqual({ unevictable_pgs_munlocked: 2, unevictable_pgs_rescued: 2 });
    expect([0, 1, 3].map((page) => lockBitsAt(kernel, task, page))).toEqual([LOCK_BITS, PG_LRU, LOCK_BITS]);
    expect(kernel.munlock(task, at(12), pages(8))).toBe(-12);
    kernel.audit();
  });

  it("keeps a shared page locked until the last locked mapping lets go", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 32, 4, READ_WRITE, SHARED_ANON);
    const child = kernel.fork(task);
    kernel.mlock(task, at(32), pages(4));
    kernel.sys.lru.drainAll();
    kernel.mlock(child, at(32), pages(4));
    expect(kernel.proc.vmstat()["nr_mlock"]).toBe(4);
    kernel.munlock(task, at(32), pages(4));
    expect(lockBitsAt(kernel, task, 32)).toBe(LOCK_BITS);
    kernel.audit();
    kernel.exit(child);
    expect(lockBitsAt(kernel, task, 32)).toBe(PG_LRU);
    expect(kernel.proc.vmstat()["nr_mlock"]).toBe(0);
    kernel.audit();
  });
});

describe("mlockall", () => {
  it("refuses flags that ask for nothing, and is limited by the whole address space", () => {
    const { kernel, task } = boot();
    for (const flags of [0, MCL_ONFAULT, 8]) expect(kernel.mlockall(task, flags)).toBe(-22);
    limit(task, 15);
    expect(kernel.mlockall(task, MCL_CURRENT)).toBe(-12);
    limit(task, 16);
    expect(kernel.mlockall(task, MCL_CURRENT)).toBe(0);
    expect(task.mm.rss).toBe(16);
    limit(task, 0);
    expect(kernel.mlockall(task, MCL_FUTURE)).toBe(-1);
    kernel.audit();
  });

  it("locks what comes later, as it comes or on fault, until munlockall", () => {
    const { kernel, task } = boot();
    kernel.mlockall(task, MCL_FUTURE);
    expect(task.mm.space.lockedVm).toBe(0);
    expect(faultsOf(task, () => mapPages(kernel, task, 32, 8))).toEqual([8, 0]);
    kernel.mlockall(task, MCL_FUTURE | MCL_ONFAULT);
    expect(faultsOf(task, () => mapPages(kernel, task, 64, 8))).toEqual([0, 0]);
    expect(task.mm.space.lockedVm).toBe(16);
    expect(kernel.munlockall(task)).toBe(0);
    expect(task.mm.space.lockedVm).toBe(0);
    expect(faultsOf(task, () => mapPages(kernel, task, 96, 8))).toEqual([0, 0]);
    expect(kernel.proc.vmstat()["nr_mlock"]).toBe(0);
    kernel.audit();
  });

  it("is not inherited over fork", () => {
    const { kernel, task } = boot();
    kernel.mlockall(task, MCL_CURRENT | MCL_FUTURE);
    const child = kernel.fork(task);
    expect(child.mm.space.lockedVm).toBe(0);
    expect(faultsOf(child, () => mapPages(kernel, child, 32, 8))).toEqual([0, 0]);
    kernel.write(child, at(0), 9);
    expect(lockBitsAt(kernel, child, 0)).toBe(PG_LRU);
    kernel.audit();
    kernel.exit(task);
    expect(kernel.proc.vmstat()["nr_mlock"]).toBe(0);
    kernel.audit();
  });
});

describe("locked memory", () => {
  it("is populated where it grows: by mremap and brk", () => {
    const { kernel, task } = boot();
    kernel.mlock(task, at(12), pages(4));
    expect(
      faultsOf(task, () =>
        expect(kernel.mremap(task, at(12), pages(4), pages(8), MREMAP_MAYMOVE)).toBe(at(12)),
      ),
    ).toEqual([4, 0]);
    task.mm.space.startBrk = HEAP_START;
    task.mm.space.brkAddress = HEAP_START;
    kernel.mlockall(task, MCL_FUTURE);
    expect(faultsOf(task, () => kernel.brk(task, HEAP_START + pages(3)))).toEqual([3, 0]);
    expect(task.mm.space.lockedVm).toBe(11);
    kernel.audit();
  });

  it("stays locked where mremap moves it", () => {
    const { kernel, task } = boot();
    kernel.mlock(task, at(12), pages(4));
    mapPages(kernel, task, 16, 1);
    const moved = kernel.mremap(task, at(12), pages(4), pages(6), MREMAP_MAYMOVE);
    expect(moved).toBeGreaterThan(0);
    const page = moved / PAGE_SIZE - ARENA_VPN;
    expect(lockBitsAt(kernel, task, page)).toBe(LOCK_BITS);
    expect(kernel.proc.vmstat()["nr_mlock"]).toBe(6);
    kernel.munmap(task, moved, pages(6));
    expect(kernel.proc.vmstat()["nr_mlock"]).toBe(0);
    kernel.audit();
  });

  it("has pages of its own as soon as mprotect makes it writable", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 32, 4, PROT_READ);
    kernel.mlock(task, at(32), pages(4));
    expect(faultsOf(task, () => kernel.mprotect(task, at(32), pages(2), READ_WRITE))).toEqual([2, 0]);
    expect(task.mm.rss).toBe(2);
    expect(lockBitsAt(kernel, task, 33)).toBe(LOCK_BITS);
    kernel.audit();
  });

  it("becomes writable down to the start of a stack with PROT_GROWSDOWN", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 32, 4, PROT_READ, PRIVATE_ANON | MAP_GROWSDOWN);
    kernel.mlock(task, at(32), pages(4));
    const prot = READ_WRITE | PROT_GROWSDOWN;
    expect(faultsOf(task, () => kernel.mprotect(task, at(34), PAGE_SIZE, prot))).toEqual([3, 0]);
    expect(mapsOf(kernel, task)).toContain(mapsLine(32, 35, "rw-p"));
    kernel.audit();
  });

  it("counts on as locked what MREMAP_DONTUNMAP leaves behind unlocked", () => {
    const { kernel, task } = boot();
    kernel.mlock(task, at(0), pages(10));
    const flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    expect(kernel.mremap(task, at(3), pages(3), pages(3), flags, at(40))).toBe(at(40));
    // Linux 6.18.44: VmLck 52 kB; the mapping of ten pages has lost its flag.
    expect(task.mm.space.lockedVm).toBe(13);
    expect(flagsAt(task, 0) & VM_LOCKED).toBe(0);
    kernel.audit();
    kernel.munmap(task, at(0), pages(64));
    expect(kernel.proc.vmstat()["nr_mlock"]).toBe(0);
    kernel.audit();
  });

  it("is never swapped out, while its neighbours are", () => {
    const { kernel, task } = boot({ memory: "2MiB", swap: [{ size: "4MiB" }] });
    fill(kernel, task, 0, 16);
    kernel.mlock(task, at(0), pages(16));
    mapPages(kernel, task, 1000, 700);
    fill(kernel, task, 1000, 700);
    expect(task.mm.nrSwapEntries).toBeGreaterThan(0);
    expect(faultsOf(task, () => expect(wrongPages(kernel, task, 0, 16)).toEqual([]))).toEqual([0, 0]);
    expect(kernel.proc.vmstat()["nr_mlock"]).toBe(16);
    kernel.audit();
  });

  it("shows in meminfo", () => {
    const { kernel, task } = boot();
    kernel.mlock(task, at(0), pages(5));
    kernel.sys.lru.drainAll();
    expect([meminfoKib(kernel, "Unevictable"), meminfoKib(kernel, "Mlocked")]).toEqual([20, 20]);
  });
});

describe("MAP_POPULATE", () => {
  it("faults in what can be had, for writing where private memory is writable", () => {
    const { kernel, task } = boot();
    const faults = (page: number, prot: number, flags: number): number =>
      faultsOf(task, () => mapPages(kernel, task, page, 4, prot, flags))[0];
    expect(faults(32, READ_WRITE, PRIVATE_ANON | MAP_POPULATE)).toBe(4);
    expect(task.mm.rss).toBe(4);
    expect(faults(40, PROT_READ, PRIVATE_ANON | MAP_POPULATE)).toBe(4);
    expect(task.mm.rss).toBe(4);
    expect(faults(48, PROT_NONE, PRIVATE_ANON | MAP_POPULATE)).toBe(0);
    expect(faults(56, READ_WRITE, PRIVATE_ANON | MAP_POPULATE | MAP_NONBLOCK)).toBe(0);
    kernel.audit();
  });
});
