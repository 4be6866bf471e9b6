/**
 * Copies between the kernel and programs.
 * Expectations: Linux 6.18 include/linux/uaccess.h; lib/strncpy_from_user.c; arch/x86/mm/fault.c, do_user_addr_fault(),
 * kernelmode_fixup_or_oops(); Intel SDM vol. 3A section 5.6.1 (SMAP) and 5.7 (error code).
 */
import {
  EFAULT,
  PAGE_SIZE,
  PROT_NONE,
  PROT_READ,
  RUN_READ,
  RUN_WRITE,
  TP_PAGE_FAULT_KERNEL,
  TP_PAGE_FAULT_USER,
  vpnHi,
  vpnLo,
  X86_PF_PROT,
  X86_PF_WRITE,
} from "@pageframe/contracts";
import {
  accessOk,
  bootKernel,
  type Kernel,
  type KernelConfigInput,
  type Task,
  taskSizeMax,
} from "@pageframe/kernel";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { ARENA_VPN, at, countersOf, faultsOf, fill, mapPages, spawnWith } from "./helpers.ts";

const SEED = Number(process.env["PAGEFRAME_SEED"] ?? 42);

let kernel: Kernel;

function boot(config: KernelConfigInput = {}): Kernel {
  kernel = bootKernel({ memory: "4MiB", swap: [{ size: "8MiB" }], contents: "sparse", ...config });
  return kernel;
}

afterEach(() => kernel.audit());

/** Bytes 1, 2, 3, ... */
function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, nth) => 1 + (nth % 255));
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

describe("copying to and from a program", () => {
  it("moves bytes over page borders, faulting pages in as the program's own", () => {
    boot();
    const task = spawnWith(kernel, "test", 4);
    const sent = counting(2 * PAGE_SIZE);
    const counters = countersOf(kernel, ["pgfault", "pgmajfault"], () => {
      expect(faultsOf(task, () => expect(kernel.copyToUser(task, at(0) + 100, sent)).toBe(0))).toEqual([
        3, 0,
      ]);
    });
    expect(counters).toEqual({ pgfault: 3, pgmajfault: 0 });
    expect(kernel.read(task, at(0) + 99)).toBe(0);
    expect(kernel.read(task, at(0) + 100)).toBe(1);
    const received = new Uint8Array(sent.length);
    expect(faultsOf(task, () => kernel.copyFromUser(task, received, at(0) + 100))).toEqual([0, 0]);
    expect(received).toEqual(sent);
  });

  it("tells page_fault_kernel of faults that it takes, with an error code without USER", () => {
    const seen: [number, number, number][] = [];
    const sink = {
      emit: (tracepoint: number, _pid: number, vpn: number, errorCode: number): void => {
        if (tracepoint === TP_PAGE_FAULT_KERNEL || tracepoint === TP_PAGE_FAULT_USER)
          seen.push([tracepoint, vpn - ARENA_VPN, errorCode]);
      },
    };
    kernel = bootKernel({ memory: "4MiB" }, { trace: sink });
    const task = spawnWith(kernel, "test", 4);
    seen.length = 0;
    kernel.copyToUser(task, at(0), counting(8));
    kernel.copyFromUser(task, new Uint8Array(8), at(1));
    kernel.copyToUser(task, at(1), counting(8));
    kernel.write(task, at(2), 1);
    expect(seen).toEqual([
      [TP_PAGE_FAULT_KERNEL, 0, X86_PF_WRITE],
      [TP_PAGE_FAULT_KERNEL, 1, 0],
      // The page of zeros is there and not writable: CR0.WP binds the kernel too.
      [TP_PAGE_FAULT_KERNEL, 1, X86_PF_WRITE | X86_PF_PROT],
      [TP_PAGE_FAULT_USER, 2, 6],
    ]);
  });

  it("breaks copy-on-write, so that a child's memory stays as it is", () => {
    boot();
    const parent = spawnWith(kernel, "parent", 1);
    fill(kernel, parent, 0, 1, 9);
    const child = kernel.fork(parent);
    expect(kernel.copyToUser(parent, at(0), counting(4))).toBe(0);
    expect([kernel.read(parent, at(0)), kernel.read(child, at(0))]).toEqual([1, 10]);
  });

  it("copies exactly up to the border of the first page that is bad, and counts no fault for that one", () => {
    boot();
    const task = spawnWith(kernel, "test", 2);
    const sent = counting(100);
    const start = at(2) - 60;
    const counters = countersOf(kernel, ["pgfault"], () => {
      expect(kernel.copyToUser(task, start, sent)).toBe(40);
    });
    expect(counters).toEqual({ pgfault: 1 });
    expect(kernel.read(task, at(2) - 1)).toBe(60);
    // What could not be copied in is zeros, not what was in the buffer.
    const received = new Uint8Array(100).fill(0xee);
    expect(kernel.copyFromUser(task, received, start)).toBe(40);
    expect(received).toEqual(Uint8Array.from({ length: 100 }, (_, nth) => (nth < 60 ? sent[nth] : 0)));
    // The program lives, and got no signal.
    expect([task.killedBy, task.hasExited]).toEqual([null, false]);
  });

  it("obeys the mapping's rights", () => {
    boot();
    const task = kernel.spawn("test");
    mapPages(kernel, task, 0, 1, PROT_READ);
    mapPages(kernel, task, 1, 1, PROT_NONE);
    expect(kernel.copyToUser(task, at(0), counting(10))).toBe(10);
    expect(kernel.copyFromUser(task, new Uint8Array(10), at(0))).toBe(0);
    expect(kernel.copyFromUser(task, new Uint8Array(10), at(1))).toBe(10);
    expect(kernel.copyFromUser(task, new Uint8Array(20), at(1) - 5)).toBe(15);
  });

  it("grows the stack, as the program itself would", () => {
    boot();
    const task = kernel.spawn("test");
    task.mm.space.setupStack();
    const below = task.mm.space.pool.startVpn[task.mm.space.firstVma] * PAGE_SIZE - 8;
    expect(kernel.copyToUser(task, below, counting(8))).toBe(0);
    expect(kernel.read(task, below)).toBe(1);
  });

  it("brings pages back from swap as major faults", () => {
    boot({ memory: "1MiB" });
    const task = spawnWith(kernel, "test", 400);
    expect(fill(kernel, task, 0, 400)).toBe(true);
    const received = new Uint8Array(PAGE_SIZE + 1);
    expect(faultsOf(task, () => expect(kernel.copyFromUser(task, received, at(0))).toBe(0))).toEqual([0, 2]);
    expect([received[0], received[PAGE_SIZE]]).toEqual([1, 2]);
  });

  it("works without bytes, with the same faults", () => {
    boot({ contents: "none" });
    const task = spawnWith(kernel, "test", 2);
    expect(faultsOf(task, () => kernel.copyToUser(task, at(0), counting(5000)))).toEqual([2, 0]);
    const received = new Uint8Array(8).fill(1);
    expect(kernel.copyFromUser(task, received, at(0))).toBe(0);
    expect(received).toEqual(new Uint8Array(8));
  });
});

describe("access_ok", () => {
  it("ends a page below 2^47, or 2^56 with five levels", () => {
    boot();
    const end = 0x7ffffffff000n;
    expect(taskSizeMax(kernel.sys)).toBe(end);
    expect(accessOk(kernel.sys, end - 8n, 8)).toBe(true);
    expect(accessOk(kernel.sys, end - 8n, 9)).toBe(false);
    expect(accessOk(kernel.sys, 0xffff888000000000n, 1)).toBe(false);
    expect(accessOk(kernel.sys, 0xffffffffffffffffn, 1)).toBe(false);
    boot({ seats: { pageTable: "radix5" } });
    expect(taskSizeMax(kernel.sys)).toBe(0xfffffffffff000n);
  });

  it("keeps the kernel's own memory from being written or read in a program's name", () => {
    boot();
    const task = spawnWith(kernel, "test", 1);
    // The first page of RAM above the first MiB, in the direct map: present, writable for the supervisor.
    for (const address of [0xffff888000100000n, 0x800000000000n, 0xffffffffff600000n, (1n << 64n) - 4n]) {
      expect(kernel.copyToUser(task, address, counting(4))).toBe(4);
      expect(kernel.clearUser(task, address, 4)).toBe(4);
      const received = new Uint8Array(4).fill(7);
      expect(kernel.copyFromUser(task, received, address)).toBe(4);
      expect(received).toEqual(new Uint8Array(4));
      expect(kernel.strncpyFromUser(task, received, address)).toBe(-EFAULT);
    }
  });

  it("refuses a range that begins in user space and ends outside, before a byte is written", () => {
    boot();
    const task = kernel.spawn("test");
    task.mm.space.setupStack();
    const start = 0x7ffffffff000n - 8n;
    expect(kernel.copyToUser(task, start, counting(9))).toBe(9);
    expect(kernel.read(task, Number(start))).toBe(0);
    expect(kernel.copyToUser(task, start, counting(8))).toBe(0);
    // Reading has no such check since 6.13: it runs into the guard page.
    const received = new Uint8Array(9);
    expect(kernel.copyFromUser(task, received, start)).toBe(1);
    expect(received).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0));
  });
});

describe("SMAP", () => {
  const translate = (task: Task, kind: number): number => {
    const { mmu } = kernel.sys.cpus[0];
    const vpn = ARENA_VPN;
    kernel.access(task, vpn, RUN_WRITE);
    return mmu.translate(vpnLo(vpn), vpnHi(vpn), kind, false);
  };

  it("keeps the kernel off user pages but between STAC and CLAC", () => {
    boot();
    const task = spawnWith(kernel, "test", 1);
    const { mmu } = kernel.sys.cpus[0];
    // A protection fault of the supervisor: P set, W by kind, U clear.
    expect(translate(task, RUN_READ)).toBe(-(1 + X86_PF_PROT));
    expect(translate(task, RUN_WRITE)).toBe(-(1 + (X86_PF_PROT | X86_PF_WRITE)));
    mmu.setAc(true);
    expect(translate(task, RUN_READ)).toBeGreaterThan(0);
    mmu.setAc(false);
    expect(translate(task, RUN_READ)).toBe(-(1 + X86_PF_PROT));
  });

  it("is back after every copy, also one that failed", () => {
    boot();
    const task = spawnWith(kernel, "test", 1);
    kernel.copyToUser(task, at(0), counting(4));
    expect(translate(task, RUN_READ)).toBe(-(1 + X86_PF_PROT));
    expect(kernel.copyToUser(task, at(1), counting(4))).toBe(4);
    expect(translate(task, RUN_READ)).toBe(-(1 + X86_PF_PROT));
  });
});

describe("clear_user", () => {
  it("zeroes what is there and returns the rest", () => {
    boot();
    const task = spawnWith(kernel, "test", 2);
    kernel.copyToUser(task, at(1), counting(PAGE_SIZE));
    expect(kernel.clearUser(task, at(1) + 10, 20)).toBe(0);
    const received = new Uint8Array(40);
    kernel.copyFromUser(task, received, at(1));
    expect([received[9], received[10], received[29], received[30]]).toEqual([10, 0, 0, 31]);
    expect(kernel.clearUser(task, at(2) - 6, 16)).toBe(10);
    expect([
      kernel.read(task, at(2) - 7),
      kernel.read(task, at(2) - 6),
      kernel.read(task, at(2) - 1),
    ]).toEqual([
      // Byte 4089 of 1, 2, 3, ... modulo 255.
      1 + (4089 % 255),
      0,
      0,
    ]);
  });
});

describe("strncpy_from_user", () => {
  it("returns the length of the string, without what lies behind it", () => {
    boot();
    const task = spawnWith(kernel, "test", 2);
    kernel.copyToUser(task, at(0), text("/etc/passwd\0behind"));
    const name = new Uint8Array(32).fill(0xee);
    expect(kernel.strncpyFromUser(task, name, at(0))).toBe(11);
    expect(new TextDecoder().decode(name.subarray(0, 12))).toBe("/etc/passwd\0");
    expect(name[12]).toBe(0xee);
    expect(kernel.strncpyFromUser(task, new Uint8Array(11), at(0))).toBe(11);
    expect(kernel.strncpyFromUser(task, new Uint8Array(4), at(0))).toBe(4);
    expect(kernel.strncpyFromUser(task, new Uint8Array(0), at(0))).toBe(0);
  });

  it("needs nothing behind the zero, and fails when memory ends before it", () => {
    boot();
    const task = spawnWith(kernel, "test", 2);
    kernel.copyToUser(task, at(2) - 4, text("abc\0"));
    expect(kernel.strncpyFromUser(task, new Uint8Array(100), at(2) - 4)).toBe(3);
    kernel.copyToUser(task, at(2) - 4, text("abcd"));
    expect(kernel.strncpyFromUser(task, new Uint8Array(100), at(2) - 4)).toBe(-EFAULT);
    expect(kernel.strncpyFromUser(task, new Uint8Array(4), at(2) - 4)).toBe(4);
  });

  it("reads over a page border, and touches no page behind the string", () => {
    boot();
    const task = spawnWith(kernel, "test", 3);
    kernel.copyToUser(task, at(1) - 2, text("abcd\0"));
    expect(
      faultsOf(task, () => kernel.strncpyFromUser(task, new Uint8Array(2 * PAGE_SIZE), at(1) - 2)),
    ).toEqual([0, 0]);
    expect(kernel.strncpyFromUser(task, new Uint8Array(2 * PAGE_SIZE), at(1) - 2)).toBe(4);
  });
});

describe("random copies", () => {
  /** What each page of the arena allows: nothing mapped, read, read and write, none. */
  const RIGHTS = ["hole", "read", "write", "write", "write", "none"] as const;
  const NR_PAGES = 12;

  it("stop where a model of the mappings says, with the bytes that it says", () => {
    const copy = fc.record({
      op: fc.constantFrom("to", "from", "clear"),
      start: fc.nat(NR_PAGES * PAGE_SIZE),
      length: fc.oneof(fc.nat(64), fc.nat(3 * PAGE_SIZE)),
      salt: fc.nat(255),
    });
    const program = fc.record({
      rights: fc.array(fc.constantFrom(...RIGHTS), { minLength: NR_PAGES, maxLength: NR_PAGES }),
      copies: fc.array(copy, { minLength: 1, maxLength: 12 }),
    });
    boot({ memory: "1MiB" });
    fc.assert(
      fc.property(program, ({ rights, copies }) => {
        const task = kernel.spawn("model");
        rights.forEach((right, page) => {
          if (right === "read") mapPages(kernel, task, page, 1, PROT_READ);
          else if (right === "write") mapPages(kernel, task, page, 1);
          else if (right === "none") mapPages(kernel, task, page, 1, PROT_NONE);
        });
        const bytes = new Uint8Array(NR_PAGES * PAGE_SIZE);
        for (const { op, start, length, salt } of copies) {
          const allowed = op === "from" ? ["read", "write"] : ["write"];
          let nrGood = 0;
          while (
            nrGood < length &&
            allowed.includes(rights[Math.floor((start + nrGood) / PAGE_SIZE)] ?? "hole")
          ) {
            nrGood++;
          }
          const data = counting(length).map((byte) => (byte + salt) & 0xff);
          if (op === "to") {
            expect(kernel.copyToUser(task, at(0) + start, data)).toBe(length - nrGood);
            bytes.set(data.subarray(0, nrGood), start);
          } else if (op === "clear") {
            expect(kernel.clearUser(task, at(0) + start, length)).toBe(length - nrGood);
            bytes.fill(0, start, start + nrGood);
          } else {
            expect(kernel.copyFromUser(task, data, at(0) + start)).toBe(length - nrGood);
            expect(data.subarray(0, nrGood)).toEqual(bytes.slice(start, start + nrGood));
            expect(data.subarray(nrGood).every((byte) => byte === 0)).toBe(true);
          }
        }
        kernel.exit(task);
        kernel.audit();
      }),
      { seed: SEED, numRuns: 60 },
    );
  });
});
