import { KernelError } from "@pageframe/contracts";
import {
  bootKernel,
  COST_NAMES,
  ConfigError,
  formatBytes,
  formatPages,
  isSize,
  kernelConfigSchema,
  parseBytes,
  parseKernelConfig,
  parsePages,
} from "@pageframe/kernel";
import { describe, expect, it } from "vitest";
import { z } from "zod";

function problemsOf(input: unknown): string[] {
  try {
    parseKernelConfig(input);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path }) => path).sort();
    throw error;
  }
  return [];
}

describe("parseKernelConfig", () => {
  it("fills in every default", () => {
    const config = parseKernelConfig({});
    expect(config.memory).toBe("64MiB");
    expect([config.nodes, config.cpus, config.swap, config.contents]).toEqual([1, 1, [], "none"]);
    expect([config.watermarkScaleFactor, config.swappiness, config.maxMapCount]).toEqual([10, 60, 65530]);
    expect(config.stackLimit).toBe("8MiB");
    expect(config.seats).toEqual({
      frameAllocator: "buddy",
      objectAllocator: "slub",
      pageTable: "radix4",
      tlb: "set-associative",
      reclaim: "active-inactive",
      swapSlots: "clusters",
      numa: "local",
      oom: "badness",
      asids: "dynamic",
      readahead: "linux",
    });
    expect(config.tlbSinglePageFlushCeiling).toBe(33);
    expect(config.tlb).toEqual({ l1: { entries: 64, ways: 4 }, l2: { entries: 1536, ways: 12 } });
    expect(Object.keys(config.costs).sort()).toEqual([...COST_NAMES].sort());
    expect(config.minFreeKbytes).toBeUndefined();
  });

  it("keeps what is given and completes the rest of a group", () => {
    const config = parseKernelConfig({
      seats: { reclaim: "clock" },
      tlb: { l1: { entries: 16, ways: 16 } },
      costs: { swapIn: 1 },
    });
    expect([config.seats.reclaim, config.seats.oom]).toEqual(["clock", "badness"]);
    expect(config.tlb.l2.entries).toBe(1536);
    expect((config.costs as Record<string, number>)["swapIn"]).toBe(1);
    expect((config.costs as Record<string, number>)["access"]).toBe(1);
    expect((config.costs as Record<string, number>)["swapOut"]).toBe(20000);
  });

  it("reports every mistake at once, each with its path", () => {
    expect(
      problemsOf({
        memory: "64MB",
        nodes: 0,
        cpus: 65,
        swap: [{ size: "1MiB" }, { size: 5 }, { size: "2MiB", priority: 32768 }],
        contents: "some",
        swappiness: 201,
        tlb: { l1: { entries: 0, ways: 4 } },
        costs: { walk: -1 },
        seats: { oom: 3 },
      }),
    ).toEqual([
      "contents",
      "costs.walk",
      "cpus",
      "memory",
      "nodes",
      "seats.oom",
      "swap[1].size",
      "swap[2].priority",
      "swappiness",
      "tlb.l1.entries",
    ]);
  });

  it("reports a TLB that cannot be built with the path of the array", () => {
    expect(problemsOf({ tlb: { l1: { entries: 48, ways: 4 }, l2: { entries: 65, ways: 4 } } })).toEqual([
      "tlb.l1",
      "tlb.l2",
    ]);
    expect(() => parseKernelConfig({ tlb: { l1: { entries: 48, ways: 4 } } })).toThrow(
      "tlb.l1: l1 has 12 sets (48 entries in 4 ways), which must be a power of two",
    );
  });

  it("says in one message what is wrong, where, and what would work", () => {
    expect(() => bootKernel({ memory: "64MB", cpus: 0 })).toThrow(
      /^EINVAL: memory: "64MB" is not a size with a unit, such as 64MiB; cpus: /,
    );
  });

  it("refuses settings that do not exist, so that a misspelt one is not ignored", () => {
    expect(() => parseKernelConfig({ swapiness: 10 })).toThrow(/swapiness/);
    expect(() => parseKernelConfig({ seats: { reclaimer: "clock" } })).toThrow(/seats: .*reclaimer/);
    expect(() => parseKernelConfig({ costs: { nap: 1 } })).toThrow(/costs: .*nap/);
  });

  it("refuses what is no object", () => {
    for (const input of [null, 5, "64MiB", [], undefined]) {
      expect(() => parseKernelConfig(input)).toThrow(ConfigError);
    }
  });

  it("raises EINVAL", () => {
    try {
      parseKernelConfig({ nodes: "two" });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(KernelError);
      expect((error as KernelError).code).toBe("EINVAL");
    }
  });

  it("gives a value that nobody can change by accident", () => {
    const config = parseKernelConfig({});
    expect(Object.isFrozen(config)).toBe(true);
  });
});

describe("kernelConfigSchema", () => {
  it("describes itself as JSON schema, defaults included", () => {
    const schema = z.toJSONSchema(kernelConfigSchema, { io: "input" }) as unknown as {
      type: string;
      additionalProperties: boolean;
      properties: Record<string, { default?: unknown; type?: string; maximum?: number; enum?: unknown[] }>;
      required?: string[];
    };
    expect(schema.type).toBe("object");
    expect(schema.additionalProperties).toBe(false);
    expect(schema.required).toBeUndefined();
    expect(schema.properties["memory"]).toMatchObject({ type: "string", default: "64MiB" });
    expect(schema.properties["cpus"]).toMatchObject({ type: "integer", minimum: 1, maximum: 64, default: 1 });
    expect(schema.properties["contents"].enum).toEqual(["none", "sparse", "dense"]);
    expect(Object.keys(schema.properties)).toEqual(Object.keys(kernelConfigSchema.shape));
  });
});

describe("sizes", () => {
  it("are a number and a binary unit", () => {
    expect(parseBytes("64MiB")).toBe(67108864);
    expect(parseBytes("1.5GiB")).toBe(1610612736);
    expect(parseBytes("512 KiB")).toBe(524288);
    expect(parseBytes("4096B")).toBe(4096);
    expect(parseBytes("1TiB")).toBe(1099511627776);
    expect(parseBytes("0.3B")).toBe(0);
  });

  it("become whole pages, rounded up", () => {
    expect(parsePages("4KiB")).toBe(1);
    expect(parsePages("4097B")).toBe(2);
    expect(parsePages("0B")).toBe(0);
    expect(parsePages("1GiB")).toBe(262144);
  });

  it.each(["64", "64MB", "64 mib", "-1MiB", "1e3MiB", "MiB", "", "64MiB extra", ".5MiB"])(
    "are refused in another form: %j",
    (text) => {
      expect(isSize(text)).toBe(false);
      expect(() => parseBytes(text)).toThrow(
        `EINVAL: size "${text}" is not a number with a unit B, KiB, MiB, GiB or TiB, such as 64MiB`,
      );
    },
  );

  it("are written with the largest unit that leaves at least one of it", () => {
    expect(formatBytes(0)).toBe("0B");
    expect(formatBytes(1023)).toBe("1023B");
    expect(formatBytes(1024)).toBe("1KiB");
    expect(formatBytes(1572864)).toBe("1.50MiB");
    expect(formatBytes(67108864)).toBe("64MiB");
    expect(formatBytes(1099511627776)).toBe("1TiB");
    expect(formatPages(1)).toBe("4KiB");
    expect(formatPages(384)).toBe("1.50MiB");
  });

  it("come back as they were written when they are whole", () => {
    for (const text of ["1B", "7KiB", "512KiB", "3MiB", "2GiB"])
      expect(formatBytes(parseBytes(text))).toBe(text);
  });
});
