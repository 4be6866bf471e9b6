/** What a script's run tells: one object a line, whose fields come in the recorder's order. */

/** Start, pages, and flags or a count: a run of equal pages. */
export type PageRun = readonly [at: string, nrPages: number, what: string];
/** Start, end, rights; and name and page offset when there is one. */
export type MapsRow = readonly [start: string, end: string, perms: string, name?: string, pgoff?: number];
/** Start, pages, and the fields of smaps that are not zero. */
export type SmapsEntry = Readonly<Record<string, string | number>>;

/** One observation. A step has `op`; a snapshot has the parts that were asked for. */
export interface Observation {
  /** Script line. */
  readonly l: number;
  /** Process; absent for settings of the machine. */
  readonly p?: string;
  readonly op?: string;
  /** Result of a setting, and the value read back. */
  readonly r?: number;
  readonly now?: string;
  readonly exited?: 1;
  readonly died?: 1;
  readonly sig?: string;
  readonly code?: string;
  readonly addr?: string;
  readonly err?: string;
  readonly ret?: number | string;
  readonly vec?: string;
  /** Pages written before the signal. */
  readonly done?: number;
  readonly wstatus?: number;
  readonly min?: number;
  readonly maj?: number;
  readonly maps?: readonly MapsRow[];
  readonly smaps?: readonly SmapsEntry[];
  readonly pagemap?: readonly PageRun[];
  readonly kpf?: readonly PageRun[];
  readonly lru?: readonly PageRun[];
  readonly mapcount?: readonly PageRun[];
  readonly status?: Readonly<Record<string, number>>;
  readonly numa_maps?: readonly string[];
  readonly oom_score?: number;
}

/** Why the rest of a script was not run. */
export interface NotModelled {
  /** Script line. */
  readonly line: number;
  readonly reason: string;
}

/** The line that the recorder prints for an observation, without the line end. */
export function observationLine(observation: Observation): string {
  return JSON.stringify(observation);
}
