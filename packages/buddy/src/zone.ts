/** A zone as others see it: a live view of the allocator's state. */
import { MAX_NR_ZONES, type NodeId, type Order, ZONE_NAMES, type ZoneView } from "@pageframe/contracts";
import { type FrameCore } from "./frame-core.ts";
import { type PagesetView, type PerCpuPages } from "./per-cpu-pages.ts";
import { type ZoneTable } from "./zone-table.ts";

/** One zone; every field is read from the allocator when asked for. */
export class Zone implements ZoneView {
  readonly id: number;
  readonly nodeId: NodeId;
  readonly zoneType: number;
  readonly name: string;
  readonly watermarks: Int32Array;
  readonly lowmemReserve: Int32Array;
  private readonly table: ZoneTable;
  private readonly core: FrameCore;
  private readonly pcp: PerCpuPages;

  constructor(id: number, table: ZoneTable, core: FrameCore, pcp: PerCpuPages) {
    this.id = id;
    this.nodeId = Math.floor(id / MAX_NR_ZONES);
    this.zoneType = id % MAX_NR_ZONES;
    this.name = ZONE_NAMES[this.zoneType];
    this.watermarks = table.watermarks[id];
    this.lowmemReserve = table.lowmemReserve[id];
    this.table = table;
    this.core = core;
    this.pcp = pcp;
  }

  get startPfn(): number {
    return this.table.startPfn[this.id];
  }

  get spannedPages(): number {
    return this.table.spanned[this.id];
  }

  get presentPages(): number {
    return this.table.present[this.id];
  }

  get managedPages(): number {
    return this.table.managed[this.id];
  }

  get nrFreePages(): number {
    return this.core.nrFreePages(this.id);
  }

  /** Pages added to every watermark for now (watermark_boost). */
  get watermarkBoost(): number {
    return this.table.boost[this.id];
  }

  /** Pages set aside for atomic allocations of high order. */
  get nrReservedHighatomic(): number {
    return this.table.nrReservedHighatomic[this.id];
  }

  nrFreeBlocks(order: Order): number {
    return this.core.nrFreeBlocks(this.id, order);
  }

  nrFreeBlocksOfType(order: Order, migratetype: number): number {
    return this.core.nrFreeBlocksOfType(this.id, order, migratetype);
  }

  nrPcpPages(): number {
    return this.pcp.countPages(this.id);
  }

  /** Lists of each CPU; empty for a zone without RAM. Allocates. */
  collectPagesets(): PagesetView[] {
    return this.pcp.collectViews(this.id);
  }
}
