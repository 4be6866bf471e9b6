/** What `snap` tells of a process. */
import { PAGE_SIZE } from "@pageframe/contracts";
import { type Task } from "@pageframe/kernel";
import { smapsFields, vmFlagCodes } from "@pageframe/procfs";
import { type Observation, type SmapsEntry } from "./observation.ts";
import { isInSmaps, mapsRow, observedMappings } from "./observed-mappings.ts";
import { pageRuns } from "./page-runs.ts";
import { isInArena, placeName } from "./place-names.ts";
import { type OperationOf, type SnapshotPart } from "./script.ts";
import { type ScriptProcess, STATUS_FIELDS, type StatusValues } from "./script-process.ts";
import { statusValues } from "./status-values.ts";
import { type World } from "./world.ts";

/** Size of pages in KiB: sizes of other pages are told. */
const PAGE_KIB: number = PAGE_SIZE / 1024;
/** Fields of smaps that are told only when they are something else than usual. */
const USUAL_FIELDS: ReadonlyMap<string, number> = new Map([
  ["KernelPageSize", PAGE_KIB],
  ["MMUPageSize", PAGE_KIB],
]);

/** Observes the current process. Of one that has ended there are no mappings. */
export function snapshotFields(world: World, operation: OperationOf<"snap">): Partial<Observation> {
  const process = world.current;
  if (operation.isDrained) world.kernel.sys.lru.drain(0);
  const fields: Partial<Observation>[] = operation.parts.map((part) => partFields(world, process, part));
  return Object.assign({}, ...fields) as Partial<Observation>;
}

function partFields(world: World, process: ScriptProcess, part: SnapshotPart): Partial<Observation> {
  const { kernel } = world;
  const { task } = process;
  switch (part) {
    case "maps":
      return { maps: task === null ? [] : observedMappings(world, task).map((seen) => mapsRow(world, seen)) };
    case "smaps":
      return { smaps: task === null ? [] : smaps(world, task) };
    case "status":
      return { status: statusChange(world, process) };
    case "numa":
      return { numa_maps: task === null ? [] : numaMaps(world, task) };
    case "oom":
      return { oom_score: task === null ? 0 : kernel.proc.oomScore(task) };
    default:
      return { [part]: task === null ? [] : pageRuns(world, task, part) };
  }
}

function smaps(world: World, task: Task): SmapsEntry[] {
  return world.kernel.proc
    .smaps(task)
    .filter((entry) => isInSmaps(world, entry))
    .map((entry) => {
      const { startVpn, endVpn, vmFlags } = entry;
      const fields = smapsFields(entry).filter(
        ([name, value]) =>
          name !== "Size" && USUAL_FIELDS.get(name) !== value && (value !== 0 || name === "Rss"),
      );
      return {
        at: placeName(startVpn * PAGE_SIZE, world.places),
        n: endVpn - startVpn,
        ...Object.fromEntries(fields),
        VmFlags: vmFlagCodes(vmFlags).trimEnd(),
      };
    });
}

/** Lines of numa_maps in the arena, without the names of files. */
function numaMaps({ kernel, places }: World, task: Task): string[] {
  const lines: string[] = [];
  for (const line of kernel.proc.numaMapsText(task).split("\n")) {
    const match = /^([0-9a-f]+)(.*)$/.exec(line);
    if (match === null) continue;
    const address = Number.parseInt(match[1], 16);
    if (isInArena(address)) lines.push(placeName(address, places) + match[2].replace(/file=[^ ]*/, ""));
  }
  return lines;
}

/** What has changed since the first process began. Of a process that was waited for, the recorder sees what it saw last. */
function statusChange(world: World, { task, base, isReaped }: ScriptProcess): StatusValues {
  if (task !== null && !isReaped) world.lastStatus = statusValues(world.kernel, task);
  return Object.fromEntries(STATUS_FIELDS.map((name) => [name, world.lastStatus[name] - base[name]]));
}
