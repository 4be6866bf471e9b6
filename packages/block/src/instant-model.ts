/** A device that takes no time: `none`. */
import { type DiskModel } from "./disk-model.ts";

/** Everything is done when it is dispatched. */
export class InstantModel implements DiskModel {
  readonly name = "none";
  readonly queueDepth: number = Infinity;

  transfer(_op: number, _sector: number, _nrSectors: number, startNs: number): number {
    return startNs;
  }

  flush(startNs: number): number {
    return startNs;
  }
}
