/** Who may sit in the object-allocator seat. */
import { type ObjectAllocator, type SeatTable } from "@pageframe/contracts";
import { type ObjectAllocatorConfig, SlubAllocator } from "./slub.ts";

/** The occupants of the object-allocator seat; the first is Linux's. */
export const objectAllocators: SeatTable<ObjectAllocatorConfig, ObjectAllocator> = [
  {
    name: "slub",
    describe: "Linux's SLUB: one active slab a CPU, partial slabs kept by CPU and node",
    create: (config) => new SlubAllocator(config),
  },
];
