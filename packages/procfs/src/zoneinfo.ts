/** /proc/zoneinfo. Source: Linux 6.18 mm/vmstat.c, zoneinfo_show_print(). */
import { NODE_STAT_NAMES, NR_FREE_PAGES, NUMA_STAT_NAMES, ZONE_STAT_NAMES } from "@pageframe/contracts";
import { printedNodeStat } from "./counters.ts";

/** Per-CPU pages of one zone and CPU. */
export interface ZoneinfoPageset {
  readonly count: number;
  readonly high: number;
  readonly batch: number;
  readonly highMin: number;
  readonly highMax: number;
  /** Size of a counter's per-CPU part at which it is folded (calculate_normal_threshold). */
  readonly statThreshold: number;
}

/** One zone, populated or not; in pages. */
export interface ZoneinfoZone {
  readonly name: string;
  readonly watermarkBoost: number;
  readonly wmarkMin: number;
  readonly wmarkLow: number;
  readonly wmarkHigh: number;
  readonly wmarkPromo: number;
  readonly spannedPages: number;
  /** 0 when the zone is not populated; then little of it is printed. */
  readonly presentPages: number;
  readonly managedPages: number;
  /** lowmem_reserve. */
  readonly protection: readonly number[];
  /** By ZONE_STAT_NAMES and NUMA_STAT_NAMES. */
  readonly zoneStats: ArrayLike<number>;
  readonly numaStats: ArrayLike<number>;
  /** By CPU. */
  readonly pagesets: readonly ZoneinfoPageset[];
  readonly isNodeUnreclaimable: boolean;
  readonly startPfn: number;
}

/** One node with all its zones in order. */
export interface ZoneinfoNode {
  readonly nodeId: number;
  /** By NODE_STAT_NAMES. */
  readonly nodeStats: ArrayLike<number>;
  readonly zones: readonly ZoneinfoZone[];
}

/** Writes /proc/zoneinfo. */
export function formatZoneinfo(nodes: readonly ZoneinfoNode[]): string {
  return nodes
    .map((node) => {
      const firstPopulated = node.zones.findIndex((zone) => zone.presentPages !== 0);
      return node.zones.map((zone, at) => zoneText(node, zone, at === firstPopulated)).join("");
    })
    .join("");
}

function zoneText(node: ZoneinfoNode, zone: ZoneinfoZone, isFirstPopulated: boolean): string {
  const nodeStats = isFirstPopulated
    ? "\n  per-node stats" + statLines(NODE_STAT_NAMES, (item) => printedNodeStat(item, node.nodeStats[item]))
    : "";
  const head =
    `Node ${node.nodeId}, zone ${zone.name.padStart(8)}${nodeStats}` +
    `\n  pages free     ${zone.zoneStats[NR_FREE_PAGES]}` +
    `\n        boost    ${zone.watermarkBoost}` +
    `\n        min      ${zone.wmarkMin}` +
    `\n        low      ${zone.wmarkLow}` +
    `\n        high     ${zone.wmarkHigh}` +
    `\n        promo    ${zone.wmarkPromo}` +
    `\n        spanned  ${zone.spannedPages}` +
    `\n        present  ${zone.presentPages}` +
    `\n        managed  ${zone.managedPages}` +
    `\n        cma      0` +
    `\n        protection: (${zone.protection.join(", ")})`;
  if (zone.presentPages === 0) return `${head}\n`;
  return (
    head +
    statLines(ZONE_STAT_NAMES, (item) => zone.zoneStats[item]) +
    statLines(NUMA_STAT_NAMES, (item) => zone.numaStats[item]) +
    "\n  pagesets" +
    zone.pagesets.map(pagesetText).join("") +
    `\n  node_unreclaimable:  ${zone.isNodeUnreclaimable ? 1 : 0}` +
    `\n  start_pfn:           ${zone.startPfn}\n`
  );
}

function statLines(names: readonly string[], value: (item: number) => number): string {
  return names.map((name, item) => `\n      ${name.padEnd(12)} ${value(item)}`).join("");
}

function pagesetText(pageset: ZoneinfoPageset, cpu: number): string {
  return (
    `\n    cpu: ${cpu}` +
    `\n              count:    ${pageset.count}` +
    `\n              high:     ${pageset.high}` +
    `\n              batch:    ${pageset.batch}` +
    `\n              high_min: ${pageset.highMin}` +
    `\n              high_max: ${pageset.highMax}` +
    `\n  vm stats threshold: ${pageset.statThreshold}`
  );
}
