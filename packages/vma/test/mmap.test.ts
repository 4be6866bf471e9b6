import { describe, expect, it } from "vitest";
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  NO_PAGES_HOST,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  TASK_SIZE,
  VM_ACCOUNT,
  VM_HUGETLB,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYWRITE,
  VM_NOHUGEPAGE,
  VM_NORESERVE,
  VM_SHARED,
} from "@pageframe/contracts";
import {
  FILE_HUGETLB,
  FILE_NOEXEC,
  FILE_THP_ALIGNED,
  FMODE_READ,
  FMODE_WRITE,
  NO_FILE,
  mmapBaseVpn,
} from "@pageframe/vma";
import { ANON, ARENA, RW, check, map, maps, named, newSpace } from "./helpers.ts";

const AT = ARENA * PAGE_SIZE;
/** Page below which a process without randomisation maps: 0x7ffff7fff000. */
const BASE = 0x7ffff7fff;

describe("mmapBaseVpn", () => {
  it("leaves 128 MiB for the usual stack, its limit and guard gap for a large one, 5/6 at most", () => {
    expect(mmapBaseVpn(8 * 2 ** 20)).toBe(BASE);
    expect(mmapBaseVpn(2 ** 30)).toBe(0x7ffffffff - 0x40000 - 256);
    expect(mmapBaseVpn(Infinity)).toBe(
      Math.ceil((0x7ffffffff000 - Math.floor(0x7ffffffff000 / 6) * 5) / 4096),
    );
  });
});

describe("mmap", () => {
  it("places mappings top-down below the base, into the highest gap that fits", () => {
    const mm = newSpace();
    const any = (nrPages: number, prot = RW): number =>
      BASE - mm.mmap(0, nrPages * PAGE_SIZE, prot, ANON) / PAGE_SIZE;
    expect(any(2)).toBe(2);
    expect(any(3, PROT_READ)).toBe(5);
    expect(any(4)).toBe(9);
    mm.munmap((BASE - 5) * PAGE_SIZE, 3 * PAGE_SIZE);
    expect(any(4)).toBe(13);
    expect(any(3)).toBe(5);
    check(mm);
  });

  it("aligns multiples of 2 MiB to 2 MiB, and nothing else", () => {
    const mm = newSpace();
    const huge = 512 * PAGE_SIZE;
    // 1024 pages are searched for, so that 512 of them are aligned: [0x7ffff7bff000, base) is found.
    expect(mm.mmap(0, huge, RW, ANON)).toBe(0x7ffff7c00000);
    expect(mm.mmap(0, huge + PAGE_SIZE, PROT_READ, ANON)).toBe(0x7ffff79ff000);
    expect(mm.mmap(0, 2 * huge, PROT_NONE, ANON)).toBe(0x7ffff7400000);
    const plain = newSpace({ isThpEnabled: false });
    expect(plain.mmap(0, huge, RW, ANON)).toBe(0x7ffff7dff000);
  });

  it("aligns files of file systems that ask for it by offset", () => {
    const mm = newSpace();
    const mode = FMODE_READ | FMODE_WRITE | FILE_THP_ALIGNED;
    const address = mm.mmap(0, 1100 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, 1, 100 * PAGE_SIZE, mode);
    // Offset 512 pages falls on a 2 MiB border: (address - 100 pages) is aligned.
    expect((address / PAGE_SIZE - 100) % 512).toBe(0);
    expect(address / PAGE_SIZE).toBeGreaterThan(BASE - 1100 - 512 - 1);
    expect(mm.mmap(0, 300 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, 1, 0, mode) / PAGE_SIZE).toBe(
      address / PAGE_SIZE + 1100 < BASE - 300 ? BASE - 300 : address / PAGE_SIZE - 300,
    );
  });

  it("takes a free hint rounded down to its page, and goes elsewhere when it is taken", () => {
    const mm = newSpace();
    expect(mm.mmap(AT + 5, PAGE_SIZE, RW, ANON)).toBe(AT);
    expect(mm.mmap(AT, PAGE_SIZE, RW, ANON)).toBe((BASE - 1) * PAGE_SIZE);
    expect(mm.mmap(PAGE_SIZE, PAGE_SIZE, RW, ANON)).toBe(16 * PAGE_SIZE);
    expect(mm.mmap(TASK_SIZE, PAGE_SIZE, RW, ANON)).toBe((BASE - 2) * PAGE_SIZE);
  });

  it("keeps the guard gap free below a growing mapping", () => {
    const mm = newSpace();
    mm.mmap((BASE - 300) * PAGE_SIZE, 300 * PAGE_SIZE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN);
    expect(mm.mmap(0, PAGE_SIZE, RW, ANON) / PAGE_SIZE).toBe(BASE - 300 - 256 - 1);
    expect(mm.mmap((BASE - 400) * PAGE_SIZE, PAGE_SIZE, RW, ANON) / PAGE_SIZE).toBe(BASE - 300 - 256 - 2);
  });

  it("goes bottom-up from a third of the address space when nothing is free below the base", () => {
    const mm = newSpace({ mmapBase: 20 });
    expect(mm.mmap(0, 4 * PAGE_SIZE, RW, ANON)).toBe(16 * PAGE_SIZE);
    expect(mm.mmap(0, PAGE_SIZE, RW, ANON)).toBe(0x2aaaaaaab000);
    expect(named(mm.mmap(0, TASK_SIZE, RW, ANON))).toBe("ENOMEM");
  });

  // Errors: recorded on Linux 6.18.15.
  it("refuses what Linux refuses, with its errno", () => {
    const mm = newSpace();
    const ret = (
      address: number,
      length: number,
      flags: number,
      fileId = NO_FILE,
      offset = 0,
    ): number | string => named(mm.mmap(address, length, RW, flags, fileId, offset));
    expect(ret(AT, 0, ANON)).toBe("EINVAL");
    expect(ret(AT + 5, PAGE_SIZE, ANON | MAP_FIXED_NOREPLACE)).toBe("EINVAL");
    expect(ret(AT, PAGE_SIZE, MAP_ANONYMOUS)).toBe("EINVAL");
    expect(ret(AT, PAGE_SIZE, MAP_PRIVATE)).toBe("EBADF");
    expect(ret(AT, PAGE_SIZE, MAP_PRIVATE, 1, 100)).toBe("EINVAL");
    expect(ret(AT, PAGE_SIZE, MAP_PRIVATE, 1, 2 ** 63)).toBe("EOVERFLOW");
    expect(ret(0, 2 ** 64, ANON)).toBe("ENOMEM");
    expect(ret(TASK_SIZE, PAGE_SIZE, ANON | MAP_FIXED)).toBe("ENOMEM");
    expect(ret(AT, PAGE_SIZE, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, 1)).toBe("EINVAL");
    map(mm, 0, 1);
    expect(ret(AT, PAGE_SIZE, ANON | MAP_FIXED_NOREPLACE)).toBe("EEXIST");
    expect(maps(mm)).toEqual(["0-1 rw-p"]);
  });

  it("holds a mapping to the rights of its file", () => {
    const mm = newSpace();
    const file = (prot: number, flags: number, mode: number): number | string => {
      const ret = mm.mmap(AT, PAGE_SIZE, prot, flags | MAP_FIXED, 1, 0, mode);
      return ret < 0 ? named(ret) : mm.pool.vmFlags[mm.findVma(ARENA)];
    };
    expect(file(RW, MAP_SHARED, FMODE_READ)).toBe("EACCES");
    expect(file(RW, MAP_SHARED_VALIDATE, FMODE_READ)).toBe("EACCES");
    expect(file(PROT_READ, MAP_PRIVATE, FMODE_WRITE)).toBe("EACCES");
    expect(file(PROT_EXEC, MAP_PRIVATE, FMODE_READ | FILE_NOEXEC)).toBe("EPERM");
    expect(file(PROT_READ, MAP_SHARED, FMODE_READ)).toSatisfy(
      (f: number) => (f & (VM_MAYWRITE | VM_SHARED)) === 0,
    );
    expect(named(mm.mprotect(AT, PAGE_SIZE, RW))).toBe("EACCES");
    expect(file(PROT_READ, MAP_PRIVATE, FMODE_READ | FILE_NOEXEC)).toSatisfy(
      (f: number) => (f & VM_MAYEXEC) === 0,
    );
    expect(file(RW, MAP_PRIVATE, FMODE_READ)).toSatisfy((f: number) => (f & VM_MAYWRITE) !== 0);
  });

  it("refuses flags that a file is not known to have only with MAP_SHARED_VALIDATE", () => {
    const mm = newSpace();
    const file = (flags: number): number | string =>
      named(mm.mmap(AT, PAGE_SIZE, RW, flags | MAP_FIXED_NOREPLACE, 1, 0, FMODE_READ));
    expect([file(MAP_SHARED_VALIDATE), file(MAP_SHARED)]).toEqual(["EOPNOTSUPP", "EACCES"]);
  });

  it("rounds and places hugetlb mappings by 2 MiB, and never cuts a huge page", () => {
    const mm = newSpace();
    const mode = FMODE_READ | FMODE_WRITE | FILE_HUGETLB;
    const address = mm.mmap(0, PAGE_SIZE, RW, ANON, 9, 0, mode);
    expect(address % (512 * PAGE_SIZE)).toBe(0);
    const vma = mm.findVma(address / PAGE_SIZE);
    expect(mm.pool.endVpn[vma] - mm.pool.startVpn[vma]).toBe(512);
    expect(mm.pool.vmFlags[vma] & (VM_HUGETLB | VM_ACCOUNT)).toBe(VM_HUGETLB);
    expect(named(mm.munmap(address, 100 * PAGE_SIZE))).toBe("EINVAL");
    expect(named(mm.mprotect(address, 100 * PAGE_SIZE, PROT_READ))).toBe("EINVAL");
    expect(named(mm.mmap(AT + PAGE_SIZE, PAGE_SIZE, RW, ANON | MAP_FIXED, 9, 0, mode))).toBe("EINVAL");
    expect(mm.munmap(address, 512 * PAGE_SIZE)).toBe(0);
    check(mm);
  });

  it("turns MAP_* into VM_*", () => {
    const mm = newSpace();
    const flagsOf = (flags: number): number => {
      map(mm, 0, 1, RW, ANON | flags);
      return mm.pool.vmFlags[mm.findVma(ARENA)] & (VM_ACCOUNT | VM_NORESERVE | VM_LOCKED | VM_NOHUGEPAGE);
    };
    expect(flagsOf(0)).toBe(VM_ACCOUNT);
    expect(flagsOf(MAP_NORESERVE)).toBe(VM_NORESERVE);
    expect(flagsOf(MAP_STACK)).toBe(VM_ACCOUNT | VM_NOHUGEPAGE);
    expect(flagsOf(MAP_LOCKED)).toBe(VM_ACCOUNT | VM_LOCKED);
    expect(mm.lockedVm).toBe(1);
    check(mm);
  });

  it("remembers the most that was mapped when some of it goes", () => {
    const mm = newSpace();
    map(mm, 0, 10);
    expect([mm.hiwaterVm, mm.peakVm]).toEqual([0, 10]);
    expect(mm.munmap(AT + 2 * PAGE_SIZE, 3 * PAGE_SIZE)).toBe(0);
    expect([mm.totalVm, mm.hiwaterVm, mm.peakVm]).toEqual([7, 10, 10]);
    map(mm, 20, 5);
    // Both places exist for a moment during a move; that does not count.
    expect(
      mm.mremap(
        AT + 20 * PAGE_SIZE,
        5 * PAGE_SIZE,
        5 * PAGE_SIZE,
        MREMAP_MAYMOVE | MREMAP_FIXED,
        AT + 40 * PAGE_SIZE,
      ),
    ).toBe(AT + 40 * PAGE_SIZE);
    expect([mm.totalVm, mm.hiwaterVm, mm.peakVm]).toEqual([12, 10, 12]);
    check(mm);
  });

  it("counts text, data and stack apart", () => {
    const mm = newSpace();
    map(mm, 0, 1, PROT_READ | PROT_EXEC);
    map(mm, 1, 2, RW);
    map(mm, 3, 4, RW, ANON | MAP_GROWSDOWN);
    map(mm, 7, 8, PROT_READ);
    map(mm, 15, 16, RW, MAP_SHARED | MAP_ANONYMOUS, 1);
    expect([mm.execVm, mm.dataVm, mm.stackVm, mm.totalVm]).toEqual([1, 2, 4, 31]);
    mm.unmapAll();
    expect([mm.execVm, mm.dataVm, mm.stackVm, mm.totalVm, mm.mapCount]).toEqual([0, 0, 0, 0, 0]);
    check(mm);
  });

  it("stops one above max_map_count, as Linux does", () => {
    const mm = newSpace({ maxMapCount: 3 });
    const results = [0, 2, 4, 6, 8].map((page) => map(mm, page, 1));
    expect(results).toEqual([0, 2, 4, 6, "ENOMEM"]);
  });

  it("leaves everything as it was when there is no memory for a VMA", () => {
    let nrLeft = 2;
    const host = { ...NO_PAGES_HOST, allocVmaObject: () => (nrLeft-- > 0 ? 64 : -1) };
    const mm = newSpace({}, host);
    map(mm, 0, 4);
    map(mm, 10, 4, PROT_READ);
    expect(map(mm, 20, 4)).toBe("ENOMEM");
    expect(map(mm, 10, 4, PROT_WRITE)).toBe("ENOMEM");
    expect(named(mm.munmap(AT + PAGE_SIZE, PAGE_SIZE))).toBe("ENOMEM");
    expect(named(mm.mprotect(AT + PAGE_SIZE, PAGE_SIZE, PROT_READ))).toBe("ENOMEM");
    expect(mm.brk(0)).toBe(0);
    expect(mm.brk(PAGE_SIZE)).toBe(0);
    expect(maps(mm)).toEqual(["0-4 rw-p", "10-14 r--p"]);
    expect(mm.commit.committedPages).toBe(4);
    check(mm);
  });
});
