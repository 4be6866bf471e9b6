import { type KernelError, packRun, RUN_EXEC, RUN_READ, RUN_WRITE } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { FAULT_GP, FAULT_SS, Mmu } from "@pageframe/mmu";
import { NoTlb } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";
import { Machine } from "./helpers.ts";

/** Intel SDM vol. 1 section 3.3.7.1: bits 47 to 63 are equal with four levels, bits 56 to 63 with five. */
const CANONICAL_4 = [0n, 0x00007fffffffffffn, 0xffff800000000000n, 0xffffffffffffffffn];
const NOT_CANONICAL_4 = [0x0000800000000000n, 0xffff7fffffffffffn, 0x1000000000000000n, 0x8000000000000000n];
const CANONICAL_5 = [0x00ffffffffffffffn, 0xff00000000000000n, 0x0000800000000000n, 0xffff7fffffffffffn];
const NOT_CANONICAL_5 = [0x0100000000000000n, 0xfeffffffffffffffn, 0x8000000000000000n];

describe("addresses that are not canonical", () => {
  it("raise #GP, which no canonical address does", () => {
    for (const [levels, good, bad] of [
      [4, CANONICAL_4, NOT_CANONICAL_4],
      [5, CANONICAL_5, NOT_CANONICAL_5],
    ] as const) {
      const { mmu } = new Machine({ levels });
      for (const address of good) expect(mmu.translateByte(address, RUN_READ, true)).toBe(-1 - 0b100);
      for (const address of bad) expect(mmu.translateByte(address, RUN_WRITE, true)).toBe(-1 - FAULT_GP);
    }
  });

  it("raise #SS when the stack is accessed", () => {
    const { mmu } = new Machine();
    expect(mmu.translateByte(0x0000800000000000n, RUN_WRITE, true, true)).toBe(-1 - FAULT_SS);
    expect(mmu.translateByte(0x00007ffffffff000n, RUN_WRITE, true, true)).toBe(-1 - 0b110);
    expect([FAULT_GP, FAULT_SS]).toEqual([13 * 65536, 12 * 65536]);
  });

  it("reach neither TLB nor page table, and leave CR2 as it was", () => {
    const { mmu } = new Machine();
    mmu.translateByte(0x5000n, RUN_READ, true);
    const { walks, walkReads } = mmu.stats;
    mmu.translateByte(0x0000800000000000n, RUN_READ, true);
    expect(mmu).toMatchObject({ faultCode: FAULT_GP, faultVpn: 5 });
    expect(mmu.stats).toMatchObject({ walks, walkReads, faults: 2 });
  });

  it("raise #GP also as a page number that the table cannot translate", () => {
    const machine = new Machine();
    machine.write(0, 1, 0x21007);
    expect(machine.user(2 ** 36, RUN_READ)).toBe(-1 - FAULT_GP);
    expect(machine.user(2 ** 44, RUN_READ)).toBe(-1 - FAULT_GP);
    expect(machine.mmu.accessRuns(Int32Array.of(0, packRun(16, RUN_READ, false, 1)), 0, 1)).toBe(0);
    expect(machine.mmu.faultCode).toBe(FAULT_GP);
    expect(machine.user(2 ** 36 - 1, RUN_READ)).toBe(-1 - 0b100);
    const five = new Machine({ levels: 5 });
    expect(five.user(2 ** 36, RUN_READ)).toBe(-1 - 0b100);
    for (const format of ["hashed", "inverted"]) {
      const mmu = new Mmu({ tlb: new NoTlb(), contents: new FrameContents(8, "none"), format });
      expect(mmu.translateByte(0x0100000000000000n, RUN_READ, true)).toBe(-1 - FAULT_GP);
    }
  });

  it("page-fault on RISC-V, by the kind of access", () => {
    const contents = new FrameContents(8, "none");
    const mmu = new Mmu({ tlb: new NoTlb(), contents, format: "sv39" });
    contents.ensureSlot(1);
    mmu.loadCr3(1, 0, false);
    // Bits 38 to 63 are equal.
    expect(mmu.translateByte(0x0000004000000000n, RUN_EXEC, true)).toBe(-1 - 0b10100);
    expect(mmu.translateAddress(0xffffffbfffffffffn, RUN_WRITE).fault).toMatchObject({
      vector: 15,
      text: "address 0xffffffbfffffffff is not canonical: bits 38 to 63 must be equal, for 39 bits are translated",
    });
    expect(mmu.translateAddress(0xffffffc000000000n).vaddr).toBe(0x4000000000);
  });

  it("are explained in one sentence", () => {
    expect(new Machine().mmu.translateAddress(0x0000800000000000n)).toEqual({
      address: 0x0000800000000000n,
      vaddr: -1,
      levels: [],
      pageBytes: 0,
      pfn: -1,
      paddr: -1,
      faultCode: FAULT_GP,
      fault: {
        vector: 13,
        name: "#GP",
        errorCode: 0,
        text: "address 0x0000800000000000 is not canonical: bits 47 to 63 must be equal, for 48 bits are translated",
      },
      tlb: [],
    });
    const five = new Machine({ levels: 5 }).mmu.translateAddress(0x0100000000000000n, RUN_READ, true, true);
    expect(five.fault).toMatchObject({ vector: 12, name: "#SS", errorCode: 0 });
    expect(five.fault!.text).toContain("bits 56 to 63");
  });
});

describe("addresses of the kernel half", () => {
  it("are the same as 64 bits and as a Vaddr without the copies of the highest bit", () => {
    const machine = new Machine();
    machine.write(0x888000005, 1, 0x21003);
    const full = machine.mmu.translateAddress(0xffff888000005123n, RUN_READ, false);
    expect(full).toEqual(machine.mmu.translateAddress(0x888000005123, RUN_READ, false));
    expect(full).toMatchObject({ address: 0xffff888000005123n, vaddr: 0x888000005123, paddr: 0x21123 });
    expect(machine.mmu.translateByte(0xffff888000005123n, RUN_READ, false)).toBe(0x21);
    expect(machine.mmu.translateByte(-0x777fffffaeddn, RUN_READ, false)).toBe(0x21); // as a signed number
    // A number has no copies of that bit: 2^48 and above is not canonical.
    expect(machine.mmu.translateByte(2 ** 48, RUN_READ, false)).toBe(-1 - FAULT_GP);
  });

  it("have an exact offset with five levels too", () => {
    const machine = new Machine({ levels: 5 });
    machine.write(0x111000000005, 1, 0x21003);
    expect(machine.mmu.translateAddress(0xff11000000005123n, RUN_READ, false).paddr).toBe(0x21123);
  });

  it("are refused when they are no address at all", () => {
    const { mmu } = new Machine();
    const message = (address: number | bigint): string => {
      try {
        mmu.translateAddress(address);
      } catch (error) {
        return (error as KernelError).message;
      }
      return "none";
    };
    expect(message(2n ** 64n)).toBe("EINVAL: address 18446744073709551616 does not fit 64 bits");
    expect(message(-1)).toBe(
      "EINVAL: address -1 is not an integer from 0; write one of the kernel half as a bigint, 0xffff888000000000n",
    );
    expect(message(0.5)).toContain("address 0.5 is not an integer from 0");
  });
});

describe("what the TLB holds", () => {
  it("is told with the address, without use or count", () => {
    const machine = new Machine({ protectionKeys: true });
    machine.write(5, 1, (77 << 12) | 0x7, 3 << 27);
    expect(machine.mmu.translateAddress(0x5000).tlb).toEqual([]);
    machine.user(5, RUN_WRITE);
    machine.write(5, 1, 0);
    const before = machine.mmu.stats;
    const { tlb, fault } = machine.mmu.translateAddress(0x5000);
    expect(tlb).toEqual([
      { array: "l1", pageBytes: 4096, pfn: 77, flags: "RW US D PK3" },
      { array: "l2", pageBytes: 4096, pfn: 77, flags: "RW US D PK3" },
    ]);
    expect(fault).toMatchObject({ name: "#PF", errorCode: 0b100 });
    expect(machine.mmu.stats).toEqual(before);
    machine.mmu.loadCr3(machine.mmu.rootPfn, 1, true);
    expect(machine.mmu.translateAddress(0x5000).tlb).toEqual([]); // another address space's
  });

  it("shows large and global pages, and the address's own frame in them", () => {
    const machine = new Machine();
    machine.write(1024, 2, (512 << 12) | 0x187, 1 << 31);
    machine.user(1024, RUN_READ);
    machine.mmu.loadCr3(machine.mmu.rootPfn, 1, true);
    const held = { pageBytes: 2 ** 21, pfn: 512 + 9, flags: "RW US G NX" };
    expect(machine.mmu.translateAddress((1024 + 9) * 4096).tlb).toEqual([
      { array: "l1Large", ...held },
      { array: "l2", ...held },
    ]);
  });

  it("is found without arrays when the TLB does not tell them", () => {
    const machine = new Machine();
    machine.write(5, 1, (77 << 12) | 0x7);
    machine.user(5, RUN_READ);
    Object.assign(machine.tlb, { peek: undefined });
    expect(machine.mmu.translateAddress(0x5000).tlb).toEqual([
      { array: "", pageBytes: 4096, pfn: 77, flags: "RW US" },
    ]);
  });
});
