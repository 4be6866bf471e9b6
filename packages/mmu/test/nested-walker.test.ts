import {
  leafPfn,
  NO_ENTRY,
  NO_PFN,
  type Pfn,
  PTE_HI_NX,
  PTE_P,
  PTE_RW,
  PTE_US,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  type TableFrames,
  vpnHi,
  vpnIndex,
  vpnLo,
} from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { type EptConfig, EXIT_EPT_MISCONFIG, EXIT_EPT_VIOLATION, Mmu, type MmuConfig } from "@pageframe/mmu";
import { RadixPageTable } from "@pageframe/pagetable";
import { SetAssociativeTlb } from "@pageframe/tlb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** R W X, and write-back (6) in bits 3 to 5. Intel SDM vol. 3C table 30-7. */
const RWX = 0x37;
const RX = 0x35;
const RW = 0x33;
/** P RW US. */
const USER = 0x7;
const NO_CACHES = { pde: 0, pdpte: 0, pml4e: 0 };

/**
 * A host of 16384 frames with one guest. EPT tables are frames from 1 on, guest frame g is host frame `offset` + g unless mapped
 * otherwise, and the guest's tables are guest frames from `rootGfn` on.
 */
class Guest {
  readonly contents: FrameContents = new FrameContents(16384, "none");
  readonly mmu: Mmu;
  private nextEpt = 2;
  private nextGuest: number;
  private readonly offset: number;
  private readonly rootGfn: number;

  constructor(
    config: Partial<MmuConfig> = {},
    ept: Partial<EptConfig> = {},
    { offset, rootGfn } = { offset: 512, rootGfn: 1 },
  ) {
    this.offset = offset;
    this.rootGfn = rootGfn;
    this.nextGuest = rootGfn + 1;
    this.contents.ensureSlot(1);
    this.mmu = new Mmu({
      tlb: new SetAssociativeTlb(),
      contents: this.contents,
      format: "nested",
      walkCaches: NO_CACHES,
      ...config,
      ept: { rootPfn: 1, ...ept },
    });
    this.mmu.loadCr3(rootGfn, 0, false);
  }

  /** First word of the EPT entry of `level` for a guest frame; makes the tables above it. */
  ept(gfn: number, level: number): number {
    const { contents } = this;
    let tablePfn = 1;
    for (let above = 4; above > level; above--) {
      const at = contents.wordBase(tablePfn) + 2 * vpnIndex(gfn, above);
      if (contents.words[at] === 0) {
        contents.ensureSlot(this.nextEpt);
        contents.words[at] = (this.nextEpt++ << 12) | 7;
      }
      tablePfn = contents.words[at] >>> 12;
    }
    return contents.wordBase(tablePfn) + 2 * vpnIndex(gfn, level);
  }

  mapEpt(gfn: number, level: number, pfn: Pfn, flags: number): void {
    this.contents.words[this.ept(gfn, level)] = (pfn << 12) | flags | (level > 1 ? 0x80 : 0);
  }

  /** Maps the first `nrFrames` guest frames by leaves of `level`. */
  mapAll(level: number, nrFrames = 512): void {
    const nrPages = 512 ** (level - 1);
    for (let gfn = 0; gfn < nrFrames; gfn += nrPages) {
      this.mapEpt(gfn, level, this.offset + gfn, RWX);
    }
  }

  /** First word of the guest's entry of `level` for a page; makes the tables above it. */
  entry(vpn: number, level: number): number {
    const { contents } = this;
    let gfn = this.rootGfn;
    for (let above = this.mmu.walker.nrLevels; ; above--) {
      const at = contents.ensureSlot(this.offset + gfn) + 2 * vpnIndex(vpn, above);
      if (above === level) return at;
      if (contents.words[at] === 0) contents.words[at] = (this.nextGuest++ << 12) | USER;
      gfn = contents.words[at] >>> 12;
    }
  }

  map(vpn: number, level: number, gfn: number, flags = USER): void {
    this.contents.words[this.entry(vpn, level)] = (gfn << 12) | flags | (level > 1 ? 0x80 : 0);
  }

  access(vpn: number, kind: number): number {
    const { faultCode, pfn } = this.mmu.translateAddress(vpn * 4096, kind);
    const result = this.mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, true);
    expect(result).toBe(faultCode < 0 ? pfn : -1 - faultCode);
    return result;
  }

  /** Entries read by one access. */
  reads(vpn: number): number {
    const before = this.mmu.stats.walkReads;
    const nrSteps = this.mmu.translateAddress(vpn * 4096).levels.length;
    this.access(vpn, RUN_READ);
    const nrReads = this.mmu.stats.walkReads - before;
    if (this.mmu.walker.nrCached === 0) expect(nrReads).toBe(nrSteps);
    return nrReads;
  }
}

describe("a two-dimensional walk", () => {
  it("reads 4 * (4 + 1) + 4 = 24 entries, four levels over four", () => {
    const guest = new Guest();
    guest.mapAll(1);
    guest.map(5, 1, 100);
    const host = ["EPT PML4E", "EPT PDPTE", "EPT PDE", "EPT PTE"];
    expect(guest.mmu.translateAddress(5 * 4096).levels.map(({ name }) => name)).toEqual(
      ["PGD", "PUD", "PMD", "PTE"].flatMap((name) => [...host, name]).concat(host),
    );
    expect(guest.reads(5)).toBe(24);
    expect(guest.access(5, RUN_READ)).toBe(612);
    expect(guest.mmu.stats).toMatchObject({ walks: 1, l1Hits: 1 });
  });

  it("reads 5 * (4 + 1) + 4 = 29 with five levels in the guest", () => {
    const guest = new Guest({ levels: 5 });
    guest.mapAll(1);
    guest.map(2 ** 36 + 5, 1, 100);
    expect(guest.reads(2 ** 36 + 5)).toBe(29);
  });

  it("reads less by large leaves in either dimension, and caches the smaller page", () => {
    const count = (guestLevel: number, eptLevel: number): [reads: number, size: string] => {
      // Large leaves map guest frames to themselves, the host's tables too: the guest's stand behind them.
      const guest = eptLevel === 1 ? new Guest() : new Guest({}, {}, { offset: 0, rootGfn: 300 });
      guest.mapAll(eptLevel, 1024);
      const gfn = guestLevel === 1 ? 600 : guestLevel === 2 ? 512 : 0;
      guest.map(guestLevel === 1 ? 5 : 0, guestLevel, gfn);
      const vpn = 5;
      const reads = guest.reads(vpn);
      const [held] = guest.mmu.translateAddress(vpn * 4096).tlb;
      return [reads, `${held.pageBytes / 1024} KiB`];
    };
    expect(count(1, 1)).toEqual([24, "4 KiB"]);
    expect(count(1, 2)).toEqual([4 * (3 + 1) + 3, "4 KiB"]);
    expect(count(1, 3)).toEqual([4 * (2 + 1) + 2, "4 KiB"]);
    expect(count(2, 1)).toEqual([3 * (4 + 1) + 4, "4 KiB"]);
    expect(count(2, 2)).toEqual([3 * (3 + 1) + 3, "2048 KiB"]);
    expect(count(2, 3)).toEqual([3 * (2 + 1) + 2, "2048 KiB"]);
    expect(count(3, 2)).toEqual([2 * (3 + 1) + 3, "2048 KiB"]);
    expect(count(3, 3)).toEqual([2 * (2 + 1) + 2, "1048576 KiB"]);
  });

  it("reads only the new page's way with a nested cache, and one guest entry with caches of guest entries", () => {
    const cached = new Guest({}, { cacheEntries: 64 });
    const combined = new Guest({ walkCaches: { pde: 4, pdpte: 4, pml4e: 4 } });
    for (const guest of [cached, combined]) {
      guest.mapAll(1);
      guest.map(5, 1, 100);
      guest.map(6, 1, 101);
    }
    expect([cached.reads(5), combined.reads(5)]).toEqual([24, 24]);
    expect(cached.access(6, RUN_READ)).toBe(613);
    expect(cached.mmu.stats.walkReads).toBe(24 + 4 + 4); // four guest entries, and EPT's four for the page
    expect(combined.reads(6)).toBe(1 + 4);
    expect(combined.mmu.stats).toMatchObject({ pdeHits: 1 });
  });
});

/** Intel SDM vol. 3C table 29-7: 0 read, 1 write, 2 fetch, 3 to 5 R W X of the entries, 7 linear address valid, 8 of the page. */
describe("EPT violations", () => {
  const result = (
    prepare: (guest: Guest) => void,
    kind: number,
    ept: Partial<EptConfig> = {},
  ): { code: number; gfn: Pfn } => {
    const guest = new Guest({}, ept);
    guest.mapAll(1);
    guest.map(5, 1, 100);
    prepare(guest);
    const code = -1 - guest.access(5, kind);
    expect(guest.mmu.stats).toMatchObject(
      code >= EXIT_EPT_VIOLATION ? { vmExits: 1, faults: 0 } : { vmExits: 0 },
    );
    expect(guest.mmu.translateAddress(5 * 4096).tlb).toHaveLength(code < 0 ? 2 : 0);
    return { code, gfn: guest.mmu.faultGuestPfn };
  };

  it("of the guest's page tell what was tried and what is allowed", () => {
    const page = (flags: number) => (guest: Guest) => {
      guest.mapEpt(100, 1, flags === 0 ? 0 : 612, flags);
    };
    expect(result(page(0), RUN_READ)).toEqual({ code: EXIT_EPT_VIOLATION | 0x181, gfn: 100 });
    expect(result(page(RX), RUN_WRITE)).toEqual({ code: EXIT_EPT_VIOLATION | 0x1aa, gfn: 100 });
    expect(result(page(RW), RUN_EXEC)).toEqual({ code: EXIT_EPT_VIOLATION | 0x19c, gfn: 100 });
    expect(result(page(RX), RUN_EXEC).code).toBe(-1 - 612);
  });

  it("take the rights of all levels together", () => {
    const upper = (guest: Guest): void => {
      guest.contents.words[guest.ept(0, 4)] &= ~2;
    };
    // The guest's root is below it too, and reads of guest tables count as writes.
    expect(result(upper, RUN_READ)).toEqual({ code: EXIT_EPT_VIOLATION | 0x0ab, gfn: 1 });
    expect(result(upper, RUN_WRITE, { accessedDirty: false })).toEqual({
      code: EXIT_EPT_VIOLATION | 0x0aa,
      gfn: 1,
    });
  });

  it("of a guest's table count as writes while EPT keeps A and D, else as what they are", () => {
    const table = (flags: number) => (guest: Guest) => {
      guest.mapEpt(2, 1, flags === 0 ? 0 : 514, flags);
    };
    expect(result(table(0), RUN_READ)).toEqual({ code: EXIT_EPT_VIOLATION | 0x083, gfn: 2 });
    expect(result(table(0), RUN_READ, { accessedDirty: false })).toEqual({
      code: EXIT_EPT_VIOLATION | 0x081,
      gfn: 2,
    });
    expect(result(table(RX), RUN_READ)).toEqual({ code: EXIT_EPT_VIOLATION | 0x0ab, gfn: 2 });
    // Without A and D in EPT a table may be read-only as long as A is set in its entries.
    expect(result(table(RX), RUN_READ, { accessedDirty: false })).toEqual({
      code: EXIT_EPT_VIOLATION | 0x0aa,
      gfn: 2,
    });
    const withA = (guest: Guest): void => {
      table(RX)(guest);
      guest.contents.words[guest.entry(5, 3)] |= 0x20;
    };
    expect(result(withA, RUN_READ, { accessedDirty: false }).code).toBe(-1 - 612);
  });

  it("come after the guest's own faults", () => {
    const both = (guest: Guest): void => {
      guest.map(5, 1, 100, 0x5);
      guest.mapEpt(100, 1, 0, 0);
    };
    expect(result(both, RUN_WRITE)).toEqual({ code: 0b111, gfn: NO_PFN });
    expect(result(both, RUN_READ).code).toBe(EXIT_EPT_VIOLATION | 0x181);
  });

  it("are told from the guest's faults also when the page is cached", () => {
    const guest = new Guest();
    guest.mapAll(1);
    guest.map(5, 1, 100);
    guest.mapEpt(100, 1, 612, RX);
    expect(guest.access(5, RUN_READ)).toBe(612);
    expect(guest.access(5, RUN_WRITE)).toBe(-1 - (EXIT_EPT_VIOLATION | 0x1aa));
    guest.mapEpt(100, 1, 612, RWX);
    guest.map(5, 1, 100, 0x5);
    expect(guest.access(5, RUN_READ)).toBe(612);
    expect(guest.access(5, RUN_WRITE)).toBe(-1 - 0b111);
  });

  it("are no misconfigurations, which are entries that mean nothing", () => {
    const leaf = (lo: number) => (guest: Guest) => {
      guest.contents.words[guest.ept(100, 1)] = (612 << 12) | lo;
    };
    for (const lo of [0x32, 0x34, 0x36]) expect(result(leaf(lo), RUN_READ).code).toBe(EXIT_EPT_MISCONFIG);
    for (const type of [2, 3, 7])
      expect(result(leaf(7 | (type << 3)), RUN_READ).code).toBe(EXIT_EPT_MISCONFIG);
    for (const type of [0, 1, 4, 5, 6]) expect(result(leaf(7 | (type << 3)), RUN_READ).code).toBe(-1 - 612);
    const upper = (level: number, bits: number) => (guest: Guest) => {
      guest.contents.words[guest.ept(0, level)] |= bits;
    };
    expect(result(upper(4, 0x80), RUN_READ).code).toBe(EXIT_EPT_MISCONFIG);
    for (const level of [2, 3, 4]) expect(result(upper(level, 0x40), RUN_READ).code).toBe(EXIT_EPT_MISCONFIG);
    expect(result(upper(2, 0x80), RUN_READ).code).toBe(EXIT_EPT_MISCONFIG); // a 2 MiB leaf, not aligned
  });

  it("have words", () => {
    const guest = new Guest();
    guest.mapAll(1);
    guest.map(5, 1, 100);
    guest.mapEpt(100, 1, 612, RX);
    expect(guest.mmu.translateAddress(5 * 4096, RUN_WRITE).fault).toEqual({
      vector: 48,
      name: "EPT violation",
      errorCode: 0x1aa,
      text: "write to the guest's page, which does not allow it in the host's tables",
    });
    guest.mapEpt(100, 1, 612, 0x32);
    expect(guest.mmu.translateAddress(5 * 4096).fault).toMatchObject({
      vector: 49,
      name: "EPT misconfiguration",
    });
    guest.mapEpt(1, 1, 0, 0);
    expect(guest.mmu.translateAddress(5 * 4096).fault!.text).toBe(
      "write to a page table of the guest, which is not mapped in the host's tables",
    );
  });
});

describe("A and D of EPT", () => {
  it("are set at every level, D for guest tables and for what the guest writes", () => {
    const guest = new Guest();
    guest.mapAll(1);
    guest.map(5, 1, 100);
    const word = (gfn: number, level: number): number => guest.contents.words[guest.ept(gfn, level)] & 0x300;
    guest.access(5, RUN_READ);
    expect([4, 3, 2].map((level) => word(100, level))).toEqual([0x100, 0x100, 0x100]);
    expect([word(100, 1), word(1, 1), word(4, 1)]).toEqual([0x100, 0x300, 0x300]);
    guest.access(5, RUN_WRITE); // clean in both dimensions, and cached
    expect(word(100, 1)).toBe(0x300);
    expect(guest.contents.words[guest.entry(5, 1)] & 0x60).toBe(0x60);
    expect(guest.mmu.stats).toMatchObject({ walks: 1, dirtyAssists: 1 });
    guest.access(5, RUN_WRITE);
    expect(guest.mmu.stats.dirtyAssists).toBe(1);
  });

  it("stay clear when they are not enabled", () => {
    const guest = new Guest({}, { accessedDirty: false });
    guest.mapAll(1);
    guest.map(5, 1, 100);
    guest.access(5, RUN_WRITE);
    for (const level of [1, 2, 3, 4]) expect(guest.contents.words[guest.ept(100, level)] & 0x300).toBe(0);
    expect(guest.mmu.stats.dirtyAssists).toBe(0);
  });
});

describe("what is cached of nested walks", () => {
  it("is stale after a change of the host's tables, until INVEPT", () => {
    const guest = new Guest({}, { cacheEntries: 64 });
    guest.mapAll(1);
    guest.map(5, 1, 100);
    guest.access(5, RUN_READ);
    guest.mapEpt(100, 1, 700, RWX);
    const again = (): number => guest.mmu.translate(5, 0, RUN_READ, true);
    expect(again()).toBe(612); // TLB
    guest.mmu.invlpg(5);
    expect(again()).toBe(612); // nested cache
    guest.mmu.invept();
    expect(again()).toBe(700);
  });

  it("is refused where there is none", () => {
    const tlb = new SetAssociativeTlb();
    const contents = new FrameContents(8, "none");
    expect(() => {
      new Mmu({ tlb, contents }).invept();
    }).toThrow('EINVAL: INVEPT needs nested paging; this MMU has not the format "nested"');
    expect(() => new Mmu({ tlb, contents, format: "nested" })).toThrow(
      "EINVAL: nested paging needs the host's tables; give ept: { rootPfn }",
    );
    expect(() => new Guest({}, { cacheEntries: 3 })).toThrow(
      "EINVAL: ept.cacheEntries (3) must be a power of two, or 0",
    );
    expect(new Mmu({ tlb, contents }).faultGuestPfn).toBe(NO_PFN);
  });
});

/** Guest tables are guest frames 1000 to 1999, and stand at the same host frames. */
class GuestFrames implements TableFrames {
  private next = 1000;

  allocTable(): Pfn {
    return this.next++;
  }

  freeTable(): void {
    // Never used again.
  }
}

describe("nested translation", () => {
  it("is the guest's translation followed by the host's, whatever is cached", () => {
    const regions = fc.integer({ min: 4, max: 7 }); // guest frames from 2048 to 4095, in 2 MiB regions
    const steps = fc.oneof(
      fc.record({
        op: fc.constant("guest" as const),
        vpn: fc.integer({ min: 0, max: 3 }),
        isLarge: fc.boolean(),
        region: regions,
        flags: fc.constantFrom(PTE_P | PTE_US, PTE_P | PTE_US | PTE_RW, PTE_P),
        nx: fc.constantFrom(0, PTE_HI_NX),
      }),
      fc.record({
        op: fc.constant("host" as const),
        region: regions,
        isLarge: fc.boolean(),
        to: fc.integer({ min: 8, max: 12 }),
        flags: fc.constantFrom(RWX, RWX, RX, RW, 0),
      }),
      fc.record({
        op: fc.constant("access" as const),
        vpn: fc.integer({ min: 0, max: 3 }),
        kind: fc.constantFrom(RUN_READ, RUN_WRITE, RUN_EXEC),
      }),
    );
    let nrWorked = 0;
    let nrExits = 0;
    const property = fc.property(
      fc.array(steps, { maxLength: 80, size: "max" }),
      fc.boolean(),
      (list, hasCache) => {
        const guest = new Guest(
          hasCache ? { walkCaches: { pde: 4, pdpte: 2, pml4e: 2 } } : {},
          hasCache ? { cacheEntries: 8 } : {},
        );
        const { mmu, contents } = guest;
        for (let gfn = 1000; gfn < 1100; gfn++) guest.mapEpt(gfn, 1, gfn, RWX);
        const table = new RadixPageTable({ contents, frames: new GuestFrames() });
        mmu.loadCr3(table.rootPfn, 0, false);
        /** Host frame and flags of each region of guest frames. */
        const host = new Map<number, { pfn: number; flags: number }>();
        for (const step of list) {
          if (step.op === "guest") {
            const start = step.vpn * 512;
            table.unmap(start);
            table.freeTables(start, start + 512, start, start + 512);
            table.map(start, step.isLarge ? 2 : 1, step.region * 512, step.flags, step.nx);
            mmu.flushAll(true);
          } else if (step.op === "host") {
            host.set(step.region, { pfn: step.to * 512, flags: step.flags });
            const at = guest.ept(step.region * 512, 2);
            contents.words[at] = 0;
            if (step.flags !== 0)
              guest.mapEpt(step.region * 512, step.isLarge ? 2 : 1, step.to * 512, step.flags);
            mmu.invept();
          } else {
            const vpn = step.vpn * 512;
            const entry = table.findEntry(vpn);
            const [lo, hi] = entry === NO_ENTRY ? [0, 0] : [table.entryLo(entry), table.entryHi(entry)];
            const { kind } = step;
            const code = 4 | (kind === RUN_WRITE ? 2 : 0) | (kind === RUN_EXEC ? 16 : 0);
            let expected: number;
            const isAllowed =
              (lo & PTE_US) !== 0 &&
              (kind !== RUN_WRITE || (lo & PTE_RW) !== 0) &&
              (kind !== RUN_EXEC || (hi & PTE_HI_NX) === 0);
            if ((lo & PTE_P) === 0) expected = -1 - code;
            else if (!isAllowed) expected = -1 - (code | 1);
            else {
              const gfn = leafPfn(lo, hi, table.lastLevel);
              const region = host.get(gfn / 512) ?? { pfn: 0, flags: 0 };
              const tried = kind === RUN_EXEC ? 4 : kind === RUN_WRITE ? 2 : 1;
              const rights = region.flags & 7;
              expected =
                (rights & tried) !== 0
                  ? region.pfn
                  : -1 - (EXIT_EPT_VIOLATION | tried | (rights << 3) | 0x180);
            }
            expect(guest.access(vpn, kind)).toBe(expected);
            if (expected >= 0) nrWorked++;
            else if (-1 - expected >= EXIT_EPT_VIOLATION) nrExits++;
          }
          mmu.checkInvariants();
        }
      },
    );
    fc.assert(property, { seed: 20_261_120, numRuns: 150 });
    expect(nrWorked).toBeGreaterThan(100);
    expect(nrExits).toBeGreaterThan(100);
  });
});
