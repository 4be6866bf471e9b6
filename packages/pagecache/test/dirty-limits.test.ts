import { EINVAL, ERANGE } from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import {
  DIRTY_SYSCTL_FILES,
  DIRTY_SYSCTL_SET_DIRTYTIME_TIMER,
  DIRTY_SYSCTL_SET_RATELIMIT,
  DIRTY_SYSCTL_WAKE_FLUSHERS,
  dirtyLimits,
  type DirtyLimits,
  dirtyPollInterval,
  type DirtySysctls,
  freerunCeiling,
  globalDirtyableMemory,
  newDirtySysctls,
  nodeDirtyableMemory,
  nodeDirtyLimit,
  ratelimitPages,
  writeDirtySysctl,
} from "../src/index.ts";

function limits(sysctls: DirtySysctls, nrDirtyable: number, isRealTime = false, dirtyLimit = 0): DirtyLimits {
  const into = { thresh: 0, bgThresh: 0 };
  dirtyLimits(sysctls, nrDirtyable, dirtyLimit, isRealTime, into);
  return into;
}

describe("dirty limits", () => {
  it.each([
    // Recorded on Linux 6.18 (24 GiB): MemFree, Inactive(file) and Active(file) of /proc/meminfo in pages, and at the same
    // instant nr_dirty_threshold and nr_dirty_background_threshold of /proc/vmstat. /proc/zoneinfo gives the reserve: the
    // whole of DMA (3840), high 3701 and protection 20608 of DMA32, high 25277 of Normal.
    { nrFree: 5702608, inactive: 65009, active: 174693, thresh: 1177489, bgThresh: 588025 },
    { nrFree: 5700592, inactive: 65009, active: 174693, thresh: 1177086, bgThresh: 587824 },
    { nrFree: 5722579, inactive: 65009, active: 174693, thresh: 1181482, bgThresh: 590020 },
    { nrFree: 5650576, inactive: 65055, active: 174651, thresh: 1167086, bgThresh: 582830 },
    { nrFree: 5698245, inactive: 64528, active: 176025, thresh: 1176787, bgThresh: 587675 },
  ])(
    "are $thresh and $bgThresh pages with $nrFree free",
    ({ nrFree, inactive, active, thresh, bgThresh }) => {
      const nrReserved = 3840 + 3701 + 20608 + 25277;
      expect(limits(newDirtySysctls(), globalDirtyableMemory(nrFree, nrReserved, inactive, active))).toEqual({
        thresh,
        bgThresh,
      });
    },
  );

  it("count at least one page as dirtyable and none of the reserve", () => {
    expect(globalDirtyableMemory(100, 200, 0, 0)).toBe(1);
    expect(nodeDirtyableMemory(100, 200, 0, 0)).toBe(0);
    expect(globalDirtyableMemory(300, 200, 10, 20)).toBe(131);
  });

  it("come from bytes when these are set, and stay apart", () => {
    const sysctls = newDirtySysctls();
    writeDirtySysctl(sysctls, "dirtyBytes", 40961);
    expect(limits(sysctls, 1000)).toEqual({ thresh: 11, bgThresh: 5 });
    writeDirtySysctl(sysctls, "dirtyBackgroundBytes", 1);
    expect(limits(sysctls, 1000)).toEqual({ thresh: 11, bgThresh: 1 });
    writeDirtySysctl(sysctls, "dirtyBackgroundRatio", 50);
    expect(limits(sysctls, 1000)).toEqual({ thresh: 11, bgThresh: 5 });
  });

  it("are a quarter and a 32nd of the limit higher for real-time tasks", () => {
    // 819 * 4096 / 4096 = 819; 819 + 204 + 3200 / 32.
    expect(limits(newDirtySysctls(), 4096, true, 3200)).toEqual({ thresh: 1123, bgThresh: 611 });
  });

  it("of a node are its part of the ratio, or of the bytes by its part of the memory", () => {
    const sysctls = newDirtySysctls();
    expect(nodeDirtyLimit(sysctls, 1001, 5000, false)).toBe(200);
    expect(nodeDirtyLimit(sysctls, 1001, 5000, true)).toBe(250);
    writeDirtySysctl(sysctls, "dirtyBytes", 4096 * 100);
    expect(nodeDirtyLimit(sysctls, 1000, 5000, false)).toBe(20);
  });

  it("set how often a task is looked at", () => {
    expect(freerunCeiling({ thresh: 20, bgThresh: 11 })).toBe(15);
    expect(dirtyPollInterval(0, 52416)).toBe(128);
    expect(dirtyPollInterval(52415, 52416)).toBe(1);
    expect(dirtyPollInterval(60000, 52416)).toBe(1);
    expect(ratelimitPages(52416, 1)).toBe(1638);
    expect(ratelimitPages(100, 2)).toBe(16);
  });
});

describe("dirty sysctls", () => {
  it("are Linux's after boot", () => {
    const sysctls = newDirtySysctls();
    const shown = Object.entries(DIRTY_SYSCTL_FILES).map(([file, name]) => `${file} ${sysctls[name]}`);
    expect(shown).toEqual([
      "dirty_ratio 20",
      "dirty_background_ratio 10",
      "dirty_bytes 0",
      "dirty_background_bytes 0",
      "dirty_writeback_centisecs 500",
      "dirty_expire_centisecs 3000",
      "dirtytime_expire_seconds 43200",
    ]);
  });

  it.each([
    // Recorded: errors of write(2) to /proc/sys/vm on Linux 6.18.
    ["dirtyRatio", 101, -EINVAL],
    ["dirtyRatio", -1, -EINVAL],
    ["dirtyBackgroundRatio", 101, -EINVAL],
    ["dirtyBytes", 8191, -EINVAL],
    ["dirtyBytes", 0, -EINVAL],
    ["dirtyBackgroundBytes", 0, -EINVAL],
    ["dirtyExpireCentisecs", -1, -EINVAL],
    ["dirtytimeExpireSeconds", -1, -EINVAL],
    ["dirtyBytes", 99999999999999984, -ERANGE],
    ["dirtyBackgroundBytes", 99999999999999984, -ERANGE],
    ["dirtyWritebackCentisecs", 3000000000, -EINVAL],
    ["dirtyRatio", 0.5, -EINVAL],
  ] as const)("%s refuses %d", (name, value, errno) => {
    const sysctls = newDirtySysctls();
    expect(writeDirtySysctl(sysctls, name, value)).toBe(errno);
    expect(sysctls).toEqual(newDirtySysctls());
  });

  it("put each other out of force", () => {
    const sysctls = newDirtySysctls();
    expect(writeDirtySysctl(sysctls, "dirtyBytes", 8192)).toBe(DIRTY_SYSCTL_SET_RATELIMIT);
    expect(sysctls).toMatchObject({ dirtyBytes: 8192, dirtyRatio: 0 });
    expect(writeDirtySysctl(sysctls, "dirtyBytes", 8192)).toBe(0);
    expect(writeDirtySysctl(sysctls, "dirtyRatio", 30)).toBe(DIRTY_SYSCTL_SET_RATELIMIT);
    expect(sysctls).toMatchObject({ dirtyBytes: 0, dirtyRatio: 30 });
    expect(writeDirtySysctl(sysctls, "dirtyRatio", 30)).toBe(0);
    expect(writeDirtySysctl(sysctls, "dirtyBackgroundBytes", 5000)).toBe(0);
    expect(sysctls).toMatchObject({ dirtyBackgroundBytes: 5000, dirtyBackgroundRatio: 0 });
    expect(writeDirtySysctl(sysctls, "dirtyBackgroundRatio", 0)).toBe(0);
    expect(sysctls).toMatchObject({ dirtyBackgroundBytes: 0, dirtyBackgroundRatio: 0 });
  });

  it("wake the flushers when the interval changes to one that is not zero", () => {
    const sysctls = newDirtySysctls();
    expect(writeDirtySysctl(sysctls, "dirtyWritebackCentisecs", 500)).toBe(0);
    expect(writeDirtySysctl(sysctls, "dirtyWritebackCentisecs", 0)).toBe(0);
    expect(writeDirtySysctl(sysctls, "dirtyWritebackCentisecs", 100)).toBe(DIRTY_SYSCTL_WAKE_FLUSHERS);
    expect(writeDirtySysctl(sysctls, "dirtyExpireCentisecs", 0)).toBe(0);
    expect(writeDirtySysctl(sysctls, "dirtytimeExpireSeconds", 60)).toBe(DIRTY_SYSCTL_SET_DIRTYTIME_TIMER);
  });
});
