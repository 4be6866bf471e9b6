/**
 * Boots a machine from a configuration: lays out RAM, reserves what the kernel itself takes, wires every subsystem.
 *
 * RAM is laid out like a PC's: pages 1..158, which stay reserved, and from 1 MiB on; the kernel image lies at 1 MiB, each
 * node's memmap at the end of the node. `memory` is what is left to programs: the size of RAM is found by booting, looking at
 * MemAvailable, and correcting, so everything that the kernel takes (page tables, slabs, watermarks) is paid on top.
 */
import {
  type BlockBackend,
  bug,
  EINVAL,
  ENOMEM,
  findOccupant,
  KernelError,
  MAX_DMA32_PFN,
  MAX_DMA_PFN,
  MAX_NR_ZONES,
  NO_PFN,
  type MemoryRange,
  type NodeId,
  PAGE_SIZE,
  type Pfn,
  RUN_WRITE,
  type SwapBackend,
  type TraceSink,
  type Zonelists,
} from "@pageframe/contracts";
import { FrameContents, Memmap, Rmap, STRUCT_PAGE_BYTES, VmStat } from "@pageframe/memmap";
import { frameAllocators } from "@pageframe/buddy";
import { readaheadPolicies } from "@pageframe/pagecache";
import { Mmu, PageTableIsolation } from "@pageframe/mmu";
import { buildZonelists, NumaTopology, numaPolicies, uniformTopology } from "@pageframe/numa";
import { oomPolicies } from "@pageframe/oom";
import { KernelHalf, type KernelImage } from "@pageframe/pagetable";
import { LruCache, Reclaimer, reclaimPolicies } from "@pageframe/reclaim";
import { KERNEL_CACHES, objectAllocators } from "@pageframe/slab";
import { MemorySwapBackend, NullSwapBackend, SwapAreas, swapSlots } from "@pageframe/swap";
import { asidAllocators, tlbConfig, tlbs } from "@pageframe/tlb";
import { VmaPool, VmCommit } from "@pageframe/vma";
import { type KernelConfig, type KernelConfigInput, MIN_MEMORY_BYTES, parseKernelConfig } from "./config.ts";
import { wireDisks } from "./disk/wire-disks.ts";
import { Readahead } from "./filemap/readahead-state.ts";
import { Evictor } from "./pages/evict.ts";
import { Files } from "./files/files.ts";
import { Kernel } from "./kernel.ts";
import { checkKpti, loadRoots } from "./tlb/kpti.ts";
import { MmuGather } from "./tlb/mmu-gather.ts";
import { OutsideSink } from "./replay/outside-sink.ts";
import { MlockedPages } from "./pages/mlock-pages.ts";
import { LruPageReleaser } from "./pages/pages.ts";
import { MemoryPressure } from "./pages/pressure.ts";
import { formatBytes, formatPages, parseBytes, parsePages } from "./sizes.ts";
import { NR_VDSO_FRAMES } from "./mm/special-mappings.ts";
import { Cpu, type KernelCaches, System } from "./system.ts";
import { TableFramesFromBuddy } from "./kernel-space/table-frames.ts";
import { tableFormat } from "./kernel-space/table-format.ts";
import { CAUSE_CR3_WRITE, COST_NAMES, TimeAccount } from "./time.ts";
import { TlbFlusher } from "./tlb/tlb-flush.ts";
import { UnmapBatch } from "./tlb/unmap-batch.ts";
import { availablePages } from "./proc/machine.ts";
import { Vmalloc } from "./kernel-space/vmalloc.ts";
import { PagesOfAddressSpaces } from "./mm/zap.ts";
import { setWritebackRatelimit } from "./writeback/dirty-limits.ts";
import { ReclaimWaits } from "./writeback/reclaim-waits.ts";

/** What a boot may be given besides its configuration. */
export interface BootOptions {
  /** Stores of the configured swap areas, in their order; memory where absent or null. */
  readonly swapBackends?: readonly (SwapBackend | null)[];
  /** Stores of the configured disks, in their order; memory where absent or null. */
  readonly diskBackends?: readonly (BlockBackend | null)[];
  /** Listener of tracepoints from the first allocation on. */
  readonly trace?: TraceSink | null;
}

/** First frame of RAM: page 0 is kept from everyone. First of the hole below 1 MiB, and the end of that hole. */
const FIRST_PFN = 1;
const LOW_END_PFN = 159;
const HIGH_START_PFN = 256;
/** Nodes begin at multiples of this, so that no buddies lie on two nodes. */
const NODE_ALIGN_PAGES = 1024;
/** Frames of each zone type; Movable and Device have none at boot. */
const ZONE_LIMITS: readonly (readonly [number, number])[] = [
  [0, MAX_DMA_PFN],
  [MAX_DMA_PFN, MAX_DMA32_PFN],
  [MAX_DMA32_PFN, Infinity],
  [0, 0],
  [0, 0],
];
/** Pages that a machine may have above what was asked, where the formulas step over the very number. */
const MAX_SURPLUS_PAGES = 8;
/** Tables that text and fixmap need with five levels: P4D, PUD, a PMD each, two of PTEs. */
const MAX_STATIC_TABLES = 6;
/** Boots that looking for the size of RAM may take. */
const MAX_SIZING_BOOTS = 12;

/**
 * Boots a machine. Throws ConfigError with every mistake of the configuration, EINVAL for an unknown seat occupant or
 * for less memory than MIN_MEMORY_BYTES.
 */
export function bootKernel(input: KernelConfigInput = {}, options: BootOptions = {}): Kernel {
  const config = parseKernelConfig(input);
  checkKpti(config);
  const wantedBytes = parseBytes(config.memory);
  if (wantedBytes < MIN_MEMORY_BYTES) {
    throw new KernelError(
      EINVAL,
      `memory ${config.memory} is too small to boot; the minimum is ${formatBytes(MIN_MEMORY_BYTES)}`,
    );
  }
  const { trace = null } = options;
  const found = bootWithAvailable(config, parsePages(config.memory), { ...options, trace: null });
  if (trace === null) return new Kernel(found.sys);
  // Whoever listens hears of one machine, not of those that looked for its size.
  return new Kernel(bootSystem(config, found.nrRamPages, { ...options, trace: new OutsideSink(trace) }));
}

/** Finds the smallest RAM that leaves at least `wantedPages` available, and boots it. */
function bootWithAvailable(
  config: KernelConfig,
  wantedPages: number,
  options: BootOptions,
): { sys: System; nrRamPages: number } {
  let nrRamPages = wantedPages + parsePages(config.kernelImage) + 256 * config.nodes;
  let best: { sys: System; nrRamPages: number } | null = null;
  let bestAvailable = Infinity;
  const tried = new Set<number>();
  for (let boot = 0; boot < MAX_SIZING_BOOTS && !tried.has(nrRamPages); boot++) {
    tried.add(nrRamPages);
    const sys = tryBoot(config, nrRamPages, options);
    if (sys === null) {
      nrRamPages *= 2;
      continue;
    }
    const available = availablePages(sys);
    if (available >= wantedPages && available < bestAvailable) {
      best = { sys, nrRamPages };
      bestAvailable = available;
    }
    if (available === wantedPages) break;
    // While reserves swallow everything, a page more is a page more of reserve: what is missing cannot be seen yet.
    nrRamPages = available < 0 ? nrRamPages * 2 : nrRamPages + wantedPages - available;
  }
  // The steps of a few formulas may skip the very number: then go up until it is passed.
  while (best === null) {
    const sys = bootSystem(config, ++nrRamPages, options);
    bestAvailable = availablePages(sys);
    if (bestAvailable >= wantedPages) best = { sys, nrRamPages };
  }
  if (bestAvailable > wantedPages + MAX_SURPLUS_PAGES) {
    throw new KernelError(
      EINVAL,
      `memory ${config.memory} is too small for ${config.nodes} nodes; the minimum is ${formatPages(bestAvailable)}`,
    );
  }
  return best;
}

/** Boots a machine, or gives null when its reserves leave nothing for the kernel's own first allocations. */
function tryBoot(config: KernelConfig, nrRamPages: number, options: BootOptions): System | null {
  try {
    return bootSystem(config, nrRamPages, options);
  } catch (error) {
    if (error instanceof KernelError && error.errno === ENOMEM) return null;
    throw error;
  }
}

/** Boots a machine with `nrRamPages` pages of RAM, divided among the nodes. */
function bootSystem(config: KernelConfig, nrRamPages: number, options: BootOptions): System {
  const trace = options.trace ?? null;
  const ranges = layOutRam(nrRamPages, config.nodes, parsePages(config.kernelImage));
  const nrFrames = ranges[ranges.length - 1].endPfn;
  const memmap = new Memmap(nrFrames, listHeadsFor(config));
  const contents = new FrameContents(nrFrames, config.contents);
  const vmstat = new VmStat(config.nodes);
  const time = new TimeAccount(COST_NAMES.map((name) => (config.costs as Record<string, number>)[name]));
  const sys = new System(config, memmap, contents, new Rmap(memmap), vmstat, time, new Files());
  sys.trace = trace;
  const cpuNodes: NodeId[] = Array.from({ length: config.cpus }, (_, cpu) => cpu % config.nodes);

  const topology =
    config.distances === undefined
      ? uniformTopology(config.nodes, config.cpus)
      : new NumaTopology({ distances: config.distances, cpuNodes });
  const zonelists = buildZonelists(topology, (zoneId) => hasRam(ranges, zoneId));
  sys.numaPolicy = findOccupant("NUMA policy", numaPolicies, config.seats.numa).create({
    topology,
    ...(config.numaNodes === undefined ? {} : { nodes: config.numaNodes }),
    ...(config.numaWeights === undefined ? {} : { weights: config.numaWeights }),
  });
  wireFrames(sys, ranges, cpuNodes, zonelists, trace);
  wireKernelMemory(sys, ranges, cpuNodes, trace);
  wireSwapAndReclaim(sys, options, zonelists, trace);
  wireDisks(sys, options.diskBackends ?? []);
  setWritebackRatelimit(sys);
  sys.readahead = new Readahead(
    findOccupant("readahead policy", readaheadPolicies, config.seats.readahead).create({}),
    sys.memmap.nrFrames,
  );
  wireCpus(sys, cpuNodes);
  startInit(sys);
  return sys;
}

/**
 * RAM as ranges of pages: a PC's hole below 1 MiB, then node after node with equal shares of what the kernel image
 * leaves. Nodes begin at aligned frames, with holes of less than 4 MiB between them.
 */
function layOutRam(nrRamPages: number, nrNodes: number, imagePages: number): MemoryRange[] {
  const ranges: MemoryRange[] = [{ startPfn: FIRST_PFN, endPfn: LOW_END_PFN, nodeId: 0 }];
  let nrLeft = nrRamPages - (LOW_END_PFN - FIRST_PFN);
  let startPfn = HIGH_START_PFN;
  for (let nodeId = 0; nodeId < nrNodes; nodeId++) {
    const nrTaken = nodeId === 0 ? imagePages : 0;
    const share = Math.max(1, Math.floor((nrLeft - nrTaken) / (nrNodes - nodeId)));
    const endPfn = startPfn + nrTaken + share;
    ranges.push({ startPfn, endPfn, nodeId });
    nrLeft -= endPfn - startPfn;
    startPfn = Math.ceil(endPfn / NODE_ALIGN_PAGES) * NODE_ALIGN_PAGES;
  }
  return ranges;
}

/** List heads that allocator, slab and reclaim need together, with room to spare. */
function listHeadsFor(config: KernelConfig): number {
  return 1024 + config.nodes * (1024 + 256 * config.cpus) + 4096;
}

/** The frame allocator, and the frames that nobody may have: the kernel image and each node's memmap. */
function wireFrames(
  sys: System,
  ranges: readonly MemoryRange[],
  cpuNodes: NodeId[],
  zonelists: Zonelists,
  trace: TraceSink | null,
): void {
  const { config } = sys;
  const frames = findOccupant("frame allocator", frameAllocators, config.seats.frameAllocator).create({
    memmap: sys.memmap,
    vmstat: sys.vmstat,
    contents: sys.contents,
    ranges,
    nrCpus: config.cpus,
    cpuNodes,
    zonelists,
    minFreeKbytes: config.minFreeKbytes ?? -1,
    watermarkScaleFactor: config.watermarkScaleFactor,
    trace,
  });
  const imagePages = parsePages(config.kernelImage);
  for (const range of ranges) {
    // Like Linux since 5.14, the first MiB stays reserved whatever the firmware says of it.
    if (range.startPfn < HIGH_START_PFN) continue;
    // Linux takes the memmap from the top of the node, which leaves ZONE_DMA to devices.
    const nrRowPages = Math.ceil(((range.endPfn - range.startPfn) * STRUCT_PAGE_BYTES) / PAGE_SIZE);
    const startPfn = range.startPfn + (range.nodeId === 0 ? imagePages : 0);
    const endPfn = range.endPfn - nrRowPages;
    if (startPfn < endPfn) frames.releaseBootMemory(startPfn, endPfn);
  }
  frames.finishBoot();
  sys.frames = frames;
  // The page of zeros is part of the kernel image.
  sys.zeroPfn = HIGH_START_PFN;
}

/** Slabs, the kernel's page table, and the pool of VMAs. */
function wireKernelMemory(
  sys: System,
  ranges: readonly MemoryRange[],
  cpuNodes: NodeId[],
  trace: TraceSink | null,
): void {
  const { config, memmap, vmstat, frames } = sys;
  sys.slab = findOccupant("object allocator", objectAllocators, config.seats.objectAllocator).create({
    memmap,
    vmstat,
    frames,
    nrCpus: config.cpus,
    cpuNodes,
    trace,
  });
  sys.caches = createCaches(sys);
  sys.tableFrames = new TableFramesFromBuddy(sys);
  const nrImagePages = parsePages(config.kernelImage);
  sys.kernelHalf = new KernelHalf({
    contents: sys.contents,
    frames: sys.tableFrames,
    ranges,
    layout: tableFormat(config.seats.pageTable).layout,
    image: kernelImage(nrImagePages),
    idtPfn: config.kpti ? idtFrame(config.kernelImage) : NO_PFN,
  });
  if (nrImagePages > MAX_STATIC_TABLES + NR_VDSO_FRAMES) {
    const firstPfn = HIGH_START_PFN + 1 + MAX_STATIC_TABLES;
    sys.vdsoPfns = Array.from({ length: NR_VDSO_FRAMES }, (_, nth) => firstPfn + nth);
  }
  sys.vmalloc = new Vmalloc(sys);
  sys.vmaPool = new VmaPool();
  sys.addressSpaceHost = new PagesOfAddressSpaces(sys);
}

/** The kernel image: the page of zeros, then the tables of its text and of the fixmap, vvar and vdso, then what is not told apart. */
function kernelImage(nrPages: number): KernelImage | null {
  if (nrPages === 0) return null;
  const nrTables = Math.min(MAX_STATIC_TABLES, nrPages - 1);
  return {
    startPfn: HIGH_START_PFN,
    endPfn: HIGH_START_PFN + nrPages,
    tablePfns: Array.from({ length: nrTables }, (_, nth) => HIGH_START_PFN + 1 + nth),
  };
}

/** Frame of the IDT, behind those of the vdso. Throws EINVAL when the image has none. */
function idtFrame(kernelImageSize: string): Pfn {
  const nrPagesBefore = 1 + MAX_STATIC_TABLES + NR_VDSO_FRAMES;
  if (parsePages(kernelImageSize) > nrPagesBefore) return HIGH_START_PFN + nrPagesBefore;
  throw new KernelError(
    EINVAL,
    `kernelImage ${kernelImageSize} has no room for the IDT that kpti shows user mode; 64KiB has`,
  );
}

/** Makes the caches of the kernel's own objects, and remembers those that this package allocates from. */
function createCaches(sys: System): KernelCaches {
  const indexOf = new Map<string, number>();
  for (const { name, objectBytes, alignBytes, flags } of KERNEL_CACHES) {
    indexOf.set(name, sys.slab.createCache(name, objectBytes, alignBytes, flags));
  }
  // Linux keeps split page-table locks in a cache of this name when a spinlock does not fit into struct page.
  indexOf.set("page->ptl", sys.slab.createCache("page->ptl", 64, 0, 0));
  const cache = (name: string): number => indexOf.get(name) ?? bug(`slab package lists no cache "${name}"`);
  return {
    taskStruct: cache("task_struct"),
    signal: cache("signal_cache"),
    sighand: cache("sighand_cache"),
    files: cache("files_cache"),
    mm: cache("mm_struct"),
    vma: cache("vm_area_struct"),
    anonVma: cache("anon_vma"),
    ptl: cache("page->ptl"),
    vmapArea: cache("vmap_area"),
  };
}

/** Swap areas, the reclaim policy and its core, the OOM policy; and the allocator told whom to ask. */
function wireSwapAndReclaim(
  sys: System,
  options: BootOptions,
  zonelists: Zonelists,
  trace: TraceSink | null,
): void {
  const { config, memmap, contents, vmstat, frames } = sys;
  sys.swap = new SwapAreas({ memmap, contents, vmstat, trace });
  sys.swap.pageCluster = config.pageCluster;
  config.swap.forEach((area, at) => {
    const nrPages = parsePages(area.size) + 1;
    const backend =
      options.swapBackends?.[at] ??
      (contents.hasData ? new MemorySwapBackend(nrPages) : new NullSwapBackend(nrPages));
    const slots = findOccupant("swap-slot allocator", swapSlots, config.seats.swapSlots).create({
      nrSlots: nrPages,
    });
    const kind = area.file === undefined ? "partition" : "file";
    sys.swap.swapon({
      name: area.file ?? `/dev/ram${at}`,
      slots,
      backend,
      priority: area.priority,
      kind,
      isSynchronousIo: area.synchronous ?? area.file === undefined,
      isRotational: area.rotational,
    });
  });
  const host = new Evictor(sys);
  sys.reclaimPolicy = findOccupant("reclaim policy", reclaimPolicies, config.seats.reclaim).create({
    memmap,
    vmstat,
    host,
    nrNodes: config.nodes,
    swappiness: config.swappiness,
    seed: config.seed,
    trace,
  });
  sys.lru = new LruCache({
    memmap,
    policy: sys.reclaimPolicy,
    releaser: new LruPageReleaser(sys),
    mlock: new MlockedPages(sys),
    nrCpus: config.cpus,
  });
  sys.reclaimer = new Reclaimer({
    vmstat,
    frames,
    policy: sys.reclaimPolicy,
    lru: sys.lru,
    nrNodes: config.nodes,
    zonelists,
    trace,
    writers: new ReclaimWaits(sys),
  });
  sys.oomPolicy = findOccupant("OOM policy", oomPolicies, config.seats.oom).create();
  sys.vmCommit = new VmCommit(
    frames.zones.reduce((sum, zone) => sum + zone.managedPages, 0),
    sys.swap.nrTotalSlots,
    config.cpus,
  );
  sys.vmCommit.setOvercommitRatio(config.overcommitRatio);
  sys.vmCommit.setOvercommitMemory(config.overcommitMemory);
  sys.vmCommit.initReserves(frames.nrFreePages());
  frames.setPressureHandler(new MemoryPressure(sys));
}

/** One MMU with its TLB for every CPU, on the kernel's own page table, and what keeps them coherent. */
function wireCpus(sys: System, cpuNodes: readonly NodeId[]): void {
  const { config } = sys;
  sys.asids = findOccupant("ASID allocator", asidAllocators, config.seats.asids).create({
    nrCpus: config.cpus,
  });
  sys.tlbFlusher = new TlbFlusher(sys, config.tlbSinglePageFlushCeiling);
  sys.gather = new MmuGather(sys);
  sys.reaperGather = new MmuGather(sys);
  sys.unmapBatch = new UnmapBatch(sys);
  for (let id = 0; id < config.cpus; id++) {
    const tlb = findOccupant("TLB", tlbs, config.seats.tlb).create({
      ...tlbConfig({ l1: config.tlb.l1, l2: config.tlb.l2 }),
      arena: sys.contents.compiledArena,
    });
    const { format, layout, hasKernelRoot } = tableFormat(config.seats.pageTable);
    const mmu = new Mmu({
      tlb,
      contents: sys.contents,
      format,
      levels: layout.nrLevels === 5 ? 5 : 4,
      smap: true,
      kernelRootPfn: hasKernelRoot ? sys.kernelHalf.rootPfn : NO_PFN,
    });
    const isolation = config.kpti
      ? new PageTableIsolation(mmu, sys.time.costsNs[CAUSE_CR3_WRITE], config.seats.asids !== "none")
      : null;
    const cpu = new Cpu(id, cpuNodes[id], tlb, mmu, isolation);
    loadRoots(sys, cpu, null, sys.asids.loadedAsid(id), true);
    sys.cpus.push(cpu);
  }
}

/**
 * Starts the first process: a stack with one page. A booted machine has one, so programs find slabs and lists in use.
 * Throws ENOMEM when not even that fits.
 */
function startInit(sys: System): void {
  const kernel = new Kernel(sys);
  const init = kernel.spawn("init");
  const stacked = init.mm.space.setupStack();
  if (stacked < 0 || kernel.access(init, init.mm.space.startStack / PAGE_SIZE, RUN_WRITE) !== null) {
    throw new KernelError(ENOMEM, "no memory for the first process; more memory would help");
  }
}

/** Does any RAM lie in a zone? */
function hasRam(ranges: readonly MemoryRange[], zoneId: number): boolean {
  const nodeId = Math.floor(zoneId / MAX_NR_ZONES);
  const [startPfn, endPfn] = ZONE_LIMITS[zoneId % MAX_NR_ZONES];
  return ranges.some(
    (range) => range.nodeId === nodeId && range.startPfn < endPfn && range.endPfn > startPfn,
  );
}
