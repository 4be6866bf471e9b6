/** How nested paging is set up. */
import { type Pfn } from "@pageframe/contracts";

/** What nested paging is made of. */
export interface EptConfig {
  /** Frame of the top table (EPTP). */
  readonly rootPfn: Pfn;
  /** EPTP bit 6: A and D are kept in EPT entries, and reads of guest tables count as writes. Default true. */
  readonly accessedDirty?: boolean;
  /** Guest frames whose translation is cached: a power of two, or 0 (default) for none. */
  readonly cacheEntries?: number;
}
