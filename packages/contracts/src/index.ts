/**
 * The vocabulary is the package: every export of these files is public, so they are re-exported whole. Other packages
 * list their exports by name.
 */
export * from "./access-run.ts";
export * from "./address-space.ts";
export * from "./asid-allocator.ts";
export * from "./bit-names.ts";
export * from "./block-device.ts";
export * from "./clone-flags.ts";
export * from "./counters.ts";
export * from "./errno.ts";
export * from "./external-state.ts";
export * from "./fault.ts";
export * from "./file-event.ts";
export * from "./file-flags.ts";
export * from "./file-system.ts";
export * from "./frame-allocator.ts";
export * from "./gfp.ts";
export * from "./gup-flags.ts";
export * from "./hashed-table.ts";
export * from "./inverted-table.ts";
export * from "./memory-advice.ts";
export * from "./numa-policy.ts";
export * from "./object-allocator.ts";
export * from "./oom-policy.ts";
export * from "./page-flags.ts";
export * from "./page-table.ts";
export * from "./program-memory.ts";
export * from "./pte.ts";
export * from "./pte32.ts";
export * from "./readahead-policy.ts";
export * from "./reclaim-policy.ts";
export * from "./riscv-pte.ts";
export * from "./seat.ts";
export * from "./swap-entry.ts";
export * from "./swap.ts";
export * from "./syscall-event.ts";
export * from "./tlb-events.ts";
export * from "./tlb.ts";
export * from "./trace-source.ts";
export * from "./tracepoints.ts";
export * from "./units.ts";
export * from "./userfaultfd.ts";
export * from "./vm-flags.ts";
export * from "./zones.ts";
