import {
  NO_PFN,
  type Pfn,
  PTE_G,
  PTE_P,
  PTE_RW,
  PTE_US,
  RUN_EXEC,
  RUN_READ,
  type TableFrames,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { Mmu, PageTableIsolation } from "@pageframe/mmu";
import { RadixPageTable, UserRoot } from "@pageframe/pagetable";
import { SetAssociativeTlb } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";

/** ffff888000001000 in the direct map; fffffe0000000000, where cpu_entry_area is, top entry 508. Linux mm.rst. */
const SECRET = 0xffff888000001000n;
const SECRET_VPN = 0x888000001;
const ENTRY_AREA = 0xfffffe0000000000n;
const ENTRY_AREA_VPN = 0xfe0000000;
const ENTRY_AREA_TOP = 508;
const USER_VPN = 5;

class Frames implements TableFrames {
  nrUsed = 0;

  allocTable(): Pfn {
    return this.nrUsed < 100 ? ++this.nrUsed : NO_PFN;
  }

  freeTable(): void {
    this.nrUsed--;
  }
}

/** An address space with a user page (frame 500), a kernel page (600) and a page of the entry trampoline (700). */
function machine(kernelFlags = PTE_P | PTE_RW): {
  mmu: Mmu;
  table: RadixPageTable;
  user: UserRoot;
  isolation: PageTableIsolation;
} {
  const contents = new FrameContents(1024, "none");
  const config = { contents, frames: new Frames() };
  const table = new RadixPageTable(config);
  table.map(SECRET_VPN, 1, 600, kernelFlags, 0);
  table.map(ENTRY_AREA_VPN, 1, 700, PTE_P, 0);
  const user = new UserRoot(config, table);
  user.shareKernelTop(ENTRY_AREA_TOP);
  table.map(USER_VPN, 1, 500, PTE_P | PTE_US, 0);
  const mmu = new Mmu({ tlb: new SetAssociativeTlb(), contents });
  const isolation = new PageTableIsolation(mmu);
  isolation.switchMm(table.rootPfn, user.rootPfn, 1, false);
  return { mmu, table, user, isolation };
}

const access = (mmu: Mmu, vpn: number, kind: number, isUser: boolean): number =>
  mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, isUser);

describe("page-table isolation", () => {
  it("leaves nothing of the kernel for a probe from user mode to find", () => {
    const { mmu, table, isolation } = machine();
    // Without it: the walk finds a supervisor's entry, frame and all, and only then the access is refused.
    mmu.loadCr3(table.rootPfn, 9, false);
    const open = mmu.translateAddress(SECRET);
    expect(open.levels.map(({ name, flags }) => `${name} ${flags}`)).toEqual([
      "PGD P RW A D",
      "PUD P RW A D",
      "PMD P RW A D",
      "PTE P RW",
    ]);
    expect(open.levels[3].entry).toBe(0x258003n); // frame 600
    expect(open.fault).toMatchObject({ name: "#PF", errorCode: 0b101 });
    // With it: the walk ends at an empty entry of the user root.
    isolation.exitToUser();
    const closed = mmu.translateAddress(SECRET);
    expect(closed.levels).toMatchObject([{ name: "PGD", tablePfn: mmu.rootPfn, index: 273, entry: 0n }]);
    expect(closed.fault).toMatchObject({ name: "#PF", errorCode: 0b100 });
    expect(closed.tlb).toEqual([]);
  });

  it("shows user mode the entry trampoline, as a supervisor's", () => {
    const { mmu, isolation } = machine();
    isolation.exitToUser();
    expect(mmu.translateAddress(ENTRY_AREA, RUN_EXEC, false).pfn).toBe(700);
    expect(mmu.translateAddress(ENTRY_AREA).faultCode).toBe(0b101);
  });

  it("keeps what the kernel has cached from user mode, but for global pages", () => {
    for (const [flags, nrHeld, code] of [
      [PTE_P | PTE_RW, 0, 0b100],
      [PTE_P | PTE_RW | PTE_G, 2, 0b101], // why the direct map is not global under isolation
    ] as const) {
      const { mmu, isolation } = machine(flags);
      expect(access(mmu, SECRET_VPN, RUN_READ, false)).toBe(600);
      isolation.exitToUser();
      expect(mmu.translateAddress(SECRET).tlb).toHaveLength(nrHeld);
      expect(access(mmu, SECRET_VPN, RUN_READ, true)).toBe(-1 - code);
    }
  });

  it("gives the kernel everything, and faults at the first instruction of a user who runs on its root", () => {
    const { mmu, isolation } = machine();
    expect(access(mmu, SECRET_VPN, RUN_READ, false)).toBe(600);
    expect(access(mmu, USER_VPN, RUN_READ, false)).toBe(500);
    expect(access(mmu, USER_VPN, RUN_EXEC, true)).toBe(-1 - 0b10101);
    isolation.exitToUser();
    expect(access(mmu, USER_VPN, RUN_EXEC, true)).toBe(500);
    isolation.enterKernel();
    expect(access(mmu, SECRET_VPN, RUN_READ, false)).toBe(600);
  });

  it("switches root and PCID at each crossing, keeps both cached, and counts", () => {
    const { mmu, table, user, isolation } = machine();
    const seen: [number, number][] = [];
    for (let crossing = 0; crossing < 3; crossing++) {
      isolation.enterKernel(); // the first is none: the CPU is there
      seen.push([mmu.rootPfn, mmu.currentPcid]);
      access(mmu, USER_VPN, RUN_READ, false);
      isolation.exitToUser();
      seen.push([mmu.rootPfn, mmu.currentPcid]);
      access(mmu, USER_VPN, RUN_READ, true);
    }
    const kernel = [table.rootPfn, 1];
    const userMode = [user.rootPfn, 0x801];
    expect(seen).toEqual([kernel, userMode, kernel, userMode, kernel, userMode]);
    expect(mmu.stats).toMatchObject({ walks: 2, l1Hits: 4 });
    // switchMm() flushed, so the first exit did.
    expect(isolation.stats).toEqual({ entries: 2, exits: 3, cr3Writes: 6, exitFlushes: 1, costNs: 5 * 25 });
  });

  it("flushes the user PCID at the next exit, once, after a flush of the address space", () => {
    const { mmu, table, isolation } = machine();
    isolation.exitToUser();
    access(mmu, USER_VPN, RUN_READ, true);
    isolation.enterKernel();
    table.unmap(USER_VPN);
    isolation.exitToUser();
    expect(access(mmu, USER_VPN, RUN_READ, true)).toBe(500); // nobody flushed
    isolation.enterKernel();
    isolation.flushPcid(1);
    const { exitFlushes } = isolation.stats;
    isolation.exitToUser();
    expect(access(mmu, USER_VPN, RUN_READ, true)).toBe(-1 - 0b100);
    isolation.enterKernel();
    isolation.exitToUser();
    expect(isolation.stats.exitFlushes).toBe(exitFlushes + 1);
  });

  it("flushes a page for both PCIDs at once", () => {
    const { mmu, table, isolation } = machine();
    access(mmu, USER_VPN, RUN_READ, false);
    isolation.exitToUser();
    access(mmu, USER_VPN, RUN_READ, true);
    isolation.enterKernel();
    table.unmap(USER_VPN);
    isolation.flushPage(USER_VPN, 1);
    expect(access(mmu, USER_VPN, RUN_READ, false)).toBe(-1 - 0b000);
    isolation.exitToUser();
    expect(access(mmu, USER_VPN, RUN_READ, true)).toBe(-1 - 0b100);
    expect(isolation.stats.exitFlushes).toBe(1); // that of switchMm()
  });

  it("flushes a range, or everything, for both PCIDs at once", () => {
    for (const flush of [
      (isolation: PageTableIsolation): void => {
        isolation.flushRange(USER_VPN - 1, 3, 1);
      },
      (isolation: PageTableIsolation): void => {
        isolation.flushBothPcids(1);
      },
    ]) {
      const { mmu, table, isolation } = machine();
      access(mmu, USER_VPN, RUN_READ, false);
      isolation.exitToUser();
      access(mmu, USER_VPN, RUN_READ, true);
      table.unmap(USER_VPN);
      flush(isolation); // in user mode: no exit is needed
      expect(access(mmu, USER_VPN, RUN_READ, true)).toBe(-1 - 0b100);
      isolation.enterKernel();
      expect(access(mmu, USER_VPN, RUN_READ, false)).toBe(-1 - 0b000);
    }
  });

  it("knows whose a PCID is, and whether it is flushed before it is used again", () => {
    const { isolation } = machine();
    expect([isolation.userPcid(1), isolation.kernelPcid(0x801), isolation.kernelPcid(1)]).toEqual([
      0x801, 1, 1,
    ]);
    expect([0x801, 1].map((pcid) => isolation.isUserPcid(pcid))).toEqual([true, false]);
    expect(isolation.isUserStale(1)).toBe(true); // switchMm() flushed
    isolation.exitToUser();
    expect(isolation.isUserStale(1)).toBe(false);
  });

  it("has one PCID without PCIDs, and forgets at each crossing what is not global", () => {
    const { mmu, table, user } = machine();
    const isolation = new PageTableIsolation(mmu, 25, false);
    isolation.switchMm(table.rootPfn, user.rootPfn, 0, true);
    expect(isolation.isUserPcid(0x801)).toBe(false);
    const before = mmu.stats.walks;
    for (let crossing = 0; crossing < 3; crossing++) {
      isolation.exitToUser();
      expect([mmu.rootPfn, mmu.currentPcid]).toEqual([user.rootPfn, 0]);
      access(mmu, USER_VPN, RUN_READ, true);
      isolation.enterKernel();
      expect([mmu.rootPfn, mmu.currentPcid]).toEqual([table.rootPfn, 0]);
      access(mmu, USER_VPN, RUN_READ, false);
    }
    expect(mmu.stats.walks).toBe(before + 6);
  });

  it("refuses what cannot be", () => {
    const { isolation } = machine();
    expect(() => {
      isolation.switchMm(1, 2, 0x800, true);
    }).toThrow("EINVAL: pcid 2048 is not an integer from 0 to 2047; bit 11 tells the user's");
    isolation.exitToUser();
    expect(() => {
      isolation.switchMm(1, 2, 3, true);
    }).toThrow("EINVAL: user mode cannot change the address space; enter the kernel");
    const { mmu } = machine();
    expect(() => {
      new PageTableIsolation(mmu).exitToUser();
    }).toThrow("EINVAL: there is no user mode to return to before switchMm() has given its root");
  });
});
