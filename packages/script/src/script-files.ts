/** Files of scripts. */
import { notModelled } from "./not-modelled-error.ts";
import { type OperationOf } from "./script.ts";
import { type World } from "./world.ts";

/** Makes a file, as the driver does before or between the operations of processes. */
export function makeFile(_world: World, operation: OperationOf<"file">): void {
  notModelled(`a file on ${operation.kind}`);
}
