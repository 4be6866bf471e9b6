import { KernelBug } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ContentsMode, CONTENTS_MODES, FrameContents, NO_SLOT } from "../src/index.ts";

const page = (fill: number): Uint8Array => new Uint8Array(4096).fill(fill);

describe("FrameContents without bytes (none)", () => {
  it("forgets what is written to data pages", () => {
    const contents = new FrameContents(4, "none");
    contents.writeByte(1, 0, 7);
    contents.writePage(2, page(9));
    contents.copyPage(3, 2);
    expect([contents.readByte(1, 0), contents.readByte(2, 4095), contents.isZero(3)]).toEqual([0, 0, true]);
    expect([contents.nrUsedSlots, contents.hasData]).toEqual([0, false]);
  });

  it("still holds page tables", () => {
    const contents = new FrameContents(4, "none");
    const base = contents.ensureSlot(3);
    contents.words[base + 1023] = -1;
    expect(contents.wordBase(3)).toBe(base);
    expect(contents.readByte(3, 4095)).toBe(255);
    contents.releaseSlot(3);
    expect(contents.slotOf[3]).toBe(NO_SLOT);
    expect(() => contents.wordBase(3)).toThrow(KernelBug);
  });
});

describe("FrameContents on demand (sparse)", () => {
  it("takes room at the first byte that is not zero", () => {
    const contents = new FrameContents(4, "sparse");
    contents.writeByte(2, 5, 0);
    contents.writeByte(2, 5, 256);
    contents.writePage(2, page(0));
    expect(contents.nrUsedSlots).toBe(0);
    contents.writeByte(2, 5, 0x1ff);
    expect([contents.nrUsedSlots, contents.readByte(2, 5), contents.readByte(2, 4)]).toEqual([1, 255, 0]);
  });

  it("gives room back when a page becomes zeros at once", () => {
    const contents = new FrameContents(4, "sparse");
    contents.writePage(0, page(1));
    contents.writePage(1, page(2));
    contents.zeroPage(0);
    contents.writePage(1, page(0));
    expect(contents.nrUsedSlots).toBe(0);
    contents.checkInvariants();
  });

  it("hands a slot on without the bytes it had", () => {
    const contents = new FrameContents(4, "sparse");
    contents.writePage(0, page(1));
    contents.releaseSlot(0);
    contents.writeByte(3, 0, 8);
    expect([contents.slotOf[3], contents.readByte(3, 1)]).toEqual([0, 0]);
  });

  it("copies zeros as the absence of bytes", () => {
    const contents = new FrameContents(4, "sparse");
    contents.writePage(0, page(1));
    contents.copyPage(0, 3);
    expect([contents.slotOf[0], contents.isZero(0)]).toEqual([NO_SLOT, true]);
  });

  it("grows out of its arena and keeps every byte", () => {
    const contents = new FrameContents(20_000, "sparse");
    contents.writeByte(7, 100, 9);
    const { arena, words } = contents;
    expect(contents.compiledArena).toBe(arena);
    for (let pfn = 0; pfn < 3000; pfn++) contents.writeByte(pfn, pfn & 63, (pfn % 255) + 1);
    expect(contents.words).not.toBe(words);
    expect(contents.compiledArena).toBeNull();
    expect(contents.bytes.length).toBe(5000 * 4096);
    for (let pfn = 0; pfn < 3000; pfn++) expect(contents.readByte(pfn, pfn & 63)).toBe((pfn % 255) + 1);
    expect(contents.readByte(7, 100)).toBe(9);
    contents.checkInvariants();
  });
});

describe("FrameContents in one buffer (dense)", () => {
  it("keeps every frame in place", () => {
    const contents = new FrameContents(4, "dense");
    contents.writePage(2, page(6));
    contents.zeroPage(2);
    expect([contents.slotOf[2], contents.isZero(2), contents.nrUsedSlots]).toEqual([2, true, 4]);
    expect(contents.ensureSlot(3)).toBe(3 * 1024);
  });
});

describe("FrameContents", () => {
  it("sees words and bytes as one, low byte first", () => {
    const contents = new FrameContents(2, "sparse");
    contents.words[contents.ensureSlot(1) + 2] = 0x04030201;
    expect([8, 9, 10, 11].map((offset) => contents.readByte(1, offset))).toEqual([1, 2, 3, 4]);
  });

  it("finds two frames that share bytes, and a free slot that is in use", () => {
    const shared = new FrameContents(4, "sparse");
    shared.writeByte(0, 0, 1);
    shared.slotOf[1] = shared.slotOf[0];
    expect(() => shared.checkInvariants()).toThrow("pfns 0 and 1 share contents slot 0");
    const freed = new FrameContents(4, "sparse");
    freed.writeByte(0, 0, 1);
    freed.releaseSlot(0);
    freed.slotOf[2] = 0;
    expect(() => freed.checkInvariants()).toThrow("free contents slot 0 is in use");
  });

  it("refuses a mode that it does not know", () => {
    expect(() => new FrameContents(4, "lazy" as ContentsMode)).toThrow(
      'EINVAL: contents mode "lazy" is not one of none, sparse, dense',
    );
  });

  it.each(CONTENTS_MODES)("in mode %s reads what an array a frame reads", (mode) => {
    const NR_FRAMES = 3;
    const step = fc.record({
      what: fc.constantFrom("byte", "page", "copy", "zero"),
      pfn: fc.nat(NR_FRAMES - 1),
      other: fc.nat(NR_FRAMES - 1),
      offset: fc.constantFrom(0, 1, 4095),
      value: fc.constantFrom(0, 1, 255),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const contents = new FrameContents(NR_FRAMES, mode);
        const model = Array.from({ length: NR_FRAMES }, () => page(0));
        const into = page(77);
        for (const { what, pfn, other, offset, value } of steps) {
          if (what === "byte") contents.writeByte(pfn, offset, value);
          else if (what === "page") contents.writePage(pfn, page(value));
          else if (what === "copy") contents.copyPage(pfn, other);
          else contents.zeroPage(pfn);
          if (mode !== "none") {
            if (what === "byte") model[pfn][offset] = value;
            else if (what === "page") model[pfn] = page(value);
            else if (what === "copy") model[pfn] = model[other].slice();
            else model[pfn] = page(0);
          }
          contents.checkInvariants();
          for (let frame = 0; frame < NR_FRAMES; frame++) {
            contents.readPage(frame, into);
            expect(into.every((byte, at) => byte === model[frame][at])).toBe(true);
            expect(contents.isZero(frame)).toBe(model[frame].every((byte) => byte === 0));
          }
        }
      }),
      { seed: 23, numRuns: 40 },
    );
  });
});
