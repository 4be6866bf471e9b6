import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const fromSource = ["@pageframe/source"];

/** Lets README examples import any package by name; elsewhere a package must be declared to resolve. */
const everyPackage = readdirSync(new URL("packages", import.meta.url)).map((name) => ({
  find: new RegExp(`^@pageframe/${name}$`),
  replacement: fileURLToPath(new URL(`packages/${name}/src/index.ts`, import.meta.url)),
}));

const project = (name: string, alias: typeof everyPackage = []) => ({
  extends: true as const,
  resolve: { alias },
  test: { name, include: [`${name}/*/test/**/*.test.ts`] },
});

export default defineConfig({
  resolve: { conditions: fromSource },
  ssr: { resolve: { conditions: fromSource } },
  test: {
    // Coverage makes everything several times slower: random programs run shorter there, and whole under `npm test`.
    env: process.argv.includes("--coverage")
      ? { PAGEFRAME_STEPS: process.env["PAGEFRAME_STEPS"] ?? "1400" }
      : {},
    projects: [project("packages"), project("apps"), project("tools", everyPackage)],
    passWithNoTests: true,
    // All cores: by default one is left free, which on two cores halves the speed.
    maxWorkers: "100%",
    // Property tests and spawned programs on a busy two-core machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**"],
      // Index files only re-export; they would be listed with nothing to cover.
      exclude: ["packages/*/src/index.ts"],
      reporter: [["text", { skipFull: true }]],
      thresholds: { lines: 85 },
    },
  },
});
