import { describe, expect, it } from "vitest";
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_SHARED,
  NO_VMA,
  PAGE_SIZE,
  VM_SHARED,
  VM_WRITE,
  VM_EXEC,
  VM_READ,
} from "@pageframe/contracts";
import { NO_FILE, flagsToPerms, type AddressSpace } from "@pageframe/vma";
import { ANON, check, newSpace } from "./helpers.ts";
import { RECORDED } from "./recorded.ts";

const HEAP = 0x4de;
const VDSO = 0x7ffff7ff7;
const FILE = 1;
const SIGSEGV = 11;

/** What a write or read does to VMAs; the signal it ends in. */
function touch(mm: AddressSpace, vpn: number, isWrite: boolean): number {
  if (mm.expandStack(vpn) < 0) return SIGSEGV;
  const vma = mm.findVma(vpn);
  const vmFlags = mm.pool.vmFlags[vma];
  if ((vmFlags & (isWrite ? VM_WRITE : VM_READ | VM_WRITE | VM_EXEC)) === 0) return SIGSEGV;
  if (isWrite && (vmFlags & VM_SHARED) === 0) mm.anonVmaPrepare(vma);
  return 0;
}

function shownMaps(mm: AddressSpace): string {
  const { startVpn, endVpn, vmFlags, fileId, pgoff } = mm.pool;
  let text = "maps";
  for (let vma = mm.firstVma; vma !== NO_VMA; vma = mm.nextVma(vma)) {
    if (startVpn[vma] >= VDSO) continue;
    const offset = fileId[vma] === NO_FILE ? "" : `:${pgoff[vma].toString(16)}`;
    text += ` ${startVpn[vma].toString(16)}-${endVpn[vma].toString(16)}:${flagsToPerms(vmFlags[vma])}${offset}`;
  }
  return text;
}

describe("AddressSpace", () => {
  it("answers a recorded random program as the kernel did, operation by operation", () => {
    const mm = newSpace();
    mm.startBrk = HEAP * PAGE_SIZE;
    mm.brkAddress = mm.startBrk;
    mm.brk(0x500 * PAGE_SIZE);
    mm.anonVmaPrepare(mm.findVma(HEAP));
    mm.mmap(VDSO * PAGE_SIZE, 8 * PAGE_SIZE, 5, ANON | MAP_FIXED);
    let nrObjects = FILE;
    const hex = (text: string): number => parseInt(text, 16);
    const bytes = (page: string): number => hex(page) * PAGE_SIZE;
    const pages = (ret: number): string => (ret > 0 ? (ret / PAGE_SIZE).toString(16) : String(ret));

    RECORDED.forEach((line, at) => {
      const [name, ...args] = line.split(" ");
      const where = `operation ${at}: ${line}`;
      if (name === "maps") {
        expect(shownMaps(mm), where).toBe(line);
        check(mm);
        return;
      }
      const expected = args.pop()!;
      const [page, nr, third, fourth, fifth, sixth] = args;
      let ret: string;
      if (name === "mmap") {
        const flags = hex(fourth);
        const isShm = (flags & (MAP_SHARED | MAP_ANONYMOUS)) === (MAP_SHARED | MAP_ANONYMOUS);
        const fileId = fifth === "1" ? FILE : isShm ? ++nrObjects : NO_FILE;
        const address = bytes(page) + (page.endsWith("+") ? 1 : 0);
        ret = pages(mm.mmap(address, Number(nr) * PAGE_SIZE, Number(third), flags, fileId, bytes(sixth)));
      } else if (name === "munmap") {
        ret = String(mm.munmap(bytes(page), Number(nr) * PAGE_SIZE));
      } else if (name === "mprotect") {
        ret = String(mm.mprotect(bytes(page), Number(nr) * PAGE_SIZE, hex(third)));
      } else if (name === "mremap") {
        const [oldBytes, newBytes] = [Number(nr) * PAGE_SIZE, Number(third) * PAGE_SIZE];
        ret = pages(mm.mremap(bytes(page), oldBytes, newBytes, Number(fourth), bytes(fifth)));
      } else if (name === "brk") {
        ret = mm.brk(hex(page)).toString(16);
      } else {
        ret = String(touch(mm, hex(page), name === "write"));
      }
      expect(ret, where).toBe(expected);
    });
    mm.unmapAll();
    expect([mm.commit.committedPages, mm.pool.nrUsed]).toEqual([0, 0]);
  });
});
