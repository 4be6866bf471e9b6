import { PTE_HI_NX, PTE_P, PTE_RW, PTE_US } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { RadixPageTable, SV39, UserRoot } from "@pageframe/pagetable";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CountingFrames } from "./helpers.ts";

const USER = PTE_P | PTE_RW | PTE_US;
/** Pages that one top entry covers. */
const TOP = 2 ** 27;

function machine(): { config: { contents: FrameContents; frames: CountingFrames }; table: RadixPageTable } {
  const config = { contents: new FrameContents(4096, "none"), frames: new CountingFrames(100, 3000) };
  return { config, table: new RadixPageTable(config) };
}

const topEntry = (contents: FrameContents, rootPfn: number, index: number): [number, number] => {
  const at = contents.wordBase(rootPfn) + 2 * index;
  return [contents.words[at], contents.words[at + 1]];
};

describe("UserRoot", () => {
  it("has the user entries of the top, and the kernel's root has them with NX", () => {
    const { config, table } = machine();
    table.map(7, 1, 50, USER, 0);
    const user = new UserRoot(config, table);
    table.map(3 * TOP, 1, 51, USER, 0); // after it was made
    for (const index of [0, 3]) {
      const [lo, hi] = topEntry(config.contents, table.rootPfn, index);
      expect([lo & 0xfff, hi]).toEqual([0x067, PTE_HI_NX]);
      expect(topEntry(config.contents, user.rootPfn, index)).toEqual([lo, 0]);
    }
    table.checkInvariants();
  });

  it("loses an entry together with the table below it", () => {
    const { config, table } = machine();
    const user = new UserRoot(config, table);
    table.map(3 * TOP, 1, 51, USER, 0);
    table.unmap(3 * TOP);
    table.freeTables(3 * TOP, 3 * TOP + 1, 0, 0x800000000);
    expect(topEntry(config.contents, user.rootPfn, 3)).toEqual([0, 0]);
  });

  it("has of the kernel half only what is shared", () => {
    const { config, table } = machine();
    for (const index of [273, 508]) table.map(index * TOP, 1, index, PTE_P, 0);
    const user = new UserRoot(config, table);
    user.shareKernelTop(508);
    expect(topEntry(config.contents, user.rootPfn, 273)).toEqual([0, 0]);
    expect(topEntry(config.contents, user.rootPfn, 508)).toEqual(
      topEntry(config.contents, table.rootPfn, 508),
    );
    expect(() => {
      user.shareKernelTop(255);
    }).toThrow("EINVAL: top entry 255 is none of the kernel half, which is 256 to 511");
  });

  it("agrees with the kernel's root under random edits", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(4), fc.boolean()), { maxLength: 30 }), (edits) => {
        const { config, table } = machine();
        const user = new UserRoot(config, table);
        for (const [top, isMap] of edits) {
          const vpn = top * TOP + 9;
          if (isMap) table.map(vpn, 1, 50, USER, 0);
          else if (table.unmap(vpn) !== 0) table.freeTables(vpn, vpn + 1, 0, table.limitVpn);
          table.checkInvariants();
          for (let index = 0; index < 256; index++) {
            const [lo, hi] = topEntry(config.contents, table.rootPfn, index);
            expect(hi).toBe(lo === 0 ? 0 : PTE_HI_NX);
            expect(topEntry(config.contents, user.rootPfn, index)).toEqual([lo, 0]);
          }
        }
      }),
      { seed: 20_261_120, numRuns: 40 },
    );
  });

  it("takes one frame and gives it back", () => {
    const { config, table } = machine();
    const before = config.frames.inUse.size;
    const user = new UserRoot(config, table);
    expect(config.frames.inUse.size).toBe(before + 1);
    user.destroy();
    expect(config.frames.inUse.size).toBe(before);
    table.map(7, 1, 50, USER, 0);
    expect(topEntry(config.contents, table.rootPfn, 0)[1]).toBe(0);
    config.frames.limit = before;
    expect(() => new UserRoot(config, table)).toThrow("ENOMEM: no frame is free for the root of user mode");
  });

  it("is refused for RISC-V and for a table that has one", () => {
    const { config, table } = machine();
    new UserRoot(config, table);
    expect(() => new UserRoot(config, table)).toThrow(
      "EINVAL: no user root can be made: the table has a user root",
    );
    expect(() => new UserRoot(config, new RadixPageTable(config, SV39))).toThrow(
      "EINVAL: no user root can be made: sv39 has no page-table isolation",
    );
  });
});
