/**
 * Sizes as people write them: a number and a unit. The one place where bytes become pages.
 */
import { EINVAL, KernelError, PAGE_SIZE } from "@pageframe/contracts";

const UNIT_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const SIZE_FORM = /^(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB)$/;

/** Is the text a size, such as `64MiB`? */
export function isSize(text: string): boolean {
  return SIZE_FORM.test(text);
}

/** Bytes of a size such as `64MiB` or `1.5GiB`. Throws EINVAL that says what a size looks like. */
export function parseBytes(text: string): number {
  const match = SIZE_FORM.exec(text);
  if (match === null) {
    throw new KernelError(
      EINVAL,
      `size "${text}" is not a number with a unit B, KiB, MiB, GiB or TiB, such as 64MiB`,
    );
  }
  return Math.floor(Number(match[1]) * UNIT_BYTES[match[2]]);
}

/** Whole pages in a size, rounded up. Throws as {@link parseBytes}. */
export function parsePages(text: string): number {
  return Math.ceil(parseBytes(text) / PAGE_SIZE);
}

/** Writes bytes with the largest unit that keeps at most two decimals, such as `1.50MiB` or `512KiB`. */
export function formatBytes(nrBytes: number): string {
  for (const unit of ["TiB", "GiB", "MiB", "KiB"]) {
    const unitBytes = UNIT_BYTES[unit];
    if (nrBytes >= unitBytes) {
      const amount = nrBytes / unitBytes;
      return `${Number.isInteger(amount) ? amount : amount.toFixed(2)}${unit}`;
    }
  }
  return `${nrBytes}B`;
}

/** Writes pages as a size. */
export function formatPages(nrPages: number): string {
  return formatBytes(nrPages * PAGE_SIZE);
}
