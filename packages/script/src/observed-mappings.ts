/** Which mappings of a process snapshots show, and under which names. */
import { PAGE_SIZE, type Vaddr, type Vpn } from "@pageframe/contracts";
import { type Task } from "@pageframe/kernel";
import { type MapsEntry } from "@pageframe/procfs";
import { type MapsRow } from "./observation.ts";
import { isInArena, placeName } from "./place-names.ts";
import { type World } from "./world.ts";

/** Bytes above the initial break that count as the heap. */
const HEAP_BYTES = 0x40000000;

/** A mapping, or the part of one that is observed. */
export interface ObservedMapping {
  readonly startVpn: Vpn;
  readonly endVpn: Vpn;
  readonly entry: MapsEntry;
}

/** Collects the mappings of the arena, the one that was last placed without a hint, and the heap from the initial break on. */
export function observedMappings({ kernel, places, lastMap }: World, task: Task): ObservedMapping[] {
  const { brk0 } = places;
  const observed: ObservedMapping[] = [];
  for (const entry of kernel.proc.maps(task)) {
    const start = entry.startVpn * PAGE_SIZE;
    const end = entry.endVpn * PAGE_SIZE;
    if (isInArena(start) || holds(start, end, lastMap)) {
      observed.push({ startVpn: entry.startVpn, endVpn: entry.endVpn, entry });
    } else if (end > brk0 && start < brk0 + HEAP_BYTES) {
      const startVpn = Math.max(entry.startVpn, brk0 / PAGE_SIZE);
      observed.push({ startVpn, endVpn: entry.endVpn, entry });
    }
  }
  return observed;
}

/** Does smaps show it? Unlike the others it leaves a heap out that begins below the initial break. */
export function isInSmaps({ places, lastMap }: World, { startVpn, endVpn }: MapsEntry): boolean {
  const start = startVpn * PAGE_SIZE;
  const isHeap = start >= places.brk0 && start < places.brk0 + HEAP_BYTES;
  return isInArena(start) || holds(start, endVpn * PAGE_SIZE, lastMap) || isHeap;
}

/** The row of maps: with a name and its offset, or without. */
export function mapsRow(world: World, { startVpn, endVpn, entry }: ObservedMapping): MapsRow {
  const { perms, pgoff } = entry;
  const start = placeName(startVpn * PAGE_SIZE, world.places);
  const end = placeName(endVpn * PAGE_SIZE, world.places);
  const name = mappingName(world, entry.name);
  return name === "" && pgoff === 0 ? [start, end, perms] : [start, end, perms, name, pgoff];
}

/** The name of a file of the script, `shm` for shared anonymous memory, else what maps says. */
function mappingName({ files }: World, path: string): string {
  const file = files.find((known) =>
    known.kind === "memfd" ? path.includes(known.path) : path.startsWith(known.path),
  );
  if (file !== undefined) return file.name;
  return path.includes("/dev/zero") ? "shm" : path;
}

function holds(start: Vaddr, end: Vaddr, address: Vaddr): boolean {
  return address !== 0 && start <= address && address < end;
}
