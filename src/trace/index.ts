// What becomes of a packet: sends the first packet of a connection through the rules of a node (an `iptables-save`, or
// a planned program) as netfilter does, along every way that chance leaves open. Invariant: pure, and nothing is
// guessed; a rule that cannot be evaluated is an error that names it. Knows no connection tracking table and no ipset.
export { type CompiledRules, compileRules } from "./compile.ts";
export type { Packet, TracedNode } from "./flight.ts";
export { formatTrace } from "./text.ts";
export { type Trace, type TraceOptions, trace } from "./trace.ts";
export { TraceError } from "./walk.ts";
