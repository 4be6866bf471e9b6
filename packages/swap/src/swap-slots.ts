/** The swap-slots seat's occupants. */
import { type SeatTable, type SwapSlots } from "@pageframe/contracts";
import { ClusterSlots } from "./cluster-slots.ts";
import { FirstFitSlots } from "./first-fit-slots.ts";

/** What slots are made for. */
export interface SwapSlotsConfig {
  /** Pages of the area, the header's included. */
  readonly nrSlots: number;
}

/** Ways to choose slots by name; the first is the default. */
export const swapSlots: SeatTable<SwapSlotsConfig, SwapSlots> = [
  {
    name: "clusters",
    describe: "clusters of 256 slots, filled one after another, as Linux does",
    create: ({ nrSlots }) => new ClusterSlots(nrSlots),
  },
  {
    name: "first-fit",
    describe: "the lowest free slot",
    create: ({ nrSlots }) => new FirstFitSlots(nrSlots),
  },
];
