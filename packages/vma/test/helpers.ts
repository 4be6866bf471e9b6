/** Short names for what tests do all the time. Pages are counted from ARENA, as in the recorded scripts. */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  NO_PAGES_HOST,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
  errnoName,
  type AddressSpaceHost,
} from "@pageframe/contracts";
import { AddressSpace, NO_FILE, VmaPool, flagsToPerms, type AddressSpaceConfig } from "@pageframe/vma";

export const ARENA = 0x100000000;
export const RW: number = PROT_READ | PROT_WRITE;
export const ANON: number = MAP_PRIVATE | MAP_ANONYMOUS;

/** An address space in a pool that must grow at once. */
export function newSpace(
  config: AddressSpaceConfig = {},
  host: AddressSpaceHost = NO_PAGES_HOST,
): AddressSpace {
  return new AddressSpace(new VmaPool(1), host, config);
}

/** Maps pages of the arena, replacing what is there; returns the page or an errno's name. */
export function map(
  mm: AddressSpace,
  page: number,
  nrPages: number,
  prot: number = RW,
  flags: number = ANON,
  fileId: number = NO_FILE,
  pgoff = 0,
): number | string {
  const address = (ARENA + page) * PAGE_SIZE;
  const ret = mm.mmap(address, nrPages * PAGE_SIZE, prot, flags | MAP_FIXED, fileId, pgoff * PAGE_SIZE);
  return ret < 0 ? errnoName(ret) : ret / PAGE_SIZE - ARENA;
}

export function unmap(mm: AddressSpace, page: number, nrPages: number): number | string {
  return named(mm.munmap((ARENA + page) * PAGE_SIZE, nrPages * PAGE_SIZE));
}

export function protect(mm: AddressSpace, page: number, nrPages: number, prot: number): number | string {
  return named(mm.mprotect((ARENA + page) * PAGE_SIZE, nrPages * PAGE_SIZE, prot));
}

/** What a write fault does to the VMA: the stack grows, the anon_vma is made. False when there is no VMA. */
export function write(mm: AddressSpace, page: number): boolean {
  const vpn = ARENA + page;
  if (mm.expandStack(vpn) < 0) return false;
  mm.anonVmaPrepare(mm.findVma(vpn));
  return true;
}

/** Writes the arena's mappings as `start-end perms`. */
export function maps(mm: AddressSpace): string[] {
  const lines: string[] = [];
  mm.forEachVma((vma) => {
    const { startVpn, endVpn, vmFlags } = mm.pool;
    if (startVpn[vma] < ARENA || startVpn[vma] > ARENA + 2 ** 24) return;
    lines.push(`${startVpn[vma] - ARENA}-${endVpn[vma] - ARENA} ${flagsToPerms(vmFlags[vma])}`);
  });
  return lines;
}

/** 0 stays, errnos get their name. */
export function named(ret: number): number | string {
  return ret < 0 ? errnoName(ret) : ret;
}

export function check(mm: AddressSpace): void {
  mm.checkInvariants();
  mm.pool.checkInvariants();
}
