/** Pages of snapshots: runs of pages that are alike, by what pagemap and the files about frames say of them. */
import { PAGE_SIZE } from "@pageframe/contracts";
import { type Task } from "@pageframe/kernel";
import {
  KPF_ACTIVE,
  KPF_ANON,
  KPF_COMPOUND_HEAD,
  KPF_COMPOUND_TAIL,
  KPF_DIRTY,
  KPF_HUGE,
  KPF_KSM,
  KPF_LRU,
  KPF_MLOCKED,
  KPF_MMAP,
  KPF_RECLAIM,
  KPF_REFERENCED,
  KPF_SWAPBACKED,
  KPF_SWAPCACHE,
  KPF_THP,
  KPF_UNEVICTABLE,
  KPF_UPTODATE,
  KPF_WRITEBACK,
  KPF_ZERO_PAGE,
  PM_FILE_BIT,
  PM_GUARD_REGION_BIT,
  PM_MMAP_EXCLUSIVE_BIT,
  PM_PFRAME_BITS,
  PM_PRESENT_BIT,
  PM_SOFT_DIRTY_BIT,
  PM_SWAP_BIT,
  PM_UFFD_WP_BIT,
} from "@pageframe/procfs";
import { type PageRun } from "./observation.ts";
import { observedMappings } from "./observed-mappings.ts";
import { placeName } from "./place-names.ts";
import { type World } from "./world.ts";

/** Parts of snapshots that consist of page runs. */
export type PagePart = "pagemap" | "kpf" | "lru" | "mapcount";

type Letters = readonly (readonly [bit: number, letter: string])[];

const PAGEMAP_LETTERS: Letters = [
  [PM_PRESENT_BIT, "P"],
  [PM_SWAP_BIT, "S"],
  [PM_FILE_BIT, "f"],
  [PM_MMAP_EXCLUSIVE_BIT, "x"],
  [PM_UFFD_WP_BIT, "w"],
  [PM_GUARD_REGION_BIT, "g"],
  [PM_SOFT_DIRTY_BIT, "d"],
];
const KPF_LETTERS: Letters = [
  [KPF_UPTODATE, "U"],
  [KPF_ANON, "A"],
  [KPF_SWAPBACKED, "B"],
  [KPF_COMPOUND_HEAD, "H"],
  [KPF_COMPOUND_TAIL, "T"],
  [KPF_HUGE, "G"],
  [KPF_KSM, "K"],
  [KPF_THP, "t"],
  [KPF_ZERO_PAGE, "Z"],
  [KPF_MMAP, "M"],
];
const LRU_LETTERS: Letters = [
  [KPF_REFERENCED, "r"],
  [KPF_DIRTY, "d"],
  [KPF_LRU, "l"],
  [KPF_ACTIVE, "a"],
  [KPF_WRITEBACK, "w"],
  [KPF_RECLAIM, "R"],
  [KPF_SWAPCACHE, "s"],
  [KPF_UNEVICTABLE, "u"],
  [KPF_MLOCKED, "m"],
];
/** Pages of a mapping that are looked at. */
const MAX_PAGES = 2 ** 20;

/** Collects the runs of pages that are alike; pages that nothing is told of are in no run. O(pages). */
export function pageRuns(world: World, task: Task, part: PagePart): PageRun[] {
  const runs: PageRun[] = [];
  for (const { startVpn, endVpn } of observedMappings(world, task)) {
    const entries = world.kernel.proc.pagemap(task, startVpn, Math.min(endVpn - startVpn, MAX_PAGES));
    let runStart = 0;
    let runText = "";
    for (let page = 0; page <= entries.length; page++) {
      const text = page < entries.length ? pageText(world, entries[page], part) : "";
      if (page < entries.length && text === runText) continue;
      if (runText !== "") {
        runs.push([placeName((startVpn + runStart) * PAGE_SIZE, world.places), page - runStart, runText]);
      }
      runStart = page;
      runText = text;
    }
  }
  return runs;
}

/** What is told of a page; empty for nothing. */
function pageText({ kernel }: World, entry: bigint, part: PagePart): string {
  if (part === "pagemap") return lettersOf(Number(entry >> 32n), PAGEMAP_LETTERS, 32);
  const pfn = Number(BigInt.asUintN(PM_PFRAME_BITS, entry));
  if (entry >> BigInt(PM_PRESENT_BIT) === 0n || pfn === 0) return "";
  const flags = kernel.proc.kpageflags(pfn);
  if (part === "mapcount") return hasBit(flags, KPF_ZERO_PAGE) ? "Z" : String(kernel.proc.kpagecount(pfn));
  const letters = lettersOf(flags, part === "kpf" ? KPF_LETTERS : LRU_LETTERS, 0);
  return letters === "" ? "-" : letters;
}

/** Letters of the bits that are set; bit numbers are less `shift` in `flags`. */
function lettersOf(flags: number, letters: Letters, shift: number): string {
  let text = "";
  for (const [bit, letter] of letters) if (hasBit(flags, bit - shift)) text += letter;
  return text;
}

/** Is a bit set in a number below 2^53? */
function hasBit(flags: number, bit: number): boolean {
  return Math.floor(flags / 2 ** bit) % 2 === 1;
}
