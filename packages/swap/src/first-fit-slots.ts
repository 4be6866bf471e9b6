/**
 * Slots of a swap area, lowest free one first: keeps an area dense at its start. Hot: per page swapped.
 *
 *     isSlotUsed  uint8 per slot; the header's slot 0 is used for good
 *     nrFreeOf    int16 per block of 256 slots: free ones in it
 *     lowest      no block below it has a free slot
 */
import { bug, type SwapSlots } from "@pageframe/contracts";
import { checkNrSlots } from "./cluster-slots.ts";

const BLOCK_SHIFT = 8;
const BLOCK_SLOTS: number = 1 << BLOCK_SHIFT;

/** Lowest slot first: `first-fit`. */
export class FirstFitSlots implements SwapSlots {
  readonly name = "first-fit";
  readonly nrSlots: number;
  nrFree: number;
  private readonly isSlotUsed: Uint8Array;
  private readonly nrFreeOf: Int16Array;
  private lowest = 0;

  /** Throws EINVAL as ClusterSlots does. */
  constructor(nrSlots: number) {
    checkNrSlots(nrSlots);
    this.nrSlots = nrSlots;
    this.nrFree = nrSlots - 1;
    this.isSlotUsed = new Uint8Array(nrSlots);
    this.isSlotUsed[0] = 1;
    this.nrFreeOf = new Int16Array(Math.ceil(nrSlots / BLOCK_SLOTS)).fill(BLOCK_SLOTS);
    this.nrFreeOf[0]--;
    this.nrFreeOf[this.nrFreeOf.length - 1] -= this.nrFreeOf.length * BLOCK_SLOTS - nrSlots;
  }

  /** O(full blocks above the last freed slot). */
  allocSlot(): number {
    if (this.nrFree === 0) return -1;
    let block = this.lowest;
    while (this.nrFreeOf[block] === 0) block++;
    this.lowest = block;
    let offset = block << BLOCK_SHIFT;
    while (this.isSlotUsed[offset] !== 0) offset++;
    this.isSlotUsed[offset] = 1;
    this.nrFreeOf[block]--;
    this.nrFree--;
    return offset;
  }

  freeSlot(offset: number): void {
    if (offset < 1 || offset >= this.nrSlots || this.isSlotUsed[offset] === 0) {
      bug(`swap slot ${offset} of ${this.nrSlots} is freed and not in use`);
    }
    const block = offset >>> BLOCK_SHIFT;
    this.isSlotUsed[offset] = 0;
    this.nrFreeOf[block]++;
    this.nrFree++;
    if (block < this.lowest) this.lowest = block;
  }

  isUsed(offset: number): boolean {
    return this.isSlotUsed[offset] !== 0;
  }

  checkInvariants(): void {
    let nrFree = 0;
    for (let block = 0; block < this.nrFreeOf.length; block++) {
      let nrFreeHere = 0;
      const end = Math.min((block + 1) * BLOCK_SLOTS, this.nrSlots);
      for (let offset = block * BLOCK_SLOTS; offset < end; offset++) {
        if (this.isSlotUsed[offset] === 0) nrFreeHere++;
      }
      if (nrFreeHere !== this.nrFreeOf[block]) {
        bug(`block ${block} has ${nrFreeHere} free swap slots and counts ${this.nrFreeOf[block]}`);
      }
      if (nrFreeHere > 0 && block < this.lowest)
        bug(`block ${block} has free swap slots below ${this.lowest}`);
      nrFree += nrFreeHere;
    }
    if (nrFree !== this.nrFree) bug(`${nrFree} swap slots are free and ${this.nrFree} counted`);
  }
}
