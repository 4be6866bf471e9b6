/** Who may sit where: the tables that help texts and checks of names are made of. */
import { diskModels } from "@pageframe/block";
import { frameAllocators } from "@pageframe/buddy";
import { type SeatTable } from "@pageframe/contracts";
import { numaPolicies } from "@pageframe/numa";
import { oomPolicies } from "@pageframe/oom";
import { readaheadPolicies } from "@pageframe/pagecache";
import { pageTables } from "@pageframe/pagetable";
import { reclaimPolicies } from "@pageframe/reclaim";
import { objectAllocators } from "@pageframe/slab";
import { swapSlots } from "@pageframe/swap";
import { asidAllocators, tlbs } from "@pageframe/tlb";

/** A seat, by its name in a configuration's `seats`. */
interface Seat {
  /** What its occupants are. */
  readonly what: string;
  readonly names: readonly string[];
}

/** Seats whose occupants are listed in a package. */
export const seats: Readonly<Record<string, Seat>> = {
  frameAllocator: { what: "frame allocator", names: namesOf(frameAllocators) },
  objectAllocator: { what: "object allocator", names: namesOf(objectAllocators) },
  pageTable: { what: "page table", names: namesOf(pageTables) },
  tlb: { what: "TLB", names: namesOf(tlbs) },
  asids: { what: "ASID allocator", names: namesOf(asidAllocators) },
  readahead: { what: "readahead policy", names: namesOf(readaheadPolicies) },
  reclaim: { what: "reclaim policy", names: namesOf(reclaimPolicies) },
  swapSlots: { what: "swap-slot allocator", names: namesOf(swapSlots) },
  numa: { what: "NUMA policy", names: namesOf(numaPolicies) },
  oom: { what: "OOM policy", names: namesOf(oomPolicies) },
};

/** How long disks take: not a seat of the kernel, but named in the same way. */
export const diskModelNames: readonly string[] = namesOf(diskModels);

/** Says why nobody of that name can sit there; null when somebody can. */
export function refuseOccupant(seat: string, name: string): string | null {
  if (!Object.hasOwn(seats, seat)) return null;
  const { what, names } = seats[seat];
  return names.includes(name) ? null : `unknown ${what} "${name}"; known: ${names.join(", ")}`;
}

function namesOf<Config, Occupant>(table: SeatTable<Config, Occupant>): string[] {
  return table.map(({ name }) => name);
}
