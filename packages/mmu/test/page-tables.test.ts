/** Every kind of page table that the pagetable package writes, walked in RAM and compared with what it says is there. */
import {
  leafPfn,
  NO_ENTRY,
  NO_PFN,
  type PageTable,
  type Pfn,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_NX,
  PTE_P,
  PTE_PROTNONE,
  PTE_RW,
  PTE_US,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  type TableFrames,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { FAULT_GP, Mmu, type MmuConfig } from "@pageframe/mmu";
import { KernelHalf, pageTables } from "@pageframe/pagetable";
import { SetAssociativeTlb } from "@pageframe/tlb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

class Frames implements TableFrames {
  private readonly free: Pfn[] = Array.from({ length: 3900 }, (_, at) => 4000 - at);

  allocTable(): Pfn {
    return this.free.pop() ?? NO_PFN;
  }

  freeTable(pfn: Pfn): void {
    this.free.push(pfn);
  }
}

/** Each occupant of the page-table seat, and how an MMU is told to walk it. */
const FORMATS: readonly (readonly [string, Partial<MmuConfig>])[] = [
  ["radix4", {}],
  ["radix5", { levels: 5 }],
  ["x86-32", { format: "x86-32" }],
  ["pae", { format: "pae" }],
  ["sv39", { format: "sv39" }],
  ["sv48", { format: "sv48" }],
  ["hashed", { format: "hashed" }],
  ["inverted", { format: "inverted" }],
];

class Machine {
  readonly contents: FrameContents = new FrameContents(4096, "none");
  readonly table: PageTable;
  readonly mmu: Mmu;

  constructor(kind: string, config: Partial<MmuConfig>) {
    const { contents } = this;
    const occupant = pageTables.find(({ name }) => name === kind)!;
    this.table = occupant.create({ contents, frames: new Frames() });
    this.mmu = new Mmu({ tlb: new SetAssociativeTlb(), contents, ...config });
    this.mmu.loadCr3(this.table.rootPfn, 3, false);
  }

  access(vpn: number, kind: number, isUser: boolean): number {
    return this.mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, isUser);
  }

  /** The canonical entry of a page. */
  entry(vpn: number): [lo: number, hi: number, level: number] {
    const entry = this.table.findEntry(vpn);
    if (entry === NO_ENTRY) return [0, 0, 0];
    return [this.table.entryLo(entry), this.table.entryHi(entry), this.table.lastLevel];
  }

  /** What an access must give, by the rules of the manuals for a leaf alone; SMEP is on, SMAP and SUM are off. */
  expected(vpn: number, kind: number, isUser: boolean, isRiscv: boolean): number {
    const [lo, hi, level] = this.entry(vpn);
    const code = (isUser ? 4 : 0) | (kind === RUN_WRITE ? 2 : 0) | (kind === RUN_EXEC ? 16 : 0);
    if ((lo & PTE_P) === 0) return -1 - code;
    const isUserPage = (lo & PTE_US) !== 0;
    let isAllowed = isUser ? isUserPage : !isUserPage || (kind !== RUN_EXEC && !isRiscv);
    if (kind === RUN_WRITE && (lo & PTE_RW) === 0) isAllowed = false;
    if (kind === RUN_EXEC && (hi & PTE_HI_NX) !== 0) isAllowed = false;
    return isAllowed ? leafPfn(lo, hi, level) + (vpn % this.table.pagesPerLevel[level]) : -1 - (code | 1);
  }
}

/** Pages in few tables, so that leaves and tables of all levels meet. `far` is cut down to what a format can translate. */
const vpns = fc
  .record({
    page: fc.constantFrom(0, 1, 15, 16, 511),
    pmd: fc.integer({ min: 0, max: 1 }),
    pud: fc.integer({ min: 0, max: 1 }),
    far: fc.constantFrom(0, 0, 2 ** 27, 2 ** 36 + 2 ** 27),
  })
  .map(({ page, pmd, pud, far }) => page + pmd * 512 + pud * 262144 + far);
const flags = fc
  .subarray([PTE_RW, PTE_US, PTE_G, PTE_A, PTE_D])
  .map((chosen) => chosen.reduce((all, bit) => all | bit, PTE_P));
const steps = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant("map" as const),
      vpn: vpns,
      level: fc.constantFrom(1, 1, 1, 2, 2, 3, 4),
      frame: fc.integer({ min: 1, max: 6 }),
      flags: fc.oneof({ weight: 9, arbitrary: flags }, { weight: 1, arbitrary: fc.constant(PTE_PROTNONE) }),
      nx: fc.constantFrom(0, PTE_HI_NX),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("unmap" as const), vpn: vpns }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("split" as const), vpn: vpns }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("protect" as const), set: flags, clear: flags }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant("access" as const),
      vpn: vpns,
      kind: fc.constantFrom(RUN_READ, RUN_WRITE, RUN_EXEC),
      isUser: fc.boolean(),
    }),
  },
);

describe.each(FORMATS)("tables of kind %s", (kind, config) => {
  const isRiscv = kind.startsWith("sv");

  it("translate as the page-table package says, under random edits, with leaves of every size", () => {
    let nrFrames = 0;
    let nrLarge = 0;
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 80, size: "max" }), (list) => {
        const machine = new Machine(kind, config);
        const { table, mmu } = machine;
        // The lower half: the upper levels of the kernel's half allow no user access in a radix table.
        const inReach = (vpn: number): number => vpn % (table.limitVpn / 2);
        for (const step of list) {
          if (step.op === "access") {
            const vpn = inReach(step.vpn);
            const expected = machine.expected(vpn, step.kind, step.isUser, isRiscv);
            const explained = mmu.translateAddress(vpn * 4096 + 5, step.kind, step.isUser);
            expect(explained.faultCode).toBe(expected < 0 ? -1 - expected : -1);
            expect(explained.pfn).toBe(expected < 0 ? NO_PFN : expected);
            const level = machine.entry(vpn)[2];
            expect(machine.access(vpn, step.kind, step.isUser)).toBe(expected);
            if (expected < 0) continue;
            nrFrames++;
            if (level > 1) nrLarge++;
            expect(explained.pageBytes).toBe(4096 * table.pagesPerLevel[level]);
            const used = step.kind === RUN_WRITE ? PTE_A | PTE_D : PTE_A;
            expect(machine.entry(vpn)[0] & used).toBe(used);
            // Again, from the TLB.
            expect(machine.access(vpn, step.kind, step.isUser)).toBe(expected);
          } else {
            if (step.op === "map") {
              const level = Math.min(step.level, table.maxLeafLevel);
              const vpn = inReach(step.vpn);
              const nrPages = table.pagesPerLevel[level];
              table.map(vpn - (vpn % nrPages), level, step.frame * nrPages, step.flags, step.nx);
            } else if (step.op === "unmap") {
              const vpn = inReach(step.vpn);
              const start = vpn - (vpn % 512);
              table.unmap(vpn);
              if (table.nextPopulated(start, start + 512) === start + 512) {
                table.freeTables(start, start + 512, start, start + 512);
              }
            } else if (step.op === "split") {
              table.split(inReach(step.vpn));
            } else {
              // A not-present entry of 32 bits is PROT_NONE or a swap entry, nothing else.
              const kept = kind === "x86-32" ? PTE_P | PTE_PROTNONE : PTE_P;
              table.protect(0, table.limitVpn / 2, step.set & ~PTE_P, step.clear & ~kept, 0, 0);
            }
            mmu.flushAll(true);
            // PAE's top entries are in registers.
            mmu.loadCr3(table.rootPfn, 3, false);
          }
        }
        table.checkInvariants();
        mmu.checkInvariants();
      }),
      { seed: 20_261_120, numRuns: 150 },
    );
    // Not all for nothing.
    expect(nrFrames).toBeGreaterThan(200);
    expect(nrLarge).toBeGreaterThan(60);
  });

  it("are read as often as the page-table package counts, without walk caches", () => {
    const machine = new Machine(kind, { ...config, walkCaches: { pde: 0, pdpte: 0, pml4e: 0 } });
    const { table, mmu } = machine;
    for (let page = 0; page < 300; page++) table.map(page * 7, 1, 5000 + page, PTE_P | PTE_US, 0);
    table.map(512 * 20, 2, 512 * 10, PTE_P | PTE_US, 0);
    if (table.maxLeafLevel > 2) table.map(262144 * 3, 3, 262144, PTE_P | PTE_US, 0);
    mmu.loadCr3(table.rootPfn, 3, false);
    const asked = [0, 7, 14, 7 * 299, 1, 512 * 20 + 3, 262144 * 3 + 5, 262144 * 9];
    for (const vpn of asked.filter((page) => page < table.limitVpn)) {
      const reads = mmu.stats.walkReads;
      const steps = table.walkEntries(vpn);
      mmu.tlb.flushAll(true);
      machine.access(vpn, RUN_READ, true);
      // PAE reads its top entry from a register.
      let expected = steps.length - (kind === "pae" ? 1 : 0);
      if (kind === "inverted") {
        // An anchor for each level that was tried, which are no steps; of a miss the last step stands for nothing.
        const [, , level] = machine.entry(vpn);
        expected += level === 0 ? 3 - 1 : level;
      }
      expect([vpn, mmu.stats.walkReads - reads]).toEqual([vpn, expected]);
      const { levels } = mmu.translateAddress(vpn * 4096);
      const [lo, hi, level] = machine.entry(vpn);
      if (level !== 0) {
        const last = levels[levels.length - 1];
        expect(last.canonical).toBe((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0));
        const word = machine.contents.wordBase(last.tablePfn) + (last.paddr % 4096) / 4;
        expect(Math.floor(last.paddr / 4096)).toBe(last.tablePfn);
        expect(machine.contents.words[word]).toBe(Number(BigInt.asIntN(32, last.entry)));
      }
      expect(levels.map(({ tablePfn, index }) => [tablePfn, index])).toEqual(
        steps
          .filter(({ lo, hi, level }) => kind !== "inverted" || level > 1 || (lo | hi) !== 0)
          .map(({ tablePfn, index }) => [tablePfn, index]),
      );
    }
  });
});

describe.each(["hashed", "inverted"])("a kernel half of its own beside a table of kind %s", (kind) => {
  /** A user page 5 in frame 500, and the direct map of frames 0 to 1023 from ffff888000000000 on. */
  function machine(): { mmu: Mmu; user: PageTable; kernelHalf: KernelHalf } {
    const contents = new FrameContents(4096, "none");
    const frames = new Frames();
    const ranges = [{ startPfn: 0, endPfn: 1024, nodeId: 0 }];
    const kernelHalf = new KernelHalf({ contents, frames, ranges });
    const user = pageTables.find(({ name }) => name === kind)!.create({ contents, frames, kernelHalf });
    user.map(5, 1, 500, PTE_P | PTE_US, 0);
    const tlb = new SetAssociativeTlb();
    const mmu = new Mmu({ tlb, contents, format: kind, kernelRootPfn: kernelHalf.rootPfn });
    mmu.loadCr3(user.rootPfn, 1, false);
    return { mmu, user, kernelHalf };
  }

  it("is walked from its own root, the user half from CR3", () => {
    const { mmu } = machine();
    const kernelVpn = 0x888000258; // direct map of frame 600
    expect(mmu.translate(vpnLo(kernelVpn), vpnHi(kernelVpn), RUN_READ, false)).toBe(600);
    expect(mmu.translate(vpnLo(kernelVpn), vpnHi(kernelVpn), RUN_READ, true)).toBe(-1 - 0b101);
    expect(mmu.translateAddress(0xffff888000258123n, RUN_READ, false)).toMatchObject({ paddr: 0x258123 });
    expect(mmu.translate(5, 0, RUN_READ, true)).toBe(500);
    expect(mmu.stats.walkReads).toBeGreaterThan(3);
    expect(mmu.walker.nrCached).toBe(0); // the fault dropped the way; the user half has none
  });

  it("is all there is without a user half", () => {
    const { mmu } = machine();
    mmu.loadCr3(NO_PFN, 0, true);
    expect(mmu.translate(5, 0, RUN_READ, true)).toBe(-1 - 0b100);
    expect(mmu.translateAddress(5 * 4096)).toMatchObject({ levels: [], faultCode: 0b100 });
    expect(mmu.translateAddress(0xffff888000258123n, RUN_READ, false).pfn).toBe(600);
  });

  it("ends user space at 2^47, and addresses at 48 bits", () => {
    const { mmu } = machine();
    expect(mmu.translateByte(0x00007ffffffff000n, RUN_READ, true)).toBe(-1 - 0b100);
    expect(mmu.translateByte(0x0000800000000000n, RUN_READ, true)).toBe(-1 - FAULT_GP);
    expect(mmu.translate(0, 16, RUN_READ, true)).toBe(-1 - FAULT_GP);
  });
});
