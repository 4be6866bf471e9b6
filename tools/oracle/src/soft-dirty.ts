/** Takes soft-dirty out of observations: kernels without it write neither the `d` of pagemap nor the `sd` of VmFlags. */
import { isObject, type Json, type Observation } from "./observations.ts";
import { joinRuns, parseRuns, runsToJson } from "./runs.ts";

/**
 * The observation without soft-dirty. Runs that are equal then are joined, also where two VMAs meet, which the runs of
 * a kernel without soft-dirty do not show either: so both sides of a comparison go through here.
 */
export function withoutSoftDirty(observation: Observation): Observation {
  const fields = new Map(observation.fields);
  const pagemap = parseRuns(fields.get("pagemap"));
  if (pagemap !== null) {
    const runs = pagemap.map((run) => ({ ...run, text: run.text.replaceAll("d", "") }));
    fields.set("pagemap", runsToJson(joinRuns(runs)));
  }
  const smaps = fields.get("smaps");
  if (Array.isArray(smaps)) fields.set("smaps", (smaps as readonly Json[]).map(vmaWithoutSoftDirty));
  return { ...observation, fields };
}

function vmaWithoutSoftDirty(vma: Json): Json {
  if (!isObject(vma)) return vma;
  const { VmFlags: flags } = vma;
  if (typeof flags !== "string") return vma;
  const kept = flags.split(" ").filter((flag) => flag !== "sd");
  return { ...vma, VmFlags: kept.join(" ") };
}
