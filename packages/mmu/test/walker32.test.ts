/** Walks of 32-bit x86 by hand. Intel SDM vol. 3A sections 5.3 (figures 5-2 to 5-4) and 5.4 (figures 5-5 to 5-7). */
import {
  PTE_A,
  PTE_D,
  PTE_P,
  PTE_PS,
  PTE_RW,
  PTE_US,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
} from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { FAULT_GP, Mmu, type MmuConfig } from "@pageframe/mmu";
import { SetAssociativeTlb } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";

const USER = PTE_P | PTE_RW | PTE_US;
const RSVD = 8;

/** Frames 1, 2, 3 hold what a test writes there; the root is frame 1. */
class Machine {
  readonly contents: FrameContents = new FrameContents(64, "none");
  readonly mmu: Mmu;

  constructor(config: Partial<MmuConfig>) {
    this.mmu = new Mmu({ tlb: new SetAssociativeTlb(), contents: this.contents, ...config });
    for (const pfn of [1, 2, 3]) this.contents.ensureSlot(pfn);
    this.mmu.loadCr3(1, 0, false);
  }

  /** Word `index` of a frame. */
  get(pfn: number, index: number): number {
    return this.contents.words[this.contents.wordBase(pfn) + index];
  }

  set(pfn: number, index: number, word: number): void {
    this.contents.words[this.contents.wordBase(pfn) + index] = word;
  }

  user(vpn: number, kind: number = RUN_READ): number {
    return this.mmu.translate(vpn, 0, kind, true);
  }
}

describe("Walks of x86-32", () => {
  it("read one word of each of two levels, and set A and D", () => {
    const machine = new Machine({ format: "x86-32" });
    // Address c0123000: directory index 300h, table index 123h.
    machine.set(1, 0x300, (2 << 12) | USER);
    machine.set(2, 0x123, (0x54321 << 12) | USER);
    expect(machine.user(0xc0123, RUN_READ)).toBe(0x54321);
    expect(machine.mmu.stats.walkReads).toBe(2);
    expect([machine.get(1, 0x300) & 0x60, machine.get(2, 0x123) & 0x60]).toEqual([PTE_A, PTE_A]);
    expect(machine.user(0xc0123, RUN_WRITE)).toBe(0x54321);
    expect([machine.get(1, 0x300) & 0x60, machine.get(2, 0x123) & 0x60]).toEqual([PTE_A, PTE_A | PTE_D]);
    // Not present: user; write: 110b. Another page of the same table starts from the cached directory entry.
    expect(machine.user(0xc0124, RUN_WRITE)).toBe(-1 - 6);
    expect(machine.mmu.stats.pdeHits).toBeGreaterThan(0);
    expect(machine.user(0x123)).toBe(-1 - 4);
  });

  it("narrow the rights by both levels", () => {
    const machine = new Machine({ format: "x86-32" });
    machine.set(1, 0, (2 << 12) | PTE_P | PTE_US);
    machine.set(1, 1, (2 << 12) | PTE_P | PTE_RW);
    machine.set(2, 5, (9 << 12) | USER);
    expect([machine.user(5), machine.user(5, RUN_WRITE)]).toEqual([9, -1 - 7]);
    expect(machine.user(0x405)).toBe(-1 - 5);
    expect(machine.mmu.translate(0x405, 0, RUN_WRITE, false)).toBe(9);
  });

  it("find 4 MiB leaves, above 4 GiB too, and refuse bit 21", () => {
    const machine = new Machine({ format: "x86-32" });
    // Table 5-4: bits 31..22 of the address, and 39..32 in bits 20..13: 12_c0000000.
    machine.set(1, 2, 0xc0024000 | USER | PTE_PS);
    expect(machine.user(0x800)).toBe(0x12c0000);
    expect(machine.user(0xbff)).toBe(0x12c03ff);
    expect(machine.mmu.stats.walkReads).toBe(2);
    const { pageBytes, levels, pfn } = machine.mmu.translateAddress(0xbff000);
    expect([pageBytes, pfn, levels.length, levels[0].name]).toEqual([4 << 20, 0x12c03ff, 1, "PGD"]);
    machine.set(1, 3, 0xc0200000 | USER | PTE_PS);
    expect(machine.user(0xc00)).toBe(-1 - (5 | RSVD));
  });

  it("forget both pieces of a 4 MiB leaf with any of its pages", () => {
    // Section 5.10.4.1: INVLPG and page faults invalidate every entry that stands for the translation.
    const machine = new Machine({ format: "x86-32" });
    machine.set(1, 2, 0x00c00000 | USER | PTE_PS);
    expect([machine.user(0x800), machine.user(0xa00)]).toEqual([0xc00, 0xe00]);
    machine.set(1, 2, 0);
    // Stale, both of them, until one is told.
    expect([machine.user(0x801), machine.user(0xa01)]).toEqual([0xc01, 0xe01]);
    machine.mmu.invlpg(0x800);
    expect([machine.user(0xa01), machine.user(0x801)]).toEqual([-5, -5]);
    machine.set(1, 2, 0x00c00000 | USER | PTE_PS);
    expect([machine.user(0x800), machine.user(0xa00)]).toEqual([0xc00, 0xe00]);
    machine.mmu.flushRange(0xbff, 1, 0);
    machine.set(1, 2, 0);
    expect(machine.user(0x800)).toBe(-5);
  });

  it("have no NX and no protection keys: fetches fault by SMEP and US alone", () => {
    const machine = new Machine({ format: "x86-32", smep: false, protectionKeys: true });
    machine.set(1, 0, (2 << 12) | PTE_P | PTE_RW);
    machine.set(2, 5, (9 << 12) | PTE_P);
    // Without SMEP and NX bit 4 of the error code (I/D) stays clear: section 5.7.
    expect(machine.user(5, RUN_EXEC)).toBe(-1 - 5);
    expect(new Machine({ format: "x86-32" }).user(5, RUN_EXEC)).toBe(-1 - (4 | 16));
    expect(() => machine.mmu.writePkru(0)).toThrow(/^EINVAL: PKRU/);
    expect(machine.mmu.translate(0x100000, 0, RUN_READ, true)).toBe(-1 - FAULT_GP);
  });
});

describe("Walks of PAE", () => {
  /** Top entry 3 leads to frame 2, its directory entry 0 to frame 3. */
  function newMachine(config: Partial<MmuConfig> = {}): Machine {
    const machine = new Machine({ format: "pae", ...config });
    machine.set(1, 6, (2 << 12) | PTE_P);
    machine.set(2, 0, (3 << 12) | USER);
    machine.set(3, 2 * 0x123, (0x54321 << 12) | USER);
    machine.set(3, 2 * 0x123 + 1, 0x7);
    return machine;
  }

  it("read two entries below the registers", () => {
    const machine = newMachine();
    expect(machine.mmu.loadCr3(1, 0, false)).toBe(0);
    // Frame 7_54321: bits 51..12 of the entry.
    expect(machine.user(0xc0123, RUN_WRITE)).toBe(0x754321);
    expect(machine.mmu.stats.walkReads).toBe(2);
    expect([machine.get(1, 6) & PTE_A, machine.get(2, 0) & 0x60, machine.get(3, 0x246) & 0x60]).toEqual([
      0,
      PTE_A,
      PTE_A | PTE_D,
    ]);
    expect(
      machine.mmu.translateAddress(0xc0123000).levels.map(({ name, flags }) => `${name} ${flags}`),
    ).toEqual(["PGD P", "PMD P RW US A", "PTE P RW US A D"]);
  });

  it("take the top entries as they were when CR3 was written", () => {
    const machine = newMachine();
    // Loaded before they were written: not present.
    expect(machine.user(0xc0123)).toBe(-5);
    machine.mmu.loadCr3(1, 0, false);
    machine.set(1, 6, 0);
    machine.mmu.flushAll(true);
    expect(machine.user(0xc0123)).toBe(0x754321);
    machine.mmu.loadCr3(1, 0, false);
    expect(machine.user(0xc0123)).toBe(-5);
  });

  it("raise #GP when CR3 is written and a present top entry has a reserved bit, and keep CR3", () => {
    // Section 5.4.1 and table 5-8: bits 1, 2, 5 to 8, and 63 down to the width of physical addresses.
    const machine = newMachine();
    machine.mmu.loadCr3(1, 0, false);
    machine.contents.ensureSlot(4);
    for (const bit of [1, 2, 5, 6, 7, 8]) {
      machine.set(4, 2, PTE_P | (1 << bit));
      expect(machine.mmu.loadCr3(4, 0, false)).toBe(-1 - FAULT_GP);
      machine.set(4, 2, 1 << bit);
      machine.set(4, 3, 0);
    }
    for (const bit of [11, 20, 31]) {
      machine.set(4, 2, PTE_P);
      machine.set(4, 3, 1 << bit);
      expect(machine.mmu.loadCr3(4, 0, false)).toBe(-1 - FAULT_GP);
    }
    expect([machine.mmu.rootPfn, machine.user(0xc0123)]).toEqual([1, 0x754321]);
    // Not present it may hold anything; PWT, PCD and bits 9 to 11 are no harm.
    machine.set(4, 2, 0x1e6);
    machine.set(4, 0, PTE_P | 0xe18);
    expect(machine.mmu.loadCr3(4, 0, false)).toBe(0);
  });

  it("find 2 MiB leaves, obey NX, and refuse reserved bits", () => {
    const machine = newMachine();
    machine.set(2, 2, (0x600 << 12) | USER | PTE_PS);
    machine.set(2, 3, 1 << 31);
    machine.mmu.loadCr3(1, 0, false);
    expect(machine.user(0xc02ab)).toBe(0x6ab);
    expect(machine.user(0xc02ab, RUN_EXEC)).toBe(-1 - (5 | 16));
    // Bits 52 to 62 are ignored with four levels, reserved here.
    machine.set(2, 3, 1 << 27);
    machine.mmu.flushAll(true);
    expect(machine.user(0xc02ab)).toBe(-1 - (5 | RSVD));
    machine.set(2, 3, 0);
    machine.set(2, 2, (0x601 << 12) | USER | PTE_PS | 0x2000);
    expect(machine.user(0xc02ab)).toBe(-1 - (5 | RSVD));
    const old = newMachine({ noExecute: false });
    old.set(2, 1, 1 << 31);
    old.mmu.loadCr3(1, 0, false);
    expect(old.user(0xc0123)).toBe(-1 - (5 | RSVD));
  });
});
