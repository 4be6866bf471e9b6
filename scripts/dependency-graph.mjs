// Writes the graph of workspace dependencies into ARCHITECTURE.md, between its two markers, from the package.json
// files. With --check it writes nothing and fails when the text there is stale. `npm run check` calls it so.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const START = "<!-- graph:start -->";
const END = "<!-- graph:end -->";
const root = fileURLToPath(new URL("..", import.meta.url));
const file = `${root}ARCHITECTURE.md`;

/** Workspace name -> the workspaces it needs at run time. */
const graph = new Map();
for (const group of ["packages", "apps", "tools"]) {
  if (!existsSync(root + group)) continue;
  for (const dir of readdirSync(root + group).sort()) {
    const path = `${root}${group}/${dir}/package.json`;
    if (!existsSync(path)) continue;
    const { name, dependencies = {} } = JSON.parse(readFileSync(path, "utf8"));
    const needs = Object.keys(dependencies).filter((key) => dependencies[key].startsWith("workspace:"));
    if (group !== "tools" || needs.length > 0) graph.set(name, needs.sort());
  }
}

/** Says whether `from` reaches `to` through at least one other workspace. */
const isImplied = (from, to) =>
  graph.get(from).some((via) => via !== to && (graph.get(via)?.includes(to) || isImplied(via, to)));
const short = (name) => name.replace("@pageframe/", "");
const lines = [...graph].flatMap(([name, needs]) => {
  const shown = needs.filter((need) => !isImplied(name, need));
  return shown.length > 0 ? shown.map((need) => `  ${short(name)} --> ${short(need)}`) : [`  ${short(name)}`];
});
const block = [
  START,
  "",
  "```mermaid",
  "flowchart TD",
  ...lines,
  "```",
  "",
  'An arrow reads "depends on". Arrows that others imply are left out.',
  "Written by `npm run docs:graph` from the package.json files.",
  "",
  END,
].join("\n");

const text = readFileSync(file, "utf8");
const start = text.indexOf(START);
const end = text.indexOf(END);
if (start < 0 || end < start) {
  console.error(`ARCHITECTURE.md has no ${START} ... ${END}`);
  process.exit(1);
}
const updated = text.slice(0, start) + block + text.slice(end + END.length);
if (updated !== text) {
  if (process.argv.includes("--check")) {
    console.error(
      "The dependency graph in ARCHITECTURE.md is stale: run `npm run docs:graph` and commit it.",
    );
    process.exit(1);
  }
  writeFileSync(file, updated);
}
