/**
 * How much of a folio is still to be transferred: several bios may carry parts of one. Hot: per folio read or written.
 *
 * While a folio is read or written, the memmap's `private` of its head counts its pages that are still to come, times two, plus
 * one when a part has failed. Source: Linux 6.18 fs/iomap/buffered-io.c, struct iomap_folio_state.
 */
import { EIO, NO_SWAP_ENTRY, PG_LOCKED, PG_UPTODATE, type Pfn } from "@pageframe/contracts";
import { type System } from "../system.ts";

/** `nrPages` of a folio are about to be transferred. */
export function beginFolioIo(sys: System, folio: Pfn, nrPages: number): void {
  sys.memmap.private[folio] = nrPages * 2;
}

/** Some pages of a folio are done. True with the last. */
export function endPartOfFolio(sys: System, folio: Pfn, nrPages: number, status: number): boolean {
  const words = sys.memmap.private;
  words[folio] -= nrPages * 2;
  if (status < 0) words[folio] |= 1;
  return words[folio] >> 1 === 0;
}

/** Whether a folio that is done has failed: 0 or -EIO. */
export function takeFolioStatus(sys: System, folio: Pfn): number {
  const hasFailed = (sys.memmap.private[folio] & 1) !== 0;
  sys.memmap.private[folio] = NO_SWAP_ENTRY;
  return hasFailed ? -EIO : 0;
}

/** Some pages of a locked folio were read: with the last it is up to date, unless a part has failed, and unlocked. */
export function endFolioRead(sys: System, folio: Pfn, nrPages: number, status: number): void {
  if (!endPartOfFolio(sys, folio, nrPages, status)) return;
  if (takeFolioStatus(sys, folio) === 0) sys.memmap.setFlags(folio, PG_UPTODATE);
  sys.memmap.clearFlags(folio, PG_LOCKED);
}
