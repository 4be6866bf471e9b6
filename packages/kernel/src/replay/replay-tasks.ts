/**
 * Tasks of a replay: which task of the machine each recorded thread is. Cold: per clone, exec and exit.
 *
 * Threads that no clone event names are of the first program, as one task: they share all that matters here. A process that
 * was left out, could not be made, or was killed has no task, and its calls are passed over.
 */
import {
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  type CloneEvent,
  KernelError,
  NO_VMA,
} from "@pageframe/contracts";
import { type Kernel } from "../kernel.ts";
import { type Task } from "../task.ts";

/** A recorded thread: its task, and which process it is of as the recording has it. */
interface Thread {
  readonly task: Task;
  readonly processId: number;
}

/** Recorded threads and their tasks. */
export class ReplayTasks {
  /** Task of the first program. */
  readonly first: Task;
  private readonly kernel: Kernel;
  /** Null for those whose calls are passed over. */
  private readonly threads = new Map<number, Thread | null>();
  /** Every task that there ever was, for counts. */
  readonly all: Task[];
  private nrProcesses = 1;

  constructor(kernel: Kernel, first: Task) {
    this.kernel = kernel;
    this.first = first;
    this.all = [first];
  }

  /** Task that makes a call, or null when the call is to be passed over. A parent that vfork holds up goes on. */
  taskOf(tid: number): Task | null {
    const thread = this.threads.get(tid);
    if (thread === null) return null;
    const task = thread?.task ?? this.first;
    if (task.hasExited || task.killedBy !== null) return null;
    const child = this.kernel.sys.tasks.get(task.vforkChildPid);
    // The recording shows the parent's call before what ended its wait.
    if (child !== undefined) this.kernel.execveEmpty(child);
    return task;
  }

  /** Makes the task of a new thread. Returns 0 or -errno; without a task the thread's calls are passed over. */
  clone(task: Task, event: CloneEvent): number {
    const parent = this.threads.get(event.tid);
    const { flags } = event;
    const isSameProcess = (flags & CLONE_THREAD) !== 0;
    try {
      const child = this.makeTask(task, flags);
      const processId = isSameProcess ? (parent?.processId ?? 0) : this.nrProcesses++;
      this.threads.set(event.childTid, { task: child, processId });
      this.all.push(child);
      return 0;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.threads.set(event.childTid, null);
      return error.errno;
    }
  }

  /** The process of a thread ends. Returns false when it is the last one, which stays for whoever wants to look. */
  exitGroup(tid: number, status: number): boolean {
    const processId = this.processOf(tid);
    const own = this.tasksOf(processId);
    const others = this.all.filter((task) => !task.hasExited && !own.includes(task));
    if (others.length === 0) return false;
    for (const task of own) {
      const parent = this.kernel.sys.tasks.get(task.parentPid);
      this.kernel.exit(task, status);
      if (parent !== undefined && this.all.includes(parent) && parent.vforkChildPid === 0)
        this.kernel.wait(parent);
    }
    return true;
  }

  /** The thread's process runs another program; one that has no mapping yet has just begun to. Returns 0 or -errno. */
  exec(task: Task): number {
    const { space } = task.mm;
    const isFresh = task.mm.nrUsers === 1 && space.firstVma === NO_VMA;
    return isFresh ? 0 : this.kernel.execveEmpty(task);
  }

  private processOf(tid: number): number {
    return this.threads.get(tid)?.processId ?? 0;
  }

  /** Living tasks of a recorded process. */
  private tasksOf(processId: number): Task[] {
    const tasks = processId === 0 ? [this.first] : [];
    for (const thread of this.threads.values()) {
      if (thread !== null && thread.processId === processId) tasks.push(thread.task);
    }
    return tasks.filter((task) => !task.hasExited);
  }

  private makeTask(task: Task, flags: number): Task {
    if ((flags & CLONE_VM) === 0) return this.kernel.fork(task);
    // One that shares memory without being a thread counts as one as long as its maker does not wait for it.
    return (flags & CLONE_VFORK) !== 0 ? this.kernel.vfork(task) : this.kernel.thread(task);
  }
}
