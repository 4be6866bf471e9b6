/**
 * The counters behind /proc/vmstat, /proc/meminfo and /proc/zoneinfo. Hot: per page.
 *
 * `zone`, `numa` and `node` hold one block of counters after another, indexed by zone id and node id; `events` counts
 * since boot. Names and order are in the contracts' counters.ts. Float64: exact to 2^53.
 */
import {
  MAX_NR_ZONES,
  NODE_STAT_NAMES,
  NUMA_STAT_NAMES,
  VM_EVENT_NAMES,
  ZONE_STAT_NAMES,
  type NodeId,
} from "@pageframe/contracts";

const NR_ZONE_STATS = ZONE_STAT_NAMES.length;
const NR_NUMA_STATS = NUMA_STAT_NAMES.length;
const NR_NODE_STATS = NODE_STAT_NAMES.length;

/** All counters of one machine. */
export class VmStat {
  readonly nrNodes: number;
  readonly zone: Float64Array;
  readonly numa: Float64Array;
  readonly node: Float64Array;
  /** By VM_EVENT_NAMES: `events[PGFAULT]`. */
  readonly events: Float64Array;
  /** All of the above in one array, in that order: for code that counts into several of them per page. */
  readonly all: Float64Array;

  constructor(nrNodes: number) {
    this.nrNodes = nrNodes;
    const numaAt = nrNodes * MAX_NR_ZONES * NR_ZONE_STATS;
    const nodeAt = numaAt + nrNodes * MAX_NR_ZONES * NR_NUMA_STATS;
    const eventsAt = nodeAt + nrNodes * NR_NODE_STATS;
    this.all = new Float64Array(eventsAt + VM_EVENT_NAMES.length);
    this.zone = this.all.subarray(0, numaAt);
    this.numa = this.all.subarray(numaAt, nodeAt);
    this.node = this.all.subarray(nodeAt, eventsAt);
    this.events = this.all.subarray(eventsAt);
  }

  /** Adds to a per-zone counter. */
  modZone(zoneId: number, item: number, delta: number): void {
    this.zone[zoneId * NR_ZONE_STATS + item] += delta;
  }

  /** Adds to a per-zone NUMA event. */
  modNuma(zoneId: number, item: number, delta: number): void {
    this.numa[zoneId * NR_NUMA_STATS + item] += delta;
  }

  /** Adds to a per-node counter. */
  modNode(nodeId: NodeId, item: number, delta: number): void {
    this.node[nodeId * NR_NODE_STATS + item] += delta;
  }

  /** Adds to an event. */
  countEvents(event: number, nr: number): void {
    this.events[event] += nr;
  }

  zoneStat(zoneId: number, item: number): number {
    return this.zone[zoneId * NR_ZONE_STATS + item];
  }

  numaStat(zoneId: number, item: number): number {
    return this.numa[zoneId * NR_NUMA_STATS + item];
  }

  nodeStat(nodeId: NodeId, item: number): number {
    return this.node[nodeId * NR_NODE_STATS + item];
  }

  /** Sums a per-zone counter over the machine (global_zone_page_state). */
  globalZone(item: number): number {
    let sum = 0;
    for (let at = item; at < this.zone.length; at += NR_ZONE_STATS) sum += this.zone[at];
    return sum;
  }

  /** Sums a NUMA event over the machine. */
  globalNuma(item: number): number {
    let sum = 0;
    for (let at = item; at < this.numa.length; at += NR_NUMA_STATS) sum += this.numa[at];
    return sum;
  }

  /** Sums a per-node counter over the machine (global_node_page_state). */
  globalNode(item: number): number {
    let sum = 0;
    for (let at = item; at < this.node.length; at += NR_NODE_STATS) sum += this.node[at];
    return sum;
  }
}
