/**
 * Walks everything and holds it against everything else: the means by which random tests find what is wrong. Cold.
 *
 * Every frame is free, reserved, or owned exactly as its reference count says; lists, counters, reverse mappings, page
 * tables, TLBs, swap slots and mappings agree.
 */
import {
  bug,
  INIT_MM,
  NO_ENTRY,
  NO_PFN,
  NO_VMA,
  NR_ANON_PAGES,
  NR_FILE_PAGES,
  NR_FREE_PAGES,
  NR_MAPPED,
  NR_MLOCK,
  NR_PAGE_TABLE_PAGES,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
  PG_HEAD,
  PG_LRU,
  PG_MLOCKED,
  PG_RESERVED,
  PG_SLAB,
  PG_SWAPCACHE,
  PG_TABLE,
  PG_TAIL,
  type PageTable,
  type Pfn,
  PTE_D,
  PTE_HI_NX,
  PTE_P,
  PTE_RW,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  PTE_US,
  pteIsNonSwap,
  pteIsPresent,
  pteMarkers,
  leafPfn,
  PT_LEVEL_PTE,
  pteToSwapEntry,
  TLB_ENTRY_NX,
  VM_PFNMAP,
  VM_SHARED,
  VM_UFFD_FLAGS,
  VM_UFFD_WP,
  VM_WRITE,
  type Vpn,
  vpnOf,
} from "@pageframe/contracts";
import { NO_LINK, NO_MAPPING, NO_ZONE } from "@pageframe/memmap";
import { FMODE_WRITE, NO_UFFD } from "@pageframe/vma";
import { expectedCr3, userOfPcid } from "../tlb/kpti.ts";
import { linearPageIndex } from "../pages/pages.ts";
import { auditDiskFiles } from "./audit-disk-files.ts";
import { type Cpu, type System } from "../system.ts";
import { type Mm } from "../task.ts";

/** What the page tables of all tasks say together. */
interface MappedState {
  /** Entries that map each frame. */
  readonly mapcount: Int32Array;
  /** Entries that name each swap slot. */
  readonly swapCounts: Map<number, number>;
}

/** Checks every invariant of a machine; calls bug() at the first that does not hold. O(frames + entries). */
export function auditSystem(sys: System): void {
  sys.vmCommit.checkInvariants();
  sys.vmaPool.checkInvariants();
  sys.frames.checkInvariants();
  sys.slab.checkInvariants();
  sys.swap.checkInvariants();
  sys.reclaimPolicy.checkInvariants();
  sys.memmap.checkInvariants();
  sys.rmap.checkInvariants();
  sys.contents.checkInvariants();
  const mapped: MappedState = { mapcount: new Int32Array(sys.memmap.nrFrames), swapCounts: new Map() };
  let nrTables = 0;
  for (const mm of sys.mms) {
    if (mm === null) continue;
    auditAddressSpace(sys, mm, mapped);
    nrTables += mm.nrTablePages;
  }
  auditFiles(sys, mapped);
  auditDiskFiles(sys);
  auditUserfaults(sys);
  auditFrames(sys, mapped);
  auditSwap(sys, mapped);
  auditCounters(sys, nrTables);
  auditTlbs(sys);
}

/** Mappings, entries and counts of one address space. */
function auditAddressSpace(sys: System, mm: Mm, mapped: MappedState): void {
  const { space, pageTable } = mm;
  const { pool } = space;
  const { memmap } = sys;
  space.checkInvariants();
  pageTable.checkInvariants();
  if (sys.kernelHalf.entryTop !== null) mm.userRoot?.checkInvariants(sys.kernelHalf.entryTop);
  let nrAnon = 0;
  let nrFile = 0;
  let nrSwap = 0;
  for (
    let vpn = pageTable.nextPopulated(0, space.taskSizeVpn);
    vpn < space.taskSizeVpn;
    vpn = pageTable.nextPopulated(vpn + 1, space.taskSizeVpn)
  ) {
    const at = `mm ${mm.id} vpn 0x${vpn.toString(16)}`;
    const vma = space.findVma(vpn);
    if (vma === NO_VMA || pool.startVpn[vma] > vpn) bug(`${at} has an entry and no mapping`);
    const entry = pageTable.findEntry(vpn);
    if (entry === NO_ENTRY) bug(`${at} is populated and not found`);
    const lo = pageTable.entryLo(entry);
    const hi = pageTable.entryHi(entry);
    if (!pteIsPresent(lo) && pteIsNonSwap(hi)) {
      if (pteMarkers(lo, hi) === 0) bug(`${at} is neither present nor in swap, and no marker`);
      continue;
    }
    if (!pteIsPresent(lo)) {
      const swapEntry = pteToSwapEntry(lo, hi);
      mapped.swapCounts.set(swapEntry, (mapped.swapCounts.get(swapEntry) ?? 0) + 1);
      nrSwap++;
      continue;
    }
    const pfn = leafPfn(lo, hi, PT_LEVEL_PTE);
    const vmFlags = pool.vmFlags[vma];
    if ((vmFlags & VM_UFFD_WP) !== 0 && (lo & (PTE_UFFD_WP | PTE_RW)) === (PTE_UFFD_WP | PTE_RW)) {
      bug(`${at} is writable and write-protected by a userfaultfd`);
    }
    if ((lo & PTE_RW) !== 0 && (vmFlags & VM_WRITE) === 0) bug(`${at} is writable and its mapping is not`);
    if ((lo & PTE_SPECIAL) !== 0) {
      if (pfn !== sys.zeroPfn && (vmFlags & VM_PFNMAP) === 0) bug(`${at} is special and maps pfn ${pfn}`);
      if ((lo & (PTE_RW | PTE_D)) !== 0) bug(`${at} maps the zero page writable or dirty`);
      continue;
    }
    const flags = memmap.flags[pfn];
    if ((lo & PTE_RW) !== 0 && (vmFlags & VM_SHARED) === 0) {
      if ((flags & PG_ANON) === 0) bug(`${at} maps file page ${pfn} writable into a private mapping`);
      if ((flags & PG_ANON_EXCLUSIVE) === 0) bug(`${at} maps pfn ${pfn} writable without owning it`);
    }
    if ((flags & PG_ANON) !== 0) {
      nrAnon++;
      if (memmap.mapcount[pfn] === 1 && memmap.index[pfn] !== linearPageIndex(mm, vma, vpn)) {
        bug(`${at} maps anonymous pfn ${pfn} of index 0x${memmap.index[pfn].toString(16)}`);
      }
    } else {
      nrFile++;
      const pgoff = linearPageIndex(mm, vma, vpn);
      const inodeId = memmap.mapping[memmap.compoundHead(pfn)];
      if (inodeId !== sys.files.inodeOf(pool.fileId[vma]).id || memmap.pgoffOf(pfn) !== pgoff) {
        bug(`${at} maps pfn ${pfn}, which is not page ${pgoff} of file ${pool.fileId[vma]}`);
      }
    }
    mapped.mapcount[pfn]++;
    if (!hasRmap(sys, pfn, mm.id, vpn)) bug(`${at} maps pfn ${pfn}, whose reverse mapping does not know it`);
  }
  mm.rssStat.checkInvariants();
  if (nrAnon !== mm.rssAnon || nrFile !== mm.rssFile + mm.rssShmem || nrSwap !== mm.nrSwapEntries) {
    bug(
      `mm ${mm.id} maps ${nrAnon} anonymous, ${nrFile} file and ${nrSwap} swapped pages; ` +
        `it counts ${mm.rssAnon}, ${mm.rssFile + mm.rssShmem} and ${mm.nrSwapEntries}`,
    );
  }
}

function hasRmap(sys: System, pfn: number, mm: number, vpn: number): boolean {
  const { rmap } = sys;
  for (let link = rmap.head[pfn]; link !== NO_LINK; link = rmap.linkNext[link]) {
    if (rmap.linkMm[link] === mm && rmap.linkVpn[link] === vpn) return true;
  }
  return false;
}

/** Each mapping of a file is in the index of its inode, once, and nothing else is. */
function auditMappings(sys: System): void {
  const { files, vmaPool } = sys;
  const byInode = new Map<number, Set<number>>();
  for (const mm of sys.mms) {
    if (mm === null) continue;
    for (let vma = mm.space.firstVma; vma !== NO_VMA; vma = mm.space.nextVma(vma)) {
      if (vmaPool.fileId[vma] < 0) continue;
      const inodeId = files.inodeOf(vmaPool.fileId[vma]).id;
      const known = byInode.get(inodeId) ?? new Set();
      byInode.set(inodeId, known.add(vma));
    }
  }
  for (const inode of files.inodes) {
    if (inode === null) continue;
    const expected = byInode.get(inode.id) ?? new Set();
    const indexed = vmaPool.mappings.collect(inode.id);
    if (indexed.length !== expected.size || indexed.some((vma) => !expected.has(vma))) {
      bug(
        `inode ${inode.id} is mapped by VMAs ${[...expected].join(" ")}; its index has ${indexed.join(" ")}`,
      );
    }
    if (inode.nrMappings !== expected.size)
      bug(`inode ${inode.id} counts ${inode.nrMappings} mappings of ${expected.size}`);
    for (const vma of indexed) {
      const start = vmaPool.pgoff[vma];
      const end = start + (vmaPool.endVpn[vma] - vmaPool.startVpn[vma]);
      if (!vmaPool.mappings.isAt(vma, start, end)) bug(`VMA ${vma} is indexed under pages it does not show`);
    }
  }
}

/** Open files, inodes, their pages and their swap slots agree; slots of shared memory are held by their inodes. */
function auditFiles(sys: System, mapped: MappedState): void {
  const { files, memmap } = sys;
  auditMappings(sys);
  const nrFiles = new Map<number, number>();
  const nrMappings = new Map<number, number>();
  const nrPrograms = new Map<number, number>();
  const writeCounts = new Map<number, number>();
  for (const mm of sys.mms) {
    if (mm === null) continue;
    const { pool } = mm.space;
    if (mm.exeFileId >= 0) {
      const { inode } = files.file(mm.exeFileId);
      nrPrograms.set(mm.exeFileId, (nrPrograms.get(mm.exeFileId) ?? 0) + 1);
      writeCounts.set(inode.id, (writeCounts.get(inode.id) ?? 0) - 1);
    }
    for (let vma = mm.space.firstVma; vma !== NO_VMA; vma = mm.space.nextVma(vma)) {
      const fileId = pool.fileId[vma];
      if (fileId >= 0) nrMappings.set(fileId, (nrMappings.get(fileId) ?? 0) + 1);
    }
  }
  for (const file of files.opened) {
    if (file === null) continue;
    const nrHeld = (nrMappings.get(file.id) ?? 0) + (nrPrograms.get(file.id) ?? 0);
    const nrRefs = (file.isOpen ? 1 : 0) + nrHeld;
    if ((file.mode & FMODE_WRITE) !== 0)
      writeCounts.set(file.inode.id, (writeCounts.get(file.inode.id) ?? 0) + 1);
    if (file.nrRefs !== nrRefs) bug(`file ${file.id} has ${file.nrRefs} references and ${nrRefs} owners`);
    if (files.inodes[file.inode.id] !== file.inode) bug(`file ${file.id} is open on an inode that is gone`);
    nrFiles.set(file.inode.id, (nrFiles.get(file.inode.id) ?? 0) + 1);
  }
  for (const { inode } of sys.sysvShm.segments.values()) {
    nrFiles.set(inode.id, (nrFiles.get(inode.id) ?? 0) + 1);
    if (files.inodes[inode.id] !== inode) bug(`a SysV segment holds inode ${inode.id}, which is gone`);
  }
  let nrTmpfsBlocks = 0;
  for (const inode of files.inodes) {
    if (inode === null) continue;
    const nrOpen = nrFiles.get(inode.id) ?? 0;
    if (inode.nrFiles !== nrOpen) bug(`inode ${inode.id} counts ${inode.nrFiles} open files of ${nrOpen}`);
    const writeCount = writeCounts.get(inode.id) ?? 0;
    if (inode.writeCount !== writeCount)
      bug(`inode ${inode.id} counts ${inode.writeCount} writers of ${writeCount}`);
    if (nrOpen === 0 && inode.nrLinks === 0) bug(`inode ${inode.id} has neither a file nor a name`);
    for (const [pgoff, entry] of inode.swapped) {
      if (inode.pages.load(pgoff) !== NO_PFN)
        bug(`page ${pgoff} of inode ${inode.id} is in memory and in swap`);
      if (pgoff >= inode.pastLastPage) bug(`page ${pgoff} of inode ${inode.id} lies past its last page`);
      mapped.swapCounts.set(entry, (mapped.swapCounts.get(entry) ?? 0) + 1);
    }
    if (inode.isLimited) nrTmpfsBlocks += inode.pages.nrPages + inode.swapped.size;
    if (inode.isSpecial) continue;
    inode.pages.checkInvariants();
    for (
      let pgoff = inode.pages.nextPage(0, Infinity);
      pgoff >= 0;
      pgoff = inode.pages.nextPage(pgoff + 1, Infinity)
    ) {
      const pfn = memmap.compoundHead(inode.pages.load(pgoff));
      if (inode.isShmem && pgoff >= inode.pastLastPage)
        bug(`page ${pgoff} of inode ${inode.id} lies past its last page`);
      if (memmap.mapping[pfn] !== inode.id || memmap.pgoffOf(inode.pages.load(pgoff)) !== pgoff) {
        bug(`pfn ${pfn} is cached as page ${pgoff} of inode ${inode.id} and does not know it`);
      }
    }
  }
  if (nrTmpfsBlocks !== files.nrTmpfsBlocks) {
    bug(`files of /dev/shm have ${nrTmpfsBlocks} pages and ${files.nrTmpfsBlocks} are charged`);
  }
}

/** Mappings, userfaultfds and the tasks that wait for them know each other. */
function auditUserfaults(sys: System): void {
  const { uffd } = sys;
  for (const mm of sys.mms) {
    if (mm === null) continue;
    const { pool } = mm.space;
    for (let vma = mm.space.firstVma; vma !== NO_VMA; vma = mm.space.nextVma(vma)) {
      const isWatched = (pool.vmFlags[vma] & VM_UFFD_FLAGS) !== 0;
      if (isWatched !== (pool.uffd[vma] !== NO_UFFD)) {
        bug(`VMA ${vma} has userfaultfd ${pool.uffd[vma]} and flags 0x${pool.vmFlags[vma].toString(16)}`);
      }
      if (isWatched && uffd.context(pool.uffd[vma]).mm !== mm) {
        bug(`VMA ${vma} of mm ${mm.id} is watched by userfaultfd ${pool.uffd[vma]} of another`);
      }
    }
  }
  let nrWaits = 0;
  for (const ctx of uffd.contexts) {
    for (const wait of ctx === null ? [] : [...ctx.pending, ...ctx.read]) {
      if (uffd.waits.get(wait.pid) !== wait || !sys.tasks.has(wait.pid)) {
        bug(`userfaultfd ${wait.uffd} has a wait of task ${wait.pid} that the task does not know`);
      }
      nrWaits++;
    }
  }
  if (nrWaits !== uffd.waits.size)
    bug(`${uffd.waits.size} tasks wait for userfaultfds, which know ${nrWaits}`);
  if (uffd.forks.size > 0) bug("a fork is over and its userfaultfds are not told of");
  if (uffd.mayRetry) bug("a fault is over and the next may wait for a userfaultfd");
}

/** Every frame in use has an owner, and as many references as it has owners. */
function auditFrames(sys: System, mapped: MappedState): void {
  const { memmap } = sys;
  const kernelPages = new Set<number>();
  for (const task of sys.tasks.values()) for (const pfn of task.stackPfns) kernelPages.add(pfn);
  sys.vmalloc.checkInvariants();
  sys.vmalloc.forEachPfn((pfn) => kernelPages.add(pfn));
  sys.lru.checkInvariants();
  const waiting = sys.lru.collectReferences();
  for (let pfn = 0; pfn < memmap.nrFrames; pfn++) {
    const flags = memmap.flags[pfn];
    if (mapped.mapcount[pfn] !== memmap.mapcount[pfn]) {
      bug(`pfn ${pfn} is mapped ${mapped.mapcount[pfn]} times; mapcount says ${memmap.mapcount[pfn]}`);
    }
    if (memmap.zoneId[pfn] === NO_ZONE || (flags & (PG_RESERVED | PG_TAIL)) !== 0) continue;
    const refcount = memmap.refcount[pfn];
    if (refcount === 0) {
      if ((flags & (PG_LRU | PG_SWAPCACHE | PG_TABLE | PG_SLAB | PG_ANON)) !== 0) {
        bug(`pfn ${pfn} is free and has flags 0x${flags.toString(16)}`);
      }
      if (memmap.mapping[pfn] !== NO_MAPPING)
        bug(`pfn ${pfn} is free and belongs to file ${memmap.mapping[pfn]}`);
      continue;
    }
    // A compound page that nothing maps and no file has is a large object of the kernel's own.
    const isLargeObject =
      (flags & (PG_HEAD | PG_ANON)) === PG_HEAD &&
      memmap.mapping[pfn] === NO_MAPPING &&
      memmap.folioMapcount(pfn) === 0;
    const isKernels = (flags & (PG_SLAB | PG_TABLE)) !== 0 || isLargeObject || kernelPages.has(pfn);
    const isInFile = !isKernels && memmap.mapping[pfn] !== NO_MAPPING;
    const isOnList = (flags & PG_LRU) !== 0;
    const nrOwners = isKernels
      ? 1
      : memmap.folioMapcount(pfn) +
        ((flags & PG_SWAPCACHE) !== 0 ? 1 : 0) +
        (isInFile ? 1 : 0) +
        (waiting.get(pfn) ?? 0) +
        (sys.gupRefs.get(pfn) ?? 0);
    if (refcount !== nrOwners) bug(`pfn ${pfn} has ${refcount} references and ${nrOwners} owners`);
    if (isInFile && sys.files.findPage(memmap.mapping[pfn], memmap.index[pfn]) !== pfn) {
      bug(`pfn ${pfn} is not what its file has at page ${memmap.index[pfn]}`);
    }
    if (!isKernels && !isOnList && !sys.lru.isWaiting(pfn)) {
      bug(`pfn ${pfn} is a program's page and on no LRU list or batch`);
    }
  }
}

/** Every swap slot is held as often as entries name it. */
function auditSwap(sys: System, mapped: MappedState): void {
  const { memmap, swap } = sys;
  for (const [entry, nr] of mapped.swapCounts) {
    if (swap.swapCount(entry) !== nr)
      bug(`swap entry ${entry} is named ${nr} times and counts ${swap.swapCount(entry)}`);
  }
  let nrUsed = mapped.swapCounts.size;
  for (let pfn = 0; pfn < memmap.nrFrames; pfn++) {
    if ((memmap.flags[pfn] & PG_SWAPCACHE) === 0) continue;
    const entry = memmap.private[pfn];
    if (swap.lookupCache(entry) !== pfn) bug(`pfn ${pfn} is not what the swap cache has for entry ${entry}`);
    if (!mapped.swapCounts.has(entry)) nrUsed++;
  }
  const nrTaken = swap.nrTotalSlots - swap.nrFreeSlots;
  if (nrTaken !== nrUsed) bug(`${nrTaken} swap slots are taken and ${nrUsed} are named by anything`);
}

/** Counters equal what was found. */
function auditCounters(sys: System, nrUserTables: number): void {
  const { memmap, vmstat } = sys;
  let nrAnon = 0;
  let nrMapped = 0;
  let nrFile = 0;
  let nrTables = 0;
  let nrMlocked = 0;
  for (let pfn = 0; pfn < memmap.nrFrames; pfn++) {
    const flags = memmap.flags[pfn];
    if ((flags & PG_TABLE) !== 0) nrTables++;
    else if ((flags & PG_SWAPCACHE) !== 0) nrFile++;
    else if ((flags & (PG_TAIL | PG_RESERVED)) === 0 && memmap.mapping[pfn] !== NO_MAPPING) {
      nrFile += memmap.nrFolioPages(pfn);
    }
    if ((flags & PG_MLOCKED) !== 0) nrMlocked += memmap.nrFolioPages(pfn);
    else if (sys.mlockCounts.has(pfn)) bug(`pfn ${pfn} is not locked and counts locked mappings`);
    if (memmap.mapcount[pfn] > 0) {
      if ((flags & PG_ANON) !== 0) nrAnon++;
      else nrMapped++;
    }
  }
  expectCount("nr_anon_pages", vmstat.globalNode(NR_ANON_PAGES), nrAnon);
  expectCount("nr_mapped", vmstat.globalNode(NR_MAPPED), nrMapped);
  expectCount("nr_mlock", vmstat.globalZone(NR_MLOCK), nrMlocked);
  expectCount("nr_file_pages", vmstat.globalNode(NR_FILE_PAGES), nrFile);
  expectCount("nr_page_table_pages", vmstat.globalNode(NR_PAGE_TABLE_PAGES), nrTables);
  expectCount("nr_free_pages", vmstat.globalZone(NR_FREE_PAGES), sys.frames.nrFreePages());
  if (nrTables < nrUserTables) bug(`${nrTables} table frames exist and address spaces count ${nrUserTables}`);
}

function expectCount(name: string, counted: number, found: number): void {
  if (counted !== found) bug(`${name} says ${counted}; there are ${found}`);
}

/** No CPU has, or will have without a flush, a translation that the page table would not give today. */
function auditTlbs(sys: System): void {
  sys.asids.checkInvariants();
  if (sys.gather.isOpen || sys.reaperGather.isOpen)
    bug("a gather is left open: its pages are freed and not flushed");
  if (sys.unmapBatch.isPending) bug("reclaim is over and has not flushed what it unmapped");
  for (const cpu of sys.cpus) {
    auditLoadedMm(cpu, sys);
    cpu.tlb.checkInvariants();
    cpu.tlb.forEachEntry((vpnLo, vpnHi, pcid, _pageSize, pfn, flags) => {
      if ((flags & PTE_US) === 0) return;
      const id = userOfPcid(sys, cpu, pcid);
      // What nobody can use before it is flushed may be stale: Linux leaves it too.
      if (id === INIT_MM) return;
      const problem = staleness(sys.mmOf(id).pageTable, vpnOf(vpnLo, vpnHi), pfn, flags);
      if (problem === "") return;
      bug(`TLB of CPU ${cpu.id}: mm ${id} vpn 0x${vpnOf(vpnLo, vpnHi).toString(16)} is stale: ${problem}`);
    });
  }
}

/** What a CPU runs agrees with what it has loaded. */
function auditLoadedMm(cpu: Cpu, sys: System): void {
  const { loadedMm } = cpu;
  if (cpu.current !== null && (cpu.isLazy || cpu.current.mm !== loadedMm)) {
    bug(`CPU ${cpu.id} runs task ${cpu.current.pid} and has not loaded its address space`);
  }
  const { rootPfn, pcid } = expectedCr3(sys, cpu);
  if (cpu.mmu.rootPfn !== rootPfn)
    bug(`CPU ${cpu.id} walks from pfn ${cpu.mmu.rootPfn} and not from ${rootPfn}`);
  if (cpu.mmu.currentPcid !== pcid) {
    bug(`CPU ${cpu.id} runs under PCID ${cpu.mmu.currentPcid} and was given ${pcid}`);
  }
  if (cpu.isolation?.isInKernel === (cpu.current !== null)) {
    bug(
      `CPU ${cpu.id} ${cpu.current === null ? "idles in user mode" : "runs a task and was left in the kernel"}`,
    );
  }
  if (loadedMm === null) return;
  if (sys.mms[loadedMm.id] !== loadedMm) bug(`CPU ${cpu.id} has loaded an address space that is gone`);
  if (!loadedMm.cpuMask.has(cpu.id)) bug(`CPU ${cpu.id} has loaded mm ${loadedMm.id} and is not in its mask`);
}

/**
 * What a cached translation (frame, TLB flags) allows or says that the page table does not; empty when nothing. A right
 * less, or a dirty bit less, is no harm: the access faults, or walks again.
 */
function staleness(pageTable: PageTable, vpn: Vpn, pfn: Pfn, flags: number): string {
  const entry = pageTable.findEntry(vpn);
  const lo = entry === NO_ENTRY ? 0 : pageTable.entryLo(entry);
  const hi = entry === NO_ENTRY ? 0 : pageTable.entryHi(entry);
  if ((lo & PTE_P) === 0) return "nothing is mapped there";
  const mappedPfn = leafPfn(lo, hi, pageTable.lastLevel);
  if (mappedPfn !== pfn) return `pfn ${pfn}, mapped is ${mappedPfn}`;
  if ((flags & PTE_RW) !== 0 && (lo & PTE_RW) === 0) return "it still allows writing";
  if ((flags & TLB_ENTRY_NX) === 0 && (hi & PTE_HI_NX) !== 0) return "it still allows execution";
  if ((flags & PTE_D) !== 0 && (lo & PTE_D) === 0) return "a write through it would leave the page clean";
  return "";
}
