/**
 * /proc/PID/smaps and smaps_rollup.
 * Source: Linux 6.18 fs/proc/task_mmu.c, struct mem_size_stats, __show_smap(), show_smap(), show_smaps_rollup().
 */
import { PAGE_SIZE } from "@pageframe/contracts";
import { formatMapsLine, type MapsEntry } from "./maps.ts";
import { padded } from "./text.ts";
import { vmFlagCodes } from "./vm-flag-codes.ts";

/** Fraction bits of proportional sizes (PSS_SHIFT). */
export const PSS_SHIFT = 12;

/** What the pages of a mapping add up to, in bytes; names with `pss` in bytes << PSS_SHIFT. */
export interface MemSizeStats {
  resident: number;
  pss: number;
  pssDirty: number;
  pssAnon: number;
  pssFile: number;
  pssShmem: number;
  pssLocked: number;
  sharedClean: number;
  sharedDirty: number;
  privateClean: number;
  privateDirty: number;
  referenced: number;
  anonymous: number;
  ksm: number;
  lazyfree: number;
  anonymousThp: number;
  shmemThp: number;
  fileThp: number;
  sharedHugetlb: number;
  privateHugetlb: number;
  swap: number;
  swapPss: number;
}

/** One mapping and its pages. */
export interface SmapsEntry extends MapsEntry {
  readonly stats: MemSizeStats;
  readonly kernelPageBytes: number;
  readonly mmuPageBytes: number;
  readonly isThpEligible: boolean;
  /** Protection key; absent on a machine without them. */
  readonly protectionKey?: number | undefined;
  /** VM_* bits. */
  readonly vmFlags: number;
}

/** All mappings of a process as one. */
export interface SmapsRollup {
  /** Page of the first mapping, and past the last; both 0 without any. */
  readonly startVpn: number;
  readonly endVpn: number;
  readonly stats: MemSizeStats;
}

/** Name of a line and its value: in KiB, but for THPeligible and ProtectionKey. */
export type SmapsField = readonly [name: string, value: number];

const KIB = 1024;
/** Column where the digits of a line start, and how many they are. */
const VALUE_COLUMN = 16;
const VALUE_DIGITS = 8;

/** Makes stats of no page. */
export function emptyMemSizeStats(): MemSizeStats {
  return {
    resident: 0,
    pss: 0,
    pssDirty: 0,
    pssAnon: 0,
    pssFile: 0,
    pssShmem: 0,
    pssLocked: 0,
    sharedClean: 0,
    sharedDirty: 0,
    privateClean: 0,
    privateDirty: 0,
    referenced: 0,
    anonymous: 0,
    ksm: 0,
    lazyfree: 0,
    anonymousThp: 0,
    shmemThp: 0,
    fileThp: 0,
    sharedHugetlb: 0,
    privateHugetlb: 0,
    swap: 0,
    swapPss: 0,
  };
}

/** Collects the numbers of one mapping in the order of its lines; VmFlags, which is no number, is not among them. */
export function smapsFields(entry: SmapsEntry): SmapsField[] {
  const { stats, kernelPageBytes, mmuPageBytes, isThpEligible, protectionKey } = entry;
  return [
    ["Size", kibOf((entry.endVpn - entry.startVpn) * PAGE_SIZE)],
    ["KernelPageSize", kibOf(kernelPageBytes)],
    ["MMUPageSize", kibOf(mmuPageBytes)],
    ...statFields(stats, []),
    ["THPeligible", isThpEligible ? 1 : 0],
    ...(protectionKey === undefined ? [] : [["ProtectionKey", protectionKey] as const]),
  ];
}

/** Collects the numbers of smaps_rollup in the order of its lines. */
export function smapsRollupFields(rollup: SmapsRollup): SmapsField[] {
  const { pssAnon, pssFile, pssShmem } = rollup.stats;
  return statFields(rollup.stats, [
    ["Pss_Anon", kibOfPss(pssAnon)],
    ["Pss_File", kibOfPss(pssFile)],
    ["Pss_Shmem", kibOfPss(pssShmem)],
  ]);
}

/** Writes /proc/PID/smaps. */
export function formatSmaps(entries: readonly SmapsEntry[]): string {
  return entries
    .map((entry) => {
      const flags = `VmFlags: ${vmFlagCodes(entry.vmFlags)}\n`;
      return `${formatMapsLine(entry)}\n${smapsFields(entry).map(fieldLine).join("")}${flags}`;
    })
    .join("");
}

/** Writes /proc/PID/smaps_rollup. */
export function formatSmapsRollup(rollup: SmapsRollup): string {
  const line = formatMapsLine({
    startVpn: rollup.startVpn,
    endVpn: rollup.endVpn,
    perms: "---p",
    pgoff: 0,
    devMajor: 0,
    devMinor: 0,
    inode: 0,
    name: "[rollup]",
  });
  return `${line}\n${smapsRollupFields(rollup).map(fieldLine).join("")}`;
}

function statFields(stats: MemSizeStats, pssByKind: readonly SmapsField[]): SmapsField[] {
  return [
    ["Rss", kibOf(stats.resident)],
    ["Pss", kibOfPss(stats.pss)],
    ["Pss_Dirty", kibOfPss(stats.pssDirty)],
    ...pssByKind,
    ["Shared_Clean", kibOf(stats.sharedClean)],
    ["Shared_Dirty", kibOf(stats.sharedDirty)],
    ["Private_Clean", kibOf(stats.privateClean)],
    ["Private_Dirty", kibOf(stats.privateDirty)],
    ["Referenced", kibOf(stats.referenced)],
    ["Anonymous", kibOf(stats.anonymous)],
    ["KSM", kibOf(stats.ksm)],
    ["LazyFree", kibOf(stats.lazyfree)],
    ["AnonHugePages", kibOf(stats.anonymousThp)],
    ["ShmemPmdMapped", kibOf(stats.shmemThp)],
    ["FilePmdMapped", kibOf(stats.fileThp)],
    ["Shared_Hugetlb", kibOf(stats.sharedHugetlb)],
    ["Private_Hugetlb", kibOf(stats.privateHugetlb)],
    ["Swap", kibOf(stats.swap)],
    ["SwapPss", kibOfPss(stats.swapPss)],
    ["Locked", kibOfPss(stats.pssLocked)],
  ];
}

function kibOf(nrBytes: number): number {
  return Math.floor(nrBytes / KIB);
}

function kibOfPss(pss: number): number {
  return Math.floor(pss / 2 ** PSS_SHIFT / KIB);
}

/** One line: `Private_Hugetlb:` is a letter longer than the column, and takes it from the digits. */
function fieldLine([name, value]: SmapsField): string {
  const label = `${name}:`.padEnd(VALUE_COLUMN);
  const hasUnit = name !== "THPeligible" && name !== "ProtectionKey";
  return `${label}${padded(value, VALUE_COLUMN + VALUE_DIGITS - label.length)}${hasUnit ? " kB" : ""}\n`;
}
