import {
  EACCES,
  EAGAIN,
  EINVAL,
  ENOENT,
  ENOMEM,
  EPERM,
  MAP_ANONYMOUS,
  MADV_UNMERGEABLE,
  MAP_FIXED,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  VM_MERGEABLE,
} from "@pageframe/contracts";
import {
  bootKernel,
  type Kernel,
  PR_GET_DUMPABLE,
  PR_GET_MDWE,
  PR_GET_MEMORY_MERGE,
  PR_GET_THP_DISABLE,
  PR_SET_DUMPABLE,
  PR_SET_MDWE,
  PR_SET_MEMORY_MERGE,
  PR_SET_MM,
  PR_SET_MM_START_BRK,
  PR_SET_THP_DISABLE,
  RLIM_INFINITY,
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_MEMLOCK,
  RLIMIT_STACK,
  SYSCTL_NAMES,
  type Task,
} from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import {
  at,
  mapPages,
  mapsLine,
  mapsOf,
  PRIVATE_ANON,
  READ_WRITE,
  SHARED_ANON,
  spawnWith,
} from "./helpers.ts";

const NOBODY = 65534;

function boot(): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory: "32MiB" });
  return { kernel, task: kernel.spawn("task") };
}

describe("prlimit", () => {
  it("limits the address space from now on, and that of children", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 16);
    // Recorded: 16 pages and 64 kB more; the 17th additional page is refused (oracle script 14).
    const limit = (task.mm.space.totalVm + 16) * PAGE_SIZE;
    expect(kernel.prlimit(task, RLIMIT_AS, limit, limit)).toBe(0);
    expect(mapPages(kernel, task, 16, 8)).toBe(at(16));
    expect(mapPages(kernel, task, 24, 9)).toBe(-ENOMEM);
    expect(mapPages(kernel, task, 24, 8)).toBe(at(24));
    expect(kernel.mremap(task, at(0), 16 * PAGE_SIZE, 20 * PAGE_SIZE, 1)).toBe(-ENOMEM);
    const child = kernel.fork(task);
    expect(kernel.getrlimit(child, RLIMIT_AS)).toEqual({ soft: limit, hard: limit });
    expect(mapPages(kernel, child, 32, 1)).toBe(-ENOMEM);
    kernel.munmap(child, at(0), PAGE_SIZE);
    expect(mapPages(kernel, child, 32, 1)).toBe(at(32));
    kernel.audit();
  });

  it("refuses a soft limit above the hard one, what is no resource, and a hard limit that others than root raise", () => {
    const { kernel, task } = boot();
    expect(kernel.prlimit(task, RLIMIT_DATA, 2, 1)).toBe(-EINVAL);
    expect(kernel.prlimit(task, 16, 1, 1)).toBe(-EINVAL);
    expect(kernel.prlimit(task, -1, 1, 1)).toBe(-EINVAL);
    expect(kernel.prlimit(task, RLIMIT_DATA, -1, 1)).toBe(-EINVAL);
    expect(kernel.getrlimit(task, 16)).toBe(-EINVAL);
    expect(kernel.prlimit(task, RLIMIT_DATA, 10, 20)).toBe(0);
    expect(kernel.prlimit(task, RLIMIT_DATA, 10, 30)).toBe(0);
    expect(kernel.setuid(task, NOBODY)).toBe(0);
    expect(kernel.prlimit(task, RLIMIT_DATA, 10, 31)).toBe(-EPERM);
    expect(kernel.prlimit(task, RLIMIT_DATA, 30, 30)).toBe(0);
    expect(kernel.prlimit(task, RLIMIT_DATA, 0, 20)).toBe(0);
    expect(kernel.getrlimit(task, RLIMIT_DATA)).toEqual({ soft: 0, hard: 20 });
  });

  it("limits private writable memory by RLIMIT_DATA, and the stack's growth by RLIMIT_STACK", () => {
    const { kernel, task } = boot();
    kernel.prlimit(task, RLIMIT_DATA, 4 * PAGE_SIZE, RLIM_INFINITY);
    expect(mapPages(kernel, task, 0, 5)).toBe(-ENOMEM);
    expect(mapPages(kernel, task, 0, 5, PROT_READ)).toBe(at(0));
    expect(kernel.mprotect(task, at(0), 5 * PAGE_SIZE, PROT_READ | PROT_WRITE)).toBe(-ENOMEM);
    task.mm.space.setupStack();
    const top = task.mm.space.taskSizeVpn;
    expect(kernel.prlimit(task, RLIMIT_STACK, 64 * PAGE_SIZE, RLIM_INFINITY)).toBe(0);
    expect(kernel.write(task, (top - 64) * PAGE_SIZE, 1)).toBeNull();
    expect(kernel.write(task, (top - 65) * PAGE_SIZE, 1)).not.toBeNull();
    kernel.audit();
  });

  it("limits locked memory of those who are not root", () => {
    const { kernel, task } = boot();
    kernel.prlimit(task, RLIMIT_MEMLOCK, 8 * PAGE_SIZE, 8 * PAGE_SIZE);
    const locked = PRIVATE_ANON | MAP_LOCKED;
    expect(mapPages(kernel, task, 0, 16, PROT_READ | PROT_WRITE, locked)).toBe(at(0));
    kernel.munmap(task, at(0), 16 * PAGE_SIZE);
    kernel.setuid(task, NOBODY);
    expect(mapPages(kernel, task, 0, 9, PROT_READ | PROT_WRITE, locked)).toBe(-EAGAIN);
    expect(mapPages(kernel, task, 0, 8, PROT_READ | PROT_WRITE, locked)).toBe(at(0));
    kernel.prlimit(task, RLIMIT_MEMLOCK, 0, 0);
    expect(mapPages(kernel, task, 20, 1, PROT_READ | PROT_WRITE, locked)).toBe(-EPERM);
  });
});

describe("setuid", () => {
  it("takes the capabilities for good, from children too", () => {
    const { kernel, task } = boot();
    expect(kernel.setuid(task, -2)).toBe(-EINVAL);
    expect(kernel.setuid(task, NOBODY)).toBe(0);
    expect([task.mm.space.isPrivileged, kernel.fork(task).mm.space.isPrivileged]).toEqual([false, false]);
    expect(kernel.prctl(task, PR_GET_DUMPABLE)).toBe(0);
    expect([kernel.setuid(task, 0), kernel.setuid(task, NOBODY)]).toEqual([-EPERM, 0]);
    // Without CAP_SYS_RAWIO nothing can be mapped low.
    expect(kernel.mmap(task, PAGE_SIZE, PAGE_SIZE, PROT_READ, PRIVATE_ANON)).toBe(-EPERM);
  });
});

describe("prctl", () => {
  // Asked of Linux 6.18.44.
  it("answers as a 6.18 kernel does", () => {
    const { kernel, task } = boot();
    const ask = (...args: [number, number?, number?, number?, number?]): number =>
      kernel.prctl(task, ...args);
    const thp = [[1], [1, 2], [0, 2], [0], [1, 4], [1, 0, 1], [1, 1]].map(([on, flags, more]) => [
      ask(PR_SET_THP_DISABLE, on, flags, more),
      ask(PR_GET_THP_DISABLE),
    ]);
    expect(thp).toEqual([
      [0, 1],
      [0, 3],
      [-EINVAL, 3],
      [0, 0],
      [-EINVAL, 0],
      [-EINVAL, 0],
      [-EINVAL, 0],
    ]);
    expect(ask(PR_GET_THP_DISABLE, 1)).toBe(-EINVAL);
    expect([0, 2, 4, 3, 1, 0, 3].map((bits) => ask(PR_SET_MDWE, bits))).toEqual([
      0,
      -EINVAL,
      -EINVAL,
      0,
      -EPERM,
      -EPERM,
      0,
    ]);
    expect([ask(PR_GET_MDWE), ask(PR_GET_MDWE, 1)]).toEqual([3, -EINVAL]);
    expect([ask(PR_GET_DUMPABLE), ask(PR_SET_DUMPABLE, 0), ask(PR_GET_DUMPABLE)]).toEqual([1, 0, 0]);
    expect([ask(PR_SET_DUMPABLE, 2), ask(12345), ask(0), ask(0x53564d41, 0, 0x10000000, 4096)]).toEqual(
      Array(4).fill(-EINVAL),
    );
  });

  it("keeps memory from becoming executable with PR_SET_MDWE", () => {
    const { kernel, task } = boot();
    mapPages(kernel, task, 0, 1, PROT_READ | PROT_EXEC);
    mapPages(kernel, task, 4, 1);
    kernel.prctl(task, PR_SET_MDWE, 1);
    expect(mapPages(kernel, task, 8, 1, PROT_READ | PROT_WRITE | PROT_EXEC)).toBe(-EACCES);
    expect(kernel.mprotect(task, at(4), PAGE_SIZE, PROT_READ | PROT_EXEC)).toBe(-EACCES);
    expect(kernel.mprotect(task, at(0), PAGE_SIZE, PROT_EXEC)).toBe(0);
    expect(kernel.mprotect(task, at(0), PAGE_SIZE, PROT_EXEC | PROT_WRITE)).toBe(-EACCES);
    const child = kernel.fork(task);
    expect(kernel.prctl(child, PR_GET_MDWE)).toBe(1);
    expect(mapPages(kernel, child, 8, 1, PROT_WRITE | PROT_EXEC)).toBe(-EACCES);
  });

  it("does not hand PR_MDWE_NO_INHERIT on to children", () => {
    const { kernel, task } = boot();
    kernel.prctl(task, PR_SET_MDWE, 3);
    const child = kernel.fork(task);
    expect(kernel.prctl(child, PR_GET_MDWE)).toBe(0);
    expect(mapPages(kernel, child, 8, 1, PROT_WRITE | PROT_EXEC)).toBe(at(8));
  });

  it("lets PR_SET_MEMORY_MERGE mark what is there and what comes, over fork and exec", () => {
    // Every answer and every mark asked of a 6.18 kernel.
    const { kernel, task } = boot();
    const ask = (...args: [number, number?, number?, number?, number?]): number =>
      kernel.prctl(task, ...args);
    expect([ask(PR_GET_MEMORY_MERGE), ask(PR_GET_MEMORY_MERGE, 1), ask(PR_SET_MEMORY_MERGE, 1, 1)]).toEqual([
      0,
      -EINVAL,
      -EINVAL,
    ]);
    const isMarked = (who: Task, page: number): boolean => {
      const { pool } = who.mm.space;
      return (pool.vmFlags[who.mm.space.findVma(at(page) / PAGE_SIZE)] & VM_MERGEABLE) !== 0;
    };
    mapPages(kernel, task, 0, 4);
    mapPages(kernel, task, 8, 4, READ_WRITE, SHARED_ANON);
    expect([ask(PR_SET_MEMORY_MERGE, 2), ask(PR_GET_MEMORY_MERGE)]).toEqual([0, 1]);
    mapPages(kernel, task, 4, 4);
    mapPages(kernel, task, 12, 4, READ_WRITE, SHARED_ANON);
    const memfd = kernel.memfdCreate("both ways");
    mapPages(kernel, task, 16, 4, READ_WRITE, MAP_PRIVATE | MAP_FIXED, memfd);
    mapPages(kernel, task, 24, 4, READ_WRITE, MAP_SHARED | MAP_FIXED, memfd);
    expect([0, 4, 8, 12, 16, 24].map((page) => isMarked(task, page))).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
    ]);
    expect(mapsOf(kernel, task)[0]).toBe(mapsLine(0, 8, "rw-p"));
    expect(kernel.madvise(task, at(0), PAGE_SIZE, MADV_UNMERGEABLE)).toBe(0);
    expect([0, 1].map((page) => isMarked(task, page))).toEqual([false, true]);

    const child = kernel.fork(task);
    mapPages(kernel, child, 40, 1);
    expect([kernel.prctl(child, PR_GET_MEMORY_MERGE), isMarked(child, 1), isMarked(child, 40)]).toEqual([
      1,
      true,
      true,
    ]);
    // Of the new program's mappings only the stack is there before the mark is looked for.
    const segment = { vaddr: 0x400000, offsetBytes: 0, fileBytes: 4096, memBytes: 8192, prot: READ_WRITE };
    const program = { fileId: kernel.openFile("/bin/x"), isPie: false, segments: [segment] };
    expect(kernel.execve(child, { path: "/bin/x", program })).toBe(0);
    const { pool } = child.mm.space;
    const marks: boolean[] = [];
    child.mm.space.forEachVma((vma) => marks.push((pool.vmFlags[vma] & VM_MERGEABLE) !== 0));
    // Data, bss, [vvar], [vvar_vclock], [vdso], [stack].
    expect(marks).toEqual([true, true, false, false, false, false]);
    kernel.brk(child, child.mm.space.brkAddress + PAGE_SIZE);
    const heap = child.mm.space.findVma(Math.floor(child.mm.space.startBrk / PAGE_SIZE));
    expect(pool.vmFlags[heap] & VM_MERGEABLE).not.toBe(0);
    expect(kernel.prctl(child, PR_GET_MEMORY_MERGE)).toBe(1);

    // Taking it back takes it from all, and merges nothing.
    expect([ask(PR_SET_MEMORY_MERGE, 0), ask(PR_GET_MEMORY_MERGE)]).toEqual([0, 0]);
    expect([0, 1, 16].map((page) => isMarked(task, page))).toEqual([false, false, false]);
    expect(mapsOf(kernel, task).slice(0, 2)).toEqual([mapsLine(0, 1, "rw-p"), mapsLine(1, 8, "rw-p")]);
    kernel.audit();
  });

  it("keeps PR_SET_MM to root, and to marks in order", () => {
    const { kernel, task } = boot();
    expect(kernel.prctl(task, PR_SET_MM, PR_SET_MM_START_BRK, 0x10000000, 1)).toBe(-EINVAL);
    // Nothing was executed yet: the other marks are 0, below mmap_min_addr.
    expect(kernel.prctl(task, PR_SET_MM, PR_SET_MM_START_BRK, 0x10000000)).toBe(-EINVAL);
    kernel.setuid(task, NOBODY);
    expect(kernel.prctl(task, PR_SET_MM, PR_SET_MM_START_BRK, 0x10000000)).toBe(-EPERM);
  });
});

describe("sysctl", () => {
  it("reads back what was written, in decimal", () => {
    const { kernel } = boot();
    for (const name of SYSCTL_NAMES.filter((key) => key !== "vm/drop_caches")) {
      const value = name === "vm/dirty_bytes" ? "8192" : "1";
      expect(kernel.setSysctl(name, value), name).toBe(0);
      expect(kernel.sysctl(name), name).toBe(value);
    }
    const written = ["0x10", "010", " 7", "1 2", ""].map((text) => {
      expect(kernel.setSysctl("vm/overcommit_kbytes", text)).toBe(0);
      return kernel.sysctl("vm/overcommit_kbytes");
    });
    expect(written).toEqual(["16", "8", "7", "1", "1"]);
  });

  it("refuses keys that it does not know and values out of range", () => {
    const { kernel } = boot();
    expect([kernel.sysctl("vm/no_such"), kernel.setSysctl("toString", "1")]).toEqual([-ENOENT, -ENOENT]);
    const refused: Record<string, string[]> = {
      "vm/overcommit_memory": ["-1", "3", "abc", "1abc"],
      "vm/overcommit_kbytes": ["-1"],
      "vm/overcommit_ratio": ["2147483648"],
      "vm/page-cluster": ["-1", "32"],
      "vm/swappiness": ["-1", "201"],
      "vm/max_map_count": ["-1", "2147483648"],
      "vm/drop_caches": ["0", "5"],
    };
    for (const [name, values] of Object.entries(refused)) {
      for (const value of values.filter((text) => name !== "vm/drop_caches" || text === "0")) {
        expect(kernel.setSysctl(name, value), `${name} ${value}`).toBe(-EINVAL);
      }
    }
    expect([kernel.sysctl("vm/drop_caches"), kernel.sysctl("vm/swappiness")]).toEqual([-EACCES, "60"]);
  });

  it("changes max_map_count and mmap_min_addr of tasks that run", () => {
    const { kernel, task } = boot();
    kernel.setSysctl("vm/max_map_count", "2");
    for (const page of [0, 2, 4]) expect(mapPages(kernel, task, page, 1)).toBe(at(page));
    expect(mapPages(kernel, task, 6, 1)).toBe(-ENOMEM);
    kernel.setSysctl("vm/max_map_count", "65530");
    kernel.setuid(task, NOBODY);
    const low = (vpn: number): number =>
      kernel.mmap(task, vpn * PAGE_SIZE, PAGE_SIZE, PROT_READ, PRIVATE_ANON);
    expect([low(15), low(16)]).toEqual([-EPERM, 16 * PAGE_SIZE]);
    kernel.setSysctl("vm/mmap_min_addr", "4096");
    expect([low(0), low(1)]).toEqual([-EPERM, PAGE_SIZE]);
  });

  it("drops clean pages of files and nothing else", () => {
    const { kernel, task } = boot();
    const file = kernel.openFile("/file");
    const map = (): number => kernel.mmap(task, at(0), 8 * PAGE_SIZE, 3, 0x11, file);
    map();
    for (let page = 0; page < 8; page++) kernel.read(task, at(page));
    kernel.write(task, at(3), 1);
    kernel.munmap(task, at(0), 6 * PAGE_SIZE);
    expect(kernel.setSysctl("vm/drop_caches", "1")).toBe(0);
    // The written page is dirty, the last two are mapped.
    const { pages } = kernel.sys.files.opened[file]!.inode;
    expect(pages.nrPages).toBe(3);
    for (const pgoff of [3, 6, 7]) expect(pages.load(pgoff)).toBeGreaterThanOrEqual(0);
    kernel.audit();
  });
});

describe("overcommit", () => {
  const map = (kernel: Kernel, task: Task, nrPages: number, flags = 0): number =>
    kernel.mmap(task, 0, nrPages * PAGE_SIZE, 3, MAP_PRIVATE | MAP_ANONYMOUS | flags);

  it("refuses in mode 0 only what could never be", () => {
    const { kernel, task } = boot();
    const { totalRamPages, totalSwapPages } = kernel.sys.vmCommit;
    expect(map(kernel, task, totalRamPages + totalSwapPages + 1)).toBe(-ENOMEM);
    for (let nth = 0; nth < 4; nth++) expect(map(kernel, task, totalRamPages)).toBeGreaterThan(0);
    expect(map(kernel, task, 2 * totalRamPages, MAP_NORESERVE)).toBeGreaterThan(0);
    kernel.setSysctl("vm/overcommit_memory", "1");
    expect(map(kernel, task, 2 * totalRamPages)).toBeGreaterThan(0);
    kernel.audit();
  });

  it("keeps what root and other users may have apart in mode 2, and ignores MAP_NORESERVE", () => {
    const { kernel, task } = boot();
    const { vmCommit } = kernel.sys;
    kernel.setSysctl("vm/overcommit_memory", "2");
    kernel.setSysctl("vm/overcommit_kbytes", String(4 * 4000));
    kernel.setSysctl("vm/admin_reserve_kbytes", String(4 * 100));
    kernel.setSysctl("vm/user_reserve_kbytes", String(4 * 10));
    expect(vmCommit.commitLimitPages).toBe(4000);
    const left = 4000 - vmCommit.committedPages;
    expect(map(kernel, task, left, MAP_NORESERVE)).toBe(-ENOMEM);
    // The limit itself is not reached: less than it must be committed.
    expect(map(kernel, task, left - 1)).toBeGreaterThan(0);
    expect(map(kernel, task, 1)).toBe(-ENOMEM);
    kernel.munmap(task, task.mm.space.mmapBase * PAGE_SIZE - (left - 1) * PAGE_SIZE, 200 * PAGE_SIZE);
    // 200 pages are free again, 100 of them root's; the process keeps min(3 %, 10 pages) free besides.
    kernel.setuid(task, NOBODY);
    const other = spawnWith(kernel, "other", 0);
    expect(map(kernel, task, 91)).toBe(-ENOMEM);
    expect(map(kernel, task, 90)).toBeGreaterThan(0);
    expect(map(kernel, other, 110)).toBeGreaterThan(0);
    kernel.audit();
  });

  it("charges a fork for the private writable memory of the parent", () => {
    const { kernel, task } = boot();
    const { vmCommit } = kernel.sys;
    mapPages(kernel, task, 0, 1000);
    mapPages(kernel, task, 2000, 1000, PROT_READ);
    kernel.setSysctl("vm/overcommit_memory", "2");
    const before = vmCommit.committedPages;
    kernel.setSysctl("vm/overcommit_kbytes", String(4 * (before + 1062)));
    // 2000 pages are mapped: 62 of them, 1/32, have to stay free.
    expect(() => kernel.fork(task)).toThrow("ENOMEM");
    expect(vmCommit.committedPages).toBe(before);
    kernel.setSysctl("vm/overcommit_kbytes", String(4 * (before + 1063)));
    const child = kernel.fork(task);
    expect(vmCommit.committedPages).toBe(before + 1000);
    // A mapping that becomes writable counts from then on.
    expect(kernel.mprotect(child, at(2000), 100 * PAGE_SIZE, PROT_READ | PROT_WRITE)).toBe(-ENOMEM);
    kernel.exit(child);
    expect(kernel.mprotect(task, at(2000), 100 * PAGE_SIZE, PROT_READ | PROT_WRITE)).toBe(0);
    expect(vmCommit.committedPages).toBe(before + 100);
    kernel.audit();
  });
});
