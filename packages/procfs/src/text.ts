/** Padding as seq_file and printf do it. */
/** Writes a number right-aligned in `width` columns (`%*lu`); a longer one is not cut. */
export function padded(n: number, width: number): string {
  return String(n).padStart(width);
}

/** Writes one line of /proc/meminfo: `Name:`, padding, and a value in kB that ends in column 24. */
export function kibLine(name: string, kib: number): string {
  return `${name}:`.padEnd(16) + `${padded(kib, 8)} kB\n`;
}
