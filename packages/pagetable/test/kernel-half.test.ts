import { NO_ENTRY, PTE_P, PTE_RW, PTE_US } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { describe, expect, it } from "vitest";
import {
  DIRECT_MAP_VPN,
  directMapVpn,
  KERNEL_HALF_VPN,
  KernelHalf,
  PTE_KERNEL_LO,
  VMALLOC_START_VPN,
} from "../src/index.ts";
import { CountingFrames, newPageTable } from "./helpers.ts";

/** RAM of 3 GiB and 640 KiB with a hole below 1 MiB, as PCs have it. */
const RANGES = [
  { startPfn: 0, endPfn: 160, nodeId: 0 },
  { startPfn: 256, endPfn: 500_000, nodeId: 0 },
  { startPfn: 500_000, endPfn: 786_592, nodeId: 1 },
];

function newKernelHalf(hasGbPages = true): {
  half: KernelHalf;
  frames: CountingFrames;
  contents: FrameContents;
} {
  const contents = new FrameContents(786_592, "none");
  const frames = new CountingFrames(1000, 3000);
  return { half: new KernelHalf({ contents, frames, ranges: RANGES, hasGbPages }), frames, contents };
}

describe("KernelHalf", () => {
  it("maps RAM at ffff888000000000 with the largest leaves that fit", () => {
    const { half, contents } = newKernelHalf();
    // 4 KiB: 0..159, 256..511 and the 160 frames past 3 GiB; 2 MiB: rest of the first GiB; 1 GiB: second and third.
    expect([...half.nrDirectMapLeaves]).toEqual([0, 160 + 256 + 160, 511, 2]);
    const steps = half.pageTable.walkEntries(directMapVpn(262144));
    expect(steps.map(({ level, index }) => [level, index])).toEqual([
      [4, 273],
      [3, 1],
    ]);
    // P RW A D PS G = 0x1e3, frame 262144, NX.
    expect(steps[1].lo >>> 0).toBe(0x400001e3);
    expect(steps[1].hi >>> 0).toBe(0x80000000);
    // Tables of the kernel half are not for users: P RW A D = 0x63.
    expect(steps[0].lo & 0xfff).toBe(0x63);
    expect(half.pageTable.nextPopulated(directMapVpn(160), DIRECT_MAP_VPN + 1e6)).toBe(directMapVpn(256));
    expect(half.pageTable.findEntry(directMapVpn(786_592))).not.toBe(NO_ENTRY);
    expect(contents.words[half.pageTable.findEntry(directMapVpn(786_592))]).toBe(0);
    half.checkInvariants();
  });

  it("uses 2 MiB leaves where the processor has no 1 GiB ones, and lets leaves span touching ranges", () => {
    const { half } = newKernelHalf(false);
    // Frames 512..786431 in 2 MiB leaves; 500000 is not a multiple of 512 and leaves no gap.
    expect([...half.nrDirectMapLeaves]).toEqual([0, 576, 1535, 0]);
    half.checkInvariants();
  });

  it("is the same in every address space, later changes included", () => {
    const { half, frames, contents } = newKernelHalf();
    const first = newPageTable(half, frames, contents).table;
    const second = newPageTable(half, frames, contents).table;
    expect(first.findEntry(directMapVpn(5000))).toBe(second.findEntry(directMapVpn(5000)));
    expect(half.pageTable.map(VMALLOC_START_VPN + 3, 1, 42, PTE_KERNEL_LO, 0)).toBe(0);
    for (const table of [first, second]) {
      const entry = table.findEntry(VMALLOC_START_VPN + 3);
      expect(contents.words[entry]).toBe(0x2a163);
      // Tables of the kernel half are nobody's own.
      expect([...table.nrTables]).toEqual([0, 0, 0, 0, 1]);
      table.checkInvariants();
    }
    half.checkInvariants();
  });

  it("does not serve a freed vmalloc table from what an address space remembers", () => {
    const { half, frames, contents } = newKernelHalf();
    const { table } = newPageTable(half, frames, contents);
    half.pageTable.map(VMALLOC_START_VPN, 1, 42, PTE_KERNEL_LO, 0);
    expect(table.findEntry(VMALLOC_START_VPN)).not.toBe(NO_ENTRY);
    half.pageTable.unmap(VMALLOC_START_VPN);
    half.pageTable.freeTables(
      VMALLOC_START_VPN,
      VMALLOC_START_VPN + 512,
      VMALLOC_START_VPN,
      VMALLOC_START_VPN + 512,
    );
    expect(table.findEntry(VMALLOC_START_VPN)).toBe(NO_ENTRY);
    expect(table.lastLevel).toBe(2);
  });

  it("is not touched by mapping, unmapping and destroying in an address space", () => {
    const { half, frames, contents } = newKernelHalf();
    const nrKernelTables = frames.inUse.size;
    const { table } = newPageTable(half, frames, contents);
    expect(table.map(KERNEL_HALF_VPN - 1, 1, 7, PTE_P | PTE_RW | PTE_US, 0)).toBe(0);
    expect(() => table.map(KERNEL_HALF_VPN, 1, 7, PTE_P, 0)).toThrow(/KernelHalf.pageTable/);
    table.unmap(KERNEL_HALF_VPN - 1);
    table.freeTables(0, 2 * KERNEL_HALF_VPN, 0, 2 * KERNEL_HALF_VPN);
    expect([...table.nrTables]).toEqual([0, 0, 0, 0, 1]);
    table.destroy();
    expect(frames.inUse.size).toBe(nrKernelTables);
    half.checkInvariants();
  });

  it("refuses top entries that address spaces would not see", () => {
    const { half } = newKernelHalf();
    expect(() => half.pageTable.map(KERNEL_HALF_VPN, 1, 7, PTE_KERNEL_LO, 0)).toThrow(
      /needs a new top entry/,
    );
  });

  it("says so when frames run out", () => {
    const contents = new FrameContents(786_592, "none");
    expect(() => new KernelHalf({ contents, frames: new CountingFrames(1000, 2), ranges: RANGES })).toThrow(
      "ENOMEM: no frame is left for the page tables of the direct map",
    );
  });
});
