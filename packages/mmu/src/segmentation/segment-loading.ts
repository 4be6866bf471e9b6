/**
 * Loading segment registers from descriptors: the checks of MOV to a data register and to SS, of LLDT and LTR. CS is loaded
 * by far transfers (far-transfer.ts).
 *
 *     data    readable; DPL >= CPL and DPL >= RPL, but for conforming code; present, else #NP
 *     SS      writable data; RPL = DPL = CPL; present, else #SS. Null in 64-bit mode below CPL 3
 *     LDTR    an LDT of the GDT       TR   an available TSS of the GDT, which becomes busy
 *
 * Source: Intel SDM vol. 3A sections 6.6, 6.7, 6.4.1, 2.4.2, 2.4.4, 8.2; vol. 2, MOV, LLDT, LTR.
 */
import { X86_TRAP_GP, X86_TRAP_NP } from "@pageframe/contracts";
import {
  DESC_CONFORMING,
  DESC_EXECUTABLE,
  DESC_LDT,
  DESC_READABLE,
  DESC_TSS,
  DESC_TSS16,
  descriptorDpl,
  descriptorIsPresent,
  descriptorIsSystem,
  descriptorType,
} from "./descriptor.ts";
import { type DescriptorTables } from "./descriptor-tables.ts";
import { SEG_LDTR, SEG_SS, SEG_TR } from "./segment-registers.ts";
import { selectorErrorCode, selectorInLdt, selectorIsNull, selectorRpl } from "./selector.ts";

/** The busy bit in the high word of a TSS descriptor: type 9 becomes 11, 1 becomes 3. */
const DESC_HI_BUSY: number = 2 << 8;

/** Loads DS, ES, FS or GS. Returns 0, or -vector: #GP or #NP with the selector, or a page fault on the table. */
export function loadData(tables: DescriptorTables, seg: number, selector: number): number {
  if (selectorIsNull(selector)) {
    tables.clear(seg, selector);
    return 0;
  }
  const error = tables.fetch(selector, 8);
  if (error !== 0) return error;
  const hi = tables.descriptorHi;
  const type = descriptorType(hi);
  const isCode = (type & DESC_EXECUTABLE) !== 0;
  const isConforming = isCode && (type & DESC_CONFORMING) !== 0;
  const dpl = descriptorDpl(hi);
  if (
    descriptorIsSystem(hi) ||
    (isCode && (type & DESC_READABLE) === 0) ||
    (!isConforming && (dpl < tables.cpl || dpl < selectorRpl(selector)))
  ) {
    return tables.raise(X86_TRAP_GP, selectorErrorCode(selector));
  }
  if (!descriptorIsPresent(hi)) return tables.raise(X86_TRAP_NP, selectorErrorCode(selector));
  return tables.install(seg, selector);
}

/** Loads SS. Returns 0, or -vector: #GP or #SS with the selector, #GP(0) for null, or a page fault on the table. */
export function loadStack(tables: DescriptorTables, selector: number): number {
  if (selectorIsNull(selector)) {
    // In 64-bit mode the kernel may run without a stack segment (section 6.4.1.1).
    if (!tables.is64Bit || tables.cpl === 3 || selectorRpl(selector) !== tables.cpl)
      return tables.raise(X86_TRAP_GP, 0);
    tables.clear(SEG_SS, selector);
    return 0;
  }
  const error = tables.fetchStack(selector, tables.cpl, X86_TRAP_GP);
  return error !== 0 ? error : tables.install(SEG_SS, selector);
}

/** Loads LDTR or TR with a selector that is not null. Returns 0, or -vector: #GP or #NP with it, or a page fault. */
export function loadSystem(tables: DescriptorTables, seg: number, selector: number): number {
  const code = selectorErrorCode(selector);
  if (selectorInLdt(selector)) return tables.raise(X86_TRAP_GP, code);
  const error = tables.fetch(selector, tables.isLongMode ? 16 : 8);
  if (error !== 0) return error;
  const hi = tables.descriptorHi;
  const type = descriptorType(hi);
  const isWanted =
    seg === SEG_LDTR ? type === DESC_LDT : type === DESC_TSS || (type === DESC_TSS16 && !tables.isLongMode);
  if (!descriptorIsSystem(hi) || !isWanted) return tables.raise(X86_TRAP_GP, code);
  if (!descriptorIsPresent(hi)) return tables.raise(X86_TRAP_NP, code);
  let baseHi = 0;
  if (tables.isLongMode) {
    const word2 = tables.readWord(tables.descriptorAddress + 8);
    if (word2 < 0) return word2;
    const word3 = tables.readWord(tables.descriptorAddress + 12);
    if (word3 < 0) return word3;
    baseHi = word2 | 0;
    if ((word3 & 0x1f00) !== 0 || !tables.isCanonical(baseHi)) return tables.raise(X86_TRAP_GP, code);
  }
  const newHi = seg === SEG_TR ? hi | DESC_HI_BUSY : hi;
  if (newHi !== hi) {
    const failed = tables.writeHigh(tables.descriptorAddress, newHi);
    if (failed !== 0) return failed;
  }
  tables.fill(seg, selector, tables.descriptorLo, newHi);
  tables.baseHi[seg] = baseHi;
  return 0;
}
