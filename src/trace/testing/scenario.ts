import { type NodeSettings, nodeFacts } from "../../agent/node-facts.ts";
import type { RuleProgram } from "../../agent/plan/index.ts";
import { programOf } from "../../agent/plan/testing/services.ts";
import { nodeSettings } from "../../agent/testing/settings.ts";
import type { EndpointSlice, Service, ServiceSpec } from "../../api/index.ts";
import { proxiedService } from "../../model/index.ts";
import { node, port, type SliceEndpoint, service, slice } from "../../model/testing/objects.ts";
import type { Family } from "../../net/index.ts";
import { type CompiledRules, compileRules, type TracedNode, type TraceOptions, trace } from "../index.ts";

/** Who sends in scenarios, by kube-proxy's own test network. */
const senders: Readonly<Record<Family, Readonly<Record<string, string>>>> = {
  IPv4: {
    pod: "10.0.0.2",
    node: "192.168.0.2",
    "second address": "192.168.1.2",
    client: "203.0.113.2",
    stranger: "203.0.113.130",
    localhost: "127.0.0.1",
  },
  IPv6: {
    pod: "fd00:10::2",
    node: "2001:db8::1",
    "second address": "2001:db8:1::2",
    client: "2600:5200::1",
    localhost: "::1",
  },
};

export const machine: TracedNode = {
  addresses: ["192.168.0.2", "192.168.1.2", "10.180.255.1", "2001:db8::1", "2001:db8:1::2"],
};

/**
 * Sends a packet and says in one line what becomes of it: the endpoints that it may reach or the verdict, and
 * `masqueraded` if any of them sees another source. `from`: a sender or an address, with ` via INTERFACE` behind it
 * for one that arrives there. `to`: `host:port` or `host:port/protocol`, where host is a name of the node or an address.
 */
export function send(
  rules: CompiledRules,
  from: string,
  to: string,
  { family = "IPv4", ...options }: TraceOptions & { readonly family?: Family } = {},
  at: TracedNode = machine,
): string {
  const names = senders[family];
  const [, v6, v4 = "", number, protocol = "tcp"] = /^(?:\[(.*)\]|([^:]*)):(\d+)(?:\/(.*))?$/.exec(to) ?? [];
  const [who = "", via] = from.split(" via ");
  const packet = {
    source: names[who] ?? who,
    destination: v6 ?? names[v4] ?? v4,
    port: Number(number),
    protocol,
    ...(via !== undefined && { interface: via }),
  };
  const { outcomes } = trace(rules, at, packet, options);
  const ends = outcomes.map(({ verdict, translated, destination }) =>
    verdict === "ACCEPT" && translated ? destination : verdict,
  );
  const masqueraded = outcomes.some(({ masquerade }) => masquerade) ? " masqueraded" : "";
  return [...new Set(ends)].sort().join(", ") + masqueraded;
}

/** A Service and its slices. */
export type Served = readonly [service: Service, slices: readonly EndpointSlice[]];

const conditions: Readonly<Record<string, Pick<SliceEndpoint, "ready" | "serving" | "terminating">>> = {
  ready: { ready: true, serving: true, terminating: false },
  starting: { ready: false, serving: false, terminating: false },
  ending: { ready: false, serving: true, terminating: true },
  dead: { ready: false, serving: false, terminating: true },
};

/** `10.0.1.1 here ending`: the address; on this node, on another (`there`) or nobody knows where; its conditions; hints. */
function endpoint(text: string): SliceEndpoint {
  const [ip = "", ...words] = text.split(" ");
  const [zones, nodes] = ["zone-", "node-"].map((kind) => words.filter((word) => word.startsWith(kind)));
  return {
    ip,
    ...(words.includes("here") && { node: "node-a" }),
    ...(words.includes("there") && { node: "node-b" }),
    ...Object.assign({}, ...words.map((word) => conditions[word])),
    ...(zones !== undefined && zones.length > 0 && { zones }),
    ...(nodes !== undefined && nodes.length > 0 && { nodes }),
  };
}

/** A Service with the endpoints of all of its ports, each on the port's target. Without `spec.ports`: `p80`, 80. */
export function serve(
  key: string,
  { ports = [port("p80", 80)], ...spec }: Partial<ServiceSpec>,
  endpoints: readonly string[],
  ingress: readonly string[] = [],
  annotations: Readonly<Record<string, string>> = {},
): Served {
  const targets = ports.map(({ name = "", port: number, protocol = "TCP", targetPort }) => ({
    name,
    protocol,
    port: typeof targetPort === "number" ? targetPort : number,
  }));
  const object = service(key, { ...spec, ports }, ingress);
  const annotated = { ...object, metadata: { ...object.metadata, annotations } };
  return [annotated, [slice("s", targets, endpoints.map(endpoint))]];
}

/** The node: its settings, in one family, and what its object says. */
export interface World extends Partial<NodeSettings> {
  readonly family?: Family;
  readonly zone?: string;
  readonly podCidrs?: readonly string[];
}

type Send = (from: string, to: string, options?: TraceOptions) => string;

const podPrefixes = new Map<Family, string>([
  ["IPv4", "10.0.0.0/8"],
  ["IPv6", "fd00:10::/56"],
]);

/** The rules of `node-a` in one family, from objects and settings to a program. */
export function programFor(
  served: readonly Served[],
  { family = "IPv4", zone, podCidrs = [], ...settings }: World = {},
): RuleProgram {
  const localTraffic = { mode: "ClusterCIDR", cidrs: podPrefixes } as const;
  const all = nodeSettings({ localTraffic, ...settings, families: [family] });
  const object = { ...node("node-a", zone), spec: { podCIDRs: [...podCidrs] } };
  const { place, configs } = nodeFacts(all, object, [], [...machine.addresses, "127.0.0.1", "::1"]);
  const config = configs.get(family);
  if (config === undefined) throw new Error(`no configuration for ${family}`);
  const services = served.flatMap(([service, slices]) => proxiedService(service, slices, place) ?? []);
  return programOf(services, family, config);
}

/** The same, ready for packets. */
export function rulesFor(served: readonly Served[], world: World = {}): CompiledRules {
  return compileRules(programFor(served, world));
}

/** Sends packets through the rules of a node with these Services. */
export function cluster(served: readonly Served[], world: World = {}): Send {
  const rules = rulesFor(served, world);
  const { family = "IPv4" } = world;
  return (from, to, options = {}) => send(rules, from, to, { family, ...options });
}
