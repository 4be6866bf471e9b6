/** What status tells of a process, as far as it is observed. */
import { type Kernel, type Task } from "@pageframe/kernel";
import { taskMemFields } from "@pageframe/procfs";
import { STATUS_FIELDS, type StatusValues } from "./script-process.ts";

/** The lines of status that are observed, in KiB. Of a process that has ended all are 0. */
export function statusValues(kernel: Kernel, task: Task): StatusValues {
  const mem = kernel.proc.mem(task);
  const values = new Map(mem === null ? [] : taskMemFields(mem));
  return Object.fromEntries(STATUS_FIELDS.map((name) => [name, values.get(name) ?? 0]));
}
