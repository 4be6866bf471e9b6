import {
  EAGAIN,
  PAGE_SIZE,
  UFFD_API,
  UFFD_EVENT_PAGEFAULT,
  UFFD_PAGEFAULT_FLAG_MINOR,
  UFFD_PAGEFAULT_FLAG_WP,
  UFFDIO_API,
  UFFDIO_CONTINUE,
  UFFDIO_COPY,
  UFFDIO_MOVE,
  UFFDIO_POISON,
  UFFDIO_REGISTER,
  UFFDIO_UNREGISTER,
  UFFDIO_WRITEPROTECT,
  UFFDIO_ZEROPAGE,
} from "@pageframe/contracts";
import {
  bootKernel,
  type Kernel,
  type KernelConfigInput,
  type Task,
  type UffdMsg,
  type UserfaultMonitor,
} from "@pageframe/kernel";
import { at } from "./helpers.ts";

/** Page that bytes to copy lie in, in every world. */
const SOURCE_PAGE = 900;

/** A machine with one task, and a userfaultfd for it. */
export class UffdWorld {
  readonly kernel: Kernel;
  readonly task: Task;
  /** The thread that serves. */
  readonly server: Task;
  readonly uffd: number;

  constructor(features = 0, config: KernelConfigInput = {}, flags = 0) {
    this.kernel = bootKernel({ memory: "16MiB", contents: "sparse", ...config });
    this.task = this.kernel.spawn("test");
    this.server = this.kernel.thread(this.task);
    this.uffd = this.open(features, flags);
  }

  /** Makes another userfaultfd. */
  open(features = 0, flags = 0): number {
    const uffd = this.kernel.userfaultfd(this.task, flags);
    this.kernel.uffdIoctl(this.server, uffd, UFFDIO_API, { api: UFFD_API, features });
    return uffd;
  }

  /** UFFDIO_REGISTER of pages of the arena. */
  register(page: number, nrPages: number, mode: number, uffd = this.uffd): number {
    return this.kernel.uffdIoctl(this.server, uffd, UFFDIO_REGISTER, { range: range(page, nrPages), mode });
  }

  unregister(page: number, nrPages: number, uffd = this.uffd): number {
    return this.kernel.uffdIoctl(this.server, uffd, UFFDIO_UNREGISTER, range(page, nrPages));
  }

  /** UFFDIO_COPY of pages that begin with `byte`. Returns what the call returns, and bytes or an errno. */
  copy(page: number, nrPages = 1, byte = 97, mode = 0, uffd = this.uffd): [number, number | undefined] {
    this.mapSource(byte, nrPages);
    const arg = { dst: at(page), src: at(SOURCE_PAGE), len: nrPages * PAGE_SIZE, mode, copy: 0 };
    return [this.kernel.uffdIoctl(this.server, uffd, UFFDIO_COPY, arg), arg.copy];
  }

  zeropage(page: number, nrPages = 1, mode = 0): [number, number | undefined] {
    const arg = { range: range(page, nrPages), mode, zeropage: 0 };
    return [this.kernel.uffdIoctl(this.server, this.uffd, UFFDIO_ZEROPAGE, arg), arg.zeropage];
  }

  continue(page: number, nrPages = 1, mode = 0): [number, number | undefined] {
    const arg = { range: range(page, nrPages), mode, mapped: 0 };
    return [this.kernel.uffdIoctl(this.server, this.uffd, UFFDIO_CONTINUE, arg), arg.mapped];
  }

  poison(page: number, nrPages = 1): [number, number | undefined] {
    const arg = { range: range(page, nrPages), mode: 0, updated: 0 };
    return [this.kernel.uffdIoctl(this.server, this.uffd, UFFDIO_POISON, arg), arg.updated];
  }

  /** UFFDIO_WRITEPROTECT; protects unless `mode` is 0. */
  protect(page: number, nrPages: number, mode = 1): number {
    const arg = { range: range(page, nrPages), mode };
    return this.kernel.uffdIoctl(this.server, this.uffd, UFFDIO_WRITEPROTECT, arg);
  }

  move(toPage: number, fromPage: number, nrPages = 1, mode = 0): [number, number | undefined] {
    const arg = { dst: at(toPage), src: at(fromPage), len: nrPages * PAGE_SIZE, mode, move: 0 };
    return [this.kernel.uffdIoctl(this.server, this.uffd, UFFDIO_MOVE, arg), arg.move];
  }

  /** Reads all messages. */
  messages(uffd = this.uffd): UffdMsg[] {
    const messages: UffdMsg[] = [];
    for (;;) {
      const msg = this.kernel.uffdRead(this.server, uffd);
      if (msg === -EAGAIN) return messages;
      if (typeof msg === "number") throw new Error(`read: ${msg}`);
      messages.push(msg);
    }
  }

  /** Pages of the arena by what /proc/PID/pagemap says: P present, S swapped or marked, f file, x mapped once, w protected. */
  pagemap(page: number, nrPages: number, task = this.task): string {
    const entries = this.kernel.proc.pagemap(task, at(page) / PAGE_SIZE, nrPages);
    return Array.from(entries, (entry) => lettersOf(entry)).join(" ");
  }

  private mapSource(byte: number, nrPages: number): void {
    const { kernel, server: task } = this;
    kernel.munmap(task, at(SOURCE_PAGE), 64 * PAGE_SIZE);
    kernel.mmap(task, at(SOURCE_PAGE), nrPages * PAGE_SIZE, 3, 0x32, -1, 0);
    for (let page = 0; page < nrPages; page++) kernel.write(task, at(SOURCE_PAGE + page), byte);
  }
}

function lettersOf(entry: bigint): string {
  const bits: [bigint, string][] = [
    [63n, "P"],
    [62n, "S"],
    [61n, "f"],
    [56n, "x"],
    [57n, "w"],
  ];
  const letters = bits.map(([bit, letter]) => (((entry >> bit) & 1n) !== 0n ? letter : "")).join("");
  return letters === "" ? "-" : letters;
}

export function range(page: number, nrPages: number): { start: number; len: number } {
  return { start: at(page), len: nrPages * PAGE_SIZE };
}

/** Page of the arena that an address lies in. */
export function pageOf(address: number): number {
  return Math.floor((address - at(0)) / PAGE_SIZE);
}

/** Answers faults at once, each in one way, and keeps what it was told. */
export class TestMonitor implements UserfaultMonitor {
  readonly messages: UffdMsg[] = [];
  readonly world: UffdWorld;
  readonly answer: "copy" | "zeropage" | "poison" | "nothing";
  /** What answers returned. */
  readonly results: number[] = [];

  constructor(world: UffdWorld, answer: "copy" | "zeropage" | "poison" | "nothing" = "copy") {
    this.world = world;
    this.answer = answer;
    world.kernel.uffdMonitor(world.uffd, this);
  }

  userfault(uffd: number): void {
    for (const msg of this.world.messages(uffd)) {
      this.messages.push(msg);
      if (msg.event === UFFD_EVENT_PAGEFAULT) this.answerFault(msg.flags, pageOf(msg.address));
    }
  }

  private answerFault(flags: number, page: number): void {
    const { world, answer } = this;
    if (answer === "nothing") return;
    if ((flags & UFFD_PAGEFAULT_FLAG_WP) !== 0) this.results.push(world.protect(page, 1, 0));
    else if ((flags & UFFD_PAGEFAULT_FLAG_MINOR) !== 0) this.results.push(world.continue(page)[0]);
    else if (answer === "zeropage") this.results.push(world.zeropage(page)[0]);
    else if (answer === "poison") this.results.push(world.poison(page)[0]);
    else this.results.push(world.copy(page, 1, 97 + (page % 26))[0]);
  }
}
