/**
 * A plain model of programs' memory, for random tests: which page holds which byte, and nothing of how. Objects are files
 * and shared anonymous memory; a program's page shows its object's byte, or its own once it was written privately.
 */
import {
  EACCES,
  EINVAL,
  ENOMEM,
  MADV_COLD,
  MADV_DOFORK,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_KEEPONFORK,
  MADV_PAGEOUT,
  MADV_REMOVE,
  MADV_WIPEONFORK,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from "@pageframe/contracts";

/** A file, or what a shared anonymous mapping made. Pages that are not in `bytes` are zeros. */
export class PlainObject {
  readonly bytes = new Map<number, number>();
  nrPages: number;

  constructor(nrPages: number) {
    this.nrPages = nrPages;
  }
}

/** A private page that was written, or that locking or populating may have copied. */
interface OwnByte {
  /** What it may hold: one byte when that is known. */
  readonly bytes: readonly number[];
  /** Nobody wrote it: it may still be the object's page. */
  readonly mayFollow: boolean;
}

/** A page of a mapping. */
export interface PlainPage {
  readonly object: PlainObject | null;
  /** Page of the object. */
  readonly index: number;
  readonly isShared: boolean;
  prot: number;
  own: OwnByte | null;
  isGuard: boolean;
  isLocked: boolean;
  isDontFork: boolean;
  isWipeOnFork: boolean;
}

/** What an access must give. */
export type Expected =
  | { readonly kind: "byte"; readonly bytes: readonly number[] }
  | { readonly kind: "signal"; readonly signal: number; readonly code: number };

const SIGBUS_ADRERR: Expected = { kind: "signal", signal: 7, code: 2 };
const SIGSEGV_MAPERR: Expected = { kind: "signal", signal: 11, code: 1 };
const SIGSEGV_ACCERR: Expected = { kind: "signal", signal: 11, code: 2 };

export function newPage(
  object: PlainObject | null,
  index: number,
  isShared: boolean,
  prot: number,
): PlainPage {
  return {
    object,
    index,
    isShared,
    prot,
    own: null,
    isGuard: false,
    isLocked: false,
    isDontFork: false,
    isWipeOnFork: false,
  };
}

/** The pages of one program, by page of the arena. */
export class PlainProgram {
  readonly pages: Map<number, PlainPage>;

  constructor(pages = new Map<number, PlainPage>()) {
    this.pages = pages;
  }

  expectRead(page: number): Expected {
    const found = this.pages.get(page);
    if (found === undefined) return SIGSEGV_MAPERR;
    if (found.prot === PROT_NONE) return SIGSEGV_ACCERR;
    return this.expectByte(found);
  }

  private expectByte(page: PlainPage): Expected {
    if (page.isGuard) return SIGSEGV_MAPERR;
    if (page.own !== null && !page.own.mayFollow) return { kind: "byte", bytes: page.own.bytes };
    if (page.object === null) return { kind: "byte", bytes: [0] };
    if (page.index >= page.object.nrPages) return SIGBUS_ADRERR;
    return { kind: "byte", bytes: [objectByte(page), ...(page.own?.bytes ?? [])] };
  }

  /** Signal that a write raises, or null when it is done. */
  expectWrite(page: number): Expected | null {
    const found = this.pages.get(page);
    if (found === undefined) return SIGSEGV_MAPERR;
    if ((found.prot & PROT_WRITE) === 0) return SIGSEGV_ACCERR;
    const expected = this.expectByte(found);
    return expected.kind === "signal" ? expected : null;
  }

  write(page: number, byte: number): void {
    const found = this.pages.get(page)!;
    if (found.isShared && found.object !== null) found.object.bytes.set(found.index, byte);
    else found.own = { bytes: [byte], mayFollow: false };
  }

  unmap(page: number, nrPages: number): void {
    for (let at = page; at < page + nrPages; at++) this.pages.delete(at);
  }

  /** Changes rights up to the first hole; 0 or -ENOMEM. */
  protect(page: number, nrPages: number, prot: number): number {
    for (let at = page; at < page + nrPages; at++) {
      const found = this.pages.get(at);
      if (found === undefined) return -ENOMEM;
      found.prot = prot;
      if (found.isLocked) noteCopy(found);
    }
    return 0;
  }

  /** Locks or unlocks up to the first hole; 0 or -ENOMEM. */
  lock(page: number, nrPages: number, isLocked: boolean): number {
    for (let at = page; at < page + nrPages; at++) {
      const found = this.pages.get(at);
      if (found === undefined) return -ENOMEM;
      found.isLocked = isLocked;
      if (isLocked) noteCopy(found);
    }
    return 0;
  }

  /** Does what the advice means for bytes; returns what madvise returns. */
  advise(page: number, nrPages: number, advice: number): number {
    let result = 0;
    for (let at = page; at < page + nrPages; at++) {
      const found = this.pages.get(at);
      if (found === undefined) {
        result = -ENOMEM;
        continue;
      }
      const error = advisePage(found, advice);
      if (error !== 0) return error;
    }
    return result;
  }

  /** MADV_POPULATE_WRITE: private pages of objects become copies, up to the first page that cannot be reached. */
  populateWrite(page: number, nrPages: number): void {
    for (let at = page; at < page + nrPages; at++) {
      const found = this.pages.get(at);
      if (found !== undefined) noteCopy(found);
    }
  }

  /** Would MADV_POPULATE_READ or _WRITE reach every page? */
  canPopulate(page: number, nrPages: number, isWrite: boolean): boolean {
    for (let at = page; at < page + nrPages; at++) {
      const expected = isWrite ? this.expectWrite(at) : this.expectRead(at);
      if (expected?.kind === "signal") return false;
      if (!isWrite && (this.pages.get(at)!.prot & PROT_READ) === 0) return false;
    }
    return true;
  }

  fork(): PlainProgram {
    const pages = new Map<number, PlainPage>();
    for (const [at, page] of this.pages) {
      if (page.isDontFork) continue;
      const copy = { ...page, isLocked: false };
      if (page.isWipeOnFork) {
        copy.own = null;
        copy.isGuard = false;
      }
      pages.set(at, copy);
    }
    return new PlainProgram(pages);
  }

  /** Pages of an object from `nrPages` on are gone, private copies too. */
  truncate(object: PlainObject, nrPages: number): void {
    for (const page of this.pages.values()) {
      if (page.object === object && page.index >= nrPages) page.own = null;
    }
  }
}

function objectByte(page: PlainPage): number {
  return page.object?.bytes.get(page.index) ?? 0;
}

/** A private page of an object that is populated for writing holds, from now on, what the object holds now. */
export function noteCopy(page: PlainPage): void {
  const isCopied = !page.isShared && page.object !== null && (page.prot & PROT_WRITE) !== 0;
  if (!isCopied || page.isGuard || page.index >= page.object.nrPages) return;
  if (page.own !== null && !page.own.mayFollow) return;
  page.own = { bytes: [objectByte(page), ...(page.own?.bytes ?? [])], mayFollow: true };
}

function advisePage(page: PlainPage, advice: number): number {
  const isPrivateAnon = page.object === null && !page.isShared;
  switch (advice) {
    case MADV_DONTNEED:
      if (page.isLocked) return -EINVAL;
      page.own = null;
      return 0;
    case MADV_FREE:
      if (page.isLocked || !isPrivateAnon) return -EINVAL;
      if (page.own !== null) page.own = { ...page.own, bytes: [0, ...page.own.bytes] };
      return 0;
    case MADV_REMOVE:
      if (page.isLocked || page.object === null) return -EINVAL;
      if (!page.isShared) return -EACCES;
      page.object.bytes.delete(page.index);
      return 0;
    case MADV_COLD:
    case MADV_PAGEOUT:
      return page.isLocked ? -EINVAL : 0;
    case MADV_GUARD_INSTALL:
      if (page.isLocked) return -EINVAL;
      page.own = null;
      page.isGuard = true;
      return 0;
    case MADV_GUARD_REMOVE:
      page.isGuard = false;
      return 0;
    case MADV_DONTFORK:
    case MADV_DOFORK:
      page.isDontFork = advice === MADV_DONTFORK;
      return 0;
    case MADV_WIPEONFORK:
      if (!isPrivateAnon) return -EINVAL;
      page.isWipeOnFork = true;
      return 0;
    case MADV_KEEPONFORK:
      page.isWipeOnFork = false;
      return 0;
    default:
      return 0;
  }
}
