/**
 * Linux error numbers, the two kinds of failure, and their one way of being raised.
 *
 * A caller's failure is a negative errno on hot paths (`-ENOMEM`) and a {@link KernelError} at the edges.
 * A broken invariant is {@link bug}: the counterpart of BUG_ON, never caught.
 * Source: Linux 6.18 include/uapi/asm-generic/errno-base.h and errno.h.
 */

export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const E2BIG = 7;
export const ENOEXEC = 8;
export const EBADF = 9;
export const ECHILD = 10;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const EXDEV = 18;
export const ENODEV = 19;
export const ENOTDIR = 20;
export const EISDIR = 21;
export const EINVAL = 22;
export const EMFILE = 24;
export const ETXTBSY = 26;
export const EFBIG = 27;
export const ENOSPC = 28;
export const ESPIPE = 29;
export const EROFS = 30;
export const EMLINK = 31;
export const EDOM = 33;
export const ERANGE = 34;
export const ENAMETOOLONG = 36;
export const ENOSYS = 38;
export const ENOTEMPTY = 39;
export const ELOOP = 40;
export const EIDRM = 43;
export const EOVERFLOW = 75;
export const ELIBBAD = 80;
export const EOPNOTSUPP = 95;
export const ESTALE = 116;
export const EUCLEAN = 117;
export const EHWPOISON = 133;

/** Names of the error numbers above, as `strerrorname_np(3)` gives them. */
export const ERRNO_NAMES: Readonly<Record<number, string>> = {
  [EPERM]: "EPERM",
  [ENOENT]: "ENOENT",
  [ESRCH]: "ESRCH",
  [EINTR]: "EINTR",
  [EIO]: "EIO",
  [ENXIO]: "ENXIO",
  [E2BIG]: "E2BIG",
  [ENOEXEC]: "ENOEXEC",
  [EBADF]: "EBADF",
  [ECHILD]: "ECHILD",
  [EAGAIN]: "EAGAIN",
  [ENOMEM]: "ENOMEM",
  [EACCES]: "EACCES",
  [EFAULT]: "EFAULT",
  [EBUSY]: "EBUSY",
  [EEXIST]: "EEXIST",
  [EXDEV]: "EXDEV",
  [ENODEV]: "ENODEV",
  [ENOTDIR]: "ENOTDIR",
  [EISDIR]: "EISDIR",
  [EINVAL]: "EINVAL",
  [EMFILE]: "EMFILE",
  [ETXTBSY]: "ETXTBSY",
  [EFBIG]: "EFBIG",
  [ENOSPC]: "ENOSPC",
  [ESPIPE]: "ESPIPE",
  [EROFS]: "EROFS",
  [EMLINK]: "EMLINK",
  [EDOM]: "EDOM",
  [ERANGE]: "ERANGE",
  [ENAMETOOLONG]: "ENAMETOOLONG",
  [ENOSYS]: "ENOSYS",
  [ENOTEMPTY]: "ENOTEMPTY",
  [ELOOP]: "ELOOP",
  [EIDRM]: "EIDRM",
  [EOVERFLOW]: "EOVERFLOW",
  [ELIBBAD]: "ELIBBAD",
  [EOPNOTSUPP]: "EOPNOTSUPP",
  [ESTALE]: "ESTALE",
  [EUCLEAN]: "EUCLEAN",
  [EHWPOISON]: "EHWPOISON",
};

/** Names an error number given with either sign; `errno N` when it is not one of the above. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES[Math.abs(errno)] ?? `errno ${Math.abs(errno)}`;
}

/**
 * A failure that the caller can do something about. `message` reads `EINVAL: what was asked, what was found, what
 * would work`.
 */
export class KernelError extends Error {
  /** Positive Linux error number. */
  readonly errno: number;
  /** The error number's name, such as `EINVAL`. */
  readonly code: string;
  /** The sentence without the name in front. */
  readonly sentence: string;

  constructor(errno: number, sentence: string) {
    const code = errnoName(errno);
    super(`${code}: ${sentence}`);
    this.name = "KernelError";
    this.errno = Math.abs(errno);
    this.code = code;
    this.sentence = sentence;
  }
}

/** A broken invariant of the model itself. Thrown by {@link bug} only; nothing catches it on purpose. */
export class KernelBug extends Error {
  constructor(sentence: string) {
    super(`kernel BUG: ${sentence}`);
    this.name = "KernelBug";
  }
}

/** Stops at a broken invariant, the counterpart of BUG_ON(1). */
export function bug(sentence: string): never {
  throw new KernelBug(sentence);
}
