import { describe, expect, it } from "vitest";
import {
  __GFP_COMP,
  __GFP_NORETRY,
  __GFP_RECLAIMABLE,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_KERNEL_ACCOUNT,
  GFP_NOWAIT,
  GFP_TRANSHUGE,
  GFP_TRANSHUGE_LIGHT,
  gfpMigratetype,
  gfpToString,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
} from "../src/index.ts";

describe("allocation flags", () => {
  it("have the values that Linux prints", () => {
    // OOM reports of Linux 6.18.15 (a page fault) and 6.18.44 (a cgroup's limit).
    expect(GFP_HIGHUSER_MOVABLE | __GFP_ZERO | __GFP_COMP).toBe(0x140dca);
    expect(GFP_KERNEL).toBe(0xcc0);
  });

  it("are spelled as Linux spells them", () => {
    expect(gfpToString(0x140dca)).toBe("GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP");
    expect(gfpToString(0xcc0)).toBe("GFP_KERNEL");
    expect(gfpToString(GFP_KERNEL_ACCOUNT | __GFP_NORETRY)).toBe("GFP_KERNEL_ACCOUNT|__GFP_NORETRY");
    expect(gfpToString(GFP_ATOMIC | __GFP_COMP)).toBe("GFP_ATOMIC|__GFP_COMP");
    expect(gfpToString(GFP_NOWAIT)).toBe("GFP_NOWAIT");
    expect(gfpToString(GFP_TRANSHUGE)).toBe("GFP_TRANSHUGE");
    expect(gfpToString(GFP_TRANSHUGE_LIGHT)).toBe("GFP_TRANSHUGE_LIGHT");
    expect(gfpToString(1 << 30)).toBe("0x40000000");
    expect(gfpToString(0)).toBe("");
  });

  it("say which pageblocks a page may come from", () => {
    expect(gfpMigratetype(GFP_HIGHUSER_MOVABLE)).toBe(MIGRATE_MOVABLE);
    expect(gfpMigratetype(GFP_KERNEL | __GFP_RECLAIMABLE)).toBe(MIGRATE_RECLAIMABLE);
    expect(gfpMigratetype(GFP_KERNEL)).toBe(MIGRATE_UNMOVABLE);
  });
});
