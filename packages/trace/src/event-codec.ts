/** Encodes system-call events: a byte for the name, then the fields as signed varints in the order below. Cold. */
import { type ByteReader } from "./byte-reader.ts";
import { type ByteWriter } from "./byte-writer.ts";
import { type SyscallEvent } from "@pageframe/contracts";

type EventName = SyscallEvent["name"];
type FieldsOf<Name extends EventName> = readonly Exclude<
  keyof Extract<SyscallEvent, { name: Name }>,
  "name"
>[];

/** Fields by name. A name's position is its code; the order of names and fields is part of the format. */
const FIELDS: { readonly [Name in EventName]: FieldsOf<Name> } = {
  mmap: ["tid", "address", "lengthBytes", "prot", "flags", "fileId", "offsetBytes", "result"],
  munmap: ["tid", "address", "lengthBytes", "result"],
  mprotect: ["tid", "address", "lengthBytes", "prot", "result"],
  brk: ["tid", "address", "result"],
  mremap: ["tid", "address", "oldLengthBytes", "newLengthBytes", "flags", "newAddress", "result"],
  madvise: ["tid", "address", "lengthBytes", "advice", "result"],
  exit_group: ["tid", "status", "result"],
};
const NAMES = Object.keys(FIELDS) as EventName[];

/** Appends an event. Throws EINVAL when a field is not an integer between -2^52 and 2^52. */
export function writeEvent(event: SyscallEvent, out: ByteWriter): void {
  out.writeByte(NAMES.indexOf(event.name));
  const values = event as unknown as Readonly<Record<string, number>>;
  for (const field of FIELDS[event.name]) out.writeSigned(values[field]);
}

/** Reads an event. Throws EINVAL when there is none. */
export function readEvent(input: ByteReader): SyscallEvent {
  const code = input.readByte();
  if (code >= NAMES.length)
    input.fail(`system call ${code} is not one of the ${NAMES.length} that are known`);
  const name = NAMES[code];
  const event: Record<string, string | number> = { name };
  for (const field of FIELDS[name]) event[field] = input.readSigned();
  return event as unknown as SyscallEvent;
}
