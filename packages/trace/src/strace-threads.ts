/**
 * The threads of an strace log: whose line a line is, who made whom. Cold: per system call.
 *
 * strace prints a child's first lines often before the line of the clone(2) that made it is complete. So a process id
 * that was never seen is the child of a call that has not returned yet. One that nobody made was there when strace
 * attached: a thread of the first process. In a log without ids all lines are of one thread; strace leaves them out on a
 * terminal while one process lives.
 */
import { type CloneEvent } from "@pageframe/contracts";
import { cloneProcess, newProcess, type TracedProcess, type TracedThread } from "./traced-process.ts";

/** A clone whose child has not been seen. */
interface PendingClone {
  readonly parent: TracedThread;
  readonly flags: number;
}

/** Threads by process id as strace prints it. */
export class StraceThreads {
  /** Clone events of threads that came into view; whoever reads them empties the list. */
  readonly events: CloneEvent[] = [];
  readonly firstProcess: TracedProcess = newProcess();
  private readonly threads = new Map<string, TracedThread>();
  private readonly pendingClones: PendingClone[] = [];
  /** Ids that strace said it attached to: children, though their clone may not be known. */
  private readonly announced = new Set<string>();
  private nrThreads = 0;

  /** Returns the thread of a line; `isResumed` tells that the line completes a call of a thread seen before. */
  get(pid: string, isResumed = false): TracedThread {
    const known = this.threads.get(pid);
    if (known !== undefined) return known;
    if (this.nrThreads === 0) return this.add(pid, this.firstProcess);
    if (pid === "") return this.onlyThread();
    const unnamed = this.threads.get("");
    const isNew = this.announced.has(pid) || (this.pendingClones.length > 0 && !isResumed);
    if (unnamed !== undefined && !isNew) {
      this.threads.delete("");
      this.threads.set(pid, unnamed);
      return unnamed;
    }
    const clone = isResumed ? undefined : this.pendingClones.shift();
    if (clone !== undefined) return this.addChild(clone.parent, pid, clone.flags);
    this.firstProcess.nrThreads++;
    return this.add(pid, this.firstProcess);
  }

  /** A thread called clone and has not come back: its child may show first. */
  startClone(parent: TracedThread, flags: number): void {
    this.pendingClones.push({ parent, flags });
  }

  /** The call of {@link startClone} comes back: the child has shown, or the result will name it. */
  endClone(parent: TracedThread): void {
    const index = this.pendingClones.findIndex((clone) => clone.parent === parent);
    if (index >= 0) this.pendingClones.splice(index, 1);
  }

  /** A call made a child. */
  clone(parent: TracedThread, childPid: string, flags: number): void {
    if (!this.threads.has(childPid)) this.addChild(parent, childPid, flags);
  }

  /** strace says that it traces another process. */
  announce(pid: string): void {
    this.announced.add(pid);
  }

  /** A thread ended; its id may be used again. Returns whether it was the last of its process. */
  end(pid: string): boolean {
    const thread = this.get(pid);
    for (const [key, other] of this.threads) if (other === thread) this.threads.delete(key);
    return --thread.process.nrThreads === 0;
  }

  /** A thread that executed a program took over the id of its process's first thread. */
  supersede(pid: string, byPid: string): void {
    const thread = this.threads.get(byPid);
    if (thread === undefined) return;
    this.threads.delete(byPid);
    this.threads.set(pid, thread);
  }

  private onlyThread(): TracedThread {
    const living = new Set(this.threads.values());
    const [first] = living;
    return living.size === 0 ? this.add("", this.firstProcess) : first;
  }

  private addChild(parent: TracedThread, pid: string, flags: number): TracedThread {
    const child = this.add(pid, cloneProcess(parent.process, flags));
    this.events.push({ name: "clone", tid: parent.tid, childTid: child.tid, flags });
    return child;
  }

  private add(pid: string, process: TracedProcess): TracedThread {
    const thread = { tid: ++this.nrThreads, process };
    this.threads.set(pid, thread);
    return thread;
  }
}
