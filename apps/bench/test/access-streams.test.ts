import { runKind, runVpnHi, vpnOf } from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import { accessStream, type StreamName } from "../src/access-streams.ts";

/** Pages of the first six accesses, a write with a W, in hexadecimal. */
function firstSix(name: StreamName): string[] {
  const words = accessStream(name, 6);
  return Array.from({ length: 6 }, (_, access) => {
    const vpn = vpnOf(words[2 * access], runVpnHi(words[2 * access + 1]));
    return `${vpn.toString(16)}${runKind(words[2 * access + 1]) === 1 ? "W" : ""}`;
  });
}

// The first six addresses of a C generator with splitmix64 in 64-bit arithmetic and the same seed.
describe("access streams", () => {
  it("steps through memory in order", () => {
    expect(firstSix("seq")).toEqual(Array<string>(6).fill("7f1200000"));
    const words = accessStream("seq", 65);
    expect(words[2 * 64]).toBe(words[0] + 1);
  });

  it("draws pages of 256 MiB", () => {
    expect(firstSix("rnd256")).toEqual([
      "55550e459",
      "55550d7f4",
      "5555080ba",
      "555507067",
      "55550666a",
      "5555086cb",
    ]);
  });

  it("draws pages by Zipf's law and scatters them", () => {
    expect(firstSix("zipf")).toEqual([
      "600000000",
      "6000badf7",
      "6000443a3",
      "60000431eW",
      "60003dbb6",
      "6000f0557",
    ]);
  });

  it("draws from 32 pages", () => {
    expect(firstSix("hot")).toEqual([
      "7f1200000",
      "7f1200006",
      "7f1200012",
      "7f1200002",
      "7f1200002",
      "7f120000a",
    ]);
  });

  it("mixes three of them", () => {
    expect(firstSix("mix")).toEqual([
      "7f1200000",
      "7f1200000",
      "6000badf7",
      "55550666a",
      "7f1200000",
      "55550a133W",
    ]);
  });
});
