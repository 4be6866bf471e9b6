/**
 * The knobs of the allocator (vm.min_free_kbytes and its kin) and what follows from them. Cold.
 * Source: Linux 6.18 mm/page_alloc.c: init_per_zone_wmark_min(), setup_per_zone_wmarks(),
 * zone_set_pageset_high_and_batch(), min_free_kbytes_sysctl_handler().
 */
import { EINVAL, KernelError, MAX_NR_ZONES, WMARK_LOW } from "@pageframe/contracts";
import { type FrameAllocatorConfig } from "./config.ts";
import { type PerCpuPages } from "./per-cpu-pages.ts";
import {
  countTotalReservePages,
  DEFAULT_LOWMEM_RESERVE_RATIO,
  DEFAULT_WATERMARK_SCALE_FACTOR,
  MIN_PERCPU_PAGELIST_HIGH_FRACTION,
  minFreeKbytesFor,
  nrFreeBufferPages,
  setupLowmemReserve,
  setupWatermarks,
  zoneBatchSize,
  zoneHighSize,
} from "./watermarks.ts";
import { type ZoneTable } from "./zone-table.ts";

/** Knobs in force. */
export class Tunables {
  minFreeKbytes: number;
  watermarkScaleFactor: number;
  readonly lowmemReserveRatio: readonly number[];
  readonly percpuPagelistHighFraction: number;
  totalReservePages = 0;
  private readonly table: ZoneTable;
  private readonly pcp: PerCpuPages;
  private readonly nrCpus: number;
  private readonly nrCpusOfNode: Int32Array;

  constructor(config: FrameAllocatorConfig, table: ZoneTable, pcp: PerCpuPages) {
    this.minFreeKbytes = config.minFreeKbytes ?? -1;
    this.watermarkScaleFactor = config.watermarkScaleFactor ?? DEFAULT_WATERMARK_SCALE_FACTOR;
    this.lowmemReserveRatio = config.lowmemReserveRatio ?? DEFAULT_LOWMEM_RESERVE_RATIO;
    this.percpuPagelistHighFraction = config.percpuPagelistHighFraction ?? 0;
    this.table = table;
    this.pcp = pcp;
    this.nrCpus = config.nrCpus;
    this.nrCpusOfNode = new Int32Array(table.nrNodes);
    for (const node of config.cpuNodes) this.nrCpusOfNode[node]++;
    if (this.lowmemReserveRatio.length !== MAX_NR_ZONES) {
      throw new KernelError(
        EINVAL,
        `lowmemReserveRatio has ${this.lowmemReserveRatio.length} numbers; it needs one for each of ${MAX_NR_ZONES} zone types`,
      );
    }
  }

  /** Computes everything for the first time, from what the zones manage now. */
  initialise(): void {
    if (this.minFreeKbytes < 0) this.minFreeKbytes = minFreeKbytesFor(nrFreeBufferPages(this.table));
    this.apply();
  }

  setMinFreeKbytes(kbytes: number): void {
    if (!Number.isInteger(kbytes) || kbytes < 0) {
      throw new KernelError(EINVAL, `min_free_kbytes (${kbytes}) must be an integer of at least 0`);
    }
    this.minFreeKbytes = kbytes;
    this.apply();
  }

  setWatermarkScaleFactor(factor: number): void {
    if (!Number.isInteger(factor) || factor < 1 || factor > 3000) {
      throw new KernelError(EINVAL, `watermark_scale_factor (${factor}) must be an integer from 1 to 3000`);
    }
    this.watermarkScaleFactor = factor;
    this.apply();
  }

  /** Reserves after pages were added late; watermarks and per-CPU limits stay, as in Linux. */
  refreshReserves(): void {
    setupLowmemReserve(this.table, this.lowmemReserveRatio);
    this.totalReservePages = countTotalReservePages(this.table);
  }

  private apply(): void {
    const { table } = this;
    setupWatermarks(table, this.minFreeKbytes, this.watermarkScaleFactor);
    for (let zoneId = 0; zoneId < table.nrZones; zoneId++) this.setPcpLimits(zoneId);
    this.refreshReserves();
  }

  private setPcpLimits(zoneId: number): void {
    const managed = this.table.managed[zoneId];
    const low = this.table.mark(zoneId, WMARK_LOW);
    const nrLocalCpus = this.nrCpusOfNode[Math.floor(zoneId / MAX_NR_ZONES)];
    const fraction = this.percpuPagelistHighFraction;
    const batch = zoneBatchSize(managed);
    const highMin = zoneHighSize(low, managed, batch, fraction, nrLocalCpus, this.nrCpus);
    const highMax =
      fraction === 0
        ? zoneHighSize(low, managed, batch, MIN_PERCPU_PAGELIST_HIGH_FRACTION, nrLocalCpus, this.nrCpus)
        : highMin;
    this.pcp.setLimits(zoneId, batch, highMin, highMax);
  }
}
