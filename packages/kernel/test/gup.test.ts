/**
 * get_user_pages and pin_user_pages.
 * Expectations: Linux 6.18 mm/gup.c; Documentation/core-api/pin_user_pages.rst.
 */
import {
  EFAULT,
  EINVAL,
  FOLL_GET,
  FOLL_LONGTERM,
  FOLL_NOFAULT,
  FOLL_PIN,
  FOLL_WRITE,
  GUP_PIN_COUNTING_BIAS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  PG_ANON_EXCLUSIVE,
  PG_DIRTY,
  type Pfn,
  PROT_NONE,
  PROT_READ,
  PTE_RW,
  ptePfn,
  PTE_SPECIAL,
} from "@pageframe/contracts";
import {
  bootKernel,
  type Kernel,
  type KernelConfigInput,
  pageCanMigrate,
  pageExpectedRefCount,
  pageMaybeDmaPinned,
  type Task,
} from "@pageframe/kernel";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import {
  ARENA_VPN,
  at,
  countersOf,
  faultsOf,
  fill,
  mapPages,
  READ_WRITE,
  SHARED_ANON,
  spawnWith,
  wrongPages,
} from "./helpers.ts";

let kernel: Kernel;

function boot(config: KernelConfigInput = {}): Kernel {
  kernel = bootKernel({ memory: "4MiB", swap: [{ size: "8MiB" }], contents: "sparse", ...config });
  return kernel;
}

afterEach(() => kernel.audit());

/** Frames that pinning gives; fails the test when it gives an error. */
function pin(task: Task, page: number, nrPages: number, gupFlags = 0): Pfn[] {
  const pfns = kernel.pinUserPages(task, at(page), nrPages, gupFlags);
  if (typeof pfns === "number") throw new Error(`pinning failed with ${pfns}`);
  return pfns;
}

function get(task: Task, page: number, nrPages: number, gupFlags = 0): Pfn[] {
  const pfns = kernel.getUserPages(task, at(page), nrPages, gupFlags);
  if (typeof pfns === "number") throw new Error(`getting failed with ${pfns}`);
  return pfns;
}

/** Both halves of the entry that maps a page of the arena. */
function entryOf(task: Task, page: number): { lo: number; pfn: Pfn } {
  const { pageTable } = task.mm;
  const entry = pageTable.findEntry(ARENA_VPN + page);
  const lo = pageTable.entryLo(entry);
  return { lo, pfn: ptePfn(lo, pageTable.entryHi(entry)) };
}

describe("getting user pages", () => {
  it("faults in what is missing, writable on demand, and counts as the task's own faults", () => {
    boot();
    const task = spawnWith(kernel, "test", 8);
    let pfns: Pfn[] = [];
    const counters = countersOf(kernel, ["pgfault", "pgmajfault"], () => {
      expect(faultsOf(task, () => (pfns = get(task, 0, 3, FOLL_WRITE)))).toEqual([3, 0]);
    });
    expect(counters).toEqual({ pgfault: 3, pgmajfault: 0 });
    expect(pfns).toEqual([0, 1, 2].map((page) => entryOf(task, page).pfn));
    // One reference of the mapping, one of the LRU batch it still waits in, one of ours.
    kernel.sys.lru.drainAll();
    expect(pfns.map((pfn) => kernel.sys.memmap.refcount[pfn])).toEqual([2, 2, 2]);
    kernel.putUserPages(pfns);
    expect(pfns.map((pfn) => kernel.sys.memmap.refcount[pfn])).toEqual([1, 1, 1]);
    // Nothing is left to fault: the task writes at once.
    expect(faultsOf(task, () => fill(kernel, task, 0, 3))).toEqual([0, 0]);
  });

  it("gives the page of zeros to who only reads untouched memory, without holding it", () => {
    boot();
    const task = spawnWith(kernel, "test", 1);
    const before = kernel.sys.memmap.refcount[kernel.sys.zeroPfn];
    const pfns = get(task, 0, 1);
    expect(pfns).toEqual([kernel.sys.zeroPfn]);
    expect(pin(task, 0, 1)).toEqual(pfns);
    expect(kernel.sys.memmap.refcount[kernel.sys.zeroPfn]).toBe(before);
    expect(kernel.proc.vmstat()["nr_foll_pin_acquired"]).toBe(0);
    kernel.putUserPages(pfns);
    kernel.unpinUserPages(pfns);
  });

  it("returns what came before a hole, and -EFAULT when that is nothing", () => {
    boot();
    const task = spawnWith(kernel, "test", 2);
    const pfns = get(task, 0, 5);
    expect(pfns.length).toBe(2);
    kernel.putUserPages(pfns);
    expect(kernel.getUserPages(task, at(2), 1)).toBe(-EFAULT);
    expect(kernel.getUserPages(task, at(0), 0)).toEqual([]);
    // Any byte of a page names it.
    expect(kernel.getUserPages(task, at(0) + 4095, 1)).toEqual([kernel.sys.zeroPfn]);
  });

  it("does not grow a stack", () => {
    boot();
    const task = kernel.spawn("test");
    expect(task.mm.space.setupStack()).toBe(0);
    const below = task.mm.space.pool.startVpn[task.mm.space.firstVma] * PAGE_SIZE - PAGE_SIZE;
    expect(kernel.getUserPages(task, below, 1, FOLL_WRITE)).toBe(-EFAULT);
    expect(kernel.write(task, below, 1)).toBeNull();
  });

  it("needs the mapping's right: write, or read", () => {
    boot();
    const task = kernel.spawn("test");
    mapPages(kernel, task, 0, 1, PROT_READ);
    mapPages(kernel, task, 1, 1, PROT_NONE);
    expect(kernel.getUserPages(task, at(0), 1, FOLL_WRITE)).toBe(-EFAULT);
    expect(kernel.getUserPages(task, at(1), 1)).toBe(-EFAULT);
    expect(kernel.getUserPages(task, at(0), 1)).toEqual([kernel.sys.zeroPfn]);
  });

  it("faults nothing in with FOLL_NOFAULT", () => {
    boot();
    const task = spawnWith(kernel, "test", 2);
    fill(kernel, task, 0, 1);
    expect(faultsOf(task, () => kernel.getUserPages(task, at(1), 1, FOLL_NOFAULT))).toEqual([0, 0]);
    const pfns = get(task, 0, 2, FOLL_NOFAULT | FOLL_WRITE);
    expect(pfns).toEqual([entryOf(task, 0).pfn]);
    kernel.putUserPages(pfns);
  });

  it("takes no flags that are the kernel's own, and FOLL_LONGTERM with a pin only", () => {
    boot();
    const task = spawnWith(kernel, "test", 1);
    expect(kernel.getUserPages(task, at(0), 1, FOLL_LONGTERM)).toBe(-EINVAL);
    for (const flag of [FOLL_PIN, FOLL_GET]) {
      expect(kernel.getUserPages(task, at(0), 1, flag)).toBe(-EINVAL);
      expect(kernel.pinUserPages(task, at(0), 1, flag)).toBe(-EINVAL);
    }
  });

  it("breaks copy-on-write for who will write", () => {
    boot();
    const parent = spawnWith(kernel, "parent", 1);
    fill(kernel, parent, 0, 1, 7);
    const shared = entryOf(parent, 0).pfn;
    const child = kernel.fork(parent);
    const read = get(child, 0, 1);
    expect(read).toEqual([shared]);
    const written = get(child, 0, 1, FOLL_WRITE);
    expect(written[0]).not.toBe(shared);
    expect(entryOf(child, 0)).toMatchObject({ pfn: written[0] });
    kernel.sys.contents.writeByte(written[0], 0, 99);
    expect([kernel.read(child, at(0)), kernel.read(parent, at(0))]).toEqual([99, 8]);
    kernel.putUserPages([...read, ...written]);
  });

  it("brings a page back from swap as a major fault", () => {
    boot({ memory: "1MiB" });
    const task = spawnWith(kernel, "test", 400);
    expect(fill(kernel, task, 0, 400)).toBe(true);
    expect(kernel.proc.vmstat()["pswpout"]).toBeGreaterThan(0);
    let pfns: Pfn[] = [];
    expect(faultsOf(task, () => (pfns = get(task, 0, 1)))).toEqual([0, 1]);
    expect(kernel.sys.contents.readByte(pfns[0], 0)).toBe(1);
    kernel.putUserPages(pfns);
  });
});

describe("pinning user pages", () => {
  it("counts 1024 references for each pin, and the pins in vmstat", () => {
    boot();
    const task = spawnWith(kernel, "test", 2);
    fill(kernel, task, 0, 2);
    kernel.sys.lru.drainAll();
    const { refcount } = kernel.sys.memmap;
    const first = pin(task, 0, 2, FOLL_WRITE);
    const second = pin(task, 0, 1);
    expect(GUP_PIN_COUNTING_BIAS).toBe(1024);
    expect(first.map((pfn) => refcount[pfn])).toEqual([2049, 1025]);
    expect(first.map((pfn) => pageMaybeDmaPinned(kernel.sys, pfn))).toEqual([true, true]);
    const counts = (): number[] =>
      ["nr_foll_pin_acquired", "nr_foll_pin_released"].map((name) => kernel.proc.vmstat()[name]);
    expect(counts()).toEqual([3, 0]);
    kernel.unpinUserPages(second);
    kernel.unpinUserPages(first);
    expect(counts()).toEqual([3, 3]);
    expect(first.map((pfn) => [refcount[pfn], pageMaybeDmaPinned(kernel.sys, pfn)])).toEqual([
      [1, false],
      [1, false],
    ]);
  });

  it("cannot tell 1024 plain references from a pin", () => {
    boot();
    const task = spawnWith(kernel, "test", 1);
    fill(kernel, task, 0, 1);
    kernel.sys.lru.drainAll();
    const many = Array.from({ length: 1023 }, () => get(task, 0, 1)[0]);
    expect(pageMaybeDmaPinned(kernel.sys, many[0])).toBe(true);
    kernel.putUserPages(many.slice(1));
    expect(pageMaybeDmaPinned(kernel.sys, many[0])).toBe(false);
    kernel.putUserPages(many.slice(0, 1));
  });

  it("makes the page the mapping's own before it is read, so that later writes stay visible", () => {
    boot();
    const parent = spawnWith(kernel, "parent", 1);
    fill(kernel, parent, 0, 1, 7);
    const shared = entryOf(parent, 0).pfn;
    const child = kernel.fork(parent);
    // Read-only and shared: FAULT_FLAG_UNSHARE copies, and leaves the entry read-only.
    const [pinned] = pin(child, 0, 1);
    expect(pinned).not.toBe(shared);
    const entry = entryOf(child, 0);
    expect([entry.pfn, entry.lo & PTE_RW]).toEqual([pinned, 0]);
    expect(kernel.sys.memmap.hasFlags(pinned, PG_ANON_EXCLUSIVE)).toBe(true);
    expect(kernel.sys.contents.readByte(pinned, 0)).toBe(8);
    // The write that follows reuses the page: the device sees it.
    expect(kernel.write(child, at(0), 55)).toBeNull();
    expect(entryOf(child, 0).pfn).toBe(pinned);
    expect(kernel.sys.contents.readByte(pinned, 0)).toBe(55);
    expect(kernel.read(parent, at(0))).toBe(8);
    kernel.unpinUserPages([pinned]);
  });

  it("takes over without a copy when nobody else maps the page any more", () => {
    boot();
    const parent = spawnWith(kernel, "parent", 1);
    fill(kernel, parent, 0, 1);
    const { pfn } = entryOf(parent, 0);
    kernel.exit(kernel.fork(parent));
    expect(kernel.sys.memmap.hasFlags(pfn, PG_ANON_EXCLUSIVE)).toBe(false);
    // Exclusive from now on, and as read-only as before: nobody has written.
    const counters = countersOf(kernel, ["pgfault", "pgreuse"], () =>
      expect(pin(parent, 0, 1)).toEqual([pfn]),
    );
    expect(counters).toEqual({ pgfault: 1, pgreuse: 0 });
    expect(kernel.sys.memmap.hasFlags(pfn, PG_ANON_EXCLUSIVE)).toBe(true);
    expect(entryOf(parent, 0).lo & PTE_RW).toBe(0);
    kernel.unpinUserPages([pfn]);
  });

  it("for long takes a page of its own instead of the page of zeros or of a file", () => {
    boot();
    const task = spawnWith(kernel, "test", 1);
    mapPages(kernel, task, 1, 1, READ_WRITE, MAP_PRIVATE | MAP_FIXED, kernel.openFile("/file"));
    for (const page of [0, 1]) kernel.read(task, at(page));
    expect(entryOf(task, 0).lo & PTE_SPECIAL).toBe(PTE_SPECIAL);
    const inFile = entryOf(task, 1).pfn;
    const short = pin(task, 0, 2);
    expect(short).toEqual([kernel.sys.zeroPfn, inFile]);
    const long = pin(task, 0, 2, FOLL_LONGTERM);
    expect(long).toEqual([entryOf(task, 0).pfn, entryOf(task, 1).pfn]);
    expect(long).not.toContain(kernel.sys.zeroPfn);
    expect(long).not.toContain(inFile);
    // Later writes go to the pinned frames.
    for (const page of [0, 1]) kernel.write(task, at(page), 60 + page);
    expect(long.map((pfn) => kernel.sys.contents.readByte(pfn, 0))).toEqual([60, 61]);
    kernel.unpinUserPages([...short, ...long]);
  });

  it("for long and for writing is refused where a file must learn of writes, not for shared anonymous memory", () => {
    boot();
    const task = kernel.spawn("test");
    mapPages(kernel, task, 0, 1, READ_WRITE, MAP_SHARED | MAP_FIXED, kernel.openFile("/file"));
    mapPages(kernel, task, 1, 1, READ_WRITE, SHARED_ANON);
    expect(kernel.pinUserPages(task, at(0), 1, FOLL_WRITE | FOLL_LONGTERM)).toBe(-EFAULT);
    const short = pin(task, 0, 1, FOLL_WRITE);
    const shmem = pin(task, 1, 1, FOLL_WRITE | FOLL_LONGTERM);
    kernel.unpinUserPages([...short, ...shmem], true);
    expect(kernel.sys.memmap.hasFlags(short[0], PG_DIRTY)).toBe(true);
  });

  it("keeps the frame after the mapping is gone, until the last pin is", () => {
    boot();
    const task = spawnWith(kernel, "test", 1);
    fill(kernel, task, 0, 1, 41);
    const [pfn] = pin(task, 0, 1, FOLL_WRITE);
    kernel.exit(task);
    kernel.audit();
    expect(kernel.sys.memmap.refcount[pfn]).toBe(1024);
    expect(kernel.sys.contents.readByte(pfn, 0)).toBe(42);
    kernel.unpinUserPages([pfn]);
    expect(kernel.sys.memmap.refcount[pfn]).toBe(0);
  });

  it("is undone as often as it was done, not more", () => {
    boot();
    const task = spawnWith(kernel, "test", 1);
    fill(kernel, task, 0, 1);
    const pfns = pin(task, 0, 1);
    kernel.unpinUserPages(pfns);
    expect(() => kernel.unpinUserPages(pfns)).toThrow(/is unpinned more often than it was pinned/);
  });
});

describe("a pinned page", () => {
  it("is still the same frame after heavy memory pressure, and nobody else's bytes are lost", () => {
    boot({ memory: "2MiB", swap: [{ size: "16MiB" }] });
    const task = spawnWith(kernel, "device", 20);
    fill(kernel, task, 0, 20);
    const pfns = pin(task, 0, 10, FOLL_WRITE);
    const other = spawnWith(kernel, "pressure", 1500);
    for (let round = 0; round < 3; round++) {
      expect(fill(kernel, other, 0, 1500, round)).toBe(true);
      kernel.audit();
    }
    expect(pfns).toEqual(Array.from({ length: 10 }, (_, page) => entryOf(task, page).pfn));
    // The ten that were not pinned went, long since.
    expect(faultsOf(task, () => wrongPages(kernel, task, 10, 10))[1]).toBe(10);
    expect(faultsOf(task, () => expect(wrongPages(kernel, task, 0, 10)).toEqual([]))).toEqual([0, 0]);
    kernel.unpinUserPages(pfns);
    expect(fill(kernel, other, 0, 1500, 5)).toBe(true);
    expect(wrongPages(kernel, task, 0, 20)).toEqual([]);
    expect(wrongPages(kernel, other, 0, 1500, 5)).toEqual([]);
  });

  it("of a file stays in memory too", () => {
    boot({ memory: "2MiB", swap: [{ size: "16MiB" }] });
    const task = kernel.spawn("device");
    mapPages(kernel, task, 0, 4, READ_WRITE, MAP_SHARED | MAP_FIXED, kernel.openFile("/file"));
    const pfns = pin(task, 0, 2, FOLL_WRITE);
    for (const page of [2, 3]) kernel.read(task, at(page));
    const other = spawnWith(kernel, "pressure", 1500);
    for (let round = 0; round < 2; round++) expect(fill(kernel, other, 0, 1500, round)).toBe(true);
    expect(pfns.map((_, page) => kernel.sys.files.findPage(0, page))).toEqual(pfns);
    expect([2, 3].map((page) => kernel.sys.files.findPage(0, page))).toEqual([-1, -1]);
    kernel.unpinUserPages(pfns, true);
  });

  it("stays the parent's over fork, and the child has a copy that it may write at once", () => {
    boot();
    const parent = spawnWith(kernel, "parent", 3);
    fill(kernel, parent, 0, 3, 10);
    const pfns = pin(parent, 0, 1, FOLL_WRITE);
    const child = kernel.fork(parent);
    kernel.audit();
    // The page beside is shared, as ever.
    expect(entryOf(child, 1).pfn).toBe(entryOf(parent, 1).pfn);
    expect(entryOf(child, 0).pfn).not.toBe(pfns[0]);
    expect([entryOf(parent, 0).lo & PTE_RW, entryOf(child, 0).lo & PTE_RW]).toEqual([PTE_RW, PTE_RW]);
    // What the device writes reaches the parent alone.
    kernel.sys.contents.writeByte(pfns[0], 0, 200);
    expect([kernel.read(parent, at(0)), kernel.read(child, at(0))]).toEqual([200, 11]);
    expect(faultsOf(child, () => kernel.write(child, at(0), 5))).toEqual([0, 0]);
    expect(faultsOf(parent, () => kernel.write(parent, at(0), 201))).toEqual([0, 0]);
    expect(kernel.sys.contents.readByte(pfns[0], 0)).toBe(201);
    kernel.unpinUserPages(pfns, true);
    // A child that pinned nothing shares with its own child what a parent would copy.
    expect(child.mm.hasPinned).toBe(false);
  });

  it("is shared by fork when only plain references hold it", () => {
    boot();
    const parent = spawnWith(kernel, "parent", 1);
    fill(kernel, parent, 0, 1);
    const pfns = get(parent, 0, 1, FOLL_WRITE);
    const child = kernel.fork(parent);
    expect(entryOf(child, 0).pfn).toBe(pfns[0]);
    kernel.putUserPages(pfns);
  });

  it("cannot migrate; nor can one that anybody else refers to", () => {
    boot();
    const task = spawnWith(kernel, "test", 2);
    fill(kernel, task, 0, 2);
    const child = kernel.fork(task);
    mapPages(kernel, task, 2, 1, READ_WRITE, MAP_SHARED | MAP_FIXED, kernel.openFile("/file"));
    kernel.read(task, at(2));
    const { sys } = kernel;
    const mapped = [0, 1, 2].map((page) => entryOf(task, page).pfn);
    // They wait in an LRU batch, which holds them.
    expect(mapped.map((pfn) => pageCanMigrate(sys, pfn))).toEqual([false, false, false]);
    sys.lru.drainAll();
    // Two mappings; two; one mapping and the page cache.
    expect(mapped.map((pfn) => pageExpectedRefCount(sys, pfn))).toEqual([2, 2, 2]);
    expect(mapped.map((pfn) => pageCanMigrate(sys, pfn))).toEqual([true, true, true]);
    const held = get(child, 1, 1);
    const pinned = pin(task, 2, 1);
    expect(mapped.map((pfn) => pageCanMigrate(sys, pfn))).toEqual([true, false, false]);
    kernel.putUserPages(held);
    kernel.unpinUserPages(pinned);
    expect(mapped.map((pfn) => pageCanMigrate(sys, pfn))).toEqual([true, true, true]);
    // Tables, slabs and free frames are no pages of programs.
    expect(pageCanMigrate(sys, task.mm.pageTable.rootPfn)).toBe(false);
  });
});

describe("random pins", () => {
  const NR_PAGES = 12;

  it("always show the frame that the program sees, through writes, forks, swapping and copies", () => {
    const step = fc.record({
      op: fc.constantFrom(
        "write",
        "read",
        "pinRead",
        "pinWrite",
        "device",
        "unpin",
        "fork",
        "child",
        "exit",
        "pressure",
      ),
      page: fc.nat(NR_PAGES - 1),
      value: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
        boot({ memory: "1MiB", swap: [{ size: "8MiB" }] });
        const task = spawnWith(kernel, "pinned", NR_PAGES);
        const other = spawnWith(kernel, "pressure", 400);
        const bytes = new Uint8Array(NR_PAGES);
        let child: { task: Task; bytes: Uint8Array } | null = null;
        let pins: { page: number; pfn: Pfn; canWrite: boolean }[] = [];
        for (const { op, page, value } of steps) {
          if (op === "write") {
            expect(kernel.write(task, at(page), value)).toBeNull();
            bytes[page] = value;
          } else if (op === "read") {
            expect(kernel.read(task, at(page))).toBe(bytes[page]);
          } else if (op === "pinRead" || op === "pinWrite") {
            const canWrite = op === "pinWrite";
            const [pfn] = pin(task, page, 1, FOLL_LONGTERM | (canWrite ? FOLL_WRITE : 0));
            pins.push({ page, pfn, canWrite });
          } else if (op === "device") {
            const writable = pins.find((each) => each.page === page && each.canWrite);
            if (writable === undefined) continue;
            kernel.sys.contents.writeByte(writable.pfn, 0, value);
            bytes[page] = value;
          } else if (op === "unpin") {
            const gone = pins.filter((each) => each.page === page);
            for (const { pfn, canWrite } of gone) kernel.unpinUserPages([pfn], canWrite);
            pins = pins.filter((each) => each.page !== page);
          } else if (op === "fork") {
            child ??= { task: kernel.fork(task), bytes: bytes.slice() };
          } else if (op === "child" && child !== null) {
            expect(kernel.read(child.task, at(page))).toBe(child.bytes[page]);
            expect(kernel.write(child.task, at(page), value)).toBeNull();
            child.bytes[page] = value;
          } else if (op === "exit" && child !== null) {
            kernel.exit(child.task);
            child = null;
          } else if (op === "pressure") {
            expect(fill(kernel, other, 0, 400, value)).toBe(true);
          }
          kernel.audit();
          for (const { page: pinnedPage, pfn } of pins) {
            expect(entryOf(task, pinnedPage).pfn).toBe(pfn);
            expect(kernel.sys.contents.readByte(pfn, 0)).toBe(bytes[pinnedPage]);
            expect(pageCanMigrate(kernel.sys, pfn)).toBe(false);
          }
        }
        for (const { pfn } of pins) kernel.unpinUserPages([pfn]);
        expect(kernel.sys.gupRefs.size).toBe(0);
      }),
      { seed: Number(process.env["PAGEFRAME_SEED"] ?? 42), numRuns: 25 },
    );
  });
});
