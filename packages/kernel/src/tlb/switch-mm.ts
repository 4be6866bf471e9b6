/**
 * Which address space a CPU has loaded. Hot: per context switch.
 *
 * A CPU that runs no program keeps what it had loaded and is lazy: flushes that free no tables leave it out, and it catches up
 * when it comes back. A CPU that was left stays in the address space's mask until a flush finds it there.
 * Source: Linux 6.18 arch/x86/mm/tlb.c, switch_mm_irqs_off(), enter_lazy_tlb().
 */
import {
  ASID_FLUSH_ALL,
  ASID_FLUSH_NONE,
  ASID_FLUSH_OWN,
  INIT_MM,
  TLB_FLUSH_ALL,
  TLB_FLUSH_ON_TASK_SWITCH,
  TP_TLB_FLUSH,
} from "@pageframe/contracts";
import { enterKernelMode, loadRoots } from "./kpti.ts";
import { type Cpu, type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** Loads an address space on a CPU, null for the kernel's alone (init_mm), and forgets what is out of date. */
export function switchMm(sys: System, cpu: Cpu, next: Mm | null): void {
  const { asids } = sys;
  const wasLazy = cpu.isLazy;
  const id = next === null ? INIT_MM : next.id;
  cpu.isLazy = false;
  if (cpu.loadedMm === next) {
    // Back from lazy mode: what was flushed elsewhere meanwhile shows in the generation.
    if (!wasLazy || asids.cpuGeneration(cpu.id) === asids.generation(id)) return;
  } else if (next !== null) {
    next.cpuMask.set(cpu.id);
  }
  const flush = asids.load(cpu.id, id);
  if (flush === ASID_FLUSH_ALL) cpu.mmu.flushAll(false);
  loadRoots(sys, cpu, next, asids.loadedAsid(cpu.id), flush !== ASID_FLUSH_OWN);
  cpu.loadedMm = next;
  sys.trace?.emit(
    TP_TLB_FLUSH,
    TLB_FLUSH_ON_TASK_SWITCH,
    flush === ASID_FLUSH_NONE ? 0 : TLB_FLUSH_ALL,
    0,
    0,
  );
}

/** The CPU goes over to a kernel thread or to idling, on whatever address space it has loaded (enter_lazy_tlb). */
export function enterLazyTlb(sys: System, cpu: Cpu): void {
  enterKernelMode(sys, cpu);
  if (cpu.loadedMm !== null) cpu.isLazy = true;
}
