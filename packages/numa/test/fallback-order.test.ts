import { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  buildFallbackOrders,
  buildZonelists,
  fallbackOrderText,
  NumaTopology,
  parseDistances,
  uniformTopology,
} from "../src/index.ts";

function orders(matrix: string, cpuNodes: number[], hasMemory?: boolean[]): number[][] {
  const topology = new NumaTopology({ distances: parseDistances(matrix), cpuNodes });
  return buildFallbackOrders(
    topology,
    hasMemory ??
      topology
        .distanceText(0)
        .split(" ")
        .map(() => true),
  );
}

describe("the fallback order of nodes", () => {
  it("is what dmesg says of a two-node machine", () => {
    // dmesg of a 256 MiB machine with two nodes, Linux 6.18.15.
    const found = orders("10 20/20 10", [0, 1]).map((order, node) => fallbackOrderText(node, order));
    expect(found).toEqual(["Fallback order for Node 0: 0 1 ", "Fallback order for Node 1: 1 0 "]);
  });

  it("goes from near to far", () => {
    expect(orders("10 30 20/30 10 40/20 40 10", [0, 1, 2])).toEqual([
      [0, 2, 1],
      [1, 0, 2],
      [2, 0, 1],
    ]);
  });

  it("turns round robin among equally near nodes: the next higher node first", () => {
    // Node 0 takes 1 (load 1). Node 1 penalises 0, takes 2 (load 1) and 3, then 0. Node 2: 3 has no load.
    expect(orders("10 20 20 20/20 10 20 20/20 20 10 20/20 20 20 10", [0, 1, 2, 3])).toEqual([
      [0, 1, 2, 3],
      [1, 2, 3, 0],
      [2, 3, 0, 1],
      [3, 0, 1, 2],
    ]);
  });

  it("prefers memory without CPUs to equally near memory with CPUs", () => {
    expect(orders("10 20 20/20 10 20/20 20 10", [0, 1])[0]).toEqual([0, 2, 1]);
  });

  it("leaves out nodes without memory, and starts a node without memory at its nearest neighbour", () => {
    expect(orders("10 20 30/20 10 20/30 20 10", [0, 1, 2], [false, true, true])).toEqual([
      [1, 2],
      [1, 2],
      [2, 1],
    ]);
  });

  it("holds every node with memory exactly once, in every topology", () => {
    const matrix = fc.integer({ min: 1, max: 8 }).chain((nrNodes) =>
      fc.record({
        distances: fc.array(fc.integer({ min: 11, max: 60 }), {
          minLength: nrNodes * nrNodes,
          maxLength: nrNodes * nrNodes,
        }),
        cpus: fc.array(fc.nat(nrNodes - 1), { maxLength: 8 }),
        memory: fc.array(fc.boolean(), { minLength: nrNodes, maxLength: nrNodes }),
      }),
    );
    fc.assert(
      fc.property(matrix, ({ distances, cpus, memory }) => {
        const nrNodes = memory.length;
        const rows = memory.map((_, from) =>
          memory.map((__, to) => (from === to ? 10 : distances[from * nrNodes + to])),
        );
        const topology = new NumaTopology({ distances: rows, cpuNodes: cpus });
        const withMemory = memory.flatMap((has, node) => (has ? [node] : []));
        buildFallbackOrders(topology, memory).forEach((order, node) => {
          expect([...order].sort((a, b) => a - b)).toEqual(withMemory);
          if (memory[node]) expect(order[0]).toBe(node);
          const far = order.map((each) => topology.distance(node, each));
          // Direction and CPUs may reorder nodes that differ by two at most.
          far.forEach((distance, at) => {
            if (at > 1) expect(distance).toBeGreaterThanOrEqual(far[at - 1] - 2);
          });
        });
      }),
      { seed: 20261120 },
    );
  });
});

describe("zonelists", () => {
  // Zones of the recorded machine: node 0 has DMA and DMA32, node 1 DMA32. Zone id = node * 5 + type.
  const populated = new Set([ZONE_DMA, ZONE_DMA32, 5 + ZONE_DMA32]);

  it("go from a node's highest zone down, then to the next node", () => {
    const { fallback, thisNode } = buildZonelists(uniformTopology(2, 2), (zoneId) => populated.has(zoneId));
    expect(fallback.map((list) => Array.from(list))).toEqual([
      [ZONE_DMA32, ZONE_DMA, 5 + ZONE_DMA32],
      [5 + ZONE_DMA32, ZONE_DMA32, ZONE_DMA],
    ]);
    expect(thisNode.map((list) => Array.from(list))).toEqual([[ZONE_DMA32, ZONE_DMA], [5 + ZONE_DMA32]]);
  });

  it("give a node without memory its neighbours' zones and none of its own", () => {
    const { fallback, thisNode } = buildZonelists(uniformTopology(2, 2), (zoneId) => zoneId === ZONE_NORMAL);
    expect(Array.from(fallback[1])).toEqual([ZONE_NORMAL]);
    expect(Array.from(thisNode[1])).toEqual([]);
  });
});
