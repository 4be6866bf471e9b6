/**
 * Machines with Sv39: programs have 256 GiB, placed as Linux places them on RISC-V.
 * Expectations: Linux 6.18 arch/riscv/include/asm/pgtable.h, TASK_SIZE_64 (PGDIR_SIZE * PTRS_PER_PGD / 2 = 2^38);
 * arch/riscv/include/asm/processor.h, STACK_TOP, TASK_UNMAPPED_BASE; mm/util.c, mmap_base(); RISC-V Privileged Architecture
 * section 12.4 (Sv39: bits 63 to 39 equal bit 38).
 */
import {
  KernelError,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
  RUN_READ,
  SEGV_MAPERR,
  SIGSEGV,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput, Replay } from "@pageframe/kernel";
import { LackeyReader, zipfTrace } from "@pageframe/trace";
import { afterEach, describe, expect, it } from "vitest";
import { mapsOf } from "./helpers.ts";

const TASK_SIZE = 0x4000000000;
const STACK_PAGES = 33;
const READ_WRITE = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;

let kernel: Kernel;

function boot(config: KernelConfigInput = {}): Kernel {
  kernel = bootKernel({ memory: "4MiB", contents: "sparse", seats: { pageTable: "sv39" }, ...config });
  return kernel;
}

afterEach(() => kernel.audit());

/** Text of Lackey with one anonymous mapping at an address and a store into it. */
function lackeyTrace(address: string, stack = "1fff000ff0"): LackeyReader {
  const reader = new LackeyReader({ sourceName: "test" });
  const lines = [
    "==7== Lackey, an example Valgrind tool",
    "==7== Command: ./test",
    "I  00401000,3",
    ` S ${stack},8`,
    `SYSCALL[7,1](9) sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 ) --> [pre-success] Success(0x${address}) `,
    ` S ${address},8`,
  ];
  reader.push(new TextEncoder().encode(`${lines.join("\n")}\n`));
  return reader;
}

describe("a machine with Sv39", () => {
  it("puts the stack at the end of 256 GiB, and mappings 128 MiB below it", () => {
    boot();
    const task = kernel.spawn("program");
    expect(task.mm.space.setupStack()).toBe(0);
    const address = kernel.mmap(task, 0, 2 * PAGE_SIZE, READ_WRITE, ANON);
    // Room for the stack: at least 128 MiB (MIN_GAP).
    expect(address).toBe(TASK_SIZE - 0x8000000 - 2 * PAGE_SIZE);
    expect(mapsOf(kernel, task)).toEqual([
      "3ff7ffe000-3ff8000000 rw-p",
      `${(TASK_SIZE - STACK_PAGES * PAGE_SIZE).toString(16)}-4000000000 rw-p`,
    ]);
    expect(kernel.write(task, TASK_SIZE - 1, 7)).toBeNull();
    expect(kernel.read(task, TASK_SIZE - 1)).toBe(7);
    expect(kernel.write(task, address, 8)).toBeNull();
    kernel.exit(task);
  });

  it("refuses mappings past the end", () => {
    boot();
    const task = kernel.spawn("program");
    const call = (result: number): string => (result < 0 ? new KernelError(result, "").code : "ok");
    expect(call(kernel.mmap(task, TASK_SIZE - PAGE_SIZE, PAGE_SIZE, READ_WRITE, ANON | MAP_FIXED))).toBe(
      "ok",
    );
    expect(call(kernel.mmap(task, TASK_SIZE, PAGE_SIZE, READ_WRITE, ANON | MAP_FIXED))).toBe("ENOMEM");
    expect(call(kernel.mmap(task, 0, TASK_SIZE + PAGE_SIZE, READ_WRITE, ANON))).toBe("ENOMEM");
    expect(call(kernel.munmap(task, TASK_SIZE, PAGE_SIZE))).toBe("EINVAL");
    const flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    expect(call(kernel.mremap(task, TASK_SIZE - PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, flags, TASK_SIZE))).toBe(
      "EINVAL",
    );
    // Nor can what ends there grow in place.
    expect(call(kernel.mremap(task, TASK_SIZE - PAGE_SIZE, PAGE_SIZE, 2 * PAGE_SIZE, 0))).toBe("ENOMEM");
  });

  it("searches upwards from a third of 2^39 bytes when nothing is free below", () => {
    boot();
    const task = kernel.spawn("program");
    const { space } = task.mm;
    const low = 0x10000;
    const all = space.mmapBase * PAGE_SIZE - low;
    expect(kernel.mmap(task, low, all, PROT_READ, ANON | MAP_FIXED | 0x4000)).toBe(low);
    // TASK_UNMAPPED_BASE is taken too: the first page behind, which is the mmap base.
    expect(kernel.mmap(task, 0, PAGE_SIZE, READ_WRITE, ANON)).toBe(space.mmapBase * PAGE_SIZE);
    expect(space.mmapLegacyBase * PAGE_SIZE).toBe(0x2aaaaab000);
  });

  it("has nothing at addresses of more than 39 bits", () => {
    boot();
    const task = kernel.spawn("program");
    kernel.mmap(task, 0x10000, PAGE_SIZE, READ_WRITE, ANON | MAP_FIXED);
    kernel.write(task, 0x10000, 9);
    // The same low 39 bits.
    for (const address of [0x8000010000, 0x8000010000n, 1n << 63n]) {
      expect(kernel.read(task, address)).toMatchObject({ signal: SIGSEGV, code: SEGV_MAPERR });
    }
    expect(kernel.access(task, 0x8000010, RUN_READ)).toMatchObject({ signal: SIGSEGV, code: SEGV_MAPERR });
    expect(kernel.copyFromUser(task, new Uint8Array(4), 0x8000010000n)).toBe(4);
    const byte = new Uint8Array(1);
    expect(kernel.copyFromUser(task, byte, 0x10000n)).toBe(0);
    expect(byte[0]).toBe(9);
  });

  it("keeps the kernel in the upper half, out of programs' reach", () => {
    boot();
    const task = kernel.spawn("program");
    // Direct map at ffffffd600000000 (arch/riscv, PAGE_OFFSET_L3).
    expect(kernel.read(task, 0xffffffd600100000n)).toMatchObject({ signal: SIGSEGV, code: SEGV_MAPERR });
    const address = kernel.vmalloc(PAGE_SIZE);
    expect(address).toBeGreaterThan(0);
    kernel.vfree(address);
  });

  it("replays traces whose addresses it has, and says which one it has not", () => {
    boot({ memory: "512KiB", swap: [{ size: "4MiB" }] });
    const trace = zipfTrace({ nrPages: 200, nrAccesses: 2000, writeShare: 0.5, seed: 3 });
    expect(new Replay(kernel, trace, { verify: true }).runToEnd()).toMatchObject({
      accesses: 2000,
      killedBy: null,
    });
    boot();
    expect(new Replay(kernel, lackeyTrace("4835000").end()).runToEnd().failedSyscalls).toEqual([]);
    expect(() => new Replay(kernel, lackeyTrace("7f0000000000").end()).runToEnd()).toThrow(
      'EINVAL: the trace uses address 0x7f0000001000, and programs end at 0x4000000000 with page table "sv39"; ' +
        "radix4 would work",
    );
    expect(() => new Replay(kernel, lackeyTrace("4835000", "7ffc00000ff0").end()).runToEnd()).toThrow(
      /^EINVAL: the trace uses address 0x7ffc0000[0-9a-f]{4}, and programs end at 0x4000000000/,
    );
  });
});
