import { describe, expect, it } from "vitest";
import { MAP_GROWSDOWN, PAGE_SIZE, PROT_NONE, TASK_SIZE_VPN } from "@pageframe/contracts";
import { ANON, ARENA, RW, check, map, maps, named, newSpace, write } from "./helpers.ts";

describe("Stack growth", () => {
  // Which writes fault and the maps after: recorded on Linux 6.18.15.
  it("grows down to any page as long as 256 pages stay free below", () => {
    const mm = newSpace();
    map(mm, 1000, 4, RW, ANON | MAP_GROWSDOWN);
    expect([write(mm, 1003), write(mm, 999), maps(mm)]).toEqual([true, true, ["999-1004 rw-p"]]);
    expect([write(mm, 980), maps(mm)]).toEqual([true, ["980-1004 rw-p"]]);
    map(mm, 700, 4);
    expect([900, 961, 960, 959].map((page) => write(mm, page))).toEqual([false, true, true, false]);
    expect(maps(mm)).toEqual(["700-704 rw-p", "960-1004 rw-p"]);
    expect(mm.pool.pgoff[mm.findVma(ARENA + 960)]).toBe(ARENA + 960);
    check(mm);
  });

  it("grows up to an inaccessible mapping, and up to another stack", () => {
    const mm = newSpace();
    map(mm, 2000, 4, RW, ANON | MAP_GROWSDOWN);
    map(mm, 1800, 4, PROT_NONE);
    expect([write(mm, 1900), write(mm, 1804)]).toEqual([true, true]);
    expect(maps(mm)).toEqual(["1800-1804 ---p", "1804-2004 rw-p"]);
    map(mm, 1800, 2, RW, ANON | MAP_GROWSDOWN);
    map(mm, 1802, 2, PROT_NONE);
    expect(write(mm, 1700)).toBe(true);
    check(mm);
  });

  it("stops at RLIMIT_STACK", () => {
    const mm = newSpace({ rlimitStackBytes: 65536 });
    map(mm, 3000, 4, RW, ANON | MAP_GROWSDOWN);
    expect([write(mm, 2990), write(mm, 2980), write(mm, 2988), write(mm, 2987)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(maps(mm)).toEqual(["2988-3004 rw-p"]);
  });

  it("names the reason when there is nothing to grow", () => {
    const mm = newSpace({ rlimitAsBytes: 6 * PAGE_SIZE });
    expect(named(mm.expandStack(ARENA))).toBe("EFAULT");
    map(mm, 10, 4);
    expect(named(mm.expandStack(ARENA))).toBe("EFAULT");
    expect(mm.expandStack(ARENA + 11)).toBe(0);
    map(mm, 10, 4, RW, ANON | MAP_GROWSDOWN);
    expect(named(mm.expandStack(ARENA + 7))).toBe("ENOMEM");
    expect(named(mm.expandStack(15))).toBe("EPERM");
    expect(mm.expandStack(ARENA + 8)).toBe(0);
    expect([mm.stackVm, mm.commit.committedPages]).toEqual([6, 6]);
    check(mm);
  });

  it("puts the initial stack at the top of user space", () => {
    const mm = newSpace();
    expect(mm.setupStack()).toBe(0);
    const vma = mm.findVma(TASK_SIZE_VPN - 1);
    // [stack] of a process without randomisation: 7ffffffde000-7ffffffff000.
    expect([mm.pool.startVpn[vma], mm.pool.endVpn[vma]]).toEqual([0x7ffffffde, 0x7ffffffff]);
    expect(mm.isStackVma(vma)).toBe(true);
    expect(named(mm.setupStack())).toBe("ENOMEM");
    map(mm, 0, 1);
    expect(mm.isStackVma(mm.findVma(ARENA))).toBe(false);
    check(mm);
  });
});
