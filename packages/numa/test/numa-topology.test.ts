import { describe, expect, it } from "vitest";
import { NumaTopology, parseDistances, uniformTopology } from "../src/index.ts";

describe("a NUMA topology", () => {
  it("is read from a distance matrix as the firmware gives it", () => {
    // /sys/devices/system/node/node{0,1}/distance of a two-node machine under Linux 6.18.15.
    const topology = new NumaTopology({ distances: parseDistances("10 20\n20 10"), cpuNodes: [0, 1] });
    expect(topology.nrNodes).toBe(2);
    expect(topology.distance(0, 1)).toBe(20);
    expect(topology.distanceText(0)).toBe("10 20");
    expect(topology.distanceText(1)).toBe("20 10");
    expect(topology.nodeOfCpu(1)).toBe(1);
  });

  it("accepts rows joined by slashes and distances that differ by direction", () => {
    const topology = new NumaTopology({ distances: parseDistances("10,15 / 31,10"), cpuNodes: [0] });
    expect([topology.distance(0, 1), topology.distance(1, 0)]).toEqual([15, 31]);
  });

  it("knows nodes without CPUs", () => {
    const topology = new NumaTopology({ distances: parseDistances("10 17/17 10"), cpuNodes: [0, 0] });
    expect([topology.hasCpus(0), topology.hasCpus(1)]).toEqual([true, false]);
  });

  it("spreads CPUs in turn over a uniform machine", () => {
    const topology = uniformTopology(3, 4);
    expect(topology.cpuNodes).toEqual([0, 1, 2, 0]);
    expect(topology.distanceText(1)).toBe("20 10 20");
  });

  it.each([
    ["10 20/20", "EINVAL: node 1 has 1 distances; with 2 nodes it needs 2"],
    ["11", "EINVAL: node 0 is at distance 11 from itself; it must be 10"],
    ["10 10/20 10", "EINVAL: the distance from node 0 to node 1 is 10; it must be from 11 to 254"],
    ["10 255/20 10", "EINVAL: the distance from node 0 to node 1 is 255; it must be from 11 to 254"],
    ["10 x", 'EINVAL: "x" in a distance matrix is no number; write rows joined by "/", as in "10 20/20 10"'],
    ["", 'EINVAL: "" in a distance matrix is no number; write rows joined by "/", as in "10 20/20 10"'],
  ])("refuses the matrix %j and says why", (text, message) => {
    expect(() => new NumaTopology({ distances: parseDistances(text), cpuNodes: [] })).toThrow(message);
  });

  it("refuses a machine without nodes and a CPU on a node that is not there", () => {
    expect(() => new NumaTopology({ distances: [], cpuNodes: [] })).toThrow("a distance matrix of 0 rows");
    expect(() => new NumaTopology({ distances: [[10]], cpuNodes: [0, 1] })).toThrow(
      "EINVAL: CPU 1 is said to be on node 1; there are nodes 0 to 0",
    );
  });
});
