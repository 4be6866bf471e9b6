/**
 * The kernel's half of the address space: what lies where, and that programs cannot reach it.
 * Expectations: Linux 6.18 Documentation/arch/x86/x86_64/mm.rst; arch/x86/include/asm/fixmap.h; arch/x86/mm/fault.c,
 * do_kern_addr_fault(), bad_area_nosemaphore(); arch/x86/entry/vsyscall/vsyscall_64.c; Intel SDM vol. 3A section 5.7 (error
 * code: P 1, W 2, U 4, I 16). What /proc/self/maps and a SIGSEGV handler were told on Linux 6.18.44: si_code 1 and the address for
 * the kernel's half, si_code 128 and no address in the hole and for a misplaced vsyscall.
 */
import {
  PAGE_SIZE,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  SEGV_MAPERR,
  SI_KERNEL,
  SIGSEGV,
  vpnHi,
  vpnLo,
  X86_TRAP_GP,
} from "@pageframe/contracts";
import {
  addressAreaOf,
  bootKernel,
  canonicalVpn,
  clearFixmap,
  FIX_APIC_BASE,
  FIXMAP_PAGE_IO,
  fixToVpn,
  type Kernel,
  type KernelConfigInput,
  pageOfVpn,
  setFixmap,
  type Task,
  VSYSCALL_ADDR,
  VSYSCALL_PAGE,
} from "@pageframe/kernel";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { countersOf, faultsOf, meminfoKib } from "./helpers.ts";

const SEED = Number(process.env["PAGEFRAME_SEED"] ?? 42);
const KINDS = [RUN_READ, RUN_WRITE, RUN_EXEC];
/** Error codes of user reads, writes and fetches where nothing is mapped, and where the supervisor's page is. */
const NOT_PRESENT = [0x4, 0x6, 0x14];
const PRESENT = [0x5, 0x7, 0x15];

let kernel: Kernel;

function boot(config: KernelConfigInput = {}): Kernel {
  kernel = bootKernel({ memory: "4MiB", contents: "sparse", ...config });
  return kernel;
}

afterEach(() => kernel.audit());

const nrLevels = (): number => kernel.sys.kernelHalf.layout.nrLevels;
const vpnAt = (address: bigint): number => canonicalVpn(address, nrLevels());

/** A Vaddr of the kernel's half with all 64 bits. */
function fullAddress(address: number): bigint {
  return BigInt(pageOfVpn(address / PAGE_SIZE, nrLevels())) * BigInt(PAGE_SIZE);
}

/** Error codes of the faults that a user's read, write and fetch raise; -1 where none is. */
function userFaults(task: Task, address: bigint): number[] {
  kernel.access(task, 0, RUN_READ);
  const { mmu } = kernel.sys.cpus[0];
  return KINDS.map((kind) => {
    const pfn = mmu.translate(vpnLo(vpnAt(address)), vpnHi(vpnAt(address)), kind, true);
    return pfn >= 0 ? -1 : -1 - pfn;
  });
}

/** What the kernel answers to a read, a write and a fetch. */
function answers(task: Task, address: bigint): unknown[] {
  return [kernel.read(task, address), kernel.write(task, address, 1), kernel.exec(task, address)];
}

/** Frame that the kernel itself sees at an address, or -(1 + error code). */
function kernelFrame(address: bigint, kind: number = RUN_READ): number {
  return kernel.sys.cpus[0].mmu.translate(vpnLo(vpnAt(address)), vpnHi(vpnAt(address)), kind, false);
}

const TABLES = [["radix4"], ["radix5"]];
const DIRECT_MAP: Record<string, bigint> = { radix4: 0xffff888000000000n, radix5: 0xff11000000000000n };
const VMALLOC: Record<string, bigint> = { radix4: 0xffffc90000000000n, radix5: 0xffa0000000000000n };

describe.each(TABLES)("the kernel half with %s", (pageTable) => {
  it("shows all frames from PAGE_OFFSET on, in pages of 2 MiB where RAM fills them and 4 KiB elsewhere", () => {
    boot({ seats: { pageTable }, memory: "16MiB" });
    const task = kernel.spawn("test");
    kernel.access(task, 0, RUN_READ);
    for (const pfn of [1, 158, 256, 511, 512, 1024, 2000]) {
      expect(kernelFrame(DIRECT_MAP[pageTable] + BigInt(pfn * PAGE_SIZE))).toBe(pfn);
    }
    // The hole below 1 MiB, and page 0, are no RAM: not mapped.
    expect(kernelFrame(DIRECT_MAP[pageTable])).toBe(-1);
    expect(kernelFrame(DIRECT_MAP[pageTable] + 200n * 4096n)).toBe(-1);
    const sizeAt = (pfn: number): number =>
      kernel.sys.cpus[0].mmu.translateAddress(
        DIRECT_MAP[pageTable] + BigInt(pfn * PAGE_SIZE),
        RUN_READ,
        false,
      ).pageBytes;
    expect([1, 256, 512, 1024].map(sizeAt)).toEqual([4096, 4096, 2 * 2 ** 20, 2 * 2 ** 20]);
    expect(meminfoKib(kernel, "DirectMap2M")).toBeGreaterThan(8192);
  });

  it("shows the image at ffffffff80000000 in pages of 2 MiB that the kernel may run", () => {
    boot({ seats: { pageTable } });
    // The image begins at 1 MiB and has 2 MiB: two leaves, from frame 0 on.
    expect(kernelFrame(0xffffffff80100000n, RUN_EXEC)).toBe(256);
    expect(kernelFrame(0xffffffff803ff000n, RUN_EXEC)).toBe(1023);
    expect(kernelFrame(0xffffffff80400000n, RUN_EXEC)).toBe(-(1 + 0x10));
    // The direct map shows the same frame, and does not let it run.
    expect(kernelFrame(DIRECT_MAP[pageTable] + 0x100000n, RUN_EXEC)).toBe(-(1 + 0x11));
  });

  it("is out of reach of programs: exact error codes, and SIGSEGV at the address", () => {
    boot({ seats: { pageTable } });
    const task = kernel.spawn("test");
    const page = fullAddress(kernel.vmalloc(PAGE_SIZE));
    expect(page).toBe(VMALLOC[pageTable]);
    setFixmap(kernel.sys, FIX_APIC_BASE, 0xfee00, FIXMAP_PAGE_IO);
    const mapped = [DIRECT_MAP[pageTable] + 0x100000n, page, 0xffffffff80100000n, 0xffffffffff5fd000n];
    const unmapped = [
      DIRECT_MAP[pageTable],
      page + 4096n,
      0xffff800000000000n,
      0xffffffffa0000000n,
      0xffffffffff5fc000n,
      0xfffffffffffff000n,
    ];
    for (const address of mapped) expect([address, userFaults(task, address)]).toEqual([address, PRESENT]);
    for (const address of unmapped)
      expect([address, userFaults(task, address)]).toEqual([address, NOT_PRESENT]);
    for (const address of [...mapped, ...unmapped]) {
      const segv = { signal: SIGSEGV, code: SEGV_MAPERR, vpn: vpnAt(address) };
      const counters = countersOf(kernel, ["pgfault"], () =>
        expect(faultsOf(task, () => expect(answers(task, address)).toEqual([segv, segv, segv]))).toEqual([
          0, 0,
        ]),
      );
      expect(counters).toEqual({ pgfault: 0 });
    }
    // What the kernel has there is as it was.
    expect(kernelFrame(mapped[0])).toBe(256);
  });

  it("cannot be mapped into by a program", () => {
    boot({ seats: { pageTable } });
    const task = kernel.spawn("test");
    for (const address of [2 ** 47, vpnAt(DIRECT_MAP[pageTable]) * PAGE_SIZE]) {
      expect(kernel.mmap(task, address, PAGE_SIZE, 3, 0x32)).toBeLessThan(0);
      expect(kernel.munmap(task, address, PAGE_SIZE)).toBeLessThan(0);
    }
  });

  it("shows what one address space sees to all, also to those that came before", () => {
    boot({ seats: { pageTable } });
    const before = kernel.spawn("before");
    const page = fullAddress(kernel.vmalloc(3 * PAGE_SIZE));
    const after = kernel.spawn("after");
    setFixmap(kernel.sys, FIX_APIC_BASE, 0xfee00, FIXMAP_PAGE_IO);
    const frames = [before, after].map((task) => {
      kernel.access(task, 0, RUN_READ);
      return [0n, 1n, 2n]
        .map((nth) => kernelFrame(page + nth * 4096n))
        .concat(kernelFrame(0xffffffffff5fd000n));
    });
    expect(frames[0]).toEqual(frames[1]);
    expect(frames[0][3]).toBe(0xfee00);
  });
});

describe("random accesses to the kernel half", () => {
  it("never get a program anywhere, whatever the kernel maps there", () => {
    boot({ cpus: 2 });
    const tasks = [kernel.spawn("one", 0), kernel.spawn("two", 1)];
    const page = fullAddress(kernel.vmalloc(64 * PAGE_SIZE));
    const address = fc.oneof(
      fc.bigInt({ min: 0xffff800000000000n, max: (1n << 64n) - 1n }),
      fc.bigInt({ min: 0xffff888000000000n, max: 0xffff888000ffffffn }),
      fc.bigInt({ min: page, max: page + 64n * 4096n }),
      fc.bigInt({ min: 0xffffffffff400000n, max: 0xffffffffff5fffffn }),
    );
    const access = fc.record({
      address,
      kind: fc.constantFrom(...KINDS),
      who: fc.nat(1),
      isKernel: fc.boolean(),
    });
    fc.assert(
      fc.property(access, ({ address, kind, who, isKernel }) => {
        kernel.access(tasks[who], 0, RUN_READ);
        const { mmu } = kernel.sys.cpus[who];
        // The kernel's own use fills the TLB with what programs must not use.
        if (isKernel) mmu.translate(vpnLo(vpnAt(address)), vpnHi(vpnAt(address)), RUN_READ, false);
        const result = mmu.translate(vpnLo(vpnAt(address)), vpnHi(vpnAt(address)), kind, true);
        expect(result).toBeLessThan(0);
        expect((-1 - result) & 0x4).toBe(0x4);
        expect(kernel.access(tasks[who], vpnAt(address), kind)).toMatchObject({ signal: SIGSEGV });
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });
});

describe("an address that is not canonical", () => {
  it("raises #GP, and the program gets SIGSEGV with SI_KERNEL and no address", () => {
    boot();
    const task = kernel.spawn("test");
    const segv = { signal: SIGSEGV, code: SI_KERNEL, vpn: 0 };
    for (const address of [0x800000000000n, 0xdeadbeefdeadbeefn, 0xffff7fffffffffffn]) {
      expect(answers(task, address)).toEqual([segv, segv, segv]);
      expect(kernel.sys.cpus[0].mmu.translateAddress(address).fault?.vector).toBe(X86_TRAP_GP);
    }
    // The last page below the hole is canonical, and the guard page of user space: nothing is ever mapped there.
    const guard = 0x7fffffffffffn;
    expect(kernel.read(task, guard)).toEqual({ signal: SIGSEGV, code: SEGV_MAPERR, vpn: 0x7ffffffff });
    expect(SI_KERNEL).toBe(128);
  });
});

describe("the fixmap", () => {
  it("counts pages downwards from ffffffffff7ff000", () => {
    boot();
    expect(fixToVpn(kernel.sys, 0)).toBe(vpnAt(0xffffffffff7ff000n));
    // BUILD_BUG_ON(__fix_to_virt(VSYSCALL_PAGE) != VSYSCALL_ADDR).
    expect(fixToVpn(kernel.sys, VSYSCALL_PAGE)).toBe(vpnAt(VSYSCALL_ADDR));
    expect(fixToVpn(kernel.sys, FIX_APIC_BASE)).toBe(vpnAt(0xffffffffff5fd000n));
    expect(fixToVpn(kernel.sys, 1023)).toBe(vpnAt(0xffffffffff400000n));
    expect(() => fixToVpn(kernel.sys, 1024)).toThrow(
      "EINVAL: fixmap index 1024 is not an integer from 0 to 1023",
    );
    expect(addressAreaOf(fixToVpn(kernel.sys, FIX_APIC_BASE), 4)?.name).toBe("fixmap");
  });

  it("shows a frame, then another, then none, without taking memory", () => {
    boot();
    const before = kernel.proc.vmstat()["nr_free_pages"];
    const address = 0xffffffffff5fd000n;
    expect(kernelFrame(address)).toBe(-1);
    setFixmap(kernel.sys, FIX_APIC_BASE, 700);
    expect(kernelFrame(address, RUN_WRITE)).toBe(700);
    setFixmap(kernel.sys, FIX_APIC_BASE, 701);
    expect(kernelFrame(address)).toBe(701);
    clearFixmap(kernel.sys, FIX_APIC_BASE);
    expect(kernelFrame(address)).toBe(-1);
    // Its tables lie in the kernel image.
    expect(kernel.proc.vmstat()["nr_free_pages"]).toBe(before);
  });
});

describe("the vsyscall page", () => {
  it("is shown in maps as executable only, behind everything else", () => {
    boot();
    expect(kernel.proc.mapsText(kernel.spawn("test"))).toBe(
      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n",
    );
  });

  it("is not mapped: fetches of its three calls are emulated, and the program goes on", () => {
    boot();
    const task = kernel.spawn("test");
    expect(VSYSCALL_ADDR).toBe(0xffffffffff600000n);
    expect(userFaults(task, VSYSCALL_ADDR)).toEqual(NOT_PRESENT);
    const counters = countersOf(kernel, ["pgfault"], () => {
      for (const call of [0x000n, 0x400n, 0x800n]) expect(kernel.exec(task, VSYSCALL_ADDR + call)).toBeNull();
    });
    // Emulation comes before any mapping is looked for, and counts no fault.
    expect(counters).toEqual({ pgfault: 0 });
  });

  it("gives SIGSEGV with SI_KERNEL for a fetch from between them, or from a fourth", () => {
    boot();
    const task = kernel.spawn("test");
    for (const offset of [1n, 0x3ffn, 0x401n, 0xc00n, 0xfffn]) {
      expect(kernel.exec(task, VSYSCALL_ADDR + offset)).toEqual({ signal: SIGSEGV, code: SI_KERNEL, vpn: 0 });
    }
  });

  it("cannot be read or written", () => {
    boot();
    const task = kernel.spawn("test");
    const segv = { signal: SIGSEGV, code: SEGV_MAPERR, vpn: vpnAt(VSYSCALL_ADDR) };
    expect([kernel.read(task, VSYSCALL_ADDR), kernel.write(task, VSYSCALL_ADDR, 1)]).toEqual([segv, segv]);
  });

  it("is a page like any other of the kernel's when it is off", () => {
    boot({ vsyscall: "none" });
    const task = kernel.spawn("test");
    const segv = { signal: SIGSEGV, code: SEGV_MAPERR, vpn: vpnAt(VSYSCALL_ADDR) };
    expect(answers(task, VSYSCALL_ADDR)).toEqual([segv, segv, segv]);
    expect(kernel.proc.mapsText(task)).toBe("");
  });
});
