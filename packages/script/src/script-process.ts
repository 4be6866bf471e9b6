/** A process of a script, and what the recorder remembers of it. */
import { type Task } from "@pageframe/kernel";

/** KiB by the names of {@link STATUS_FIELDS}. */
export type StatusValues = Readonly<Record<string, number>>;

/** Lines of /proc/PID/status that are observed. */
export const STATUS_FIELDS = [
  "VmPeak",
  "VmSize",
  "VmLck",
  "VmHWM",
  "VmRSS",
  "RssAnon",
  "RssFile",
  "RssShmem",
  "VmData",
  "VmPTE",
  "VmSwap",
  "HugetlbPages",
] as const;

/** One process, from fork to the script's end. */
export class ScriptProcess {
  readonly name: string;
  /** Null when fork failed. */
  readonly task: Task | null;
  readonly parent: ScriptProcess | null;
  /** What status said when the first process began. */
  readonly base: StatusValues;
  /** Does it take commands? */
  isAlive: boolean;
  /** Has its end been waited for? */
  isReaped = false;
  /** What the last wait told it; a wait without children tells it again. */
  waitedStatus = 0;

  constructor(name: string, task: Task | null, parent: ScriptProcess | null, base: StatusValues) {
    this.name = name;
    this.task = task;
    this.parent = parent;
    this.base = base;
    this.isAlive = task !== null;
  }
}
