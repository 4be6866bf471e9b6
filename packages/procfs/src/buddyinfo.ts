/**
 * /proc/buddyinfo and /proc/pagetypeinfo. Source: Linux 6.18 mm/vmstat.c, frag_show_print(),
 * pagetypeinfo_showfree_print(), pagetypeinfo_showblockcount_print().
 */
import { MIGRATETYPE_NAMES, NR_PAGE_ORDERS, PAGEBLOCK_NR_PAGES, PAGEBLOCK_ORDER } from "@pageframe/contracts";
import { padded } from "./text.ts";

/** Free blocks of a populated zone. */
export interface BuddyinfoZone {
  readonly nodeId: number;
  /** As ZONE_NAMES. */
  readonly name: string;
  /** Free blocks by order. */
  readonly nrFree: ArrayLike<number>;
}

/** Free blocks and pageblocks of a populated zone by migratetype. */
export interface PagetypeinfoZone {
  readonly nodeId: number;
  readonly name: string;
  /** Free blocks: `nrFreeByType[migratetype][order]`. */
  readonly nrFreeByType: readonly ArrayLike<number>[];
  /** Pageblocks by migratetype. */
  readonly nrBlocksByType: ArrayLike<number>;
}

/** Blocks of one order and type that the kernel counts before it gives up and prints `>100000`. */
const MAX_COUNTED_BLOCKS = 100000;

/** Writes /proc/buddyinfo. Zones without memory are not printed: leave them out. */
export function formatBuddyinfo(zones: readonly BuddyinfoZone[]): string {
  return zones
    .map((zone) => {
      const counts = columns(NR_PAGE_ORDERS, (order) => `${padded(zone.nrFree[order], 6)} `);
      return `Node ${zone.nodeId}, zone ${zone.name.padStart(8)} ${counts}\n`;
    })
    .join("");
}

/** Writes /proc/pagetypeinfo. Zones come in order, those of one node together; leave out those without memory. */
export function formatPagetypeinfo(zones: readonly PagetypeinfoZone[]): string {
  const nodeIds = [...new Set(zones.map((zone) => zone.nodeId))];
  return nodeIds
    .map((nodeId) => {
      const ofNode = zones.filter((zone) => zone.nodeId === nodeId);
      return (
        `Page block order: ${PAGEBLOCK_ORDER}\nPages per block:  ${PAGEBLOCK_NR_PAGES}\n\n` +
        `${"Free pages count per migrate type at order".padEnd(43)} ` +
        `${columns(NR_PAGE_ORDERS, (order) => `${padded(order, 6)} `)}\n` +
        ofNode.map(freeLines).join("") +
        `\n${"Number of blocks type ".padEnd(23)}` +
        `${MIGRATETYPE_NAMES.map((name) => `${name.padStart(12)} `).join("")}\n` +
        ofNode.map(blockLine).join("")
      );
    })
    .join("");
}

function freeLines(zone: PagetypeinfoZone): string {
  return MIGRATETYPE_NAMES.map((typeName, migratetype) => {
    const nrFree = zone.nrFreeByType[migratetype];
    const counts = columns(NR_PAGE_ORDERS, (order) =>
      nrFree[order] >= MAX_COUNTED_BLOCKS
        ? `>${padded(MAX_COUNTED_BLOCKS, 6)} `
        : `${padded(nrFree[order], 6)} `,
    );
    const where = `Node ${padded(zone.nodeId, 4)}, zone ${zone.name.padStart(8)}, type ${typeName.padStart(12)} `;
    return `${where}${counts}\n`;
  }).join("");
}

function blockLine(zone: PagetypeinfoZone): string {
  const counts = columns(MIGRATETYPE_NAMES.length, (type) => `${padded(zone.nrBlocksByType[type], 12)} `);
  return `Node ${zone.nodeId}, zone ${zone.name.padStart(8)} ${counts}\n`;
}

function columns(nr: number, column: (at: number) => string): string {
  let text = "";
  for (let at = 0; at < nr; at++) text += column(at);
  return text;
}
