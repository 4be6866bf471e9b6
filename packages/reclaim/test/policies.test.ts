import { describe, expect, it } from "vitest";
import { reclaimPolicies } from "../src/index.ts";
import { describeReclaimPolicy } from "./conformance.ts";

describe("reclaimPolicies", () => {
  it("lists Linux's policy first", () => {
    expect(reclaimPolicies.map((occupant) => occupant.name)).toEqual(["active-inactive", "clock", "fifo"]);
  });
});

for (const occupant of reclaimPolicies) describeReclaimPolicy(occupant.name);
