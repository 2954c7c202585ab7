// The node agent: Services, slices and one Node in, rules in the kernel out. Invariants: nothing is written before the
// whole state has been read, nothing when nothing changed, and what failed stays due; ending the agent leaves the
// rules. To the API server it writes events and the Lease of its node, never Services or Nodes.
export { affinityNotes } from "./affinity-limit.ts";
export { runAgent } from "./agent.ts";
export { tellFailedStart } from "./agent-events.ts";
export type { AgentOptions } from "./agent-options.ts";
export { cleanUp } from "./cleanup.ts";
export { dropsInvalid, inspectHost, requireNetAdmin } from "./host.ts";
export { applyHostSettings, type HostSettings, kernelFiles } from "./host-settings.ts";
export { inspectIptables } from "./iptables-host.ts";
export { findLivePeer, peerAddresses } from "./live-peer.ts";
export type { LocalTrafficDetector, NodeSettings } from "./node-facts.ts";
export { localhostNodePorts } from "./node-port-addresses.ts";
export { chainNames, isChainPrefix, kubePrefix, maxChainPrefix } from "./plan/index.ts";
export { type VipRouteMode, vipRouteModes } from "./vip-routes.ts";
