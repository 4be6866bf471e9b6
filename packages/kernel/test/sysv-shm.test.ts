import {
  EACCES,
  EEXIST,
  EIDRM,
  EINVAL,
  ENOENT,
  IPC_CREAT,
  IPC_EXCL,
  IPC_PRIVATE,
  IPC_RMID,
  MADV_DOFORK,
  MADV_DONTFORK,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  PROT_READ,
  SHM_NORESERVE,
  SHM_RDONLY,
  SHM_REMAP,
  SHM_RND,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type ShmidDs, type Task } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { at, faultsOf, mapsLine, mapsOf, meminfoKib, READ_WRITE, settledFreePages } from "./helpers.ts";

const KEY = 0x1234;

function boot(): { kernel: Kernel; task: Task } {
  const kernel = bootKernel({ memory: "16MiB", contents: "sparse" });
  return { kernel, task: kernel.spawn("test") };
}

function statOf(kernel: Kernel, id: number): ShmidDs {
  return kernel.shmStat(id) as ShmidDs;
}

describe("SysV shared memory", () => {
  it("is found by its key and shared by whoever attaches it", () => {
    const { kernel, task } = boot();
    const other = kernel.spawn("other");
    const id = kernel.shmget(task, KEY, 3 * PAGE_SIZE, IPC_CREAT | 0o600);
    expect(kernel.shmget(other, KEY, 1, 0)).toBe(id);
    const here = kernel.shmat(task, id);
    const there = kernel.shmat(other, id, at(7));
    expect(there).toBe(at(7));
    kernel.write(task, here + PAGE_SIZE, 42);
    expect(kernel.read(other, there + PAGE_SIZE)).toBe(42);
    expect(statOf(kernel, id)).toEqual({
      key: KEY,
      segszBytes: 3 * PAGE_SIZE,
      nattch: 2,
      mode: 0o600,
      cpid: task.pid,
      lpid: other.pid,
      isRemoved: false,
    });
    kernel.audit();
  });

  it("refuses keys and sizes that do not fit", () => {
    const { kernel, task } = boot();
    expect(kernel.shmget(task, KEY, PAGE_SIZE, 0)).toBe(-ENOENT);
    expect(kernel.shmget(task, KEY, 0, IPC_CREAT)).toBe(-EINVAL);
    const id = kernel.shmget(task, KEY, PAGE_SIZE, IPC_CREAT);
    expect(kernel.shmget(task, KEY, PAGE_SIZE, IPC_CREAT | IPC_EXCL)).toBe(-EEXIST);
    expect(kernel.shmget(task, KEY, PAGE_SIZE + 1, IPC_CREAT)).toBe(-EINVAL);
    expect(kernel.shmget(task, IPC_PRIVATE, PAGE_SIZE, 0)).not.toBe(id);
  });

  it("is shown by its key and its id in maps", () => {
    const { kernel, task } = boot();
    kernel.shmget(task, IPC_PRIVATE, PAGE_SIZE, 0);
    const id = kernel.shmget(task, KEY, PAGE_SIZE, IPC_CREAT);
    kernel.shmat(task, id);
    expect(id).toBe(1);
    expect(kernel.proc.mapsText(task)).toMatch(/ rw-s 00000000 00:01 1 +\/SYSV00001234 \(deleted\)\n/);
  });

  it("attaches where nothing is, unless it may take the place of what is there", () => {
    const { kernel, task } = boot();
    const id = kernel.shmget(task, KEY, 2 * PAGE_SIZE, IPC_CREAT);
    expect(kernel.shmat(task, id, at(0) + 5)).toBe(-EINVAL);
    expect(kernel.shmat(task, id, at(0) + 5, SHM_RND)).toBe(at(0));
    expect(kernel.shmat(task, id, at(1))).toBe(-EINVAL);
    expect(kernel.shmat(task, id, 0, SHM_REMAP)).toBe(-EINVAL);
    expect(kernel.shmat(task, id, at(1), SHM_REMAP)).toBe(at(1));
    // Two attachments are two files: they stay apart.
    expect(mapsOf(kernel, task)).toHaveLength(2);
    kernel.audit();
  });

  it("cannot be written through an attachment that is read-only", () => {
    const { kernel, task } = boot();
    const id = kernel.shmget(task, KEY, PAGE_SIZE, IPC_CREAT);
    kernel.shmat(task, id, at(0), SHM_RDONLY);
    expect(kernel.mprotect(task, at(0), PAGE_SIZE, READ_WRITE)).toBe(-EACCES);
    expect(kernel.read(task, at(0))).toBe(0);
  });

  it("is not faulted around", () => {
    const { kernel, task } = boot();
    const id = kernel.shmget(task, KEY, 4 * PAGE_SIZE, IPC_CREAT);
    kernel.shmat(task, id, at(0));
    for (let page = 0; page < 4; page++) kernel.write(task, at(page), page);
    const second = kernel.shmat(task, id, at(10));
    expect(
      faultsOf(task, () => [0, 1, 2, 3].map((page) => kernel.read(task, second + page * PAGE_SIZE))),
    ).toEqual([4, 0]);
  });

  it("goes when it is removed and the last task has detached it, by shmdt or by its end", () => {
    const { kernel, task } = boot();
    const committed = meminfoKib(kernel, "Committed_AS");
    const id = kernel.shmget(task, KEY, 2 * PAGE_SIZE, IPC_CREAT);
    expect(meminfoKib(kernel, "Committed_AS") - committed).toBe(8);
    kernel.shmat(task, id, at(0));
    kernel.write(task, at(0), 1);
    const child = kernel.fork(task);
    expect(statOf(kernel, id).nattch).toBe(2);
    expect(kernel.shmctl(task, id, IPC_RMID)).toBe(0);
    expect(statOf(kernel, id)).toMatchObject({ key: IPC_PRIVATE, isRemoved: true });
    expect(kernel.shmget(task, KEY, PAGE_SIZE, 0)).toBe(-ENOENT);
    expect(kernel.shmdt(task, at(0))).toBe(0);
    expect(kernel.read(child, at(0))).toBe(1);
    const free = settledFreePages(kernel);
    kernel.exit(child);
    expect(settledFreePages(kernel)).toBeGreaterThan(free);
    expect(kernel.shmStat(id)).toBe(-EINVAL);
    expect(meminfoKib(kernel, "Committed_AS")).toBe(committed);
    // Its slot is used again, under another id.
    expect(kernel.shmget(task, KEY, PAGE_SIZE, IPC_CREAT)).toBe(32768);
    expect(kernel.shmat(task, id)).toBe(-EIDRM);
    kernel.audit();
  });

  it("stays without being removed, and keeps its bytes", () => {
    const { kernel, task } = boot();
    const id = kernel.shmget(task, KEY, PAGE_SIZE, IPC_CREAT | SHM_NORESERVE);
    kernel.shmat(task, id, at(0));
    kernel.write(task, at(0), 77);
    kernel.exit(task);
    const next = kernel.spawn("next");
    kernel.shmat(next, id, at(3));
    expect(kernel.read(next, at(3))).toBe(77);
    kernel.audit();
  });

  it("is detached piece by piece where it was cut", () => {
    const { kernel, task } = boot();
    const id = kernel.shmget(task, KEY, 4 * PAGE_SIZE, IPC_CREAT);
    kernel.shmat(task, id, at(0));
    kernel.mprotect(task, at(1), PAGE_SIZE, PROT_READ);
    kernel.munmap(task, at(2), PAGE_SIZE);
    expect(statOf(kernel, id).nattch).toBe(3);
    expect(kernel.shmdt(task, at(1))).toBe(-EINVAL);
    expect(kernel.shmdt(task, at(0) + 1)).toBe(-EINVAL);
    expect(kernel.shmdt(task, at(0))).toBe(0);
    expect(statOf(kernel, id).nattch).toBe(0);
    expect(mapsOf(kernel, task)).toEqual([]);
  });

  it("never lets a piece go by merging, as each is counted, but lets pieces grow and shrink", () => {
    // The same calls on a 6.18 kernel gave these mappings and counts.
    const { kernel, task } = boot();
    const id = kernel.shmget(task, KEY, 8 * PAGE_SIZE, IPC_CREAT);
    kernel.shmat(task, id, at(0));
    const protect = (page: number, nrPages: number, prot: number): void => {
      expect(kernel.mprotect(task, at(page), nrPages * PAGE_SIZE, prot)).toBe(0);
    };
    const seen = (): [string[], number] => [mapsOf(kernel, task), statOf(kernel, id).nattch];
    protect(2, 2, PROT_READ);
    protect(2, 1, READ_WRITE);
    const pieces = (perms: string): string[] => [
      mapsLine(0, 3, "rw-s"),
      mapsLine(3, 4, perms),
      mapsLine(4, 8, "rw-s"),
    ];
    expect(seen()).toEqual([pieces("r--s"), 3]);
    protect(3, 1, READ_WRITE);
    expect(seen()).toEqual([pieces("rw-s"), 3]);
    protect(0, 8, PROT_READ);
    protect(0, 8, READ_WRITE);
    expect(seen()).toEqual([pieces("rw-s"), 3]);
    kernel.munmap(task, at(5), PAGE_SIZE);
    protect(6, 1, PROT_READ);
    protect(7, 1, PROT_READ);
    const low = [mapsLine(0, 3, "rw-s"), mapsLine(3, 4, "rw-s"), mapsLine(4, 5, "rw-s")];
    expect(seen()).toEqual([[...low, mapsLine(6, 7, "r--s"), mapsLine(7, 8, "r--s")], 5]);
    // A piece that moves beside another is new there: that one may take it in.
    kernel.mremap(task, at(6), PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, at(100));
    kernel.mremap(task, at(7), PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, at(101));
    expect(seen()).toEqual([[...low, mapsLine(100, 102, "r--s")], 4]);
    kernel.madvise(task, at(100), PAGE_SIZE, MADV_DONTFORK);
    kernel.madvise(task, at(100), PAGE_SIZE, MADV_DOFORK);
    expect(seen()).toEqual([[...low, mapsLine(100, 101, "r--s"), mapsLine(101, 102, "r--s")], 5]);
    kernel.audit();
  });
});
