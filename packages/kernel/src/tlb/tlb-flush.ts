/**
 * Flushes of translations on every CPU that may use them: here at once, elsewhere by interrupt, or by broadcast where the
 * processor has that. Hot: per flush.
 *
 * A flush moves the address space's generation on first. CPUs that have it loaded are flushed and are then up to that
 * generation; the others are behind, and flush when they load it.
 * Source: Linux 6.18 arch/x86/mm/tlb.c, flush_tlb_mm_range(), flush_tlb_func(), native_flush_tlb_multi(), should_flush_tlb(),
 * should_trim_cpumask(), arch_tlbbatch_flush(). Differs: no INVLPGB.
 */
import {
  NO_ASID,
  NR_TLB_LOCAL_FLUSH_ALL,
  NR_TLB_LOCAL_FLUSH_ONE,
  NR_TLB_REMOTE_FLUSH,
  NR_TLB_REMOTE_FLUSH_RECEIVED,
  TLB_FLUSH_ALL,
  TLB_LOCAL_MM_SHOOTDOWN,
  TLB_LOCAL_SHOOTDOWN,
  TLB_REMOTE_SEND_IPI,
  TLB_REMOTE_SHOOTDOWN,
  TLB_REMOTE_WRONG_CPU,
  TP_TLB_FLUSH,
  type Vpn,
} from "@pageframe/contracts";
import { type TlbFlushes } from "./coherence.ts";
import { type CpuMask } from "./cpu-mask.ts";
import { enterKernelMode, exitToUserMode, flushAsid, flushAsidNow, flushAsidRange } from "./kpti.ts";
import { switchMm } from "./switch-mm.ts";
import { type Cpu, type System } from "../system.ts";
import { type Mm } from "../task.ts";
import { CAUSE_TLB_FLUSH_ALL, CAUSE_TLB_FLUSH_ONE, CAUSE_TLB_IPI } from "../time.ts";

/** How often CPUs that an address space has left are asked whether they may go from its mask: HZ. */
export const TRIM_CPUMASK_NS = 1e9;
/** `generation` of a flush that asks for whatever is newest (TLB_GENERATION_INVALID). */
const NEWEST_GENERATION = 0;

/** Flushes TLBs in the name of the CPU that the kernel works on. */
export class TlbFlusher implements TlbFlushes {
  private readonly sys: System;
  private readonly ceilingPages: number;
  /** The flush that is being done (flush_tlb_info); `mm` null: whatever is loaded. */
  private mm: Mm | null = null;
  private startVpn: Vpn = 0;
  private endVpn: Vpn = TLB_FLUSH_ALL;
  private stridePages = 1;
  private generation: number = NEWEST_GENERATION;
  private areTablesFreed = false;
  private mayTrim = false;

  /** Ranges of more than `ceilingPages` are flushed whole (tlb_single_page_flush_ceiling). */
  constructor(sys: System, ceilingPages: number) {
    this.sys = sys;
    this.ceilingPages = ceilingPages;
  }

  flushMm(mm: Mm): void {
    this.flushMmRange(mm, 0, TLB_FLUSH_ALL, 1, true);
  }

  flushRange(mm: Mm, vpn: Vpn, endVpn: Vpn): void {
    this.flushMmRange(mm, vpn, endVpn, 1, true);
  }

  flushPage(mm: Mm, vpn: Vpn): void {
    this.flushMmRange(mm, vpn, vpn + 1, 1, false);
  }

  flushMmRange(mm: Mm, vpn: Vpn, endVpn: Vpn, stridePages: number, areTablesFreed: boolean): void {
    const { sys } = this;
    const isWhole = endVpn === TLB_FLUSH_ALL || Math.floor((endVpn - vpn) / stridePages) > this.ceilingPages;
    this.mm = mm;
    this.startVpn = isWhole ? 0 : vpn;
    this.endVpn = isWhole ? TLB_FLUSH_ALL : endVpn;
    this.stridePages = stridePages;
    this.areTablesFreed = areTablesFreed;
    if (sys.asids.isBroadcast) {
      this.broadcast(mm);
    } else {
      this.generation = sys.asids.bumpGeneration(mm.id);
      if (mm.cpuMask.hasOther(sys.currentCpu)) {
        this.mayTrim = this.isTrimDue(mm);
        this.flushMulti(mm.cpuMask);
      } else if (sys.cpus[sys.currentCpu].loadedMm === mm) {
        this.flushOn(sys.cpus[sys.currentCpu]);
      }
    }
    // The address space may be on its way out: nothing here may keep it.
    this.mm = null;
  }

  flushCpus(mask: CpuMask): void {
    const { sys } = this;
    this.mm = null;
    this.startVpn = 0;
    this.endVpn = TLB_FLUSH_ALL;
    this.generation = NEWEST_GENERATION;
    this.areTablesFreed = false;
    this.mayTrim = false;
    if (mask.hasOther(sys.currentCpu)) this.flushMulti(mask);
    else if (mask.has(sys.currentCpu)) this.flushOn(sys.cpus[sys.currentCpu]);
  }

  /** Interrupts the CPUs of a mask that must know. */
  private flushMulti(mask: CpuMask): void {
    const { sys } = this;
    sys.cpus[sys.currentCpu].tlbEvents[NR_TLB_REMOTE_FLUSH]++;
    const nrPages = this.endVpn === TLB_FLUSH_ALL ? TLB_FLUSH_ALL : this.endVpn - this.startVpn;
    sys.trace?.emit(TP_TLB_FLUSH, TLB_REMOTE_SEND_IPI, nrPages, 0, 0);
    for (const cpu of sys.cpus) {
      if (mask.has(cpu.id) && (this.areTablesFreed || this.shouldFlush(cpu))) this.flushOn(cpu);
    }
  }

  private shouldFlush(cpu: Cpu): boolean {
    if (cpu.isLazy) return false;
    return this.mm === null || cpu.loadedMm === this.mm || this.mayTrim;
  }

  /** A CPU is asked to flush: an interrupt, if it is in user mode. */
  private flushOn(cpu: Cpu): void {
    const wasInUserMode = enterKernelMode(this.sys, cpu);
    this.flushInKernel(cpu);
    if (wasInUserMode) exitToUserMode(this.sys, cpu);
  }

  /** What a CPU does that is asked to flush (flush_tlb_func). */
  private flushInKernel(cpu: Cpu): void {
    const { sys, mm } = this;
    const { asids, trace } = sys;
    const isLocal = cpu.id === sys.currentCpu;
    if (!isLocal) {
      cpu.tlbEvents[NR_TLB_REMOTE_FLUSH_RECEIVED]++;
      sys.time.spend(CAUSE_TLB_IPI, 1);
    }
    const { loadedMm } = cpu;
    if (mm !== null && loadedMm !== mm) {
      mm.cpuMask.clear(cpu.id);
      trace?.emit(TP_TLB_FLUSH, TLB_REMOTE_WRONG_CPU, 0, 0, 0);
      return;
    }
    if (loadedMm === null) return;
    if (cpu.isLazy) {
      // Its walker may hold tables that are gone: it leaves the address space altogether.
      switchMm(sys, cpu, null);
      return;
    }
    const cpuGeneration = asids.cpuGeneration(cpu.id);
    const newest = asids.generation(loadedMm.id);
    if (this.generation !== NEWEST_GENERATION && this.generation <= cpuGeneration) return;
    let nrPages = 0;
    if (cpuGeneration !== newest) {
      // A part is enough only if it is all that this CPU lacks.
      const isPart =
        this.endVpn !== TLB_FLUSH_ALL && this.generation === cpuGeneration + 1 && this.generation === newest;
      nrPages = isPart ? this.dropPages(cpu, asids.loadedAsid(cpu.id)) : TLB_FLUSH_ALL;
      if (!isPart) flushAsid(cpu, asids.loadedAsid(cpu.id));
      this.countFlush(cpu, nrPages, isLocal);
      asids.setCpuGeneration(cpu.id, newest);
    }
    const localReason = mm === null ? TLB_LOCAL_SHOOTDOWN : TLB_LOCAL_MM_SHOOTDOWN;
    trace?.emit(TP_TLB_FLUSH, isLocal ? localReason : TLB_REMOTE_SHOOTDOWN, nrPages, 0, 0);
  }

  /** Every CPU drops them at once (TLBI of the inner shareable domain); no CPU is interrupted. */
  private broadcast(mm: Mm): void {
    const { sys } = this;
    let nrPages: number = TLB_FLUSH_ALL;
    for (const cpu of sys.cpus) {
      const asid = sys.asids.asidOf(cpu.id, mm.id);
      if (asid === NO_ASID) return;
      if (this.endVpn === TLB_FLUSH_ALL) flushAsidNow(cpu, asid);
      else nrPages = this.dropPages(cpu, asid);
    }
    this.countFlush(sys.cpus[sys.currentCpu], nrPages, true);
    sys.trace?.emit(TP_TLB_FLUSH, TLB_LOCAL_MM_SHOOTDOWN, nrPages, 0, 0);
  }

  /** Drops the pages of the range one by one; returns how many instructions that took. */
  private dropPages(cpu: Cpu, asid: number): number {
    const { startVpn, endVpn, stridePages } = this;
    if (stridePages === 1) {
      flushAsidRange(cpu, startVpn, endVpn - startVpn, asid);
      return endVpn - startVpn;
    }
    for (let vpn = startVpn; vpn < endVpn; vpn += stridePages) flushAsidRange(cpu, vpn, 1, asid);
    return Math.floor((endVpn - startVpn) / stridePages);
  }

  private countFlush(cpu: Cpu, nrPages: number, isLocal: boolean): void {
    const isWhole = nrPages === TLB_FLUSH_ALL;
    this.sys.time.spend(isWhole ? CAUSE_TLB_FLUSH_ALL : CAUSE_TLB_FLUSH_ONE, isWhole ? 1 : nrPages);
    if (!isLocal) return;
    if (isWhole) cpu.tlbEvents[NR_TLB_LOCAL_FLUSH_ALL]++;
    else cpu.tlbEvents[NR_TLB_LOCAL_FLUSH_ONE] += nrPages;
  }

  /** Once a second of virtual time. */
  private isTrimDue(mm: Mm): boolean {
    const { nowNs } = this.sys.time;
    if (nowNs <= mm.nextTrimNs) return false;
    mm.nextTrimNs = nowNs + TRIM_CPUMASK_NS;
    return true;
  }
}
