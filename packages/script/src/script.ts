/**
 * A script: one operation a line, as read. Numbers are pages or bytes as the names say; addresses are relative to places that
 * are known when the script runs.
 */

/** What an address counts from: the arena, the initial break, the last un-hinted mapping, the stack's bottom, or 0. */
export type AddressBase = "arena" | "brk" | "map" | "stack" | "absolute";

/** An address of a script. */
export interface ScriptAddress {
  readonly base: AddressBase;
  /** Bytes from the base; may be negative. */
  readonly offsetBytes: number;
}

/** Where a file of a script lies. */
export type FileKind = "tmpfs" | "memfd" | "ext4";

/** A limit of `rlimit`. */
export type LimitName = "as" | "memlock" | "stack" | "data";

/** What `snap` can be asked for, in the order in which it is printed. */
export const SNAPSHOT_PARTS = [
  "maps",
  "smaps",
  "pagemap",
  "kpf",
  "lru",
  "mapcount",
  "status",
  "numa",
  "oom",
] as const;

/** One of {@link SNAPSHOT_PARTS}. */
export type SnapshotPart = (typeof SNAPSHOT_PARTS)[number];

interface Range {
  readonly at: ScriptAddress;
  readonly lengthBytes: number;
}

interface FileRange {
  readonly file: string;
  readonly firstPage: number;
  readonly nrPages: number;
}

/** One operation; numbers of flags are Linux's. */
export type Operation =
  | {
      readonly name: "file";
      readonly file: string;
      readonly kind: FileKind;
      readonly nrPages: number;
      readonly isFilled: boolean;
      readonly isCold: boolean;
      readonly isReadOnly: boolean;
    }
  | { readonly name: "sysctl"; readonly key: string; readonly value: string }
  | {
      readonly name: "mmap";
      /** Null for `any`: no hint. */
      readonly at: ScriptAddress | null;
      readonly lengthBytes: number;
      readonly prot: number;
      readonly flags: number;
      readonly file: string | null;
      readonly offsetPages: number;
    }
  | (Range & { readonly name: "munmap" | "mlock" | "munlock" | "mincore" | "mseal" })
  | (Range & { readonly name: "mprotect"; readonly prot: number })
  | {
      readonly name: "mremap";
      readonly at: ScriptAddress;
      readonly oldBytes: number;
      readonly newBytes: number;
      readonly flags: number;
      readonly to: ScriptAddress | null;
    }
  | { readonly name: "brk"; readonly nrPages: number }
  | (Range & { readonly name: "madvise"; readonly advice: number })
  | (Range & { readonly name: "pmadvise"; readonly process: string; readonly advice: number })
  | (Range & { readonly name: "mlock2"; readonly flags: number })
  | { readonly name: "mlockall"; readonly flags: number }
  | { readonly name: "munlockall" }
  | (Range & { readonly name: "msync"; readonly flags: number })
  | {
      readonly name: "read";
      readonly at: ScriptAddress;
      readonly nrPages: number;
      readonly stridePages: number;
    }
  | {
      readonly name: "write";
      readonly at: ScriptAddress;
      readonly value: number;
      readonly nrPages: number;
      readonly stridePages: number;
    }
  | { readonly name: "exec"; readonly at: ScriptAddress }
  | { readonly name: "fork"; readonly process: string }
  | { readonly name: "on"; readonly process: string }
  | { readonly name: "exit"; readonly code: number }
  | { readonly name: "wait" | "drain" }
  | { readonly name: "sleep"; readonly milliseconds: number }
  | { readonly name: "ftruncate"; readonly file: string; readonly lengthBytes: number }
  | { readonly name: "fsync"; readonly file: string }
  | (FileRange & { readonly name: "fadvise"; readonly advice: number })
  | (FileRange & { readonly name: "punch" })
  | { readonly name: "pread"; readonly file: string; readonly offsetBytes: number }
  | { readonly name: "pwrite"; readonly file: string; readonly offsetBytes: number; readonly value: number }
  | (Range & {
      readonly name: "mbind";
      readonly policy: number;
      readonly nodeMask: number;
      readonly flags: number;
    })
  | { readonly name: "set_mempolicy"; readonly policy: number; readonly nodeMask: number }
  | {
      readonly name: "rlimit";
      readonly limit: LimitName;
      /** KiB, Infinity for none. */
      readonly kib: number;
      /** Is it added to what the process uses? Only for `as` and `data`. */
      readonly isRelative: boolean;
    }
  | { readonly name: "dropcaps" }
  | { readonly name: "prctl"; readonly option: number; readonly arg2: number; readonly arg3: number }
  | { readonly name: "clear_refs"; readonly what: number }
  | { readonly name: "oom_score_adj"; readonly value: number }
  | { readonly name: "snap"; readonly parts: readonly SnapshotPart[]; readonly isDrained: boolean };

/** The operation with a name. */
export type OperationOf<Name extends Operation["name"]> = Extract<Operation, { readonly name: Name }>;

/** A line that holds an operation. */
export interface ScriptLine {
  /** From 1. */
  readonly number: number;
  /** The line without its comment and the blanks behind. */
  readonly text: string;
  readonly operation: Operation;
}

/** A script that can be run. Lines without an operation are left out. */
export interface Script {
  readonly fileName: string;
  readonly lines: readonly ScriptLine[];
}
