/**
 * Slots of a swap area, lowest free one first: keeps an area dense at its start. Hot: per page swapped.
 *
 *     isSlotUsed  uint8 per slot; the header's slot 0 is used for good
 *     lowest      no slot below it is free (lowest_bit of older kernels)
 */
import { bug, type SwapSlots } from "@pageframe/contracts";
import { checkNrSlots } from "./cluster-slots.ts";

/** Lowest slot first: `first-fit`. */
export class FirstFitSlots implements SwapSlots {
  readonly name = "first-fit";
  readonly nrSlots: number;
  nrFree: number;
  private readonly isSlotUsed: Uint8Array;
  private lowest = 1;

  /** Throws EINVAL as ClusterSlots does. */
  constructor(nrSlots: number) {
    checkNrSlots(nrSlots);
    this.nrSlots = nrSlots;
    this.nrFree = nrSlots - 1;
    this.isSlotUsed = new Uint8Array(nrSlots);
    this.isSlotUsed[0] = 1;
  }

  /** O(used slots above the last freed one). */
  allocSlot(): number {
    if (this.nrFree === 0) return -1;
    const offset = this.isSlotUsed.indexOf(0, this.lowest);
    if (offset < 0) bug(`${this.nrFree} swap slots are free, none from ${this.lowest} on`);
    this.isSlotUsed[offset] = 1;
    this.nrFree--;
    this.lowest = offset + 1;
    return offset;
  }

  freeSlot(offset: number): void {
    if (offset < 1 || offset >= this.nrSlots || this.isSlotUsed[offset] === 0) {
      bug(`swap slot ${offset} of ${this.nrSlots} is freed and not in use`);
    }
    this.isSlotUsed[offset] = 0;
    this.nrFree++;
    if (offset < this.lowest) this.lowest = offset;
  }

  isUsed(offset: number): boolean {
    return this.isSlotUsed[offset] !== 0;
  }

  checkInvariants(): void {
    let nrFree = 0;
    for (let offset = 0; offset < this.nrSlots; offset++) {
      if (this.isSlotUsed[offset] !== 0) continue;
      nrFree++;
      if (offset < this.lowest) bug(`swap slot ${offset} is free below the lowest, ${this.lowest}`);
    }
    if (nrFree !== this.nrFree) bug(`${nrFree} swap slots are free and ${this.nrFree} counted`);
  }
}
