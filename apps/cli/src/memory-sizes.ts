/** Memory sizes as the command takes them: `1MiB`, or a percentage of what a trace touches, or a list of both. */
import { PAGE_SIZE } from "@pageframe/contracts";
import { formatBytes, formatPages, isSize, MIN_MEMORY_BYTES, parsePages } from "@pageframe/kernel";
import { usageError } from "./errors.ts";

/** One size, as written and as meant. */
export type MemorySize =
  | { readonly kind: "pages"; readonly text: string; readonly nrPages: number }
  | { readonly kind: "percent"; readonly text: string; readonly percent: number };

/** A size once the trace is known. */
export interface ResolvedMemory {
  /** As the user wrote it. */
  readonly text: string;
  readonly nrPages: number;
}

/** Pages of the largest machine, 1 TiB: Node needs about 20 MiB for each GiB of it. */
const MAX_MEMORY_PAGES = 2 ** 28;

/** Parses `1MiB,512KiB` or `100%,50%`. Throws a usage error that names the item that is wrong. */
export function parseMemorySizes(text: string): MemorySize[] {
  return text.split(",").map((item) => parseMemorySize(item.trim()));
}

function parseMemorySize(text: string): MemorySize {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined && Number(percent) > 0) {
    return { kind: "percent", text, percent: Number(percent) };
  }
  if (isSize(text)) {
    const nrPages = parsePages(text);
    checkBootable(text, nrPages);
    return { kind: "pages", text, nrPages };
  }
  throw usageError(
    `memory "${text}" is neither a size with a unit (B, KiB, MiB, GiB, TiB) nor a percentage above 0`,
    "write --memory 64MiB, or --memory 100%,50% for parts of what the trace touches",
  );
}

/** Turns percentages into pages, rounded up. Throws a usage error where too few are left to boot. */
export function resolveMemorySizes(
  sizes: readonly MemorySize[],
  nrFootprintPages: number,
): readonly ResolvedMemory[] {
  return sizes.map((size) => {
    if (size.kind === "pages") return size;
    const nrPages = Math.ceil((nrFootprintPages * size.percent) / 100);
    checkBootable(`${size.text} of the trace's ${nrFootprintPages} pages, ${formatPages(nrPages)},`, nrPages);
    return { text: size.text, nrPages };
  });
}

function checkBootable(what: string, nrPages: number): void {
  const minimum = formatBytes(MIN_MEMORY_BYTES);
  if (nrPages * PAGE_SIZE < MIN_MEMORY_BYTES) {
    throw usageError(
      `memory ${what} is too small to boot; the minimum is ${minimum}`,
      `--memory ${minimum} is the least that works`,
    );
  }
  if (nrPages > MAX_MEMORY_PAGES) {
    throw usageError(`memory ${what} is too large; the maximum is ${formatPages(MAX_MEMORY_PAGES)}`);
  }
}
