/** What truncation and holes cost when a file is mapped ten thousand times, counted in mappings looked at. */
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MAP_FIXED,
  MAP_SHARED,
  PAGE_SIZE,
  SIGBUS,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, READ_WRITE } from "./helpers.ts";

const NR_MAPPINGS = 10_000;
const PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

/** A memfd of which page k is mapped at page 2k of the arena. */
function bootMapped(): { kernel: Kernel; task: Task; fd: number } {
  const kernel = bootKernel({ memory: "128MiB", contents: "none" });
  const task = kernel.spawn("test");
  const fd = kernel.memfdCreate("many");
  kernel.ftruncate(task, fd, NR_MAPPINGS * PAGE_SIZE);
  for (let page = 0; page < NR_MAPPINGS; page++)
    kernel.mmap(task, at(2 * page), PAGE_SIZE, READ_WRITE, MAP_SHARED | MAP_FIXED, fd, page * PAGE_SIZE);
  return { kernel, task, fd };
}

describe("a file that is mapped 10,000 times", () => {
  it("is truncated 10,000 times by looking at the mappings of what goes, and a path to them", () => {
    const { kernel, task, fd } = bootMapped();
    const { mappings } = kernel.sys.vmaPool;
    const last = NR_MAPPINGS - 1;
    mappings.nrVisits = 0;
    for (let nth = 0; nth < NR_MAPPINGS; nth++) {
      expect(kernel.ftruncate(task, fd, last * PAGE_SIZE)).toBe(0);
      kernel.ftruncate(task, fd, NR_MAPPINGS * PAGE_SIZE);
    }
    expect(mappings.nrVisits / NR_MAPPINGS).toBeLessThan(60);
    expect(kernel.write(task, at(2 * last), 1)).toBeNull();
    kernel.ftruncate(task, fd, last * PAGE_SIZE);
    kernel.audit();
    expect(kernel.write(task, at(2 * last), 1)).toMatchObject({ signal: SIGBUS });
  });

  it("gets 10,000 holes in the same way, each of which empties the one mapping that showed it", () => {
    const { kernel, task, fd } = bootMapped();
    const { mappings } = kernel.sys.vmaPool;
    for (let page = 0; page < NR_MAPPINGS; page++) kernel.write(task, at(2 * page), 1);
    expect(task.mm.rssShmem).toBe(NR_MAPPINGS);
    mappings.nrVisits = 0;
    for (let page = 0; page < NR_MAPPINGS; page += 2)
      kernel.fallocate(task, fd, PUNCH, page * PAGE_SIZE, PAGE_SIZE);
    expect(task.mm.rssShmem).toBe(NR_MAPPINGS / 2);
    for (let page = 1; page < NR_MAPPINGS; page += 2)
      kernel.fallocate(task, fd, PUNCH, page * PAGE_SIZE, PAGE_SIZE);
    expect(task.mm.rssShmem).toBe(0);
    expect(mappings.nrVisits / NR_MAPPINGS).toBeLessThan(60);
    kernel.audit();
  });
});
