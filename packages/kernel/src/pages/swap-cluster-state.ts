/** What readahead from swap by slots remembers, for the whole machine. Source: Linux 6.18 mm/swap_state.c, swapin_nr_pages(). */
export class SwapClusterState {
  /** Pages read ahead that were used since the last window was chosen (swapin_readahead_hits). */
  nrHits = 4;
  /** Slot of the last read that no hit told about. */
  prevOffset = 0;
  /** Last window. */
  nrPages = 0;
}
