/**
 * The program that scripts run in: the recorder's driver, and subjects that it forks. What a subject has mapped and touched
 * before the first operation decides what observations count from, so it is made step by step as the recorder does it.
 *
 * Addresses and sizes are those of the recorder built by gcc -O2 -static -no-pie, run without address-space randomisation.
 * Pages are touched in its order: VmHWM is taken from counters without what each CPU holds back, up to 31 pages, and so
 * depends on it. The machine of the records has its root file system in memory (an initramfs): the program's own pages
 * count as shared memory and are mapped sixteen at a time.
 */
import {
  KernelError,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  O_CREAT,
  O_RDWR,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  RUN_EXEC,
  RUN_READ,
  RUN_WRITE,
  type Vpn,
} from "@pageframe/contracts";
import { type Kernel, type Task } from "@pageframe/kernel";

interface Segment {
  readonly startVpn: Vpn;
  readonly endVpn: Vpn;
  readonly prot: number;
  /** Page of the program's file, or -1 for anonymous memory. */
  readonly pgoff: number;
}

const READ_WRITE: number = PROT_READ | PROT_WRITE;
/** ELF header, text, constants, what is read-only after relocation, data, bss. */
const SEGMENTS: readonly Segment[] = [
  { startVpn: 0x400, endVpn: 0x401, prot: PROT_READ, pgoff: 0 },
  { startVpn: 0x401, endVpn: 0x4a1, prot: PROT_READ | PROT_EXEC, pgoff: 1 },
  { startVpn: 0x4a1, endVpn: 0x4cc, prot: PROT_READ, pgoff: 0xa1 },
  { startVpn: 0x4cc, endVpn: 0x4d0, prot: READ_WRITE, pgoff: 0xcb },
  { startVpn: 0x4d0, endVpn: 0x4d3, prot: READ_WRITE, pgoff: 0xcf },
  { startVpn: 0x4d3, endVpn: 0x77a, prot: READ_WRITE, pgoff: -1 },
];
/** Pages of the program's file that every subject reads; and its data, which every subject writes. */
const FILE_START = 0x400;
const FILE_END = 0x4d3;
const NR_FILE_PAGES = 0xd2;
const RELRO_START = 0x4cc;
const RELRO_END = 0x4d0;
/** The last two of these are written before they become read-only. */
const RELRO_WRITTEN_START = 0x4ce;
/** Text of fork() and of the loop that subjects run: the first that a subject fetches, each with pages around it. */
const FORK_TEXT = 0x44d;
const LOOP_TEXT = 0x404;
/** Pages of bss that the driver writes. */
const DRIVER_BSS: readonly Vpn[] = [0x4d3, 0x616, 0x757, 0x761, 0x762, 0x773, 0x774, 0x778, 0x779];
const DATA_START = 0x4d0;
const DATA_END = 0x77a;
/** Where the heap's bytes are kept while it is mapped anew. */
const SAVE_START = 0x4e0;
const HEAP_START = 0x77a;
const HEAP_END = 0x79c;
/** What driver and subjects speak over, shared; and pages that every subject has mapped for itself. */
const CONTROL_START: Vpn = 0x200000000000 / PAGE_SIZE;
const NR_CONTROL_PAGES = 13;
const SCRATCH_START: Vpn = 0x210000000000 / PAGE_SIZE;
const NR_SCRATCH_PAGES = 64;
/** Pages of the stack that the driver and that a subject use: what exec wrote, and both ends of the driver's large frame. */
const STACK_END: Vpn = 0x7ffffffff;
const NR_EXEC_STACK_PAGES = 2;
const DRIVER_STACK_START: Vpn = 0x7ffffffdf;
const NR_DRIVER_STACK_PAGES = 4;
const SUBJECT_STACK_START: Vpn = 0x7ffffffd6;
const NR_SUBJECT_STACK_PAGES = 13;

const PRIVATE_FIXED: number = MAP_PRIVATE | MAP_FIXED;

/** Starts the recorder's driver: its program, heap, stack, and what it shares with subjects. */
export function startDriver(kernel: Kernel): Task {
  const task = kernel.spawn("mmrec");
  const { space } = task.mm;
  const program = kernel.openTmpfs("mmrec", O_RDWR | O_CREAT);
  check(program);
  fillFile(kernel, task, program);
  for (const { startVpn, endVpn, prot, pgoff } of SEGMENTS) {
    const nrBytes = (endVpn - startVpn) * PAGE_SIZE;
    const address = startVpn * PAGE_SIZE;
    if (pgoff >= 0)
      check(kernel.mmap(task, address, nrBytes, prot, PRIVATE_FIXED, program, pgoff * PAGE_SIZE));
    else check(kernel.mmap(task, address, nrBytes, prot, PRIVATE_FIXED | MAP_ANONYMOUS));
  }
  check(space.setupStack());
  // Start-up looks for functions in the vdso.
  const vdsoVpn = kernel.mapVdso(task) / PAGE_SIZE;
  touch(kernel, task, vdsoVpn, vdsoVpn + 1, RUN_READ);
  space.startBrk = HEAP_START * PAGE_SIZE;
  space.brkAddress = space.startBrk;
  kernel.brk(task, HEAP_END * PAGE_SIZE);
  // Reading one of its pages maps the others around it; two are written then.
  touch(kernel, task, RELRO_WRITTEN_START, RELRO_WRITTEN_START + 1, RUN_READ);
  touch(kernel, task, RELRO_WRITTEN_START, RELRO_END, RUN_WRITE);
  check(kernel.mprotect(task, RELRO_START * PAGE_SIZE, (RELRO_END - RELRO_START) * PAGE_SIZE, PROT_READ));
  touch(kernel, task, DATA_START, FILE_END, RUN_WRITE);
  touch(kernel, task, HEAP_START, HEAP_START + 3, RUN_WRITE);
  for (const vpn of DRIVER_BSS) touch(kernel, task, vpn, vpn + 1, RUN_WRITE);
  touch(kernel, task, STACK_END - NR_EXEC_STACK_PAGES, STACK_END, RUN_WRITE);
  touch(kernel, task, DRIVER_STACK_START, DRIVER_STACK_START + NR_DRIVER_STACK_PAGES, RUN_WRITE);
  const nrControlBytes = NR_CONTROL_PAGES * PAGE_SIZE;
  const shared = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED;
  check(kernel.mmap(task, CONTROL_START * PAGE_SIZE, nrControlBytes, READ_WRITE, shared));
  touch(kernel, task, CONTROL_START, CONTROL_START + NR_CONTROL_PAGES, RUN_WRITE);
  return task;
}

/** Forks the first subject and lets it get ready: the heap mapped anew, scratch pages, all of its own memory touched. */
export function startSubject(kernel: Kernel, driver: Task): Task {
  const task = kernel.fork(driver);
  touch(kernel, task, FORK_TEXT, FORK_TEXT + 1, RUN_EXEC);
  touch(kernel, task, LOOP_TEXT, LOOP_TEXT + 1, RUN_EXEC);
  const nrHeapPages = HEAP_END - HEAP_START;
  const nrHeapBytes = nrHeapPages * PAGE_SIZE;
  touch(kernel, task, HEAP_START, HEAP_END, RUN_READ);
  touch(kernel, task, SAVE_START, SAVE_START + nrHeapPages, RUN_WRITE);
  check(kernel.munmap(task, HEAP_START * PAGE_SIZE, nrHeapBytes));
  check(kernel.mmap(task, HEAP_START * PAGE_SIZE, nrHeapBytes, READ_WRITE, PRIVATE_FIXED | MAP_ANONYMOUS));
  touch(kernel, task, HEAP_START, HEAP_END, RUN_WRITE);
  const nrScratchBytes = NR_SCRATCH_PAGES * PAGE_SIZE;
  check(
    kernel.mmap(task, SCRATCH_START * PAGE_SIZE, nrScratchBytes, READ_WRITE, PRIVATE_FIXED | MAP_ANONYMOUS),
  );
  warm(kernel, task);
  return task;
}

/** Lets a process touch all memory of its own, so that the faults of an operation are the operation's. */
export function warm(kernel: Kernel, task: Task): void {
  touch(kernel, task, LOOP_TEXT, LOOP_TEXT + 1, RUN_EXEC);
  touch(kernel, task, SUBJECT_STACK_START, SUBJECT_STACK_START + NR_SUBJECT_STACK_PAGES, RUN_WRITE);
  touch(kernel, task, STACK_END - NR_EXEC_STACK_PAGES, STACK_END, RUN_WRITE);
  touchScratch(kernel, task);
  touch(kernel, task, DATA_START, DATA_END, RUN_WRITE);
  touch(kernel, task, FILE_START, FILE_END, RUN_READ);
  touch(kernel, task, CONTROL_START, CONTROL_START + NR_CONTROL_PAGES, RUN_WRITE);
}

/** Makes a process's TLB entries go: more pages change their rights than are flushed one by one. */
export function flushByScratch(kernel: Kernel, task: Task): void {
  const nrBytes = NR_SCRATCH_PAGES * PAGE_SIZE;
  kernel.mprotect(task, SCRATCH_START * PAGE_SIZE, nrBytes, PROT_READ);
  kernel.mprotect(task, SCRATCH_START * PAGE_SIZE, nrBytes, READ_WRITE);
  touchScratch(kernel, task);
}

/** Writes the program's file, so that all its pages are in memory. */
function fillFile(kernel: Kernel, task: Task, fileId: number): void {
  const byte = Uint8Array.of(1);
  for (let page = 1; page <= NR_FILE_PAGES; page++) {
    check(kernel.pwrite(task, fileId, byte, page * PAGE_SIZE - 1));
  }
}

function touchScratch(kernel: Kernel, task: Task): void {
  touch(kernel, task, SCRATCH_START, SCRATCH_START + NR_SCRATCH_PAGES, RUN_WRITE);
}

function touch(kernel: Kernel, task: Task, startVpn: Vpn, endVpn: Vpn, kind: number): void {
  for (let vpn = startVpn; vpn < endVpn; vpn++) {
    if (kernel.access(task, vpn, kind) !== null) return;
  }
}

function check(result: number): void {
  if (result < 0)
    throw new KernelError(-result, "the recorder's own memory cannot be mapped on this machine");
}
