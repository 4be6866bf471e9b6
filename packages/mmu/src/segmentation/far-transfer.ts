/**
 * Far jumps, calls and returns: loading CS, directly or through a call gate, with the privilege checks and the stack of the
 * inner level. They change registers only: what a call pushes and a return pops is the caller's, who knows the stack.
 *
 *     direct, nonconforming   RPL <= CPL, DPL = CPL     direct, conforming   DPL <= CPL; CPL stays
 *     gate                    CPL <= gate DPL, RPL <= gate DPL, then of the code segment
 *                             CALL: DPL <= CPL (a lower DPL of nonconforming code is the new CPL)
 *                             JMP:  DPL <= CPL if conforming, DPL = CPL if not
 *     return                  RPL >= CPL; DPL = RPL, or DPL <= RPL if conforming; RPL is the new CPL
 *
 * Differs: no task switches: a jump or call to a TSS or task gate that the processor would carry out throws EOPNOTSUPP.
 * Source: Intel SDM vol. 3A section 6.8 (figure 6-10, table 6-1); vol. 2, pseudocode of JMP, CALL, RET.
 */
import { EOPNOTSUPP, KernelError, X86_TRAP_GP, X86_TRAP_NP, X86_TRAP_TS } from "@pageframe/contracts";
import {
  DESC_ACCESSED,
  DESC_CALL_GATE,
  DESC_CALL_GATE16,
  DESC_CONFORMING,
  DESC_EXECUTABLE,
  DESC_TASK_GATE,
  DESC_TSS,
  DESC_TSS16,
  descriptorDpl,
  descriptorIsBig,
  descriptorIsLong,
  descriptorIsPresent,
  descriptorIsSystem,
  descriptorLimit,
  descriptorType,
  effectiveLimit,
} from "./descriptor.ts";
import {
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_SS,
  SEG_TR,
  SEGMENT_UNUSABLE,
} from "./segment-registers.ts";
import { type SegmentUnit } from "./segment-unit.ts";
import { selectorErrorCode, selectorIsNull, selectorRpl } from "./selector.ts";

const DATA_REGISTERS: readonly number[] = [SEG_ES, SEG_DS, SEG_FS, SEG_GS];

/** Where a far transfer leads, or the exception that stopped it. */
export interface FarTransfer {
  /** 0, or -vector; the unit's fault fields say more. */
  readonly result: number;
  /** First offset in the new code segment; the gate's where there was one. */
  readonly offset: bigint;
  /** Stack pointer of the inner level, from the TSS; -1n where the stack stays. */
  readonly stackPointer: bigint;
}

/** Jumps to `selector`:`offset` (JMP far). Through a call gate the gate's offset counts. */
export function farJump(unit: SegmentUnit, selector: number, offset: bigint): FarTransfer {
  return transfer(unit, selector, offset, false);
}

/**
 * Calls `selector`:`offset` (CALL far). Through a call gate to an inner level CPL and SS change as well: SS and
 * `stackPointer` are from the TSS that TR names, in long mode SS is null with the new CPL as RPL.
 */
export function farCall(unit: SegmentUnit, selector: number, offset: bigint): FarTransfer {
  return transfer(unit, selector, offset, true);
}

/**
 * Returns to `selector`:`offset` (RET far). To an outer level SS becomes `stackSelector`, and data registers whose segments
 * that level may not use become null. Returns 0 or -vector.
 */
export function farReturn(
  unit: SegmentUnit,
  selector: number,
  offset: bigint,
  stackSelector: number,
): number {
  if (selectorIsNull(selector)) return unit.raise(X86_TRAP_GP, 0);
  const level = selectorRpl(selector);
  let error = fetchCode(unit, selector);
  if (error !== 0) return error;
  const dpl = descriptorDpl(unit.descriptorHi);
  const isAllowed = isConforming(unit.descriptorHi) ? dpl <= level : dpl === level;
  if (level < unit.cpl || !isAllowed) return unit.raise(X86_TRAP_GP, selectorErrorCode(selector));
  error = checkCode(unit, selector, offset);
  if (error !== 0) return error;
  if (level === unit.cpl) return unit.install(SEG_CS, selector);
  const code = keep(unit);
  if (selectorIsNull(stackSelector)) {
    const isLong = unit.isLongMode && descriptorIsLong(code.hi);
    if (!isLong || selectorRpl(stackSelector) === 3) return unit.raise(X86_TRAP_GP, 0);
    error = unit.markAccessed(code.address, code.hi);
    if (error !== 0) return error;
    unit.clear(SEG_SS, stackSelector);
    unit.fill(SEG_CS, selector, code.lo, code.hi | (DESC_ACCESSED << 8));
  } else {
    error = unit.fetchStack(stackSelector, level, X86_TRAP_GP);
    if (error === 0) error = installBoth(unit, selector, code, stackSelector);
    if (error !== 0) return error;
  }
  unit.cpl = level;
  for (const seg of DATA_REGISTERS) {
    const rights = unit.rights[seg];
    const isOpen = (rights & (DESC_EXECUTABLE | DESC_CONFORMING)) === (DESC_EXECUTABLE | DESC_CONFORMING);
    if ((rights & SEGMENT_UNUSABLE) === 0 && !isOpen && ((rights >>> 5) & 3) < level) unit.clear(seg, 0);
  }
  return 0;
}

function transfer(unit: SegmentUnit, selector: number, offset: bigint, isCall: boolean): FarTransfer {
  if (selectorIsNull(selector)) return stopped(unit.raise(X86_TRAP_GP, 0));
  const error = unit.fetch(selector, 8);
  if (error !== 0) return stopped(error);
  if (descriptorIsSystem(unit.descriptorHi)) return throughSystem(unit, selector, isCall);
  const hi = unit.descriptorHi;
  const dpl = descriptorDpl(hi);
  const isAllowed = isConforming(hi)
    ? dpl <= unit.cpl
    : selectorRpl(selector) <= unit.cpl && dpl === unit.cpl;
  if (!isCode(hi) || !isAllowed) return stopped(unit.raise(X86_TRAP_GP, selectorErrorCode(selector)));
  return enter(unit, selector, offset, unit.cpl, -1n);
}

/** Goes on with a gate, whose descriptor has been fetched. */
function throughSystem(unit: SegmentUnit, selector: number, isCall: boolean): FarTransfer {
  const gateLo = unit.descriptorLo;
  const gateHi = unit.descriptorHi;
  const type = descriptorType(gateHi);
  const code = selectorErrorCode(selector);
  const isTask = type === DESC_TASK_GATE || type === DESC_TSS || type === DESC_TSS16;
  const isGate = type === DESC_CALL_GATE || (type === DESC_CALL_GATE16 && !unit.isLongMode);
  if (!isGate && !(isTask && !unit.isLongMode)) return stopped(unit.raise(X86_TRAP_GP, code));
  const gateDpl = descriptorDpl(gateHi);
  if (gateDpl < unit.cpl || gateDpl < selectorRpl(selector)) return stopped(unit.raise(X86_TRAP_GP, code));
  let offsetHi = 0;
  if (unit.isLongMode) {
    const address = unit.descriptorAddress;
    const error = unit.fetch(selector, 16);
    if (error !== 0) return stopped(error);
    const word2 = unit.readWord(address + 8);
    const word3 = word2 < 0 ? word2 : unit.readWord(address + 12);
    if (word3 < 0) return stopped(word3);
    if ((word3 & 0x1f00) !== 0) return stopped(unit.raise(X86_TRAP_GP, code));
    offsetHi = word2;
  }
  if (!descriptorIsPresent(gateHi)) return stopped(unit.raise(X86_TRAP_NP, code));
  if (isTask) {
    throw new KernelError(
      EOPNOTSUPP,
      `selector 0x${selector.toString(16)} asks for a task switch: a call gate would work`,
    );
  }
  const upper = type === DESC_CALL_GATE16 ? 0 : gateHi & 0xffff0000;
  const offset = (BigInt(offsetHi) << 32n) | BigInt(((gateLo & 0xffff) | upper) >>> 0);
  return throughGate(unit, gateLo >>> 16, offset, isCall);
}

function throughGate(unit: SegmentUnit, target: number, offset: bigint, isCall: boolean): FarTransfer {
  if (selectorIsNull(target)) return stopped(unit.raise(X86_TRAP_GP, 0));
  const error = fetchCode(unit, target);
  if (error !== 0) return stopped(error);
  const hi = unit.descriptorHi;
  const dpl = descriptorDpl(hi);
  const isAllowed = isCall || isConforming(hi) ? dpl <= unit.cpl : dpl === unit.cpl;
  // A gate of long mode leads to 64-bit code only.
  if (!isAllowed || (unit.isLongMode && !descriptorIsLong(hi))) {
    return stopped(unit.raise(X86_TRAP_GP, selectorErrorCode(target)));
  }
  if (isConforming(hi) || dpl === unit.cpl) return enter(unit, target, offset, unit.cpl, -1n);
  const failed = checkCode(unit, target, offset);
  return failed !== 0 ? stopped(failed) : enterInner(unit, target, offset, dpl);
}

/** Goes on to an inner level: takes its stack from the TSS. Source: SDM section 6.8.5. */
function enterInner(unit: SegmentUnit, target: number, offset: bigint, level: number): FarTransfer {
  const tssType = unit.rights[SEG_TR] & 15;
  const is16Bit = !unit.isLongMode && (tssType & 8) === 0;
  const at = is16Bit ? 4 * level + 2 : 8 * level + 4;
  const nrBytes = is16Bit ? 4 : unit.isLongMode ? 8 : 6;
  const code = keep(unit);
  if (at + nrBytes - 1 > unit.limit[SEG_TR]) {
    return stopped(unit.raise(X86_TRAP_TS, selectorErrorCode(unit.selector[SEG_TR])));
  }
  const address = unit.addressOf(SEG_TR) + at;
  const word0 = unit.readWord(address);
  if (word0 < 0) return stopped(word0);
  const word1 = is16Bit ? 0 : unit.readWord(address + 4);
  if (word1 < 0) return stopped(word1);
  if (unit.isLongMode) {
    const entered = enter(unit, target, offset, level, (BigInt(word1) << 32n) | BigInt(word0));
    if (entered.result === 0) unit.clear(SEG_SS, level);
    return entered;
  }
  const stack = is16Bit ? word0 >>> 16 : word1 & 0xffff;
  const stackPointer = BigInt(is16Bit ? word0 & 0xffff : word0);
  if (selectorIsNull(stack)) return stopped(unit.raise(X86_TRAP_TS, selectorErrorCode(stack)));
  let error = unit.fetchStack(stack, level, X86_TRAP_TS);
  if (error === 0) error = installBoth(unit, (target & 0xfffc) | level, code, stack);
  if (error !== 0) return stopped(error);
  unit.cpl = level;
  return { result: 0, offset, stackPointer };
}

/** A descriptor that was fetched before another. */
interface KeptDescriptor {
  readonly lo: number;
  readonly hi: number;
  readonly address: number;
}

function keep(unit: SegmentUnit): KeptDescriptor {
  return { lo: unit.descriptorLo, hi: unit.descriptorHi, address: unit.descriptorAddress };
}

/** Loads CS from `code` and SS from the fetched descriptor, or neither. */
function installBoth(
  unit: SegmentUnit,
  selector: number,
  code: KeptDescriptor,
  stackSelector: number,
): number {
  let error = unit.markAccessed(code.address, code.hi);
  if (error === 0) error = unit.install(SEG_SS, stackSelector);
  if (error === 0) unit.fill(SEG_CS, selector, code.lo, code.hi | (DESC_ACCESSED << 8));
  return error;
}

/** Loads CS from the fetched descriptor, with the new CPL as RPL. */
function enter(
  unit: SegmentUnit,
  selector: number,
  offset: bigint,
  level: number,
  stackPointer: bigint,
): FarTransfer {
  let error = checkCode(unit, selector, offset);
  if (error === 0) error = unit.install(SEG_CS, (selector & 0xfffc) | level);
  if (error !== 0) return stopped(error);
  unit.cpl = level;
  return { result: 0, offset, stackPointer };
}

/** Fetches the descriptor of a code segment: #GP(selector) for anything else. */
function fetchCode(unit: SegmentUnit, selector: number): number {
  const error = unit.fetch(selector, 8);
  if (error !== 0) return error;
  return isCode(unit.descriptorHi) ? 0 : unit.raise(X86_TRAP_GP, selectorErrorCode(selector));
}

/** Checks what does not depend on privilege: L with D, presence, and the offset. */
function checkCode(unit: SegmentUnit, selector: number, offset: bigint): number {
  const lo = unit.descriptorLo;
  const hi = unit.descriptorHi;
  const isLong = unit.isLongMode && descriptorIsLong(hi);
  if (isLong && descriptorIsBig(hi)) return unit.raise(X86_TRAP_GP, selectorErrorCode(selector));
  if (!descriptorIsPresent(hi)) return unit.raise(X86_TRAP_NP, selectorErrorCode(selector));
  const isInside = isLong
    ? unit.isCanonical(Number(BigInt.asIntN(32, offset >> 32n)))
    : offset <= BigInt(effectiveLimit(descriptorLimit(lo, hi), (hi & (1 << 23)) !== 0));
  return isInside ? 0 : unit.raise(X86_TRAP_GP, 0);
}

function isCode(hi: number): boolean {
  return !descriptorIsSystem(hi) && (descriptorType(hi) & DESC_EXECUTABLE) !== 0;
}

function isConforming(hi: number): boolean {
  return (descriptorType(hi) & DESC_CONFORMING) !== 0;
}

function stopped(result: number): FarTransfer {
  return { result, offset: 0n, stackPointer: -1n };
}
