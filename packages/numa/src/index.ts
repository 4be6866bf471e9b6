export { buildFallbackOrders, buildZonelists, fallbackOrderText } from "./fallback-order.ts";
export {
  LOCAL_DISTANCE,
  NumaTopology,
  type NumaTopologyConfig,
  parseDistances,
  REMOTE_DISTANCE,
  uniformTopology,
} from "./numa-topology.ts";
export { type NumaPolicyConfig, numaPolicies, parseNodeList } from "./numa-policies.ts";
