export { buildFallbackOrders, buildZonelists, fallbackOrderText } from "./fallback-order.ts";
export {
  LOCAL_DISTANCE,
  NumaTopology,
  type NumaTopologyConfig,
  parseDistances,
  REMOTE_DISTANCE,
  uniformTopology,
} from "./numa-topology.ts";
export {
  bindPolicy,
  type BindPolicy,
  interleavePolicy,
  localPolicy,
  type NumaPolicyConfig,
  numaPolicies,
  parseNodeList,
  preferredPolicy,
  weightedInterleavePolicy,
} from "./numa-policies.ts";
