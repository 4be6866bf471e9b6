/**
 * Devices of flash memory: `ssd` behind SATA, and `nvme`.
 *
 * Sectors lie in stripes over channels that work at the same time. Each stripe of a command keeps its channel busy for a
 * latency and the time its bytes take there; then all its bytes go over the one wire of the device. Writes end in the
 * device's own memory, so their latency is the shorter one; a flush waits until every channel is idle.
 * The numbers are parameters of such devices, not measurements of one. Differs: no garbage collection, no wear, no
 * slowing down when full.
 */
import { REQ_OP_READ, SECTOR_SIZE } from "@pageframe/contracts";
import { type DiskModel } from "./disk-model.ts";

/** What makes a device of flash. Rates in bytes per nanosecond (1 is 1 GB/s). */
export interface FlashParameters {
  readonly name: string;
  /** Commands at once: NCQ has 32; NVMe as many as its driver asks for. */
  readonly queueDepth: number;
  readonly nrChannels: number;
  /** Neighbouring sectors in one channel. */
  readonly stripeSectors: number;
  /** Of each stripe of a command, and of each command at the controller. */
  readonly readLatencyNs: number;
  readonly writeLatencyNs: number;
  readonly commandNs: number;
  readonly flushLatencyNs: number;
  readonly channelRate: number;
  readonly wireRate: number;
}

/** SATA 6 Gb/s: 32 commands, 550 MB/s over the wire. */
export const SSD_PARAMETERS: FlashParameters = Object.freeze({
  name: "ssd",
  queueDepth: 32,
  nrChannels: 8,
  stripeSectors: 32,
  readLatencyNs: 70_000,
  writeLatencyNs: 25_000,
  commandNs: 10_000,
  flushLatencyNs: 400_000,
  channelRate: 0.2,
  wireRate: 0.55,
});

/** Four lanes of PCIe 3: 3.5 GB/s over the wire. */
export const NVME_PARAMETERS: FlashParameters = Object.freeze({
  name: "nvme",
  queueDepth: 1023,
  nrChannels: 32,
  stripeSectors: 32,
  readLatencyNs: 60_000,
  writeLatencyNs: 12_000,
  commandNs: 4_000,
  flushLatencyNs: 100_000,
  channelRate: 0.4,
  wireRate: 3.5,
});

/** A device of given parameters. */
export class FlashModel implements DiskModel {
  readonly name: string;
  readonly queueDepth: number;
  private readonly parameters: FlashParameters;
  /** When each channel is idle, and the wire. */
  private readonly channelIdleNs: Float64Array;
  private wireIdleNs = 0;

  constructor(parameters: FlashParameters) {
    this.name = parameters.name;
    this.queueDepth = parameters.queueDepth;
    this.parameters = parameters;
    this.channelIdleNs = new Float64Array(parameters.nrChannels);
  }

  transfer(op: number, sector: number, nrSectors: number, startNs: number): number {
    const { parameters, channelIdleNs } = this;
    const { stripeSectors, nrChannels, channelRate } = parameters;
    const latencyNs = op === REQ_OP_READ ? parameters.readLatencyNs : parameters.writeLatencyNs;
    const atChannelsNs = startNs + parameters.commandNs;
    let doneNs = atChannelsNs;
    for (let at = sector; at < sector + nrSectors;) {
      const stripe = Math.floor(at / stripeSectors);
      const end = Math.min((stripe + 1) * stripeSectors, sector + nrSectors);
      const channel = stripe % nrChannels;
      const busyNs = latencyNs + ((end - at) * SECTOR_SIZE) / channelRate;
      channelIdleNs[channel] = Math.max(channelIdleNs[channel], atChannelsNs) + busyNs;
      doneNs = Math.max(doneNs, channelIdleNs[channel]);
      at = end;
    }
    // The wire is busy as long as the bytes take, and at the end of the command at the earliest.
    const wireNs = (nrSectors * SECTOR_SIZE) / parameters.wireRate;
    this.wireIdleNs = Math.max(this.wireIdleNs, atChannelsNs) + wireNs;
    return Math.max(doneNs, this.wireIdleNs);
  }

  flush(startNs: number): number {
    let idleNs = startNs;
    for (let channel = 0; channel < this.channelIdleNs.length; channel++)
      idleNs = Math.max(idleNs, this.channelIdleNs[channel]);
    return idleNs + this.parameters.flushLatencyNs;
  }
}
