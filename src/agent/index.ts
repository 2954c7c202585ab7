// The node agent: Services, slices and one Node in, rules in the kernel out. Invariants: nothing is written before the
// whole state has been read, nothing when nothing changed, and what failed stays due; ending the agent leaves the
// rules. Writes nothing to the API server.
export { type AgentOptions, runAgent } from "./agent.ts";
export { cleanUp } from "./cleanup.ts";
export { inspectHost, requireNetAdmin } from "./host.ts";
export { inspectIptables } from "./iptables-host.ts";
