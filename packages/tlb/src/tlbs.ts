/** The TLB seat's occupants. */
import { findOccupant, type SeatTable, type Tlb } from "@pageframe/contracts";
import { ModelTlb } from "./model-tlb.ts";
import { NoTlb } from "./no-tlb.ts";
import { CORTEX_A76, GOLDEN_COVE, SKYLAKE, TEACHING, ZEN_4 } from "./presets.ts";
import { SetAssociativeTlb } from "./set-associative-tlb.ts";
import { type TlbOptions } from "./tlb-config.ts";

/** Who may sit in the TLB seat; the first is the default. Only that one looks at the configuration. */
export const tlbs: SeatTable<TlbOptions, Tlb> = [
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
  {
    name: "zen4",
    describe: "AMD Zen 4: 64 and 72 entries, 512 and 3072 behind them, four contiguous pages in one entry.",
    create: () => new ModelTlb(ZEN_4),
  },
  {
    name: "golden-cove",
    describe:
      "Intel Golden Cove: 256 entries for instructions, 96 for loads, 16 for stores, 2048 behind them.",
    create: () => new ModelTlb(GOLDEN_COVE),
  },
  {
    name: "skylake",
    describe: "Intel Skylake: 128 entries for instructions, 64 for data, 1536 behind them.",
    create: () => new ModelTlb(SKYLAKE),
  },
  {
    name: "cortex-a76",
    describe: "Arm Cortex-A76: 48 and 48 entries, 1280 behind them, sixteen contiguous pages in one entry.",
    create: () => new ModelTlb(CORTEX_A76),
  },
  {
    name: "teaching",
    describe: "Sixteen entries, fully associative, one level.",
    create: () => new ModelTlb(TEACHING),
  },
];

/** Makes the TLB of a name, with its default geometry. Throws EINVAL that lists the known names when there is none. */
export function createTlb(name: string): Tlb {
  return findOccupant("TLB", tlbs, name).create({});
}
