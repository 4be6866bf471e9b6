/**
 * vdso and vvar. Expectations: /proc/self/maps of a static program on Linux 6.18.44 without address-space randomisation;
 * arch/x86/entry/vdso/vma.c; lib/vdso/datastore.c.
 */
import {
  BUS_ADRERR,
  EACCES,
  EFAULT,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
  SEGV_ACCERR,
  SIGBUS,
  SIGSEGV,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput } from "@pageframe/kernel";
import { afterEach, describe, expect, it } from "vitest";
import { countersOf, faultsOf, fill, spawnWith } from "./helpers.ts";

/** As the recorded program had them. */
const VVAR = 0x7ffff7ff7000;
const VCLOCK = 0x7ffff7ffb000;
const VDSO = 0x7ffff7ffd000;

let kernel: Kernel;

function boot(config: KernelConfigInput = {}): Kernel {
  kernel = bootKernel({ memory: "4MiB", contents: "sparse", ...config });
  return kernel;
}

afterEach(() => kernel.audit());

describe("vdso and vvar", () => {
  it("lie where a static program has them, under their names", () => {
    boot();
    const task = kernel.spawn("static");
    task.mm.space.setupStack();
    expect(kernel.mapVdso(task)).toBe(VDSO);
    expect(kernel.proc.mapsText(task).trimEnd().split("\n")).toEqual([
      "7ffff7ff7000-7ffff7ffb000 r--p 00000000 00:00 0                          [vvar]",
      "7ffff7ffb000-7ffff7ffd000 r--p 00000000 00:00 0                          [vvar_vclock]",
      "7ffff7ffd000-7ffff7fff000 r-xp 00000000 00:00 0                          [vdso]",
      "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]",
      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
    ]);
  });

  it("take no memory: all programs see the same frames of the kernel image", () => {
    boot();
    const [one, two] = [kernel.spawn("one"), kernel.spawn("two")];
    for (const task of [one, two]) {
      kernel.mapVdso(task);
      // Two pages of the vdso count as file pages, those of vvar as nothing.
      expect(
        faultsOf(task, () =>
          [VDSO, VDSO + PAGE_SIZE].forEach((at) => expect(kernel.exec(task, at)).toBeNull()),
        ),
      ).toEqual([2, 0]);
      expect(
        faultsOf(task, () =>
          [VVAR, VVAR + 2 * PAGE_SIZE].forEach((at) => expect(kernel.read(task, at)).toBe(0)),
        ),
      ).toEqual([2, 0]);
      expect([task.mm.rssAnon, task.mm.rssFile]).toEqual([0, 2]);
      expect([0, 1, 2, 3].map((byte) => kernel.read(task, VDSO + byte))).toEqual([0x7f, 0x45, 0x4c, 0x46]);
    }
    const frames = [one, two].map((task) => kernel.explain(task, VDSO / PAGE_SIZE, 0).walk.pfn);
    expect(frames[0]).toBe(frames[1]);
    // Inside the image: 2 MiB from 1 MiB on.
    expect(frames[0]).toBeGreaterThan(256);
    expect(frames[0]).toBeLessThan(768);
    kernel.exit(one);
    expect(kernel.exec(two, VDSO)).toBeNull();
  });

  it("give SIGBUS where the kernel has no page: the time of a namespace, clocks of hypervisors", () => {
    boot();
    const task = kernel.spawn("test");
    kernel.mapVdso(task);
    for (const address of [VVAR + PAGE_SIZE, VVAR + 3 * PAGE_SIZE, VCLOCK, VCLOCK + PAGE_SIZE]) {
      expect(kernel.read(task, address)).toEqual({
        signal: SIGBUS,
        code: BUS_ADRERR,
        vpn: address / PAGE_SIZE,
      });
    }
  });

  it("cannot be written; vvar never, the vdso as a private copy once mprotect allows it", () => {
    boot();
    const task = kernel.spawn("debugged");
    kernel.mapVdso(task);
    for (const address of [VVAR, VDSO]) {
      expect(kernel.write(task, address, 1)).toMatchObject({ signal: SIGSEGV, code: SEGV_ACCERR });
    }
    expect(kernel.mprotect(task, VVAR, PAGE_SIZE, PROT_READ | PROT_WRITE)).toBe(-EACCES);
    expect(kernel.mprotect(task, VDSO, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE)).toBe(0);
    expect(kernel.write(task, VDSO + 1, 0xcc)).toBeNull();
    const other = kernel.spawn("other");
    kernel.mapVdso(other);
    expect([kernel.read(task, VDSO), kernel.read(task, VDSO + 1)]).toEqual([0x7f, 0xcc]);
    expect(kernel.read(other, VDSO + 1)).toBe(0x45);
    expect([task.mm.rssAnon, task.mm.rssFile]).toEqual([1, 0]);
  });

  it("are there for copies of system calls, but vvar not for pins", () => {
    boot();
    const task = kernel.spawn("test");
    kernel.mapVdso(task);
    const magic = new Uint8Array(4);
    expect(kernel.copyFromUser(task, magic, VDSO)).toBe(0);
    expect([...magic]).toEqual([0x7f, 0x45, 0x4c, 0x46]);
    // VM_IO and VM_PFNMAP have no pages that could be held (check_vma_flags).
    expect(kernel.pinUserPages(task, VVAR, 1)).toBe(-EFAULT);
  });

  it("come over fork and go with munmap", () => {
    boot();
    const parent = kernel.spawn("parent");
    kernel.mapVdso(parent);
    for (const address of [VVAR, VDSO]) kernel.read(parent, address);
    const child = kernel.fork(parent);
    expect(kernel.proc.mapsText(child)).toBe(kernel.proc.mapsText(parent));
    expect(kernel.read(child, VDSO)).toBe(0x7f);
    expect(kernel.munmap(parent, VVAR, 8 * PAGE_SIZE)).toBe(0);
    expect(kernel.read(parent, VDSO)).toMatchObject({ signal: SIGSEGV });
    expect(kernel.read(child, VVAR)).toBe(0);
  });

  it("stay in memory under pressure", () => {
    boot({ memory: "1MiB", swap: [{ size: "8MiB" }] });
    const task = spawnWith(kernel, "test", 600);
    kernel.mapVdso(task);
    kernel.exec(task, VDSO);
    const counters = countersOf(kernel, ["pswpout"], () => expect(fill(kernel, task, 0, 600)).toBe(true));
    expect(counters.pswpout).toBeGreaterThan(100);
    expect(faultsOf(task, () => kernel.exec(task, VDSO))).toEqual([0, 0]);
  });

  it("need room in the kernel image", () => {
    boot({ kernelImage: "16KiB" });
    expect(() => kernel.mapVdso(kernel.spawn("test"))).toThrow(
      "EINVAL: kernelImage 16KiB has no room for a vdso",
    );
  });
});
