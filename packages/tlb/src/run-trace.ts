/** Runs a trace of byte addresses through a TLB, without a page table. */
import {
  type Asid,
  PTE_RW,
  PTE_US,
  RUN_READ,
  TLB_2M,
  TLB_4K,
  TLB_MISS,
  type Tlb,
  type TlbStats,
  type TlbWalker,
  vpnHi as highOf,
  vpnLo as lowOf,
} from "@pageframe/contracts";
import { vpnOfTraced } from "./miss-curve.ts";
import { flagsForSize } from "./tlb-tag.ts";

/** An address, which is read, or an address with RUN_READ, RUN_WRITE or RUN_EXEC. */
export type TraceAccess = number | readonly [address: number, kind: number];

/** What the traced program's memory is like. */
export interface TraceMemory {
  /** TLB_4K (default), TLB_2M or TLB_1G. */
  readonly pageSize?: number;
  /** Lie 4 KiB pages in frames one after another, so that a TLB can coalesce them? Default false. */
  readonly isContiguous?: boolean;
  /** Address space of all accesses. Default 0. */
  readonly pcid?: Asid;
}

/** A page table that has every page, all of one size. */
export class TraceWalker implements TlbWalker {
  leafPfn = 0;
  leafFlags: number;
  leafSize: number;
  private readonly hasGroups: boolean;

  constructor({ pageSize = TLB_4K, isContiguous = false }: TraceMemory = {}) {
    this.leafSize = pageSize;
    this.leafFlags = flagsForSize(PTE_US | PTE_RW, pageSize);
    this.hasGroups = isContiguous;
  }

  /** The frame is the page's own number, cut to 31 bits. */
  walk(vpnLo: number): number {
    const alignment = this.leafSize === TLB_4K ? 1 : this.leafSize === TLB_2M ? 0x200 : 0x40000;
    this.leafPfn = vpnLo & 0x7fffffff & -alignment;
    return 0;
  }

  isContiguous(): boolean {
    return this.hasGroups;
  }
}

/**
 * Lets a TLB translate a trace; every address is one access to one page. Returns the TLB's counts, which go on from those it
 * had. Throws EINVAL for an address that is no integer from 0 to 2^53 - 1.
 */
export function runTrace<Stats extends TlbStats>(
  tlb: Tlb & { readonly stats: Stats },
  accesses: Iterable<TraceAccess>,
  memory: TraceMemory = {},
): Stats {
  const { pcid = 0 } = memory;
  const walker = new TraceWalker(memory);
  for (const access of accesses) {
    const isPair = typeof access !== "number";
    const vpn = vpnOfTraced(isPair ? access[0] : access);
    const kind = isPair ? access[1] : RUN_READ;
    const [lo, hi] = [lowOf(vpn), highOf(vpn)];
    if (tlb.lookup(lo, hi, pcid, kind) !== TLB_MISS) continue;
    walker.walk(lo);
    tlb.insert(lo, hi, pcid, walker.leafSize, walker.leafPfn, walker.leafFlags, kind, walker);
  }
  return tlb.stats;
}
