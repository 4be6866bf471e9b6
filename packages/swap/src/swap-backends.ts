/** The swap-backend seat's occupants that need no host. */
import { type SeatTable, type SwapBackend } from "@pageframe/contracts";
import { MemorySwapBackend } from "./memory-backend.ts";
import { NullSwapBackend } from "./null-backend.ts";

/** What a backend is made for. */
export interface SwapBackendConfig {
  /** Pages of the area, the header's included. */
  readonly nrPages: number;
}

/** Backends by name; the first is the default. A file on the host is the application's to inject. */
export const swapBackends: SeatTable<SwapBackendConfig, SwapBackend> = [
  {
    name: "memory",
    describe: "bytes in memory, outside the simulated RAM",
    create: ({ nrPages }) => new MemorySwapBackend(nrPages),
  },
  {
    name: "none",
    describe: "no bytes: for runs without page contents",
    create: ({ nrPages }) => new NullSwapBackend(nrPages),
  },
];
