import { EINVAL, ESRCH } from "@pageframe/contracts";
import {
  decodeUserDesc,
  encodeUserDesc,
  fillLdt,
  LocalDescriptorTable,
  TlsArray,
  type UserDesc,
  userDescOf,
} from "@pageframe/mmu";
import { describe, expect, it } from "vitest";

/**
 * modify_ldt(0x11) on Linux 6.18.44 with the words of a user_desc, and the entry that modify_ldt(0) then gave back.
 */
const RECORDED: readonly [number[], bigint][] = [
  [[0, 0x12345678, 0xabcde, 0x51], 0x12daf3345678bcden],
  [[1, 0x10000, 0xfff, 0x01], 0x0040f30100000fffn],
  [[2, 0xff000000, 0xfffff, 0x15], 0xffcffb000000ffffn],
  [[3, 0, 0x7ff, 0x03], 0x0040f700000007ffn],
  [[4, 0x1000, 0x10, 0x28], 0x0000710010000010n],
  [[5, 0, 0xfffff, 0xbf], 0x00cf7d000000ffffn],
  [[6, 1, 1, 0x00], 0x0000f30000010001n],
  [[7, 5, 0xfffffff, 0x4d], 0x005ff9000005ffffn],
];

const DATA: UserDesc = {
  entryNumber: -1,
  baseAddr: 0xb7e00000,
  limit: 0xfffff,
  seg32bit: true,
  contents: 0,
  readExecOnly: false,
  limitInPages: true,
  segNotPresent: false,
  useable: true,
  lm: false,
};
const EMPTY = decodeUserDesc([12, 0, 0, 0x28]);

describe("Segments that programs ask for", () => {
  it.each(RECORDED)("get the descriptor that Linux makes: %j", (words, entry) => {
    expect(fillLdt(decodeUserDesc(words)).toString(16)).toBe(entry.toString(16));
  });

  it("have a user_desc that goes through its words unchanged", () => {
    for (const [words] of RECORDED) {
      expect([...encodeUserDesc(decodeUserDesc(words))]).toEqual(words.map((word) => word | 0));
    }
    expect(() => decodeUserDesc([1, 2, 3])).toThrow(/^EINVAL: a user_desc of 3 words/);
  });

  it("are told back from their descriptor", () => {
    expect(userDescOf(0, 0x12daf3345678bcden)).toEqual(decodeUserDesc(RECORDED[0][0]));
    expect(userDescOf(2, 0xffcffb000000ffffn)).toEqual(decodeUserDesc(RECORDED[2][0]));
  });
});

describe("TlsArray", () => {
  it("gives the first empty of three entries, then ESRCH", () => {
    const tls = new TlsArray(12);
    expect([1, 2, 3, 4].map(() => tls.setThreadArea(DATA))).toEqual([12, 13, 14, -ESRCH]);
    // glibc's TLS segment of a 32-bit program: b7e00000, 4 GiB, AVL.
    expect(tls.entries[0].toString(16)).toBe("b7dff3e00000ffff");
    expect(tls.getThreadArea(13)).toEqual({ ...DATA, entryNumber: 13 });
    expect(tls.getThreadArea(15)).toBe(-EINVAL);
  });

  it("empties an entry on request, by either way of saying so", () => {
    const tls = new TlsArray(12);
    for (const request of [EMPTY, decodeUserDesc([12, 0, 0, 0])]) {
      tls.setThreadArea({ ...DATA, entryNumber: 12 });
      expect(tls.setThreadArea(request)).toBe(12);
      expect(tls.entries[0]).toBe(0n);
    }
  });

  it("refuses what is not a present 32-bit data segment in its range", () => {
    // tls_desc_okay().
    const tls = new TlsArray(6);
    expect(tls.setThreadArea({ ...DATA, contents: 2 })).toBe(-EINVAL);
    expect(tls.setThreadArea({ ...DATA, seg32bit: false })).toBe(-EINVAL);
    expect(tls.setThreadArea({ ...DATA, segNotPresent: true })).toBe(-EINVAL);
    expect(tls.setThreadArea({ ...DATA, entryNumber: 5 })).toBe(-EINVAL);
    expect(tls.setThreadArea({ ...DATA, entryNumber: 9 })).toBe(-EINVAL);
    expect(tls.setThreadArea({ ...DATA, entryNumber: 8, contents: 1 })).toBe(8);
  });
});

describe("LocalDescriptorTable", () => {
  it("is as long as its largest entry", () => {
    const ldt = new LocalDescriptorTable();
    expect(ldt.limit).toBe(-1);
    expect(ldt.write({ ...DATA, entryNumber: 3 })).toBe(0);
    expect([ldt.limit, ldt.entries.length, ldt.entries[0]]).toEqual([31, 4, 0n]);
    ldt.write({ ...EMPTY, entryNumber: 3 });
    expect([ldt.limit, ldt.entries[3]]).toEqual([31, 0n]);
  });

  it("refuses numbers from 8192 on, and conforming code that is present", () => {
    // Linux 6.18.44 answers -EINVAL to contents 3 without seg_not_present.
    const ldt = new LocalDescriptorTable();
    expect(ldt.write({ ...DATA, entryNumber: 8192 })).toBe(-EINVAL);
    expect(ldt.write({ ...DATA, entryNumber: -1 })).toBe(-EINVAL);
    expect(ldt.write({ ...DATA, entryNumber: 0, contents: 3 })).toBe(-EINVAL);
    expect(ldt.write({ ...DATA, entryNumber: 0, contents: 3, segNotPresent: true })).toBe(0);
    expect(ldt.write({ ...DATA, entryNumber: 0, contents: 3, segNotPresent: true }, true)).toBe(-EINVAL);
  });

  it("clears AVL, and entries with base and limit 0, in the old mode", () => {
    const ldt = new LocalDescriptorTable();
    ldt.write({ ...DATA, entryNumber: 0 }, true);
    expect(ldt.entries[0].toString(16)).toBe("b7cff3e00000ffff");
    ldt.write({ ...DATA, entryNumber: 0, baseAddr: 0, limit: 0 }, true);
    expect(ldt.entries[0]).toBe(0n);
    ldt.write({ ...DATA, entryNumber: 0, baseAddr: 0, limit: 0 });
    expect(ldt.entries[0]).not.toBe(0n);
  });
});
