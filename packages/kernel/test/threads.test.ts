/** Tasks that share an address space. */
import { KernelError, PAGE_SIZE, PROT_READ, SIGKILL } from "@pageframe/contracts";
import { bootKernel } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, fill, spawnWith, wrongPages } from "./helpers.ts";

describe("threads", () => {
  it("see each other's writes, mappings and rights, on whatever CPU they run", () => {
    const kernel = bootKernel({ memory: "4MiB", cpus: 2, contents: "sparse" });
    const leader = spawnWith(kernel, "server", 10);
    const thread = kernel.thread(leader, 1);
    fill(kernel, leader, 0, 10);
    expect(wrongPages(kernel, thread, 0, 10)).toEqual([]);
    kernel.mprotect(thread, at(0), 5 * PAGE_SIZE, PROT_READ);
    expect(kernel.write(leader, at(4), 1)).toMatchObject({ signal: 11, code: 2 });
    kernel.munmap(thread, at(5), 5 * PAGE_SIZE);
    expect(kernel.read(leader, at(5))).toMatchObject({ signal: 11, code: 1 });
    expect([thread.mm === leader.mm, thread.parentPid, thread.name]).toEqual([true, leader.pid, "server"]);
    kernel.audit();
  });

  it("keep the memory until the last of them exits, the first among them", () => {
    const kernel = bootKernel({ memory: "4MiB", cpus: 2, contents: "sparse" });
    const nrMms = kernel.sys.mms.filter((mm) => mm !== null).length;
    const leader = spawnWith(kernel, "server", 10);
    const thread = kernel.thread(leader, 1);
    fill(kernel, leader, 0, 10);
    kernel.exit(leader);
    expect(wrongPages(kernel, thread, 0, 10)).toEqual([]);
    kernel.audit();
    kernel.exit(thread);
    expect(kernel.sys.mms.filter((mm) => mm !== null).length).toBe(nrMms);
    kernel.audit();
  });

  it("fork an address space of their own with one task in it", () => {
    const kernel = bootKernel({ memory: "4MiB", cpus: 2, contents: "sparse" });
    const leader = spawnWith(kernel, "server", 4);
    const thread = kernel.thread(leader, 1);
    fill(kernel, thread, 0, 4);
    const child = kernel.fork(thread);
    expect([child.mm.nrUsers, leader.mm.nrUsers]).toEqual([1, 2]);
    fill(kernel, child, 0, 4, 9);
    expect(wrongPages(kernel, leader, 0, 4)).toEqual([]);
    kernel.audit();
  });

  it("are killed together, as one victim", () => {
    const kernel = bootKernel({ memory: "1MiB", cpus: 2, overcommitMemory: 1 });
    const leader = spawnWith(kernel, "hog", 1000);
    const threads = [leader, kernel.thread(leader, 1), kernel.thread(leader, 0)];
    const small = spawnWith(kernel, "small", 1);
    expect(fill(kernel, threads[1], 0, 1000)).toBe(false);
    expect(threads.map(({ hasExited, killedBy }) => [hasExited, killedBy?.signal])).toEqual([
      [true, SIGKILL],
      [true, SIGKILL],
      [true, SIGKILL],
    ]);
    expect([kernel.sys.nrOomKills, small.hasExited]).toEqual([1, false]);
    kernel.audit();
  });

  it("cost a task and a stack, and are refused when there is no memory for them", () => {
    const kernel = bootKernel({ memory: "256KiB" });
    const leader = spawnWith(kernel, "server", 1);
    const before = kernel.proc.vmstat()["nr_kernel_stack"];
    kernel.thread(leader);
    expect(kernel.proc.vmstat()["nr_kernel_stack"] - before).toBe(16);
    kernel.setOomScoreAdj(leader, -1000);
    expect(() => {
      for (let nth = 0; nth < 1000; nth++) kernel.setOomScoreAdj(kernel.thread(leader), -1000);
    }).toThrow(KernelError);
    kernel.audit();
    expect(() => kernel.thread(leader, 7)).toThrow("EINVAL: cpu 7 does not exist; the machine has 1");
  });
});
