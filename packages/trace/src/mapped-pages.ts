/**
 * Follows which pages a process has mapped by calls that a recording shows. Cold: per system call.
 *
 * What execve(2) mapped is not among them: a replay without accesses has no such mappings, and a call on them would fail.
 */
import { type MemoryEvent, MREMAP_DONTUNMAP, pagesOfBytes, vpnOfAddress } from "@pageframe/contracts";
import { type TracedMm } from "./traced-process.ts";

/** Notes what a call does. Returns false when it works on pages that no call of the recording mapped. */
export function applyToMm(mm: TracedMm, event: MemoryEvent): boolean {
  switch (event.name) {
    case "mmap":
      add(mm, event.result, event.lengthBytes);
      return true;
    case "munmap":
      return remove(mm, event.address, event.lengthBytes);
    case "mprotect":
    case "madvise":
      return isMapped(mm, event.address, event.lengthBytes);
    case "mremap": {
      const isKnown = isMapped(mm, event.address, event.oldLengthBytes);
      if ((event.flags & MREMAP_DONTUNMAP) === 0) remove(mm, event.address, event.oldLengthBytes);
      if (isKnown) add(mm, event.result, event.newLengthBytes);
      return isKnown;
    }
    case "brk": {
      const before = mm.brk;
      mm.brk = event.result;
      if (before === 0) return true;
      const oldEnd = pagesOfBytes(before);
      const newEnd = pagesOfBytes(event.result);
      if (newEnd > oldEnd) mm.mapped.add(oldEnd, newEnd);
      else mm.mapped.remove(newEnd, oldEnd);
      return true;
    }
    case "exit_group":
      return true;
  }
}

function isMapped({ mapped }: TracedMm, address: number, lengthBytes: number): boolean {
  const startVpn = vpnOfAddress(address);
  return lengthBytes === 0 || mapped.hasAll(startVpn, startVpn + pagesOfBytes(lengthBytes));
}

function add({ mapped }: TracedMm, address: number, lengthBytes: number): void {
  const startVpn = vpnOfAddress(address);
  mapped.add(startVpn, startVpn + pagesOfBytes(lengthBytes));
}

/** Takes pages out; returns whether all were in. */
function remove(mm: TracedMm, address: number, lengthBytes: number): boolean {
  const isKnown = isMapped(mm, address, lengthBytes);
  const startVpn = vpnOfAddress(address);
  mm.mapped.remove(startVpn, startVpn + pagesOfBytes(lengthBytes));
  return isKnown;
}
