/** Counters of one zone and node, written by name; those not named are 0. */
import { NODE_STAT_NAMES, NUMA_STAT_NAMES, VM_EVENT_NAMES, ZONE_STAT_NAMES } from "@pageframe/contracts";
import { type MachineCounters } from "@pageframe/procfs";

export function stats(names: readonly string[], values: Readonly<Record<string, number>>): number[] {
  const unknown = Object.keys(values).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`no such counters: ${unknown.join(", ")}`);
  return names.map((name) => values[name] ?? 0);
}

export function countersOf(values: {
  zone?: Readonly<Record<string, number>>;
  numa?: Readonly<Record<string, number>>;
  node?: Readonly<Record<string, number>>;
  events?: Readonly<Record<string, number>>;
}): MachineCounters {
  const zone = stats(ZONE_STAT_NAMES, values.zone ?? {});
  const numa = stats(NUMA_STAT_NAMES, values.numa ?? {});
  const node = stats(NODE_STAT_NAMES, values.node ?? {});
  return {
    globalZone: (item) => zone[item],
    globalNuma: (item) => numa[item],
    globalNode: (item) => node[item],
    events: stats(VM_EVENT_NAMES, values.events ?? {}),
  };
}
