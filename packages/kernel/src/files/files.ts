/**
 * Files behind mappings, as simple content: a page-cache index and a generated body for each file.
 *
 * A page of a file is found by (file, page offset); it holds one reference while it is cached. The first time a page is
 * asked for it counts as cached already (a warm cache, a minor fault); after it was evicted it must be read again, a
 * major fault. Bytes, when RAM has bytes, are a function of file and offset until somebody writes them; dirty pages are
 * kept in `written` when they leave memory.
 * Differs: Linux's page cache holds what was read; there is no readahead and no fault-around here. The pagecache
 * package replaces this.
 */
import { NO_PFN, PAGE_SIZE, type Pfn } from "@pageframe/contracts";

/** One file, or the object behind a shared anonymous mapping. */
export interface MappedFile {
  readonly id: number;
  /** As /proc/PID/maps shows it. */
  readonly name: string;
  /** Object of a shared anonymous mapping: it begins as zeros. */
  readonly isShmem: boolean;
  /** Pages of the kernel image under a name such as [vdso]; no file system knows it. */
  readonly isSpecial: boolean;
  /** VMAs that map it. An object behind shared anonymous memory ends with the last one. */
  nrMappings: number;
  /** Page offset to frame. */
  readonly cached: Map<number, Pfn>;
  /** Offsets that were in memory once and were evicted. */
  readonly evicted: Set<number>;
  /** Bytes of pages that were written and then left memory. */
  readonly written: Map<number, Uint8Array>;
}

/** All files of a machine. */
export class Files {
  readonly all: MappedFile[] = [];
  /** Pages read again after they were evicted: each made a fault major. */
  nrReads = 0;

  /** Makes a file. Files live as long as the machine; the pages of a shared anonymous object until nothing maps it. */
  open(name: string, isShmem: boolean): MappedFile {
    return this.add(name, isShmem, false);
  }

  /** Makes the object of a special mapping; the caller fills `cached`, and its pages are never evicted. */
  openSpecial(name: string): MappedFile {
    return this.add(name, false, true);
  }

  private add(name: string, isShmem: boolean, isSpecial: boolean): MappedFile {
    const file = {
      id: this.all.length,
      name,
      isShmem,
      isSpecial,
      nrMappings: 0,
      cached: new Map<number, Pfn>(),
      evicted: new Set<number>(),
      written: new Map<number, Uint8Array>(),
    };
    this.all.push(file);
    return file;
  }

  /** Frame of a cached page, or NO_PFN. */
  findPage(fileId: number, pgoff: number): Pfn {
    return this.all[fileId]?.cached.get(pgoff) ?? NO_PFN;
  }

  /** Fills `into` with the file's bytes at a page offset. */
  readBytes(fileId: number, pgoff: number, into: Uint8Array): void {
    const file = this.all[fileId];
    const written = file.written.get(pgoff);
    if (written !== undefined) {
      into.set(written);
    } else if (file.isShmem) {
      into.fill(0, 0, PAGE_SIZE);
    } else {
      const seed = fileSeed(fileId, pgoff);
      for (let offset = 0; offset < PAGE_SIZE; offset++) into[offset] = fileByte(seed, offset);
    }
  }
}

/** Byte of an unwritten file page; never all zero over a page. */
export function initialFileByte(fileId: number, pgoff: number, offset: number): number {
  return fileByte(fileSeed(fileId, pgoff), offset);
}

function fileSeed(fileId: number, pgoff: number): number {
  return (Math.imul(fileId + 1, 0x9e3779b1) ^ Math.imul(pgoff + 1, 0x85ebca6b)) | 0;
}

function fileByte(seed: number, offset: number): number {
  return 1 + ((Math.imul(seed ^ offset, 0x27d4eb2f) >>> 24) % 255);
}
