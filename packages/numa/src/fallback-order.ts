/**
 * In which order a node's allocations fall back to other nodes, and the zonelists that follow. Cold: made once.
 * Source: Linux 6.18 mm/page_alloc.c: find_next_best_node(), build_zonelists(), build_zonerefs_node().
 */
import { MAX_NR_ZONES, MAX_NUMNODES, type NodeId, type Zonelists } from "@pageframe/contracts";
import { type NumaTopology } from "./numa-topology.ts";

/** Added to the distance of a node that has CPUs: memory-only nodes are taken first (PENALTY_FOR_NODE_WITH_CPUS). */
const PENALTY_FOR_NODE_WITH_CPUS = 1;
/** Distances weigh more than load: load only breaks ties. */
const DISTANCE_WEIGHT: number = MAX_NUMNODES * MAX_NUMNODES;

/**
 * Orders all nodes with memory for each node, nearest first. A node without memory starts at its nearest neighbour.
 * Among equally near nodes the next higher one is preferred, and those that are already the first choice of many lose,
 * so that load spreads round robin.
 */
export function buildFallbackOrders(topology: NumaTopology, hasMemory: readonly boolean[]): NodeId[][] {
  // Load outlives the single node's order: that is what makes ties turn.
  const nodeLoad = new Float64Array(topology.nrNodes);
  return Array.from({ length: topology.nrNodes }, (_, node) =>
    orderNodes(topology, node, hasMemory, nodeLoad),
  );
}

/** As dmesg prints an order: `Fallback order for Node 0: 0 1 `, with the blank at its end. */
export function fallbackOrderText(node: NodeId, order: readonly NodeId[]): string {
  return `Fallback order for Node ${node}: ${order.map((each) => `${each} `).join("")}`;
}

/** Builds the zonelists of all nodes; `isPopulated` tells by zone id whether a zone has RAM. */
export function buildZonelists(topology: NumaTopology, isPopulated: (zoneId: number) => boolean): Zonelists {
  const nodes = Array.from({ length: topology.nrNodes }, (_, node) => node);
  const ownZones = nodes.map((node) => populatedZones(node, isPopulated));
  const hasMemory = ownZones.map((zones) => zones.length > 0);
  const orders = buildFallbackOrders(topology, hasMemory);
  return {
    fallback: orders.map((order) => Int32Array.from(order.flatMap((node) => ownZones[node]))),
    thisNode: ownZones.map((zones) => Int32Array.from(zones)),
  };
}

function populatedZones(node: NodeId, isPopulated: (zoneId: number) => boolean): number[] {
  const zones: number[] = [];
  for (let zoneType = MAX_NR_ZONES - 1; zoneType >= 0; zoneType--) {
    const zoneId = node * MAX_NR_ZONES + zoneType;
    if (isPopulated(zoneId)) zones.push(zoneId);
  }
  return zones;
}

function orderNodes(
  topology: NumaTopology,
  local: NodeId,
  hasMemory: readonly boolean[],
  nodeLoad: Float64Array,
): NodeId[] {
  const order: NodeId[] = [];
  let previous = local;
  for (;;) {
    const next = findNextBestNode(topology, local, order, hasMemory, nodeLoad);
    if (next < 0) return order;
    // The first node at a new distance carries one more load, so that its equals come first for the next local node.
    if (topology.distance(local, next) !== topology.distance(local, previous)) nodeLoad[next]++;
    order.push(next);
    previous = next;
  }
}

/** The nearest node that is not used yet, or -1. */
function findNextBestNode(
  topology: NumaTopology,
  local: NodeId,
  used: readonly NodeId[],
  hasMemory: readonly boolean[],
  nodeLoad: Float64Array,
): NodeId {
  if (hasMemory[local] && !used.includes(local)) return local;
  let best = -1;
  let bestScore = Infinity;
  for (let node = 0; node < topology.nrNodes; node++) {
    if (!hasMemory[node] || used.includes(node)) continue;
    let distance = topology.distance(local, node) + (node < local ? 1 : 0);
    if (topology.hasCpus(node)) distance += PENALTY_FOR_NODE_WITH_CPUS;
    const score = distance * DISTANCE_WEIGHT + nodeLoad[node];
    if (score < bestScore) {
      bestScore = score;
      best = node;
    }
  }
  return best;
}
