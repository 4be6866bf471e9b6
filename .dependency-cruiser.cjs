/**
 * Who may import whom. Run with `npm run check`. Layers, lowest first:
 *
 *     contracts < memmap < subsystems (never each other) < kernel < script < apps, tools
 *
 * The layer rules bind `src`; tests and benches may import anything public.
 */
const subsystems = [
  "block",
  "buddy",
  "fs",
  "mmu",
  "numa",
  "oom",
  "pagecache",
  "pagetable",
  "procfs",
  "reclaim",
  "slab",
  "swap",
  "tlb",
  "vma",
];
/** Each package and the other packages it may import; a new package finds its place here first. */
const mayImport = {
  contracts: [],
  memmap: ["contracts"],
  ...Object.fromEntries(subsystems.map((name) => [name, ["contracts", "memmap"]])),
  // Nobody but apps and tools imports it.
  trace: ["contracts", "memmap"],
  kernel: ["contracts", "memmap", ...subsystems],
  // Nobody but apps and tools imports it either.
  script: ["contracts", "memmap", "kernel", "procfs"],
  // A program's allocator: it asks any memory, and knows no kernel.
  malloc: ["contracts"],
};
const packageNames = Object.keys(mayImport).join("|");

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "resolvable",
      comment: "Declare the package in package.json, or mend the path.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "has-a-layer",
      comment: "A new package is listed in mayImport (.dependency-cruiser.cjs) first.",
      severity: "error",
      from: { path: `^packages/(?!(?:${packageNames})/)` },
      to: {},
    },
    ...Object.entries(mayImport).map(([name, others]) => ({
      name: `layer-of-${name}`,
      comment: `${name} may import ${others.join(", ") || "no other package"}.`,
      severity: "error",
      from: { path: `^packages/${name}/src/` },
      to: { path: `^packages/(?!(?:${[name, ...others].join("|")})/)` },
    })),
    {
      name: "packages-below-apps",
      severity: "error",
      from: { path: "^packages/" },
      to: { path: "^(?:apps|tools)/" },
    },
    {
      name: "apps-are-leaves",
      severity: "error",
      from: { path: "^(apps|tools)/([^/]+)/" },
      to: { path: "^(?:apps|tools)/", pathNot: "^$1/$2/" },
    },
    {
      name: "index-only",
      comment: "Import another package by its name, never by a path into its src.",
      severity: "error",
      from: { path: "^(?:packages|apps|tools)/([^/]+)/" },
      to: { path: "^packages/(?!$1/)[^/]+/(?!src/index\\.ts$)" },
    },
    {
      name: "platform-free",
      comment: "Kernel packages also run in a browser: time, chance and I/O come in as arguments.",
      severity: "error",
      from: { path: "^packages/[^/]+/src/" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "src-without-tests",
      comment: "What is published never imports tests or benches.",
      severity: "error",
      from: { path: "^(?:packages|apps)/[^/]+/src/" },
      to: { path: "^(?:packages|apps)/[^/]+/(?:test|bench)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "/(?:dist|\\.generated)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      conditionNames: ["@pageframe/source", "import", "types", "default"],
      exportsFields: ["exports"],
    },
  },
};
