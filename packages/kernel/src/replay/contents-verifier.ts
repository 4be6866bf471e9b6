/**
 * Checks that memory gives back what was written to it: stamps pages when they are written and looks at them when they
 * are read. For tests and `--verify`; cold.
 */
import {
  bug,
  NO_ENTRY,
  NO_VMA,
  PAGE_SIZE,
  type Pfn,
  pteIsPresent,
  leafPfn,
  PT_LEVEL_PTE,
  type Vpn,
} from "@pageframe/contracts";
import { initialFileByte } from "../files/files.ts";
import { type Kernel } from "../kernel.ts";
import { type Task } from "../task.ts";

/** Offsets in a page that carry the stamp's four bytes, at both ends; and one that nobody writes. */
const STAMP_OFFSETS = [0, PAGE_SIZE - 8];
const UNTOUCHED_OFFSET = PAGE_SIZE / 2;

/** Remembers what each page of one task must hold. */
export class ContentsVerifier {
  private readonly kernel: Kernel;
  private readonly task: Task;
  private readonly stamps = new Map<Vpn, number>();
  private nrWrites = 0;
  /** Pages that were looked at. */
  nrChecks = 0;

  constructor(kernel: Kernel, task: Task) {
    this.kernel = kernel;
    this.task = task;
  }

  /** The page was just written: puts a new stamp in. */
  wrote(vpn: Vpn): void {
    this.check(vpn);
    const stamp = (Math.imul(++this.nrWrites, 0x9e3779b1) ^ vpn) | 1;
    const { contents } = this.kernel.sys;
    const pfn = this.frameOf(vpn);
    for (const start of STAMP_OFFSETS) {
      for (let at = 0; at < 4; at++) contents.writeByte(pfn, start + at, (stamp >>> (8 * at)) & 0xff);
    }
    this.stamps.set(vpn, stamp);
  }

  /** The page was just read: compares. */
  read(vpn: Vpn): void {
    this.check(vpn);
  }

  /** Pages were unmapped or replaced. */
  forget(vpn: Vpn, nrPages: number): void {
    for (let page = vpn; page < vpn + nrPages; page++) this.stamps.delete(page);
  }

  /** Pages moved to another address (mremap). */
  move(fromVpn: Vpn, toVpn: Vpn, nrPages: number): void {
    if (fromVpn === toVpn) return;
    const moved: [Vpn, number][] = [];
    for (let page = 0; page < nrPages; page++) {
      const stamp = this.stamps.get(fromVpn + page);
      if (stamp !== undefined) moved.push([toVpn + page, stamp]);
    }
    this.forget(fromVpn, nrPages);
    for (const [vpn, stamp] of moved) this.stamps.set(vpn, stamp);
  }

  private check(vpn: Vpn): void {
    const { contents } = this.kernel.sys;
    const pfn = this.frameOf(vpn);
    const stamp = this.stamps.get(vpn);
    this.nrChecks++;
    for (const start of STAMP_OFFSETS) {
      for (let at = 0; at < 4; at++) {
        const expected =
          stamp === undefined ? this.initialByte(vpn, start + at) : (stamp >>> (8 * at)) & 0xff;
        this.compare(vpn, start + at, contents.readByte(pfn, start + at), expected);
      }
    }
    const expected = this.initialByte(vpn, UNTOUCHED_OFFSET);
    this.compare(vpn, UNTOUCHED_OFFSET, contents.readByte(pfn, UNTOUCHED_OFFSET), expected);
  }

  private compare(vpn: Vpn, offset: number, found: number, expected: number): void {
    if (found !== expected) {
      bug(`vpn 0x${vpn.toString(16)} holds ${found} at offset ${offset}; ${expected} was written there`);
    }
  }

  /** What a byte of a page is before anybody writes it. */
  private initialByte(vpn: Vpn, offset: number): number {
    const { space } = this.task.mm;
    const vma = space.findVma(vpn);
    if (vma === NO_VMA) return 0;
    const { pool } = space;
    const fileId = pool.fileId[vma];
    if (fileId < 0) return 0;
    const inode = this.kernel.sys.files.inodeOf(fileId);
    if (inode.isShmem) return 0;
    return initialFileByte(inode.id, pool.pgoff[vma] + (vpn - pool.startVpn[vma]), offset);
  }

  private frameOf(vpn: Vpn): Pfn {
    const entry = this.task.mm.pageTable.findEntry(vpn);
    const { pageTable } = this.task.mm;
    if (entry === NO_ENTRY || !pteIsPresent(pageTable.entryLo(entry)))
      bug(`vpn 0x${vpn.toString(16)} was accessed and is not there`);
    return leafPfn(pageTable.entryLo(entry), pageTable.entryHi(entry), PT_LEVEL_PTE);
  }
}
