/** The TLB seat's occupants. */
import { type SeatTable, type Tlb } from "@pageframe/contracts";
import { NoTlb } from "./no-tlb.ts";
import { SetAssociativeTlb } from "./set-associative-tlb.ts";
import { type TlbConfig } from "./tlb-config.ts";

/** Who may sit in the TLB seat; the first is the default. */
export const tlbs: SeatTable<Partial<TlbConfig>, Tlb> = [
  {
    name: "set-associative",
    describe: "Two levels, PCIDs and three page sizes, exact LRU; Skylake's geometry unless configured.",
    create: (config) => new SetAssociativeTlb(config),
  },
  {
    name: "none",
    describe: "No TLB: every access walks the page table.",
    create: () => new NoTlb(),
  },
];
