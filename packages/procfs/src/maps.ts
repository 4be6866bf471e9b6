/** /proc/PID/maps. Source: Linux 6.18 fs/proc/task_mmu.c, show_map_vma(), show_vma_header_prefix(). */
import { PAGE_SIZE } from "@pageframe/contracts";

/** One mapping. */
export interface MapsEntry {
  readonly startVpn: number;
  readonly endVpn: number;
  /** Four letters, such as `rw-p`. */
  readonly perms: string;
  /** Offset in the file, in pages; 0 without a file. */
  readonly pgoff: number;
  /** Device and inode of the file; 0 without one. */
  readonly devMajor: number;
  readonly devMinor: number;
  readonly inode: number;
  /** Path of the file, or `[heap]`, `[stack]`, `[vdso]`, ...; empty for other anonymous memory. */
  readonly name: string;
}

/** Columns before the name: 25 + 6 * sizeof(void *) - 1. */
const NAME_COLUMN = 72;

/** Writes /proc/PID/maps. */
export function formatMaps(entries: readonly MapsEntry[]): string {
  return entries.map((entry) => `${formatMapsLine(entry)}\n`).join("");
}

/** Writes one line of it, without the newline: the first line of a mapping in smaps as well. */
export function formatMapsLine(entry: MapsEntry): string {
  const { startVpn, endVpn, perms, pgoff, devMajor, devMinor, inode, name } = entry;
  const range = `${hex(startVpn * PAGE_SIZE, 8)}-${hex(endVpn * PAGE_SIZE, 8)}`;
  const file = `${hex(pgoff * PAGE_SIZE, 8)} ${hex(devMajor, 2)}:${hex(devMinor, 2)} ${inode} `;
  const prefix = `${range} ${perms} ${file}`;
  return name === "" ? prefix : `${prefix.padEnd(NAME_COLUMN)} ${name.replaceAll("\n", "\\012")}`;
}

function hex(n: number, minDigits: number): string {
  return n.toString(16).padStart(minDigits, "0");
}
