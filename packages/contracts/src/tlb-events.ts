/**
 * What is told and counted about TLB flushes. The counters stand in /proc/vmstat only of kernels with CONFIG_DEBUG_TLBFLUSH.
 * Source: Linux 6.18 include/linux/mm_types.h, enum tlb_flush_reason; include/linux/vm_event_item.h; mm/vmstat.c.
 */

/** Reasons of a tlb_flush event. */
export const TLB_FLUSH_ON_TASK_SWITCH = 0;
export const TLB_REMOTE_SHOOTDOWN = 1;
export const TLB_LOCAL_SHOOTDOWN = 2;
export const TLB_LOCAL_MM_SHOOTDOWN = 3;
export const TLB_REMOTE_SEND_IPI = 4;
export const TLB_REMOTE_WRONG_CPU = 5;

/** In place of a number of pages or of a range's end: everything of the address space. */
export const TLB_FLUSH_ALL = -1;

/** Counters of flushes, one set per CPU. */
export const TLB_EVENT_NAMES: readonly string[] = [
  "nr_tlb_remote_flush",
  "nr_tlb_remote_flush_received",
  "nr_tlb_local_flush_all",
  "nr_tlb_local_flush_one",
];

export const NR_TLB_REMOTE_FLUSH = 0;
export const NR_TLB_REMOTE_FLUSH_RECEIVED = 1;
export const NR_TLB_LOCAL_FLUSH_ALL = 2;
export const NR_TLB_LOCAL_FLUSH_ONE = 3;
