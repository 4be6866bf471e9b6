import { PAGE_SIZE } from "@pageframe/contracts";
import { bootKernel, TaskMemory } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at } from "./helpers.ts";

describe("TaskMemory", () => {
  it("carries out an allocator's requests as the task's own", () => {
    const kernel = bootKernel({ memory: "16MiB" });
    const task = kernel.spawn("task");
    const { space } = task.mm;
    space.startBrk = space.brkAddress = 0x5000000;
    const memory = new TaskMemory(kernel, task);
    expect([memory.brk(0), memory.brk(0x5000000 + 3 * PAGE_SIZE)]).toEqual([0x5000000, 0x5003000]);
    memory.touch(0x5000ff8, 16);
    expect([space.totalVm, task.mm.rss]).toEqual([3, 2]);
    const mapped = memory.mmap(at(0), 4 * PAGE_SIZE, 0, 0x10);
    expect(mapped).toBe(at(0));
    memory.touch(mapped, 1);
    expect(task.mm.rss).toBe(2);
    expect(memory.mprotect(mapped, 2 * PAGE_SIZE, 3)).toBe(0);
    memory.touch(mapped, 2 * PAGE_SIZE);
    expect(task.mm.rss).toBe(4);
    expect([memory.dontneed(mapped, PAGE_SIZE), task.mm.rss]).toEqual([0, 3]);
    const moved = memory.mremap(mapped + PAGE_SIZE, PAGE_SIZE, 5 * PAGE_SIZE);
    expect([moved === mapped + PAGE_SIZE, space.totalVm, task.mm.rss]).toEqual([false, 11, 3]);
    expect([memory.munmap(moved, 5 * PAGE_SIZE), task.mm.rss]).toEqual([0, 2]);
    kernel.audit();
  });
});
