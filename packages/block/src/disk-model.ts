/** The cost model's seat: how long a device takes. */

/** Says when a command that starts now is done. State is what the device remembers: arm, rotation, busy channels. */
export interface DiskModel {
  readonly name: string;
  /** Commands that the device works on at once; Infinity for no limit. */
  readonly queueDepth: number;
  /** Starts to move sectors at `startNs`; returns when it is done. Calls come in order of time. */
  transfer(op: number, sector: number, nrSectors: number, startNs: number): number;
  /** Starts to empty the device's cache; returns when it is done. */
  flush(startNs: number): number;
}

/** What a model is made for. */
export interface DiskModelConfig {
  readonly nrSectors: number;
}
