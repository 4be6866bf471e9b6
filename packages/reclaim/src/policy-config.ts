/** What the reclaim seat's occupants are made from. */
import { type ReclaimHost, type TraceSink } from "@pageframe/contracts";
import { type Memmap, type VmStat } from "@pageframe/memmap";

/** Linux's vm.swappiness at boot. */
export const DEFAULT_SWAPPINESS = 60;

/** What a reclaim policy is made from. */
export interface ReclaimPolicyConfig {
  readonly memmap: Memmap;
  readonly vmstat: VmStat;
  readonly host: ReclaimHost;
  readonly nrNodes: number;
  /** vm.swappiness, 0..200; Linux starts with {@link DEFAULT_SWAPPINESS}. */
  readonly swappiness: number;
  /** For policies that draw lots; none of the built-in ones does. */
  readonly seed: number;
  readonly trace: TraceSink | null;
}
