/** The reclaim seat's table of occupants. */
import { type ReclaimPolicy, type SeatTable } from "@pageframe/contracts";
import { ActiveInactivePolicy } from "./active-inactive.ts";
import { ClockPolicy, FifoPolicy } from "./one-list.ts";
import { type ReclaimPolicyConfig } from "./policy-config.ts";

/** Occupants of the reclaim seat; the first is Linux's. */
export const reclaimPolicies: SeatTable<ReclaimPolicyConfig, ReclaimPolicy> = [
  {
    name: "active-inactive",
    describe: "Linux's classic LRU: pages found used twice move to an active list that ages more slowly.",
    create: (config) => new ActiveInactivePolicy(config),
  },
  {
    name: "clock",
    describe: "One list per node and kind; a page used since the hand last passed gets a second chance.",
    create: (config) => new ClockPolicy(config),
  },
  {
    name: "fifo",
    describe: "One list per node and kind; the page that came first goes first, used or not.",
    create: (config) => new FifoPolicy(config),
  },
];
