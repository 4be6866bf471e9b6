/** Turns recorded calls that shape the address space into events. Cold: per system call. */
import { MAP_ANONYMOUS, type MemoryEvent, NO_FILE } from "@pageframe/contracts";
import { type CallArguments } from "./call-arguments.ts";
import { type FileCalls } from "./file-calls.ts";
import { MAP_FLAGS, MEMORY_ADVICE, MREMAP_FLAGS, PROTECTIONS } from "./number-names.ts";
import { type TracedThread } from "./traced-process.ts";

/** How many arguments each shaping call has, not counting the optional last one of mremap. */
export const NR_MEMORY_ARGUMENTS: Readonly<Record<MemoryEvent["name"], number>> = {
  brk: 1,
  exit_group: 1,
  madvise: 3,
  mmap: 6,
  mprotect: 3,
  mremap: 4,
  munmap: 2,
};

/** Tells whether a call shapes the address space. */
export function isMemoryCall(name: string): name is MemoryEvent["name"] {
  return Object.hasOwn(NR_MEMORY_ARGUMENTS, name);
}

/** Makes the event of a call that succeeded. Throws MalformedCall when its arguments cannot be read. */
export function memoryEventOf(
  name: MemoryEvent["name"],
  args: CallArguments,
  result: number,
  thread: TracedThread,
  files: FileCalls,
): MemoryEvent {
  const { tid } = thread;
  switch (name) {
    case "mmap": {
      const address = args.count(0);
      const lengthBytes = args.count(1);
      const prot = args.number(2, PROTECTIONS);
      const flags = args.number(3, MAP_FLAGS);
      const offsetBytes = args.count(5);
      const isFile = (flags & MAP_ANONYMOUS) === 0;
      const fileId = isFile ? files.mappedFileId(args, 4, thread, offsetBytes, lengthBytes) : NO_FILE;
      return { name, tid, address, lengthBytes, prot, flags, fileId, offsetBytes, result };
    }
    case "munmap":
      return { name, tid, address: args.count(0), lengthBytes: args.count(1), result: 0 };
    case "mprotect": {
      const prot = args.number(2, PROTECTIONS);
      return { name, tid, address: args.count(0), lengthBytes: args.count(1), prot, result: 0 };
    }
    case "madvise": {
      const advice = args.number(2, MEMORY_ADVICE);
      return { name, tid, address: args.count(0), lengthBytes: args.count(1), advice, result: 0 };
    }
    case "brk":
      return { name, tid, address: args.count(0), result };
    case "mremap": {
      const address = args.count(0);
      const oldLengthBytes = args.count(1);
      const newLengthBytes = args.count(2);
      const flags = args.number(3, MREMAP_FLAGS);
      const newAddress = args.nrArguments > 4 ? args.count(4) : 0;
      return { name, tid, address, oldLengthBytes, newLengthBytes, flags, newAddress, result };
    }
    case "exit_group":
      return { name, tid, status: args.number(0), result: 0 };
  }
}
