import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MADV_DONTNEED,
  MADV_PAGEOUT,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  SIGBUS,
} from "@pageframe/contracts";
import { bootKernel, type Kernel, type Task, type TaskSignal } from "@pageframe/kernel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at, READ_WRITE } from "./helpers.ts";

const NR_PAGES = 6;
const PRIVATE_PAGE = 10;
const SIGBUS_SEEN = -SIGBUS;
const NR_RUNS = 40;

type Step =
  | {
      readonly kind: "read" | "write";
      readonly who: number;
      readonly isPrivate: boolean;
      readonly byte: number;
      readonly value: number;
    }
  | { readonly kind: "pread" | "pwrite"; readonly byte: number; readonly value: number }
  | { readonly kind: "truncate"; readonly byte: number }
  | { readonly kind: "punch"; readonly byte: number; readonly nrBytes: number }
  | { readonly kind: "pageout" | "dontneed"; readonly who: number; readonly isPrivate: boolean }
  | { readonly kind: "fallocate"; readonly byte: number };

const offsetInPage = fc.constantFrom(0, 1, 2000, PAGE_SIZE - 1);
const byte = fc.tuple(fc.nat(NR_PAGES - 1), offsetInPage).map(([page, offset]) => page * PAGE_SIZE + offset);
const who = fc.nat(1);
const value = fc.integer({ min: 1, max: 255 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("read" as const), who, isPrivate: fc.boolean(), byte, value }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("write" as const), who, isPrivate: fc.boolean(), byte, value }),
  },
  fc.record({ kind: fc.constantFrom("pread" as const, "pwrite" as const), byte, value }),
  fc.record({ kind: fc.constant("truncate" as const), byte }),
  fc.record({
    kind: fc.constant("punch" as const),
    byte,
    nrBytes: fc.integer({ min: 1, max: 3 * PAGE_SIZE }),
  }),
  fc.record({ kind: fc.constantFrom("pageout" as const, "dontneed" as const), who, isPrivate: fc.boolean() }),
  fc.record({ kind: fc.constant("fallocate" as const), byte }),
);

/** What a file and the private copies of it should hold. */
class ByteModel {
  sizeBytes = 0;
  readonly file = new Uint8Array(NR_PAGES * PAGE_SIZE);
  /** By task, then page. */
  readonly copies = [new Map<number, Uint8Array>(), new Map<number, Uint8Array>()];

  load(task: number, isPrivate: boolean, at: number): number {
    const page = Math.floor(at / PAGE_SIZE);
    if (page * PAGE_SIZE >= this.sizeBytes) return SIGBUS_SEEN;
    const copy = isPrivate ? this.copies[task].get(page) : undefined;
    return copy === undefined ? this.file[at] : copy[at % PAGE_SIZE];
  }

  store(task: number, isPrivate: boolean, at: number, stored: number): number {
    const page = Math.floor(at / PAGE_SIZE);
    if (page * PAGE_SIZE >= this.sizeBytes) return SIGBUS_SEEN;
    if (!isPrivate) {
      this.file[at] = stored;
      return 0;
    }
    const copy = this.copies[task].get(page) ?? this.file.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    copy[at % PAGE_SIZE] = stored;
    this.copies[task].set(page, copy);
    return 0;
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes <= this.sizeBytes) {
      this.file.fill(0, sizeBytes);
      for (const copies of this.copies) {
        for (const page of [...copies.keys()]) if (page * PAGE_SIZE >= sizeBytes) copies.delete(page);
      }
    }
    this.sizeBytes = sizeBytes;
  }
}

/** The same on a kernel: a memfd that two tasks map, shared and private. */
class Machine {
  readonly kernel: Kernel = bootKernel({
    memory: "4MiB",
    contents: "sparse",
    swap: [{ size: "1MiB", synchronous: false }],
  });
  readonly tasks: readonly Task[] = [this.kernel.spawn("one"), this.kernel.spawn("two")];
  readonly fileId: number = this.kernel.memfdCreate("model");

  constructor() {
    for (const task of this.tasks) {
      this.kernel.mmap(task, at(0), NR_PAGES * PAGE_SIZE, READ_WRITE, MAP_SHARED | MAP_FIXED, this.fileId);
      const address = at(PRIVATE_PAGE);
      this.kernel.mmap(task, address, NR_PAGES * PAGE_SIZE, READ_WRITE, MAP_PRIVATE | MAP_FIXED, this.fileId);
    }
  }

  load(task: number, isPrivate: boolean, offset: number): number {
    return codeOf(this.kernel.read(this.tasks[task], addressOf(isPrivate, offset)));
  }

  store(task: number, isPrivate: boolean, offset: number, stored: number): number {
    return codeOf(this.kernel.write(this.tasks[task], addressOf(isPrivate, offset), stored) ?? 0);
  }
}

function addressOf(isPrivate: boolean, offset: number): number {
  return at(isPrivate ? PRIVATE_PAGE : 0) + offset;
}

function codeOf(result: number | TaskSignal): number {
  return typeof result === "number" ? result : -result.signal;
}

/** Does one step on both; returns what each answered. */
function run(step: Step, model: ByteModel, machine: Machine): [number, number] {
  const { kernel, tasks, fileId } = machine;
  const [task] = tasks;
  switch (step.kind) {
    case "read":
      return [
        model.load(step.who, step.isPrivate, step.byte),
        machine.load(step.who, step.isPrivate, step.byte),
      ];
    case "write":
      return [
        model.store(step.who, step.isPrivate, step.byte, step.value),
        machine.store(step.who, step.isPrivate, step.byte, step.value),
      ];
    case "pread": {
      const into = new Uint8Array(1);
      const nrBytes = kernel.pread(task, fileId, into, step.byte);
      return [step.byte < model.sizeBytes ? model.file[step.byte] : -1, nrBytes === 1 ? into[0] : -1];
    }
    case "pwrite":
      model.file[step.byte] = step.value;
      model.sizeBytes = Math.max(model.sizeBytes, step.byte + 1);
      return [1, kernel.pwrite(task, fileId, Uint8Array.of(step.value), step.byte)];
    case "truncate":
      model.truncate(step.byte);
      return [0, kernel.ftruncate(task, fileId, step.byte)];
    case "punch": {
      model.file.fill(0, step.byte, step.byte + step.nrBytes);
      const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
      return [0, kernel.fallocate(task, fileId, mode, step.byte, step.nrBytes)];
    }
    case "fallocate":
      model.sizeBytes = Math.max(model.sizeBytes, step.byte + 1);
      return [0, kernel.fallocate(task, fileId, 0, step.byte, 1)];
    case "pageout":
    case "dontneed": {
      const isDontneed = step.kind === "dontneed";
      if (isDontneed && step.isPrivate) model.copies[step.who].clear();
      const advice = isDontneed ? MADV_DONTNEED : MADV_PAGEOUT;
      const address = addressOf(step.isPrivate, 0);
      return [0, kernel.madvise(tasks[step.who], address, NR_PAGES * PAGE_SIZE, advice)];
    }
  }
}

describe("a file that two tasks map, shared and private", () => {
  it("holds what a plain array of bytes would, through truncation, holes and swap", () => {
    fc.assert(
      fc.property(fc.array(steps, { minLength: 20, maxLength: 60 }), (script) => {
        const model = new ByteModel();
        const machine = new Machine();
        for (const step of script) {
          const [expected, found] = run(step, model, machine);
          expect(found, JSON.stringify(step)).toBe(expected);
        }
        machine.kernel.audit();
        for (const isPrivate of [false, true]) {
          for (let task = 0; task < 2; task++) {
            for (let offset = 0; offset < NR_PAGES * PAGE_SIZE; offset += 1000) {
              expect(machine.load(task, isPrivate, offset)).toBe(model.load(task, isPrivate, offset));
            }
          }
        }
        for (const task of machine.tasks) machine.kernel.exit(task);
        machine.kernel.closeFile(machine.fileId);
        machine.kernel.audit();
      }),
      { numRuns: NR_RUNS, seed: 20261120 },
    );
  });
});
