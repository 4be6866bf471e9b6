/** /proc/PID/numa_maps. Source: Linux 6.18 fs/proc/task_mmu.c, show_numa_map(), gather_stats(). */
import { PAGE_SIZE } from "@pageframe/contracts";

/** One mapping and where its pages are. */
export interface NumaMapsEntry {
  readonly startVpn: number;
  /** As `default`, `bind:0-1`, `prefer:0` (mpol_to_str). */
  readonly policy: string;
  /** Path of the file that is mapped, or null. */
  readonly file: string | null;
  readonly isHeap: boolean;
  readonly isStack: boolean;
  /** Resident pages, and how many of them are each. */
  readonly nrPages: number;
  readonly nrAnon: number;
  readonly nrDirty: number;
  readonly nrSwapCache: number;
  /** Active or unevictable. */
  readonly nrActive: number;
  readonly nrWriteback: number;
  /** Entries that map the page with most. */
  readonly mapcountMax: number;
  /** Pages on each node, by node. */
  readonly nrOnNode: ArrayLike<number>;
  readonly kernelPageBytes: number;
}

const KIB = 1024;

/** Writes /proc/PID/numa_maps. */
export function formatNumaMaps(entries: readonly NumaMapsEntry[]): string {
  return entries.map((entry) => `${formatNumaMapsLine(entry)}\n`).join("");
}

/** Writes one line of it, without the newline; counts that are 0 or say nothing new are left out. */
export function formatNumaMapsLine(entry: NumaMapsEntry): string {
  const { file, nrPages, nrAnon, nrDirty, nrActive } = entry;
  let line = `${(entry.startVpn * PAGE_SIZE).toString(16).padStart(8, "0")} ${entry.policy}`;
  if (file !== null) line += ` file=${escaped(file)}`;
  else if (entry.isHeap) line += " heap";
  else if (entry.isStack) line += " stack";
  if (nrPages === 0) return line;
  if (nrAnon > 0) line += ` anon=${nrAnon}`;
  if (nrDirty > 0) line += ` dirty=${nrDirty}`;
  if (nrPages !== nrAnon && nrPages !== nrDirty) line += ` mapped=${nrPages}`;
  if (entry.mapcountMax > 1) line += ` mapmax=${entry.mapcountMax}`;
  if (entry.nrSwapCache > 0) line += ` swapcache=${entry.nrSwapCache}`;
  if (nrActive < nrPages) line += ` active=${nrActive}`;
  if (entry.nrWriteback > 0) line += ` writeback=${entry.nrWriteback}`;
  for (let node = 0; node < entry.nrOnNode.length; node++) {
    if (entry.nrOnNode[node] > 0) line += ` N${node}=${entry.nrOnNode[node]}`;
  }
  return `${line} kernelpagesize_kB=${entry.kernelPageBytes / KIB}`;
}

/** A path without the characters that part fields, in octal instead (seq_path with "\n\t= "). */
function escaped(path: string): string {
  return path.replace(/[\n\t= ]/g, (letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
