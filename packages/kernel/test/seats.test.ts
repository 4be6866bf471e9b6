/** Whoever sits in a seat: programs read what they wrote, and the machine stays whole. */
import { frameAllocators } from "@pageframe/buddy";
import { KernelError, PAGE_SIZE, PROT_READ } from "@pageframe/contracts";
import { bootKernel, type Kernel, type KernelConfigInput } from "@pageframe/kernel";
import { numaPolicies } from "@pageframe/numa";
import { oomPolicies } from "@pageframe/oom";
import { pageTables } from "@pageframe/pagetable";
import { reclaimPolicies } from "@pageframe/reclaim";
import { objectAllocators } from "@pageframe/slab";
import { swapSlots } from "@pageframe/swap";
import { asidAllocators, tlbs } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";
import { ARENA_VPN, at, fill, mapPages, READ_WRITE, SHARED_ANON, spawnWith, wrongPages } from "./helpers.ts";

const SEATS: Readonly<Record<string, readonly { readonly name: string }[]>> = {
  frameAllocator: frameAllocators,
  objectAllocator: objectAllocators,
  pageTable: pageTables,
  tlb: tlbs,
  reclaim: reclaimPolicies,
  swapSlots,
  numa: numaPolicies,
  oom: oomPolicies,
  asids: asidAllocators,
};

/** Page tables that a machine can have. */
const WALKABLE = ["radix4", "radix5", "sv39", "sv48", "hashed", "inverted"];
const OCCUPANTS = Object.entries(SEATS)
  .flatMap(([seat, table]) => table.map(({ name }) => ({ seat, name })))
  .filter(({ seat, name }) => seat !== "pageTable" || WALKABLE.includes(name));

/** First page of the tests' memory in the arena, which lies above the 256 GiB of Sv39. */
function baseOf(name: string): number {
  return name === "sv39" ? 0x200000 - ARENA_VPN : 0;
}

function boot(seats: Record<string, string>, config: KernelConfigInput = {}): Kernel {
  return bootKernel({
    memory: "1MiB",
    cpus: 2,
    swap: [{ size: "4MiB" }],
    contents: "sparse",
    seats,
    ...config,
  });
}

describe("every occupant of every seat", () => {
  it.each(OCCUPANTS)("gives programs back what they wrote: $seat $name", ({ seat, name }) => {
    const kernel = boot({ [seat]: name });
    const base = baseOf(name);
    const parent = spawnWith(kernel, "parent", 300, 0, base);
    fill(kernel, parent, base, 300, 3);
    mapPages(kernel, parent, base + 600, 10, READ_WRITE, SHARED_ANON);
    fill(kernel, parent, base + 600, 10);
    const child = kernel.fork(parent);
    child.cpu = 1;
    fill(kernel, child, base + 100, 100, 9);
    kernel.audit();
    kernel.mprotect(parent, at(base), 20 * PAGE_SIZE, PROT_READ);
    expect(kernel.write(parent, at(base + 5), 1)).toMatchObject({ signal: 11, code: 2 });
    kernel.munmap(parent, at(base + 250), 50 * PAGE_SIZE);
    expect(kernel.read(parent, at(base + 260))).toMatchObject({ signal: 11, code: 1 });
    expect(wrongPages(kernel, parent, base, 250, 3)).toEqual([]);
    expect(wrongPages(kernel, child, base, 100, 3)).toEqual([]);
    expect(wrongPages(kernel, child, base + 100, 100, 9)).toEqual([]);
    expect(wrongPages(kernel, child, base + 600, 10)).toEqual([]);
    kernel.audit();

    const snapshot = kernel.snapshot();
    const digest = kernel.digest();
    kernel.exit(parent);
    fill(kernel, child, base, 300, 20);
    expect(wrongPages(kernel, child, base, 300, 20)).toEqual([]);
    kernel.audit();
    kernel.restore(snapshot);
    expect(kernel.digest()).toBe(digest);
    kernel.exit(child);
    kernel.exit(parent);
    kernel.audit();
  });

  it.each(OCCUPANTS)("survives running out of memory: $seat $name", ({ seat, name }) => {
    const kernel = boot({ [seat]: name }, { swap: [{ size: "256KiB" }] });
    const base = baseOf(name);
    const small = spawnWith(kernel, "small", 10, 0, base);
    fill(kernel, small, base, 10);
    for (let nth = 0; nth < 3; nth++) {
      const hog = spawnWith(kernel, "hog", 300, 0, base);
      fill(kernel, hog, base, 300);
      if (!hog.hasExited) {
        try {
          fill(kernel, kernel.fork(hog), base, 300, 5);
        } catch (error) {
          if (!(error instanceof KernelError)) throw error;
        }
      }
      kernel.audit();
    }
    expect(kernel.sys.nrOomKills).toBeGreaterThan(0);
    if (!small.hasExited) expect(wrongPages(kernel, small, base, 10)).toEqual([]);
    kernel.audit();
  });
});

describe("a page table of 32-bit addresses", () => {
  it.each(["x86-32", "pae"])("is refused by name: %s", (pageTable) => {
    expect(() => boot({ pageTable })).toThrow(
      `EINVAL: page table "${pageTable}" cannot be this machine's: it translates 32-bit addresses, and the kernel has 64; ` +
        "radix4, radix5, sv39, sv48, hashed, inverted can",
    );
  });
});
