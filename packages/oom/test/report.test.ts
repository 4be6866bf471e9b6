import { __GFP_COMP, __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import {
  formatKilledProcess,
  formatOomInvoked,
  formatOomKill,
  formatTasksState,
  GLOBAL_OOM,
  type OomContext,
} from "../src/index.ts";
import { parseTaskRow } from "./helpers.ts";
import { ADJ_1000_KILLS, ADJ_SMALL_KILLS, GLOBAL_KILLS } from "./recorded-kills.ts";

const CGROUP_OOM: OomContext = {
  ...GLOBAL_OOM,
  constraint: "CONSTRAINT_MEMCG",
  oomMemcg: "/orcoom",
  taskMemcg: "/orcoom",
};

const RECORDED = [
  ...GLOBAL_KILLS.map((kill) => ({ ...kill, context: GLOBAL_OOM })),
  ...[...ADJ_1000_KILLS, ...ADJ_SMALL_KILLS].map((kill) => ({ ...kill, context: CGROUP_OOM })),
];

describe("OOM report", () => {
  it.each(RECORDED)("prints the recorded lines about $killed", ({ table, why, killed, context }) => {
    const tasks = table.map(parseTaskRow);
    expect(formatTasksState(tasks)).toEqual([
      "Tasks state (memory values in pages):",
      "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
      ...table,
    ]);
    const pid = Number(/pid=(\d+)/.exec(why)?.[1]);
    const victim = tasks.find((task) => task.pid === pid)!;
    expect(formatOomKill(context, victim)).toBe(why);
    expect(formatKilledProcess(context, victim)).toBe(killed);
  });

  it("prints the recorded first line", () => {
    expect(formatOomInvoked("E", GFP_HIGHUSER_MOVABLE | __GFP_ZERO | __GFP_COMP, 0, 0)).toBe(
      "E invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP), order=0, oom_score_adj=0",
    );
    expect(formatOomInvoked("E", GFP_KERNEL, 0, 0)).toBe(
      "E invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
    );
  });
});
