import { describe, expect, it } from "vitest";
import { adviseReadahead, LinuxReadahead, newReadaheadState, VM_READAHEAD_PAGES } from "../src/index.ts";
import { FakeCache, FakeFile, NO_HINTS } from "./readahead-helpers.ts";
import { RECORDED_READS } from "./recorded-reads.ts";

const NR_FILE_PAGES = 1001;

const sessions = RECORDED_READS.trim()
  .split(/^cold\n/m)
  .filter((session) => session !== "");

/** `84-115:0 116:2*`: the folios of a cache, runs of one order together. */
function showRuns(cache: FakeCache): string {
  const runs: { first: number; last: number; order: number; mark: string }[] = [];
  for (const folio of cache.show().split(" ")) {
    const [, pgoff, order, mark] = /^(\d+):(\d+)(\*?)$/.exec(folio) ?? [];
    const run = runs.at(-1);
    const first = Number(pgoff);
    if (
      run?.mark === "" &&
      mark === "" &&
      run.order === Number(order) &&
      run.last + 2 ** run.order === first
    ) {
      run.last = first;
    } else {
      runs.push({ first, last: first, order: Number(order), mark });
    }
  }
  return runs
    .map(({ first, last, order, mark }) => `${first === last ? first : `${first}-${last}`}:${order}${mark}`)
    .join(" ");
}

/** `84 size=32 async=8` as `84+32/8`; without anything ahead the kernel had cut it at the end of the file before it told. */
function tell(window: string): string {
  const [, start, size, ahead] = /^(\d+) size=(\d+) async=(\d+)$/.exec(window) ?? [];
  const nrPages = ahead === "0" ? Math.min(Number(size), NR_FILE_PAGES - Number(start)) : Number(size);
  return `${start}+${nrPages}/${ahead}`;
}

describe("Linux readahead against recorded reads and faults", () => {
  it.each(sessions.map((session, nr) => ({ session, nr })))(
    "reads what the kernel read in session $nr",
    ({ session }) => {
      const cache = new FakeCache(NR_FILE_PAGES);
      const policy = new LinuxReadahead();
      const open = (): FakeFile => new FakeFile(policy, cache, newReadaheadState(VM_READAHEAD_PAGES));
      const files = [open()];
      for (const line of session.trim().split("\n")) {
        const [command, windows = ""] = line.split(" = ");
        const [kind, ...words] = command.split(" ");
        const [a, b, c, d] = words.map(Number);
        const file = kind === "pr" ? files[c] : files[0];
        file.log.length = 0;
        if (kind === "open") {
          files[a] = open();
        } else if (kind === "fadv") {
          const isFileRandom = adviseReadahead(file.state, VM_READAHEAD_PAGES, c, file.hints.isFileRandom);
          file.hints = { ...file.hints, isFileRandom };
        } else if (kind === "map") {
          file.map(a, a + b);
          file.hints = {
            ...NO_HINTS,
            isFileRandom: file.hints.isFileRandom,
            isExecutable: c === 1,
            isMappingRandom: d === 1,
            isMappingSequential: d === 2,
            mappingStartPgoff: a,
            mappingEndPgoff: a + b,
          };
        } else if (kind === "pr") {
          file.pread(a, b);
        } else if (kind === "t") {
          file.touch(a);
        } else {
          expect(`show ${showRuns(cache)}`).toBe(line);
          continue;
        }
        expect(`${command}: ${file.log.map(tell).join(" ")}`).toBe(`${command}: ${windows}`);
      }
    },
  );
});
