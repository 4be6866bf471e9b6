/** What single services of the kernel cost. */
import { bug, PAGE_SIZE, PROT_READ, PROT_WRITE } from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task } from "@pageframe/kernel";
import { type BenchCase, type Scale } from "../bench-case.ts";
import { timed } from "../cpu-time.ts";
import { mapPages, writesTo } from "../program-memory.ts";

const common = { group: "kernel", target: null, counterpart: null, input: null };
const NR_MAPPED_PAGES: Readonly<Record<Scale, number>> = { full: 32_768, quick: 32_768, tiny: 64 };
const NR_WRITTEN_PAGES: Readonly<Record<Scale, number>> = { full: 8192, quick: 8192, tiny: 64 };
const NR_SNAPSHOTS: Readonly<Record<Scale, number>> = { full: 20, quick: 5, tiny: 1 };
const NR_RESTORES: Readonly<Record<Scale, number>> = { full: 100, quick: 20, tiny: 1 };

/** A 64 MiB machine with bytes in RAM, half of it written by one program. */
function writtenMachine(nrPages: number): { kernel: Kernel; task: Task; address: number } {
  const kernel = bootKernel({ memory: "64MiB", contents: "sparse" });
  const task = kernel.spawn("writer");
  const address = mapPages(kernel, task, nrPages, PROT_READ | PROT_WRITE);
  for (let page = 0; page < nrPages; page++) kernel.write(task, address + page * PAGE_SIZE, 1 + (page & 127));
  return { kernel, task, address };
}

/** Bytes of all typed arrays that hold a machine's state, without the zeros at their ends. */
function stateBytes(kernel: Kernel): number {
  let nrBytes = 0;
  for (const saved of kernel.snapshot().saved.values()) {
    if (saved.kind === "buffer") nrBytes += saved.bytes.byteLength;
  }
  return nrBytes;
}

export const kernelCases: readonly BenchCase[] = [
  {
    ...common,
    name: "mapped-page",
    describe: "host memory for a page that a program maps and writes, of 32,768, without its bytes",
    unit: { kind: "memory", label: "bytes/page", one: 1 },
    run(scale) {
      const kernel = bootKernel({ memory: "256MiB" });
      const task = kernel.spawn("writer");
      const nrPages = NR_MAPPED_PAGES[scale];
      const before = stateBytes(kernel);
      const seconds = timed(() => {
        const address = mapPages(kernel, task, nrPages, PROT_READ | PROT_WRITE);
        if (kernel.accessRuns(task, writesTo(address, nrPages), nrPages) !== null)
          bug("a write raised a signal");
      });
      const bytes = stateBytes(kernel) - before;
      return { operations: nrPages, seconds, bytes, checks: { bytes } };
    },
  },
  {
    ...common,
    name: "frame",
    describe: "host memory for a frame of RAM in a machine of 256 MiB that has just booted",
    unit: { kind: "memory", label: "bytes/frame", one: 1 },
    run() {
      const kernel = bootKernel({ memory: "256MiB" });
      const bytes = stateBytes(kernel);
      return { operations: kernel.sys.memmap.nrFrames, seconds: 1, bytes, checks: { bytes } };
    },
  },
  {
    ...common,
    name: "snapshot",
    describe: "the whole state of a 64 MiB machine copied out, 32 MiB of it written",
    unit: { kind: "time", label: "ms", one: 1e-3 },
    run(scale) {
      const { kernel } = writtenMachine(NR_WRITTEN_PAGES[scale]);
      for (let done = 0; done < 3; done++) kernel.snapshot();
      const seconds = timed(() => {
        for (let done = 0; done < NR_SNAPSHOTS[scale]; done++) kernel.snapshot();
      });
      return { operations: NR_SNAPSHOTS[scale], seconds, checks: { digest: kernel.digest() } };
    },
  },
  {
    ...common,
    name: "restore",
    describe: "that state put back",
    unit: { kind: "time", label: "ms", one: 1e-3 },
    run(scale) {
      const { kernel, task, address } = writtenMachine(NR_WRITTEN_PAGES[scale]);
      const snapshot = kernel.snapshot();
      const digest = kernel.digest();
      kernel.write(task, address, 0xff);
      for (let done = 0; done < 3; done++) kernel.restore(snapshot);
      const seconds = timed(() => {
        for (let done = 0; done < NR_RESTORES[scale]; done++) kernel.restore(snapshot);
      });
      if (kernel.digest() !== digest) bug("the restored machine is not the one that was saved");
      return { operations: NR_RESTORES[scale], seconds, checks: { digest } };
    },
  },
];
