/** Who may sit in the object-allocator seat. */
import { type ObjectAllocator, type SeatTable } from "@pageframe/contracts";
import { type ObjectAllocatorConfig } from "./config.ts";
import { SlobAllocator } from "./slob.ts";
import { SlubAllocator } from "./slub.ts";

/** The occupants of the object-allocator seat; the first is Linux's. */
export const objectAllocators: SeatTable<ObjectAllocatorConfig, ObjectAllocator> = [
  {
    name: "slub",
    describe: "Linux's SLUB: one active slab a CPU, partial slabs kept by CPU and node",
    create: (config) => new SlubAllocator(config),
  },
  {
    name: "slob",
    describe: "Linux's former SLOB: first fit in pages that all kinds of objects share",
    create: (config) => new SlobAllocator(config),
  },
];
