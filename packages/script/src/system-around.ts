/**
 * What a machine has in memory beside a script's programs: pages of the files that its system uses.
 *
 * Linux weighs a page that comes back from swap, or from a file, against them: with none, the few pages of a script would
 * always seem to have been gone for long. So many are enough for all pages that a script can have paged out.
 * Source: Linux 6.18 mm/workingset.c, workingset_test_recent().
 */
import { MADV_PAGEOUT, PAGE_SIZE } from "@pageframe/contracts";
import { type Script } from "./script.ts";
import { type World } from "./world.ts";

const NR_PAGES = 1024;
/** Times that each page is read: made, referenced, active. */
const NR_ROUNDS = 3;

/** Does a script have pages taken, so that it matters what else is there? */
export function needsSystemAround(script: Script): boolean {
  return script.lines.some(({ operation }) => "advice" in operation && operation.advice === MADV_PAGEOUT);
}

/** Reads a file of the system's until its pages are active. */
export function readSystemFiles({ kernel, driver }: World): void {
  const fileId = kernel.openFile("/usr/lib/libc.so.6");
  const byte = new Uint8Array(1);
  for (let round = 0; round < NR_ROUNDS; round++) {
    for (let page = 0; page < NR_PAGES; page++) kernel.pread(driver, fileId, byte, page * PAGE_SIZE);
  }
  kernel.closeFile(fileId);
  kernel.sys.lru.drainAll();
}
