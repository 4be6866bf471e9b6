/**
 * Page-table isolation: what user mode finds of the kernel, who is flushed, what crossings cost, and that programs notice
 * nothing.
 * Expectations: Linux 6.18 Documentation/arch/x86/pti.rst, Documentation/arch/x86/x86_64/mm.rst; arch/x86/mm/pti.c;
 * arch/x86/mm/tlb.c; Intel SDM vol. 3A section 5.7 (error code: P 1, U 4, I 16).
 */
import {
  NO_ENTRY,
  PAGE_SIZE,
  PROT_READ,
  PTE_G,
  PTE_P,
  PTE_RW,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  SEGV_MAPERR,
  SIGSEGV,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import {
  bootKernel,
  canonicalVpn,
  clearFixmap,
  FIX_APIC_BASE,
  fixToVpn,
  type Kernel,
  type KernelConfigInput,
  Replay,
  type ReplayResult,
  setFixmap,
  type Task,
} from "@pageframe/kernel";
import { zipfTrace } from "@pageframe/trace";
import { afterEach, describe, expect, it } from "vitest";
import { at, ARENA_VPN, fill, mapPages, spawnWith, wrongPages } from "./helpers.ts";

/** ffff888000000000 and ff11000000000000: the direct map; fffffe0000000000: cpu_entry_area; the start of kernel text. */
const DIRECT_MAP: Readonly<Record<string, bigint>> = {
  radix4: 0xffff888000000000n,
  radix5: 0xff11000000000000n,
};
const ENTRY_AREA = 0xfffffe0000000000n;
const KERNEL_TEXT = 0xffffffff80000000n;
const NS_PER_CR3_WRITE = 25;

let kernel: Kernel;

function boot(config: KernelConfigInput = {}): Kernel {
  kernel = bootKernel({ memory: "4MiB", contents: "sparse", kpti: true, ...config });
  return kernel;
}

afterEach(() => kernel.audit());

const vpnAt = (address: bigint): number => canonicalVpn(address, kernel.sys.kernelHalf.layout.nrLevels);

/** A frame of the second MiB, which is in the direct map, by its page there. */
const secretVpn = (pageTable: string): number => vpnAt(DIRECT_MAP[pageTable]) + 0x180;

/** Entries and exits of CPU 0 while `action` runs. */
function crossings(action: () => unknown): [number, number] {
  const before = kernel.isolationStats(0);
  action();
  const after = kernel.isolationStats(0);
  if (before === null || after === null) throw new Error("no isolation");
  return [after.entries - before.entries, after.exits - before.exits];
}

describe("a probe of the kernel's half from user mode", () => {
  const names = (task: Task, vpn: number): string[] =>
    kernel.explain(task, vpn, RUN_READ).walk.levels.map(({ name }) => name);

  it.each([
    { pageTable: "radix4", allLevels: ["PGD", "PUD", "PMD", "PTE"] },
    { pageTable: "radix5", allLevels: ["PGD", "P4D", "PUD", "PMD", "PTE"] },
  ])(
    "reaches the leaf without isolation, and ends at the root with it: $pageTable",
    ({ pageTable, allLevels }) => {
      for (const kpti of [false, true]) {
        boot({ kpti, seats: { pageTable } });
        const task = spawnWith(kernel, "probe", 1);
        const { walk } = kernel.explain(task, secretVpn(pageTable), RUN_READ);
        // RAM of a few MiB is mapped by leaves of 2 MiB and 4 KiB; the second MiB lies in one of the latter or of the former.
        const reached = walk.levels.map(({ name }) => name);
        expect(reached).toEqual(kpti ? ["PGD"] : allLevels.slice(0, reached.length));
        expect(reached.length >= allLevels.length - 1).toBe(!kpti);
        expect(walk.faultCode).toBe(kpti ? 0x4 : 0x5);
        // The program is told the same either way.
        const signal = kernel.access(task, secretVpn(pageTable), RUN_READ);
        expect(signal).toMatchObject({ signal: SIGSEGV, code: SEGV_MAPERR });
        kernel.audit();
      }
    },
  );

  it.each(["radix4", "radix5"])(
    "finds the entry area alone, which is read-only and the supervisor's: %s",
    (pageTable) => {
      boot({ seats: { pageTable } });
      const task = spawnWith(kernel, "probe", 1);
      const area = kernel.explain(task, vpnAt(ENTRY_AREA), RUN_READ).walk;
      expect(area.faultCode).toBe(0x5);
      expect(area.levels[area.levels.length - 1]).toMatchObject({ name: "PTE", flags: "P A G NX" });
      expect(kernel.access(task, vpnAt(ENTRY_AREA), RUN_EXEC)).toMatchObject({ signal: SIGSEGV });
      // The page behind it, and what shares its top entry with five levels.
      expect(names(task, vpnAt(ENTRY_AREA) + 1)).toEqual(area.levels.map(({ name }) => name));
      expect(kernel.explain(task, vpnAt(ENTRY_AREA) + 1, RUN_READ).walk.faultCode).toBe(0x4);
      expect(names(task, vpnAt(KERNEL_TEXT))).toEqual(pageTable === "radix4" ? ["PGD"] : ["PGD", "P4D"]);
      expect(kernel.explain(task, vpnAt(KERNEL_TEXT), RUN_READ).walk.faultCode).toBe(0x4);
      // The last top entry of the user half is the program's, the first of the kernel's is empty.
      expect(names(task, kernel.sys.kernelHalf.layout.kernelVpn)).toEqual(["PGD"]);
    },
  );

  it("finds nothing in the TLB that the kernel has used, for only the entry area is global", () => {
    boot();
    const task = spawnWith(kernel, "probe", 1);
    fill(kernel, task, 0, 1);
    kernel.copyFromUser(task, new Uint8Array(8), at(0));
    const { sys } = kernel;
    const { mmu, isolation } = sys.cpus[0];
    isolation?.enterKernel();
    for (const vpn of [secretVpn("radix4"), vpnAt(ENTRY_AREA)]) {
      expect(mmu.translate(vpnLo(vpn), vpnHi(vpn), RUN_READ, false)).toBeGreaterThan(0);
    }
    isolation?.exitToUser();
    const held = (vpn: number): number => mmu.translateAddress(vpn * PAGE_SIZE).tlb.length;
    expect([secretVpn("radix4"), vpnAt(ENTRY_AREA)].map(held)).toEqual([0, 2]);
    const { pageTable } = sys.kernelHalf;
    const flagsAt = (vpn: number): number => {
      const entry = pageTable.findEntry(vpn);
      return entry === NO_ENTRY ? 0 : pageTable.entryLo(entry) & (PTE_P | PTE_RW | PTE_G);
    };
    const address = kernel.vmalloc(PAGE_SIZE);
    setFixmap(sys, FIX_APIC_BASE, 0x900);
    const own = [secretVpn("radix4"), vpnAt(KERNEL_TEXT), address / PAGE_SIZE, fixToVpn(sys, FIX_APIC_BASE)];
    expect(own.map(flagsAt)).toEqual(own.map(() => PTE_P | PTE_RW));
    expect(flagsAt(vpnAt(ENTRY_AREA))).toBe(PTE_P | PTE_G);
  });
});

describe("crossings", () => {
  it("are an entry and an exit for each fault and system call, and cost a CR3 write each", () => {
    boot();
    const task = spawnWith(kernel, "program", 8);
    const spent = (): number => kernel.sys.time.spentNs[15];
    const before = spent();
    const stats = kernel.isolationStats(0);
    expect(crossings(() => kernel.access(task, ARENA_VPN, RUN_WRITE))).toEqual([1, 1]);
    expect(crossings(() => kernel.access(task, ARENA_VPN, RUN_WRITE))).toEqual([0, 0]);
    expect(crossings(() => fill(kernel, task, 0, 8))).toEqual([7, 7]);
    expect(crossings(() => mapPages(kernel, task, 100, 1))).toEqual([1, 1]);
    expect(crossings(() => kernel.mprotect(task, at(0), PAGE_SIZE, PROT_READ))).toEqual([1, 1]);
    expect(crossings(() => kernel.write(task, at(0), 1))).toEqual([1, 1]); // a signal
    expect(crossings(() => kernel.read(task, 1n << 62n))).toEqual([1, 1]); // #GP
    expect(crossings(() => kernel.fork(task))).toEqual([1, 1]);
    expect(crossings(() => kernel.copyFromUser(task, new Uint8Array(4), at(0)))).toEqual([1, 1]);
    // Faults of the kernel itself switch no root.
    mapPages(kernel, task, 200, 2);
    expect(crossings(() => kernel.clearUser(task, at(200), 2 * PAGE_SIZE))).toEqual([1, 1]);
    const { costNs = 0 } = kernel.isolationStats(0) ?? {};
    expect(spent() - before).toBe(costNs - (stats?.costNs ?? 0));
    expect(spent() % NS_PER_CR3_WRITE).toBe(0);
    // Idling: in the kernel, until the task goes on.
    expect(crossings(() => kernel.idle(0))).toEqual([1, 0]);
    expect(crossings(() => kernel.access(task, ARENA_VPN + 1, RUN_READ))).toEqual([0, 1]);
  });

  it("are made for an interrupt that flushes a CPU in user mode, and by none that idles", () => {
    boot({ cpus: 2 });
    const task = spawnWith(kernel, "program", 4);
    const thread = kernel.thread(task, 1);
    fill(kernel, task, 0, 4);
    kernel.read(thread, at(0));
    const entries = (): number => kernel.isolationStats(1)?.entries ?? -1;
    const before = entries();
    kernel.mprotect(task, at(0), PAGE_SIZE, PROT_READ);
    expect(entries()).toBe(before + 1);
    kernel.idle(1);
    const idle = entries();
    kernel.mprotect(task, at(1), PAGE_SIZE, PROT_READ);
    expect(entries()).toBe(idle);
  });

  it("forget everything where there are no PCIDs", () => {
    const walksOf = (asids: string): number => {
      boot({ seats: { asids } });
      const task = spawnWith(kernel, "program", 4);
      fill(kernel, task, 0, 4);
      const before = kernel.translationCounts(0)[4];
      for (let round = 0; round < 3; round++) {
        mapPages(kernel, task, 100, 1);
        wrongPages(kernel, task, 0, 4);
      }
      kernel.audit();
      return kernel.translationCounts(0)[4] - before;
    };
    expect(walksOf("dynamic")).toBe(0);
    expect(walksOf("none")).toBe(3 * 4);
  });

  it("are none without isolation, whose machine has one root for each address space", () => {
    boot({ kpti: false });
    const { nr_page_table_pages: before } = kernel.proc.vmstat();
    kernel.spawn("plain");
    expect(kernel.proc.vmstat()["nr_page_table_pages"]).toBe(before + 1);
    expect(kernel.isolationStats(0)).toBeNull();
    boot();
    const { nr_page_table_pages: isolated } = kernel.proc.vmstat();
    const task = kernel.spawn("isolated");
    // An order-1 pgd (PGD_ALLOCATION_ORDER).
    expect(kernel.proc.vmstat()["nr_page_table_pages"]).toBe(isolated + 2);
    kernel.exit(task);
    expect(kernel.proc.vmstat()["nr_page_table_pages"]).toBe(isolated);
  });
});

describe("isolation", () => {
  /** A program that comes to little memory, and is checked page by page. */
  function replay(config: KernelConfigInput): ReplayResult {
    boot({ memory: "256KiB", swap: [{ size: "4MiB" }], ...config });
    const trace = zipfTrace({ nrPages: 300, nrAccesses: 10_000, writeShare: 0.5, seed: 7 });
    return new Replay(kernel, trace, { verify: true }).runToEnd();
  }

  it("is not noticed by programs: the same faults and contents, and more time", () => {
    const visible = (result: ReplayResult): unknown => {
      const { accesses, splitAccesses, minorFaults, majorFaults, peakRssPages, killedBy } = result;
      return { accesses, splitAccesses, minorFaults, majorFaults, peakRssPages, killedBy };
    };
    const plain = replay({ kpti: false, memory: "4MiB" });
    const isolated = replay({ memory: "4MiB" });
    expect(visible(isolated)).toEqual(visible(plain));
    expect([plain.tlb, isolated.tlb].map(({ l1Hits, l2Hits, walks }) => l1Hits + l2Hits + walks)).toEqual([
      plain.accesses,
      plain.accesses,
    ]);
    expect(plain.timeNs["cr3Write"]).toBe(0);
    // A pair for each fault, for the call that maps the memory, and for the switch from the first process to this one.
    const nrPairs = isolated.minorFaults + 2;
    expect(isolated.timeNs["cr3Write"]).toBe(2 * nrPairs * NS_PER_CR3_WRITE);
    // Without PCIDs each crossing forgets what was cached.
    const forgetful = replay({ memory: "4MiB", seats: { asids: "none" } });
    expect(visible(forgetful)).toEqual(visible(plain));
    expect(forgetful.tlb.walks).toBeGreaterThan(plain.tlb.walks);
  });

  it("gives a program back what it wrote where memory is short and pages go to swap", () => {
    const { majorFaults, minorFaults, timeNs } = replay({ memory: "256KiB" });
    expect(majorFaults).toBeGreaterThan(1000);
    expect(timeNs["cr3Write"]).toBeGreaterThanOrEqual(2 * (majorFaults + minorFaults) * NS_PER_CR3_WRITE);
  });

  it("keeps its state in snapshots, and explanations leave no trace", () => {
    boot();
    const task = spawnWith(kernel, "program", 8);
    fill(kernel, task, 0, 8);
    const snapshot = kernel.snapshot();
    const digest = kernel.digest();
    kernel.explain(task, secretVpn("radix4"), RUN_READ);
    expect(kernel.digest()).toBe(digest);
    const twin = kernel.clone();
    kernel.munmap(task, at(0), 8 * PAGE_SIZE);
    kernel.restore(snapshot);
    expect(kernel.digest()).toBe(digest);
    expect(wrongPages(kernel, task, 0, 8)).toEqual([]);
    twin.audit();
  });

  it("flushes the kernel's own pages in every address space, for they are not global", () => {
    boot();
    const { sys } = kernel;
    const tasks = [spawnWith(kernel, "one", 1), spawnWith(kernel, "two", 1)];
    const { mmu, isolation } = sys.cpus[0];
    setFixmap(sys, FIX_APIC_BASE, 0x900);
    const vpn = fixToVpn(sys, FIX_APIC_BASE);
    const frameSeenBy = (task: Task): number => {
      kernel.access(task, ARENA_VPN, RUN_READ);
      isolation?.enterKernel();
      const pfn = mmu.translate(vpnLo(vpn), vpnHi(vpn), RUN_READ, false);
      isolation?.exitToUser();
      return pfn;
    };
    expect(tasks.map(frameSeenBy)).toEqual([0x900, 0x900]);
    setFixmap(sys, FIX_APIC_BASE, 0x901);
    expect(tasks.map(frameSeenBy)).toEqual([0x901, 0x901]);
    clearFixmap(sys, FIX_APIC_BASE);
    expect(tasks.map(frameSeenBy)).toEqual([-1, -1]);
  });

  it("is refused for page tables that it is not made for, and for an image without room", () => {
    boot();
    expect(() => boot({ seats: { pageTable: "sv48" } })).toThrow(
      'EINVAL: kpti needs a page table whose root x86-64 can switch, and seats.pageTable is "sv48"; radix4 and radix5 ' +
        "would work",
    );
    expect(() => boot({ kernelImage: "32KiB" })).toThrow(
      "EINVAL: kernelImage 32KiB has no room for the IDT that kpti shows user mode; 64KiB has",
    );
  });
});
