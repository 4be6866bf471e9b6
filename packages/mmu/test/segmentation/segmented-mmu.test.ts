/** Segmentation before paging: a 32-bit machine with real limits. */
import {
  NO_PFN,
  type PageTable,
  type Pfn,
  PTE_HI_NX,
  PTE_P,
  PTE_RW,
  PTE_US,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
} from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import {
  farJump,
  farReturn,
  gdtEntry,
  linuxGdtEntries,
  Mmu,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_SS,
  SegmentedMmu,
  storeDescriptors,
} from "@pageframe/mmu";
import { pageTables } from "@pageframe/pagetable";
import { NoTlb, SetAssociativeTlb } from "@pageframe/tlb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const SS = 12;
const GP = 13;
const PF = 14;
const KERNEL = PTE_P | PTE_RW;
const USER = PTE_P | PTE_RW | PTE_US;
/** The GDT is in page fff00, frame 5. */
const GDT = 0xfff00000;

/** A 32-bit machine whose GDT starts with Linux's 32 entries; entries 32 up are for the tests. */
class Machine {
  readonly contents: FrameContents = new FrameContents(256, "sparse");
  readonly table: PageTable;
  readonly cpu: SegmentedMmu;

  constructor(format: string) {
    const { contents } = this;
    const free: Pfn[] = Array.from({ length: 100 }, (_, at) => 200 - at);
    const frames = {
      allocTable: (): Pfn => free.pop() ?? NO_PFN,
      freeTable: (pfn: Pfn): void => void free.push(pfn),
    };
    this.table = pageTables.find(({ name }) => name === format)!.create({ contents, frames });
    this.cpu = new SegmentedMmu(new Mmu({ tlb: new SetAssociativeTlb(), contents, format }));
    this.table.map(GDT / 4096, 1, 5, KERNEL, 0);
    this.reload();
    this.cpu.segments.lgdt(GDT, 64 * 8 - 1);
    this.write(0, ...linuxGdtEntries(32));
    expect(farJump(this.cpu.segments, 0x60, 0n).result).toBe(0);
  }

  /** Writes GDT entries from `index` on. */
  write(index: number, ...entries: bigint[]): void {
    expect(storeDescriptors(this.cpu.segments.memory, GDT + 8 * index, entries)).toBe(0);
  }

  /** Loads CR3 again: what the table says now counts. */
  reload(): void {
    this.cpu.mmu.flushAll(true);
    this.cpu.mmu.loadCr3(this.table.rootPfn, 0, false);
  }

  /** Goes to CPL 3 with Linux's flat user segments. */
  enterUser(): void {
    expect(farReturn(this.cpu.segments, 0x73, 0n, 0x7b)).toBe(0);
  }
}

describe.each(["x86-32", "pae"])("SegmentedMmu over %s", (format) => {
  it("faults by segment beyond the limit and by page inside it", () => {
    const machine = new Machine(format);
    const { cpu, table } = machine;
    // Base 10000h, limit fffh in bytes, user data, 32-bit.
    machine.write(32, gdtEntry(0x40f2, 0x10000, 0xfff));
    machine.enterUser();
    expect(cpu.segments.load(SEG_DS, (32 << 3) | 3)).toBe(0);
    expect(cpu.translate(SEG_DS, 0x800, 4, RUN_WRITE)).toBe(-PF);
    // Not present, write, user; CR2 is linear.
    expect([cpu.faultVector, cpu.faultCode, cpu.faultAddress]).toEqual([PF, 6, 0x10800]);
    table.map(0x10, 1, 42, USER, 0);
    machine.reload();
    expect(cpu.translate(SEG_DS, 0x800, 4, RUN_WRITE)).toBe(42 * 4096 + 0x800);
    const { accesses } = cpu.mmu.stats;
    expect(cpu.translate(SEG_DS, 0x1000, 1, RUN_READ)).toBe(-GP);
    expect(cpu.translate(SEG_DS, 0xffd, 4, RUN_READ)).toBe(-GP);
    expect([cpu.faultVector, cpu.faultCode]).toEqual([GP, 0]);
    // Neither came as far as the TLB.
    expect(cpu.mmu.stats.accesses).toBe(accesses);
    cpu.checkInvariants();
  });

  it("tells user and supervisor apart by CPL", () => {
    const machine = new Machine(format);
    const { cpu, table } = machine;
    table.map(0x10, 1, 42, KERNEL, 0);
    table.map(0x11, 1, 43, PTE_P | PTE_US, 0);
    machine.reload();
    cpu.segments.load(SEG_DS, 0x68);
    expect(cpu.translate(SEG_DS, 0x10123, 1, RUN_READ)).toBe(42 * 4096 + 0x123);
    expect(cpu.translate(SEG_DS, 0x11000, 1, RUN_WRITE)).toBe(-PF);
    // CR0.WP: protection, write, supervisor.
    expect(cpu.faultCode).toBe(3);
    machine.enterUser();
    cpu.segments.load(SEG_DS, 0x7b);
    expect(cpu.translate(SEG_DS, 0x10123, 1, RUN_READ)).toBe(-PF);
    expect(cpu.faultCode).toBe(5);
    expect(cpu.translate(SEG_DS, 0x11000, 1, RUN_READ)).toBe(43 * 4096);
  });

  it("moves bytes over the border of two pages, or none of them", () => {
    const machine = new Machine(format);
    const { cpu, table } = machine;
    table.map(0x10, 1, 42, USER, 0);
    table.map(0x11, 1, 60, USER, 0);
    machine.reload();
    cpu.segments.load(SEG_DS, 0x7b);
    expect(cpu.write(SEG_DS, 0x10ffe, 4, 0x12345678)).toBe(0);
    expect(cpu.read(SEG_DS, 0x10ffe, 4)).toBe(0x12345678);
    expect([machine.contents.readByte(42, 4095), machine.contents.readByte(60, 0)]).toEqual([0x56, 0x34]);
    expect(cpu.secondPaddr).toBe(60 * 4096);
    table.unmap(0x11);
    machine.reload();
    expect(cpu.write(SEG_DS, 0x10ffe, 4, 0)).toBe(-PF);
    expect([cpu.faultCode, cpu.faultAddress]).toEqual([2, 0x11000]);
    expect(machine.contents.readByte(42, 4095)).toBe(0x56);
    expect(cpu.read(SEG_DS, 0x10ffe, 2)).toBe(0x5678);
    expect(() => cpu.read(SEG_DS, 0, 8)).toThrow(/^EINVAL: an access of 8 bytes/);
  });

  it("wraps at 4 GiB from the last page to the first", () => {
    const machine = new Machine(format);
    const { cpu, table } = machine;
    table.map(0xfffff, 1, 42, USER, 0);
    table.map(0, 1, 60, USER, 0);
    machine.reload();
    cpu.segments.load(SEG_DS, 0x7b);
    expect(cpu.write(SEG_DS, 0xfffffffe, 4, 0xaabbccdd)).toBe(0);
    expect([machine.contents.readByte(42, 4095), machine.contents.readByte(60, 1)]).toEqual([0xcc, 0xaa]);
  });

  it("reads descriptors through paging, and faults on a table that is not there or not writable", () => {
    const machine = new Machine(format);
    const { cpu, table } = machine;
    const { segments } = cpu;
    // Not accessed yet: 92h. The page of the table becomes read-only.
    machine.write(32, gdtEntry(0x40f2, 0, 0xfff), gdtEntry(0x40f3, 0, 0xfff));
    table.protect(GDT / 4096, GDT / 4096 + 1, 0, PTE_RW, 0, 0);
    machine.reload();
    expect(segments.load(SEG_ES, 32 << 3)).toBe(-PF);
    expect([segments.faultCode, segments.faultAddress]).toEqual([3, GDT + 32 * 8 + 4]);
    // That is why Linux sets the accessed bits beforehand.
    expect(segments.load(SEG_ES, 33 << 3)).toBe(0);
    // A user's reload of a register reads the kernel's page all the same.
    machine.enterUser();
    expect(segments.load(SEG_ES, (33 << 3) | 3)).toBe(0);
    table.unmap(GDT / 4096);
    machine.reload();
    expect(segments.load(SEG_FS, (33 << 3) | 3)).toBe(-PF);
    expect([segments.faultCode, segments.faultAddress]).toEqual([0, GDT + 33 * 8]);
  });

  it("fetches through CS, with NX where the format has it", () => {
    const machine = new Machine(format);
    const { cpu, table } = machine;
    table.map(0x10, 1, 42, USER, PTE_HI_NX);
    machine.reload();
    machine.enterUser();
    const fetched = cpu.translate(SEG_CS, 0x10000, 2, RUN_EXEC);
    if (format === "pae") expect([fetched, cpu.faultCode]).toEqual([-PF, 1 | 4 | 16]);
    else expect(fetched).toBe(42 * 4096);
    expect(cpu.translate(SEG_CS, 0x10000, 2, RUN_WRITE)).toBe(-GP);
    expect(cpu.translate(SEG_SS, 0xffffffff, 1, RUN_READ)).toBe(-PF);
    machine.cpu.segments.cpl = 0;
    machine.write(34, gdtEntry(0x4096, 0x20000, 0x7fff));
    expect(cpu.segments.load(SEG_SS, 34 << 3)).toBe(0);
    expect(cpu.translate(SEG_SS, 0x7fff, 1, RUN_WRITE)).toBe(-SS);
    expect(cpu.translate(SEG_SS, 0x8000, 4, RUN_WRITE)).toBe(-PF);
    expect(cpu.faultAddress).toBe(0x28000);
  });

  it("agrees, byte by byte, with segment rules and page map spelled out", () => {
    const segments = fc.record({
      base: fc.constantFrom(0, 0xffe, 0x1000, 0x2ffd, 0xffffe000),
      limit: fc.constantFrom(0, 7, 0xfff, 0x1fff, 0x2001),
      isPaged: fc.constantFrom(false, false, true),
      isBig: fc.boolean(),
      type: fc.constantFrom(0, 2, 4, 6, 10),
    });
    const accesses = fc.record({
      offset: fc.oneof(fc.nat(0x3010), fc.constantFrom(0xfffe, 0xffff, 0x10000, 0xfffffffd, 0xffffffff)),
      nrBytes: fc.constantFrom(1, 2, 4),
      kind: fc.constantFrom(RUN_READ, RUN_WRITE),
    });
    const mapped = fc.subarray([0, 1, 2, 3, 4, 5, 15, 16, 0xffffe, 0xfffff]);
    let nrFine = 0;
    const seen = new Set<number>();
    fc.assert(
      fc.property(
        segments,
        mapped,
        mapped,
        fc.array(accesses, { maxLength: 12 }),
        (shape, present, writable, list) => {
          const { base, limit, isPaged, isBig, type } = shape;
          const machine = new Machine(format);
          const { cpu, table } = machine;
          const pages = new Map(
            present.map((vpn, at) => [vpn, { pfn: 20 + at, rw: writable.includes(vpn) }]),
          );
          for (const [vpn, { pfn, rw }] of pages) table.map(vpn, 1, pfn, rw ? KERNEL : PTE_P, 0);
          machine.reload();
          machine.write(
            40,
            gdtEntry(0x90 | type | (isBig ? 0x4000 : 0) | (isPaged ? 0x8000 : 0), base, limit),
          );
          // CPL 0: tables from c0000000 up are the kernel's; CR0.WP is set.
          expect(cpu.segments.load(SEG_DS, 40 << 3)).toBe(0);
          const last = isPaged ? limit * 4096 + 4095 : limit;
          const isValid = (offset: number): boolean => {
            const isDown = type === 4 || type === 6;
            return isDown ? offset > last && offset <= (isBig ? 0xffffffff : 0xffff) : offset <= last;
          };
          for (const { offset, nrBytes, kind } of list) {
            const bytes = Array.from({ length: nrBytes }, (_, byte) => offset + byte);
            const isRefusedByType = kind === RUN_WRITE && (type === 10 || (type & 2) === 0);
            const linears = bytes.map((byte) => (base + byte) % 2 ** 32);
            const missing = linears.find((linear) => {
              const page = pages.get(Math.floor(linear / 4096));
              return page === undefined || (kind === RUN_WRITE && !page.rw);
            });
            const page = pages.get(Math.floor(linears[0] / 4096));
            const isRefused = isRefusedByType || !bytes.every(isValid);
            const paddr = missing === undefined ? page!.pfn * 4096 + (linears[0] % 4096) : -PF;
            const expected = isRefused ? -GP : paddr;
            expect(cpu.translate(SEG_DS, offset, nrBytes, kind)).toBe(expected);
            if (expected === -PF) expect(cpu.faultAddress).toBe(missing);
            seen.add(Math.min(expected, 0));
            if (expected >= 0) nrFine++;
          }
          cpu.checkInvariants();
        },
      ),
      { seed: 20_261_120, numRuns: 600 },
    );
    expect(nrFine).toBeGreaterThan(150);
    expect([...seen].sort((a, b) => a - b)).toEqual([-PF, -GP, 0]);
  });
});

describe("SegmentedMmu", () => {
  it("wants an MMU of 32 bits, and RAM with data", () => {
    const tlb = new NoTlb();
    const contents = new FrameContents(16, "sparse");
    expect(() => new SegmentedMmu(new Mmu({ tlb, contents }))).toThrow(
      /^EINVAL: an MMU for addresses of 48 bits/,
    );
    const empty = new FrameContents(16, "none");
    expect(() => new SegmentedMmu(new Mmu({ tlb, contents: empty, format: "pae" }))).toThrow(
      /^EINVAL: .*none/,
    );
  });
});
