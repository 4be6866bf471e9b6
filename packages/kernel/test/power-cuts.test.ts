/**
 * The power is cut at random writes during random file work, and a new machine looks at what is left. `PAGEFRAME_CUTS` sets
 * the cuts in all (default 800), `PAGEFRAME_SEED` the seed.
 */
import { describe, expect, it } from "vitest";
import { PowerCutWorld } from "./power-cut-world.ts";

const NR_CUTS = Number(process.env["PAGEFRAME_CUTS"] ?? 800);
const SEED = Number(process.env["PAGEFRAME_SEED"] ?? 42);
const CUTS_PER_AUDIT = 100;
/** Ten thousand cuts take a few minutes on a quiet machine. */
const TIMEOUT_MS = 3_600_000;

describe(`a disk whose power is cut (seed ${SEED})`, () => {
  it.each([
    ["serves many requests at once", { model: "nvme" }],
    ["turns, with requests sorted", { model: "hdd", scheduler: "mq-deadline" }],
    ["takes no time", { model: "none" }],
    ["is nearly full", { model: "nvme", nrDiskPages: 180 }],
  ])(
    "and that %s has all that was promised, and nothing that never was",
    (_, options) => {
      const world = new PowerCutWorld({ seed: SEED, ...options });
      const nrCuts = Math.ceil(NR_CUTS / 4);
      for (let done = 0; done < nrCuts; done += CUTS_PER_AUDIT) {
        world.runCuts(Math.min(CUTS_PER_AUDIT, nrCuts - done));
        world.kernel.audit();
      }
      expect(world.nrCuts).toBe(nrCuts);
      expect(world.nrCutsInRecovery).toBeGreaterThan(nrCuts / 10);
    },
    TIMEOUT_MS,
  );
});
