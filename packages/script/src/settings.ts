/** Settings of the machine: sysctl and sysfs. */
import { ENOENT } from "@pageframe/contracts";
import { type Kernel } from "@pageframe/kernel";
import { notModelled } from "./not-modelled-error.ts";
import { type OperationOf } from "./script.ts";

/** Applies a setting. Returns the result of the write, and the value read back: empty when it is only written. */
export function applySetting(
  kernel: Kernel,
  { key, value }: OperationOf<"sysctl">,
): { r: number; now: string } {
  const name = key.replace(/^\/proc\/sys\//, "");
  const r = kernel.setSysctl(name, value);
  if (r === -ENOENT) notModelled(`the setting ${key}`);
  const now = kernel.sysctl(name);
  return { r, now: typeof now === "string" ? now : "" };
}
