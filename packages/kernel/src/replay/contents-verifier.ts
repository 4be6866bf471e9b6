/**
 * Checks that memory gives back what was written to it: stamps pages when they are written and looks at them when they
 * are read. What mappings of files show is compared with models of the files. For tests and `--verify`; cold.
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
  VM_SHARED,
  type VmaId,
  type Vpn,
} from "@pageframe/contracts";
import { type FileModel } from "./file-model.ts";
import { initialFileByte } from "../files/files.ts";
import { type Inode } from "../files/inode.ts";
import { type Kernel } from "../kernel.ts";
import { type ReplayFiles } from "./replay-files.ts";
import { type Task } from "../task.ts";

/** Offsets in a page that carry the stamp's four bytes, at both ends; and one that nobody writes. */
const STAMP_OFFSETS = [0, PAGE_SIZE - 8];
const STAMP_BYTES = 4;
const UNTOUCHED_OFFSET = PAGE_SIZE / 2;
/** A byte that nothing is known of. */
const UNKNOWN = -1;

/** What a page of the program's own holds: its stamp, and the byte that nobody wrote when it became its own. */
interface Stamp {
  readonly stamp: number;
  readonly untouched: number;
}

/** Remembers what each page of one task must hold. */
export class ContentsVerifier {
  private readonly kernel: Kernel;
  private readonly task: Task;
  /** Files of the replay; null when it has none. */
  private readonly files: ReplayFiles | null;
  private readonly stamps = new Map<Vpn, Stamp>();
  private nrWrites = 0;
  /** Pages that were looked at. */
  nrChecks = 0;

  constructor(kernel: Kernel, task: Task, files: ReplayFiles | null = null) {
    this.kernel = kernel;
    this.task = task;
    this.files = files;
  }

  /** The page was just written: puts a new stamp in. */
  wrote(vpn: Vpn): void {
    this.check(vpn);
    const stamp = (Math.imul(++this.nrWrites, 0x9e3779b1) ^ vpn) | 1;
    const { contents } = this.kernel.sys;
    const pfn = this.frameOf(vpn);
    const shared = this.sharedFileAt(vpn);
    const untouched = shared === null ? this.expectedByte(vpn, UNTOUCHED_OFFSET) : UNKNOWN;
    for (const start of STAMP_OFFSETS) {
      for (let at = start; at < start + STAMP_BYTES; at++) {
        const byte = stampByte(stamp, at - start);
        contents.writeByte(pfn, at, byte);
        shared?.model?.setByte(shared.startByte + at, byte);
      }
    }
    if (shared === null) this.stamps.set(vpn, { stamp, untouched });
  }

  /** The page was just read: compares. */
  read(vpn: Vpn): void {
    this.check(vpn);
  }

  /** Pages were unmapped or replaced. */
  forget(vpn: Vpn, nrPages: number): void {
    for (let page = vpn; page < vpn + nrPages; page++) this.stamps.delete(page);
  }

  /** Another program takes the place of the one that was stamped. */
  forgetAll(): void {
    this.stamps.clear();
  }

  /** A file was cut off: the program's own copies of pages behind its end are gone too. O(pages that were written). */
  truncated(fileId: number, sizeBytes: number): void {
    for (const vpn of [...this.stamps.keys()]) {
      const vma = this.vmaOf(vpn);
      const inode = this.inodeOf(vma);
      if (inode === null || this.files?.fileIdOf(inode.id) !== fileId) continue;
      if (this.pgoffOf(vma, vpn) * PAGE_SIZE >= sizeBytes) this.stamps.delete(vpn);
    }
  }

  /** Pages moved to another address (mremap). */
  move(fromVpn: Vpn, toVpn: Vpn, nrPages: number): void {
    if (fromVpn === toVpn) return;
    const moved: [Vpn, Stamp][] = [];
    for (let page = 0; page < nrPages; page++) {
      const stamp = this.stamps.get(fromVpn + page);
      if (stamp !== undefined) moved.push([toVpn + page, stamp]);
    }
    this.forget(fromVpn, nrPages);
    for (const [vpn, stamp] of moved) this.stamps.set(vpn, stamp);
  }

  private check(vpn: Vpn): void {
    const pfn = this.frameOf(vpn);
    this.nrChecks++;
    for (const start of STAMP_OFFSETS) {
      for (let at = start; at < start + STAMP_BYTES; at++) this.compare(vpn, pfn, at);
    }
    this.compare(vpn, pfn, UNTOUCHED_OFFSET);
  }

  private compare(vpn: Vpn, pfn: Pfn, offset: number): void {
    const expected = this.expectedByte(vpn, offset);
    const found = this.kernel.sys.contents.readByte(pfn, offset);
    if (expected !== UNKNOWN && found !== expected) {
      bug(`vpn 0x${vpn.toString(16)} holds ${found} at offset ${offset}; ${expected} was written there`);
    }
  }

  /** What a byte of a page must be. */
  private expectedByte(vpn: Vpn, offset: number): number {
    const own = this.stamps.get(vpn);
    if (own !== undefined) {
      const start = STAMP_OFFSETS.find((at) => offset >= at && offset < at + STAMP_BYTES);
      return start === undefined ? own.untouched : stampByte(own.stamp, offset - start);
    }
    const vma = this.vmaOf(vpn);
    const inode = this.inodeOf(vma);
    if (inode === null || inode.isShmem) return 0;
    const pgoff = this.pgoffOf(vma, vpn);
    if (inode.kind === "generated") return initialFileByte(inode.id, pgoff, offset);
    const model = this.files?.modelOf(inode.id) ?? null;
    const at = pgoff * PAGE_SIZE + offset;
    // Behind the end, who maps the last page may have written.
    return model === null || at >= model.sizeBytes ? UNKNOWN : model.byteAt(at);
  }

  /** Where a page lies in a file on a disk that others see the writes of, or null. */
  private sharedFileAt(vpn: Vpn): { model: FileModel | null; startByte: number } | null {
    const vma = this.vmaOf(vpn);
    const inode = this.inodeOf(vma);
    if (inode?.kind !== "disk") return null;
    if ((this.task.mm.space.pool.vmFlags[vma] & VM_SHARED) === 0) return null;
    return {
      model: this.files?.modelOf(inode.id) ?? null,
      startByte: this.pgoffOf(vma, vpn) * PAGE_SIZE,
    };
  }

  private vmaOf(vpn: Vpn): VmaId {
    return this.task.mm.space.findVma(vpn);
  }

  private inodeOf(vma: VmaId): Inode | null {
    const fileId = vma === NO_VMA ? -1 : this.task.mm.space.pool.fileId[vma];
    return fileId < 0 ? null : this.kernel.sys.files.inodeOf(fileId);
  }

  private pgoffOf(vma: VmaId, vpn: Vpn): number {
    const { pool } = this.task.mm.space;
    return pool.pgoff[vma] + (vpn - pool.startVpn[vma]);
  }

  private frameOf(vpn: Vpn): Pfn {
    const entry = this.task.mm.pageTable.findEntry(vpn);
    const { pageTable } = this.task.mm;
    if (entry === NO_ENTRY || !pteIsPresent(pageTable.entryLo(entry)))
      bug(`vpn 0x${vpn.toString(16)} was accessed and is not there`);
    return leafPfn(pageTable.entryLo(entry), pageTable.entryHi(entry), PT_LEVEL_PTE);
  }
}

function stampByte(stamp: number, at: number): number {
  return (stamp >>> (8 * at)) & 0xff;
}
