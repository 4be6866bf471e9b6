import { PTE_HI_NX, RUN_EXEC, RUN_READ, RUN_WRITE } from "@pageframe/contracts";
import { type MmuConfig } from "@pageframe/mmu";
import { describe, expect, it } from "vitest";
import { Machine } from "./helpers.ts";

const VPN = 0x12345;
/** Leaf for frame 0x21 with the processor's low flags: P 1, RW 2, US 4, A 20, D 40, PS 80. */
const leaf = (flags: number): number => 0x21000 | flags;

/** Faults of one access to a page whose leaf is given; the error code as bits P W U RSVD I from right to left. */
function code(
  lo: number,
  hi: number,
  kind: number,
  isUser: boolean,
  config: Partial<MmuConfig> = {},
): string {
  const machine = new Machine(config);
  machine.write(VPN, 1, lo, hi);
  const result = isUser ? machine.user(VPN, kind) : machine.supervisor(VPN, kind);
  if (result >= 0) return `pfn ${result}`;
  expect(machine.mmu.faultCode).toBe(-1 - result);
  expect(machine.mmu.faultVpn).toBe(VPN);
  expect(machine.mmu.stats.faults).toBe(1);
  expect(machine.tlb.nrValid).toBe(0);
  expect(machine.mmu.translateAddress(VPN * 4096, kind, isUser).faultCode).toBe(-1 - result);
  return (-1 - result).toString(2).padStart(5, "0");
}

/** Intel SDM vol. 3A figure 5-12: bit 0 P, 1 W/R, 2 U/S, 3 RSVD, 4 I/D. */
describe("the page-fault error code", () => {
  it("has P clear when the entry is not present", () => {
    expect(code(0, 0, RUN_READ, true)).toBe("00100");
    expect(code(0, 0, RUN_WRITE, true)).toBe("00110");
    expect(code(0, 0, RUN_EXEC, true)).toBe("10100");
    expect(code(0, 0, RUN_READ, false)).toBe("00000");
    expect(code(0, 0, RUN_WRITE, false)).toBe("00010");
    expect(code(0, 0, RUN_EXEC, false)).toBe("10000");
  });

  it("is that of an absent page for a swap entry and for PROT_NONE", () => {
    expect(code(0x00000402, 0x7fffffff, RUN_READ, true)).toBe("00100");
    expect(code(leaf(0x100), 0, RUN_WRITE, true)).toBe("00110");
  });

  it("has P and W set for a write to a read-only page", () => {
    expect(code(leaf(0x5), 0, RUN_WRITE, true)).toBe("00111");
    expect(code(leaf(0x1), 0, RUN_WRITE, false)).toBe("00011");
    expect(code(leaf(0x5), 0, RUN_READ, true)).toBe("pfn 33");
  });

  it("has P and U set for a user access to a supervisor page", () => {
    expect(code(leaf(0x3), 0, RUN_READ, true)).toBe("00101");
    expect(code(leaf(0x3), 0, RUN_WRITE, true)).toBe("00111");
    expect(code(leaf(0x3), 0, RUN_EXEC, true)).toBe("10101");
    expect(code(leaf(0x3), 0, RUN_WRITE, false)).toBe("pfn 33");
  });

  it("has P and I set for a fetch from a no-execute page", () => {
    expect(code(leaf(0x7), PTE_HI_NX, RUN_EXEC, true)).toBe("10101");
    expect(code(leaf(0x3), PTE_HI_NX, RUN_EXEC, false)).toBe("10001");
    expect(code(leaf(0x7), PTE_HI_NX, RUN_WRITE, true)).toBe("pfn 33");
    expect(code(leaf(0x7), 0, RUN_EXEC, true)).toBe("pfn 33");
  });

  it("has P and RSVD set for a frame number above 43 bits of address, whatever the rights", () => {
    expect(code(leaf(0x7), 0x800, RUN_READ, true)).toBe("01101");
    expect(code(leaf(0x1), 0x80000, RUN_WRITE, true)).toBe("01111");
    expect(code(leaf(0x7), 0x800, RUN_EXEC, true)).toBe("11101");
    expect(code(leaf(0x3), 0x800, RUN_READ, false)).toBe("01001");
    expect(code(leaf(0x7), 0x7ff, RUN_READ, true)).toBe("pfn 2146435105");
  });

  it("ignores software bits, and protection keys while CR4.PKE is clear", () => {
    expect(code(leaf(0xe07), 0x7ff00000, RUN_WRITE, true)).toBe("pfn 33");
  });

  it("lets the supervisor write read-only pages when CR0.WP is clear", () => {
    expect(code(leaf(0x1), 0, RUN_WRITE, false, { writeProtect: false })).toBe("pfn 33");
    expect(code(leaf(0x5), 0, RUN_WRITE, true, { writeProtect: false })).toBe("00111");
  });

  it("keeps the supervisor from running user pages by SMEP, from using them by SMAP", () => {
    expect(code(leaf(0x7), 0, RUN_EXEC, false)).toBe("10001");
    expect(code(leaf(0x7), 0, RUN_EXEC, false, { smep: false })).toBe("pfn 33");
    expect(code(leaf(0x7), 0, RUN_READ, false)).toBe("pfn 33");
    expect(code(leaf(0x7), 0, RUN_READ, false, { smap: true })).toBe("00001");
    expect(code(leaf(0x7), 0, RUN_WRITE, false, { smap: true })).toBe("00011");
    expect(code(leaf(0x7), 0, RUN_EXEC, false, { smap: true, smep: false })).toBe("pfn 33");
  });

  it("lets the supervisor use user pages while EFLAGS.AC lifts SMAP, but not run them", () => {
    const machine = new Machine({ smap: true });
    machine.write(VPN, 1, leaf(0x7));
    expect(machine.supervisor(VPN, RUN_WRITE)).toBe(-1 - 0b00011);
    machine.mmu.setAc(true);
    expect(machine.supervisor(VPN, RUN_WRITE)).toBe(0x21);
    expect(machine.supervisor(VPN, RUN_EXEC)).toBe(-1 - 0b10001);
    expect(machine.supervisor(VPN, RUN_READ)).toBe(0x21);
    machine.mmu.setAc(false); // the page is cached, and refused all the same
    expect(machine.supervisor(VPN, RUN_READ)).toBe(-1 - 0b00001);
    expect(machine.mmu.stats.faults).toBe(3);
  });

  it("takes the no-execute bit for a reserved one when EFER.NXE is clear", () => {
    expect(code(leaf(0x7), PTE_HI_NX, RUN_READ, true, { noExecute: false })).toBe("01101");
    expect(code(0, 0, RUN_EXEC, true, { noExecute: false, smep: false })).toBe("00100");
    expect(code(0, 0, RUN_EXEC, true, { noExecute: false })).toBe("10100");
  });

  it("is the same when the rights come from the TLB", () => {
    const machine = new Machine();
    machine.write(VPN, 1, leaf(0x5), PTE_HI_NX);
    for (const [kind, isUser, expected] of [
      [RUN_WRITE, true, 0b00111],
      [RUN_EXEC, true, 0b10101],
      [RUN_WRITE, false, 0b00011],
    ] as const) {
      expect(machine.user(VPN, RUN_READ)).toBe(0x21); // cached
      expect(isUser ? machine.user(VPN, kind) : machine.supervisor(VPN, kind)).toBe(-1 - expected);
      expect(machine.tlb.nrValid).toBe(0); // and forgotten
    }
  });
});

describe("rights of the upper levels", () => {
  const allowed = (level: number, lo: number, hi: number, kind: number): string => {
    const machine = new Machine();
    machine.write(VPN, 1, leaf(0x7));
    const at = machine.entryOf(VPN, level);
    machine.contents.words[at] = (machine.contents.words[at] & ~0xfff) | lo;
    machine.contents.words[at + 1] = hi;
    const results = [machine.user(VPN, kind), machine.user(VPN, kind)];
    expect(results[0]).toBe(results[1]); // by walk, then by TLB or walk cache
    expect(machine.mmu.translateAddress(VPN * 4096, kind).faultCode).toBe(
      results[0] < 0 ? -1 - results[0] : -1,
    );
    return results[0] >= 0 ? "yes" : (-1 - results[0]).toString(2).padStart(5, "0");
  };

  for (const [name, level] of [
    ["PMD", 2],
    ["PUD", 3],
    ["PGD", 4],
  ] as const) {
    it(`are AND-ed for writing and for user access, OR-ed for NX (${name})`, () => {
      expect(allowed(level, 0x7, 0, RUN_WRITE)).toBe("yes");
      expect(allowed(level, 0x5, 0, RUN_WRITE)).toBe("00111");
      expect(allowed(level, 0x5, 0, RUN_READ)).toBe("yes");
      expect(allowed(level, 0x3, 0, RUN_READ)).toBe("00101");
      expect(allowed(level, 0x7, PTE_HI_NX, RUN_EXEC)).toBe("10101");
      expect(allowed(level, 0x7, PTE_HI_NX, RUN_READ)).toBe("yes");
    });

    it(`fault by P and by reserved bits (${name})`, () => {
      expect(allowed(level, 0x6, 0, RUN_READ)).toBe("00100");
      expect(allowed(level, 0x7, 0x1000, RUN_WRITE)).toBe("01111");
    });
  }

  it("treat PS as reserved in the PGD", () => {
    expect(allowed(4, 0x87, 0, RUN_READ)).toBe("01101");
  });
});
