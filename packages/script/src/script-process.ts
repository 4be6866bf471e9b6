/** A process of a script, and what the recorder remembers of it. */
import { type Task } from "@pageframe/kernel";

/** One process, from fork to the script's end. */
export class ScriptProcess {
  readonly name: string;
  /** Null when fork failed. */
  readonly task: Task | null;
  readonly parent: ScriptProcess | null;
  /** Does it take commands? */
  isAlive: boolean;
  /** Has its end been waited for? */
  isReaped = false;
  /** What wait tells of its end. */
  waitStatus = 0;
  /** Result of the last operation that it ran. */
  lastResult = 0;

  constructor(name: string, task: Task | null, parent: ScriptProcess | null) {
    this.name = name;
    this.task = task;
    this.parent = parent;
    this.isAlive = task !== null;
  }
}
