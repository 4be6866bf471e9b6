/**
 * execve(2): another program in place of the one that runs.
 *
 * The new address space is built whole before the old one goes: a program that does not fit leaves the old one running.
 *
 *     stack, downwards   8 bytes 0 | path | environment | arguments | "x86_64", 16 random bytes | vectors   <- startStack
 *
 * Source: Linux 6.18 fs/binfmt_elf.c, load_elf_binary(), create_elf_tables(); fs/exec.c, begin_new_exec(),
 * setup_arg_pages(), copy_strings(); arch/x86/entry/vdso/vma.c, arch_setup_additional_pages().
 * Differs: Linux drops the old program before it maps the new one, and kills a task whose program does not fit; the
 * vectors on the stack are zeros, and characters of strings count as one byte each.
 */
import { bug, E2BIG, EINTR, ENOMEM, PAGE_SIZE, type Vaddr, VM_EXEC } from "@pageframe/contracts";
import {
  alignStack,
  isRandomised,
  mmapRandomPages,
  randomBrk,
  randomMmapBase,
  stackTopVpn,
} from "../mm/aslr.ts";
import { createMm, destroyMm } from "../mm/create-mm.ts";
import { checkImage, type ElfImage, type LoadedImage, mapImage } from "../mm/elf-map.ts";
import { exitTask, releaseMm } from "../mm/lifecycle.ts";
import { mapVdso, NR_VDSO_FRAMES } from "../mm/special-mappings.ts";
import { clearUser, copyToUser } from "../pages/uaccess.ts";
import { closeExecFiles, openImages } from "./exec-files.ts";
import { applyLimits } from "./prlimit.ts";
import { type System } from "../system.ts";
import { type Mm, SUID_DUMP_USER, type Task } from "../task.ts";
import { switchMm } from "../tlb/switch-mm.ts";

/** A program to execute. */
export interface ExecLayout {
  /** Its path: the last part becomes the task's name. */
  readonly path: string;
  /** Absent: the ELF file at that path, and the interpreter that it names, are opened and their headers read. */
  readonly program?: ElfImage;
  /** Dynamic loader (PT_INTERP). A PIE without one is a loader itself, and goes where mmap puts it. */
  readonly interpreter?: ElfImage;
  /** Arguments, the path alone when absent; and environment. */
  readonly args?: readonly string[];
  readonly env?: readonly string[];
}

/** Pages that the stack gets beside those of the arguments (stack_expand). */
const STACK_EXPAND_BYTES = 131072;
/** Words of the auxiliary vector on x86-64, the closing zeros included. */
const NR_AUXV_WORDS = 46;
const WORD_BYTES = 8;
const PLATFORM_BYTES = 7;
const RANDOM_BYTES = 16;
/** Characters of a task's name (TASK_COMM_LEN, without the zero). */
const COMM_LENGTH = 15;

/** Where the strings and vectors lie. */
interface StackPlan {
  readonly argStart: Vaddr;
  readonly argEnd: Vaddr;
  readonly envEnd: Vaddr;
  readonly stackPointer: Vaddr;
  /** All strings as they lie in memory from `argStart` on. */
  readonly strings: string;
}

/** A program that is there: files are open, headers are known. */
interface LoadedProgram {
  readonly program: ElfImage;
  readonly interpreter: ElfImage | null;
  readonly isStackExecutable: boolean;
}

/**
 * Executes a program. Returns 0, -ENOEXEC, -EINVAL or -E2BIG for what is no program, -ENOMEM, or for a program in a file what
 * openImages() says; then the old one runs on. -EINTR when the task was killed for memory meanwhile.
 */
export function sysExecve(sys: System, task: Task, layout: ExecLayout): number {
  const { program, interpreter = null } = layout;
  if (program !== undefined)
    return execProgram(sys, task, layout, { program, interpreter, isStackExecutable: false });
  const images = openImages(sys, task, layout.path);
  if (typeof images === "number") return images;
  const result = execProgram(sys, task, layout, images);
  if (result === 0) {
    task.mm.exeFileId = images.program.fileId;
    sys.files.holdProgram(task.mm.exeFileId);
  }
  closeExecFiles(sys, images.files);
  return result;
}

function execProgram(sys: System, task: Task, layout: ExecLayout, loaded: LoadedProgram): number {
  const mm = createMm(sys, task.cpu);
  if (typeof mm === "number") return mm;
  applyLimits(mm, task.process);
  const built = buildImage(sys, task, mm, layout, loaded);
  if (typeof built === "number" || isKilled(task)) {
    destroyMm(sys, mm, task.cpu);
    return typeof built === "number" ? built : -EINTR;
  }
  killOtherThreads(sys, task);
  adoptMm(sys, task, mm);
  task.name = (layout.path.split("/").pop() ?? "").slice(0, COMM_LENGTH);
  fillStackAndBss(sys, task, built.plan, built.zeroFrom);
  return isKilled(task) ? -EINTR : 0;
}

/**
 * Ends the program of a task and leaves it an address space without mappings: for a recording that does not tell what the next
 * program maps. Returns 0 or -ENOMEM; then the old one runs on.
 */
export function sysExecveEmpty(sys: System, task: Task): number {
  const mm = createMm(sys, task.cpu);
  if (typeof mm === "number") return mm;
  applyLimits(mm, task.process);
  killOtherThreads(sys, task);
  adoptMm(sys, task, mm);
  return 0;
}

/** Was the task killed for memory, maybe by the last step? */
function isKilled(task: Task): boolean {
  return task.killedBy !== null;
}

/** Maps everything into an address space that nobody runs in yet. */
function buildImage(
  sys: System,
  task: Task,
  mm: Mm,
  layout: ExecLayout,
  loadedProgram: LoadedProgram,
): { plan: StackPlan; zeroFrom: readonly Vaddr[] } | number {
  const { space } = mm;
  const { program, interpreter, isStackExecutable } = loadedProgram;
  const taskSize = space.taskSizeVpn * PAGE_SIZE;
  const unsound = checkImage(program, taskSize) || (interpreter ? checkImage(interpreter, taskSize) : 0);
  if (unsound !== 0) return unsound;
  const isRandom = isRandomised(sys, task);
  const rndPages = isRandom ? mmapRandomPages(sys) : 0;
  space.mmapBase = randomMmapBase(space.rlimitStackBytes, space.taskSizeVpn, rndPages, isRandom);
  space.mmapLegacyBase += rndPages;
  mm.thpDisable = task.mm.thpDisable;
  space.isMergeAny = task.mm.space.isMergeAny;

  const plan = setUpStack(sys, mm, layout, isRandom, isStackExecutable);
  if (typeof plan === "number") return plan;
  // Two thirds up the address space, so that brk has room (ELF_ET_DYN_BASE).
  const dynBase = Math.floor(taskSize / 3) * 2;
  const pieBase = Math.floor(dynBase / PAGE_SIZE) + (isRandom && interpreter ? mmapRandomPages(sys) : 0);
  const loaded = mapImage(space, program, interpreter ? pieBase * PAGE_SIZE : null);
  if (typeof loaded === "number") return loaded;
  const loader: LoadedImage | number | null = interpreter ? mapImage(space, interpreter, null) : null;
  if (typeof loader === "number") return loader;
  if (sys.vdsoPfns.length >= NR_VDSO_FRAMES) {
    const vdso = mapVdso(sys, mm);
    if (vdso < 0) return vdso;
  }

  const { startCode, endCode, startData, endData } = loaded;
  const { argStart, argEnd, envEnd } = plan;
  mm.image = { startCode, endCode, startData, endData, argStart, argEnd, envStart: argEnd, envEnd };
  space.startStack = plan.stackPointer;
  space.dataBytes = endData - startData;
  const isLoader = program.isPie && !interpreter;
  let brk = Math.ceil((isLoader ? dynBase : loaded.endBss) / PAGE_SIZE) * PAGE_SIZE;
  if (isRandom && sys.sysctls.randomizeVaSpace > 1) brk = randomBrk(sys, isLoader ? brk : brk + PAGE_SIZE);
  space.startBrk = brk;
  space.brkAddress = brk;
  mm.mdwe = task.mm.mdwe;
  space.isMdwe = mm.mdwe !== 0;
  return { plan, zeroFrom: [...loaded.zeroFrom, ...(loader?.zeroFrom ?? [])] };
}

/** Maps the stack and says where what is on it goes; -E2BIG when the strings take more than a quarter of its limit. */
function setUpStack(
  sys: System,
  mm: Mm,
  layout: ExecLayout,
  isRandom: boolean,
  isExecutable: boolean,
): StackPlan | number {
  const { space } = mm;
  const { path, args = [layout.path], env = [] } = layout;
  const strings = [...args, ...env, path].map((text) => `${text}\0`).join("");
  if (strings.length > Math.max(space.rlimitStackBytes / 4, STACK_EXPAND_BYTES)) return -E2BIG;
  const topVpn = stackTopVpn(sys, space.taskSizeVpn, isRandom);
  const argStart = topVpn * PAGE_SIZE - WORD_BYTES - strings.length;
  const argPages = topVpn - Math.floor(argStart / PAGE_SIZE);
  const limitPages = Math.floor(space.rlimitStackBytes / PAGE_SIZE);
  const nrPages = Math.max(argPages, Math.min(limitPages, argPages + STACK_EXPAND_BYTES / PAGE_SIZE));
  const mapped = space.setupStack(topVpn, nrPages);
  if (mapped < 0) return mapped;
  if (isExecutable) space.pool.vmFlags[space.firstVma] |= VM_EXEC;
  const aligned = alignStack(sys, argStart, isRandom) - PLATFORM_BYTES - RANDOM_BYTES;
  const nrWords = NR_AUXV_WORDS + (args.length + 1) + (env.length + 1) + 1;
  const unaligned = aligned - nrWords * WORD_BYTES;
  const stackPointer = unaligned - (unaligned % 16);
  const lowVpn = Math.floor(stackPointer / PAGE_SIZE);
  if (space.expandStack(lowVpn) < 0) return -ENOMEM;
  const argEnd = argStart + args.reduce((sum, text) => sum + text.length + 1, 0);
  const envEnd = argEnd + env.reduce((sum, text) => sum + text.length + 1, 0);
  return { argStart, argEnd, envEnd, stackPointer, strings };
}

/** Only the caller lives on in the new program (de_thread). */
function killOtherThreads(sys: System, task: Task): void {
  for (const other of sys.tasks.values()) {
    if (other !== task && other.process === task.process) exitTask(sys, other);
  }
}

/** Puts the task into its new address space and drops the old one (exec_mmap). */
function adoptMm(sys: System, task: Task, mm: Mm): void {
  const cpu = sys.cpus[task.cpu];
  if (cpu.current !== task) bug(`task ${task.pid} executes a program and does not run`);
  releaseMm(sys, task);
  mm.dumpable = SUID_DUMP_USER;
  mm.nrUsers = 1;
  task.mm = mm;
  switchMm(sys, cpu, mm);
}

/** Writes what lies on the stack, and zeros behind data whose last page holds more of the file (padzero). */
function fillStackAndBss(sys: System, task: Task, plan: StackPlan, zeroFrom: readonly Vaddr[]): void {
  const { strings, argStart, stackPointer } = plan;
  const bytes = Uint8Array.from(strings, (character) => character.charCodeAt(0) & 0xff);
  copyToUser(sys, task, argStart, bytes);
  for (const from of zeroFrom) {
    const nrBytes = (PAGE_SIZE - (from % PAGE_SIZE)) % PAGE_SIZE;
    if (nrBytes > 0) clearUser(sys, task, from, nrBytes);
  }
  clearUser(sys, task, stackPointer, argStart - stackPointer);
}
