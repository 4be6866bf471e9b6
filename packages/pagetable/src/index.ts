export { type EntryTop } from "./entry-area.ts";
export { HashedPageTable } from "./hashed-page-table.ts";
export { InvertedPageTable } from "./inverted-page-table.ts";
export { InvertedTable } from "./inverted-table.ts";
export {
  FIXMAP_PMD_NUM,
  KernelHalf,
  type KernelHalfConfig,
  type KernelImage,
  PTE_KERNEL_LO,
} from "./kernel-half.ts";
export {
  DIRECT_MAP_VPN,
  directMapVpn,
  KERNEL_HALF_VPN,
  PAE,
  RADIX4,
  RADIX5,
  type RadixLayout,
  SV39,
  SV48,
  VMALLOC_START_VPN,
  VPN_LIMIT,
} from "./layout.ts";
export { PageTable32 } from "./page-table32.ts";
export { pageTables } from "./page-tables.ts";
export { type PageTableConfig } from "./page-table-config.ts";
export { RadixPageTable } from "./radix-page-table.ts";
export { TableCounts, type SharedHalf } from "./table-counts.ts";
export { UserRoot } from "./user-root.ts";
export { decodePte, type DecodedPte, decodeRiscvPte } from "./walk.ts";
