import { packRun, RUN_EXEC, RUN_READ, RUN_WRITE } from "@pageframe/contracts";
import { type MmuConfig } from "@pageframe/mmu";
import { describe, expect, it } from "vitest";
import { Machine } from "./helpers.ts";

const VPN = 0x12345;
/** Key k is in bits 59..62 of an entry: bits 27..30 of its high half. Intel SDM vol. 3A table 5-20. */
const key = (k: number): number => k << 27;
/** PKRU: AD of key k is bit 2k, WD bit 2k + 1. Intel SDM vol. 3A section 2.7. */
const AD3 = 1 << 6;
const WD3 = 1 << 7;

/** A machine with one page in frame 0x21. */
function withPage(lo: number, hi: number, config: Partial<MmuConfig> = {}): Machine {
  const machine = new Machine({ protectionKeys: true, ...config });
  machine.write(VPN, 1, 0x21000 | lo, hi);
  return machine;
}

/** One access under PKRU: the frame, or the error code as bits PK I RSVD U W P from left to right. */
function access(machine: Machine, pkru: number, kind: number, isUser = true): string {
  machine.mmu.writePkru(pkru);
  const { faultCode } = machine.mmu.translateAddress(VPN * 4096, kind, isUser);
  const result = isUser ? machine.user(VPN, kind) : machine.supervisor(VPN, kind);
  expect(faultCode).toBe(result < 0 ? -1 - result : -1);
  return result < 0 ? (-1 - result).toString(2).padStart(6, "0") : `pfn ${result}`;
}

/** Intel SDM vol. 3A sections 5.6.2 and 5.7. */
describe("protection keys", () => {
  it("of user pages forbid reading and writing by AD, never fetching", () => {
    const machine = withPage(0x7, key(3));
    expect(access(machine, AD3, RUN_READ)).toBe("100101");
    expect(access(machine, AD3, RUN_WRITE)).toBe("100111");
    expect(access(machine, AD3, RUN_EXEC)).toBe("pfn 33");
    expect(access(machine, AD3, RUN_READ)).toBe("100101"); // now cached
    expect(access(machine, ~AD3 >>> 0, RUN_EXEC)).toBe("pfn 33");
  });

  it("forbid writing only by WD", () => {
    const machine = withPage(0x7, key(3));
    expect(access(machine, WD3, RUN_READ)).toBe("pfn 33");
    expect(access(machine, WD3, RUN_WRITE)).toBe("100111");
    expect(access(machine, ~(WD3 | AD3) >>> 0, RUN_WRITE)).toBe("pfn 33");
  });

  it("bind the supervisor too, but for WD when CR0.WP is clear", () => {
    for (const [config, wd] of [
      [{}, "100011"],
      [{ writeProtect: false }, "pfn 33"],
    ] as const) {
      expect(access(withPage(0x7, key(3), config), AD3, RUN_READ, false)).toBe("100001");
      expect(access(withPage(0x7, key(3), config), AD3, RUN_WRITE, false)).toBe("100011");
      expect(access(withPage(0x7, key(3), config), WD3, RUN_WRITE, false)).toBe(wd);
      expect(access(withPage(0x7, key(3), config), WD3, RUN_READ, false)).toBe("pfn 33");
    }
  });

  it("of supervisor pages mean nothing, also when an upper level makes them so", () => {
    expect(access(withPage(0x3, key(3)), 0xffffffff, RUN_WRITE, false)).toBe("pfn 33");
    const machine = withPage(0x7, key(3));
    const at = machine.entryOf(VPN, 3);
    machine.contents.words[at] &= ~4;
    expect(access(machine, 0xffffffff, RUN_WRITE, false)).toBe("pfn 33");
    expect(access(machine, 0xffffffff, RUN_READ)).toBe("000101"); // a fault, but not by the key
  });

  it("show in the error code also when other rights forbid the access, but not when the page is absent", () => {
    expect(access(withPage(0x5, key(3)), WD3, RUN_WRITE)).toBe("100111");
    expect(access(withPage(0x5, key(3)), 0, RUN_WRITE)).toBe("000111");
    expect(access(withPage(0x6, key(3)), AD3, RUN_READ)).toBe("000100");
    expect(access(withPage(0x7, key(3) | 0x800), AD3, RUN_READ)).toBe("001101");
  });

  it("take effect without a flush and without a walk", () => {
    const machine = withPage(0x7, key(3));
    expect(access(machine, 0, RUN_WRITE)).toBe("pfn 33");
    expect(access(machine, WD3, RUN_READ)).toBe("pfn 33");
    expect(access(machine, WD3, RUN_WRITE)).toBe("100111");
    expect(machine.mmu.stats).toMatchObject({ walks: 1, l1Hits: 2, faults: 1 });
  });

  it("apply to key 0 as to the others", () => {
    const machine = withPage(0x7, 0);
    expect(access(machine, 0, RUN_WRITE)).toBe("pfn 33");
    expect(access(machine, 0b10, RUN_READ)).toBe("pfn 33");
    expect(access(machine, 0b10, RUN_WRITE)).toBe("100111");
    expect(access(machine, 0b01, RUN_READ)).toBe("100101");
    expect(access(machine, 0xfffffffc, RUN_WRITE)).toBe("pfn 33");
  });

  it("start in Linux with all but key 0 forbidden (init_pkru)", () => {
    for (let k = 0; k < 16; k++) {
      expect(access(withPage(0x7, key(k)), 0x55555554, RUN_READ)).toBe(k === 0 ? "pfn 33" : "100101");
    }
  });

  it("of a large page are those of its leaf", () => {
    const machine = new Machine({ protectionKeys: true });
    machine.write(VPN, 2, (512 << 12) | 0x87, key(3));
    expect(access(machine, AD3, RUN_READ)).toBe("100101");
    expect(access(machine, WD3, RUN_READ)).toBe(`pfn ${512 + (VPN % 512)}`);
    expect(access(machine, WD3, RUN_WRITE)).toBe("100111");
  });

  it("let a run of a key that is allowed go on, and set the dirty bit", () => {
    const machine = withPage(0x7, key(3));
    const runs = (...kinds: number[]): Int32Array =>
      Int32Array.from(kinds.flatMap((kind) => [VPN, packRun(0, kind, false, 2)]));
    expect(machine.mmu.accessRuns(runs(RUN_READ, RUN_READ, RUN_WRITE, RUN_WRITE), 0, 4)).toBe(4);
    expect(machine.mmu.stats).toMatchObject({ accesses: 8, walks: 1, l1Hits: 7, dirtyAssists: 1 });
    machine.mmu.writePkru(WD3);
    expect(machine.mmu.accessRuns(runs(RUN_READ, RUN_WRITE), 0, 2)).toBe(1);
    expect(machine.mmu.faultCode).toBe(0b100111);
  });

  it("show in a walk", () => {
    const { levels, fault } = withPage(0x7, key(3)).mmu.translateAddress(VPN * 4096);
    expect(levels[3].flags).toBe("P RW US PK3");
    expect(fault).toBe(null);
    const machine = withPage(0x7, key(3));
    machine.mmu.writePkru(AD3);
    expect(machine.mmu.translateAddress(VPN * 4096).fault).toEqual({
      vector: 14,
      name: "#PF",
      errorCode: 0b100101,
      text: "read of a page whose protection key forbids it, by the user",
    });
  });

  it("are refused while CR4.PKE is clear, as is a PKRU that is none", () => {
    expect(() => {
      new Machine().mmu.writePkru(0);
    }).toThrow("PKRU cannot be written while CR4.PKE is clear; set protectionKeys");
    expect(() => {
      withPage(0x7, 0).mmu.writePkru(-1);
    }).toThrow("PKRU -1 is not an integer of 32 bits");
    const { mmu } = withPage(0x7, 0);
    mmu.writePkru(0xfffffffc);
    expect(mmu.pkru).toBe(0xfffffffc);
  });
});
