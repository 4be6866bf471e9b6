import {
  DESC_CALL_GATE,
  DESC_TSS,
  encodeCallGate,
  encodeCallGate64,
  farCall,
  farJump,
  farReturn,
  linuxGdtEntries,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_SS,
  SEG_TR,
} from "@pageframe/mmu";
import { describe, expect, it } from "vitest";
import { descriptor, Machine, TSS } from "./helpers.ts";

const NP = 11;
const TS = 10;
const SS = 12;
const GP = 13;
const LEVELS = [0, 1, 2, 3] as const;
const RPLS = LEVELS;

/** A rule of the manual spelled out: [cpl][rpl] lists the DPLs that are allowed. */
type Rule = readonly (readonly string[])[];

/** SDM section 6.6 and figure 6-4: DPL >= CPL and DPL >= RPL. Also for the DPL of a call gate, section 6.8.4. */
const DATA: Rule = [
  ["0123", "123", "23", "3"],
  ["123", "123", "23", "3"],
  ["23", "23", "23", "3"],
  ["3", "3", "3", "3"],
];
/** Section 6.6.1: a readable conforming code segment may be read at any level. */
const ANY: Rule = [
  ["0123", "0123", "0123", "0123"],
  ["0123", "0123", "0123", "0123"],
  ["0123", "0123", "0123", "0123"],
  ["0123", "0123", "0123", "0123"],
];
const NONE: Rule = [
  ["", "", "", ""],
  ["", "", "", ""],
  ["", "", "", ""],
  ["", "", "", ""],
];
/** Section 6.7: CPL, RPL and DPL of a stack segment are equal. */
const STACK: Rule = [
  ["0", "", "", ""],
  ["", "1", "", ""],
  ["", "", "2", ""],
  ["", "", "", "3"],
];
/** Section 6.8.1.1: nonconforming code is entered at its own level, with RPL <= CPL. */
const NONCONFORMING: Rule = [
  ["0", "", "", ""],
  ["1", "1", "", ""],
  ["2", "2", "2", ""],
  ["3", "3", "3", "3"],
];
/** Section 6.8.1.2: conforming code from its level or a less privileged one; RPL is not looked at. */
const CONFORMING: Rule = [
  ["0", "0", "0", "0"],
  ["01", "01", "01", "01"],
  ["012", "012", "012", "012"],
  ["0123", "0123", "0123", "0123"],
];
/** Section 6.8.6 and RET in vol. 2: to the level RPL, same or outer; DPL of the code is RPL, or below it if conforming. */
const RETURN: Rule = [
  ["0", "1", "2", "3"],
  ["", "1", "2", "3"],
  ["", "", "2", "3"],
  ["", "", "", "3"],
];
const RETURN_CONFORMING: Rule = [
  ["0", "01", "012", "0123"],
  ["", "01", "012", "0123"],
  ["", "", "012", "0123"],
  ["", "", "", "0123"],
];

/** By type (table 3-1): 0..7 data, of which W (2, 3, 6, 7) may be written; 8..15 code, R is 2, C is 4. */
const LOAD_DATA: readonly Rule[] = [
  ...[DATA, DATA, DATA, DATA, DATA, DATA, DATA, DATA],
  ...[NONE, NONE, DATA, DATA, NONE, NONE, ANY, ANY],
];
const LOAD_STACK: readonly Rule[] = [
  ...[NONE, NONE, STACK, STACK, NONE, NONE, STACK, STACK],
  ...[NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE],
];
const JUMP: readonly Rule[] = [
  ...[NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE],
  ...[
    NONCONFORMING,
    NONCONFORMING,
    NONCONFORMING,
    NONCONFORMING,
    CONFORMING,
    CONFORMING,
    CONFORMING,
    CONFORMING,
  ],
];
const FAR_RETURN: readonly Rule[] = [
  ...[NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE],
  ...[RETURN, RETURN, RETURN, RETURN],
  ...[RETURN_CONFORMING, RETURN_CONFORMING, RETURN_CONFORMING, RETURN_CONFORMING],
];

/** Tries every CPL, RPL, DPL and type of a code or data segment; gives back rules as they turned out. */
function tryAll(attempt: (machine: Machine, selector: number) => number, isPresent = true): Rule[] {
  const machine = new Machine();
  for (const dpl of LEVELS) {
    // Stacks that farReturn() can take: entries 40..43 with DPL 0..3.
    machine.write(40 + dpl, descriptor({ dpl }));
  }
  return Array.from({ length: 16 }, (_, type) =>
    LEVELS.map((cpl) =>
      RPLS.map((rpl) =>
        LEVELS.filter((dpl) => {
          machine.write(1, descriptor({ type, dpl, isPresent, limit: 0xf }));
          machine.unit.cpl = cpl;
          machine.unit.load(SEG_DS, 0);
          const result = attempt(machine, 8 | rpl);
          if (result === 0) return true;
          const { faultVector, faultCode } = machine.unit;
          expect([-result, faultCode]).toEqual([faultVector, 8]);
          // A segment that is allowed but for its absence.
          if (faultVector !== GP) expect(isPresent).toBe(false);
          return faultVector !== GP;
        }).join(""),
      ),
    ),
  );
}

describe("Privilege checks over every CPL, RPL, DPL and type", () => {
  it("load data registers by the rule of section 6.6", () => {
    for (const seg of [SEG_DS, SEG_ES, SEG_FS, SEG_GS]) {
      expect(tryAll(({ unit }, selector) => unit.load(seg, selector))).toEqual(LOAD_DATA);
    }
  });

  it("load SS by the rule of section 6.7", () => {
    expect(tryAll(({ unit }, selector) => unit.load(SEG_SS, selector))).toEqual(LOAD_STACK);
  });

  it("jump and call by the rules of section 6.8.1", () => {
    expect(tryAll(({ unit }, selector) => farJump(unit, selector, 0n).result)).toEqual(JUMP);
    expect(tryAll(({ unit }, selector) => farCall(unit, selector, 0n).result)).toEqual(JUMP);
  });

  it("return by the rules of section 6.8.6", () => {
    const goBack = ({ unit }: Machine, selector: number): number => {
      const level = selector & 3;
      return farReturn(unit, selector, 0n, ((40 + level) << 3) | level);
    };
    expect(tryAll(goBack)).toEqual(FAR_RETURN);
  });

  it("look at presence after privilege", () => {
    expect(tryAll(({ unit }, selector) => unit.load(SEG_DS, selector), false)).toEqual(LOAD_DATA);
    expect(tryAll(({ unit }, selector) => unit.load(SEG_SS, selector), false)).toEqual(LOAD_STACK);
    expect(tryAll(({ unit }, selector) => farJump(unit, selector, 0n).result, false)).toEqual(JUMP);
  });

  it("refuse every system descriptor in a segment register", () => {
    for (let type = 0; type < 16; type++) {
      const machine = new Machine();
      machine.write(1, descriptor({ type, isSystem: true, dpl: 3 }));
      for (const seg of [SEG_DS, SEG_SS]) {
        expect(machine.outcome(machine.unit.load(seg, 8))).toEqual([GP, 8]);
      }
    }
  });
});

/** Of the code segment behind a gate, table 6-1: [cpl] lists the DPLs that are allowed. */
const CALL_TARGETS = ["0", "01", "012", "0123"];
const JUMP_TARGETS = ["0", "1", "2", "3"];

describe("Call gates", () => {
  /** Entry 1 is a gate to code in entry 2; TSS and stacks are there. */
  function gated(gateDpl: number, codeDpl: number, codeType: number): Machine {
    const machine = new Machine();
    const gate = {
      selector: 0x10,
      offset: 0x1234n,
      nrParameters: 0,
      type: DESC_CALL_GATE,
      dpl: gateDpl,
      isPresent: true,
    };
    machine.write(1, encodeCallGate(gate), descriptor({ type: codeType, dpl: codeDpl }));
    for (const level of [0, 1, 2]) {
      machine.write(40 + level, descriptor({ dpl: level }));
      machine.memory.writeWord(TSS + 4 + 8 * level, 0x8000 + level);
      machine.memory.writeWord(TSS + 8 + 8 * level, ((40 + level) << 3) | level);
    }
    return machine;
  }

  it("check CPL, RPL, the gate's DPL and the code's DPL, all of them", () => {
    for (const cpl of LEVELS)
      for (const rpl of RPLS)
        for (const gateDpl of LEVELS)
          for (const codeDpl of LEVELS)
            for (const isConforming of [false, true])
              for (const isCall of [false, true]) {
                const machine = gated(gateDpl, codeDpl, isConforming ? 14 : 10);
                const { unit } = machine;
                unit.cpl = cpl;
                const { result, offset, stackPointer } = (isCall ? farCall : farJump)(unit, 8 | rpl, 0x777n);
                const targets = isCall || isConforming ? CALL_TARGETS[cpl] : JUMP_TARGETS[cpl];
                if (!DATA[cpl][rpl].includes(String(gateDpl))) {
                  expect(machine.outcome(result)).toEqual([GP, 8]);
                } else if (!targets.includes(String(codeDpl))) {
                  expect(machine.outcome(result)).toEqual([GP, 0x10]);
                } else {
                  // Only a call to nonconforming code changes the level.
                  const level = isConforming ? cpl : codeDpl;
                  expect([result, offset, unit.cpl]).toEqual([0, 0x1234n, level]);
                  expect(unit.segment(SEG_CS).selector).toBe(0x10 | level);
                  expect(stackPointer).toBe(level === cpl ? -1n : BigInt(0x8000 + level));
                  if (level !== cpl) expect(unit.segment(SEG_SS).selector).toBe(((40 + level) << 3) | level);
                }
              }
  });

  it("name the gate or the code, whichever is not there", () => {
    const machine = gated(3, 0, 10);
    machine.unit.cpl = 3;
    machine.write(2, descriptor({ type: 10, isPresent: false }));
    expect(machine.outcome(farCall(machine.unit, 0xb, 0n).result)).toEqual([NP, 0x10]);
    machine.write(1, descriptor({ isSystem: true, type: DESC_CALL_GATE, dpl: 3, isPresent: false }));
    expect(machine.outcome(farCall(machine.unit, 0xb, 0n).result)).toEqual([NP, 8]);
    // Present, but to selector 0.
    machine.write(1, descriptor({ isSystem: true, type: DESC_CALL_GATE, dpl: 3 }));
    expect(machine.outcome(farCall(machine.unit, 0xb, 0n).result)).toEqual([GP, 0]);
  });

  it("raise #TS or #SS for the stack of the inner level", () => {
    const machine = gated(3, 1, 10);
    const { unit } = machine;
    const call = (): 0 | [number, number] => {
      unit.cpl = 3;
      return machine.outcome(farCall(unit, 0xb, 0n).result);
    };
    const stack = (41 << 3) | 1;
    machine.write(41, descriptor({ dpl: 1, isPresent: false }));
    expect(call()).toEqual([SS, stack & ~3]);
    machine.write(41, descriptor({ dpl: 2 }));
    expect(call()).toEqual([TS, stack & ~3]);
    machine.write(41, descriptor({ dpl: 1, type: 1 }));
    expect(call()).toEqual([TS, stack & ~3]);
    machine.memory.writeWord(TSS + 16, 0);
    expect(call()).toEqual([TS, 0]);
    machine.memory.writeWord(TSS + 16, (100 << 3) | 1);
    expect(call()).toEqual([TS, 100 << 3]);
    expect([unit.cpl, unit.segment(SEG_CS).isUsable]).toEqual([3, false]);
    // A TSS that ends before the stack of level 1: its selector is in bytes 16 and 17.
    unit.cpl = 0;
    machine.write(6, descriptor({ isSystem: true, type: DESC_TSS, base: TSS, limit: 16, isPaged: false }));
    expect(unit.ltr(0x30)).toBe(0);
    expect(call()).toEqual([TS, 0x30]);
  });

  it("take a 16-bit stack from a 16-bit TSS", () => {
    const machine = gated(3, 0, 10);
    machine.write(6, descriptor({ isSystem: true, type: 1, base: TSS, limit: 43, isPaged: false }));
    // SP0 at 2, SS0 at 4 (SDM figure 8-10).
    machine.memory.writeWord(TSS + 2, (40 << 19) | 0x7ffe);
    machine.unit.ltr(0x30);
    machine.unit.cpl = 3;
    const { result, stackPointer } = farCall(machine.unit, 0xb, 0n);
    expect([result, stackPointer, machine.unit.segment(SEG_SS).selector]).toEqual([0, 0x7ffen, 40 << 3]);
  });

  it("lead to 64-bit code in long mode, without a stack segment", () => {
    const machine = new Machine(true);
    const { unit } = machine;
    machine.write(0, ...linuxGdtEntries(64));
    const gate = {
      selector: 0x10,
      offset: 0xffffffff81000040n,
      nrParameters: 0,
      type: DESC_CALL_GATE,
      dpl: 3,
      isPresent: true,
    };
    machine.write(20, ...encodeCallGate64(gate), ...encodeCallGate64({ ...gate, selector: 0x08 }));
    machine.memory.writeWord(TSS + 4, 0x00003000);
    machine.memory.writeWord(TSS + 8, 0xfffffe00);
    unit.cpl = 3;
    expect(farCall(unit, (20 << 3) | 3, 0n)).toEqual({
      result: 0,
      offset: 0xffffffff81000040n,
      stackPointer: 0xfffffe0000003000n,
    });
    expect([unit.cpl, unit.is64Bit, unit.segment(SEG_SS).isUsable]).toEqual([0, true, false]);
    // To 32-bit code: refused. Upper type bits set: refused. Half of it beyond the limit: refused.
    unit.cpl = 3;
    expect(machine.outcome(farCall(unit, (22 << 3) | 3, 0n).result)).toEqual([GP, 0x08]);
    machine.write(21, 0x0000_1000_ffff_ffffn);
    expect(machine.outcome(farCall(unit, (20 << 3) | 3, 0n).result)).toEqual([GP, 20 << 3]);
    machine.write(63, encodeCallGate64(gate)[0]);
    expect(machine.outcome(farCall(unit, (63 << 3) | 3, 0n).result)).toEqual([GP, 63 << 3]);
  });
});

describe("Far transfers", () => {
  it("refuse null selectors, offsets beyond the limit, and code that is both 64-bit and 32-bit", () => {
    const machine = new Machine(true);
    const { unit } = machine;
    machine.write(1, descriptor({ type: 10, limit: 0xfff, isPaged: false }));
    machine.write(2, descriptor({ type: 10, isLong: true }));
    machine.write(3, descriptor({ type: 10, isLong: true, isBig: false }));
    expect(machine.outcome(farJump(unit, 0, 0n).result)).toEqual([GP, 0]);
    expect(machine.outcome(farReturn(unit, 3, 0n, 0))).toEqual([GP, 0]);
    expect(machine.outcome(farJump(unit, 8, 0x1000n).result)).toEqual([GP, 0]);
    expect(farJump(unit, 8, 0xfffn).result).toBe(0);
    expect(machine.outcome(farJump(unit, 0x10, 0n).result)).toEqual([GP, 0x10]);
    // No limit in 64-bit code, but a canonical address.
    expect(machine.outcome(farJump(unit, 0x18, 0x0000800000000000n).result)).toEqual([GP, 0]);
    expect(farJump(unit, 0x18, 0x00007ffffffff000n).result).toBe(0);
    expect(machine.outcome(farJump(unit, 500, 0n).result)).toEqual([GP, 500]);
    expect(machine.outcome(farJump(unit, 512, 0n).result)).toEqual([GP, 512]);
  });

  it("say that they switch no tasks", () => {
    const machine = new Machine();
    machine.write(1, descriptor({ isSystem: true, type: DESC_TSS, dpl: 0 }));
    expect(() => farJump(machine.unit, 8, 0n)).toThrow(/^EOPNOTSUPP: .*task switch/);
    machine.unit.cpl = 1;
    expect(machine.outcome(farJump(machine.unit, 8, 0n).result)).toEqual([GP, 8]);
    const long = new Machine(true);
    long.write(1, descriptor({ isSystem: true, type: DESC_TSS, dpl: 0 }));
    expect(long.outcome(farJump(long.unit, 8, 0n).result)).toEqual([GP, 8]);
    expect(long.unit.segment(SEG_TR).limit).toBe(103);
  });

  it("return to user mode, and take away data segments of the kernel", () => {
    // Linux's 32-bit GDT: user CS 0x73, user DS 0x7b; kernel CS 0x60, kernel DS 0x68.
    const machine = new Machine();
    const { unit } = machine;
    machine.write(0, ...linuxGdtEntries(32));
    expect(farJump(unit, 0x60, 0xc0100000n).result).toBe(0);
    unit.load(SEG_DS, 0x7b);
    unit.load(SEG_ES, 0x68);
    unit.load(SEG_SS, 0x68);
    expect(farReturn(unit, 0x73, 0x08048000n, 0x7b)).toBe(0);
    expect([unit.cpl, unit.segment(SEG_CS).selector, unit.segment(SEG_SS).selector]).toEqual([3, 0x73, 0x7b]);
    expect([unit.segment(SEG_DS).selector, unit.segment(SEG_ES).selector]).toEqual([0x7b, 0]);
    // No way back by a jump.
    expect(machine.outcome(farJump(unit, 0x60, 0n).result)).toEqual([GP, 0x60]);
    expect(machine.outcome(farJump(unit, 0x63, 0n).result)).toEqual([GP, 0x60]);
    expect(machine.outcome(unit.load(SEG_ES, 0x6b))).toEqual([GP, 0x68]);
  });

  it("check the stack of a return before anything changes", () => {
    const machine = new Machine();
    const { unit } = machine;
    machine.write(0, ...linuxGdtEntries(32));
    farJump(unit, 0x60, 0n);
    expect(machine.outcome(farReturn(unit, 0x73, 0n, 0x68))).toEqual([GP, 0x68]);
    expect(machine.outcome(farReturn(unit, 0x73, 0n, 0x73))).toEqual([GP, 0x70]);
    expect(machine.outcome(farReturn(unit, 0x73, 0n, 0))).toEqual([GP, 0]);
    machine.write(15, descriptor({ dpl: 3, isPresent: false }));
    expect(machine.outcome(farReturn(unit, 0x73, 0n, 0x7b))).toEqual([SS, 0x78]);
    expect([unit.cpl, unit.segment(SEG_CS).selector]).toEqual([0, 0x60]);
  });
});
