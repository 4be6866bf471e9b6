/**
 * Userfaultfd contexts: who watches which address space, what it was promised, and who waits for it.
 *
 * A fault in a watched mapping that the context wants to hear of becomes a message; the task waits (UserfaultWait) until
 * somebody provides the page and wakes it. Other events, such as a fork, are messages too. A context is numbered like a
 * descriptor of its own kind, for all tasks.
 * Source: Linux 6.18 include/linux/userfaultfd_k.h, struct userfaultfd_ctx; fs/userfaultfd.c, struct userfaultfd_wait_queue,
 * userfaultfd_wake_function(). Differs: a context takes no slab object, and no reference on its address space.
 */
import {
  bug,
  type UFFD_EVENT_FORK,
  type UFFD_EVENT_PAGEFAULT,
  type UFFD_EVENT_REMAP,
  type UFFD_EVENT_REMOVE,
  type UFFD_EVENT_UNMAP,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_UNPOPULATED,
  type Vaddr,
} from "@pageframe/contracts";
import { type Mm } from "../task.ts";

/** What read(2) on a userfaultfd gives (struct uffd_msg). Addresses and lengths in bytes. */
export type UffdMsg =
  | {
      readonly event: typeof UFFD_EVENT_PAGEFAULT;
      /** UFFD_PAGEFAULT_FLAG_*. */
      readonly flags: number;
      /** First byte of the page, or the very byte with UFFD_FEATURE_EXACT_ADDRESS. */
      readonly address: Vaddr;
      /** Task that waits, with UFFD_FEATURE_THREAD_ID; else 0. */
      readonly ptid: number;
    }
  | {
      readonly event: typeof UFFD_EVENT_FORK;
      /** The context that watches the child. */ readonly ufd: number;
    }
  | {
      readonly event: typeof UFFD_EVENT_REMAP;
      readonly from: Vaddr;
      readonly to: Vaddr;
      readonly len: number;
    }
  | {
      readonly event: typeof UFFD_EVENT_REMOVE | typeof UFFD_EVENT_UNMAP;
      readonly start: Vaddr;
      readonly end: Vaddr;
    };

/**
 * A program's own code that serves a userfaultfd while tasks wait for it. Its fields are state of the machine, as all that
 * can be reached from it, unless it is an ExternalState.
 */
export interface UserfaultMonitor {
  /**
   * The context has something to read: uffdRead() until -EAGAIN, and answer by uffdIoctl(). Called while the task that
   * caused it stands still, not again before it returns.
   */
  userfault(uffd: number): void;
}

/** A task that waits for a page. */
export interface UserfaultWait {
  readonly pid: number;
  readonly uffd: number;
  readonly address: Vaddr;
  readonly msg: UffdMsg;
}

/** One userfaultfd. */
export class UserfaultCtx {
  readonly id: number;
  /** UFFD_USER_MODE_ONLY, UFFD_CLOEXEC, UFFD_NONBLOCK. */
  readonly flags: number;
  /** Address space that it watches: that of the task that made it. */
  readonly mm: Mm;
  /** UFFD_FEATURE_* that were asked for. */
  features = 0;
  /** Has UFFDIO_API been called? Nothing else works before. */
  isInitialized = false;
  /** Who serves it, or null. */
  monitor: UserfaultMonitor | null = null;
  isMonitorRunning = false;
  /** Tasks that wait, oldest first: those whose message was not read yet, and the others. */
  readonly pending: UserfaultWait[] = [];
  readonly read: UserfaultWait[] = [];
  /** Other messages, oldest first. While there are any, mappings are about to change (mmap_changing). */
  readonly events: UffdMsg[] = [];

  constructor(id: number, flags: number, mm: Mm) {
    this.id = id;
    this.flags = flags;
    this.mm = mm;
  }

  /** Is a write to a protected page let through, with the protection taken away? */
  get isWpAsync(): boolean {
    return (this.features & UFFD_FEATURE_WP_ASYNC) !== 0;
  }

  /** Is anonymous memory protected where nothing is populated yet? */
  get isWpUnpopulated(): boolean {
    return (this.features & UFFD_FEATURE_WP_UNPOPULATED) !== 0;
  }

  /** Is there something to read? */
  get hasNews(): boolean {
    return this.pending.length > 0 || this.events.length > 0;
  }
}

/** All userfaultfds of a machine, and how the fault being handled may be answered. */
export class Userfaults {
  /** By number; null where it was closed. */
  readonly contexts: (UserfaultCtx | null)[] = [];
  /** What each task waits for, by pid. */
  readonly waits = new Map<number, UserfaultWait>();
  /** Contexts that a fork under way has made: that of the child by the parent's. */
  readonly forks = new Map<number, number>();
  /** May the fault being handled wait (FAULT_FLAG_ALLOW_RETRY), was it user mode's (FAULT_FLAG_USER), and at which byte? */
  mayRetry = false;
  isUser = false;
  offset = 0;
  /** Some context has news that its monitor has not been called for. */
  hasNews = false;

  /** The context of a number; it must be open. */
  context(uffd: number): UserfaultCtx {
    return this.contexts[uffd] ?? bug(`userfaultfd ${uffd} is not open`);
  }

  /** Makes a context. */
  open(flags: number, mm: Mm): UserfaultCtx {
    let id = this.contexts.indexOf(null);
    if (id < 0) id = this.contexts.length;
    const ctx = new UserfaultCtx(id, flags, mm);
    this.contexts[id] = ctx;
    return ctx;
  }

  /** Lets a task wait. What it waited for before it does no more. */
  addWait(wait: UserfaultWait): void {
    this.dropWait(wait.pid);
    this.waits.set(wait.pid, wait);
    this.context(wait.uffd).pending.push(wait);
    this.hasNews = true;
  }

  /** A task waits no more. */
  dropWait(pid: number): void {
    const wait = this.waits.get(pid);
    if (wait === undefined) return;
    this.waits.delete(pid);
    const ctx = this.context(wait.uffd);
    for (const queue of [ctx.pending, ctx.read]) {
      const at = queue.indexOf(wait);
      if (at >= 0) queue.splice(at, 1);
    }
  }

  /** Wakes the tasks that wait for bytes [start, end) (wake_userfault). */
  wake(ctx: UserfaultCtx, start: Vaddr, end: Vaddr): void {
    for (const wait of [...ctx.pending, ...ctx.read]) {
      if (wait.address >= start && wait.address < end) this.dropWait(wait.pid);
    }
  }

  /** Queues a message that no task waits for. */
  addEvent(ctx: UserfaultCtx, msg: UffdMsg): void {
    ctx.events.push(msg);
    this.hasNews = true;
  }
}
