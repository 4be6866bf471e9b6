/**
 * A right that a CPU gave a page by itself, without a fault of the program's: its own TLB is behind, and nobody tells it.
 * Before it raises a fault for want of a right it walks the tables once more, and finds it.
 * Source: recorded on Linux 6.18, x86-64: a write after MADV_POPULATE_WRITE to a page that was read takes no fault. Differs: what the
 * TLB held goes when the right is given, and other CPUs fault once (Intel SDM vol. 3A section 5.10.4.3 allows both).
 */
import { type Vpn } from "@pageframe/contracts";
import { type System } from "../system.ts";
import { type Mm } from "../task.ts";
import { flushAsidRange } from "./kpti.ts";

/** Forgets what the CPU that the kernel works on holds of a page. */
export function walkAgain(sys: System, mm: Mm, vpn: Vpn): void {
  const cpu = sys.cpus[sys.currentCpu];
  if (cpu.loadedMm === mm) flushAsidRange(cpu, vpn, 1, sys.asids.loadedAsid(cpu.id));
}
