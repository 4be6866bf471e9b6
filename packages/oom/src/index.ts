export { LONG_MIN, oomBadness, oomScore } from "./badness.ts";
export { BadnessPolicy, LargestRssPolicy, oomPolicies, YoungestPolicy } from "./oom-policies.ts";
export {
  formatKilledProcess,
  formatOomInvoked,
  formatOomKill,
  formatTasksState,
  GLOBAL_OOM,
  type OomContext,
  type OomTask,
} from "./report.ts";
