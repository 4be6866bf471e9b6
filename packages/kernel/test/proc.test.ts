/** /proc/PID/{smaps,status,pagemap}, kpageflags and kpagecount, against what was done. */
import {
  MADV_DONTNEED,
  MADV_HUGEPAGE,
  MAP_FIXED,
  MAP_PRIVATE,
  PROT_EXEC,
  PROT_READ,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, type Task } from "@pageframe/kernel";
import {
  KPF_ANON,
  KPF_BUDDY,
  KPF_KSM,
  KPF_MMAP,
  KPF_PGTABLE,
  KPF_SWAPBACKED,
  KPF_UPTODATE,
  KPF_ZERO_PAGE,
  PM_FILE_BIT,
  PM_MMAP_EXCLUSIVE_BIT,
  PM_PRESENT_BIT,
  PM_SOFT_DIRTY_BIT,
  PM_SWAP_BIT,
  type SmapsEntry,
  smapsFields,
  taskMemFields,
  vmFlagCodes,
} from "@pageframe/procfs";
import { FMODE_READ, FMODE_WRITE } from "@pageframe/vma";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ARENA_VPN, at, fill, HEAP_START, mapPages, READ_WRITE, SHARED_ANON, spawnWith } from "./helpers.ts";

function boot(config: KernelConfigInput = {}): Kernel {
  return bootKernel({ memory: "4MiB", swap: [{ size: "8MiB" }], contents: "sparse", ...config });
}

/** Lines of smaps that are not 0, without those of every mapping. */
function nonZero(entry: SmapsEntry): Record<string, number> {
  const constant = ["Size", "KernelPageSize", "MMUPageSize"];
  return Object.fromEntries(
    smapsFields(entry).filter(([name, value]) => value !== 0 && !constant.includes(name)),
  );
}

/** smaps of the mapping that starts at a page of the arena. */
function smapsAt(kernel: Kernel, task: Task, page: number): Record<string, number> {
  const entry = kernel.proc.smaps(task).find(({ startVpn }) => startVpn === ARENA_VPN + page);
  return entry === undefined ? {} : nonZero(entry);
}

const PAGEMAP_LETTERS: readonly (readonly [number, string])[] = [
  [PM_PRESENT_BIT, "P"],
  [PM_SWAP_BIT, "S"],
  [PM_FILE_BIT, "f"],
  [PM_MMAP_EXCLUSIVE_BIT, "x"],
];

/** Flags of pages of the arena, a word each; `-` where nothing is. */
function pagemap(kernel: Kernel, task: Task, page: number, nrPages: number): string {
  return [...kernel.proc.pagemap(task, ARENA_VPN + page, nrPages)]
    .map((entry) => {
      const letters = PAGEMAP_LETTERS.filter(([bit]) => ((entry >> BigInt(bit)) & 1n) === 1n);
      return letters.map(([, letter]) => letter).join("") || "-";
    })
    .join(" ");
}

function pfnAt(kernel: Kernel, task: Task, page: number): number {
  return Number(kernel.proc.pagemap(task, ARENA_VPN + page, 1)[0] & ((1n << 55n) - 1n));
}

function bitsOf(kpf: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => Math.floor(kpf / 2 ** bit) % 2 === 1);
}

describe("/proc/PID/smaps", () => {
  it("splits pages that a parent and a child share between them", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 8);
    fill(kernel, parent, 0, 4);
    kernel.fork(parent);
    kernel.write(parent, at(0), 9);
    // Three pages mapped twice, one mapped once: 3 * 2 + 4 KiB.
    expect(smapsAt(kernel, parent, 0)).toEqual({
      Rss: 16,
      Pss: 10,
      Pss_Dirty: 10,
      Shared_Dirty: 12,
      Private_Dirty: 4,
      Referenced: 16,
      Anonymous: 16,
    });
  });

  it("does not count the zero page", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "reader", 4);
    kernel.read(task, at(1));
    expect(smapsAt(kernel, task, 0)).toEqual({});
    expect(pagemap(kernel, task, 0, 3)).toBe("- P -");
    expect(kernel.proc.kpagecount(pfnAt(kernel, task, 1))).toBe(0);
    expect(bitsOf(kernel.proc.kpageflags(pfnAt(kernel, task, 1)))).toContain(KPF_ZERO_PAGE);
  });

  it("counts shared memory as neither anonymous nor, while one maps it, shared", () => {
    const kernel = boot();
    const task = kernel.spawn("shm");
    mapPages(kernel, task, 0, 4, READ_WRITE, SHARED_ANON);
    fill(kernel, task, 0, 2);
    expect(smapsAt(kernel, task, 0)).toEqual({
      Rss: 8,
      Pss: 8,
      Pss_Dirty: 8,
      Private_Dirty: 8,
      Referenced: 8,
    });
    expect(pagemap(kernel, task, 0, 3)).toBe("Pfx Pfx -");
  });

  it("divides a swapped page among the entries that name it, and agrees with status and pagemap", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "big", 1600);
    fill(kernel, task, 0, 1600);
    const child = kernel.fork(task);
    const { nrSwapEntries } = task.mm;
    expect(nrSwapEntries).toBeGreaterThan(0);
    const { Swap, SwapPss } = smapsAt(kernel, task, 0);
    expect([Swap, SwapPss]).toEqual([4 * nrSwapEntries, 2 * nrSwapEntries]);
    const words = pagemap(kernel, child, 0, 1600).split(" ");
    expect(words.filter((word) => word === "S").length).toBe(child.mm.nrSwapEntries);
  });

  it("counts pages of shared memory that are in swap, but not where a private copy is", () => {
    const kernel = boot();
    const task = kernel.spawn("shm");
    mapPages(kernel, task, 0, 1600, READ_WRITE, SHARED_ANON);
    fill(kernel, task, 0, 1600);
    const inode = kernel.sys.files.inodeOf(task.mm.space.pool.fileId[task.mm.space.firstVma]);
    const nrSwapped = inode.swapped.size;
    expect(nrSwapped).toBeGreaterThan(100);
    expect(smapsAt(kernel, task, 0)["Swap"]).toBe(4 * nrSwapped);
    // They belong to the file: no entry names them, and status does not count them.
    expect([smapsAt(kernel, task, 0)["SwapPss"], kernel.proc.mem(task)?.swapEntries]).toEqual([undefined, 0]);

    const other = kernel.spawn("private");
    const file = kernel.sys.files.openInode(inode, FMODE_READ | FMODE_WRITE).id;
    mapPages(kernel, other, 0, 1600, READ_WRITE, MAP_PRIVATE | MAP_FIXED, file);
    const [swapped] = inode.swapped.keys();
    kernel.write(other, at(swapped), 1);
    const nrOthers = [...inode.swapped.keys()].filter((pgoff) => pgoff !== swapped).length;
    expect(smapsAt(kernel, other, 0)["Swap"]).toBe(4 * nrOthers);
    kernel.audit();
  });

  it("counts what a child has not used yet as not referenced, also after mprotect", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "parent", 4);
    fill(kernel, task, 0, 4);
    const child = kernel.fork(task);
    kernel.mprotect(child, at(0), 4 * 4096, PROT_READ);
    kernel.read(child, at(3));
    expect(smapsAt(kernel, child, 0)["Referenced"]).toBe(4);
  });

  it("counts the share of locked pages as Locked", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "locker", 8);
    fill(kernel, task, 0, 2);
    kernel.fork(task);
    expect(kernel.mlock(task, at(0), 4 * 4096)).toBe(0);
    const [locked, rest] = kernel.proc.smaps(task);
    // Locking faults four pages in for writing: two are copied, and all are the task's own.
    expect([nonZero(locked)["Locked"], nonZero(rest)["Locked"]]).toEqual([16, undefined]);
    expect(vmFlagCodes(locked.vmFlags)).toBe("rd wr mr mw me lo ac sd ");
    expect(kernel.proc.statusText(task)).toContain("VmLck:\t      16 kB\n");
  });

  it("writes the heap as Linux does", () => {
    const kernel = boot();
    const task = kernel.spawn("heap");
    task.mm.space.startBrk = HEAP_START;
    task.mm.space.brkAddress = HEAP_START;
    kernel.brk(task, HEAP_START + 3 * 4096);
    kernel.write(task, HEAP_START + 4096, 7);
    kernel.fork(task);
    const [first] = kernel.proc.smapsText(task).split("VmFlags");
    expect(first).toBe(`\
00500000-00503000 rw-p 00000000 00:00 0                                  [heap]
Size:                 12 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:                   4 kB
Pss:                   2 kB
Pss_Dirty:             2 kB
Shared_Clean:          0 kB
Shared_Dirty:          4 kB
Private_Clean:         0 kB
Private_Dirty:         0 kB
Referenced:            4 kB
Anonymous:             4 kB
KSM:                   0 kB
LazyFree:              0 kB
AnonHugePages:         0 kB
ShmemPmdMapped:        0 kB
FilePmdMapped:         0 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb:       0 kB
Swap:                  0 kB
SwapPss:               0 kB
Locked:                0 kB
THPeligible:           0
`);
    expect(kernel.proc.smapsRollupText(task).split("\n")[0]).toBe(
      "00500000-00503000 ---p 00000000 00:00 0                                  [rollup]",
    );
  });

  it("says THPeligible where MADV_HUGEPAGE was given and a whole 2 MiB fits", () => {
    const kernel = boot();
    const task = kernel.spawn("thp");
    // [500, 1524) holds [512, 1024); [2000, 2300) holds no 512 pages at all; the third was not advised.
    for (const [page, nrPages] of [
      [500, 1024],
      [2000, 300],
    ]) {
      mapPages(kernel, task, page, nrPages);
      kernel.madvise(task, at(page), nrPages * 4096, MADV_HUGEPAGE);
    }
    mapPages(kernel, task, 4096, 512);
    const eligible = kernel.proc.smaps(task).map((entry) => entry.isThpEligible);
    expect(eligible.slice(0, 3)).toEqual([true, false, false]);
  });

  it("sums to what status says, over all mappings and in smaps_rollup", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "mixed", 1300);
    fill(kernel, task, 0, 1300);
    mapPages(kernel, task, 2000, 20, READ_WRITE, SHARED_ANON);
    fill(kernel, task, 2000, 10);
    kernel.fork(task);
    fill(kernel, task, 5, 30);
    const sum = (name: string): number =>
      kernel.proc.smaps(task).reduce((total, entry) => total + (nonZero(entry)[name] ?? 0), 0);
    const mem = Object.fromEntries(taskMemFields(kernel.proc.mem(task)!));
    expect([sum("Rss"), sum("Anonymous"), sum("Swap")]).toEqual([
      mem["VmRSS"],
      mem["RssAnon"],
      mem["VmSwap"],
    ]);
    expect(mem["RssShmem"]).toBe(40);
    const rollup = kernel.proc.smapsRollup(task).stats;
    expect([rollup.resident, rollup.anonymous, rollup.swap]).toEqual(
      [sum("Rss"), sum("Anonymous"), sum("Swap")].map((kib) => 1024 * kib),
    );
    expect(rollup.pssAnon + rollup.pssFile + rollup.pssShmem).toBe(rollup.pss);
    kernel.audit();
  });
});

describe("/proc/PID/pagemap", () => {
  it("names the frame of a present page, and area and slot of a swapped one", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "big", 1600);
    fill(kernel, task, 0, 1600);
    const words = pagemap(kernel, task, 0, 1600).split(" ");
    const [present, swapped] = [words.indexOf("Px"), words.indexOf("S")];
    const pfn = pfnAt(kernel, task, present);
    expect(kernel.sys.memmap.index[pfn]).toBe(ARENA_VPN + present);
    expect(kernel.proc.kpagecount(pfn)).toBe(1);
    // Type 0 in bits 0..4, the slot above.
    const slot = pfnAt(kernel, task, swapped);
    expect(slot % 32).toBe(0);
    expect(kernel.sys.swap.swapCount(slot / 32)).toBe(1);
  });

  it("is empty between mappings, and ends where user space does", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "holes", 2);
    fill(kernel, task, 0, 2);
    mapPages(kernel, task, 4, 1);
    fill(kernel, task, 4, 1);
    expect(pagemap(kernel, task, -1, 7)).toBe("- Px Px - - Px -");
    expect(kernel.proc.pagemap(task, task.mm.space.taskSizeVpn - 2, 5).length).toBe(2);
  });

  it("shows what was written as soft-dirty", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "writer", 1);
    kernel.write(task, at(0), 1);
    expect((kernel.proc.pagemap(task, ARENA_VPN, 1)[0] >> BigInt(PM_SOFT_DIRTY_BIT)) & 1n).toBe(1n);
  });
});

describe("/proc/kpageflags", () => {
  it("shows an anonymous page as up to date, mapped, backed by swap, and KSM as 6.18 does", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "anon", 1);
    kernel.write(task, at(0), 1);
    const bits = bitsOf(kernel.proc.kpageflags(pfnAt(kernel, task, 0)));
    expect(bits).toEqual([KPF_UPTODATE, KPF_MMAP, KPF_ANON, KPF_SWAPBACKED, KPF_KSM]);
  });

  it("shows every page of a free block as free, and page tables as such", () => {
    const kernel = boot();
    kernel.sys.frames.drainPcp(-1);
    let nrBuddy = 0;
    for (let pfn = 0; pfn < kernel.sys.memmap.nrFrames; pfn++) {
      if (bitsOf(kernel.proc.kpageflags(pfn)).includes(KPF_BUDDY)) nrBuddy++;
    }
    expect(nrBuddy).toBe(kernel.sys.frames.nrFreePages());
    const { rootPfn } = kernel.spawn("any").mm.pageTable;
    expect(bitsOf(kernel.proc.kpageflags(rootPfn))).toContain(KPF_PGTABLE);
  });
});

describe("/proc/PID/status", () => {
  it("is without memory once the task has exited, and its other files are empty", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "gone", 1);
    kernel.exit(task);
    expect(kernel.proc.statusText(task)).toContain("State:\tZ (zombie)\n");
    expect(kernel.proc.status(task).mem).toBe(null);
    expect(kernel.proc.smapsText(task) + kernel.proc.mapsText(task)).toBe("");
    expect(kernel.proc.pagemap(task, ARENA_VPN, 1).length).toBe(0);
  });

  it("gives the threads of a process one Tgid and count", () => {
    const kernel = boot();
    const leader = spawnWith(kernel, "many", 1);
    const thread = kernel.thread(leader);
    const { tgid, pid, nrThreads } = kernel.proc.status(thread);
    expect([tgid, pid, nrThreads]).toEqual([leader.pid, thread.pid, 2]);
    expect(kernel.proc.status(leader).mem?.totalVm).toBe(1);
  });
});

describe("/proc/PID/stat and statm", () => {
  it("show the same memory as status", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "one", 100);
    fill(kernel, task, 0, 70);
    const { vsizeBytes, rssPages, nrMinorFaults } = kernel.proc.stat(task);
    // 64 pages of 70 have reached the common counter: two batches of 32.
    expect([vsizeBytes, rssPages, nrMinorFaults]).toEqual([100 * 4096, 64, 70]);
    expect(kernel.proc.statmText(task)).toBe("100 70 0 0 0 100 0\n");
  });
});

describe("VmExe and VmLib", () => {
  it("part executable pages into the program's text and the rest", () => {
    const kernel = boot();
    const task = kernel.spawn("text");
    const flags = MAP_PRIVATE | MAP_FIXED;
    mapPages(kernel, task, 0, 5, PROT_READ | PROT_EXEC, flags, kernel.openFile("/bin/text"));
    mapPages(kernel, task, 100, 7, PROT_READ | PROT_EXEC, flags, kernel.openFile("/lib/libc.so.6"));
    // Code from the middle of page 1 to the first byte of page 3: three pages.
    task.mm.image = { ...task.mm.image, startCode: at(1) + 2048, endCode: at(3) + 1 };
    expect(/VmExe.*\n.*/.exec(kernel.proc.statusText(task))?.[0]).toBe(
      "VmExe:\t      12 kB\nVmLib:\t      36 kB",
    );
    expect(kernel.proc.statmText(task).split(" ")[3]).toBe("3");
    expect(kernel.proc.stat(task).startCode).toBe(at(1) + 2048);
  });
});

describe("/proc/PID/numa_maps", () => {
  it("counts pages by node, dirtiness and mappings, and leaves the zero page out", () => {
    const kernel = boot();
    const task = spawnWith(kernel, "numa", 8);
    fill(kernel, task, 0, 3);
    kernel.read(task, at(5));
    mapPages(kernel, task, 100, 4, READ_WRITE, SHARED_ANON);
    kernel.fork(task);
    expect(kernel.proc.numaMapsText(task)).toBe(
      "100000000000 default anon=3 dirty=3 mapmax=2 active=0 N0=3 kernelpagesize_kB=4\n" +
        "100000064000 default file=/dev/zero\\040(deleted)\n",
    );
  });
});

describe("all files of /proc/PID", () => {
  it("agree with each other and with the page tables, whatever the tasks do", () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 5, maxLength: 60 }), (operations) => {
        const kernel = boot({ memory: "2MiB" });
        const tasks = [spawnWith(kernel, "p0", 64)];
        mapPages(kernel, tasks[0], 100, 16, READ_WRITE, SHARED_ANON);
        for (const [kind, nth, page] of operations) {
          const task = tasks[nth % tasks.length];
          if (kind === "fork" && tasks.length < 4) tasks.push(kernel.fork(task));
          else if (kind === "read") kernel.read(task, at(page));
          else if (kind === "dontneed") kernel.madvise(task, at(page), 4 * 4096, MADV_DONTNEED);
          else if (kind === "fill") fill(kernel, task, 0, 64);
          else kernel.write(task, at(page < 64 ? page : 100 + (page % 16)), page);
        }
        const living = tasks.filter((task) => !task.hasExited);
        for (const task of living) checkFiles(kernel, task);
      }),
      { numRuns: 12, seed: 18 },
    );
  });
});

const operation = fc.tuple(
  fc.constantFrom("write", "write", "read", "fill", "fork", "dontneed"),
  fc.nat(3),
  fc.nat(79),
);

/** Compares smaps, status, pagemap and kpagecount of a task. */
function checkFiles(kernel: Kernel, task: Task): void {
  const mem = Object.fromEntries(taskMemFields(kernel.proc.mem(task)!));
  let [rss, anonymous, swap, pss] = [0, 0, 0, 0];
  let [nrPresent, nrSwapped, nrFile, pssOfPages] = [0, 0, 0, 0];
  for (const { startVpn, endVpn, stats } of kernel.proc.smaps(task)) {
    rss += stats.resident / 1024;
    anonymous += stats.anonymous / 1024;
    swap += stats.swap / 1024;
    pss += stats.pss;
    const { sharedClean, sharedDirty, privateClean, privateDirty } = stats;
    expect(sharedClean + sharedDirty + privateClean + privateDirty).toBe(stats.resident);
    for (const entry of kernel.proc.pagemap(task, startVpn, endVpn - startVpn)) {
      const has = (bit: number): boolean => ((entry >> BigInt(bit)) & 1n) === 1n;
      const pfn = Number(entry & ((1n << 55n) - 1n));
      if (has(PM_SWAP_BIT)) nrSwapped++;
      if (has(PM_FILE_BIT)) nrFile++;
      if (!has(PM_PRESENT_BIT) || pfn === kernel.sys.zeroPfn) continue;
      nrPresent++;
      const count = kernel.proc.kpagecount(pfn);
      expect(has(PM_MMAP_EXCLUSIVE_BIT)).toBe(count === 1);
      pssOfPages += Math.floor((4096 * 4096) / count);
    }
  }
  expect([rss, anonymous, swap]).toEqual([mem["VmRSS"], mem["RssAnon"], mem["VmSwap"]]);
  expect([4 * nrPresent, 4 * nrSwapped]).toEqual([mem["VmRSS"], mem["VmSwap"]]);
  expect(4 * nrFile).toBe(mem["RssFile"] + mem["RssShmem"]);
  expect(pss).toBe(pssOfPages);
}

describe("/proc/PID/oom_score", () => {
  it("is two thirds of a thousand and the thousandths of memory, 0 for init and for a child of vfork", () => {
    const kernel = boot({ memory: "16MiB", swap: [] });
    const init = kernel.sys.tasks.get(1)!;
    const task = spawnWith(kernel, "big", 2000);
    fill(kernel, task, 0, 2000);
    const total = kernel.sys.frames.zones.reduce((sum, zone) => sum + zone.managedPages, 0);
    // Of 2000 pages the CPU holds back the last 16: it counts in batches of 32.
    const points = 1984 + task.mm.nrTablePages - 1;
    const score = Math.trunc(((1000 + Math.trunc((points * 1000) / total)) * 2) / 3);
    expect(kernel.proc.oomScore(task)).toBe(score);
    kernel.setOomScoreAdj(task, -1000);
    const child = kernel.vfork(spawnWith(kernel, "parent", 1));
    expect([kernel.proc.oomScore(task), kernel.proc.oomScore(init), kernel.proc.oomScore(child)]).toEqual([
      0, 0, 0,
    ]);
  });
});
