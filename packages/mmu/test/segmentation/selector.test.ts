import {
  SELECTOR_ERROR_EXT,
  selectorErrorCode,
  selectorIndex,
  selectorInLdt,
  selectorIsNull,
  selectorOf,
  selectorRpl,
} from "@pageframe/mmu";
import { describe, expect, it } from "vitest";

describe("Segment selectors", () => {
  it("hold index, table and requested privilege level", () => {
    // SDM figure 3-6. 0x33 is index 6 of the GDT with RPL 3; 0x0f index 1 of the LDT with RPL 3.
    expect(selectorOf(6, 3)).toBe(0x33);
    expect(selectorOf(1, 3, true)).toBe(0x0f);
    expect(selectorOf(8191, 0, true)).toBe(0xfffc);
    expect([selectorIndex(0x33), selectorInLdt(0x33), selectorRpl(0x33)]).toEqual([6, false, 3]);
    expect([selectorIndex(0xffff), selectorInLdt(0xffff), selectorRpl(0xffff)]).toEqual([8191, true, 3]);
    expect(() => selectorOf(8192, 0)).toThrow(/^EINVAL: .*index 8192/);
    expect(() => selectorOf(1, 4)).toThrow(/^EINVAL: .*RPL 4/);
  });

  it("are null with index 0 of the GDT, whatever the RPL", () => {
    // SDM section 3.4.2.
    expect([0, 1, 2, 3].map(selectorIsNull)).toEqual([true, true, true, true]);
    expect([4, 7, 8].map(selectorIsNull)).toEqual([false, false, false]);
  });

  it("make an error code of their index and table, without the RPL", () => {
    // SDM figure 7-7: index 15..3, TI 2, IDT 1, EXT 0.
    expect(selectorErrorCode(0x33)).toBe(0x30);
    expect(selectorErrorCode(0x0f)).toBe(0x0c);
    expect(selectorErrorCode(0x33, SELECTOR_ERROR_EXT)).toBe(0x31);
  });
});
