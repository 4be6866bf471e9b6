/**
 * Nodes and how far they are from each other, as the firmware's SLIT gives them: 10 is a node's distance to itself,
 * 20 is twice as far. Cold: made once.
 */
import { EINVAL, KernelError, MAX_NUMNODES, type NodeId } from "@pageframe/contracts";

/** Distance of a node to itself. */
export const LOCAL_DISTANCE = 10;
/** Distance to any other node where nobody says (REMOTE_DISTANCE). */
export const REMOTE_DISTANCE = 20;
/** Largest distance; 255 means unreachable in the SLIT. */
const MAX_DISTANCE = 254;

/** What a topology is made from. */
export interface NumaTopologyConfig {
  /** `distances[from][to]`, one row for each node. */
  readonly distances: readonly (readonly number[])[];
  /** Node of each CPU; nodes without CPUs are fine. */
  readonly cpuNodes: readonly NodeId[];
}

/** A machine's nodes, checked. */
export class NumaTopology {
  readonly nrNodes: number;
  readonly cpuNodes: readonly NodeId[];
  private readonly distances: Uint8Array;

  /**
   * Throws EINVAL unless the matrix is square, 10 on its diagonal and 11 to 254 elsewhere, and each CPU is on a node.
   * Distances may differ by direction, as the ACPI standard allows.
   */
  constructor(config: NumaTopologyConfig) {
    const { distances, cpuNodes } = config;
    checkDistances(distances);
    this.nrNodes = distances.length;
    this.cpuNodes = [...cpuNodes];
    this.distances = Uint8Array.from(distances.flat());
    cpuNodes.forEach((node, cpu) => {
      if (!Number.isInteger(node) || node < 0 || node >= this.nrNodes) {
        throw new KernelError(
          EINVAL,
          `CPU ${cpu} is said to be on node ${node}; there are nodes 0 to ${this.nrNodes - 1}`,
        );
      }
    });
  }

  /** Distance from one node to another (node_distance). */
  distance(from: NodeId, to: NodeId): number {
    return this.distances[from * this.nrNodes + to];
  }

  nodeOfCpu(cpu: number): NodeId {
    return this.cpuNodes[cpu];
  }

  /** Has the node a CPU? */
  hasCpus(node: NodeId): boolean {
    return this.cpuNodes.includes(node);
  }

  /** One row as /sys/devices/system/node/nodeN/distance prints it, such as `10 20`. */
  distanceText(node: NodeId): string {
    return Array.from(this.distances.subarray(node * this.nrNodes, (node + 1) * this.nrNodes)).join(" ");
  }
}

/** Makes a topology of `nrNodes` nodes all equally far apart, CPUs spread over them in turn. */
export function uniformTopology(nrNodes: number, nrCpus: number): NumaTopology {
  const nodes = Array.from({ length: nrNodes }, (_, node) => node);
  return new NumaTopology({
    distances: nodes.map((from) => nodes.map((to) => (from === to ? LOCAL_DISTANCE : REMOTE_DISTANCE))),
    cpuNodes: Array.from({ length: nrCpus }, (_, cpu) => cpu % nrNodes),
  });
}

/**
 * Reads a distance matrix: rows by `/` or line ends, numbers by spaces or commas: `10 20/20 10`. Throws EINVAL that
 * names the word that is no number; the matrix itself is checked by NumaTopology.
 */
export function parseDistances(text: string): number[][] {
  return text
    .trim()
    .split(/[/\n]/)
    .map((row) =>
      row
        .trim()
        .split(/[\s,]+/)
        .map(parseDistance),
    );
}

function parseDistance(word: string): number {
  if (!/^\d+$/.test(word)) {
    throw new KernelError(
      EINVAL,
      `"${word}" in a distance matrix is no number; write rows joined by "/", as in "10 20/20 10"`,
    );
  }
  return Number(word);
}

function checkDistances(distances: readonly (readonly number[])[]): void {
  const nrNodes = distances.length;
  if (nrNodes < 1 || nrNodes > MAX_NUMNODES) {
    throw new KernelError(
      EINVAL,
      `a distance matrix of ${nrNodes} rows; a machine has 1 to ${MAX_NUMNODES} nodes`,
    );
  }
  distances.forEach((row, from) => {
    if (row.length !== nrNodes) {
      throw new KernelError(
        EINVAL,
        `node ${from} has ${row.length} distances; with ${nrNodes} nodes it needs ${nrNodes}`,
      );
    }
    row.forEach((distance, to) => checkDistance(distance, from, to));
  });
}

function checkDistance(distance: number, from: NodeId, to: NodeId): void {
  if (from === to && distance !== LOCAL_DISTANCE) {
    throw new KernelError(
      EINVAL,
      `node ${from} is at distance ${distance} from itself; it must be ${LOCAL_DISTANCE}`,
    );
  }
  if (from !== to && !(Number.isInteger(distance) && distance > LOCAL_DISTANCE && distance <= MAX_DISTANCE)) {
    throw new KernelError(
      EINVAL,
      `the distance from node ${from} to node ${to} is ${distance}; it must be from ${LOCAL_DISTANCE + 1} to ${MAX_DISTANCE}`,
    );
  }
}
