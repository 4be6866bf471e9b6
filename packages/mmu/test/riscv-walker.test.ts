import { RUN_EXEC, RUN_READ, RUN_WRITE, vpnHi, vpnIndex, vpnLo } from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { Mmu, type MmuConfig } from "@pageframe/mmu";
import { SetAssociativeTlb } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";

const VPN = 0x12345;
/** RISC-V Privileged Architecture, figure "Sv39 page table entry": V 1, R 2, W 4, X 8, U 10, G 20, A 40, D 80; PPN from bit 10. */
const URWX = 0x1f;
const leaf = (flags: number, pfn = 0x21): number => (pfn << 10) | flags;

/** An MMU of RISC-V whose table is written entry by entry. */
class Machine {
  readonly contents: FrameContents = new FrameContents(1024, "none");
  readonly mmu: Mmu;
  private nextTable = 1;

  constructor(format: string, config: Partial<MmuConfig> = {}) {
    this.mmu = new Mmu({ tlb: new SetAssociativeTlb(), contents: this.contents, format, ...config });
    this.mmu.loadCr3(this.newTable(), 1, false);
  }

  newTable(): number {
    this.contents.ensureSlot(this.nextTable);
    return this.nextTable++;
  }

  at(vpn: number, level: number): number {
    let tablePfn = this.mmu.rootPfn;
    for (let above = this.mmu.walker.nrLevels; above > level; above--) {
      const at = this.contents.wordBase(tablePfn) + 2 * vpnIndex(vpn, above);
      if (this.contents.words[at] === 0) {
        const below = this.newTable();
        this.contents.words[at] = (below << 10) | 1;
      }
      tablePfn = this.contents.words[at] >>> 10;
    }
    return this.contents.wordBase(tablePfn) + 2 * vpnIndex(vpn, level);
  }

  write(vpn: number, level: number, lo: number, hi = 0): void {
    const at = this.at(vpn, level);
    this.contents.words[at] = lo;
    this.contents.words[at + 1] = hi;
  }

  access(vpn: number, kind: number, isUser = true): number {
    const { faultCode, pfn } = this.mmu.translateAddress(vpn * 4096, kind, isUser);
    const result = this.mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, isUser);
    expect(result).toBe(faultCode < 0 ? pfn : -1 - faultCode);
    return result;
  }
}

/** One access to a leaf: the frame, or the error code as bits I RSVD U W P. */
function access(
  lo: number,
  hi: number,
  kind: number,
  isUser = true,
  config: Partial<MmuConfig> = {},
  level = 1,
): string {
  const machine = new Machine("sv39", config);
  machine.write(VPN, level, lo, hi);
  const result = machine.access(VPN, kind, isUser);
  if (result < 0) return (-1 - result).toString(2).padStart(5, "0");
  expect(machine.access(VPN, kind, isUser)).toBe(result); // from the TLB
  return `pfn ${result}`;
}

/** RISC-V Privileged Architecture, "Virtual Address Translation Process" and sstatus. */
describe("rights of RISC-V", () => {
  it("fault by R, W and X, as load, store or instruction page faults", () => {
    expect(access(leaf(URWX), 0, RUN_READ)).toBe("pfn 33");
    expect(access(leaf(0x13), 0, RUN_WRITE)).toBe("00111");
    expect(access(leaf(0x17), 0, RUN_EXEC)).toBe("10101");
    expect(access(leaf(0x19), 0, RUN_READ)).toBe("00101"); // may only be executed
    expect(access(leaf(0x19), 0, RUN_EXEC)).toBe("pfn 33");
    const machine = new Machine("sv39");
    const names = [RUN_READ, RUN_WRITE, RUN_EXEC].map((kind) => {
      const fault = machine.mmu.translateAddress(0, kind).fault!;
      return [fault.vector, fault.name];
    });
    expect(names).toEqual([
      [13, "load page fault"],
      [15, "store page fault"],
      [12, "instruction page fault"],
    ]);
  });

  it("fault without V, whatever the other bits", () => {
    expect(access(leaf(0xfe), -1, RUN_READ)).toBe("00100");
    expect(access(0, 0, RUN_WRITE, false)).toBe("00010");
  });

  it("keep the supervisor from user pages unless SUM, and from running them always", () => {
    expect(access(leaf(URWX), 0, RUN_READ, false)).toBe("00001");
    expect(access(leaf(URWX), 0, RUN_WRITE, false, { sum: true })).toBe("pfn 33");
    expect(access(leaf(URWX), 0, RUN_EXEC, false, { sum: true })).toBe("10001");
    expect(access(leaf(0xf), 0, RUN_EXEC, false)).toBe("pfn 33");
    expect(access(leaf(0xf), 0, RUN_READ)).toBe("00101");
  });

  it("follow SUM and MXR without a flush", () => {
    const machine = new Machine("sv39");
    machine.write(VPN, 1, leaf(0x19));
    expect(machine.access(VPN, RUN_EXEC)).toBe(0x21);
    machine.mmu.setMxr(true);
    expect(machine.access(VPN, RUN_READ)).toBe(0x21);
    machine.mmu.setSum(true);
    expect(machine.access(VPN, RUN_READ, false)).toBe(0x21);
    expect(machine.mmu.stats.walks).toBe(1);
    machine.mmu.setSum(false);
    expect(machine.access(VPN, RUN_READ, false)).toBe(-1 - 1);
    machine.mmu.setMxr(false);
    expect(machine.access(VPN, RUN_READ)).toBe(-1 - 0b101);
  });
});

describe("malformed entries of RISC-V", () => {
  it("fault: W without R", () => {
    expect(access(leaf(0x15), 0, RUN_READ)).toBe("01101");
    expect(access(leaf(0x1d), 0, RUN_WRITE)).toBe("01111");
  });

  it("fault: reserved bits 54 to 58, N without Svnapot, memory type 3, more than 43 bits of address", () => {
    for (const bit of [22, 23, 24, 25, 26, 31, 9, 21]) {
      expect([bit, access(leaf(URWX), 1 << bit, RUN_READ)]).toEqual([bit, "01101"]);
    }
    expect(access(leaf(URWX), 3 << 29, RUN_READ)).toBe("01101");
    expect(access(leaf(URWX), 1 << 29, RUN_READ)).toBe("pfn 33");
    expect(access(leaf(URWX), 3 << 27, RUN_READ)).toBe("pfn 33"); // software's (Svrsw60t59b)
    expect(access(leaf(URWX), 0x1ff, RUN_READ)).toBe(`pfn 2143289377`);
  });

  it("fault: a pointer with U, A or D or a memory type, and one at the lowest level", () => {
    for (const flags of [0x11, 0x41, 0x81])
      expect(access(leaf(flags, 5), 0, RUN_READ, true, {}, 2)).toBe("01101");
    expect(access(leaf(0x1, 5), 1 << 29, RUN_READ, true, {}, 2)).toBe("01101");
    expect(access(leaf(0x1), 0, RUN_READ)).toBe("01101");
  });

  it("fault: a superpage whose frame is not aligned", () => {
    expect(access(leaf(URWX, 513), 0, RUN_READ, true, {}, 2)).toBe("01101");
    expect(access(leaf(URWX, 512), 0, RUN_READ, true, {}, 2)).toBe(`pfn ${512 + 0x145}`);
    expect(access(leaf(URWX, 512), 0, RUN_READ, true, {}, 3)).toBe("01101");
    expect(access(leaf(URWX, 262144), 0, RUN_READ, true, {}, 3)).toBe(`pfn ${262144 + VPN}`);
  });
});

describe("A and D of RISC-V", () => {
  it("are set by the walker with Svadu, in the leaf alone", () => {
    const machine = new Machine("sv39");
    machine.write(VPN, 1, leaf(URWX));
    machine.access(VPN, RUN_READ);
    expect(machine.contents.words[machine.at(VPN, 1)]).toBe(0x845f);
    machine.access(VPN, RUN_WRITE);
    expect(machine.contents.words[machine.at(VPN, 1)]).toBe(0x84df);
    expect(machine.contents.words[machine.at(VPN, 2)] & 0x3ff).toBe(1);
    expect(machine.mmu.stats).toMatchObject({ walks: 1, l1Hits: 1, dirtyAssists: 1 });
  });

  it("are software's with Svade: what needs them faults", () => {
    const config = { adue: false };
    expect(access(leaf(URWX), 0, RUN_READ, true, config)).toBe("00101");
    expect(access(leaf(URWX | 0x40), 0, RUN_READ, true, config)).toBe("pfn 33");
    expect(access(leaf(URWX | 0x40), 0, RUN_WRITE, true, config)).toBe("00111");
    expect(access(leaf(URWX | 0xc0), 0, RUN_WRITE, true, config)).toBe("pfn 33");
    const machine = new Machine("sv39", config);
    machine.write(VPN, 1, leaf(URWX | 0x40));
    expect(machine.access(VPN, RUN_READ)).toBe(0x21);
    expect(machine.access(VPN, RUN_WRITE)).toBe(-1 - 0b111); // clean in the TLB
    expect(machine.contents.words[machine.at(VPN, 1)]).toBe(leaf(URWX | 0x40));
  });
});

describe("walks of RISC-V", () => {
  it("make global what lies below a global pointer", () => {
    const machine = new Machine("sv39");
    machine.write(VPN, 1, leaf(URWX));
    machine.contents.words[machine.at(VPN, 3)] |= 0x20;
    machine.access(VPN, RUN_READ);
    machine.mmu.loadCr3(machine.newTable(), 2, false);
    expect(machine.mmu.translate(VPN, 0, RUN_READ, true)).toBe(0x21);
    machine.mmu.flushAll(true);
    expect(machine.mmu.translate(VPN, 0, RUN_READ, true)).toBe(-1 - 0b100);
  });

  it("read three entries in Sv39 and four in Sv48, fewer with a cached pointer", () => {
    for (const [format, nrLevels] of [
      ["sv39", 3],
      ["sv48", 4],
    ] as const) {
      const machine = new Machine(format);
      for (const vpn of [VPN, VPN + 1, VPN + 512]) machine.write(vpn, 1, leaf(URWX));
      machine.access(VPN, RUN_READ);
      expect(machine.mmu.stats.walkReads).toBe(nrLevels);
      machine.access(VPN + 1, RUN_READ); // below the same PMD entry
      expect(machine.mmu.stats).toMatchObject({ walkReads: nrLevels + 1, pdeHits: 1 });
      machine.access(VPN + 512, RUN_READ); // below the same PUD entry
      expect(machine.mmu.stats).toMatchObject({ walkReads: nrLevels + 3, pdpteHits: 1 });
      machine.mmu.flushPcid(1);
      expect(machine.mmu.walker.nrCached).toBe(0);
    }
  });

  it("cache a leaf of 512 GiB in pieces of 1 GiB", () => {
    const machine = new Machine("sv48");
    machine.write(0, 4, leaf(URWX, 0)); // frames 0 to 2^27 - 1
    const vpn = 5 * 262144 + 7;
    expect(machine.access(vpn, RUN_READ)).toBe(vpn);
    expect(machine.access(vpn + 1, RUN_READ)).toBe(vpn + 1);
    expect(machine.access(6 * 262144, RUN_READ)).toBe(6 * 262144);
    expect(machine.mmu.stats).toMatchObject({ walks: 2, l1Hits: 1, walkReads: 2 });
    expect(machine.mmu.translateAddress(vpn * 4096).pageBytes).toBe(2 ** 39);
  });

  it("page-fault on an address that is not canonical, as RISC-V has no other fault for it", () => {
    for (const [format, vpn] of [
      ["sv39", 2 ** 27],
      ["sv39", 2 ** 32],
      ["sv48", 2 ** 36],
    ] as const) {
      const machine = new Machine(format);
      machine.write(0, 1, leaf(URWX));
      expect(machine.access(vpn, RUN_WRITE)).toBe(-1 - 0b110);
    }
  });

  it("show the flags by RISC-V's names", () => {
    const machine = new Machine("sv39");
    machine.write(VPN, 1, leaf(URWX | 0x40));
    const { levels } = machine.mmu.translateAddress(VPN * 4096);
    expect(levels.map(({ name, index, flags }) => `${name}[${index}] ${flags}`)).toEqual([
      "PGD[0] V",
      "PMD[145] V",
      "PTE[325] V R W X U A",
    ]);
  });

  it("have no PKRU and no EFLAGS", () => {
    const { mmu } = new Machine("sv39");
    expect(mmu.pkru).toBe(0);
    expect(() => {
      mmu.writePkru(0);
    }).toThrow("PKRU belongs to x86, and this MMU walks tables of another processor");
    expect(() => {
      new Mmu({ tlb: new SetAssociativeTlb(), contents: new FrameContents(8, "none") }).setSum(true);
    }).toThrow("sstatus.SUM belongs to RISC-V, and this MMU walks tables of another processor");
  });
});
