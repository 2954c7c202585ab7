import { type CompiledRules, type TracedNode, type TraceOptions, trace } from "../index.ts";

/** Who sends in scenarios, by kube-proxy's own test network. */
const senders: Readonly<Record<string, string>> = {
  pod: "10.0.0.2",
  node: "192.168.0.2",
  "node, second address": "192.168.1.2",
  client: "203.0.113.2",
  stranger: "203.0.113.130",
  localhost: "127.0.0.1",
  pod6: "fd00:10::2",
  node6: "2001:db8::1",
  client6: "2001:db8:cafe::2",
  localhost6: "::1",
};

export const machine: TracedNode = {
  addresses: ["192.168.0.2", "192.168.1.2", "10.180.255.1", "2001:db8::1", "2001:db8:1::2"],
};

/** From whom, or from which address, with ` via INTERFACE` behind it. */
function sender(from: string): { readonly source: string; readonly interface?: string } {
  const [who = "", via] = from.split(" via ");
  const source = senders[who] ?? who;
  return via === undefined ? { source } : { source, interface: via };
}

/**
 * Sends a packet to `address:port` or `address:port/protocol` and says in one line what becomes of it: the endpoints
 * that it may reach or the verdict, and `masqueraded` if any of them sees another source.
 */
export function send(
  rules: CompiledRules,
  from: string,
  to: string,
  options: TraceOptions = {},
  node: TracedNode = machine,
): string {
  const [, v6, v4, port, protocol = "tcp"] = /^(?:\[(.*)\]|([^:]*)):(\d+)(?:\/(.*))?$/.exec(to) ?? [];
  const packet = { ...sender(from), destination: v6 ?? v4 ?? "", port: Number(port), protocol };
  const { outcomes } = trace(rules, node, packet, options);
  const ends = outcomes.map(({ verdict, translated, destination }) =>
    verdict === "ACCEPT" && translated ? destination : verdict,
  );
  const masqueraded = outcomes.some(({ masquerade }) => masquerade) ? " masqueraded" : "";
  return [...new Set(ends)].sort().join(", ") + masqueraded;
}
