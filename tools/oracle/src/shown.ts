/** What a kernel shows of memory, as its records tell: kernels are built with different options. */
import { isObject, type Json, type Observation } from "./observations.ts";
import { parseRuns } from "./runs.ts";

/** What kernels of one version may show or not. */
export interface Shown {
  /** Writes to pages: `d` in pagemap, `sd` in VmFlags (CONFIG_MEM_SOFT_DIRTY). */
  readonly softDirty: boolean;
  /** `gu` in VmFlags of mappings that have had guard pages. */
  readonly guardVmFlag: boolean;
  /** `K` in kpageflags of every anonymous page. */
  readonly ksmFlagOnAnonymous: boolean;
}

/** What the kernel of the shared records shows, and the model after it. */
export const SHOWN_BY_MODEL: Shown = { softDirty: true, guardVmFlag: false, ksmFlagOnAnonymous: true };

/** What records tell of the kernel that made them. */
export interface ShownByRecords {
  /** What they tell; nothing of what no record could have shown. */
  readonly shown: Partial<Shown>;
  /** Keys of status that some record has; null when there is no status. */
  readonly statusKeys: ReadonlySet<string> | null;
}

/** Reads from the records of one kernel what it shows. O(size of the records). */
export function shownByRecords(records: readonly (readonly Observation[])[]): ShownByRecords {
  let nrMappings = 0;
  let nrAnonymous = 0;
  let hasSoftDirty = false;
  let hasGuardFlag = false;
  let hasKsmFlag = false;
  let statusKeys: Set<string> | null = null;
  for (const { fields } of records.flat()) {
    for (const flags of vmFlagsOf(fields.get("smaps"))) {
      nrMappings++;
      hasSoftDirty ||= flags.includes("sd");
      hasGuardFlag ||= flags.includes("gu");
    }
    for (const { text } of parseRuns(fields.get("pagemap")) ?? []) {
      nrMappings++;
      hasSoftDirty ||= text.includes("d");
    }
    for (const { text } of parseRuns(fields.get("kpf")) ?? []) {
      if (text.includes("A")) nrAnonymous++;
      hasKsmFlag ||= text.includes("K");
    }
    const status = fields.get("status");
    if (isObject(status)) statusKeys = new Set([...(statusKeys ?? []), ...Object.keys(status)]);
  }
  return {
    shown: {
      ...(nrMappings > 0 ? { softDirty: hasSoftDirty } : {}),
      ...(hasGuardFlag ? { guardVmFlag: true } : {}),
      ...(nrAnonymous > 0 ? { ksmFlagOnAnonymous: hasKsmFlag } : {}),
    },
    statusKeys,
  };
}

function vmFlagsOf(smaps: Json | undefined): string[][] {
  if (!Array.isArray(smaps)) return [];
  return (smaps as readonly Json[]).flatMap((vma) => {
    if (!isObject(vma)) return [];
    const { VmFlags: flags } = vma;
    return typeof flags === "string" ? [flags.split(" ")] : [];
  });
}
