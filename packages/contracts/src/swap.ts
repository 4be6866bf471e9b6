/** The swap seats: where slots are, and where bytes go. */

/** Stores pages of one swap area, addressed by slot offset. The package stays platform-free: files are injected. */
export interface SwapBackend {
  readonly name: string;
  /** Pages that fit, the header page (offset 0) included. */
  readonly nrPages: number;
  /** Reads 4096 bytes of a slot into `into`. Returns 0 or -EIO. */
  readPage(offset: number, into: Uint8Array): number;
  /** Writes 4096 bytes to a slot. Returns 0, -EIO or -ENOSPC. */
  writePage(offset: number, from: Uint8Array): number;
  /**
   * Called instead of the two above where pages have no bytes (contents mode none). A backend without it always
   * succeeds then. Returns 0 or -errno.
   */
  ioWithoutBytes?(offset: number, isWrite: boolean): number;
  /** Releases the store (swapoff). */
  close(): void;
}

/** Chooses slots of one area. */
export interface SwapSlots {
  readonly name: string;
  /** Slots in the area, the header's included. */
  readonly nrSlots: number;
  readonly nrFree: number;
  /** Takes a slot; returns its offset (>= 1) or -1 when the area is full. */
  allocSlot(): number;
  freeSlot(offset: number): void;
  isUsed(offset: number): boolean;
  checkInvariants(): void;
}
