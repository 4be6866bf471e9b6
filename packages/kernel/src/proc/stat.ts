/** /proc/PID/stat. Source: Linux 6.18 fs/proc/array.c, do_task_stat(). */
import { PAGE_SIZE } from "@pageframe/contracts";
import { type TaskStat } from "@pageframe/procfs";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";
import { taskStatus } from "./status.ts";

/** What stat says of a task; faults are those of all living threads of its process. */
export function taskStat(sys: System, task: Task): TaskStat {
  const { name, state, pid, ppid, nrThreads } = taskStatus(sys, task);
  const { space, rssStat, image } = task.mm;
  const isAlive = !task.hasExited;
  const threads = isAlive
    ? [...sys.tasks.values()].filter((other) => other.process === task.process)
    : [task];
  return {
    pid,
    name,
    state: state.charAt(0),
    ppid,
    nrMinorFaults: threads.reduce((sum, thread) => sum + thread.nrMinorFaults, 0),
    nrMajorFaults: threads.reduce((sum, thread) => sum + thread.nrMajorFaults, 0),
    nrThreads: isAlive ? nrThreads : 0,
    startTimeNs: task.startTimeNs,
    vsizeBytes: isAlive ? space.totalVm * PAGE_SIZE : 0,
    rssPages: isAlive ? rssStat.approximate : 0,
    startCode: isAlive ? image.startCode : 0,
    endCode: isAlive ? image.endCode : 0,
    startStack: isAlive ? space.startStack : 0,
    cpu: task.cpu,
    startData: isAlive ? image.startData : 0,
    endData: isAlive ? image.endData : 0,
    startBrk: isAlive ? space.startBrk : 0,
    argStart: isAlive ? image.argStart : 0,
    argEnd: isAlive ? image.argEnd : 0,
    envStart: isAlive ? image.envStart : 0,
    envEnd: isAlive ? image.envEnd : 0,
  };
}
