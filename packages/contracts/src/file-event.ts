/**
 * A system call on a file, as the traced program made it, with descriptors and positions resolved: an event names the
 * file and the bytes. Only calls that succeeded are events; calls on pipes, sockets, terminals, /dev, /proc and /sys
 * are none.
 *
 * Two numbers tell what a descriptor was. `fileId` is the file (an inode): an index into `TraceMetadata.files`.
 * `openId` is the open file description (a struct file): numbered from 0, shared by descriptors that dup(2) and
 * fork(2) made, and what readahead and errors of writeback are kept for. An `open` event precedes each openId's use.
 * Flags, modes and advice are Linux's numbers; bytes are as the program passed them, and at most MAX_TRACE_BYTES.
 */

/** Absence of an open file description. Zero is a valid one. */
export const NO_OPEN = -1;

/** Largest number of bytes in a file event: "to the end of the file" is cut down to it. */
export const MAX_TRACE_BYTES: number = 2 ** 52 - 1;

/** What all events of files carry. */
interface FileEventBase {
  /** Thread that made the call, as the recorder numbers threads (lackey, strace: from 1). */
  readonly tid: number;
  /** Index into `TraceMetadata.files`. Stays the same for one file over the whole trace, also when it is renamed. */
  readonly fileId: number;
}

/**
 * open(2), openat(2), creat(2): `flags` are its O_ flags, of which O_CREAT, O_TRUNC, O_DIRECT and O_APPEND change files
 * or caching. A descriptor whose open the recording does not show is opened by an event with O_RDWR before its first use.
 */
export interface OpenEvent extends FileEventBase {
  readonly name: "open";
  readonly openId: number;
  readonly flags: number;
}

/** The last descriptor of an open file description went: by close(2), dup2(2), close_range(2), execve(2) or exit. */
export interface CloseEvent extends FileEventBase {
  readonly name: "close";
  readonly openId: number;
}

/** read(2), pread64(2), readv(2) and their kind, and the reading half of sendfile(2), splice(2), copy_file_range(2). */
export interface ReadEvent extends FileEventBase {
  readonly name: "read";
  readonly openId: number;
  readonly offsetBytes: number;
  /** What it returned; 0 at the end of the file. */
  readonly lengthBytes: number;
  /** What it asked for, on which readahead depends; `lengthBytes` where the recording does not tell. */
  readonly requestedBytes: number;
}

/** write(2), pwrite64(2), writev(2) and their kind, and the writing half of sendfile(2), splice(2), copy_file_range(2). */
export interface WriteEvent extends FileEventBase {
  readonly name: "write";
  readonly openId: number;
  /** With O_APPEND, the end of the file as far as the recording shows it. */
  readonly offsetBytes: number;
  /** What it returned. */
  readonly lengthBytes: number;
}

/** truncate(2), ftruncate(2): the file has `lengthBytes` afterwards. O_TRUNC stands in the open event instead. */
export interface TruncateEvent extends FileEventBase {
  readonly name: "truncate";
  readonly lengthBytes: number;
}

/** fallocate(2); `mode` has FALLOC_FL_ bits. */
export interface FallocateEvent extends FileEventBase {
  readonly name: "fallocate";
  readonly openId: number;
  readonly mode: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** fsync(2), also of a directory, and fdatasync(2). */
export interface FsyncEvent extends FileEventBase {
  readonly name: "fsync" | "fdatasync";
  readonly openId: number;
}

/** sync_file_range(2); `flags` has SYNC_FILE_RANGE_ bits, a length of 0 means to the end of the file. */
export interface SyncFileRangeEvent extends FileEventBase {
  readonly name: "sync_file_range";
  readonly openId: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly flags: number;
}

/** posix_fadvise(2); `advice` is a POSIX_FADV_ number, a length of 0 means to the end of the file. */
export interface FadviseEvent extends FileEventBase {
  readonly name: "fadvise64";
  readonly openId: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly advice: number;
}

/** readahead(2). */
export interface ReadaheadEvent extends FileEventBase {
  readonly name: "readahead";
  readonly openId: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** rename(2): the file has another name from now on; `replacedFileId` lost its last one to it, or is NO_FILE. */
export interface RenameEvent extends FileEventBase {
  readonly name: "rename";
  readonly replacedFileId: number;
}

/** unlink(2), rmdir(2): the file's last name is gone; it goes itself when no descriptor and no mapping holds it. */
export interface UnlinkEvent extends FileEventBase {
  readonly name: "unlink";
}

/** mkdir(2). */
export interface MkdirEvent extends FileEventBase {
  readonly name: "mkdir";
}

/**
 * execve(2): the kernel reads the file's header and the thread's process gets an empty address space; its other threads
 * are gone. What execve maps itself is in `TraceMetadata.initialRegions` for the first program, and unknown for others.
 */
export interface ExecveEvent extends FileEventBase {
  readonly name: "execve";
}

/** sync(2), syncfs(2). */
export interface SyncEvent {
  readonly name: "sync";
  readonly tid: number;
}

/** msync(2); `flags` has MS_ bits. */
export interface MsyncEvent {
  readonly name: "msync";
  readonly tid: number;
  readonly address: number;
  readonly lengthBytes: number;
  readonly flags: number;
}

/**
 * clone(2), clone3(2), fork(2), vfork(2): `childTid` starts. With CLONE_VM it runs in the address space of `tid`, and with
 * CLONE_THREAD in its process; otherwise in a copy. Threads that no clone event names are of the first program.
 */
export interface CloneEvent {
  readonly name: "clone";
  readonly tid: number;
  readonly childTid: number;
  /** CLONE_ bits. */
  readonly flags: number;
}

/** One call that works on files. */
export type FileEvent =
  | OpenEvent
  | CloseEvent
  | ReadEvent
  | WriteEvent
  | TruncateEvent
  | FallocateEvent
  | FsyncEvent
  | SyncFileRangeEvent
  | FadviseEvent
  | ReadaheadEvent
  | RenameEvent
  | UnlinkEvent
  | MkdirEvent
  | ExecveEvent
  | SyncEvent
  | MsyncEvent;
