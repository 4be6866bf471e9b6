/** /proc/vmstat. Source: Linux 6.18 mm/vmstat.c, vmstat_start(), vmstat_show(). */
import {
  NODE_STAT_NAMES,
  NUMA_STAT_NAMES,
  VMSTAT_COMPUTED_NAMES,
  VM_EVENT_NAMES,
  ZONE_STAT_NAMES,
} from "@pageframe/contracts";
import { type MachineCounters, printedNodeStat } from "./counters.ts";

/** What /proc/vmstat shows. */
export interface VmstatSource {
  readonly counters: MachineCounters;
  /** Values of VMSTAT_COMPUTED_NAMES, in its order. */
  readonly computed: ArrayLike<number>;
}

/** Writes /proc/vmstat: one `name value` a line, `nr_unstable 0` last. */
export function formatVmstat(source: VmstatSource): string {
  const { counters, computed } = source;
  const lines = [
    ...ZONE_STAT_NAMES.map((name, item) => `${name} ${counters.globalZone(item)}`),
    ...NUMA_STAT_NAMES.map((name, item) => `${name} ${counters.globalNuma(item)}`),
    ...NODE_STAT_NAMES.map((name, item) => `${name} ${printedNodeStat(item, counters.globalNode(item))}`),
    ...VMSTAT_COMPUTED_NAMES.map((name, item) => `${name} ${computed[item]}`),
    ...VM_EVENT_NAMES.map((name, item) => `${name} ${counters.events[item]}`),
    "nr_unstable 0",
  ];
  return lines.join("\n") + "\n";
}
