/** What the MMU asks of the hardware that walks a page table: one per format of tables. */
import {
  type Asid,
  type Paddr,
  type Pfn,
  type SeatTable,
  type TlbWalker,
  type Vpn,
} from "@pageframe/contracts";
import { type FrameContents } from "@pageframe/memmap";
import { type EptConfig } from "./ept-config.ts";
import { type Fault } from "./fault-code.ts";
import { type ProtectionControls, type RightTable } from "./rights.ts";
import { type WalkCachesConfig } from "./walk-caches.ts";

/** One entry on the way to a page. */
export interface ExplainedLevel {
  /** PGD, P4D, PUD, PMD or PTE. */
  readonly name: string;
  readonly tablePfn: Pfn;
  /** Of the entry in the table. */
  readonly index: number;
  /** Physical address of the entry; of a guest's table the guest-physical one. */
  readonly paddr: Paddr;
  /** The 64 bits of the entry, as in RAM. */
  readonly entry: bigint;
  /** The entry in canonical form (pte.ts); 0 where the step read no entry but a key. */
  readonly canonical: bigint;
  /** The processor's flags of the entry, such as `P RW US A`; empty when it is not present. */
  readonly flags: string;
}

/** How a walk goes. */
export interface ExplainedWalk {
  /** Entries read, in order, as far as the walk gets. */
  readonly levels: readonly ExplainedLevel[];
  /** 4 KiB pages that the leaf maps; 0 without one. */
  readonly nrPages: number;
  /** 4 KiB frame, or NO_PFN when the access faults. */
  readonly pfn: Pfn;
  /** Code of the fault (fault-code.ts), or -1. */
  readonly faultCode: number;
}

/** Walks that started below the root, by the entry that was cached. */
export interface WalkCacheHits {
  readonly pde: number;
  readonly pdpte: number;
  readonly pml4e: number;
}

/**
 * Walks the page table that `rootPfn` names, in simulated RAM. A walk that succeeds leaves the leaf fields, as Tlb.insert()
 * takes them; the flags are x86-64's whatever the format, because `rights` compares them.
 */
export interface HardwareWalker extends TlbWalker {
  /** Frame where the walk starts, and the PCID (ASID) that cached entries carry: CR3, satp. */
  rootPfn: Pfn;
  pcid: Asid;
  /** What an access may do, in terms of the leaf's flags. */
  readonly rights: RightTable;
  /** Levels of tables; 1 where the table is no tree. */
  readonly nrLevels: number;
  /** Bits of an address that are translated. Those above must be copies of the highest one. */
  readonly addressBits: number;
  /** Does an address that is not canonical raise #GP (x86), not a page fault? */
  readonly hasGeneralProtection: boolean;
  /** Must a hit in the TLB that lacks a right walk before it faults, because the TLB cannot tell whose right it lacks? */
  readonly walksBeforeFault: boolean;
  /** What the last walk that did not set the leaf fields returned. */
  readonly result: number;
  /** Entries read from simulated RAM. */
  readonly nrReads: number;
  /**
   * Finds the leaf for a page, checks `right` (rights.ts), sets accessed and dirty bits. Returns 0 with the leaf fields set,
   * or -(1 + fault code).
   */
  walk(vpnLo: number, vpnHi: number, right: number): number;
  /** See TlbWalker; false when the format has no leaves in a row. */
  isContiguous(vpnLo: number, vpnHi: number, nrPages: number): boolean;
  /** Says how walk() would go: reads no cache, sets nothing, counts nothing. Cold. */
  explain(vpn: Vpn, right: number): ExplainedWalk;
  /** Takes the code of a fault apart, as the processor names it. Cold. */
  decodeFault(code: number): Fault;
  /** Counts of the walk caches; zeros where there are none. Cold. */
  readonly cacheHits: WalkCacheHits;
  /** Entries in the walk caches now. O(entries). */
  readonly nrCached: number;
  /** Forgets the cached entries that a walk for one page could start from: a fault does so. */
  dropPath(vpnLo: number, vpnHi: number, pcid: Asid): void;
  /** Forgets the cached entries of a PCID: INVLPG of any of its pages does so. */
  flushPcid(pcid: Asid): void;
  /** Forgets all cached entries. */
  flushAll(): void;
}

/** What a walker is made of. */
export interface WalkerConfig {
  readonly contents: FrameContents;
  readonly controls: ProtectionControls;
  /** Levels of an x86-64 table. */
  readonly levels: 4 | 5;
  readonly walkCaches: WalkCachesConfig;
  /** The host's tables, of format `nested`. */
  readonly ept: EptConfig | null;
  /** Root of the kernel half where a `hashed` or `inverted` table has the user half only; else NO_PFN. */
  readonly kernelRootPfn: Pfn;
}

/** A table of walkers by format. */
export type WalkerTable = SeatTable<WalkerConfig, HardwareWalker>;
