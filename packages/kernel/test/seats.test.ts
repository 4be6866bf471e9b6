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
import { at, fill, mapPages, READ_WRITE, SHARED_ANON, spawnWith, wrongPages } from "./helpers.ts";

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

/** Page tables that translate all the addresses that programs have. */
const WALKABLE = ["radix4", "radix5", "sv48", "hashed", "inverted"];
const OCCUPANTS = Object.entries(SEATS)
  .flatMap(([seat, table]) => table.map(({ name }) => ({ seat, name })))
  .filter(({ seat, name }) => seat !== "pageTable" || WALKABLE.includes(name));

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
    const parent = spawnWith(kernel, "parent", 300);
    fill(kernel, parent, 0, 300, 3);
    mapPages(kernel, parent, 600, 10, READ_WRITE, SHARED_ANON);
    fill(kernel, parent, 600, 10);
    const child = kernel.fork(parent);
    child.cpu = 1;
    fill(kernel, child, 100, 100, 9);
    kernel.audit();
    kernel.mprotect(parent, at(0), 20 * PAGE_SIZE, PROT_READ);
    expect(kernel.write(parent, at(5), 1)).toMatchObject({ signal: 11, code: 2 });
    kernel.munmap(parent, at(250), 50 * PAGE_SIZE);
    expect(kernel.read(parent, at(260))).toMatchObject({ signal: 11, code: 1 });
    expect(wrongPages(kernel, parent, 0, 250, 3)).toEqual([]);
    expect(wrongPages(kernel, child, 0, 100, 3)).toEqual([]);
    expect(wrongPages(kernel, child, 100, 100, 9)).toEqual([]);
    expect(wrongPages(kernel, child, 600, 10)).toEqual([]);
    kernel.audit();

    const snapshot = kernel.snapshot();
    const digest = kernel.digest();
    kernel.exit(parent);
    fill(kernel, child, 0, 300, 20);
    expect(wrongPages(kernel, child, 0, 300, 20)).toEqual([]);
    kernel.audit();
    kernel.restore(snapshot);
    expect(kernel.digest()).toBe(digest);
    kernel.exit(child);
    kernel.exit(parent);
    kernel.audit();
  });

  it.each(OCCUPANTS)("survives running out of memory: $seat $name", ({ seat, name }) => {
    const kernel = boot({ [seat]: name }, { swap: [{ size: "256KiB" }] });
    const small = spawnWith(kernel, "small", 10);
    fill(kernel, small, 0, 10);
    for (let nth = 0; nth < 3; nth++) {
      const hog = spawnWith(kernel, "hog", 300);
      fill(kernel, hog, 0, 300);
      if (!hog.hasExited) {
        try {
          fill(kernel, kernel.fork(hog), 0, 300, 5);
        } catch (error) {
          if (!(error instanceof KernelError)) throw error;
        }
      }
      kernel.audit();
    }
    expect(kernel.sys.nrOomKills).toBeGreaterThan(0);
    if (!small.hasExited) expect(wrongPages(kernel, small, 0, 10)).toEqual([]);
    kernel.audit();
  });
});

describe("a page table that does not translate all of user space", () => {
  it("is refused by name", () => {
    expect(() => boot({ pageTable: "sv39" })).toThrow(
      'EINVAL: page table "sv39" cannot be this machine\'s: programs have 128 TiB of addresses, which it cannot ' +
        "translate; radix4, radix5, sv48, hashed, inverted can",
    );
  });
});
