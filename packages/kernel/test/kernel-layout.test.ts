/** Addresses of 64 bits, and what lies where. Expectations: Linux 6.18 Documentation/arch/x86/x86_64/mm.rst. */
import { addressAreaOf, canonicalVpn, NOT_CANONICAL, pageOfVpn, vpnOfPage } from "@pageframe/kernel";
import { describe, expect, it } from "vitest";

function areaAt(address: bigint, nrLevels: number): string | null {
  return addressAreaOf(canonicalVpn(address, nrLevels), nrLevels)?.name ?? null;
}

describe("a canonical address", () => {
  it("has equal bits from 63 down to 47 with four levels, and to 56 with five", () => {
    const ends: readonly (readonly [bigint, number, number])[] = [
      [0n, 0, 0],
      [0x7fffffffffffn, 0x7ffffffff, 0x7ffffffff],
      [0x800000000000n, NOT_CANONICAL, 0x800000000],
      [0xffffffffffffffn, NOT_CANONICAL, 0xfffffffffff],
      [0x100000000000000n, NOT_CANONICAL, NOT_CANONICAL],
      [0xfeffffffffffffffn, NOT_CANONICAL, NOT_CANONICAL],
      [0xff00000000000000n, NOT_CANONICAL, 0x100000000000],
      [0xffff7fffffffffffn, NOT_CANONICAL, 0x1ff7ffffffff],
      [0xffff800000000000n, 0x800000000, 0x1ff800000000],
      [0xffffffffffffffffn, 0xfffffffff, 0x1fffffffffff],
    ];
    expect(ends.map(([address]) => canonicalVpn(address, 4))).toEqual(ends.map(([, vpn]) => vpn));
    expect(ends.map(([address]) => canonicalVpn(address, 5))).toEqual(ends.map(([, , vpn]) => vpn));
  });

  it("is not one of more than 64 bits, or below zero", () => {
    expect([canonicalVpn(1n << 64n, 4), canonicalVpn(-1n, 4)]).toEqual([NOT_CANONICAL, NOT_CANONICAL]);
  });

  it("comes back from its page", () => {
    for (const nrLevels of [4, 5]) {
      for (const page of [0, 1, 0x7ffffffff, 0xffff800000000, 0xffff888000000, 0xfffffffffffff]) {
        expect(pageOfVpn(vpnOfPage(page, nrLevels), nrLevels)).toBe(page);
      }
    }
  });
});

describe("the address space", () => {
  it.each([
    [0x0n, "user space", "user space"],
    [0x7fffffffffffn, "user space", "user space"],
    [0xffff800000000000n, "guard hole", "KASAN shadow memory"],
    [0xffff888000000000n, "direct map", "KASAN shadow memory"],
    [0xffffc87fffffffffn, "direct map", "KASAN shadow memory"],
    [0xffffc88000000000n, null, "KASAN shadow memory"],
    [0xffffc90000000000n, "vmalloc", "KASAN shadow memory"],
    [0xffffe8ffffffffffn, "vmalloc", "KASAN shadow memory"],
    [0xffffe90000000000n, null, "KASAN shadow memory"],
    [0xffffea0000000000n, "virtual memory map", "KASAN shadow memory"],
    [0xffffeb0000000000n, null, "KASAN shadow memory"],
    [0xfffffc0000000000n, null, null],
    [0xfffffe7fffffffffn, "cpu_entry_area mapping", "cpu_entry_area mapping"],
    [0xffffff0000000000n, "%esp fixup stacks", "%esp fixup stacks"],
    [0xffffff8000000000n, null, null],
    [0xfffffffeffffffffn, "EFI region mapping space", "EFI region mapping space"],
    [0xffffffff7fffffffn, null, null],
    [0xffffffff80000000n, "kernel text mapping", "kernel text mapping"],
    [0xffffffffa0000000n, "module mapping space", "module mapping space"],
    [0xffffffffff5ff000n, "fixmap", "fixmap"],
    [0xffffffffff600000n, "legacy vsyscall ABI", "legacy vsyscall ABI"],
    [0xffffffffff601000n, "fixmap", "fixmap"],
    [0xffffffffff7fffffn, "fixmap", "fixmap"],
    [0xffffffffff800000n, null, null],
  ])("has at %s with four levels %s, with five %s", (address, four, five) => {
    expect([areaAt(address, 4), areaAt(address, 5)]).toEqual([four, five]);
  });

  it.each([
    [0xff11000000000000n, "direct map"],
    [0xff90ffffffffffffn, "direct map"],
    [0xff91000000000000n, null],
    [0xffa0000000000000n, "vmalloc"],
    [0xffd1ffffffffffffn, "vmalloc"],
    [0xffd4000000000000n, "virtual memory map"],
    [0xffd6000000000000n, null],
  ])("has at %s with five levels %s", (address, name) => {
    expect(areaAt(address, 5)).toBe(name);
  });
});
