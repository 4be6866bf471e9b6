/** Puts the explanation of an address together, whatever the format of the table. Cold: for teaching and messages. */
import {
  type BitNames,
  namesOfBits,
  NO_PFN,
  PAGE_SIZE,
  PAGES_PER_LEVEL,
  type Paddr,
  type Pfn,
  PTE_D,
  PTE_G,
  PTE_RW,
  PTE_US,
  type Tlb,
  TLB_ENTRY_NX,
  type TlbHolding,
  type Vaddr,
  type Vpn,
  vpnHi,
  vpnLo,
} from "@pageframe/contracts";
import { addressText, canonicalVpn, fullAddress, NO_VPN } from "./canonical.ts";
import { FAULT_GP, FAULT_SS, type Fault } from "./fault-code.ts";
import { type ExplainedLevel, type HardwareWalker } from "./hardware-walker.ts";
import { FLAGS_PKEY_MASK, FLAGS_PKEY_SHIFT } from "./rights.ts";

/** Flags of a TLB entry that have names. */
const FLAG_NAMES: BitNames = [
  [PTE_RW, "RW"],
  [PTE_US, "US"],
  [PTE_D, "D"],
  [PTE_G, "G"],
];

/** What one array of the TLB holds for an address. */
export interface ExplainedHolding {
  /** The array, as the TLB's configuration names it; empty when the TLB does not tell. */
  readonly array: string;
  readonly pageBytes: number;
  /** 4 KiB frame of the address, by this entry. */
  readonly pfn: Pfn;
  /** RW US D G PKn NX. */
  readonly flags: string;
}

/** A translation, or why there is none. */
export interface Explanation {
  /** The address in full, 64 bits. */
  readonly address: bigint;
  /** The same as contracts hold it; -1 when it is not canonical. */
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
  /** What the TLB holds for the address now, which an access would use before it walks. The first level is first. */
  readonly tlb: readonly ExplainedHolding[];
}

/** Explains an address by the page table that a walker stands on. `right` is as rights.ts has it. */
export function explain(
  walker: HardwareWalker,
  tlb: Tlb,
  anyAddress: Vaddr | bigint,
  right: number,
  isStack: boolean,
): Explanation {
  const { addressBits } = walker;
  const address = fullAddress(anyAddress, addressBits);
  const vpn = canonicalVpn(address, addressBits);
  if (vpn === NO_VPN) return notCanonical(walker, address, right, isStack);
  const { levels, nrPages, pfn, faultCode } = walker.explain(vpn, right);
  const offset = Number(address % BigInt(PAGE_SIZE));
  return {
    address,
    vaddr: vpn * PAGE_SIZE + offset,
    levels,
    pageBytes: nrPages * PAGE_SIZE,
    pfn,
    paddr: pfn === NO_PFN ? NO_PFN : pfn * PAGE_SIZE + offset,
    faultCode,
    fault: faultCode === -1 ? null : walker.decodeFault(faultCode),
    tlb: holdingsFor(tlb, vpn, walker.pcid),
  };
}

/** Code of the fault that an address raises which is not canonical. */
export function notCanonicalCode(walker: HardwareWalker, right: number, isStack: boolean): number {
  if (!walker.hasGeneralProtection) return walker.rights.faultCode[right];
  return isStack ? FAULT_SS : FAULT_GP;
}

function notCanonical(walker: HardwareWalker, address: bigint, right: number, isStack: boolean): Explanation {
  const faultCode = notCanonicalCode(walker, right, isStack);
  const bits = walker.addressBits;
  const text =
    `address ${addressText(address)} is not canonical: bits ${bits - 1} to 63 must be equal, ` +
    `for ${bits} bits are translated`;
  return {
    address,
    vaddr: -1,
    levels: [],
    pageBytes: 0,
    pfn: NO_PFN,
    paddr: NO_PFN,
    faultCode,
    fault: { ...walker.decodeFault(faultCode), text },
    tlb: [],
  };
}

function holdingsFor(tlb: Tlb, vpn: Vpn, pcid: number): ExplainedHolding[] {
  const holdings = tlb.peek?.(vpnLo(vpn), vpnHi(vpn), pcid) ?? collectHoldings(tlb, vpn, pcid);
  return holdings.map(({ array, pageSize, pfn, flags }) => {
    const nrPages = PAGES_PER_LEVEL[pageSize + 1];
    return { array, pageBytes: nrPages * PAGE_SIZE, pfn: pfn + (vpn % nrPages), flags: flagText(flags) };
  });
}

/** For a TLB that cannot be peeked at: looks through all it holds. */
function collectHoldings(tlb: Tlb, vpn: Vpn, pcid: number): TlbHolding[] {
  const held: TlbHolding[] = [];
  tlb.forEachEntry((lo, hi, entryPcid, pageSize, pfn, flags) => {
    const nrPages = PAGES_PER_LEVEL[pageSize + 1];
    const isPage = Math.floor((hi * 2 ** 32 + (lo >>> 0)) / nrPages) === Math.floor(vpn / nrPages);
    if (isPage && (entryPcid === pcid || (flags & PTE_G) !== 0))
      held.push({ array: "", pageSize, pfn, flags });
  });
  return held;
}

function flagText(flags: number): string {
  const names = namesOfBits(FLAG_NAMES, flags);
  if ((flags & FLAGS_PKEY_MASK) !== 0) names.push(`PK${(flags & FLAGS_PKEY_MASK) >>> FLAGS_PKEY_SHIFT}`);
  if ((flags & TLB_ENTRY_NX) !== 0) names.push("NX");
  return names.join(" ");
}
