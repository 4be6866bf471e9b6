import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  B_DIRTY,
  B_DIRTY_TIME,
  B_IO,
  B_MORE_IO,
  B_NONE,
  I_DIRTY_PAGES,
  I_DIRTY_SYNC,
  I_DIRTY_TIME,
  I_SYNC,
  I_SYNC_QUEUED,
  InodeQueues,
  NO_INODE,
} from "../src/index.ts";

/** Jiffy before which no timestamp is old. */
const NEVER_OLD = -1;
const NO_SUPER = -1;
const CLEAN = { nrLeftToWrite: 10, nrSkipped: 0, hasDirtyPages: false, isSyncOrTagged: false };

function dirty(queues: InodeQueues, inodes: number[], from = 100, superId = 1): void {
  for (const [nr, inode] of inodes.entries()) queues.markDirty(inode, superId, I_DIRTY_PAGES, from + nr);
}

describe("InodeQueues", () => {
  it("queues what is old enough, the oldest first, behind what had its turn", () => {
    // The picture above queue_io() in Linux 6.18 fs/fs-writeback.c: c d e on io, A B had their turn, f is old, g is not.
    const [A, B, c, d, e, f, g] = [1, 2, 3, 4, 5, 6, 7];
    const queues = new InodeQueues();
    dirty(queues, [A, B, c, d, e]);
    queues.queueIo(104, NEVER_OLD, NO_SUPER);
    queues.requeueIo(A);
    queues.requeueIo(B);
    dirty(queues, [f, g], 200);
    expect(queues.collect(B_IO)).toEqual([c, d, e]);
    expect(queues.queueIo(200, NEVER_OLD, NO_SUPER)).toBe(1);
    expect(queues.collect(B_IO)).toEqual([c, d, e, A, B, f]);
    expect(queues.collect(B_DIRTY)).toEqual([g]);
    expect(queues.collect(B_MORE_IO)).toEqual([]);
    expect(queues.getState(f)).toBe(I_DIRTY_PAGES | I_SYNC_QUEUED);
    queues.checkInvariants();
  });

  it("tells when the device gets its first dirty inode, and leaves dirty ones in their place", () => {
    const queues = new InodeQueues();
    expect(queues.hasDirtyIo).toBe(false);
    expect(queues.markDirty(7, 1, I_DIRTY_PAGES, 10)).toBe(true);
    expect(queues.markDirty(8, 1, I_DIRTY_PAGES, 20)).toBe(false);
    expect(queues.markDirty(7, 1, I_DIRTY_SYNC, 30)).toBe(false);
    expect(queues.collect(B_DIRTY)).toEqual([7, 8]);
    expect(queues.getDirtiedWhen(7)).toBe(10);
    expect(queues.getState(7)).toBe(I_DIRTY_PAGES | I_DIRTY_SYNC);
    expect([queues.getOldest(B_DIRTY), queues.getOldest(B_IO)]).toEqual([7, NO_INODE]);
  });

  it("sorts by superblock when there are several, but not for block devices", () => {
    const queues = new InodeQueues();
    for (const [inode, superId] of [
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 9],
      [5, 2],
    ]) {
      queues.markDirty(inode, superId, I_DIRTY_PAGES, inode);
    }
    queues.queueIo(100, NEVER_OLD, 9);
    expect(queues.collect(B_IO)).toEqual([1, 3, 2, 5, 4]);
    const plain = new InodeQueues();
    for (const [inode, superId] of [
      [1, 1],
      [2, 9],
      [3, 1],
    ]) {
      plain.markDirty(inode, superId, I_DIRTY_PAGES, inode);
    }
    plain.queueIo(100, NEVER_OLD, 9);
    expect(plain.collect(B_IO)).toEqual([1, 2, 3]);
    queues.checkInvariants();
  });

  it("drops an inode that was written whole, and keeps one that was dirtied meanwhile", () => {
    const queues = new InodeQueues();
    dirty(queues, [1, 2]);
    queues.queueIo(200, NEVER_OLD, NO_SUPER);
    queues.beginSync(1, 1);
    expect(queues.takeDirty(1, false, false, NEVER_OLD)).toBe(I_DIRTY_PAGES);
    expect(queues.requeue(1, CLEAN, 200, 300)).toBe(true);
    expect([queues.getQueue(1), queues.getState(1), queues.getDirtiedWhen(1)]).toEqual([B_NONE, 0, -1]);

    queues.beginSync(2, 1);
    queues.takeDirty(2, false, false, NEVER_OLD);
    // The flusher places it: no matter that somebody dirties it now.
    expect(queues.markDirty(2, 1, I_DIRTY_SYNC, 250)).toBe(false);
    expect(queues.getQueue(2)).toBe(B_IO);
    expect(queues.requeue(2, CLEAN, 200, 300)).toBe(false);
    expect([queues.getQueue(2), queues.getState(2), queues.getDirtiedWhen(2)]).toEqual([
      B_DIRTY,
      I_DIRTY_SYNC,
      101,
    ]);
    queues.checkInvariants();
  });

  it("gives another turn when the chunk is used up, and waits when it is not", () => {
    const queues = new InodeQueues();
    dirty(queues, [1, 2, 3, 4]);
    queues.queueIo(103, NEVER_OLD, NO_SUPER);
    const write = (inode: number, result: Partial<typeof CLEAN>, dirtiedBefore = 103): void => {
      queues.beginSync(inode, 1);
      queues.takeDirty(inode, result.hasDirtyPages ?? true, false, NEVER_OLD);
      queues.requeue(inode, { ...CLEAN, hasDirtyPages: true, ...result }, dirtiedBefore, 500);
    };
    write(1, { nrLeftToWrite: 0 });
    write(2, { nrLeftToWrite: 1 });
    write(3, { nrLeftToWrite: 0, nrSkipped: 1 });
    // It was not so long dirty as what is written now.
    write(4, { nrLeftToWrite: 0 }, 102);
    expect(queues.collect(B_MORE_IO)).toEqual([1]);
    expect(queues.collect(B_DIRTY)).toEqual([2, 3, 4]);
    queues.checkInvariants();
  });

  it("makes an inode young that goes back behind younger ones", () => {
    const queues = new InodeQueues();
    dirty(queues, [1]);
    queues.queueIo(100, NEVER_OLD, NO_SUPER);
    dirty(queues, [2], 300);
    queues.redirtyTail(1, 400);
    expect(queues.getDirtiedWhen(1)).toBe(400);
    queues.redirtyTail(1, 500);
    expect(queues.getDirtiedWhen(1)).toBe(400);
    expect(queues.collect(B_DIRTY)).toEqual([2, 1]);
  });

  it("makes an inode young that sync left dirty", () => {
    const queues = new InodeQueues();
    dirty(queues, [1]);
    queues.queueIo(100, NEVER_OLD, NO_SUPER);
    queues.beginSync(1, 1);
    queues.takeDirty(1, true, true, NEVER_OLD);
    queues.requeue(1, { ...CLEAN, hasDirtyPages: true, nrLeftToWrite: 0, isSyncOrTagged: true }, 100, 300);
    expect([queues.getQueue(1), queues.getDirtiedWhen(1)]).toEqual([B_DIRTY, 300]);
  });

  it("writes timestamps alone only when they are old, or with the inode", () => {
    const queues = new InodeQueues();
    expect(queues.markDirty(1, 1, I_DIRTY_TIME, 100)).toBe(false);
    expect([queues.hasDirtyIo, queues.getQueue(1)]).toEqual([false, B_DIRTY_TIME]);
    expect(queues.queueIo(1000, 99, NO_SUPER)).toBe(0);
    expect(queues.queueIo(1000, 100, NO_SUPER)).toBe(1);
    queues.beginSync(1, 1);
    expect(queues.takeDirty(1, false, false, 101)).toBe(I_DIRTY_SYNC);
    expect(queues.requeue(1, CLEAN, 1000, 1000)).toBe(true);

    queues.markDirty(2, 1, I_DIRTY_TIME, 100);
    expect(queues.markDirty(2, 1, I_DIRTY_SYNC, 200)).toBe(true);
    expect([queues.getQueue(2), queues.getState(2)]).toEqual([B_DIRTY, I_DIRTY_SYNC]);

    queues.markDirty(3, 1, I_DIRTY_PAGES, 300);
    queues.markDirty(3, 1, I_DIRTY_TIME, 310);
    queues.queueIo(1000, NEVER_OLD, NO_SUPER);
    queues.beginSync(3, 1);
    expect(queues.takeDirty(3, false, false, NEVER_OLD)).toBe(I_DIRTY_PAGES);
    expect(queues.requeue(3, CLEAN, 1000, 1100)).toBe(false);
    expect([queues.getQueue(3), queues.getState(3), queues.getDirtiedWhen(3)]).toEqual([
      B_DIRTY_TIME,
      I_DIRTY_TIME,
      1100,
    ]);
    queues.checkInvariants();
  });

  it("lets fsync write an inode of any queue, and one that is clean", () => {
    const queues = new InodeQueues();
    dirty(queues, [1, 2, 3]);
    queues.queueIo(100, NEVER_OLD, NO_SUPER);
    queues.beginSync(1, 1);
    expect(queues.getState(1)).toBe(I_DIRTY_PAGES | I_SYNC | I_SYNC_QUEUED);
    queues.takeDirty(1, true, true, NEVER_OLD);
    expect(queues.endSync(1, 400)).toBe(false);
    expect(queues.getQueue(1)).toBe(B_IO);
    queues.beginSync(2, 1);
    queues.takeDirty(2, false, true, NEVER_OLD);
    expect(queues.endSync(2, 400)).toBe(true);
    queues.beginSync(3, 1);
    queues.takeDirty(3, true, true, NEVER_OLD);
    expect(queues.endSync(3, 400)).toBe(false);
    expect(queues.collect(B_DIRTY)).toEqual([3]);
    queues.beginSync(9, 1);
    expect(queues.takeDirty(9, false, true, NEVER_OLD)).toBe(0);
    expect(queues.endSync(9, 400)).toBe(true);
    queues.forget(3);
    queues.forget(77);
    expect(queues.collect(B_DIRTY)).toEqual([]);
    queues.checkInvariants();
  });

  it("stops at inodes that it does not know", () => {
    const queues = new InodeQueues();
    expect(() => queues.requeueIo(5)).toThrow(/BUG/);
    expect(() => queues.markDirty(-1, 1, I_DIRTY_PAGES, 0)).toThrow(/BUG/);
  });

  it("does what lists of inodes would do, whatever comes", () => {
    const step = fc.record({
      kind: fc.nat(7),
      inode: fc.nat(20),
      flags: fc.constantFrom(I_DIRTY_PAGES, I_DIRTY_SYNC, I_DIRTY_TIME),
      isTrue: fc.boolean(),
      nr: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queues = new InodeQueues();
        const lists: number[][] = [[], [], [], []];
        const move = (inode: number, queue: number): void => {
          for (const list of lists) if (list.includes(inode)) list.splice(list.indexOf(inode), 1);
          if (queue !== B_NONE) lists[queue].push(inode);
        };
        let now = 10;
        for (const { kind, inode, flags, isTrue, nr } of steps) {
          now += nr;
          const before = queues.getQueue(inode);
          const state = queues.getState(inode);
          if (kind <= 2) {
            queues.markDirty(inode, inode % 2, flags, now);
            const after = queues.getQueue(inode);
            if (after !== before) move(inode, after);
            if ((state & I_SYNC_QUEUED) !== 0) expect(after).toBe(before);
          } else if (kind === 3) {
            const line = now - nr * 3;
            const old = [B_DIRTY, B_DIRTY_TIME].map((queue) =>
              lists[queue].filter((candidate) => queues.getDirtiedWhen(candidate) <= line),
            );
            const moved = [...lists[B_MORE_IO], ...old.flatMap((list) => bySuper(list))];
            expect(queues.queueIo(line, line, NO_SUPER)).toBe(old[0].length + old[1].length);
            for (const one of moved) move(one, B_IO);
          } else if (kind === 4 && before !== B_NONE && (state & I_SYNC) === 0) {
            queues.beginSync(inode, inode % 2);
          } else if (kind === 5 && (state & I_SYNC) !== 0) {
            queues.takeDirty(inode, isTrue, nr === 1, now - 3);
            const result = {
              nrLeftToWrite: nr,
              nrSkipped: 0,
              hasDirtyPages: isTrue,
              isSyncOrTagged: nr === 2,
            };
            if (before === B_IO) queues.requeue(inode, result, now, now);
            else queues.endSync(inode, now);
            const after = queues.getQueue(inode);
            const stays = before === B_MORE_IO && after === B_MORE_IO;
            if (!stays) move(inode, after);
          } else if (kind === 6) {
            queues.forget(inode);
            move(inode, B_NONE);
          }
          queues.checkInvariants();
          for (const queue of [B_DIRTY, B_IO, B_MORE_IO, B_DIRTY_TIME]) {
            expect(queues.collect(queue)).toEqual(lists[queue]);
            expect(queues.nrOn(queue)).toBe(lists[queue].length);
          }
        }
      }),
    );
  });
});

function bySuper(inodes: number[]): number[] {
  if (inodes.length === 0) return [];
  const first = inodes[0] % 2;
  return [...inodes.filter((inode) => inode % 2 === first), ...inodes.filter((inode) => inode % 2 !== first)];
}
