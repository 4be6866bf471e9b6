// Runs the pnpm that "packageManager" pins, so that a fresh clone needs nothing but Node:
// the copy in node_modules when there is one, otherwise npx fetches it. pnpm itself installs
// what is missing first (verifyDepsBeforeRun in pnpm-workspace.yaml).
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { packageManager } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const local = `${root}node_modules/pnpm/bin/pnpm.cjs`;
const [command, ...before] = existsSync(local) ? [process.execPath, local] : ["npx", "--yes", packageManager];

const { status, error } = spawnSync(command, [...before, ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  shell: process.platform === "win32" && command === "npx",
  env: { TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1", ...process.env },
});
if (error) console.error(`cannot run ${command}: ${error.message}`);
process.exit(status ?? 1);
