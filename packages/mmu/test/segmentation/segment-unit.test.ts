import { RUN_EXEC, RUN_READ, RUN_WRITE } from "@pageframe/contracts";
import {
  type DescriptorMemory,
  FrameMemory,
  MSR_FS_BASE,
  MSR_GS_BASE,
  MSR_KERNEL_GS_BASE,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_LDTR,
  SEG_SS,
  SEG_TR,
  SegmentUnit,
  farJump,
  linuxGdtEntries,
  storeDescriptors,
} from "@pageframe/mmu";
import { FrameContents } from "@pageframe/memmap";
import { describe, expect, it } from "vitest";
import { descriptor, GDT, Machine } from "./helpers.ts";

const UD = 6;
const NP = 11;
const SS = 12;
const GP = 13;
const PF = 14;

/** A machine in 64-bit mode with Linux's GDT. */
function longMachine(): Machine {
  const machine = new Machine(true);
  machine.write(0, ...linuxGdtEntries(64));
  expect(farJump(machine.unit, 0x10, 0xffffffff81000000n).result).toBe(0);
  return machine;
}

/** Puts a descriptor into entry 1, loads it into a register and says what an access through it gives. */
function through(seg: number, entry: bigint): (offset: number, nrBytes: number, kind: number) => number {
  const machine = new Machine();
  machine.write(1, entry);
  if (seg === SEG_CS) expect(farJump(machine.unit, 8, 0n).result).toBe(0);
  else expect(machine.unit.load(seg, 8)).toBe(0);
  machine.unit.checkInvariants();
  return (offset, nrBytes, kind) => machine.unit.linear(seg, offset, nrBytes, kind);
}

describe("SegmentUnit loading registers", () => {
  it("fills the hidden part from the GDT and sets the accessed bit", () => {
    const machine = new Machine();
    machine.write(3, descriptor({ base: 0x10000, limit: 0xf, type: 2 }));
    expect(machine.unit.load(SEG_DS, 0x18)).toBe(0);
    // Limit 15 with G: 64 KiB. Rights are descriptor bits 40..55 without the limit: type 3, S, P; G and B.
    expect(machine.unit.segment(SEG_DS)).toEqual({
      selector: 0x18,
      base: 0x10000n,
      limit: 0xffff,
      rights: 0xc093,
      isUsable: true,
    });
    // Type 2 became 3: SDM section 3.4.5.1.
    expect(machine.entry(3).toString(16)).toBe("c093010000000f");
  });

  it("loads from the LDT, up to its limit", () => {
    const machine = new Machine();
    machine.writeLdt(7, descriptor({ base: 0x5000 }));
    expect(machine.unit.load(SEG_ES, (7 << 3) | 4)).toBe(0);
    expect(machine.unit.segment(SEG_ES).base).toBe(0x5000n);
    // Entry 8 is past the limit of 63: #GP with index 8 and TI.
    expect(machine.outcome(machine.unit.load(SEG_ES, (8 << 3) | 4))).toEqual([GP, 0x44]);
    // Without an LDT every such selector is out of its limit.
    expect(machine.unit.lldt(0)).toBe(0);
    expect(machine.outcome(machine.unit.load(SEG_ES, (7 << 3) | 4))).toEqual([GP, 0x3c]);
  });

  it("checks the last byte of an entry against the limit of the GDT", () => {
    const machine = new Machine();
    machine.write(3, descriptor());
    machine.unit.lgdt(GDT, 3 * 8 + 6);
    expect(machine.outcome(machine.unit.load(SEG_DS, 0x18))).toEqual([GP, 0x18]);
    machine.unit.lgdt(GDT, 3 * 8 + 7);
    expect(machine.unit.load(SEG_DS, 0x18)).toBe(0);
  });

  it("keeps the hidden part until the register is loaded again", () => {
    const machine = new Machine();
    const { unit } = machine;
    machine.write(3, descriptor({ base: 0x10000, limit: 0xfff, isPaged: false }));
    unit.load(SEG_DS, 0x18);
    machine.write(3, descriptor({ base: 0x20000, limit: 0xf, isPaged: false }));
    unit.lgdt(0, 0);
    expect(unit.linear(SEG_DS, 0x800, 1, RUN_READ)).toBe(0x10800);
    unit.lgdt(GDT, 511);
    expect(unit.linear(SEG_DS, 0x800, 1, RUN_READ)).toBe(0x10800);
    unit.load(SEG_DS, 0x18);
    expect(unit.linear(SEG_DS, 0x800, 1, RUN_READ)).toBe(-GP);
    expect(unit.linear(SEG_DS, 0xf, 1, RUN_READ)).toBe(0x2000f);
  });

  it("lets data registers be null until they are used, but not SS", () => {
    const { unit, outcome } = bound(new Machine());
    for (const seg of [SEG_DS, SEG_ES, SEG_FS, SEG_GS]) {
      for (const selector of [0, 1, 2, 3]) {
        expect(unit.load(seg, selector)).toBe(0);
        expect(unit.segment(seg).isUsable).toBe(false);
        expect(outcome(unit.linear(seg, 0, 1, RUN_READ))).toEqual([GP, 0]);
      }
    }
    expect(outcome(unit.load(SEG_SS, 0))).toEqual([GP, 0]);
    expect(outcome(unit.load(SEG_SS, 3))).toEqual([GP, 0]);
  });

  it("answers a segment that is not present with #NP, for SS with #SS", () => {
    const machine = new Machine();
    machine.write(3, descriptor({ isPresent: false }));
    expect(machine.outcome(machine.unit.load(SEG_FS, 0x18))).toEqual([NP, 0x18]);
    expect(machine.outcome(machine.unit.load(SEG_SS, 0x18))).toEqual([SS, 0x18]);
    // Not even the accessed bit changed, and the register kept its null.
    expect(machine.entry(3)).toBe(descriptor({ isPresent: false }));
    expect(machine.unit.segment(SEG_FS).isUsable).toBe(false);
  });

  it("refuses to load CS other than by a far transfer", () => {
    const machine = new Machine();
    expect(machine.outcome(machine.unit.load(SEG_CS, 8))).toEqual([UD, 0]);
    expect(() => machine.unit.load(9, 8)).toThrow(/^EINVAL: segment register 9/);
    expect(() => machine.unit.load(SEG_LDTR, 60 * 8)).toThrow(/^EINVAL: LDTR is no data register/);
  });

  it("leaves table registers to CPL 0", () => {
    const { unit, outcome } = bound(new Machine());
    unit.cpl = 3;
    expect(outcome(unit.lgdt(0, 0))).toEqual([GP, 0]);
    expect(outcome(unit.lldt(0))).toEqual([GP, 0]);
    expect(outcome(unit.ltr(8))).toEqual([GP, 0]);
    expect(() => unit.lgdt(2 ** 32, 7)).toThrow(/^EINVAL: .*the base has 32 bits/);
    expect(() => unit.lgdt(0, 0x10000)).toThrow(/^EINVAL: .*0 to 65535/);
  });

  it("takes LDT and TSS from the GDT alone, and only what they are", () => {
    const machine = new Machine();
    const { unit } = machine;
    // Entry 60 is the LDT, 62 the TSS, busy since setUp: type 11 in bits 40..43.
    expect((machine.entry(62) >> 40n) & 15n).toBe(11n);
    expect(machine.outcome(unit.ltr(62 * 8))).toEqual([GP, 62 * 8]);
    expect(machine.outcome(unit.ltr(60 * 8))).toEqual([GP, 60 * 8]);
    expect(machine.outcome(unit.lldt(62 * 8))).toEqual([GP, 62 * 8]);
    expect(machine.outcome(unit.lldt(60 * 8 + 4))).toEqual([GP, 60 * 8 + 4]);
    expect(machine.outcome(unit.ltr(0))).toEqual([GP, 0]);
    machine.write(5, descriptor({ isSystem: true, type: 2, isPresent: false }));
    machine.write(6, descriptor({ isSystem: true, type: 9, isPresent: false }));
    expect(machine.outcome(unit.lldt(5 * 8))).toEqual([NP, 5 * 8]);
    expect(machine.outcome(unit.ltr(6 * 8))).toEqual([NP, 6 * 8]);
    // LDTR and TR still hold what they held.
    expect([unit.segment(SEG_LDTR).selector, unit.segment(SEG_TR).limit]).toEqual([60 * 8, 103]);
  });

  it("reads 16-byte system descriptors in long mode", () => {
    const machine = new Machine(true);
    const { unit } = machine;
    const tss = descriptor({ isSystem: true, type: 9, limit: 103, isPaged: false, isBig: false });
    machine.write(4, tss, 0xffff8000n);
    expect(unit.ltr(0x20)).toBe(0);
    expect(unit.segment(SEG_TR).base).toBe(0xffff800000000000n);
    // Not canonical; bits 8..12 of the last word not zero; second half beyond the limit.
    machine.write(4, tss, 0x00008000n);
    expect(machine.outcome(unit.ltr(0x20))).toEqual([GP, 0x20]);
    machine.write(4, tss, 0x0000_0100_0000_0000n);
    expect(machine.outcome(unit.ltr(0x20))).toEqual([GP, 0x20]);
    machine.write(4, tss, 0n);
    unit.lgdt(GDT, 4 * 8 + 14);
    expect(machine.outcome(unit.ltr(0x20))).toEqual([GP, 0x20]);
    unit.lgdt(GDT, 4 * 8 + 15);
    expect(unit.ltr(0x20)).toBe(0);
    // A 16-bit TSS is no TSS there.
    machine.write(6, descriptor({ isSystem: true, type: 1 }), 0n);
    unit.lgdt(GDT, 511);
    expect(machine.outcome(unit.ltr(0x30))).toEqual([GP, 0x30]);
  });

  it("passes on a page fault on the table", () => {
    const words: DescriptorMemory = {
      readWord: (address) => (address >= 0x2000 ? -1 : address % 8 === 0 ? 0xffff : 0x00cf9200),
      writeWord: (address) => (address >= 0x1100 ? -1 - 3 : 0),
    };
    const unit = new SegmentUnit({ memory: words });
    unit.lgdt(0x1000, 0xffff);
    expect(unit.load(SEG_DS, 8)).toBe(0);
    // The accessed bit of entry 0x20 cannot be written: protection, write.
    expect([unit.load(SEG_ES, 0x100), unit.faultVector, unit.faultCode]).toEqual([-PF, PF, 3]);
    expect([unit.faultAddress, unit.segment(SEG_ES).isUsable]).toEqual([0x1104, false]);
    expect([unit.load(SEG_ES, 0x1000), unit.faultCode, unit.faultAddress]).toEqual([-PF, 0, 0x2000]);
  });

  it("finds tables in simulated RAM", () => {
    const memory = new FrameMemory(new FrameContents(4, "sparse"), 0xc0000000);
    // Straddles frames 1 and 2.
    storeDescriptors(memory, 0xc0001ff4, [0n, descriptor({ base: 0x12345678, type: 3 })]);
    const unit = new SegmentUnit({ memory });
    unit.lgdt(0xc0001ff4, 15);
    expect([unit.load(SEG_DS, 8), unit.segment(SEG_DS).base]).toEqual([0, 0x12345678n]);
    expect(() => memory.readWord(0xc0004000)).toThrow(/^EINVAL: .*RAM has 16 KiB from 0xc0000000 on/);
    expect(() => new FrameMemory(new FrameContents(4, "none"))).toThrow(/^EINVAL: contents of mode none/);
  });
});

describe("SegmentUnit checking accesses", () => {
  it("adds the base, and wraps the sum at 4 GiB", () => {
    const at = through(SEG_DS, descriptor({ base: 0xfffff000, type: 2 }));
    expect(at(0x800, 4, RUN_READ)).toBe(0xfffff800);
    expect(at(0x1800, 4, RUN_READ)).toBe(0x800);
  });

  it("checks the last byte of an access against the limit", () => {
    // SDM section 6.3: a doubleword may start at limit - 3, a word at limit - 1.
    const at = through(SEG_DS, descriptor({ base: 0x10000, limit: 0xfff, isPaged: false }));
    expect([at(0xfff, 1, RUN_WRITE), at(0x1000, 1, RUN_WRITE)]).toEqual([0x10fff, -GP]);
    expect([at(0xffe, 2, RUN_READ), at(0xfff, 2, RUN_READ)]).toEqual([0x10ffe, -GP]);
    expect([at(0xffc, 4, RUN_READ), at(0xffd, 4, RUN_READ)]).toEqual([0x10ffc, -GP]);
    expect([at(0xff0, 16, RUN_READ), at(0xff1, 16, RUN_READ)]).toEqual([0x10ff0, -GP]);
    expect(at(0xffffffff, 2, RUN_READ)).toBe(-GP);
  });

  it("wraps at the end of a 4 GiB segment and nowhere else", () => {
    const flat = through(SEG_DS, descriptor({ base: 0x1000 }));
    expect(flat(0xffffffff, 4, RUN_READ)).toBe(0xfff);
    const oneLess = through(SEG_DS, descriptor({ limit: 0xffffe }));
    expect([oneLess(0xffffeffc, 4, RUN_READ), oneLess(0xffffeffd, 4, RUN_READ)]).toEqual([0xffffeffc, -GP]);
    expect(oneLess(0xffffffff, 4, RUN_READ)).toBe(-GP);
  });

  it("turns the limit around in a segment that expands down", () => {
    // SDM section 6.3: valid are limit + 1 to ffffH without B, to ffffffffH with it.
    const small = through(SEG_DS, descriptor({ type: 6, limit: 0x7ff, isPaged: false, isBig: false }));
    expect([small(0x7ff, 1, RUN_READ), small(0x800, 1, RUN_READ)]).toEqual([-GP, 0x800]);
    expect([small(0x7fe, 4, RUN_READ), small(0xfffc, 4, RUN_READ)]).toEqual([-GP, 0xfffc]);
    expect([small(0xfffd, 4, RUN_READ), small(0x10000, 1, RUN_READ)]).toEqual([-GP, -GP]);
    const big = through(SEG_DS, descriptor({ type: 6, limit: 0xfff }));
    // 0xfff pages: the last invalid offset is 0xffffff.
    expect([big(0xffffff, 1, RUN_WRITE), big(0x1000000, 1, RUN_WRITE)]).toEqual([-GP, 0x1000000]);
    expect([big(0xfffffffc, 4, RUN_WRITE), big(0xfffffffd, 4, RUN_WRITE)]).toEqual([0xfffffffc, -GP]);
    // The largest limit leaves nothing.
    const none = through(SEG_DS, descriptor({ type: 6 }));
    expect([none(0, 1, RUN_READ), none(0xffffffff, 1, RUN_READ)]).toEqual([-GP, -GP]);
  });

  it("allows by type what the manual allows", () => {
    // SDM section 6.4: code is never written, read only with R; data is written only with W. Table 3-1.
    const allowed = (seg: number, type: number): string => {
      const at = through(seg, descriptor({ type, limit: 0xf }));
      const offset = seg !== SEG_CS && (type & 4) !== 0 && type < 8 ? 0x10000 : 0;
      const kinds = seg === SEG_CS ? [RUN_READ, RUN_WRITE, RUN_EXEC] : [RUN_READ, RUN_WRITE];
      return kinds.map((kind) => (at(offset, 4, kind) >= 0 ? "rwx"[kind] : "-")).join("");
    };
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((type) => allowed(SEG_DS, type))).toEqual([
      ...["r-", "r-", "rw", "rw"],
      ...["r-", "r-", "rw", "rw"],
    ]);
    expect([10, 11, 14, 15].map((type) => allowed(SEG_DS, type))).toEqual(["r-", "r-", "r-", "r-"]);
    expect([8, 9, 10, 11, 12, 13, 14, 15].map((type) => allowed(SEG_CS, type))).toEqual([
      ...["--x", "--x", "r-x", "r-x"],
      ...["--x", "--x", "r-x", "r-x"],
    ]);
  });

  it("raises #SS for the stack and #GP for others, with error code 0", () => {
    const machine = new Machine();
    machine.write(1, descriptor({ limit: 0xfff, isPaged: false }));
    machine.unit.load(SEG_SS, 8);
    machine.unit.load(SEG_GS, 8);
    expect(machine.unit.linear(SEG_SS, 0x1000, 1, RUN_READ)).toBe(-SS);
    expect([machine.unit.faultVector, machine.unit.faultCode]).toEqual([SS, 0]);
    expect(machine.unit.linear(SEG_GS, 0x1000, 1, RUN_READ)).toBe(-GP);
    expect([machine.unit.faultVector, machine.unit.faultCode]).toEqual([GP, 0]);
  });

  it("fetches instructions through CS only", () => {
    const machine = new Machine();
    machine.write(1, descriptor());
    machine.unit.load(SEG_DS, 8);
    expect(() => machine.unit.linear(SEG_DS, 0, 1, RUN_EXEC)).toThrow(
      /^EINVAL: an instruction fetch through DS/,
    );
    expect(() => machine.unit.linear64(SEG_DS, 0, 0, 1)).toThrow(/^EINVAL: linear64\(\) outside 64-bit mode/);
  });
});

describe("SegmentUnit in 64-bit mode", () => {
  it("ignores bases and limits but for FS and GS", () => {
    const machine = longMachine();
    const { unit } = machine;
    machine.write(9, descriptor({ base: 0x10000, limit: 0, isPaged: false, type: 1 }));
    unit.load(SEG_DS, 0x48);
    expect(unit.linear64(SEG_DS, 0x12345678, 0x7fff, 8)).toBe(0);
    expect([unit.linearLo, unit.linearHi]).toEqual([0x12345678, 0x7fff]);
    expect(() => unit.linear(SEG_DS, 0, 1, RUN_READ)).toThrow(/^EINVAL: linear\(\) in 64-bit mode/);
    // A selector in FS brings the 32-bit base of its descriptor.
    unit.load(SEG_FS, 0x48);
    expect([unit.linear64(SEG_FS, 0x10, 0, 8), unit.linearLo, unit.linearHi]).toEqual([0, 0x10010, 0]);
    // A null selector clears it.
    unit.load(SEG_FS, 0);
    expect([unit.linear64(SEG_FS, 0x10, 0, 8), unit.linearLo, unit.linearHi]).toEqual([0, 0x10, 0]);
  });

  it("adds the 64-bit base of FS, carry and negative offsets included", () => {
    const { unit } = longMachine();
    expect(unit.writeMsr(MSR_FS_BASE, 0x00007f12fffffff8n)).toBe(0);
    expect(unit.linear64(SEG_FS, 8, 0, 8)).toBe(0);
    expect([unit.linearLo, unit.linearHi]).toEqual([0, 0x7f13]);
    // -0x30, as in thread-local variables of x86-64.
    expect(unit.linear64(SEG_FS, -0x30, -1, 8)).toBe(0);
    expect([unit.linearLo >>> 0, unit.linearHi]).toEqual([0xffffffc8, 0x7f12]);
    expect(unit.readMsr(MSR_FS_BASE)).toBe(0x00007f12fffffff8n);
  });

  it("wants the first and the last byte canonical", () => {
    const { unit, outcome } = bound(longMachine());
    // 48 bits: 00007fffffffffff is the last of the lower half, ffff800000000000 the first of the upper.
    expect(unit.linear64(SEG_DS, -8, 0x7fff, 8)).toBe(0);
    expect(outcome(unit.linear64(SEG_DS, -7, 0x7fff, 8))).toEqual([GP, 0]);
    expect(outcome(unit.linear64(SEG_DS, 0, 0x8000, 1))).toEqual([GP, 0]);
    expect(outcome(unit.linear64(SEG_SS, -1, 0xffff7fff | 0, 1))).toEqual([SS, 0]);
    expect(outcome(unit.linear64(SEG_SS, -1, 0xffff7fff | 0, 2))).toEqual([SS, 0]);
    expect(unit.linear64(SEG_SS, 0, 0xffff8000 | 0, 1)).toBe(0);
    // It is the sum that counts.
    unit.writeMsr(MSR_GS_BASE, 0x00007ffffffff000n);
    expect(unit.linear64(SEG_GS, 0xfff, 0, 1)).toBe(0);
    expect(outcome(unit.linear64(SEG_GS, 0x1000, 0, 1))).toEqual([GP, 0]);
    expect(unit.linear64(SEG_GS, -0x1000, -1, 1)).toBe(0);
  });

  it("has 57 bits with LA57", () => {
    const unit = new SegmentUnit({ memory: new Machine().memory, isLongMode: true, linearBits: 57 });
    // 00ffffffffffffff is canonical, 0100000000000000 is not.
    expect(unit.isCanonical(0x00ffffff)).toBe(true);
    expect(unit.isCanonical(0x01000000)).toBe(false);
    expect(unit.isCanonical(0xff000000 | 0)).toBe(true);
    expect(unit.isCanonical(0xfeffffff | 0)).toBe(false);
    expect(() => new SegmentUnit({ memory: unit.memory, linearBits: 47 as 48 })).toThrow(
      /^EINVAL: linearBits 47/,
    );
  });

  it("writes base registers with #GP for what is not canonical, and WRMSR in the kernel only", () => {
    const { unit, outcome } = bound(longMachine());
    expect(outcome(unit.writeMsr(MSR_FS_BASE, 0x0000800000000000n))).toEqual([GP, 0]);
    expect(outcome(unit.writeMsr(MSR_KERNEL_GS_BASE, 0x8000000000000000n))).toEqual([GP, 0]);
    expect(() => unit.writeMsr(0xc0000080, 0n)).toThrow(/^EINVAL: MSR 0xc0000080/);
    unit.cpl = 3;
    expect(outcome(unit.writeMsr(MSR_FS_BASE, 0n))).toEqual([GP, 0]);
    // WRFSBASE is for programs too.
    expect(unit.writeBase(SEG_FS, 0x7f0000001000n)).toBe(0);
    expect(outcome(unit.writeBase(SEG_GS, 0x0000800000000000n))).toEqual([GP, 0]);
    expect(unit.readMsr(MSR_FS_BASE)).toBe(0x7f0000001000n);
    expect(outcome(new Machine().unit.writeBase(SEG_FS, 0n))).not.toBe(0);
  });

  it("exchanges the bases of GS on the way into the kernel", () => {
    const { unit, outcome } = bound(longMachine());
    unit.writeMsr(MSR_GS_BASE, 0x7fff12340000n);
    unit.writeMsr(MSR_KERNEL_GS_BASE, 0xffff88807fc00000n);
    expect(unit.swapgs()).toBe(0);
    expect([unit.readMsr(MSR_GS_BASE), unit.readMsr(MSR_KERNEL_GS_BASE)]).toEqual([
      0xffff88807fc00000n,
      0x7fff12340000n,
    ]);
    expect([unit.linear64(SEG_GS, 0x28, 0, 8), unit.linearLo, unit.linearHi]).toEqual([
      0,
      0x7fc00028,
      0xffff8880 | 0,
    ]);
    unit.cpl = 3;
    expect(outcome(unit.swapgs())).toEqual([GP, 0]);
    const other = bound(new Machine());
    expect(other.outcome(other.unit.swapgs())).toEqual([UD, 0]);
  });

  it("lets the kernel run without a stack segment", () => {
    // SDM section 6.4.1.1: null SS is allowed below CPL 3, with RPL = CPL.
    const { unit, outcome } = bound(longMachine());
    expect(unit.load(SEG_SS, 0)).toBe(0);
    expect(unit.linear64(SEG_SS, 0x1000, 0, 8)).toBe(0);
    expect(outcome(unit.load(SEG_SS, 1))).toEqual([GP, 0]);
    unit.cpl = 3;
    expect(outcome(unit.load(SEG_SS, 3))).toEqual([GP, 0]);
  });

  it("goes back to limits and types in compatibility mode", () => {
    const machine = longMachine();
    const { unit } = machine;
    unit.load(SEG_DS, 0x18);
    expect(unit.is64Bit).toBe(true);
    expect(farJump(unit, 0x08, 0x1000n).result).toBe(0);
    expect([unit.is64Bit, unit.linear(SEG_DS, 0xfffff000, 4, RUN_READ)]).toEqual([false, 0xfffff000]);
    expect(unit.linear(SEG_CS, 0x1000, 1, RUN_WRITE)).toBe(-GP);
  });
});

/** A machine's unit, and its outcome() as a function. */
function bound(machine: Machine): { unit: SegmentUnit; outcome: (result: number) => 0 | [number, number] } {
  return { unit: machine.unit, outcome: (result) => machine.outcome(result) };
}
