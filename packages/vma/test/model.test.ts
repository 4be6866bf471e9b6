import { describe, expect, it } from "vitest";
import fc from "fast-check";
import {
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_SHARED,
  NO_PAGES_HOST,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  type AddressSpaceHost,
} from "@pageframe/contracts";
import { flagsToPerms, type AddressSpace } from "@pageframe/vma";
import { ANON, ARENA, RW, check, map, named, newSpace, protect, unmap, write } from "./helpers.ts";

const NR_PAGES = 64;

/** One page: rights and what it shows, or undefined when nothing is mapped. */
interface Page {
  readonly perms: string;
  readonly fileId: number;
  readonly pgoff: number;
}

function pagesOf(mm: AddressSpace): (Page | undefined)[] {
  const { pool } = mm;
  return Array.from({ length: NR_PAGES }, (_, page) => {
    const vma = mm.findVma(ARENA + page);
    if (vma < 0 || pool.startVpn[vma] > ARENA + page) return undefined;
    const pgoff = pool.pgoff[vma] + (ARENA + page - pool.startVpn[vma]);
    return { perms: flagsToPerms(pool.vmFlags[vma]), fileId: pool.fileId[vma], pgoff };
  });
}

/** Every page table entry that a host would hold: pages are "mapped" by writes and must go with their mapping. */
function pageHost(present: Set<number>, pool: () => AddressSpace): AddressSpaceHost {
  return {
    ...NO_PAGES_HOST,
    unmapPages: (_mm, start, end) => {
      const mm = pool();
      const vma = mm.findVma(start);
      expect([mm.pool.startVpn[vma], mm.pool.endVpn[vma]]).toEqual([start, end]);
      for (let vpn = start; vpn < end; vpn++) present.delete(vpn);
    },
  };
}

describe("AddressSpace", () => {
  it("agrees with an array of pages under random mmap, munmap, mprotect and writes", () => {
    const step = fc.record({
      kind: fc.constantFrom("map", "map", "file", "noreplace", "unmap", "protect", "write", "write"),
      page: fc.nat(NR_PAGES - 1),
      nrPages: fc.integer({ min: 1, max: 16 }),
      prot: fc.constantFrom(PROT_NONE, PROT_READ, RW, RW, PROT_READ | PROT_EXEC),
      fileId: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const present = new Set<number>();
        const mm: AddressSpace = newSpace(
          {},
          pageHost(present, () => mm),
        );
        const model = new Array<Page | undefined>(NR_PAGES).fill(undefined);
        for (const { kind, page, nrPages, prot, fileId } of steps) {
          const end = Math.min(page + nrPages, NR_PAGES);
          const nr = end - page;
          const range = model.slice(page, end);
          const letters =
            (prot & PROT_READ ? "r" : "-") + (prot & 2 ? "w" : "-") + (prot & PROT_EXEC ? "x" : "-");
          if (kind === "map" || kind === "noreplace") {
            const flags = kind === "map" ? ANON : ANON | MAP_FIXED_NOREPLACE;
            const isTaken = kind === "noreplace" && range.some((there) => there !== undefined);
            expect(map(mm, page, nr, prot, flags)).toBe(isTaken ? "EEXIST" : page);
            if (!isTaken) {
              for (let at = page; at < end; at++) {
                model[at] = { perms: `${letters}p`, fileId: -1, pgoff: ARENA + at };
              }
            }
          } else if (kind === "file") {
            expect(map(mm, page, nr, prot, MAP_SHARED, fileId, page + fileId)).toBe(page);
            for (let at = page; at < end; at++)
              model[at] = { perms: `${letters}s`, fileId, pgoff: at + fileId };
          } else if (kind === "unmap") {
            expect(unmap(mm, page, nr)).toBe(0);
            model.fill(undefined, page, end);
          } else if (kind === "protect") {
            const hole = range.findIndex((there) => there === undefined);
            expect(protect(mm, page, nr, prot)).toBe(hole === -1 ? 0 : "ENOMEM");
            for (let at = page; at < (hole === -1 ? end : page + hole); at++) {
              const there = model[at]!;
              model[at] = { ...there, perms: letters + there.perms.slice(3) };
            }
          } else if (model[page]?.perms.includes("w")) {
            expect(write(mm, page)).toBe(true);
            present.add(ARENA + page);
          }
          expect(pagesOf(mm)).toEqual(model);
          for (const vpn of present) expect(model[vpn - ARENA]).toBeDefined();
          check(mm);
          expectNothingLeftToMerge(mm);
        }
        mm.unmapAll();
        expect([present.size, mm.pool.nrUsed, mm.commit.committedPages]).toEqual([0, 0, 0]);
      }),
      { seed: 4, numRuns: 120 },
    );
  });

  it("places every mapping where nothing was, under random mmap without address and munmap", () => {
    const step = fc.record({
      isMap: fc.boolean(),
      nrPages: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(512, 1024)),
      flags: fc.constantFrom(0, 0, 0, MAP_GROWSDOWN),
      prot: fc.constantFrom(PROT_READ, RW),
      which: fc.nat(100),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const mm = newSpace();
        const mapped: { start: number; end: number }[] = [];
        for (const { isMap, nrPages, flags, prot, which } of steps) {
          if (isMap || mapped.length === 0) {
            const address = mm.mmap(0, nrPages * PAGE_SIZE, prot, ANON | flags);
            expect(named(address)).toBe(address);
            const start = address / PAGE_SIZE;
            const end = start + nrPages;
            expect(end).toBeLessThanOrEqual(mm.mmapBase);
            for (const other of mapped) expect(end <= other.start || start >= other.end).toBe(true);
            if (nrPages % 512 === 0) expect(start % 512).toBe(0);
            mapped.push({ start, end });
          } else {
            const [gone] = mapped.splice(which % mapped.length, 1);
            expect(mm.munmap(gone.start * PAGE_SIZE, (gone.end - gone.start) * PAGE_SIZE)).toBe(0);
          }
          check(mm);
          expect(mm.totalVm).toBe(mapped.reduce((sum, { start, end }) => sum + end - start, 0));
        }
      }),
      { seed: 5, numRuns: 100 },
    );
  });
});

/** Neighbours of one kind stay apart only when both were written to, or their offsets do not continue. */
function expectNothingLeftToMerge(mm: AddressSpace): void {
  const { pool } = mm;
  mm.forEachVma((vma) => {
    const next = mm.nextVma(vma);
    if (next < 0 || pool.endVpn[vma] !== pool.startVpn[next]) return;
    const isSameKind = pool.vmFlags[vma] === pool.vmFlags[next] && pool.fileId[vma] === pool.fileId[next];
    const isContinued = pool.pgoff[next] === pool.pgoff[vma] + pool.endVpn[vma] - pool.startVpn[vma];
    const isWrittenApart = pool.anonVma[vma] !== -1 && pool.anonVma[next] !== -1;
    if (isSameKind && isContinued) expect(isWrittenApart).toBe(true);
  });
}
