/** Encodes system-call events: a byte for the name, then the fields as signed varints in the order below. Cold. */
import { type ByteReader } from "./byte-reader.ts";
import { type ByteWriter } from "./byte-writer.ts";
import { NO_FILE, type SyscallEvent } from "@pageframe/contracts";

type EventName = SyscallEvent["name"];
/** The event of a name: some names share one shape. */
type EventOf<Name extends EventName, Event extends SyscallEvent = SyscallEvent> = Event extends unknown
  ? Name extends Event["name"]
    ? Event
    : never
  : never;
type FieldsOf<Name extends EventName> = readonly Exclude<keyof EventOf<Name>, "name">[];

/** Fields by name. A name's position is its code; the order of names and fields is part of the format. */
const FIELDS: { readonly [Name in EventName]: FieldsOf<Name> } = {
  mmap: ["tid", "address", "lengthBytes", "prot", "flags", "fileId", "offsetBytes", "result"],
  munmap: ["tid", "address", "lengthBytes", "result"],
  mprotect: ["tid", "address", "lengthBytes", "prot", "result"],
  brk: ["tid", "address", "result"],
  mremap: ["tid", "address", "oldLengthBytes", "newLengthBytes", "flags", "newAddress", "result"],
  madvise: ["tid", "address", "lengthBytes", "advice", "result"],
  exit_group: ["tid", "status", "result"],
  // From here on since version 2.
  open: ["tid", "fileId", "openId", "flags"],
  close: ["tid", "fileId", "openId"],
  read: ["tid", "fileId", "openId", "offsetBytes", "lengthBytes", "requestedBytes"],
  write: ["tid", "fileId", "openId", "offsetBytes", "lengthBytes"],
  truncate: ["tid", "fileId", "lengthBytes"],
  fallocate: ["tid", "fileId", "openId", "mode", "offsetBytes", "lengthBytes"],
  fsync: ["tid", "fileId", "openId"],
  fdatasync: ["tid", "fileId", "openId"],
  sync_file_range: ["tid", "fileId", "openId", "offsetBytes", "lengthBytes", "flags"],
  fadvise64: ["tid", "fileId", "openId", "offsetBytes", "lengthBytes", "advice"],
  readahead: ["tid", "fileId", "openId", "offsetBytes", "lengthBytes"],
  rename: ["tid", "fileId", "replacedFileId"],
  unlink: ["tid", "fileId"],
  mkdir: ["tid", "fileId"],
  execve: ["tid", "fileId"],
  sync: ["tid"],
  msync: ["tid", "address", "lengthBytes", "flags"],
  clone: ["tid", "childTid", "flags"],
};
const NAMES = Object.keys(FIELDS) as EventName[];

/** Appends an event. Throws EINVAL when a field is not an integer between -2^52 and 2^52. */
export function writeEvent(event: SyscallEvent, out: ByteWriter): void {
  out.writeByte(NAMES.indexOf(event.name));
  const values = event as unknown as Readonly<Record<string, number>>;
  for (const field of FIELDS[event.name]) out.writeSigned(values[field]);
}

/** Reads an event. Throws EINVAL when there is none, or when it names none of the trace's `nrFiles` files. */
export function readEvent(input: ByteReader, nrFiles: number): SyscallEvent {
  const code = input.readByte();
  if (code >= NAMES.length)
    input.fail(`system call ${code} is not one of the ${NAMES.length} that are known`);
  const name = NAMES[code];
  const event: Record<string, string | number> = { name };
  for (const field of FIELDS[name]) event[field] = input.readSigned();
  checkFileId(event, name === "mmap", nrFiles, input);
  return event as unknown as SyscallEvent;
}

/** Throws EINVAL when an event names a file that the metadata lacks: a replay would look it up in vain. */
function checkFileId(
  event: Readonly<Record<string, string | number>>,
  mayBeNone: boolean,
  nrFiles: number,
  input: ByteReader,
): void {
  for (const field of ["fileId", "replacedFileId"]) {
    const fileId = event[field];
    if (typeof fileId !== "number") continue;
    const lowest = mayBeNone || field === "replacedFileId" ? NO_FILE : 0;
    if (fileId < lowest || fileId >= nrFiles) {
      input.fail(`${event["name"]} has ${field} ${fileId}, and the trace has ${nrFiles} files`);
    }
  }
}
