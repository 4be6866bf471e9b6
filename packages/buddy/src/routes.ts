/** Where an allocation looks first: tables made from the zonelists. Cold to make, hot to read. */
import { MAX_NR_ZONES, type Zonelists } from "@pageframe/contracts";
import { gfpZone } from "./alloc-flags.ts";

/** Absence of a zone. */
const NO_ZONE_ID = -1;

/**
 * Where an allocation goes first, by zonelist and the low five gfp bits; NO_ZONE_ID when there is no zone:
 *
 *     bits 0..7 zone id | 8..11 migratetype | 12..15 highest zone type
 */
export const ROUTE_GFP_BITS = 5;
export const ROUTE_GFP_MASK = 31;
export const ROUTE_ZONE_MASK = 255;
export const ROUTE_TYPE_SHIFT = 8;
export const ROUTE_HIGHEST_SHIFT = 12;

/** Packs a route for each zonelist (fallback lists first) and each value of the low five gfp bits. */
export function buildRoutes(preferredZone: Int32Array, migratetypes: Uint8Array): Int32Array {
  const nrLists = preferredZone.length / MAX_NR_ZONES;
  return Int32Array.from({ length: nrLists << ROUTE_GFP_BITS }, (_, at) => {
    const gfp = at & ROUTE_GFP_MASK;
    const highest = gfpZone(gfp);
    const zoneId = preferredZone[(at >>> ROUTE_GFP_BITS) * MAX_NR_ZONES + highest];
    if (zoneId === NO_ZONE_ID) return NO_ZONE_ID;
    return zoneId | (migratetypes[gfp] << ROUTE_TYPE_SHIFT) | (highest << ROUTE_HIGHEST_SHIFT);
  });
}

/**
 * First zone that a list has for each highest zone type, by `list * MAX_NR_ZONES + highestZoneType`; the fallback lists
 * of all nodes come first, then their own zones.
 */
export function preferredZones(zonelists: Zonelists, nrNodes: number): Int32Array {
  const preferred = new Int32Array(2 * nrNodes * MAX_NR_ZONES).fill(NO_ZONE_ID);
  for (let node = 0; node < nrNodes; node++) {
    for (let highest = 0; highest < MAX_NR_ZONES; highest++) {
      const fits = (zoneId: number): boolean => zoneId % MAX_NR_ZONES <= highest;
      preferred[node * MAX_NR_ZONES + highest] = zonelists.fallback[node].find(fits) ?? NO_ZONE_ID;
      preferred[(nrNodes + node) * MAX_NR_ZONES + highest] =
        zonelists.thisNode[node].find(fits) ?? NO_ZONE_ID;
    }
  }
  return preferred;
}
