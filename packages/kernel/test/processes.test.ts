import { EBUSY, ECHILD, PAGE_SIZE } from "@pageframe/contracts";
import { bootKernel, type Kernel } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, fill, settledFreePages, spawnWith, wrongPages } from "./helpers.ts";

function boot(): Kernel {
  return bootKernel({ memory: "16MiB", contents: "sparse" });
}

describe("exit and wait", () => {
  it("tells the parent each child's exit code once, the oldest child first", () => {
    const kernel = boot();
    const parent = kernel.spawn("parent");
    expect(kernel.wait(parent)).toBe(-ECHILD);
    const [first, second] = [kernel.fork(parent), kernel.fork(parent)];
    expect(kernel.wait(parent)).toBe(0);
    kernel.exit(second, 3);
    kernel.exit(first, 256 + 7);
    expect(kernel.wait(parent)).toEqual({ pid: first.pid, status: 7 * 256 });
    expect(kernel.wait(parent)).toEqual({ pid: second.pid, status: 3 * 256 });
    expect(kernel.wait(parent)).toBe(-ECHILD);
    kernel.audit();
  });

  it("tells the signal that ended a child", () => {
    const kernel = boot();
    const parent = kernel.spawn("parent");
    const child = kernel.fork(parent);
    kernel.kill(child, 11);
    expect(kernel.wait(parent)).toEqual({ pid: child.pid, status: 11 });
  });

  it("leaves nothing of a child that was waited for, and no memory of one that was not", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 100);
    fill(kernel, parent, 0, 100);
    // Caches of the kernel's objects have their slabs after the first time.
    kernel.exit(kernel.fork(parent));
    kernel.wait(parent);
    const before = settledFreePages(kernel);
    const child = kernel.fork(parent);
    fill(kernel, child, 0, 100, 5);
    kernel.exit(child);
    expect([kernel.sys.zombies.size, child.stackPfns]).toEqual([1, []]);
    expect(child.objectAddresses[3]).toBe(-1);
    kernel.audit();
    kernel.wait(parent);
    expect([settledFreePages(kernel), kernel.sys.zombies.size]).toEqual([before, 0]);
    expect([...child.objectAddresses]).toEqual([-1, -1, -1, -1]);
    kernel.audit();
  });

  it("gives children of a process that ends to init, which waits for them", () => {
    const kernel = boot();
    const grandparent = kernel.spawn("grandparent");
    const parent = kernel.fork(grandparent);
    const [zombie, living] = [kernel.fork(parent), kernel.fork(parent)];
    kernel.exit(zombie);
    kernel.exit(parent);
    expect([...kernel.sys.zombies.keys()]).toEqual([parent.pid]);
    expect(living.parentPid).toBe(1);
    kernel.exit(living);
    expect([...kernel.sys.zombies.keys()]).toEqual([parent.pid]);
    expect(kernel.wait(grandparent)).toEqual({ pid: parent.pid, status: 0 });
    kernel.audit();
  });

  it("reports a process when its last thread has ended", () => {
    const kernel = boot();
    const parent = kernel.spawn("parent");
    const leader = kernel.fork(parent);
    const thread = kernel.thread(leader);
    kernel.exit(leader, 4);
    expect(kernel.wait(parent)).toBe(0);
    kernel.exit(thread);
    expect(kernel.wait(parent)).toEqual({ pid: leader.pid, status: 4 * 256 });
    kernel.audit();
  });
});

describe("vfork", () => {
  it("lets the child work in the parent's memory while the parent stands still", () => {
    const kernel = boot();
    const parent = spawnWith(kernel, "parent", 10);
    fill(kernel, parent, 0, 10);
    const rss = parent.mm.rss;
    const child = kernel.vfork(parent);
    expect([child.mm === parent.mm, parent.mm.rss]).toEqual([true, rss]);
    expect(wrongPages(kernel, child, 0, 10)).toEqual([]);
    fill(kernel, child, 0, 10, 9);
    expect(() => kernel.read(parent, at(0))).toThrow(`EBUSY: task ${parent.pid} waits for its vfork child`);
    expect(() => kernel.munmap(parent, at(0), PAGE_SIZE)).toThrow(expect.objectContaining({ errno: EBUSY }));
    kernel.exit(child, 1);
    expect(wrongPages(kernel, parent, 0, 10, 9)).toEqual([]);
    expect(kernel.wait(parent)).toEqual({ pid: child.pid, status: 256 });
    kernel.audit();
  });
});
