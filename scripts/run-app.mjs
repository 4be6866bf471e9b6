// node scripts/run-app.mjs <app> [ARGS...]: runs apps/<app> or tools/<app> in this very process, after installing and building what
// is missing. Prints nothing of its own unless that fails (on a terminal: one line saying why it takes a while), so
// the app's output, exit code and signals are the app's alone. When nothing changed it costs a few dozen stat calls.
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [app, ...args] = process.argv.slice(2);
const home = ["apps", "tools"].map((kind) => join(root, kind, app)).find((dir) => existsSync(dir));
const main = join(home, "dist/main.js");
// Its time is the start of the last good build. Under node_modules, so that it goes when they go.
const stamp = join(root, "node_modules/.cache/pageframe", `built-${app}`);
const lock = join(root, ".turbo/run-app.lock");

if (!isFresh()) buildOnce();

// npm runs scripts in the checkout; the user's relative paths are meant from where npm was called.
const isNpmScript = ["start", "pageframe", "bench", "oracle"].includes(process.env.npm_lifecycle_event);
if (isNpmScript && process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
process.argv = [process.execPath, main, ...args];
await import(pathToFileURL(main).href);

/** Says whether every output is there and nothing that it is made of is newer than the last build. */
function isFresh() {
  if (!existsSync(stamp)) return false;
  const builtMs = statSync(stamp).mtimeMs;
  const dirs = workspaceDirs();
  return (
    existsSync(main) &&
    dirs.every((dir) => existsSync(join(dir, "dist"))) &&
    [
      "package.json",
      "pnpm-lock.yaml",
      "pnpm-workspace.yaml",
      "tsconfig.base.json",
      "scripts/inline-constants.mjs",
    ].every((file) => newestMs(join(root, file)) < builtMs) &&
    dirs.every((dir) =>
      ["package.json", "tsconfig.build.json", "src"].every((file) => newestMs(join(dir, file)) < builtMs),
    )
  );
}

/** Collects the directories of the app and of all workspace packages below it. */
function workspaceDirs() {
  const dirs = new Set();
  const visit = (dir) => {
    if (dirs.has(dir)) return;
    dirs.add(dir);
    const { dependencies = {} } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
    for (const [name, range] of Object.entries(dependencies)) {
      if (range.startsWith("workspace:")) visit(join(root, "packages", name.split("/")[1]));
    }
  };
  visit(home);
  return [...dirs];
}

/** Returns the newest modification time at or below `path`; directories count, so a removed file shows. */
function newestMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce(
    (newest, name) => Math.max(newest, newestMs(join(path, name))),
    stat.mtimeMs,
  );
}

/** Builds unless another process does so at this moment; then waits for it. */
function buildOnce() {
  mkdirSync(dirname(lock), { recursive: true });
  for (;;) {
    try {
      const fd = openSync(lock, "wx");
      writeFileSync(fd, String(process.pid));
      closeSync(fd);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (!isHolderAlive()) rmSync(lock, { force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
  try {
    if (!isFresh()) build();
  } finally {
    rmSync(lock, { force: true });
  }
}

function isHolderAlive() {
  try {
    const pid = Number(readFileSync(lock, "utf8"));
    // Just created and not yet written: the holder lives.
    if (pid === 0) return Date.now() - statSync(lock).mtimeMs < 5000;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function build() {
  if (process.stderr.isTTY) console.error("pageframe: installing and building what changed ...");
  const started = new Date();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "scripts/pnpm.mjs"), "--silent", "run", "build", `--filter=@pageframe/${app}...`],
    { cwd: root, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8", maxBuffer: 1 << 28 },
  );
  if (status !== 0 || !existsSync(main)) {
    process.stderr.write(
      `${stdout}${stderr}pageframe: cannot install or build @pageframe/${app}; see above\n`,
    );
    rmSync(lock, { force: true });
    process.exit(1);
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, "");
  utimesSync(stamp, started, started);
}
