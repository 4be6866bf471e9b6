import {
  leafPfn,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  PAGE_SIZE,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  PT_LEVEL_PTE,
  PTE_P,
  PTE_PROTNONE,
  ptePfn,
} from "@pageframe/contracts";
import { bootKernel } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";

describe("a page under PROT_NONE", () => {
  it("keeps its frame, inverted in the entry as Linux does against L1TF, and its bytes", () => {
    const kernel = bootKernel({ memory: "1MiB", contents: "sparse" });
    const task = kernel.spawn("prot-none");
    const address = kernel.mmap(task, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    kernel.write(task, address, 77);
    const { pageTable } = task.mm;
    const entry = pageTable.findEntry(address / PAGE_SIZE);
    const pfn = ptePfn(pageTable.entryLo(entry), pageTable.entryHi(entry));

    expect(kernel.mprotect(task, address, PAGE_SIZE, PROT_NONE)).toBe(0);
    const lo = pageTable.entryLo(entry);
    const hi = pageTable.entryHi(entry);
    expect(lo & (PTE_P | PTE_PROTNONE)).toBe(PTE_PROTNONE);
    expect(leafPfn(lo, hi, PT_LEVEL_PTE)).toBe(pfn);
    // Bits 12..31 and 32..51 of the entry hold the complement of the frame number.
    expect(lo >>> 12).toBe(~pfn & 0xfffff);
    expect(hi & 0xfffff).toBe(~(pfn >>> 20) & 0xfffff);
    expect(kernel.read(task, address)).toMatchObject({ signal: 11, code: 2 });
    kernel.audit();

    expect(kernel.mprotect(task, address, PAGE_SIZE, PROT_READ | PROT_WRITE)).toBe(0);
    expect(kernel.read(task, address)).toBe(77);
    expect(kernel.write(task, address, 78)).toBeNull();
    kernel.audit();
  });
});
