import {
  KernelBug,
  KernelError,
  NO_PFN,
  packRun,
  PTE_A,
  PTE_D,
  PTE_G,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
} from "@pageframe/contracts";
import { NoTlb } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";
import { Machine } from "./helpers.ts";

/** P RW US, and P US. */
const RW = 0x7;
const RO = 0x5;
const leaf = (pfn: number, flags: number): number => (pfn << 12) | flags;

describe("accessed and dirty bits", () => {
  it("are set on the way: A at every level, D in the leaf by a write", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RW));
    expect(machine.user(5, RUN_READ)).toBe(77);
    expect([4, 3, 2].map((level) => machine.low(5, level) & 0xfff)).toEqual([0x27, 0x27, 0x27]);
    expect(machine.low(5, 1)).toBe(leaf(77, 0x27));
    expect(machine.user(5, RUN_WRITE)).toBe(77);
    expect(machine.low(5, 1)).toBe(leaf(77, 0x67));
    expect(machine.low(5, 2) & 0xfff).toBe(0x27);
  });

  it("need an assist when a clean cached page is written, once", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RW));
    for (const kind of [RUN_READ, RUN_WRITE, RUN_WRITE]) machine.user(5, kind);
    expect(machine.mmu.stats).toMatchObject({ walks: 1, l1Hits: 2, dirtyAssists: 1, walkReads: 4 + 1 });
  });

  it("need none when the walk was a write's, or found the page dirty", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RW));
    machine.user(5, RUN_WRITE);
    machine.user(5, RUN_WRITE);
    machine.write(6, 1, leaf(78, RW | PTE_D));
    machine.user(6, RUN_READ);
    machine.user(6, RUN_WRITE);
    expect(machine.mmu.stats.dirtyAssists).toBe(0);
  });

  it("stay as they are in the leaf when the access is refused", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RO));
    machine.user(5, RUN_WRITE);
    expect(machine.low(5, 1)).toBe(leaf(77, RO));
    expect(machine.low(5, 2) & PTE_A).toBe(PTE_A);
  });

  it("are set by a write to a read-only page that the supervisor may make, with CR0.WP clear", () => {
    const machine = new Machine({ writeProtect: false });
    machine.write(5, 1, leaf(77, 0x1));
    machine.supervisor(5, RUN_READ);
    expect(machine.supervisor(5, RUN_WRITE)).toBe(77);
    expect(machine.low(5, 1)).toBe(leaf(77, 0x61));
    expect(machine.mmu.stats.dirtyAssists).toBe(1);
  });

  it("are not set by a write through a dirty cached entry, whatever software has cleared", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RW));
    machine.user(5, RUN_WRITE);
    machine.write(5, 1, leaf(77, RW | 0x20));
    machine.user(5, RUN_WRITE);
    expect(machine.low(5, 1)).toBe(leaf(77, RW | 0x20));
    machine.mmu.invlpg(5);
    machine.user(5, RUN_WRITE);
    expect(machine.low(5, 1)).toBe(leaf(77, RW | 0x60));
  });

  it("make a write to a clean cached page fault when the page is gone from the table", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RW));
    machine.user(5, RUN_READ);
    machine.write(5, 1, 0);
    expect(machine.user(5, RUN_READ)).toBe(77);
    expect(machine.user(5, RUN_WRITE)).toBe(-1 - 0b110);
    expect(machine.user(5, RUN_READ)).toBe(-1 - 0b100); // the entry is gone too
  });

  it("are set again only after the TLB has forgotten the page", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RW));
    machine.user(5, RUN_READ);
    machine.write(5, 1, leaf(77, RW));
    machine.user(5, RUN_READ);
    expect(machine.low(5, 1) & PTE_A).toBe(0);
    machine.mmu.invlpg(5);
    machine.user(5, RUN_READ);
    expect(machine.low(5, 1) & PTE_A).toBe(PTE_A);
  });
});

describe("stale translations", () => {
  it("are used until invlpg", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RW));
    machine.user(5, RUN_READ);
    machine.write(5, 1, leaf(88, RW));
    expect(machine.user(5, RUN_READ)).toBe(77);
    machine.write(5, 1, 0);
    expect(machine.user(5, RUN_READ)).toBe(77);
    machine.mmu.invlpg(5);
    expect(machine.user(5, RUN_READ)).toBe(-1 - 0b100);
  });

  it("of a page that has become writable fault once and are gone", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RO));
    machine.user(5, RUN_READ);
    machine.write(5, 1, leaf(77, RW));
    expect(machine.user(5, RUN_WRITE)).toBe(-1 - 0b111);
    expect(machine.user(5, RUN_WRITE)).toBe(77);
  });

  it("are found out when the dirty bit has to be set", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RW));
    machine.write(6, 1, leaf(78, RW));
    machine.user(5, RUN_READ);
    machine.user(6, RUN_READ);
    machine.write(5, 1, leaf(88, RW));
    expect(machine.user(5, RUN_WRITE)).toBe(88);
    expect(machine.user(5, RUN_READ)).toBe(88);
    machine.write(6, 1, leaf(78, RO));
    expect(machine.user(6, RUN_WRITE)).toBe(-1 - 0b111);
    machine.mmu.checkInvariants();
  });

  it("of page tables are used until invlpg of any page of the address space", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RW));
    machine.write(6, 1, leaf(78, RW));
    machine.user(5, RUN_READ);
    const other = machine.newTable();
    machine.write(5, 2, leaf(other, RW)); // an empty table in place of the one with the leaves
    expect(machine.user(6, RUN_READ)).toBe(78);
    machine.mmu.invlpg(12345);
    machine.mmu.tlb.flushAll(true);
    expect(machine.user(6, RUN_READ)).toBe(-1 - 0b100);
  });

  it("of page tables are forgotten by a fault on the way", () => {
    const machine = new Machine();
    machine.write(5, 1, leaf(77, RW));
    machine.user(5, RUN_READ);
    const other = machine.newTable();
    machine.contents.words[machine.contents.wordBase(other) + 2 * 6] = leaf(99, RW);
    machine.write(5, 2, leaf(other, RW));
    expect(machine.user(6, RUN_READ)).toBe(-1 - 0b100); // by the cached PMD entry
    expect(machine.user(6, RUN_READ)).toBe(99);
  });

  it("never come from a page that faulted", () => {
    const machine = new Machine();
    expect(machine.user(5, RUN_READ)).toBe(-1 - 0b100);
    machine.write(5, 1, leaf(77, RW));
    expect(machine.user(5, RUN_READ)).toBe(77);
  });
});

describe("PCIDs and global pages", () => {
  /** Two address spaces, both with page 5; the first's root is current. */
  const twoSpaces = (flags: number): { machine: Machine; roots: number[] } => {
    const machine = new Machine();
    machine.mmu.loadCr3(machine.mmu.rootPfn, 1, false);
    machine.write(5, 1, leaf(77, flags));
    const first = machine.mmu.rootPfn;
    const second = machine.newTable();
    machine.mmu.loadCr3(second, 2, false);
    machine.write(5, 1, leaf(88, RW));
    machine.mmu.loadCr3(first, 1, false);
    return { machine, roots: [first, second] };
  };

  it("keep two address spaces cached side by side", () => {
    const { machine, roots } = twoSpaces(RW);
    expect(machine.user(5, RUN_READ)).toBe(77);
    machine.mmu.loadCr3(roots[1], 2, true);
    expect(machine.user(5, RUN_READ)).toBe(88);
    machine.mmu.loadCr3(roots[0], 1, true);
    expect(machine.user(5, RUN_READ)).toBe(77);
    expect(machine.mmu.stats).toMatchObject({ walks: 2, l1Hits: 1 });
    expect(machine.mmu.currentPcid).toBe(1);
  });

  it("are flushed by a load of CR3 without the no-flush bit, that PCID only", () => {
    const { machine, roots } = twoSpaces(RW);
    machine.user(5, RUN_READ);
    machine.mmu.loadCr3(roots[1], 2, false);
    machine.user(5, RUN_READ);
    machine.mmu.loadCr3(roots[0], 1, false);
    expect(machine.user(5, RUN_READ)).toBe(77);
    expect(machine.mmu.stats.walks).toBe(3);
    machine.mmu.loadCr3(roots[1], 2, true);
    machine.user(5, RUN_READ);
    expect(machine.mmu.stats.walks).toBe(3);
  });

  it("let a global page survive loads of CR3 and serve every PCID", () => {
    const { machine, roots } = twoSpaces(RW | PTE_G);
    machine.user(5, RUN_READ);
    machine.mmu.loadCr3(roots[1], 2, false);
    expect(machine.user(5, RUN_READ)).toBe(77); // wrongly so: 88 is mapped there, as it would be on a real machine
    machine.mmu.flushAll(false);
    expect(machine.user(5, RUN_READ)).toBe(77);
    machine.mmu.flushAll(true);
    expect(machine.user(5, RUN_READ)).toBe(88);
  });

  it("limit flushPage and flushRange to one address space", () => {
    const { machine, roots } = twoSpaces(RW);
    machine.user(5, RUN_READ);
    machine.mmu.loadCr3(roots[1], 2, true);
    machine.user(5, RUN_READ);
    machine.mmu.flushPage(5, 1);
    machine.user(5, RUN_READ);
    expect(machine.mmu.stats.walks).toBe(2);
    machine.mmu.flushRange(0, 6, 2);
    machine.user(5, RUN_READ);
    expect(machine.mmu.stats.walks).toBe(3);
  });

  it("refuse a PCID above 12 bits", () => {
    const { mmu } = new Machine();
    expect(() => {
      mmu.loadCr3(1, 4096, false);
    }).toThrow(new KernelError(22, "pcid 4096 is not an integer from 0 to 4095"));
  });
});

describe("large pages", () => {
  it("of 2 MiB give the frame of each 4 KiB part", () => {
    const machine = new Machine();
    machine.write(1024, 2, leaf(512, RW | 0x80));
    expect(machine.user(1024 + 300, RUN_READ)).toBe(512 + 300);
    expect(machine.user(1024 + 511, RUN_READ)).toBe(512 + 511);
    expect(machine.mmu.stats).toMatchObject({ walks: 1, l1Hits: 1, walkReads: 3 });
    expect(machine.low(1024, 2)).toBe(leaf(512, RW | 0xa0));
    machine.user(1024, RUN_WRITE);
    expect(machine.low(1024, 2)).toBe(leaf(512, RW | 0xe0));
  });

  it("of 1 GiB give the frame of each 4 KiB part", () => {
    const machine = new Machine();
    machine.write(262144, 3, leaf(262144, RW | 0x80));
    expect(machine.user(262144 + 200_000, RUN_WRITE)).toBe(262144 + 200_000);
    expect(machine.user(262144 + 7, RUN_WRITE)).toBe(262144 + 7);
    expect(machine.mmu.stats).toMatchObject({ walks: 1, l1Hits: 1, walkReads: 2, dirtyAssists: 0 });
    expect(machine.mmu.translateAddress((262144 + 7) * 4096 + 5)).toMatchObject({
      pageBytes: 2 ** 30,
      pfn: 262151,
      paddr: 262151 * 4096 + 5,
    });
  });

  it("take bit 12 for PAT and fault by RSVD for address bits below their size", () => {
    const machine = new Machine();
    machine.write(1024, 2, leaf(512, RW | 0x80 | 0x1000));
    expect(machine.user(1024, RUN_READ)).toBe(512);
    expect(machine.mmu.translateAddress(1024 * 4096).pfn).toBe(512);
    machine.write(2048, 2, leaf(514, RW | 0x80));
    expect(machine.user(2048, RUN_READ)).toBe(-1 - 0b1101);
    machine.write(262144, 3, leaf(512, RW | 0x80));
    expect(machine.user(262144, RUN_WRITE)).toBe(-1 - 0b1111);
    expect(machine.mmu.translateAddress(262144 * 4096, RUN_WRITE).faultCode).toBe(0b1111);
  });

  it("check rights as small ones do", () => {
    const machine = new Machine();
    machine.write(1024, 2, leaf(512, RO | 0x80));
    expect(machine.user(1030, RUN_WRITE)).toBe(-1 - 0b111);
    expect(machine.user(1030, RUN_READ)).toBe(518);
    expect(machine.user(1031, RUN_WRITE)).toBe(-1 - 0b111);
    expect(machine.tlb.nrValid).toBe(0);
  });
});

describe("the walk caches", () => {
  it("start a walk below the deepest cached entry", () => {
    const machine = new Machine();
    for (const vpn of [0, 1, 512, 262144]) machine.write(vpn, 1, leaf(100, RW));
    const readsOf = (vpn: number): number => {
      const before = machine.mmu.stats.walkReads;
      machine.user(vpn, RUN_READ);
      return machine.mmu.stats.walkReads - before;
    };
    expect([0, 1, 512, 262144].map(readsOf)).toEqual([4, 1, 2, 3]);
    expect(machine.mmu.stats).toMatchObject({ pdeHits: 1, pdpteHits: 1, pml4eHits: 1, walks: 4 });
  });

  it("remember the rights of the levels above", () => {
    const machine = new Machine();
    for (const vpn of [0, 1]) machine.write(vpn, 1, leaf(100, RW));
    machine.write(0, 2, (machine.low(0, 2) & ~0xfff) | RO);
    expect(machine.user(0, RUN_READ)).toBe(100);
    expect(machine.user(1, RUN_WRITE)).toBe(-1 - 0b111);
    expect(machine.mmu.stats.pdeHits).toBe(1);
  });

  it("can be left out", () => {
    const machine = new Machine({ walkCaches: { pde: 0, pdpte: 0, pml4e: 0 } });
    for (const vpn of [0, 1]) machine.write(vpn, 1, leaf(100, RW));
    for (const vpn of [0, 1]) machine.user(vpn, RUN_READ);
    expect(machine.mmu.stats).toMatchObject({ walkReads: 8, pdeHits: 0, pdpteHits: 0, pml4eHits: 0 });
    expect(machine.mmu.walker.nrCached).toBe(0);
  });

  it("refuse a size that is no power of two", () => {
    expect(() => new Machine({ walkCaches: { pde: 24 } })).toThrow(
      new KernelError(22, "walkCaches.pde (24) must be a power of two, or 0"),
    );
  });

  it("are forgotten with their address space only", () => {
    const machine = new Machine();
    machine.write(0, 1, leaf(100, RW));
    machine.user(0, RUN_READ);
    expect(machine.mmu.walker.nrCached).toBe(3);
    machine.mmu.flushPcid(7);
    expect(machine.mmu.walker.nrCached).toBe(3);
    machine.mmu.flushPcid(0);
    expect(machine.mmu.walker.nrCached).toBe(0);
  });
});

describe("five levels", () => {
  it("use bits 48 to 56 of the address", () => {
    const machine = new Machine({ levels: 5 });
    const vpn = 2 ** 44 + 3 * 2 ** 27 + 9;
    machine.write(vpn, 1, leaf(77, RW));
    expect(machine.user(vpn, RUN_WRITE)).toBe(77);
    expect(machine.mmu.stats.walkReads).toBe(5);
    expect(machine.user(3 * 2 ** 27 + 9, RUN_READ)).toBe(-1 - 0b100);
    expect(machine.mmu.translateAddress(vpn * 4096).levels.map(({ name }) => name)).toEqual([
      "PGD",
      "P4D",
      "PUD",
      "PMD",
      "PTE",
    ]);
  });

  it("are the most: other numbers are refused", () => {
    expect(() => new Machine({ levels: 3 as 4 })).toThrow(
      new KernelError(22, "a page table of 3 levels: x86-64 has 4 or 5"),
    );
  });
});

describe("formats", () => {
  it("that no walker knows are refused by name", () => {
    expect(() => new Machine({ format: "vax" })).toThrow(
      'unknown page-table format "vax"; known: x86-64, x86-32, pae, sv39, sv48, hashed, inverted, nested',
    );
  });
});

describe("tables in odd places", () => {
  it("read as empty where the frame has no bytes", () => {
    const machine = new Machine();
    machine.write(5, 2, leaf(500, RW)); // frame 500 is no table
    expect(machine.user(5, RUN_READ)).toBe(-1 - 0b100);
    machine.mmu.loadCr3(501, 0, false);
    expect(machine.user(5, RUN_READ)).toBe(-1 - 0b100);
    expect(machine.mmu.walker.nrCached).toBe(0);
  });

  it("are a bug beyond the end of RAM", () => {
    const machine = new Machine();
    machine.write(5, 2, leaf(1024, RW));
    expect(() => machine.user(5, RUN_READ)).toThrow(KernelBug);
  });

  it("are found after the contents have moved", () => {
    const machine = new Machine({}, 20_000);
    machine.write(5, 1, leaf(77, RW));
    machine.user(5, RUN_READ);
    const before = machine.contents.words;
    for (let pfn = 600; pfn < 4600; pfn++) machine.contents.ensureSlot(pfn);
    expect(machine.contents.words).not.toBe(before);
    machine.write(6, 1, leaf(78, RW));
    expect(machine.user(6, RUN_WRITE)).toBe(78);
    expect(machine.low(6, 1)).toBe(leaf(78, 0x67));
  });
});

describe("translateAddress", () => {
  it("shows every level and touches nothing", () => {
    const machine = new Machine();
    machine.write(0x7f1234567, 1, leaf(77, RO), 1 << 31);
    const before = machine.contents.words.slice();
    const explained = machine.mmu.translateAddress(0x7f1234567abc);
    expect(explained).toMatchObject({ pfn: 77, paddr: 77 * 4096 + 0xabc, pageBytes: 4096, faultCode: -1 });
    expect(explained.levels.map(({ name, index, flags }) => `${name}[${index}] ${flags}`)).toEqual([
      "PGD[254] P RW US",
      "PUD[72] P RW US",
      "PMD[418] P RW US",
      "PTE[359] P US NX",
    ]);
    expect(explained.levels[3].entry).toBe(0x800000000004d005n);
    expect(machine.contents.words).toEqual(before);
    expect(machine.mmu.stats).toMatchObject({ accesses: 0, walkReads: 0, faults: 0 });
  });

  it("ends where the walk ends", () => {
    const machine = new Machine();
    const explained = machine.mmu.translateAddress(0x1000, RUN_WRITE);
    expect(explained).toMatchObject({ pfn: NO_PFN, paddr: -1, pageBytes: 0, faultCode: 0b110 });
    expect(explained.levels).toHaveLength(1);
  });
});

describe("accessRuns", () => {
  const runs = (...list: [vpn: number, kind: number, nrAccesses: number, isSplit?: boolean][]): Int32Array =>
    Int32Array.from(
      list.flatMap(([vpn, kind, nr, isSplit]) => [vpn, packRun(0, kind, isSplit ?? false, nr)]),
    );

  it("counts every access once, by where its translation came from", () => {
    const machine = new Machine();
    for (const vpn of [1, 2]) machine.write(vpn, 1, leaf(100 + vpn, RW));
    const words = runs([1, RUN_READ, 10], [2, RUN_WRITE, 5], [1, RUN_EXEC, 1]);
    expect(machine.mmu.accessRuns(words, 0, 3)).toBe(3);
    expect(machine.mmu.stats).toMatchObject({ accesses: 16, l1Hits: 14, l2Hits: 0, walks: 2, faults: 0 });
  });

  it("stops at a fault; after retranslate the run counts whole", () => {
    const machine = new Machine();
    machine.write(1, 1, leaf(101, RW));
    const words = runs([1, RUN_READ, 3], [2, RUN_WRITE, 5], [1, RUN_READ, 1]);
    expect(machine.mmu.accessRuns(words, 0, 3)).toBe(1);
    expect(machine.mmu).toMatchObject({ faultCode: 0b110, faultVpn: 2 });
    expect(machine.mmu.stats).toMatchObject({ accesses: 4, l1Hits: 2, walks: 2, faults: 1 });
    machine.write(2, 1, leaf(102, RO));
    expect(machine.again(2, RUN_WRITE)).toBe(-1 - 0b111); // handled badly
    machine.write(2, 1, leaf(102, RW));
    expect(machine.again(2, RUN_WRITE)).toBe(102);
    expect(machine.mmu.accessRuns(words, 2, 3)).toBe(3);
    expect(machine.mmu.stats).toMatchObject({
      accesses: 9,
      l1Hits: 7,
      walks: 2,
      faults: 2,
      faultRewalks: 2,
      dirtyAssists: 0,
    });
  });

  it("faults on a cached page whose rights do not do", () => {
    const machine = new Machine();
    machine.write(1, 1, leaf(101, RO));
    const words = runs([1, RUN_READ, 3], [1, RUN_WRITE, 2]);
    expect(machine.mmu.accessRuns(words, 0, 2)).toBe(1);
    expect(machine.mmu.faultCode).toBe(0b111);
    expect(machine.mmu.stats).toMatchObject({ accesses: 4, l1Hits: 3, walks: 1, faults: 1 });
  });

  it("sets the dirty bit for the first write and goes on", () => {
    const machine = new Machine();
    machine.write(1, 1, leaf(101, RW));
    expect(machine.mmu.accessRuns(runs([1, RUN_READ, 1], [1, RUN_WRITE, 4]), 0, 2)).toBe(2);
    expect(machine.low(1, 1) & PTE_D).toBe(PTE_D);
    expect(machine.mmu.stats).toMatchObject({ accesses: 5, l1Hits: 4, walks: 1, dirtyAssists: 1 });
  });

  it("counts the second half of a straddling access apart, and what follows it in full", () => {
    const machine = new Machine();
    for (const vpn of [1, 2]) machine.write(vpn, 1, leaf(100 + vpn, RW));
    const words = runs([1, RUN_READ, 1], [2, RUN_READ, 1, true], [2, RUN_READ, 4, true], [1, RUN_READ, 1]);
    expect(machine.mmu.accessRuns(words, 0, 4)).toBe(4);
    expect(machine.mmu.stats).toMatchObject({
      accesses: 5,
      l1Hits: 4,
      walks: 1,
      splitWalks: 1,
      splitL1Hits: 1,
      splitL2Hits: 0,
    });
  });

  it("stops at a fault of a second half", () => {
    const machine = new Machine();
    machine.write(1, 1, leaf(101, RW));
    const words = runs([1, RUN_READ, 1], [2, RUN_WRITE, 3, true]);
    expect(machine.mmu.accessRuns(words, 0, 2)).toBe(1);
    expect(machine.mmu.faultVpn).toBe(2);
    machine.write(2, 1, leaf(102, RW));
    machine.again(2, RUN_WRITE);
    expect(machine.mmu.stats).toMatchObject({ accesses: 3, l1Hits: 2, walks: 1, splitWalks: 1 });
  });

  it("uses large pages", () => {
    const machine = new Machine();
    machine.write(1024, 2, leaf(512, RW | 0x80));
    const words = runs([1024, RUN_READ, 1], [1025, RUN_READ, 2], [1500, RUN_WRITE, 1], [1025, RUN_WRITE, 1]);
    expect(machine.mmu.accessRuns(words, 0, 4)).toBe(4);
    expect(machine.mmu.stats).toMatchObject({ accesses: 5, l1Hits: 4, walks: 1, dirtyAssists: 1 });
  });

  it("walks for every run when there is no TLB", () => {
    const tlb = new NoTlb();
    const machine = new Machine({ tlb });
    machine.write(1, 1, leaf(101, RW));
    expect(machine.mmu.accessRuns(runs([1, RUN_READ, 3], [1, RUN_WRITE, 1], [3, RUN_READ, 1]), 0, 3)).toBe(2);
    expect(machine.mmu.stats).toMatchObject({ accesses: 5, l1Hits: 2, walks: 3, faults: 1, pdeHits: 2 });
    expect(machine.low(1, 1) & PTE_D).toBe(PTE_D);
  });
});
