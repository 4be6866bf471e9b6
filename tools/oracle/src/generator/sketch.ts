/**
 * A sketch of what a script has mapped so far. It guides the choice of addresses and need not be right: where it is
 * wrong the kernel answers with an error or a signal, which scripts are to have too.
 */

/** Pages of the arena that scripts use. */
export const ARENA_PAGES = 72;

/** What the sketch knows of a mapped page. */
export interface SketchPage {
  readonly isShared: boolean;
  /** File behind it, or null. */
  readonly file: string | null;
  readonly canRead: boolean;
  readonly canWrite: boolean;
}

/** A file. */
export interface SketchFile {
  readonly name: string;
  readonly isReadOnly: boolean;
  /** Most pages that it is given. */
  readonly mostPages: number;
  /** Size as of now. */
  nrPages: number;
}

/** A long mapping of a file on a disk, behind the arena. */
export interface SketchStream {
  readonly nrPages: number;
  readonly isShared: boolean;
  readonly canWrite: boolean;
  /** Page of the mapping where reading goes on. */
  position: number;
}

/** A process. */
export class SketchProcess {
  readonly name: string;
  readonly parent: string | null;
  /** By page of the arena; null is a hole. */
  pages: (SketchPage | null)[];
  /** Pages above the initial break. */
  nrBreakPages = 0;
  /** Pages of the last mapping that the kernel placed, as `m` addresses reach it. */
  nrLastMapped = 0;
  /** The long mapping, or null where there is no disk. */
  stream: SketchStream | null = null;
  isAlive = true;
  /** Children that have exited and were not waited for. */
  nrZombies = 0;
  hasDroppedCaps = false;
  /** Limits that were set, in pages (0 for those that count from what there is), by name. */
  limits = new Map<string, number>();

  constructor(name: string, parent: string | null, pages: readonly (SketchPage | null)[]) {
    this.name = name;
    this.parent = parent;
    this.pages = [...pages];
  }

  /** Is nothing mapped from `start` on? */
  isFree(start: number, nrPages: number): boolean {
    for (let page = start; page < start + nrPages; page++) if (this.pages[page] != null) return false;
    return true;
  }

  /** Maps pages, or unmaps them with null. */
  set(start: number, nrPages: number, page: SketchPage | null): void {
    for (let at = start; at < Math.min(start + nrPages, ARENA_PAGES); at++) this.pages[at] = page;
  }

  /** Mapped pages in a row: first and number, of a page that is mapped. */
  areaAround(page: number): { start: number; nrPages: number } {
    let start = page;
    let end = page + 1;
    while (start > 0 && this.pages[start - 1] != null) start--;
    while (end < ARENA_PAGES && this.pages[end] != null) end++;
    return { start, nrPages: end - start };
  }

  /** Pages for which `test` holds. */
  collectPages(test: (page: SketchPage) => boolean): number[] {
    return this.pages.flatMap((page, at) => (page != null && test(page) ? [at] : []));
  }
}

/** The whole: processes and files. */
export class Sketch {
  readonly processes: SketchProcess[] = [];
  readonly files: SketchFile[] = [];
  current: SketchProcess;

  constructor() {
    this.current = new SketchProcess("P0", null, new Array<null>(ARENA_PAGES).fill(null));
    this.processes.push(this.current);
  }

  /** Processes that have not exited. */
  get alive(): SketchProcess[] {
    return this.processes.filter(({ isAlive }) => isAlive);
  }
}
