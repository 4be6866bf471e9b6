/**
 * Where the parts of a new program lie: address-space layout randomisation, drawn from the machine's seed. Cold.
 *
 *     mmap base, PIE base   28 bits of pages (vm.mmap_rnd_bits)
 *     stack top             22 bits of pages, and twice 0..8 KiB in steps of 16 bytes
 *     heap                  0..1 GiB behind the program, in pages; only with kernel.randomize_va_space = 2
 *
 * Source: Linux 6.18 arch/x86/mm/mmap.c, mmap_base(), arch_mmap_rnd(), stack_maxrandom_size(); arch/x86/kernel/process.c,
 * arch_align_stack(), arch_randomize_brk(); mm/util.c, randomize_stack_top(), randomize_page(); arch/x86/include/asm/elf.h.
 * Differs: RISC-V tasks are laid out by the same rules.
 */
import { PAGE_SIZE, STACK_GUARD_GAP_PAGES, type Vaddr, type Vpn } from "@pageframe/contracts";
import { ADDR_NO_RANDOMIZE } from "../process.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

const MMAP_RND_BITS = 28;
const STACK_RND_BITS = 22;
/** Range of the random part of the heap's start, in pages: 1 GiB. */
const BRK_RND_PAGES = 262144;
const STACK_ALIGN_RANGE = 8192;
const MIN_GAP_BYTES = 134217728;

/** Is a program that the task executes now laid out at random (PF_RANDOMIZE)? */
export function isRandomised(sys: System, task: Task): boolean {
  return (task.process.personality & ADDR_NO_RANDOMIZE) === 0 && sys.sysctls.randomizeVaSpace !== 0;
}

/** Pages that mappings, or a program, are moved by (arch_mmap_rnd). */
export function mmapRandomPages(sys: System): number {
  return nextRandom(sys) % 2 ** MMAP_RND_BITS;
}

/** Page below which mmap places: room for the stack, its guard gap and its random part is left above (mmap_base). */
export function randomMmapBase(
  rlimitStackBytes: number,
  taskSizeVpn: Vpn,
  rndPages: number,
  isRandom: boolean,
): Vpn {
  const taskSize = taskSizeVpn * PAGE_SIZE;
  const padPages = STACK_GUARD_GAP_PAGES + (isRandom ? 2 ** STACK_RND_BITS - 1 : 0);
  const maxGap = Math.floor(taskSize / 6) * 5;
  const gap = Math.min(Math.max(rlimitStackBytes + padPages * PAGE_SIZE, MIN_GAP_BYTES), maxGap);
  return Math.ceil((taskSize - gap) / PAGE_SIZE) - rndPages;
}

/** First page past the stack (randomize_stack_top and arch_align_stack). */
export function stackTopVpn(sys: System, taskSizeVpn: Vpn, isRandom: boolean): Vpn {
  if (!isRandom) return taskSizeVpn;
  const top = (taskSizeVpn - (nextRandom(sys) % 2 ** STACK_RND_BITS)) * PAGE_SIZE;
  return Math.ceil(alignStack(sys, top, true) / PAGE_SIZE);
}

/** Moves a stack pointer down at random, and to a multiple of 16 (arch_align_stack). */
export function alignStack(sys: System, address: Vaddr, isRandom: boolean): Vaddr {
  const moved = isRandom ? address - (nextRandom(sys) % STACK_ALIGN_RANGE) : address;
  return moved - (moved % 16);
}

/** Start of a heap that may not begin before `address` (arch_randomize_brk). */
export function randomBrk(sys: System, address: Vaddr): Vaddr {
  return address + (nextRandom(sys) % BRK_RND_PAGES) * PAGE_SIZE;
}

/** Next of the machine's random numbers, 0 to 2^32 - 1 (get_random_u32): a mix of the seed and a counter. */
function nextRandom(sys: System): number {
  let mixed = (sys.config.seed ^ Math.imul(++sys.nrRandoms, 0x9e3779b9)) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
