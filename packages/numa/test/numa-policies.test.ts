import { findOccupant, type NumaPolicy } from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { type NumaPolicyConfig, numaPolicies, parseNodeList, uniformTopology } from "../src/index.ts";

const twoNodes = uniformTopology(2, 2);

function make(name: string, config: Partial<NumaPolicyConfig> = {}): NumaPolicy {
  return findOccupant("NUMA policy", numaPolicies, name).create({ topology: twoNodes, ...config });
}

/** Nodes of the first pages of a mapping at 0x100000000000, touched from one CPU. */
function firstPages(policy: NumaPolicy, nrPages = 16, cpuNode = 0): string {
  const start = 0x100000000000 / 4096;
  return Array.from({ length: nrPages }, (_, page) => policy.preferredNode(cpuNode, start + page, 1)).join(
    " ",
  );
}

describe("NUMA policies on a recorded machine of two nodes", () => {
  // mbind(2) and set_mempolicy(2) on 64 pages, touched on CPU 0 of node 0, Linux 6.18.15: the nodes that move_pages(2)
  // named for the first 16.
  it.each([
    ["local", undefined, "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"],
    ["bind", "0", "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"],
    ["bind", "1", "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"],
    ["preferred", "1", "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"],
    ["interleave", "0-1", "0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1"],
    ["interleave", "0-3", "0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1"],
    ["weighted-interleave", "0-1", "0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1"],
  ])("%s over %s places pages as recorded", (name, nodes, recorded) => {
    const policy = make(name, nodes === undefined ? {} : { nodes: parseNodeList(nodes) });
    expect(policy.name).toBe(name);
    expect(firstPages(policy)).toBe(recorded);
  });
});

describe("NUMA policies", () => {
  it("have the default first", () => {
    expect(numaPolicies.map(({ name }) => name)).toEqual([
      "local",
      "interleave",
      "weighted-interleave",
      "preferred",
      "bind",
    ]);
  });

  it("follow the CPU when local", () => {
    expect(make("local").preferredNode(1, 0, 1)).toBe(1);
  });

  it("give heavier nodes more pages in a row", () => {
    expect(firstPages(make("weighted-interleave", { weights: [3, 1] }), 8)).toBe("0 0 0 1 0 0 0 1");
  });

  it("interleave beyond 32-bit page numbers", () => {
    const policy = make("interleave");
    expect(policy.preferredNode(0, 2 ** 44 + 1, 1)).toBe(1);
    expect(policy.preferredNode(0, 2 ** 44 + 2, 1)).toBe(0);
  });

  it("bind to the nearest of several nodes", () => {
    const policy = make("bind", { topology: uniformTopology(3, 3), nodes: [1, 2] });
    expect([0, 1, 2].map((cpuNode) => policy.preferredNode(cpuNode, 0, 1))).toEqual([1, 1, 2]);
  });

  it("refuse nodes that the machine lacks, and weights that are none", () => {
    expect(() => make("preferred", { nodes: [7] })).toThrow(
      "EINVAL: a policy over nodes 7; the machine has nodes 0 to 1",
    );
    expect(() => make("weighted-interleave", { weights: [0] })).toThrow(
      "EINVAL: interleave weight 0 must be an integer from 1 to 255",
    );
  });
});

describe("a node list", () => {
  it("is single nodes and ranges", () => {
    expect(parseNodeList("3,0-1,1")).toEqual([0, 1, 3]);
  });

  it.each(["", "a", "1-", "2-1", "0,,1", "1024"])("cannot be %j", (text) => {
    expect(() => parseNodeList(text)).toThrow(/^EINVAL: ".*" in the node list/);
  });
});
