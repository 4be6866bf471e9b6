/**
 * What user roots show of the kernel half.
 * Expectations: Linux 6.18 Documentation/arch/x86/x86_64/mm.rst (cpu_entry_area at fffffe0000000000);
 * arch/x86/include/asm/pgtable_types.h, _KERNPG_TABLE (0x063), __PAGE_KERNEL_RO (0x121 with NX).
 */
import { KernelBug, NO_PFN, PTE_G, PTE_P, PTE_RW, PTE_US } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { KernelHalf, RADIX4, RADIX5, RadixPageTable, UserRoot } from "@pageframe/pagetable";
import { describe, expect, it } from "vitest";
import { CountingFrames } from "./helpers.ts";

const IDT_PFN = 300;
/** fffffe0000000000 >> 12 without sign extension, in 36 and in 45 bits. */
const ENTRY_VPN = { radix4: 0xfe0000000, radix5: 0x1fffe0000000 } as const;

function machine(layout = RADIX4, idtPfn = IDT_PFN) {
  const contents = new FrameContents(4096, "none");
  const frames = new CountingFrames(1000, 100);
  const ranges = [{ startPfn: 256, endPfn: 4096, nodeId: 0 }];
  const image = { startPfn: 256, endPfn: 512, tablePfns: [] };
  const half = new KernelHalf({ contents, frames, ranges, layout, image, idtPfn });
  const config = { contents, frames };
  const table = new RadixPageTable({ ...config, kernelHalf: half }, layout);
  return { contents, frames, half, table, config };
}

/** Top entries from 256 on that a root has. */
function kernelTops(contents: FrameContents, rootPfn: number): number[] {
  const base = contents.wordBase(rootPfn);
  return Array.from({ length: 256 }, (_, nth) => 256 + nth).filter(
    (index) => contents.words[base + 2 * index] !== 0,
  );
}

describe("The entry area", () => {
  it("is the only global page of an isolated kernel, and none without isolation", () => {
    const { half } = machine();
    const steps = half.pageTable.walkEntries(ENTRY_VPN.radix4);
    expect(steps.map(({ level, index }) => [level, index])).toEqual([
      [4, 508],
      [3, 0],
      [2, 0],
      [1, 0],
    ]);
    expect([steps[3].lo, steps[3].hi >>> 0]).toEqual([IDT_PFN * 4096 + 0x121, 0x80000000]);
    const direct = half.pageTable.walkEntries(half.directMapVpn(600)).at(-1);
    expect((direct?.lo ?? PTE_G) & (PTE_P | PTE_RW | PTE_G)).toBe(PTE_P | PTE_RW);
    const plain = machine(RADIX4, NO_PFN).half;
    expect([plain.entryTop, plain.defaultPteMask]).toEqual([null, -1]);
    expect(plain.pageTable.walkEntries(ENTRY_VPN.radix4)).toHaveLength(1);
  });

  it("is all that a user root has of the kernel half", () => {
    const { contents, half, table, config } = machine();
    const user = new UserRoot(config, table);
    if (half.entryTop === null) throw new Error("no entry area");
    expect(half.entryTop).toMatchObject({ index: 508 });
    user.showEntryArea(half.entryTop);
    expect(kernelTops(contents, user.rootPfn)).toEqual([508]);
    // Direct map, vmalloc, entry area, text and fixmap.
    expect(kernelTops(contents, table.rootPfn)).toEqual([273, 402, 508, 511]);
    user.checkInvariants(half.entryTop);
    half.checkInvariants();
  });

  it("has a table of its own with five levels, where the last top entry holds kernel text too", () => {
    const { contents, half, table, config } = machine(RADIX5);
    const user = new UserRoot(config, table);
    if (half.entryTop === null) throw new Error("no entry area");
    user.showEntryArea(half.entryTop);
    expect(kernelTops(contents, user.rootPfn)).toEqual([511]);
    const p4dPfn = half.entryTop.lo >>> 12;
    expect(half.entryTop.lo & 0xfff).toBe(0x063);
    expect(config.frames.inUse.get(p4dPfn)).toBe(4);
    expect(kernelTops(contents, p4dPfn)).toEqual([508]);
    const [, p4d] = half.pageTable.walkEntries(ENTRY_VPN.radix5);
    expect(contents.words[contents.wordBase(p4dPfn) + 2 * 508]).toBe(p4d.lo);
    half.checkInvariants();
  });

  it("is missed by the audit of a user root that shows more, or less", () => {
    const { contents, half, table, config } = machine();
    const user = new UserRoot(config, table);
    const { entryTop } = half;
    if (entryTop === null) throw new Error("no entry area");
    const check = (): void => {
      user.checkInvariants(entryTop);
    };
    expect(check).toThrow(KernelBug); // not shown yet
    user.showEntryArea(entryTop);
    check();
    user.shareKernelTop(273);
    expect(check).toThrow("top entry 273 of the user root");
    contents.words[contents.wordBase(user.rootPfn) + 2 * 273] = 0;
    table.map(7, 1, 50, PTE_P | PTE_US, 0);
    check();
    contents.words[contents.wordBase(user.rootPfn)] = 0;
    expect(check).toThrow("top entry 0 of the user root");
  });

  it("is refused when frames for its tables run out", () => {
    const ranges = [{ startPfn: 256, endPfn: 4096, nodeId: 0 }];
    const boot = (limit: number): CountingFrames => {
      const frames = new CountingFrames(1000, limit);
      const contents = new FrameContents(4096, "none");
      new KernelHalf({ contents, frames, ranges, layout: RADIX5, idtPfn: IDT_PFN });
      return frames;
    };
    const nrTables = boot(100).inUse.size;
    const message = "ENOMEM: no frame is left for the page tables of the entry area";
    // P4D, PUD, PMD and PTE for the area, and the P4D of user roots.
    for (let lacking = 1; lacking <= 5; lacking++) expect(() => boot(nrTables - lacking)).toThrow(message);
    expect(() => boot(nrTables - 6)).toThrow("ENOMEM: no frame is left for the page tables of vmalloc");
  });
});
