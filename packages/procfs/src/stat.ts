/**
 * /proc/PID/stat. Source: Linux 6.18 fs/proc/array.c, do_task_stat().
 * Differs: 0 for process group, session, terminal, PF_* flags, faults of children, CPU times, signals and exit code.
 */

/** What a process's line shows. Addresses in bytes. */
export interface TaskStat {
  readonly pid: number;
  readonly name: string;
  /** Letter of the state, such as R. */
  readonly state: string;
  readonly ppid: number;
  readonly nrMinorFaults: number;
  readonly nrMajorFaults: number;
  readonly nrThreads: number;
  readonly startTimeNs: number;
  readonly vsizeBytes: number;
  /** Resident pages as far as CPUs have told (get_mm_rss). */
  readonly rssPages: number;
  readonly startCode: number;
  readonly endCode: number;
  readonly startStack: number;
  readonly cpu: number;
  readonly startData: number;
  readonly endData: number;
  readonly startBrk: number;
  readonly argStart: number;
  readonly argEnd: number;
  readonly envStart: number;
  readonly envEnd: number;
}

const NS_PER_TICK = 1e7;
/** Terminal of a process without one. */
const NO_TTY = -1;
/** Nice 0, as priority. */
const DEFAULT_PRIORITY = 20;
/** RLIM_INFINITY. */
const NO_RSS_LIMIT = "18446744073709551615";
const SIGCHLD = 17;

/** Writes /proc/PID/stat: 52 fields. */
export function formatStat(stat: TaskStat): string {
  const start = Math.floor(stat.startTimeNs / NS_PER_TICK);
  const identity = [stat.pid, `(${stat.name})`, stat.state, stat.ppid, 0, 0, 0, NO_TTY, 0];
  const faults = [stat.nrMinorFaults, 0, stat.nrMajorFaults, 0];
  const times = [0, 0, 0, 0, DEFAULT_PRIORITY, 0, stat.nrThreads, 0, start];
  const memory = [
    stat.vsizeBytes,
    stat.rssPages,
    NO_RSS_LIMIT,
    stat.startCode,
    stat.endCode,
    stat.startStack,
  ];
  const signals = [0, 0, 0, 0, 0, 0, 0, 0, 0, SIGCHLD];
  const scheduling = [stat.cpu, 0, 0, 0, 0, 0];
  const { startData, endData, startBrk, argStart, argEnd, envStart, envEnd } = stat;
  const layout = [startData, endData, startBrk, argStart, argEnd, envStart, envEnd, 0];
  return `${[identity, faults, times, memory, signals, scheduling, layout].flat().join(" ")}\n`;
}
