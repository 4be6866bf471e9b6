/** Puts the explanation of an address together, whatever the format of the table. Cold: for teaching and messages. */
import { NO_PFN, PAGE_SIZE, type Paddr, type Pfn, type Vaddr, vpnOfAddress } from "@pageframe/contracts";
import { type Fault } from "./fault-code.ts";
import { type ExplainedLevel, type HardwareWalker } from "./hardware-walker.ts";

/** A translation, or why there is none. */
export interface Explanation {
  readonly vaddr: Vaddr;
  /** Entries that the walk reads, from the root on, as far as it gets. */
  readonly levels: readonly ExplainedLevel[];
  /** Bytes that the leaf maps; 0 without one. */
  readonly pageBytes: number;
  /** 4 KiB frame and physical address; NO_PFN (-1) both when the access faults. */
  readonly pfn: Pfn;
  readonly paddr: Paddr;
  /** Code of the fault, X86_PF_* bits of a page fault; or -1. */
  readonly faultCode: number;
  /** The fault in words; null when the access works. */
  readonly fault: Fault | null;
}

/** Explains an address by the page table that a walker stands on. `right` is as rights.ts has it. */
export function explain(walker: HardwareWalker, vaddr: Vaddr, right: number): Explanation {
  const { levels, nrPages, pfn, faultCode } = walker.explain(vpnOfAddress(vaddr), right);
  const hasFrame = pfn !== NO_PFN;
  return {
    vaddr,
    levels,
    pageBytes: nrPages * PAGE_SIZE,
    pfn,
    paddr: hasFrame ? pfn * PAGE_SIZE + (vaddr % PAGE_SIZE) : NO_PFN,
    faultCode,
    fault: faultCode === -1 ? null : walker.decodeFault(faultCode),
  };
}
