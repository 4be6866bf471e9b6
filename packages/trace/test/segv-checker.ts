import { pagesOfBytes, vpnOfAddress } from "@pageframe/contracts";
import { type SyscallEvent, type TraceSource } from "../src/index.ts";
import { collectItems } from "./helpers.ts";

const STACK_LIMIT_PAGES = 2048;

/**
 * Replays a trace on a map from page to protection, as the kernel would keep it. Returns a sentence about the first
 * access that would raise SIGSEGV, or an empty text.
 */
export function findSegv(trace: TraceSource): string {
  const protOfVpn = new Map<number, number>();
  const { initialRegions, startBrk } = trace.metadata;
  for (const { startVpn, nrPages, prot } of initialRegions) {
    for (let vpn = startVpn; vpn < startVpn + nrPages; vpn++) protOfVpn.set(vpn, prot);
  }
  const stack = initialRegions.find((region) => region.kind === "stack");
  const stackEndVpn = stack === undefined ? 0 : stack.startVpn + stack.nrPages;
  let stackVpn = stack?.startVpn ?? 0;
  let brk = startBrk;
  const setRange = (address: number, lengthBytes: number, prot: number): void => {
    const startVpn = vpnOfAddress(address);
    for (let vpn = startVpn; vpn < startVpn + pagesOfBytes(lengthBytes); vpn++) {
      if (prot < 0) protOfVpn.delete(vpn);
      else protOfVpn.set(vpn, prot);
    }
  };
  const apply = (event: SyscallEvent): void => {
    switch (event.name) {
      case "mmap":
        setRange(event.result, event.lengthBytes, event.prot);
        return;
      case "munmap":
        setRange(event.address, event.lengthBytes, -1);
        return;
      case "mprotect":
        setRange(event.address, event.lengthBytes, event.prot);
        return;
      case "mremap":
        setRange(event.address, event.oldLengthBytes, -1);
        setRange(event.result, event.newLengthBytes, 3);
        return;
      case "brk": {
        const oldEnd = 4096 * pagesOfBytes(brk);
        const newEnd = 4096 * pagesOfBytes(event.result);
        if (newEnd > oldEnd) setRange(oldEnd, newEnd - oldEnd, 3);
        else setRange(newEnd, oldEnd - newEnd, -1);
        brk = event.result;
        return;
      }
      case "madvise":
      case "exit_group":
    }
  };
  for (const item of collectItems(trace)) {
    if ("name" in item) {
      apply(item);
      continue;
    }
    while (stack !== undefined && item.vpn < stackVpn && stackEndVpn - item.vpn <= STACK_LIMIT_PAGES) {
      protOfVpn.set(--stackVpn, stack.prot);
    }
    const prot = protOfVpn.get(item.vpn) ?? 0;
    if (((prot >> item.kind) & 1) === 0) {
      return `page 0x${item.vpn.toString(16)}, access of kind ${item.kind}, protection ${prot}`;
    }
  }
  return "";
}
