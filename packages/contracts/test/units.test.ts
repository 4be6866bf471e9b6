import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addressOfVpn,
  kibOfPages,
  MAX_PFN,
  pagesOfBytes,
  pfn,
  vpn,
  vpnHi,
  vpnIndex,
  vpnLo,
  vpnOf,
  vpnOfAddress,
} from "../src/index.ts";

const anyVpn = fc.integer({ min: 0, max: 2 ** 45 - 1 });

describe("units", () => {
  it("accepts page frame numbers from 0 to the largest int32 and nothing else", () => {
    expect(pfn(0)).toBe(0);
    expect(pfn(MAX_PFN)).toBe(2147483647);
    expect(() => pfn(MAX_PFN + 1)).toThrow("EINVAL: pfn 2147483648 is not an integer from 0 to 2147483647");
    expect(() => pfn(-1)).toThrow("EINVAL: pfn -1");
    expect(() => pfn(0.5)).toThrow("EINVAL: pfn 0.5");
    expect(() => pfn(NaN)).toThrow("EINVAL: pfn NaN");
  });

  it("accepts virtual page numbers below 2^45", () => {
    expect(vpn(2 ** 45 - 1)).toBe(35184372088831);
    expect(() => vpn(2 ** 45)).toThrow("EINVAL: vpn 35184372088832");
    expect(() => vpn(-1)).toThrow("EINVAL: vpn -1");
  });

  it("splits a page number into words and joins them again", () => {
    // 0x1234_89abcdef: 0x1234 needs 13 bits.
    const page = 0x123489abcdef;
    expect(vpnLo(page)).toBe(0x89abcdef | 0);
    expect(vpnHi(page)).toBe(0x1234);
    expect(vpnOf(vpnLo(page), vpnHi(page))).toBe(page);
    fc.assert(
      fc.property(anyVpn, (any) => {
        expect(vpnOf(vpnLo(any), vpnHi(any))).toBe(any);
      }),
      { seed: 1 },
    );
  });

  it("cuts a page number into 9-bit indices, one a level", () => {
    // Address 0x7fff_ffff_e000, a stack: PGD 255, PUD 511, PMD 511, PTE 510.
    const page = vpnOfAddress(0x7fffffffe000);
    expect([4, 3, 2, 1].map((level) => vpnIndex(page, level))).toEqual([255, 511, 511, 510]);
    expect(vpnIndex(2 ** 36, 5)).toBe(1);
    fc.assert(
      fc.property(anyVpn, (any) => {
        const big = BigInt(any);
        for (let level = 1; level <= 5; level++) {
          expect(vpnIndex(any, level)).toBe(Number((big >> BigInt(9 * (level - 1))) & 511n));
        }
      }),
      { seed: 2 },
    );
  });

  it("turns bytes, pages and kibibytes into each other, rounding pages up", () => {
    expect(vpnOfAddress(8191)).toBe(1);
    expect(addressOfVpn(0x7ffffffff)).toBe(0x7ffffffff000);
    expect([0, 1, 4096, 4097].map(pagesOfBytes)).toEqual([0, 1, 1, 2]);
    expect(kibOfPages(3)).toBe(12);
  });
});
