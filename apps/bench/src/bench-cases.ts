/** All cases, in the order in which they are measured and shown. */
import { type BenchCase } from "./bench-case.ts";
import { buddyCases } from "./cases/buddy.ts";
import { fileCases } from "./cases/files.ts";
import { kernelCases } from "./cases/kernel.ts";
import { lackeyCases } from "./cases/lackey.ts";
import { replayCases } from "./cases/replay.ts";
import { syscallCases } from "./cases/syscalls.ts";
import { tableCases } from "./cases/tables.ts";
import { translationCases } from "./cases/translation.ts";

export const benchCases: readonly BenchCase[] = [
  ...buddyCases,
  ...translationCases,
  ...tableCases,
  ...lackeyCases,
  ...replayCases,
  ...syscallCases,
  ...fileCases,
  ...kernelCases,
];

/** Names of the groups, in order. */
export const groupNames: readonly string[] = [...new Set(benchCases.map(({ group }) => group))];
