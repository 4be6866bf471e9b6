/**
 * Tracepoints under Linux's names. An emitter holds a nullable {@link TraceSink} and tests it once per operation.
 * Source: Linux 6.18 include/trace/events/{kmem,vmscan,oom,mmap,tlb}.h, arch/x86/include/asm/trace/exceptions.h,
 * include/trace/events/{filemap,writeback}.h.
 */

export const TP_MM_PAGE_ALLOC = 0;
export const TP_MM_PAGE_FREE = 1;
export const TP_MM_PAGE_ALLOC_ZONE_LOCKED = 2;
export const TP_MM_PAGE_PCPU_DRAIN = 3;
export const TP_MM_PAGE_ALLOC_EXTFRAG = 4;
export const TP_KMEM_CACHE_ALLOC = 5;
export const TP_KMEM_CACHE_FREE = 6;
export const TP_PAGE_FAULT_USER = 7;
export const TP_MM_VMSCAN_KSWAPD_WAKE = 8;
export const TP_MM_VMSCAN_KSWAPD_SLEEP = 9;
export const TP_MM_VMSCAN_DIRECT_RECLAIM_BEGIN = 10;
export const TP_MM_VMSCAN_DIRECT_RECLAIM_END = 11;
export const TP_MM_VMSCAN_LRU_ISOLATE = 12;
export const TP_MM_VMSCAN_WRITE_FOLIO = 13;
export const TP_MM_VMSCAN_LRU_SHRINK_INACTIVE = 14;
export const TP_MM_VMSCAN_LRU_SHRINK_ACTIVE = 15;
export const TP_OOM_SCORE_ADJ_UPDATE = 16;
export const TP_MARK_VICTIM = 17;
export const TP_TLB_FLUSH = 18;
export const TP_PAGE_FAULT_KERNEL = 19;
export const TP_MM_FILEMAP_ADD_TO_PAGE_CACHE = 20;
export const TP_MM_FILEMAP_DELETE_FROM_PAGE_CACHE = 21;
export const TP_MM_FILEMAP_FAULT = 22;
export const TP_FILEMAP_SET_WB_ERR = 23;
export const TP_FILE_CHECK_AND_ADVANCE_WB_ERR = 24;
export const TP_WRITEBACK_DIRTY_FOLIO = 25;
export const TP_FOLIO_WAIT_WRITEBACK = 26;
export const TP_WRITEBACK_START = 27;
export const TP_WRITEBACK_WRITTEN = 28;
export const TP_WRITEBACK_PAGES_WRITTEN = 29;
export const TP_WRITEBACK_SINGLE_INODE_START = 30;
export const TP_WRITEBACK_SINGLE_INODE = 31;
export const TP_GLOBAL_DIRTY_STATE = 32;
export const TP_BALANCE_DIRTY_PAGES = 33;
export const TP_BDI_DIRTY_RATELIMIT = 34;

/** What the arguments of an event are called, by tracepoint. */
export const TRACEPOINTS: readonly { readonly name: string; readonly args: readonly string[] }[] = [
  { name: "mm_page_alloc", args: ["pfn", "order", "gfp_flags", "migratetype"] },
  { name: "mm_page_free", args: ["pfn", "order"] },
  { name: "mm_page_alloc_zone_locked", args: ["pfn", "order", "migratetype", "percpu_refill"] },
  { name: "mm_page_pcpu_drain", args: ["pfn", "order", "migratetype"] },
  { name: "mm_page_alloc_extfrag", args: ["pfn", "alloc_order", "fallback_order", "fallback_migratetype"] },
  { name: "kmem_cache_alloc", args: ["cache", "address", "gfp_flags"] },
  { name: "kmem_cache_free", args: ["cache", "address"] },
  { name: "page_fault_user", args: ["pid", "vpn", "error_code", "vm_fault"] },
  { name: "mm_vmscan_kswapd_wake", args: ["nid", "zid", "order"] },
  { name: "mm_vmscan_kswapd_sleep", args: ["nid"] },
  { name: "mm_vmscan_direct_reclaim_begin", args: ["order", "gfp_flags"] },
  { name: "mm_vmscan_direct_reclaim_end", args: ["nr_reclaimed"] },
  { name: "mm_vmscan_lru_isolate", args: ["nid", "lru", "nr_scanned", "nr_taken"] },
  { name: "mm_vmscan_write_folio", args: ["pfn", "swap_entry"] },
  { name: "mm_vmscan_lru_shrink_inactive", args: ["nid", "nr_scanned", "nr_reclaimed", "priority"] },
  { name: "mm_vmscan_lru_shrink_active", args: ["nid", "nr_taken", "nr_deactivated", "priority"] },
  { name: "oom_score_adj_update", args: ["pid", "oom_score_adj"] },
  { name: "mark_victim", args: ["pid", "total_vm_pages", "rss_pages", "oom_score_adj"] },
  { name: "tlb_flush", args: ["reason", "pages"] },
  { name: "page_fault_kernel", args: ["pid", "vpn", "error_code", "vm_fault"] },
  { name: "mm_filemap_add_to_page_cache", args: ["i_ino", "pfn", "index", "order"] },
  { name: "mm_filemap_delete_from_page_cache", args: ["i_ino", "pfn", "index", "order"] },
  { name: "mm_filemap_fault", args: ["i_ino", "index"] },
  { name: "filemap_set_wb_err", args: ["i_ino", "errno"] },
  { name: "file_check_and_advance_wb_err", args: ["file", "i_ino", "errno"] },
  { name: "writeback_dirty_folio", args: ["i_ino", "index"] },
  { name: "folio_wait_writeback", args: ["i_ino", "index"] },
  { name: "writeback_start", args: ["nr_pages", "reason", "for_kupdate", "for_background"] },
  { name: "writeback_written", args: ["nr_pages", "reason", "for_kupdate", "for_background"] },
  { name: "writeback_pages_written", args: ["pages"] },
  { name: "writeback_single_inode_start", args: ["i_ino", "state", "nr_to_write", "wrote"] },
  { name: "writeback_single_inode", args: ["i_ino", "state", "nr_to_write", "wrote"] },
  { name: "global_dirty_state", args: ["nr_dirty", "nr_writeback", "background_thresh", "dirty_thresh"] },
  { name: "balance_dirty_pages", args: ["dirty", "setpoint", "task_ratelimit", "pause"] },
  {
    name: "bdi_dirty_ratelimit",
    args: ["write_bw", "avg_write_bw", "dirty_ratelimit", "balanced_dirty_ratelimit"],
  },
];

/** Receives events; numbers only, in the order of {@link TRACEPOINTS}' args. Called on hot paths: do not allocate. */
export interface TraceSink {
  emit(tracepoint: number, a: number, b: number, c: number, d: number): void;
}
