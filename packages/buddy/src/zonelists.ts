/** Zonelists for machines whose topology nobody described. */
import { MAX_NR_ZONES, type Zonelists } from "@pageframe/contracts";
import { type ZoneTable } from "./zone-table.ts";

/**
 * Builds zonelists without distances: a node's own zones from the highest down, then the next nodes' round robin.
 * Source: Linux 6.18 mm/page_alloc.c, build_zonelists() (without CONFIG_NUMA).
 */
export function defaultZonelists(table: ZoneTable): Zonelists {
  const ownZones = Array.from({ length: table.nrNodes }, (_, node) => populatedZones(table, node));
  return {
    thisNode: ownZones.map((zones) => Int32Array.from(zones)),
    fallback: ownZones.map((_, node) =>
      Int32Array.from([...ownZones.slice(node), ...ownZones.slice(0, node)].flat()),
    ),
  };
}

function populatedZones(table: ZoneTable, node: number): number[] {
  const zones: number[] = [];
  for (let zoneType = MAX_NR_ZONES - 1; zoneType >= 0; zoneType--) {
    const zoneId = node * MAX_NR_ZONES + zoneType;
    if (table.present[zoneId] > 0) zones.push(zoneId);
  }
  return zones;
}
