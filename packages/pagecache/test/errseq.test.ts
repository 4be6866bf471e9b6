import { describe, expect, it } from "vitest";
import { EIO, ENOSPC } from "@pageframe/contracts";
import { ERRSEQ_NONE, errseqAdvance, errseqCheck, errseqSample, errseqSet } from "@pageframe/pagecache";

interface Inode {
  wbErr: number;
}

/** An open file, as file_check_and_advance_wb_err() uses it. */
class OpenFile {
  private readonly inode: Inode;
  private wbErr: number;

  constructor(inode: Inode) {
    this.inode = inode;
    this.wbErr = errseqSample(inode.wbErr);
  }
  fsync(): number {
    const err = errseqCheck(this.inode.wbErr, this.wbErr);
    if (err !== 0) this.wbErr = this.inode.wbErr = errseqAdvance(this.inode.wbErr);
    return err;
  }
}

describe("errseq", () => {
  it("tells each file that was open once", () => {
    const inode = { wbErr: ERRSEQ_NONE };
    const files = [new OpenFile(inode), new OpenFile(inode)];
    expect(files.map((file) => file.fsync())).toEqual([0, 0]);
    inode.wbErr = errseqSet(inode.wbErr, -EIO);
    expect(files.map((file) => file.fsync())).toEqual([-EIO, -EIO]);
    expect(files.map((file) => file.fsync())).toEqual([0, 0]);
  });

  it("tells the last of several errors, and the same one again when it happens again", () => {
    const inode = { wbErr: ERRSEQ_NONE };
    const file = new OpenFile(inode);
    inode.wbErr = errseqSet(errseqSet(inode.wbErr, -EIO), -ENOSPC);
    expect([file.fsync(), file.fsync()]).toEqual([-ENOSPC, 0]);
    inode.wbErr = errseqSet(inode.wbErr, -ENOSPC);
    expect([file.fsync(), file.fsync()]).toEqual([-ENOSPC, 0]);
  });

  it("tells a file opened later only of an error that nobody has seen", () => {
    const inode = { wbErr: errseqSet(ERRSEQ_NONE, -EIO) };
    const first = new OpenFile(inode);
    const other = new OpenFile(inode);
    expect(first.fsync()).toBe(-EIO);
    expect(new OpenFile(inode).fsync()).toBe(0);
    // `other` sampled before it was seen: it is told too.
    expect(other.fsync()).toBe(-EIO);
  });

  it("counts only errors that follow one that was seen", () => {
    // Bits by hand: EIO is 5, the seen bit 0x1000, the counter's lowest 0x2000.
    const unseen = errseqSet(errseqSet(ERRSEQ_NONE, -EIO), -EIO);
    expect(unseen).toBe(5);
    expect(errseqAdvance(unseen)).toBe(0x1005);
    expect(errseqSet(errseqAdvance(unseen), -EIO)).toBe(0x2005);
    // The counter wraps within an int32.
    expect(errseqSet(-0x2000 | 0x1005, -EIO)).toBe(5);
    expect(() => errseqSet(ERRSEQ_NONE, 0)).toThrow("no error");
  });
});
