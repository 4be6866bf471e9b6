/**
 * What happens when memory runs short: kswapd is woken, callers reclaim, a task is killed. And the daemons' steps.
 * Source: Linux 6.18 mm/page_alloc.c, __alloc_pages_slowpath(); mm/oom_kill.c, out_of_memory(), oom_kill_process(),
 * __oom_reap_task_mm().
 * Differs: a daemon runs at the end of the system call or fault that woke it, kswapd one round of balance_pgdat() at a
 * time; what is left waits for the end of the next.
 */
import {
  type Gfp,
  type MemoryPressureHandler,
  NO_VMA,
  type NodeId,
  OOM_KILL,
  type OomCandidate,
  type Order,
  PAGE_ALLOC_COSTLY_ORDER,
  SIGKILL,
  TP_MARK_VICTIM,
  VM_SHARED,
} from "@pageframe/contracts";
import { completeIo, waitForAnyDisk } from "../disk/io.ts";
import { shrinkInodes } from "../fs/inodes.ts";
import { enterKernelMode, exitToUserMode } from "../tlb/kpti.ts";
import { exitTask } from "../mm/lifecycle.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { zapPages } from "../mm/zap.ts";
import { isKswapdThrottled, waitForReclaimable } from "../writeback/reclaim-waits.ts";
import { runWriteback } from "../writeback/run-flushers.ts";

/** The first process: it cannot be killed. */
const INIT_PID = 1;

/** Connects the frame allocator to reclaim and to the OOM killer. */
export class MemoryPressure implements MemoryPressureHandler {
  private readonly sys: System;

  constructor(sys: System) {
    this.sys = sys;
  }

  wakeKswapd(nodeId: NodeId, order: Order, highestZoneType: number): void {
    this.sys.reclaimer.wakeKswapd(nodeId, order, highestZoneType);
  }

  directReclaim(gfp: Gfp, order: Order, nodeId: NodeId): number {
    const { sys } = this;
    if (sys.reclaimer.isReclaiming) return 0;
    for (;;) {
      const nrFreed = sys.reclaimer.directReclaim(gfp, order, nodeId);
      sys.unmapBatch.flush();
      if (nrFreed > 0 || !waitForReclaimable(sys, gfp)) return nrFreed;
    }
  }

  outOfMemory(_gfp: Gfp, order: Order): boolean {
    if (order > PAGE_ALLOC_COSTLY_ORDER) return false;
    if (drainWaitingPages(this.sys) || waitForIo(this.sys)) return true;
    return killVictim(this.sys) !== null;
  }
}

/**
 * Waits for I/O in flight, whose pages reclaim may take when it is over; false when there is none. Reclaim in Linux sleeps and
 * comes again before it gives up (should_reclaim_retry, reclaim_throttle).
 */
function waitForIo(sys: System): boolean {
  return sys.nrBiosInFlight > 0 && waitForAnyDisk(sys);
}

/**
 * Puts pages that wait in LRU batches on the lists, where reclaim sees them; false when none waited. Differs: Linux
 * kills without this look, but 31 pages are never all the memory that it has.
 */
function drainWaitingPages(sys: System): boolean {
  let nrWaiting = 0;
  for (const cpu of sys.cpus) nrWaiting += sys.lru.nrWaiting(cpu.id);
  sys.lru.drainAll();
  return nrWaiting > 0;
}

/**
 * What the OOM killer knows of a task. Differs: exact counts; Linux leaves out up to 31 pages of a kind, which would be all
 * that a task has on the smallest machines here.
 */
export function oomCandidate(task: Task): OomCandidate {
  return {
    pid: task.pid,
    name: task.name,
    rssPages: task.mm.rss,
    swapPages: task.mm.nrSwapEntries,
    pageTablePages: task.mm.nrTablePages - task.mm.nrPgdPages,
    oomScoreAdj: task.oomScoreAdj,
    startTimeNs: task.startTimeNs,
    // A child of vfork lives in its parent's memory: killing it would free nothing (in_vfork).
    isUnkillable: task.pid === INIT_PID || task.killedBy !== null || task.vforkParentPid !== 0,
  };
}

/** RAM and swap, in pages: what OOM points are relative to. */
export function totalPages(sys: System): number {
  return sys.frames.zones.reduce((sum, zone) => sum + zone.managedPages, 0) + sys.swap.nrTotalSlots;
}

/** Selects a task, kills it and takes its memory at once; null when nobody can be killed. */
function killVictim(sys: System): Task | null {
  const tasks = [...sys.tasks.values()].filter((task) => isFirstOfMm(sys, task));
  const at = sys.oomPolicy.selectVictim(tasks.map(oomCandidate), totalPages(sys));
  if (at < 0) return null;
  const victim = tasks[at];
  for (const task of sys.tasks.values()) {
    if (task.mm === victim.mm) task.killedBy = { signal: SIGKILL, code: 0, vpn: 0 };
  }
  sys.nrOomKills++;
  sys.vmstat.countEvents(OOM_KILL, 1);
  sys.trace?.emit(TP_MARK_VICTIM, victim.pid, victim.mm.space.totalVm, victim.mm.rss, victim.oomScoreAdj);
  reapMemory(sys, victim);
  return victim;
}

/** Is the task the oldest in its address space? One of several threads stands for all. */
function isFirstOfMm(sys: System, task: Task): boolean {
  if (task.mm.nrUsers === 1) return true;
  for (const other of sys.tasks.values()) if (other.mm === task.mm) return other === task;
  return false;
}

/** Takes the private pages of a killed task while it still stands in the kernel (the oom_reaper). */
function reapMemory(sys: System, victim: Task): void {
  const { space } = victim.mm;
  const { pool } = space;
  for (let vma = space.firstVma; vma !== NO_VMA; vma = space.nextVma(vma)) {
    if ((pool.vmFlags[vma] & VM_SHARED) !== 0 && pool.fileId[vma] < 0) continue;
    sys.reaperGather.begin(victim.mm);
    zapPages(sys, sys.reaperGather, victim.mm, pool.startVpn[vma], pool.endVpn[vma]);
    sys.reaperGather.finish();
  }
}

/** Runs what is due after a system call or fault: killed tasks end, woken kswapds balance their nodes. */
export function runDaemons(sys: System): void {
  completeIo(sys);
  const cpu = sys.cpus[sys.currentCpu];
  const wasInUserMode = hasDaemonWork(sys) && enterKernelMode(sys, cpu);
  for (const task of sys.tasks.values()) if (task.killedBy !== null) exitTask(sys, task);
  for (let node = 0; node < sys.config.nodes; node++) {
    if (!sys.reclaimer.isKswapdPending(node) || isKswapdThrottled(sys, node)) continue;
    sys.reclaimer.kswapdStep(node);
    sys.unmapBatch.flush();
    shrinkInodes(sys);
  }
  runWriteback(sys);
  if (wasInUserMode) exitToUserMode(sys, cpu);
}

/** Is there anything for runDaemons() to do? */
function hasDaemonWork(sys: System): boolean {
  for (let node = 0; node < sys.config.nodes; node++) if (sys.reclaimer.isKswapdPending(node)) return true;
  for (const task of sys.tasks.values()) if (task.killedBy !== null) return true;
  return false;
}
