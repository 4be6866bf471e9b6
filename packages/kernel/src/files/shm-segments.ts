/**
 * SysV shared memory segments: an object with an id and perhaps a key, which lives until it is removed and the last mapping
 * of it is gone.
 *
 *     id = sequence * 32768 + slot     the slot is the lowest free; the sequence tells segments of one slot apart
 *
 * A segment holds its inode as an open file does. Each attachment is a file of its own, so attachments never merge.
 * Source: Linux 6.18 ipc/shm.c, newseg(), shm_destroy(), shm_may_destroy(); ipc/util.c, ipc_addid().
 * Differs: no permissions, no namespaces, no huge pages, no SHM_LOCK.
 */
import { IPC_PRIVATE, SHMMNI } from "@pageframe/contracts";
import { type Inode } from "./inode.ts";

/** Slots of ids (IPCMNI), and sequence numbers. */
const IPCMNI = 32768;
const SEQUENCES = 65536;

/** One segment (struct shmid_kernel). */
export interface ShmSegment {
  readonly id: number;
  /** IPC_PRIVATE: nobody else finds it. */
  key: number;
  readonly sizeBytes: number;
  /** Permission bits that shmget was given. */
  readonly mode: number;
  readonly inode: Inode;
  readonly creatorPid: number;
  /** Task that attached or detached last; 0: none yet. */
  lastPid: number;
  /** Goes with the last mapping (SHM_DEST). */
  isRemoved: boolean;
}

/** The segments of a machine (ipc_ids). */
export class SysvShm {
  /** By slot. */
  readonly segments = new Map<number, ShmSegment>();
  private lastSlot = -1;
  private sequence = 0;

  /** Takes an id, or returns -1 when SHMMNI segments are there. */
  nextId(): number {
    if (this.segments.size >= SHMMNI) return -1;
    let slot = 0;
    while (this.segments.has(slot)) slot++;
    if (slot <= this.lastSlot) this.sequence = (this.sequence + 1) % SEQUENCES;
    this.lastSlot = slot;
    return this.sequence * IPCMNI + slot;
  }

  add(segment: ShmSegment): void {
    this.segments.set(slotOf(segment.id), segment);
  }

  remove(segment: ShmSegment): void {
    this.segments.delete(slotOf(segment.id));
  }

  /** Segment that lies in the slot of an id, maybe another one by now; null for none. */
  inSlotOf(id: number): ShmSegment | null {
    return id < 0 ? null : (this.segments.get(slotOf(id)) ?? null);
  }

  /** Segment of a key, or null. O(segments). */
  findKey(key: number): ShmSegment | null {
    if (key === IPC_PRIVATE) return null;
    for (const segment of this.segments.values()) if (segment.key === key) return segment;
    return null;
  }
}

function slotOf(id: number): number {
  return id % IPCMNI;
}
