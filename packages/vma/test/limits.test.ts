import { describe, expect, it } from "vitest";
import { MAP_FIXED, MAP_LOCKED, MAP_NORESERVE, PAGE_SIZE, PROT_NONE, PROT_READ } from "@pageframe/contracts";
import { OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER, VmCommit } from "@pageframe/vma";
import { ANON, RW, map, named, newSpace, protect, unmap } from "./helpers.ts";

describe("Limits of one process", () => {
  it("ends at the task size of its machine, and places everything below that", () => {
    // 256 GiB of Sv39: 2^26 pages, the mmap base 128 MiB below, a third upwards by default.
    const mm = newSpace({ taskSizeVpn: 2 ** 26 });
    expect([mm.mmapBase, mm.mmapLegacyBase]).toEqual([2 ** 26 - 32768, 22369622]);
    const end = 2 ** 26 * PAGE_SIZE;
    expect(mm.mmap(0, PAGE_SIZE, RW, ANON)).toBe(end - 32769 * PAGE_SIZE);
    expect(named(mm.mmap(end, PAGE_SIZE, RW, ANON | MAP_FIXED))).toBe("ENOMEM");
    expect(named(mm.munmap(end, PAGE_SIZE))).toBe("EINVAL");
    expect(mm.setupStack()).toBe(0);
    expect(mm.startStack).toBe(end - 8);
    mm.startBrk = end - 64 * PAGE_SIZE;
    mm.brkAddress = mm.startBrk;
    expect(mm.brk(end + PAGE_SIZE)).toBe(mm.startBrk);
    mm.checkInvariants();
    expect(() => newSpace({ taskSizeVpn: 2 ** 36 })).toThrow(
      "EINVAL: taskSizeVpn (68719476736) must be an integer from 1 to 34359738368",
    );
  });

  // Answers: recorded on Linux 6.18.15 with RLIMIT_AS set to 64 kB above what was mapped.
  it("counts every mapping against RLIMIT_AS, also inaccessible ones", () => {
    const mm = newSpace();
    map(mm, 0, 16);
    mm.rlimitAsBytes = 32 * PAGE_SIZE;
    expect([map(mm, 16, 8), map(mm, 24, 9), map(mm, 24, 8), map(mm, 32, 1)]).toEqual([
      16,
      "ENOMEM",
      24,
      "ENOMEM",
    ]);
    unmap(mm, 24, 8);
    expect(map(mm, 24, 8, PROT_NONE)).toBe(24);
    mm.rlimitDataBytes = 0;
    mm.rlimitDataMaxBytes = 0;
    expect([map(mm, 100, 1), map(mm, 100, 1, PROT_READ)]).toEqual(["ENOMEM", "ENOMEM"]);
    // It turns data over the limit, but was over RLIMIT_AS before as well.
    expect(protect(mm, 24, 8, RW)).toBe(0);
  });

  it("replaces mappings at the limit", () => {
    const mm = newSpace({ rlimitAsBytes: 8 * PAGE_SIZE });
    map(mm, 0, 8);
    expect([map(mm, 2, 6, PROT_READ), map(mm, 2, 7)]).toEqual([2, "ENOMEM"]);
  });

  it("counts private writable memory against RLIMIT_DATA, also when mprotect makes it", () => {
    const mm = newSpace({ rlimitDataBytes: 4 * PAGE_SIZE });
    mm.rlimitDataMaxBytes = 4 * PAGE_SIZE;
    expect([map(mm, 0, 4), map(mm, 4, 1), map(mm, 4, 4, PROT_READ)]).toEqual([0, "ENOMEM", 4]);
    expect(protect(mm, 4, 1, RW)).toBe("ENOMEM");
  });

  it("counts locked memory of unprivileged processes against RLIMIT_MEMLOCK", () => {
    const mm = newSpace({ rlimitMemlockBytes: 3 * PAGE_SIZE });
    expect(map(mm, 0, 4, RW, ANON | MAP_LOCKED)).toBe(0);
    mm.isPrivileged = false;
    expect(map(mm, 10, 1, RW, ANON | MAP_LOCKED)).toBe("EAGAIN");
    unmap(mm, 0, 2);
    expect(map(mm, 10, 1, RW, ANON | MAP_LOCKED)).toBe(10);
    mm.rlimitMemlockBytes = 0;
    expect(map(mm, 20, 1, RW, ANON | MAP_LOCKED)).toBe("EPERM");
  });

  it("keeps unprivileged processes above mmap_min_addr", () => {
    const mm = newSpace({ isPrivileged: false });
    expect(named(mm.mmap(PAGE_SIZE, PAGE_SIZE, RW, ANON | 0x10))).toBe("EPERM");
    mm.isPrivileged = true;
    expect(mm.mmap(PAGE_SIZE, PAGE_SIZE, RW, ANON | 0x10)).toBe(PAGE_SIZE);
  });
});

describe("VmCommit", () => {
  it("computes CommitLimit of recorded machines", () => {
    // 21872 pages of RAM: 43744 kB without swap, 305884 kB with 65535 pages of it (Linux 6.18.15).
    expect(new VmCommit(21872).commitLimitPages * 4).toBe(43744);
    expect(new VmCommit(21872, 65535).commitLimitPages * 4).toBe(305884);
    const fixed = new VmCommit(21872, 100);
    fixed.setOvercommitKib(4000);
    expect([fixed.commitLimitPages, fixed.overcommitRatio]).toEqual([1100, 0]);
    fixed.setOvercommitRatio(100);
    expect(fixed.commitLimitPages).toBe(21972);
  });

  it("refuses only what exceeds all memory in heuristic mode", () => {
    const commit = new VmCommit(1000, 24);
    expect([commit.charge(1024, 0, false), commit.charge(1024, 0, false)]).toEqual([0, 0]);
    expect([named(commit.charge(1025, 0, false)), commit.committedPages]).toEqual(["ENOMEM", 2048]);
    commit.setOvercommitMemory(OVERCOMMIT_ALWAYS);
    expect(commit.charge(1e9, 0, false)).toBe(0);
  });

  it("keeps the limit less the reserves in strict mode", () => {
    const commit = new VmCommit(20000);
    commit.setOvercommitMemory(OVERCOMMIT_NEVER);
    commit.adminReserveKib = 4000;
    commit.userReserveKib = 400;
    // 10000 pages; 1000 of them for root; of the rest 1/32 of the process or 100 pages.
    expect(named(commit.charge(9900, 3200, true))).toBe("ENOMEM");
    expect(commit.charge(8899, 1e6, false)).toBe(0);
    expect(named(commit.charge(78, 1e6, false))).toBe("ENOMEM");
    expect(commit.charge(1000, 3200, true)).toBe(0);
    commit.uncharge(9899);
    expect(commit.committedPages).toBe(0);
    commit.checkInvariants();
  });

  it("lets a CPU pass the strict limit by less than its batch, 1/256 of RAM", () => {
    const commit = new VmCommit(20000);
    commit.setOvercommitMemory(OVERCOMMIT_NEVER);
    expect([commit.charge(9999, 0, true), commit.charge(77, 0, true)]).toEqual([0, 0]);
    expect(commit.committedPages).toBe(10076);
    expect(named(commit.charge(1, 0, true))).toBe("ENOMEM");
    // The refused page made the CPU hand in all that it had.
    commit.uncharge(76);
    expect([named(commit.charge(1, 0, true)), commit.committedPages]).toEqual(["ENOMEM", 10000]);
    commit.checkInvariants();
  });

  it("reserves 3 % of what is free at boot, at most 128 MiB and 8 MiB", () => {
    const commit = new VmCommit(21872);
    // Recorded on Linux 6.18.15 with 128 MiB: 2157 kB both.
    commit.initReserves(17260);
    expect([commit.userReserveKib, commit.adminReserveKib]).toEqual([2157, 2157]);
    commit.initReserves(262144);
    expect([commit.userReserveKib, commit.adminReserveKib]).toEqual([32768, 8192]);
    commit.initReserves(2 ** 24);
    expect([commit.userReserveKib, commit.adminReserveKib]).toEqual([131072, 8192]);
  });

  it("is not charged for MAP_NORESERVE unless strict", () => {
    const mm = newSpace();
    map(mm, 0, 4, RW, ANON | MAP_NORESERVE);
    expect(mm.commit.committedPages).toBe(0);
    mm.commit.setOvercommitMemory(OVERCOMMIT_NEVER);
    map(mm, 10, 4, RW, ANON | MAP_NORESERVE);
    expect(mm.commit.committedPages).toBe(4);
  });

  it("charges the difference when a mapping replaces another", () => {
    const mm = newSpace();
    map(mm, 0, 10);
    map(mm, 5, 10);
    expect(mm.commit.committedPages).toBe(15);
    map(mm, 0, 5, PROT_READ);
    expect(mm.commit.committedPages).toBe(10);
  });
});
