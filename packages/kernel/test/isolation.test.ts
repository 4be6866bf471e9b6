/**
 * No task reads or writes a frame that is not mapped for it with that right, on any CPU, whatever happens on the others:
 * random programs on four CPUs, and after every step every translation that a CPU could use is held against the page table in
 * RAM. And the same programs do show the stale translation when one kind of flush is
 * left out. `PAGEFRAME_STEPS` sets the steps (default 100,000), `PAGEFRAME_SEED` the seed.
 */
import {
  type Asid,
  ASID_FLUSH_NONE,
  type AsidAllocator,
  type CpuId,
  type MmId,
  type Vpn,
} from "@pageframe/contracts";
import { type Kernel, type KernelConfigInput } from "@pageframe/kernel";
import { type Mmu, PageTableIsolation } from "@pageframe/mmu";
import { DynamicAsids, GenerationAsids } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";
import { loadRoots } from "../src/tlb/kpti.ts";
import { switchMm } from "../src/tlb/switch-mm.ts";
import { TlbFlusher } from "../src/tlb/tlb-flush.ts";
import { UnmapBatch } from "../src/tlb/unmap-batch.ts";
import { NR_CPUS, World } from "./isolation-world.ts";

const NR_STEPS = Number(process.env["PAGEFRAME_STEPS"] ?? 100_000);
const SEED = Number(process.env["PAGEFRAME_SEED"] ?? 42);
/** Puts another allocator of identifiers in the place of the one of the same kind that booted. */
function useAsids(world: World, asids: AsidAllocator): void {
  world.kernel.sys.asids = asids;
  // The first process, which boot has run on CPU 0.
  asids.addMm(0);
  asids.load(0, 0);
}

describe("tasks on four CPUs", () => {
  it.each([
    { asids: "dynamic", tlb: "set-associative", nrSteps: NR_STEPS },
    { asids: "generations", tlb: "set-associative", nrSteps: NR_STEPS / 10 },
    { asids: "none", tlb: "set-associative", nrSteps: NR_STEPS / 10 },
    // Entries that stand for four contiguous pages; a TLB for each kind of access.
    { asids: "dynamic", tlb: "zen4", nrSteps: NR_STEPS / 10 },
    { asids: "generations", tlb: "cortex-a76", nrSteps: NR_STEPS / 10 },
    { asids: "dynamic", tlb: "golden-cove", nrSteps: NR_STEPS / 10 },
  ])(
    `never use what is not theirs: ASIDs $asids, TLB $tlb, $nrSteps steps (seed ${SEED})`,
    ({ asids, tlb, nrSteps }) => {
      const world = new World({ seats: { asids, tlb } }, SEED);
      // Eight bits last for 255 address spaces; with four a new generation begins all the time.
      if (asids === "generations") useAsids(world, new GenerationAsids(NR_CPUS, 4));
      world.start().run(nrSteps);
      world.kernel.audit();
      if (nrSteps < 10_000) return;
      // A quiet run is no test: memory was short, CPUs were interrupted, lazy ones were left behind.
      const { pswpin, pgreuse } = world.kernel.proc.vmstat();
      expect([pswpin, pgreuse, world.nrSignals].map((nr) => nr > nrSteps / 1000)).toEqual([true, true, true]);
      const { nr_tlb_remote_flush_received: nrIpis } = world.kernel.tlbFlushCounts();
      expect(nrIpis > nrSteps / 10).toBe(asids !== "generations");
      expect(world.nrLeftStale).toBeGreaterThan(nrSteps / 100);
    },
    240_000,
  );
});

describe("tasks on four CPUs under page-table isolation", () => {
  it.each([
    { asids: "dynamic", nrSteps: NR_STEPS / 10 },
    { asids: "generations", nrSteps: NR_STEPS / 20 },
    { asids: "none", nrSteps: NR_STEPS / 20 },
  ])(
    `never use what is not theirs: ASIDs $asids, $nrSteps steps (seed ${SEED})`,
    ({ asids, nrSteps }) => {
      const world = new World({ kpti: true, seats: { asids } }, SEED);
      if (asids === "generations") useAsids(world, new GenerationAsids(NR_CPUS, 4));
      world.start().run(nrSteps);
      world.kernel.audit();
      const stats = world.kernel.isolationStats(0);
      expect(stats?.entries).toBeGreaterThan(nrSteps / 20);
    },
    240_000,
  );
});

/** Identifiers that are given without telling the CPU what to forget. */
class DeafDynamicAsids extends DynamicAsids {
  override load(cpu: CpuId, mm: MmId): number {
    super.load(cpu, mm);
    return ASID_FLUSH_NONE;
  }
}

class DeafGenerationAsids extends GenerationAsids {
  override load(cpu: CpuId, mm: MmId): number {
    super.load(cpu, mm);
    return ASID_FLUSH_NONE;
  }
}

class NoFlushMm extends TlbFlusher {
  override flushMm(): void {
    // Left out on purpose.
  }
}

class NoFlushPage extends TlbFlusher {
  override flushPage(): void {
    // Left out on purpose.
  }
}

class NoFlushRange extends TlbFlusher {
  override flushRange(): void {
    // Left out on purpose.
  }
}

/** A flusher that leaves lazy CPUs out even when tables are freed. */
class NoLazyInterrupt extends TlbFlusher {
  override flushMmRange(...[mm, vpn, endVpn, stride]: Parameters<TlbFlusher["flushMmRange"]>): void {
    super.flushMmRange(mm, vpn, endVpn, stride, false);
  }
}

class NoReclaimFlush extends UnmapBatch {
  override unmapped(): void {
    // Left out on purpose.
  }
}

/** A flusher that forgets to tell other CPUs. */
class LocalFlusher extends TlbFlusher {
  override flushMmRange(...args: Parameters<TlbFlusher["flushMmRange"]>): void {
    const [mm] = args;
    const { cpuMask } = mm;
    const others = Array.from({ length: NR_CPUS }, (_, cpu) => cpu).filter(
      (cpu) => cpu !== this.system.currentCpu && cpuMask.has(cpu),
    );
    for (const cpu of others) cpuMask.clear(cpu);
    super.flushMmRange(...args);
    for (const cpu of others) cpuMask.set(cpu);
  }

  private readonly system: Kernel["sys"];

  constructor(system: Kernel["sys"]) {
    super(system, 33);
    this.system = system;
  }
}

/** Isolation whose flushes forget what user mode has cached of a page, or of an address space. */
class NoUserPages extends PageTableIsolation {
  override flushRange(vpn: Vpn, nrPages: number, pcid: Asid): void {
    for (let nth = 0; nth < nrPages; nth++) this.bare.flushPage(vpn + nth, pcid);
  }

  private readonly bare: Mmu;

  constructor(mmu: Mmu) {
    super(mmu);
    this.bare = mmu;
  }
}

class NoUserPcid extends PageTableIsolation {
  override flushPcid(pcid: Asid): void {
    this.bare.flushPcid(pcid);
  }

  private readonly bare: Mmu;

  constructor(mmu: Mmu) {
    super(mmu);
    this.bare = mmu;
  }
}

/** Puts another isolation into every CPU, which has loaded nothing but the kernel's own address space yet. */
function useIsolation(world: World, make: (mmu: Mmu) => PageTableIsolation): void {
  const { sys } = world.kernel;
  for (const cpu of sys.cpus) {
    world.kernel.idle(cpu.id);
    switchMm(sys, cpu, null);
    Object.assign(cpu, { isolation: make(cpu.mmu) });
    loadRoots(sys, cpu, null, sys.asids.loadedAsid(cpu.id), false);
  }
}

/** Memory for all: pages are neither evicted nor killed for. */
const ROOMY: KernelConfigInput = { memory: "16MiB", swap: [] };

describe("when one kind of flush is left out, the same programs find the stale translation", () => {
  /** Enough for the rarest. */
  const nrSteps = 20_000;
  const sees = (world: World): void => {
    expect(() => {
      world.start().run(nrSteps);
    }).toThrow(/stale/);
  };

  it("of munmap", () => {
    sees(new World(ROOMY, SEED, { gatherOf: ["munmap"] }));
  });

  it("of mmap over pages", () => {
    sees(new World(ROOMY, SEED, { gatherOf: ["mmap"] }));
  });

  it("of madvise", () => {
    sees(new World(ROOMY, SEED, { gatherOf: ["madvise"] }));
  });

  it("of mprotect", () => {
    sees(new World(ROOMY, SEED, { gatherOf: ["mprotect"] }));
  });

  it("of mremap", () => {
    const world = new World(ROOMY, SEED);
    world.kernel.sys.tlbFlusher = new NoFlushRange(world.kernel.sys, 33);
    sees(world);
  });

  it("of fork, which takes the parent's right to write", () => {
    const world = new World(ROOMY, SEED);
    world.kernel.sys.tlbFlusher = new NoFlushMm(world.kernel.sys, 33);
    sees(world);
  });

  it("of copy-on-write", () => {
    const world = new World(ROOMY, SEED);
    world.kernel.sys.tlbFlusher = new NoFlushPage(world.kernel.sys, 33);
    sees(world);
  });

  it("of reclaim", () => {
    const world = new World({}, SEED);
    world.kernel.sys.unmapBatch = new NoReclaimFlush(world.kernel.sys);
    sees(world);
  });

  it("but not when none is left out, under page-table isolation", () => {
    const world = new World({ ...ROOMY, kpti: true }, SEED);
    useIsolation(world, (mmu) => new PageTableIsolation(mmu));
    world.start().run(Math.min(NR_STEPS, 2000));
    world.kernel.audit();
  });

  it("of pages that user mode has cached, under page-table isolation", () => {
    const world = new World({ ...ROOMY, kpti: true }, SEED);
    useIsolation(world, (mmu) => new NoUserPages(mmu));
    sees(world);
  });

  it("of all that user mode has cached, under page-table isolation", () => {
    const world = new World({ ...ROOMY, kpti: true }, SEED);
    useIsolation(world, (mmu) => new NoUserPcid(mmu));
    sees(world);
  });

  it("of lazy CPUs when tables are freed", () => {
    const world = new World(ROOMY, SEED);
    world.kernel.sys.tlbFlusher = new NoLazyInterrupt(world.kernel.sys, 33);
    sees(world);
  });

  it("on other CPUs", () => {
    const world = new World(ROOMY, SEED);
    world.kernel.sys.tlbFlusher = new LocalFlusher(world.kernel.sys);
    sees(world);
  });

  it("of a context switch to an address space that changed meanwhile", () => {
    const world = new World(ROOMY, SEED);
    useAsids(world, new DeafDynamicAsids("dynamic", NR_CPUS));
    sees(world);
  });

  it("of a new generation of identifiers", () => {
    const world = new World({ ...ROOMY, seats: { asids: "generations" } }, SEED);
    useAsids(world, new DeafGenerationAsids(NR_CPUS, 4));
    sees(world);
  });
});
