/** Identifiers of address spaces: whoever sits in the seat, no CPU uses what it must have forgotten. */
import {
  ASID_FLUSH_ALL,
  ASID_FLUSH_NONE,
  ASID_FLUSH_OWN,
  type AsidAllocator,
  INIT_MM,
  NO_ASID,
} from "@pageframe/contracts";
import { asidAllocators, DynamicAsids, GenerationAsids } from "@pageframe/tlb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const NR_CPUS = 3;
const NR_MMS = 9;

type Step =
  { op: "load"; cpu: number; mm: number } | { op: "change"; mm: number } | { op: "replace"; mm: number };

const cpu = fc.nat(NR_CPUS - 1);
const mm = fc.nat(NR_MMS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant("load" as const),
      cpu,
      mm: fc.integer({ min: -1, max: NR_MMS - 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("change" as const), mm }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("replace" as const), mm }) },
);

/** CPUs whose TLBs hold, for each identifier, what was current when it was filled. */
class World {
  readonly asids: AsidAllocator;
  readonly tlbs: Map<number, Set<string>>[] = Array.from(
    { length: NR_CPUS },
    () => new Map<number, Set<string>>(),
  );
  readonly loaded: number[] = new Array<number>(NR_CPUS).fill(INIT_MM);
  /** What translations of each address space are made from: changes with each change, never comes back. */
  readonly current: string[] = [];
  private nrVersions = 0;

  constructor(asids: AsidAllocator) {
    this.asids = asids;
    for (let at = 0; at < NR_MMS; at++) this.add(at);
  }

  run(step: Step): void {
    if (step.op === "load") this.load(step.cpu, step.mm);
    else if (step.op === "change") this.change(step.mm);
    else {
      for (let at = 0; at < NR_CPUS; at++) if (this.loaded[at] === step.mm) this.load(at, INIT_MM);
      this.change(step.mm);
      this.asids.removeMm(step.mm);
      this.add(step.mm);
    }
    this.asids.checkInvariants();
    this.checkUsers();
  }

  private add(mm: number): void {
    this.asids.addMm(mm);
    this.current[mm] = `mm ${mm} version ${this.nrVersions++}`;
  }

  private load(cpu: number, mm: number): void {
    const answer = this.asids.load(cpu, mm);
    const asid = this.asids.loadedAsid(cpu);
    const tlb = this.tlbs[cpu];
    if (answer === ASID_FLUSH_ALL) tlb.clear();
    if (answer === ASID_FLUSH_OWN) tlb.delete(asid);
    this.loaded[cpu] = mm;
    if (mm === INIT_MM) return;
    const held = tlb.get(asid) ?? new Set<string>();
    held.add(this.current[mm]);
    tlb.set(asid, held);
    expect([...held]).toEqual([this.current[mm]]);
    expect(this.asids.asidOf(cpu, mm)).toBe(asid);
  }

  /** A change that needs a flush: done at once where it is broadcast, and only where it is loaded otherwise. */
  private change(mm: number): void {
    const { asids } = this;
    this.current[mm] = `mm ${mm} version ${this.nrVersions++}`;
    const generation = asids.bumpGeneration(mm);
    for (let at = 0; at < NR_CPUS; at++) {
      if (asids.isBroadcast) this.tlbs[at].delete(asids.asidOf(at, mm));
      else if (this.loaded[at] === mm) {
        this.tlbs[at].delete(asids.loadedAsid(at));
        asids.setCpuGeneration(at, generation);
      }
    }
  }

  /** What the allocator says a CPU may use is current. */
  private checkUsers(): void {
    this.tlbs.forEach((tlb, cpu) => {
      for (const [asid, held] of tlb) {
        const user = this.asids.userOf(cpu, asid);
        if (user !== INIT_MM) expect([...held]).toEqual([this.current[user]]);
        else expect(this.loaded[cpu] !== INIT_MM && this.asids.loadedAsid(cpu) === asid).toBe(false);
      }
    });
  }
}

describe.each(asidAllocators)("the ASID allocator $name", (occupant) => {
  const { name } = occupant;
  it("never lets a CPU use what another address space, or an older state of this one, left", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 200, maxLength: 200 }), (steps) => {
        // Eight identifiers for nine address spaces: they run out all the time.
        const world = new World(occupant.create({ nrCpus: NR_CPUS, asidBits: 3 }));
        for (const each of steps) world.run(each);
      }),
      { seed: 7, numRuns: 50 },
    );
  });

  it("starts every CPU in the kernel's own address space, and says its name", () => {
    const asids = occupant.create({ nrCpus: 2 });
    expect(asids.name).toBe(name);
    expect(asids.userOf(1, asids.loadedAsid(1))).toBe(INIT_MM);
    expect(asids.load(0, INIT_MM)).toBe(ASID_FLUSH_NONE);
  });
});

describe("six identifiers per CPU", () => {
  const boot = (nrMms: number, nrCpus = 1): DynamicAsids => {
    const asids = new DynamicAsids("dynamic", nrCpus);
    for (let at = 0; at < nrMms; at++) asids.addMm(at);
    return asids;
  };

  it("are PCIDs 1 to 6, given in turn; the kernel's own has the first", () => {
    const asids = boot(7);
    const given: number[] = [asids.loadedAsid(0)];
    for (let at = 0; at < 7; at++) {
      expect(asids.load(0, at)).toBe(ASID_FLUSH_OWN);
      given.push(asids.loadedAsid(0));
    }
    // Five are free, then it goes round: the sixth takes the kernel's, the seventh that of the first.
    expect(given).toEqual([1, 2, 3, 4, 5, 6, 1, 2]);
    expect(asids.asidOf(0, 0)).toBe(NO_ASID);
    expect(asids.asidOf(0, 1)).toBe(3);
  });

  it("keep their translations as long as nothing changed", () => {
    const asids = boot(2);
    asids.load(0, 0);
    asids.load(0, 1);
    expect(asids.load(0, 0)).toBe(ASID_FLUSH_NONE);
    expect(asids.load(0, 1)).toBe(ASID_FLUSH_NONE);
    asids.bumpGeneration(0);
    expect(asids.userOf(0, asids.asidOf(0, 0))).toBe(INIT_MM);
    expect(asids.load(0, 0)).toBe(ASID_FLUSH_OWN);
    expect(asids.load(0, 1)).toBe(ASID_FLUSH_NONE);
  });

  it("are each CPU's own", () => {
    const asids = boot(3, 2);
    for (const at of [0, 1, 2]) asids.load(0, at);
    asids.load(1, 2);
    expect([asids.asidOf(0, 2), asids.asidOf(1, 2), asids.asidOf(1, 0)]).toEqual([4, 2, NO_ASID]);
  });

  it("of one that went are not taken for those of the next with its id", () => {
    const asids = boot(1);
    asids.load(0, 0);
    asids.load(0, INIT_MM);
    asids.removeMm(0);
    asids.addMm(0);
    expect(asids.load(0, 0)).toBe(ASID_FLUSH_OWN);
  });
});

describe("identifiers by generations", () => {
  it("are the same on all CPUs until they run out; then every CPU forgets everything once", () => {
    // Two bits: 1, 2 and 3 are there to be given.
    const asids = new GenerationAsids(2, 2);
    for (let at = 0; at < 4; at++) asids.addMm(at);
    const given = [0, 1, 2].map((at) => [asids.load(0, at), asids.loadedAsid(0)]);
    expect(given).toEqual([
      [ASID_FLUSH_NONE, 1],
      [ASID_FLUSH_NONE, 2],
      [ASID_FLUSH_NONE, 3],
    ]);
    expect([asids.load(1, 1), asids.loadedAsid(1)]).toEqual([ASID_FLUSH_NONE, 2]);
    // A fourth: a new generation. CPU 0 runs mm 2 and CPU 1 mm 1, which keep 3 and 2; so it gets 1.
    expect([asids.load(0, 3), asids.loadedAsid(0)]).toEqual([ASID_FLUSH_ALL, 1]);
    expect(asids.userOf(1, 2)).toBe(1);
    expect([asids.load(0, 2), asids.loadedAsid(0)]).toEqual([ASID_FLUSH_NONE, 3]);
    // CPU 1 has yet to forget what mm 0 left it under 1 before it runs mm 3.
    expect([asids.load(1, 3), asids.loadedAsid(1)]).toEqual([ASID_FLUSH_ALL, 1]);
    expect([asids.load(1, 1), asids.loadedAsid(1)]).toEqual([ASID_FLUSH_NONE, 2]);
  });

  it("must be more than there are CPUs", () => {
    expect(() => new GenerationAsids(3, 2)).toThrow("EINVAL: asidBits (2) must be an integer up to 12");
    expect(() => new GenerationAsids(1, 13)).toThrow(/^EINVAL: /);
  });
});
