/**
 * The NUMA seat's occupants: on which node a page should be. Hot: per page fault.
 *
 * A policy names the preferred node; the frame allocator falls back from there by its zonelist.
 * Source: Linux 6.18 mm/mempolicy.c: policy_nodemask(), interleave_nid(), weighted_interleave_nid(), mpol_new().
 * Differs: a policy cannot forbid nodes here, so bind falls back like preferred-many once its nodes are full.
 */
import {
  EINVAL,
  KernelError,
  type NodeId,
  type NumaPolicy,
  type SeatOccupant,
  type SeatTable,
  type Vpn,
} from "@pageframe/contracts";
import { type NumaTopology } from "./numa-topology.ts";

/** What a policy is made from. */
export interface NumaPolicyConfig {
  readonly topology: NumaTopology;
  /** Nodes the policy is about; nodes that the machine lacks are dropped, as mbind(2) does. Absent: all. */
  readonly nodes?: readonly NodeId[];
  /** Pages in a row by node, for weighted-interleave. Absent: 1 each. */
  readonly weights?: readonly number[];
}

class LocalPolicy implements NumaPolicy {
  readonly name = "local";

  preferredNode(cpuNode: NodeId): NodeId {
    return cpuNode;
  }
}

/** Page k goes to node k mod n. For anonymous memory k is the virtual page number, so neighbours alternate. */
class InterleavePolicy implements NumaPolicy {
  readonly name = "interleave";
  private readonly nodes: Int32Array;

  constructor(nodes: readonly NodeId[]) {
    this.nodes = Int32Array.from(nodes);
  }

  preferredNode(_cpuNode: NodeId, vpn: Vpn): NodeId {
    return this.nodes[vpn % this.nodes.length];
  }
}

/** Each node gets as many pages in a row as it weighs. */
class WeightedInterleavePolicy implements NumaPolicy {
  readonly name = "weighted-interleave";
  /** Node of each page of one round. */
  private readonly round: Int32Array;

  constructor(nodes: readonly NodeId[], weights: readonly number[]) {
    this.round = Int32Array.from(
      nodes.flatMap((node) => Array.from({ length: weights[node] ?? 1 }, () => node)),
    );
  }

  preferredNode(_cpuNode: NodeId, vpn: Vpn): NodeId {
    return this.round[vpn % this.round.length];
  }
}

class PreferredPolicy implements NumaPolicy {
  readonly name = "preferred";
  private readonly node: NodeId;

  constructor(node: NodeId) {
    this.node = node;
  }

  preferredNode(): NodeId {
    return this.node;
  }
}

/** The nearest of a set of nodes, by the node that the CPU is on. */
class BindPolicy implements NumaPolicy {
  readonly name = "bind";
  private readonly nearest: Int32Array;

  constructor(topology: NumaTopology, nodes: readonly NodeId[]) {
    this.nearest = Int32Array.from({ length: topology.nrNodes }, (_, from) =>
      nearestOf(topology, from, nodes),
    );
  }

  preferredNode(cpuNode: NodeId): NodeId {
    return this.nearest[cpuNode];
  }
}

/** All NUMA policies; the first is the default. */
export const numaPolicies: SeatTable<NumaPolicyConfig, NumaPolicy> = [
  occupant("local", "The node of the CPU that touches the page first (MPOL_LOCAL).", () => new LocalPolicy()),
  occupant("interleave", "Pages in turn over the nodes (MPOL_INTERLEAVE).", (config) => {
    return new InterleavePolicy(onlineNodes(config));
  }),
  occupant(
    "weighted-interleave",
    "Pages in turn, more for heavier nodes (MPOL_WEIGHTED_INTERLEAVE).",
    (config) => {
      checkWeights(config.weights ?? []);
      return new WeightedInterleavePolicy(onlineNodes(config), config.weights ?? []);
    },
  ),
  occupant("preferred", "One node, others when it is full (MPOL_PREFERRED).", (config) => {
    return new PreferredPolicy(onlineNodes(config)[0]);
  }),
  occupant("bind", "The nearest of a set of nodes (MPOL_BIND, MPOL_PREFERRED_MANY).", (config) => {
    return new BindPolicy(config.topology, onlineNodes(config));
  }),
];

/**
 * Reads a list of nodes as numactl(8) writes it: `0-1,3`. Throws EINVAL on anything else. Sorted, each node once.
 */
export function parseNodeList(text: string): NodeId[] {
  const nodes = new Set<NodeId>();
  for (const part of text.split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    // NaN compares false: words that are no numbers end here too.
    if (!(first <= last && last < MAX_LISTED_NODE)) {
      throw new KernelError(EINVAL, `"${part}" in the node list "${text}" is no node or range such as "0-1"`);
    }
    for (let node = first; node <= last; node++) nodes.add(node);
  }
  return [...nodes].sort((a, b) => a - b);
}

/** Linux's own MAX_NUMNODES bounds what a list may name, whether or not the machine has it. */
const MAX_LISTED_NODE = 1024;

function occupant(
  name: string,
  describe: string,
  create: (config: NumaPolicyConfig) => NumaPolicy,
): SeatOccupant<NumaPolicyConfig, NumaPolicy> {
  return { name, describe, create };
}

function onlineNodes({ topology, nodes }: NumaPolicyConfig): NodeId[] {
  const all = Array.from({ length: topology.nrNodes }, (_, node) => node);
  if (nodes === undefined) return all;
  const online = all.filter((node) => nodes.includes(node));
  if (online.length === 0) {
    throw new KernelError(
      EINVAL,
      `a policy over nodes ${nodes.join(",") || "(none)"}; the machine has nodes 0 to ${topology.nrNodes - 1}`,
    );
  }
  return online;
}

function checkWeights(weights: readonly number[]): void {
  for (const weight of weights) {
    if (!Number.isInteger(weight) || weight < 1 || weight > 255) {
      throw new KernelError(EINVAL, `interleave weight ${weight} must be an integer from 1 to 255`);
    }
  }
}

function nearestOf(topology: NumaTopology, from: NodeId, nodes: readonly NodeId[]): NodeId {
  return nodes.reduce((best, node) =>
    topology.distance(from, node) < topology.distance(from, best) ? node : best,
  );
}
