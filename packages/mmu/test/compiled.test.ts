/** The compiled loop and walk against the same in JavaScript: every count, every entry, every word of every table. */
import fc from "fast-check";
import {
  packRun,
  PTE_A,
  PTE_HI_NX,
  PTE_P,
  PTE_PS,
  PTE_RW,
  PTE_US,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  type Tlb,
  vpnHi,
  vpnLo,
  type Vpn,
} from "@pageframe/contracts";
import { FrameContents } from "@pageframe/memmap";
import { Mmu } from "@pageframe/mmu";
import { SetAssociativeTlb, type TlbConfig } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";

const NR_FRAMES = 4096;
const TABLE = PTE_P | PTE_RW | PTE_US | PTE_A;
const SMALL: Partial<TlbConfig> = { l1: { entries: 8, ways: 2 }, l2: { entries: 24, ways: 6 } };
/** Pages that share sets, tables, and signatures: near each other, and 512, 2^18 and 2^27 pages apart. */
const BASES: readonly Vpn[] = [0, 512, 1024, 2 ** 18, 2 ** 27, 2 ** 27 + 5 * 512, 0x7ffff7000, 2 ** 35];

/** All are mapped at first. */
const PAGES: readonly Vpn[] = BASES.flatMap((base) => Array.from({ length: 40 }, (_, at) => base + at * 3));

/** One CPU with page tables; `isCompiled` says which code runs the batches. */
class Side {
  readonly contents: FrameContents = new FrameContents(NR_FRAMES, "none");
  readonly tlb: SetAssociativeTlb;
  readonly mmu: Mmu;
  private nextTable = 1;

  /** `nrOtherSlots`: frames with bytes beside the tables. */
  constructor(isCompiled: boolean, config: Partial<TlbConfig>, levels: 4 | 5, nrOtherSlots = 0) {
    const arena = isCompiled ? this.contents.compiledArena : null;
    this.tlb = new SetAssociativeTlb({ ...config, arena });
    this.mmu = new Mmu({ tlb: this.tlb, contents: this.contents, levels, protectionKeys: true });
    this.mmu.loadCr3(this.newTable(), 0, true);
    for (let other = 1; other <= nrOtherSlots; other++) this.contents.ensureSlot(NR_FRAMES - other);
    PAGES.forEach((vpn, at) => this.write(vpn, 1, ((1000 + at) << 12) | PTE_P | PTE_RW | PTE_US, 0));
  }

  /** Writes an entry, and the tables above it where there are none. */
  write(vpn: Vpn, level: number, lo: number, hi: number): void {
    let at = this.entryAt(this.mmu.rootPfn, vpn, this.mmu.walker.nrLevels);
    for (let above = this.mmu.walker.nrLevels; above > level; above--) {
      if ((this.contents.words[at] & (PTE_P | PTE_PS)) !== PTE_P) {
        const table = this.newTable();
        this.contents.words[at] = (table << 12) | TABLE;
        this.contents.words[at + 1] = 0;
      }
      at = this.entryAt(this.contents.words[at] >>> 12, vpn, above - 1);
    }
    this.contents.words[at] = lo;
    this.contents.words[at + 1] = hi;
  }

  /** Takes rights away, or gives them back, in the entry above a page's leaf that is of `level`. */
  limit(vpn: Vpn, level: number, lo: number, hi: number): void {
    let at = this.entryAt(this.mmu.rootPfn, vpn, this.mmu.walker.nrLevels);
    for (let above = this.mmu.walker.nrLevels; above > level; above--) {
      at = this.entryAt(this.contents.words[at] >>> 12, vpn, above - 1);
    }
    this.contents.words[at] = (this.contents.words[at] & ~0xfff) | lo;
    this.contents.words[at + 1] = hi;
  }

  /** Makes the accesses; what faults is left out. Returns the runs that faulted, with their codes. */
  access(words: Int32Array): number[] {
    const faults: number[] = [];
    for (let run = this.mmu.accessRuns(words, 0, words.length / 2); run < words.length / 2;) {
      faults.push(run, this.mmu.faultCode, this.mmu.faultVpn);
      run = this.mmu.accessRuns(words, run + 1, words.length / 2);
    }
    return faults;
  }

  state(): unknown {
    return {
      stats: this.mmu.stats,
      tlbStats: this.tlb.stats,
      entries: entriesOf(this.tlb),
      order: Array.from(this.tlb.lruHead),
      tables: Array.from(this.contents.words.subarray(0, this.nextTable * 1024)).flatMap((word, at) =>
        word === 0 ? [] : [at, word],
      ),
      nrCached: this.mmu.walker.nrCached,
    };
  }

  private newTable(): number {
    this.contents.ensureSlot(this.nextTable);
    return this.nextTable++;
  }

  private entryAt(table: number, vpn: Vpn, level: number): number {
    return this.contents.wordBase(table) + 2 * (Math.floor(vpn / 512 ** (level - 1)) % 512);
  }
}

function entriesOf(tlb: Tlb): number[][] {
  const entries: number[][] = [];
  tlb.forEachEntry((...entry) => entries.push(entry));
  return entries.sort((one, other) => one[1] - other[1] || one[0] - other[0] || one[2] - other[2]);
}

const page = fc.constantFrom(...PAGES);
const pfn = fc.integer({ min: 1, max: NR_FRAMES - 1 });

/** Runs on pages, many of them again and again, with folded accesses and halves of straddling ones. */
const runs = fc.array(
  fc.record({
    vpn: page,
    kind: fc.constantFrom(RUN_READ, RUN_READ, RUN_WRITE, RUN_EXEC),
    count: fc.integer({ min: 1, max: 5 }),
    times: fc.integer({ min: 1, max: 3 }),
    splitDraw: fc.integer({ min: 0, max: 9 }),
  }),
  { minLength: 1, maxLength: 150 },
);

type Step =
  | { do: "leaf"; vpn: Vpn; pfn: number; lo: number; hi: number }
  | { do: "large"; vpn: Vpn; pfn: number; lo: number }
  | { do: "limit"; vpn: Vpn; level: number; lo: number; hi: number }
  | { do: "access"; words: Int32Array }
  | { do: "flush"; vpn: Vpn; nrPages: number }
  | { do: "switch"; pcid: number; noFlush: boolean }
  | { do: "wrpkru"; pkru: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("leaf" as const),
      vpn: page,
      pfn,
      lo: fc.constantFrom(0x7, 0x7, 0x7, 0x27, 0x67, 0x5, 0x3, 0x0, 0x107),
      // NX, a protection key, a reserved bit.
      hi: fc.constantFrom(0, 0, 0, 0, PTE_HI_NX, 0x18000000, 0x1000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("large" as const),
      vpn: fc.constantFrom(0, 2 ** 27 + 7 * 512, 3 * 2 ** 27),
      pfn: fc.constant(512),
      lo: fc.constantFrom(0x87, 0xa7),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("limit" as const),
      vpn: page,
      level: fc.constantFrom(2, 3, 4, 4),
      lo: fc.constantFrom(0x27, 0x27, 0x25, 0x7),
      hi: fc.constantFrom(0, PTE_HI_NX),
    }),
  },
  {
    weight: 9,
    arbitrary: runs.map((list) => {
      const words = list.flatMap(({ vpn, kind, count, times, splitDraw }) =>
        Array.from({ length: times }, () => [
          vpnLo(vpn),
          packRun(vpnHi(vpn), kind, splitDraw === 0, splitDraw === 0 ? 1 : count),
        ]).flat(),
      );
      return { do: "access" as const, words: Int32Array.from(words) };
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("flush" as const),
      vpn: page,
      nrPages: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("switch" as const),
      pcid: fc.integer({ min: 0, max: 2 }),
      noFlush: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("wrpkru" as const),
      // Nothing denied; key 3 not used; key 3 not written; key 0 not written.
      pkru: fc.constantFrom(0, 0x40, 0x80, 0x2),
    }),
  },
);

/** Does a step; returns the faults of an access. */
function apply(side: Side, step: Step): number[] | null {
  switch (step.do) {
    case "leaf":
      side.write(step.vpn, 1, step.lo === 0 ? 0 : (step.pfn << 12) | step.lo, step.lo === 0 ? 0 : step.hi);
      side.mmu.flushPage(step.vpn, side.mmu.currentPcid);
      break;
    case "large":
      side.write(step.vpn, 2, (step.pfn << 12) | step.lo, 0);
      side.mmu.flushPage(step.vpn, side.mmu.currentPcid);
      break;
    case "limit":
      side.limit(step.vpn, step.level, step.lo, step.hi);
      side.mmu.flushPcid(side.mmu.currentPcid);
      break;
    case "access":
      return side.access(step.words);
    case "flush":
      side.mmu.flushRange(step.vpn, step.nrPages, side.mmu.currentPcid);
      break;
    case "switch":
      side.mmu.loadCr3(side.mmu.rootPfn, step.pcid, step.noFlush);
      break;
    case "wrpkru":
      side.mmu.writePkru(step.pkru);
      break;
  }
  return null;
}

describe("compiled code", () => {
  it.each([
    ["Skylake's TLB, 4 levels", {}, 4, 0],
    ["a small TLB, 4 levels", SMALL, 4, 0],
    ["a small TLB, 5 levels", SMALL, 5, 0],
    ["a small TLB, looking ahead", SMALL, 4, 300],
    ["a fully associative first level", { ...SMALL, l1: { entries: 16, ways: 16 } }, 4, 0],
  ] as const)("does what the JavaScript does: %s", (_name, config, levels, nrOtherSlots) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 30 }), (steps) => {
        const compiled = new Side(true, config, levels, nrOtherSlots);
        const plain = new Side(false, config, levels, nrOtherSlots);
        expect(compiled.mmu.walker.compiled).not.toBeNull();
        for (const each of steps) {
          expect(apply(compiled, each)).toEqual(apply(plain, each));
          compiled.tlb.checkInvariants();
          expect(compiled.state()).toEqual(plain.state());
        }
      }),
      { seed: 3, numRuns: 40 },
    );
  });

  it("gives way to the JavaScript when the tables have outgrown the arena", () => {
    const compiled = new Side(true, {}, 4);
    compiled.write(5, 1, (77 << 12) | TABLE, 0);
    const words = Int32Array.from(
      Array.from({ length: 20 }, () => [5, packRun(0, RUN_WRITE, false, 3)]).flat(),
    );
    expect(compiled.access(words)).toEqual([]);
    for (let frame = 0; frame < NR_FRAMES; frame++) compiled.contents.ensureSlot(frame);
    expect(compiled.mmu.walker.compiled).toBeNull();
    compiled.mmu.flushAll(true);
    expect(compiled.access(words)).toEqual([]);
    expect(compiled.mmu.stats).toMatchObject({ accesses: 120, walks: 2, faults: 0 });
  });
});
