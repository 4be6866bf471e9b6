/** Settings of the machine: sysctl and sysfs. */
import { type Kernel } from "@pageframe/kernel";
import { notModelled } from "./not-modelled-error.ts";
import { type OperationOf } from "./script.ts";

/** Applies a setting. Returns the result of the write, and the value read back. */
export function applySetting(
  kernel: Kernel,
  { key, value }: OperationOf<"sysctl">,
): { r: number; now: string } {
  const number = /^\d+$/.test(value) ? Number(value) : -1;
  switch (key) {
    case "vm/overcommit_memory":
      kernel.sys.vmCommit.overcommitMemory = number;
      break;
    case "vm/overcommit_ratio":
      kernel.sys.vmCommit.overcommitRatio = number;
      break;
    default:
      return notModelled(`the setting ${key}`);
  }
  return { r: 0, now: value };
}
