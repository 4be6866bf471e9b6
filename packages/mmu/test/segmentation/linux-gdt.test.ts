import {
  ByteMemory,
  cpunodeEntry,
  DESC_LDT,
  DESC_TSS,
  LINUX_SEGMENTS_32,
  LINUX_SEGMENTS_64,
  linuxGdtEntries,
  percpuEntry,
  storeDescriptors,
  tssldtEntry32,
  tssldtEntry64,
} from "@pageframe/mmu";
import { describe, expect, it } from "vitest";

const hex = (entry: bigint): string => entry.toString(16).padStart(16, "0");

describe("Linux's GDT", () => {
  it("has the flat segments of a 64-bit kernel", () => {
    // Linux arch/x86/kernel/cpu/common.c, gdt_page. Those of DPL 3 are what LAR says on Linux 6.18.44:
    // 0x23 00cffb00, 0x2b 00cff300, 0x33 00affb00; their LSL is ffffffff.
    expect(linuxGdtEntries(64).map(hex)).toEqual([
      "0000000000000000",
      "00cf9b000000ffff",
      "00af9b000000ffff",
      "00cf93000000ffff",
      "00cffb000000ffff",
      "00cff3000000ffff",
      "00affb000000ffff",
      ...Array<string>(9).fill("0000000000000000"),
    ]);
  });

  it("has the flat segments of a 32-bit kernel, and those of BIOS calls", () => {
    const entries = linuxGdtEntries(32).map(hex);
    expect(entries).toHaveLength(32);
    expect(entries.slice(12, 16)).toEqual([
      "00cf9b000000ffff",
      "00cf93000000ffff",
      "00cffb000000ffff",
      "00cff3000000ffff",
    ]);
    expect(entries.slice(18, 28)).toEqual([
      "00409b000000ffff",
      "00009b000000ffff",
      "000093000000ffff",
      "0000930000000000",
      "0000930000000000",
      "00409b000000ffff",
      "00009b000000ffff",
      "004093000000ffff",
      "00cf93000000ffff",
      "00cf93000000ffff",
    ]);
    expect(entries.filter((entry) => entry !== "0000000000000000")).toHaveLength(14);
  });

  it("has the selectors that programs see", () => {
    // CS 0x33 and SS 0x2b of a 64-bit program, 0x23 of a 32-bit one, 0x7b for getcpu, as Linux 6.18.44 has them.
    const { kernelCs, kernelDs, userCs, userDs, user32Cs, cpunode } = LINUX_SEGMENTS_64;
    expect([kernelCs, kernelDs, userCs, userDs, user32Cs, cpunode]).toEqual([
      0x10, 0x18, 0x33, 0x2b, 0x23, 0x7b,
    ]);
    // arch/x86/include/asm/segment.h: entries 12, 13, 14, 15 and 28.
    expect(LINUX_SEGMENTS_32).toMatchObject({
      kernelCs: 12 * 8,
      kernelDs: 13 * 8,
      userCs: 14 * 8 + 3,
      userDs: 15 * 8 + 3,
      cpunode: 28 * 8 + 3,
    });
  });

  it("tells CPU and node in the limit of a segment", () => {
    // Linux 6.18.44 on CPU 1 of node 0: LAR of 0x7b is 0040f500, LSL is 1.
    expect(hex(cpunodeEntry(1, 0))).toBe("0040f50000000001");
    // Node 2 above 12 bits of CPU 5.
    expect(hex(cpunodeEntry(5, 2))).toBe("0040f50000002005");
    expect(() => cpunodeEntry(4096, 0)).toThrow(/^EINVAL/);
  });

  it("has per-CPU data, TSS and LDT entries", () => {
    expect(hex(percpuEntry(0x37654000))).toBe("37cf93654000ffff");
    expect(hex(tssldtEntry32(DESC_LDT, 0xc1002000, 8 * 8 - 1))).toBe("c10082002000003f");
    expect(tssldtEntry64(DESC_TSS, 0xfffffe0000003000n, 0x206f).map(hex)).toEqual([
      "000089003000206f",
      "00000000fffffe00",
    ]);
  });

  it("is stored as little-endian bytes", () => {
    const memory = new ByteMemory(new Uint8Array(16), 0x100);
    expect(storeDescriptors(memory, 0x108, [0x00af9b000000ffffn])).toBe(0);
    expect([...memory.bytes]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0x9b, 0xaf, 0]);
    expect(() => memory.readWord(0x10d)).toThrow(
      /^EINVAL: 4 bytes at 0x10d: the buffer has 16 from 0x100 on/,
    );
  });
});
