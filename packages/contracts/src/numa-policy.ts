/** The NUMA seat: on which node a task's next page should be. */
import type { NodeId, Vpn } from "./units.ts";

/** Chooses the preferred node of an allocation. Hot: per page fault. */
export interface NumaPolicy {
  readonly name: string;
  /** `cpuNode` is the node of the CPU that faults, `vpn` the page it faults on, `pid` the task. */
  preferredNode(cpuNode: NodeId, vpn: Vpn, pid: number): NodeId;
}
