/**
 * Segment selectors, and the error code that names one.
 *
 *     selector     bits 3..15 index | 2 TI: 0 GDT, 1 LDT | 0..1 RPL
 *     error code   bits 3..15 index | 2 TI | 1 IDT: the index is of the IDT | 0 EXT: the event came from outside
 *
 * Source: Intel SDM vol. 3A sections 3.4.2 and 7.13.
 */
import { EINVAL, KernelError } from "@pageframe/contracts";

/** Bits of a selector (Linux 6.18 arch/x86/include/asm/segment.h). */
export const SEGMENT_RPL_MASK = 3;
export const SEGMENT_TI_MASK = 4;
/** RPL of user mode. */
export const USER_RPL = 3;

/** Error-code bits: an event outside the program; an index of the IDT. */
export const SELECTOR_ERROR_EXT: number = 1 << 0;
export const SELECTOR_ERROR_IDT: number = 1 << 1;

const MAX_INDEX = 8191;

/** Makes a selector. Throws EINVAL for an index above 8191 or an RPL above 3. */
export function selectorOf(index: number, rpl: number, inLdt = false): number {
  if (!Number.isInteger(index) || index < 0 || index > MAX_INDEX || !isPrivilegeLevel(rpl)) {
    throw new KernelError(
      EINVAL,
      `a selector for index ${index} with RPL ${rpl}: the index is 0 to ${MAX_INDEX}, the RPL 0 to 3`,
    );
  }
  return (index << 3) | (inLdt ? SEGMENT_TI_MASK : 0) | rpl;
}

/** Entry of the descriptor table, 0..8191. */
export function selectorIndex(selector: number): number {
  return (selector >>> 3) & MAX_INDEX;
}

/** Requested privilege level, 0..3. */
export function selectorRpl(selector: number): number {
  return selector & SEGMENT_RPL_MASK;
}

/** Does the selector name an entry of the LDT? */
export function selectorInLdt(selector: number): boolean {
  return (selector & SEGMENT_TI_MASK) !== 0;
}

/** Is it a null selector: index 0 of the GDT, with any RPL (0..3)? */
export function selectorIsNull(selector: number): boolean {
  return (selector & 0xfffc) === 0;
}

/** Error code of a fault that a selector caused: its index and TI, with SELECTOR_ERROR_EXT or 0. */
export function selectorErrorCode(selector: number, ext = 0): number {
  return (selector & 0xfffc) | ext;
}

/** Is it 0, 1, 2 or 3? */
function isPrivilegeLevel(level: number): boolean {
  return level === 0 || level === 1 || level === 2 || level === 3;
}
