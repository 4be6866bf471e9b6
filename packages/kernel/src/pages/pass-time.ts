/** Time that passes while nobody works: I/O completes, daemons wake when they are due. Cold. */
import { completeIo } from "../disk/io.ts";
import { type System } from "../system.ts";
import { CAUSE_IDLE } from "../time.ts";
import { nextWritebackNs, runWriteback } from "../writeback/run-flushers.ts";

/** Lets time pass until `untilNs`, with all that happens meanwhile, in order. Nothing may be within a file system. */
export function passTime(sys: System, untilNs: number): void {
  runWriteback(sys);
  for (let nextNs = nextEventNs(sys); nextNs <= untilNs; nextNs = nextEventNs(sys)) {
    sys.time.waitUntil(nextNs, CAUSE_IDLE);
    completeIo(sys);
    runWriteback(sys);
  }
  sys.time.waitUntil(untilNs, CAUSE_IDLE);
}

/** When something is due next; Infinity when nothing is. */
function nextEventNs(sys: System): number {
  let nextNs = nextWritebackNs(sys);
  for (const disk of sys.disks) nextNs = Math.min(nextNs, disk.device.nextCompletionNs(sys.time.nowNs));
  return nextNs;
}
