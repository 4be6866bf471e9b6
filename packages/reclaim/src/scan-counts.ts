/** What every policy counts alike: pages scanned and freed. */
import {
  type NodeId,
  NR_ISOLATED_ANON,
  PGSCAN_ANON,
  PGSCAN_DIRECT,
  PGSCAN_KSWAPD,
  PGSTEAL_ANON,
  PGSTEAL_DIRECT,
  PGSTEAL_KSWAPD,
  type ScanControl,
} from "@pageframe/contracts";
import { type VmStat } from "@pageframe/memmap";

/** Counts pages scanned for eviction, by who scans and by kind. Reclaim for a limit is not counted by who. */
export function countScan(vmstat: VmStat, sc: ScanControl, isFile: boolean, nrPages: number): void {
  if (sc.highWatermark >= 0) vmstat.countEvents(sc.isKswapd ? PGSCAN_KSWAPD : PGSCAN_DIRECT, nrPages);
  vmstat.countEvents(PGSCAN_ANON + (isFile ? 1 : 0), nrPages);
}

/** Counts pages freed likewise. */
export function countSteal(vmstat: VmStat, sc: ScanControl, isFile: boolean, nrPages: number): void {
  if (sc.highWatermark >= 0) vmstat.countEvents(sc.isKswapd ? PGSTEAL_KSWAPD : PGSTEAL_DIRECT, nrPages);
  vmstat.countEvents(PGSTEAL_ANON + (isFile ? 1 : 0), nrPages);
}

/** Counts pages off the lists while they are looked at. */
export function countIsolated(vmstat: VmStat, nodeId: NodeId, isFile: boolean, delta: number): void {
  vmstat.modNode(nodeId, NR_ISOLATED_ANON + (isFile ? 1 : 0), delta);
}
