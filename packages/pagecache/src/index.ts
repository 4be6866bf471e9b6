/** Page cache: index of a file's pages with marks, readahead policies, writeback limits, errors seen once. */
export { ERRSEQ_NONE, errseqAdvance, errseqCheck, errseqSample, errseqSet } from "./errseq.ts";
export { isShadowEntry, shadowOfEntry } from "./page-index-entry.ts";
export {
  PageIndex,
  PAGECACHE_TAG_DIRTY,
  PAGECACHE_TAG_TOWRITE,
  PAGECACHE_TAG_WRITEBACK,
} from "./page-index.ts";
export { PageIndexPool } from "./page-index-pool.ts";
export { MAX_INDEX_ORDER, MAX_PGOFF } from "./page-index-tree.ts";
export {
  adviseReadahead,
  newReadaheadState,
  POSIX_FADV_DONTNEED,
  POSIX_FADV_NOREUSE,
  POSIX_FADV_NORMAL,
  POSIX_FADV_RANDOM,
  POSIX_FADV_SEQUENTIAL,
  POSIX_FADV_WILLNEED,
  VM_READAHEAD_PAGES,
} from "./readahead/file-readahead-state.ts";
export { forcedPages, forcedWindows, FORCED_CHUNK_PAGES } from "./readahead/forced.ts";
export { LinuxReadahead, MMAP_LOTSAMISS } from "./readahead/linux-readahead.ts";
export { FixedReadahead, NoReadahead } from "./readahead/plain-readahead.ts";
export { readaheadPolicies, type ReadaheadPolicyConfig } from "./readahead/readahead-policies.ts";
export { foliosOfWindow, WindowFolios, type WindowFolio } from "./readahead/window-folios.ts";
export {
  afterPause,
  balanceDirtyPages,
  isBalanceDue,
  newThrottleDecision,
  type ThrottleDecision,
  wbStatError,
} from "./writeback/balance-dirty-pages.ts";
export {
  bandwidthInterval,
  isBandwidthDue,
  startBandwidthEstimate,
  updateBandwidth,
  updateBandwidthAndRatelimit,
  wbMaxPause,
  wbMinPause,
  type PausePlan,
} from "./writeback/bandwidth.ts";
export {
  dirtyLimits,
  dirtyPollInterval,
  freerunCeiling,
  globalDirtyableMemory,
  nodeDirtyableMemory,
  nodeDirtyLimit,
  ratelimitPages,
  type DirtyLimits,
} from "./writeback/dirty-limits.ts";
export {
  DIRTY_SYSCTL_FILES,
  DIRTY_SYSCTL_SET_DIRTYTIME_TIMER,
  DIRTY_SYSCTL_SET_RATELIMIT,
  DIRTY_SYSCTL_WAKE_FLUSHERS,
  newDirtySysctls,
  writeDirtySysctl,
  type DirtySysctlName,
  type DirtySysctls,
} from "./writeback/dirty-sysctls.ts";
export {
  FLUSH_DONE,
  FLUSH_WAIT,
  FLUSH_WORK_DONE,
  FLUSH_WRITE,
  Flusher,
  MIN_WRITEBACK_PAGES,
  NO_SUPER,
  NR_ALL_PAGES,
  WB_REASON_BACKGROUND,
  WB_REASON_FOREIGN_FLUSH,
  WB_REASON_FORKER_THREAD,
  WB_REASON_FS_FREE_SPACE,
  WB_REASON_LAPTOP_TIMER,
  WB_REASON_PERIODIC,
  WB_REASON_SYNC,
  WB_REASON_VMSCAN,
  writebackChunkSize,
  type FlusherView,
  type WritebackWork,
} from "./writeback/flusher.ts";
export {
  B_DIRTY,
  B_DIRTY_TIME,
  B_IO,
  B_MORE_IO,
  B_NONE,
  I_DIRTY,
  I_DIRTY_ALL,
  I_DIRTY_DATASYNC,
  I_DIRTY_INODE,
  I_DIRTY_PAGES,
  I_DIRTY_SYNC,
  I_DIRTY_TIME,
  I_SYNC,
  I_SYNC_QUEUED,
  InodeQueues,
  NO_INODE,
  type InodeWritten,
} from "./writeback/inode-queues.ts";
export {
  dirtySetpoint,
  posRatioPolynom,
  RATELIMIT_CALC_SHIFT,
  wbPositionRatio,
} from "./writeback/position-ratio.ts";
export {
  addEvents,
  FPROP_FRAC_BASE,
  localEvents,
  newGlobalProportion,
  newLocalProportion,
  newPeriod,
  shareBase,
  type GlobalProportion,
  type LocalProportion,
} from "./writeback/proportions.ts";
export { centisecsToJiffies, DEFAULT_HZ, jiffiesOf, nsOfJiffies, timerExpiry } from "./writeback/units.ts";
export {
  hardDirtyLimit,
  isOverBgThresh,
  newDirtyPosition,
  placeDevice,
  placeMachine,
  wbCalcThresh,
  type DirtyCounts,
  type DirtyPosition,
} from "./writeback/wb-share.ts";
export {
  accountDirtied,
  accountRedirty,
  accountWritten,
  BDI_RATIO_SCALE,
  exitTask,
  INIT_BW,
  INIT_DIRTIED_PAUSE,
  newWbCpu,
  newWbDevice,
  newWbDomain,
  newWbTask,
  setMaxRatio,
  setMinRatio,
  setRatelimit,
  type WbCpu,
  type WbDevice,
  type WbDomain,
  type WbTask,
  writeoutPeriod,
} from "./writeback/wb-state.ts";
