import { describe, expect, it } from "vitest";
import { formatMaps, formatMapsLine, type MapsEntry } from "@pageframe/procfs";

const anonymous: MapsEntry = {
  startVpn: 0x555555556,
  endVpn: 0x555555577,
  perms: "rw-p",
  pgoff: 0,
  devMajor: 0,
  devMinor: 0,
  inode: 0,
  name: "",
};

describe("formatMaps", () => {
  it("starts names in column 73 and ends anonymous lines with a space", () => {
    // As `setarch -R cat /proc/self/maps` lays them out.
    const stack = { ...anonymous, startVpn: 0x7ffffffde, endVpn: 0x7ffffffff, name: "[stack]" };
    expect(formatMaps([{ ...anonymous, name: "[heap]" }, stack, anonymous])).toBe(
      "555555556000-555555577000 rw-p 00000000 00:00 0                          [heap]\n" +
        "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]\n" +
        "555555556000-555555577000 rw-p 00000000 00:00 0 \n",
    );
  });

  it("writes device and inode of a file, the offset in bytes, and at least eight digits", () => {
    const file = {
      ...anonymous,
      startVpn: 0x400,
      endVpn: 0x4c2,
      perms: "r-xp",
      pgoff: 3,
      devMajor: 8,
      devMinor: 17,
    };
    expect(formatMapsLine({ ...file, inode: 131225, name: "/usr/bin/busybox" })).toBe(
      "00400000-004c2000 r-xp 00003000 08:11 131225                             /usr/bin/busybox",
    );
  });

  it("puts one space before a name when the columns in front are already full", () => {
    const wide = {
      ...anonymous,
      startVpn: 2 ** 40,
      endVpn: 2 ** 41,
      pgoff: 2 ** 40,
      devMajor: 259,
      devMinor: 3,
    };
    expect(formatMapsLine({ ...wide, inode: 2 ** 53 - 1, name: "/x y\nz" })).toBe(
      "10000000000000-20000000000000 rw-p 10000000000000 103:03 9007199254740991  /x y\\012z",
    );
  });

  it("writes nothing for an address space without mappings", () => {
    expect(formatMaps([])).toBe("");
  });
});
