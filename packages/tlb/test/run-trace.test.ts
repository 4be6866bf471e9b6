import { KernelError } from "@pageframe/contracts";
import { createTlb, RUN_EXEC, RUN_WRITE, runTrace, TLB_1G, TLB_2M } from "@pageframe/tlb";
import { describe, expect, it } from "vitest";

const MIB = 2 ** 20;

describe("runTrace", () => {
  it("counts one access to the page of each address, reads unless it is said", () => {
    const tlb = createTlb("zen4");
    const stats = runTrace(tlb, [0, 4095, [4096, RUN_WRITE], 8191, [0, RUN_EXEC], 2 ** 47]);
    expect(stats).toMatchObject({ l1Hits: 2, l2Hits: 0, misses: 4 });
  });

  it("goes on with the counts of the TLB", () => {
    const tlb = createTlb("teaching");
    runTrace(tlb, [0, 4096]);
    expect(runTrace(tlb, [0, 4096])).toMatchObject({ l1Hits: 2, misses: 2 });
  });

  it("takes larger pages and other address spaces", () => {
    const addresses = Array.from({ length: 64 }, (_, at) => at * MIB);
    expect(runTrace(createTlb("skylake"), addresses, { pageSize: TLB_2M })).toMatchObject({ misses: 32 });
    const tlb = createTlb("skylake");
    expect(runTrace(tlb, addresses, { pageSize: TLB_1G })).toMatchObject({ misses: 1 });
    expect(runTrace(tlb, addresses, { pageSize: TLB_1G, pcid: 5 })).toMatchObject({ misses: 2 });
  });

  it("works with every occupant, and with any iterable", () => {
    expect(runTrace(createTlb("none"), new Set([0, 1]))).toMatchObject({ l1Hits: 0, misses: 2 });
    expect(runTrace(createTlb("set-associative"), Float64Array.of(0, 1))).toMatchObject({ l1Hits: 1 });
  });

  it("refuses what is no address", () => {
    expect(() => runTrace(createTlb("zen4"), [-4096])).toThrow(
      new KernelError(22, "address -4096 is no integer from 0 to 2^53 - 1"),
    );
  });
});
