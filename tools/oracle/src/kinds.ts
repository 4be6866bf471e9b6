/** The kinds of observations: which top-level key of a line belongs to which. */

/** The kinds, in the order of the report. */
export const kinds = [
  "return",
  "signal",
  "faults",
  "maps",
  "smaps",
  "pagemap",
  "mapcount",
  "kpf",
  "lru",
  "status",
  "numa",
  "oom",
] as const;

export type Kind = (typeof kinds)[number];

const KIND_OF_KEY: Readonly<Record<string, Kind>> = {
  ret: "return",
  err: "return",
  vec: "return",
  done: "return",
  wstatus: "return",
  exited: "return",
  died: "return",
  r: "return",
  now: "return",
  sig: "signal",
  code: "signal",
  addr: "signal",
  min: "faults",
  maj: "faults",
  maps: "maps",
  smaps: "smaps",
  pagemap: "pagemap",
  mapcount: "mapcount",
  kpf: "kpf",
  lru: "lru",
  status: "status",
  numa_maps: "numa",
  oom_score: "oom",
};

/** Keys that say which line it is; they are no observations. */
export const lineKeys: readonly string[] = ["l", "p", "op"];

/** The kind of a key, or null when no recorder writes it. */
export function kindOfKey(key: string): Kind | null {
  return Object.hasOwn(KIND_OF_KEY, key) ? KIND_OF_KEY[key] : null;
}

/** All keys that are observations. */
export const observationKeys: readonly string[] = Object.keys(KIND_OF_KEY);
