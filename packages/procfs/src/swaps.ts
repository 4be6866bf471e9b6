/** /proc/swaps. Source: Linux 6.18 mm/swapfile.c, swap_show(). */
import { kibOfPages } from "@pageframe/contracts";

/** One swap area in use. */
export interface SwapsEntry {
  readonly path: string;
  /** A block device or a file? */
  readonly isPartition: boolean;
  /** Pages that can hold data: without the header. */
  readonly nrPages: number;
  readonly nrUsedPages: number;
  readonly priority: number;
}

const PATH_COLUMNS = 40;
/** Numbers below this many KiB get a second tab behind. */
const LONG_KIB = 10000000;

/** Writes /proc/swaps, in the order in which areas were added. */
export function formatSwaps(entries: readonly SwapsEntry[]): string {
  return "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n" + entries.map(swapLine).join("");
}

function swapLine(entry: SwapsEntry): string {
  const path = entry.path.replace(
    /[ \t\n\\]/g,
    (char) => `\\0${char.charCodeAt(0).toString(8).padStart(2, "0")}`,
  );
  const type = entry.isPartition ? "partition" : "file\t";
  return `${path.length < PATH_COLUMNS ? path.padEnd(PATH_COLUMNS) : `${path} `}${type}\t${tabbed(entry.nrPages)}${tabbed(entry.nrUsedPages)}${entry.priority}\n`;
}

function tabbed(nrPages: number): string {
  const kib = kibOfPages(nrPages);
  return kib < LONG_KIB ? `${kib}\t\t` : `${kib}\t`;
}
