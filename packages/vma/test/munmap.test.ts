import { describe, expect, it } from "vitest";
import { MAP_SHARED, NO_PAGES_HOST, PAGE_SIZE, TASK_SIZE, type AddressSpaceHost } from "@pageframe/contracts";
import { USER_PGTABLES_CEILING_VPN } from "@pageframe/vma";
import { ARENA, RW, check, map, maps, named, newSpace, unmap } from "./helpers.ts";

const AT = ARENA * PAGE_SIZE;

function recordingHost(calls: string[]): AddressSpaceHost {
  const page = (vpn: number): string =>
    vpn === USER_PGTABLES_CEILING_VPN ? "top" : String(Math.max(0, vpn - ARENA));
  return {
    ...NO_PAGES_HOST,
    unmapPages: (_mm, start, end) => calls.push(`unmap ${page(start)}-${page(end)}`),
    freePageTables: (_mm, start, end, floor, ceiling) =>
      calls.push(`tables ${page(start)}-${page(end)} in ${page(floor)}-${page(ceiling)}`),
    changeProtection: (_mm, start, end, vmFlags) =>
      calls.push(`protect ${page(start)}-${page(end)} ${vmFlags & 7}`),
    getFile: (fileId) => {
      calls.push(`get ${fileId}`);
      return fileId;
    },
    putFile: (fileId) => calls.push(`put ${fileId}`),
  };
}

describe("munmap", () => {
  it("unmaps pages of each VMA, then frees tables between the neighbours", () => {
    const calls: string[] = [];
    const mm = newSpace({}, recordingHost(calls));
    map(mm, 0, 4);
    map(mm, 10, 4);
    map(mm, 20, 10);
    map(mm, 40, 4);
    calls.length = 0;
    expect(unmap(mm, 8, 17)).toBe(0);
    expect(calls).toEqual(["unmap 10-14", "unmap 20-25", "tables 10-25 in 4-25"]);
    expect(maps(mm)).toEqual(["0-4 rw-p", "25-30 rw-p", "40-44 rw-p"]);
    calls.length = 0;
    unmap(mm, 0, 100);
    expect(calls).toEqual(["unmap 0-4", "unmap 25-30", "unmap 40-44", "tables 0-44 in 0-top"]);
    check(mm);
  });

  it("moves file references with splits, merges and the end of mappings", () => {
    const calls: string[] = [];
    const mm = newSpace({}, recordingHost(calls));
    map(mm, 0, 9, RW, MAP_SHARED, 7);
    unmap(mm, 3, 3);
    map(mm, 3, 3, RW, MAP_SHARED, 7, 3);
    mm.unmapAll();
    expect(calls.filter((call) => call.endsWith(" 7"))).toEqual([
      // mmap; two splits, one of which goes; the merge on both sides takes one more.
      ...["get 7", "get 7", "get 7", "put 7", "put 7", "put 7"],
    ]);
  });

  it("accepts a range without mappings and refuses bad ones as Linux 6.18.15 did", () => {
    const mm = newSpace();
    expect(unmap(mm, 150, 20)).toBe(0);
    expect(named(mm.munmap(AT + 1, PAGE_SIZE))).toBe("EINVAL");
    expect(named(mm.munmap(AT, 0))).toBe("EINVAL");
    expect(named(mm.munmap(TASK_SIZE + PAGE_SIZE, PAGE_SIZE))).toBe("EINVAL");
    expect(named(mm.munmap(AT, TASK_SIZE))).toBe("EINVAL");
    expect(mm.munmap(TASK_SIZE - PAGE_SIZE, 1)).toBe(0);
  });

  it("makes no hole when that would pass max_map_count, but shortens", () => {
    const mm = newSpace({ maxMapCount: 2 });
    map(mm, 0, 10);
    map(mm, 20, 10);
    expect(unmap(mm, 4, 2)).toBe("ENOMEM");
    expect(unmap(mm, 0, 2)).toBe(0);
    expect(unmap(mm, 8, 15)).toBe(0);
    expect(maps(mm)).toEqual(["2-8 rw-p", "23-30 rw-p"]);
    check(mm);
  });
});
