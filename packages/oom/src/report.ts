/**
 * The lines that an OOM kill leaves in the kernel log, without time stamps. What lies between them there (stack,
 * Mem-Info) is not made here.
 * Source: Linux 6.18 mm/oom_kill.c, dump_header(), dump_tasks(), dump_oom_victim(), __oom_kill_process();
 * mm/memcontrol.c, mem_cgroup_print_oom_context().
 */
import { type Gfp, gfpToString, kibOfPages, type OomCandidate, PAGE_SIZE } from "@pageframe/contracts";

/** What the report shows of a task. All quantities in pages; `rssPages` is the sum of the three kinds. */
export interface OomTask extends OomCandidate {
  readonly tgid: number;
  readonly uid: number;
  readonly totalVmPages: number;
  readonly rssAnonPages: number;
  readonly rssFilePages: number;
  readonly rssShmemPages: number;
}

/** Why memory ran out, and where. */
export interface OomContext {
  readonly constraint:
    "CONSTRAINT_NONE" | "CONSTRAINT_CPUSET" | "CONSTRAINT_MEMORY_POLICY" | "CONSTRAINT_MEMCG";
  /** As %*pbl prints it, such as `0-1`; `(null)` for none. */
  readonly nodemask: string;
  readonly cpuset: string;
  /** Nodes, as `0` or `0-1`. */
  readonly memsAllowed: string;
  /** Path of the cgroup that ran out, or null when the machine did. */
  readonly oomMemcg: string | null;
  /** Path of the victim's cgroup. */
  readonly taskMemcg: string;
}

/** The machine ran out, on node 0 alone, and nobody uses cgroups. */
export const GLOBAL_OOM: OomContext = {
  constraint: "CONSTRAINT_NONE",
  nodemask: "(null)",
  cpuset: "/",
  memsAllowed: "0",
  oomMemcg: null,
  taskMemcg: "/",
};

/** Says who asked for memory and did not get it. */
export function formatOomInvoked(name: string, gfp: Gfp, order: number, oomScoreAdj: number): string {
  const mask = gfp === 0 ? "0" : `0x${(gfp >>> 0).toString(16)}`;
  return `${name} invoked oom-killer: gfp_mask=${mask}(${gfpToString(gfp)}), order=${order}, oom_score_adj=${oomScoreAdj}`;
}

/** Lists the tasks that could be killed, two lines of heading first. */
export function formatTasksState(tasks: readonly OomTask[]): string[] {
  return [
    "Tasks state (memory values in pages):",
    "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
    ...tasks.map(formatTask),
  ];
}

/** Says why the victim is this one. */
export function formatOomKill(context: OomContext, victim: OomTask): string {
  const { constraint, nodemask, cpuset, memsAllowed, oomMemcg, taskMemcg } = context;
  const scope = oomMemcg === null ? "global_oom" : `oom_memcg=${oomMemcg}`;
  return (
    `oom-kill:constraint=${constraint},nodemask=${nodemask},cpuset=${cpuset},mems_allowed=${memsAllowed},${scope},` +
    `task_memcg=${taskMemcg},task=${victim.name},pid=${victim.pid},uid=${victim.uid}`
  );
}

/** Says who was killed and what it held. */
export function formatKilledProcess(context: OomContext, victim: OomTask): string {
  const message = context.oomMemcg === null ? "Out of memory" : "Memory cgroup out of memory";
  const kb = (nrPages: number): string => `${kibOfPages(nrPages)}kB`;
  return (
    `${message}: Killed process ${victim.pid} (${victim.name}) total-vm:${kb(victim.totalVmPages)}, ` +
    `anon-rss:${kb(victim.rssAnonPages)}, file-rss:${kb(victim.rssFilePages)}, ` +
    `shmem-rss:${kb(victim.rssShmemPages)}, UID:${victim.uid} pgtables:${kb(victim.pageTablePages)} ` +
    `oom_score_adj:${victim.oomScoreAdj}`
  );
}

/** One row of the task table: `[%7d] %5d %5d %8lu %8lu %8lu %8lu %9lu %8ld %8lu         %5hd %s`. */
function formatTask(task: OomTask): string {
  const right = (value: number, width: number): string => String(value).padStart(width);
  const columns = [
    `[${right(task.pid, 7)}]`,
    right(task.uid, 5),
    right(task.tgid, 5),
    right(task.totalVmPages, 8),
    right(task.rssPages, 8),
    right(task.rssAnonPages, 8),
    right(task.rssFilePages, 8),
    right(task.rssShmemPages, 9),
    right(task.pageTablePages * PAGE_SIZE, 8),
    right(task.swapPages, 8),
    `        ${right(task.oomScoreAdj, 5)}`,
    task.name,
  ];
  return columns.join(" ");
}
