import {
  decodeCallGate,
  decodeDescriptor,
  DESC_CALL_GATE,
  DESC_CALL_GATE16,
  DESC_LDT,
  DESC_TSS,
  DESC_TSS_BUSY,
  effectiveLimit,
  encodeCallGate,
  encodeCallGate64,
  encodeDescriptor,
  encodeSystemDescriptor64,
  type SegmentDescriptor,
  systemBase64,
} from "@pageframe/mmu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const BLANK: SegmentDescriptor = {
  base: 0,
  limit: 0,
  type: 0,
  isSystem: false,
  dpl: 0,
  isPresent: false,
  isAvailable: false,
  isLong: false,
  isBig: false,
  isPaged: false,
};
const PRESENT = { ...BLANK, isPresent: true };

// Bit patterns worked out from SDM vol. 3A figure 3-8: byte by byte, from the top,
//   base 31..24 | G D/B L AVL, limit 19..16 | P DPL S type | base 23..16 | base 15..0 | limit 15..0
const PATTERNS: readonly [string, SegmentDescriptor, bigint][] = [
  ["nothing", BLANK, 0x0000100000000000n],
  ["read-only data", { ...PRESENT, type: 0, limit: 0x1234 }, 0x0000900000001234n],
  ["read/write data", { ...PRESENT, type: 2, base: 0x10000, limit: 0xfff, isBig: true }, 0x0040920100000fffn],
  ["data that expands down", { ...PRESENT, type: 6, limit: 0x7ff, dpl: 3, isBig: true }, 0x0040f600000007ffn],
  ["accessed read-only data that expands down", { ...PRESENT, type: 5 }, 0x0000950000000000n],
  ["16-bit stack data", { ...PRESENT, type: 3, limit: 0xffff, dpl: 1 }, 0x0000b3000000ffffn],
  ["execute-only code", { ...PRESENT, type: 8, dpl: 2, limit: 0xfffff, isPaged: true }, 0x008fd8000000ffffn],
  ["readable code", { ...PRESENT, type: 10, base: 0xff000000, limit: 1, isBig: true }, 0xff409a0000000001n],
  ["conforming code", { ...PRESENT, type: 12, base: 0x00ff0000 }, 0x00009cff00000000n],
  ["readable conforming code", { ...PRESENT, type: 15, base: 0x0000ffff }, 0x00009f00ffff0000n],
  ["64-bit code", { ...PRESENT, type: 11, limit: 0xfffff, isLong: true, isPaged: true }, 0x00af9b000000ffffn],
  ["code for software", { ...PRESENT, type: 10, isAvailable: true }, 0x00109a0000000000n],
  // Figure 8-3 and table 3-2.
  ["an LDT", { ...PRESENT, isSystem: true, type: DESC_LDT, base: 0x2000, limit: 63 }, 0x000082002000003fn],
  [
    "a TSS",
    { ...PRESENT, isSystem: true, type: DESC_TSS, base: 0x12345678, limit: 103 },
    0x1200893456780067n,
  ],
  [
    "a busy TSS",
    { ...PRESENT, isSystem: true, type: DESC_TSS_BUSY, dpl: 3, limit: 103 },
    0x0000eb0000000067n,
  ],
];

const fields = fc.record({
  base: fc.integer({ min: 0, max: 0xffffffff }),
  limit: fc.integer({ min: 0, max: 0xfffff }),
  type: fc.integer({ min: 0, max: 15 }),
  isSystem: fc.boolean(),
  dpl: fc.integer({ min: 0, max: 3 }),
  isPresent: fc.boolean(),
  isAvailable: fc.boolean(),
  isLong: fc.boolean(),
  isBig: fc.boolean(),
  isPaged: fc.boolean(),
});

describe("Segment descriptors", () => {
  it.each(PATTERNS)("have the bits of %s", (_name, parts, bits) => {
    expect(encodeDescriptor(parts).toString(16)).toBe(bits.toString(16));
    expect(decodeDescriptor(bits)).toEqual(parts);
  });

  it("say the same after a way through their bits, and any 64 bits come back", () => {
    fc.assert(
      fc.property(fields, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (parts, bits) => {
        expect(decodeDescriptor(encodeDescriptor(parts))).toEqual(parts);
        expect(encodeDescriptor(decodeDescriptor(bits))).toBe(bits);
      }),
      { seed: 20_261_120 },
    );
  });

  it("count their limit in bytes, or in pages with all low bits set", () => {
    // SDM section 3.4.5: with G set the low 12 bits of an offset are not checked.
    expect(effectiveLimit(0xfff, false)).toBe(0xfff);
    expect(effectiveLimit(0, true)).toBe(0xfff);
    expect(effectiveLimit(0xfff, true)).toBe(0xffffff);
    expect(effectiveLimit(0xfffff, true)).toBe(0xffffffff);
  });

  it("have 16 bytes for an LDT and a TSS in long mode", () => {
    // Figure 8-4: base 63..32 in the third word, the fourth is zero.
    const parts = { ...PRESENT, isSystem: true, type: DESC_TSS, limit: 0x206f };
    const [low, high] = encodeSystemDescriptor64(parts, 0xfffffe0000003000n);
    expect(low.toString(16)).toBe("89003000206f");
    expect(high.toString(16)).toBe("fffffe00");
    expect(systemBase64(low, high)).toBe(0xfffffe0000003000n);
  });

  it("refuse fields that do not fit", () => {
    expect(() => encodeDescriptor({ ...BLANK, limit: 0x100000 })).toThrow(
      /^EINVAL: limit 1048576 .* 0 to 1048575/,
    );
    expect(() => encodeDescriptor({ ...BLANK, base: 2 ** 32 })).toThrow(/^EINVAL: base/);
    expect(() => encodeDescriptor({ ...BLANK, type: 16 })).toThrow(/^EINVAL: type/);
    expect(() => encodeDescriptor({ ...BLANK, dpl: 4 })).toThrow(/^EINVAL: dpl/);
    expect(() => encodeSystemDescriptor64(PRESENT, 0n)).toThrow(/^EINVAL: .*S clear/);
  });
});

describe("Call gates", () => {
  // Figure 6-8: offset 31..16 | P DPL 0 type | 000, parameters | selector | offset 15..0.
  it("have the bits of a 32-bit and of a 16-bit gate", () => {
    const gate = {
      selector: 0x60,
      offset: 0xc0101234n,
      nrParameters: 3,
      type: DESC_CALL_GATE,
      dpl: 3,
      isPresent: true,
    };
    expect(encodeCallGate(gate).toString(16)).toBe("c010ec0300601234");
    expect(decodeCallGate(0xc010ec0300601234n)).toEqual(gate);
    const old = { ...gate, offset: 0x5678n, type: DESC_CALL_GATE16, dpl: 0 };
    expect(encodeCallGate(old).toString(16)).toBe("840300605678");
    expect(decodeCallGate(0x0000840300605678n)).toEqual(old);
  });

  it("have 16 bytes in long mode", () => {
    // Figure 6-9: offset 63..32 in the third word.
    const gate = {
      selector: 0x10,
      offset: 0xffffffff81001234n,
      nrParameters: 0,
      type: DESC_CALL_GATE,
      dpl: 3,
      isPresent: true,
    };
    const [low, high] = encodeCallGate64(gate);
    expect(low.toString(16)).toBe("8100ec0000101234");
    expect(high.toString(16)).toBe("ffffffff");
    expect(decodeCallGate(low, high)).toEqual(gate);
  });

  it("refuse what the form has no room for", () => {
    const gate = {
      selector: 8,
      offset: 2n ** 32n,
      nrParameters: 0,
      type: DESC_CALL_GATE,
      dpl: 0,
      isPresent: true,
    };
    expect(() => encodeCallGate(gate)).toThrow(/^EINVAL: offset 4294967296/);
    expect(() => encodeCallGate64({ ...gate, nrParameters: 1 })).toThrow(/^EINVAL: .*no parameters/);
    expect(() => encodeCallGate({ ...gate, offset: 0n, nrParameters: 32 })).toThrow(/^EINVAL: nrParameters/);
  });
});
