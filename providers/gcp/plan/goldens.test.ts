// What is done for each change of each sort of load balancer, in full: rewritten by `make golden`, to be read as a diff.
import { expect, it } from "vitest";
import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import type { ScopeKey } from "../../../src/provider/index.ts";
import type { Settings } from "../settings.ts";
import { PlannerBed, type Wanted } from "../testing/bed.ts";
import { planText } from "../testing/plan-text.ts";
import { cidr, settings as defaults, desiredLb, id, ip, node, reservedAddress, tcp, udp } from "../testing/values.ts";

type Changes = Partial<DesiredLoadBalancer>;

interface Sort {
  readonly lb: Changes;
  readonly settings?: Partial<Settings>;
}

const local: Changes = {
  externalTrafficPolicy: "Local",
  healthCheck: { protocol: "HTTP", port: 31_000, path: "/healthz" },
};
const cluster: Changes = {
  externalTrafficPolicy: "Cluster",
  healthCheck: { protocol: "HTTP", port: 10_256, path: "/healthz" },
};

const sorts: Readonly<Record<string, Sort>> = {
  outside: { lb: {} },
  inside: { lb: { scheme: "internal" } },
  "outside-local": { lb: local },
  "inside-local": { lb: { scheme: "internal", ...local } },
  "both-families": { lb: { families: ["IPv4", "IPv6"] } },
  "both-protocols": { lb: { ports: [tcp(80), udp(53)] } },
  "both-protocols-inside": { lb: { scheme: "internal", ports: [tcp(80), udp(53)] } },
  "whole-machines": { lb: {}, settings: { backends: "instance-groups" } },
};

const b1 = node("b1", "b", "10.0.0.1");
const b2 = node("b2", "b", "10.0.0.2");
const c1 = node("c1", "c", "10.0.0.3");
const nodes = [b1, c1];
const strange: NodeTarget = { name: "x", providerId: "aws:///eu-west-1a/i-1", addresses: [] };

const with_ = (key: string, value: string): Changes => ({ annotations: { [`berth.dev/${key}`]: value } });

const byNumber = "an address by its number";

/** What is wished for otherwise: of the load balancer, its nodes, or all of it. */
const changes: Readonly<Record<string, Changes | readonly NodeTarget[] | Partial<Settings> | null>> = {
  nothing: {},
  "another port": { ports: [tcp(81)] },
  "more ports than a rule lists": { ports: [80, 81, 82, 90, 91, 443].map(tcp) },
  UDP: { ports: [udp(80)] },
  "TCP and UDP": { ports: [tcp(80), udp(80)] },
  affinity: { sessionAffinity: { kind: "ClientIP", timeoutSeconds: 10_800 } },
  "a drain time": with_("drain-seconds", "7"),
  weights: { ...local, ...with_("weighted-nodes", "true") },
  "policy Local": local,
  "policy Cluster": cluster,
  "source ranges": { sourceRanges: [cidr("192.0.2.0/24"), cidr("2001:db8::/32")] },
  "global access": with_("global-access", "true"),
  "tier Standard": with_("network-tier", "Standard"),
  "another subnetwork": with_("subnet", "lbs"),
  [byNumber]: { requestedAddresses: [ip("203.0.113.9")] },
  IPv4: { families: ["IPv4"] },
  IPv6: { families: ["IPv6"] },
  "both families": { families: ["IPv4", "IPv6"] },
  "inside the network": { scheme: "internal" },
  "outside the network": { scheme: "internet-facing" },
  "a node more": [b1, b2, c1],
  "another node": [b2, c1],
  "a zone less": [b1],
  "a zone more": [b1, c1, node("d1", "d", "10.0.0.4")],
  "no node": [],
  "a node of another cloud": [b1, c1, strange],
  "other backends": {},
  "no firewall rules of ours": { disableFirewalls: true },
  "other network tags": { nodeTags: ["a", "b"] },
  "to be retained": { retain: true },
  "its end": null,
};

const own: readonly ScopeKey[] = [
  { kind: "service", id },
  { kind: "members", id },
];

/** What the wish is then, and what the controller is told then. */
function after(name: string, sort: Sort): { readonly wish: Wanted | null; readonly told: Partial<Settings> } {
  const change = changes[name];
  const lb = desiredLb(sort.lb);
  if (name === "other backends") {
    const backends = sort.settings?.backends === undefined ? "instance-groups" : "endpoint-groups";
    return { wish: { lb, nodes }, told: { backends } };
  }
  if (change === null || change === undefined) return { wish: null, told: {} };
  if (Array.isArray(change)) return { wish: { lb, nodes: change as readonly NodeTarget[] }, told: {} };
  if ("disableFirewalls" in change || "nodeTags" in change) return { wish: { lb, nodes }, told: change };
  return { wish: { lb: { ...lb, ...(change as Changes) }, nodes }, told: {} };
}

function caseText(name: string, sort: Sort): string {
  const bed = new PlannerBed({ settings: { ...defaults, ...sort.settings } });
  bed.converge({ lb: desiredLb(sort.lb), nodes });
  const { wish, told } = after(name, sort);
  bed.reset(told);
  if (name === byNumber && wish?.lb.scheme !== "internal") bed.region.put(reservedAddress);
  if (wish?.lb.retain === true) return planText(bed.plan(own[0]!, wish));
  const plans = bed.converge(wish).map(planText);
  expect(bed.open(wish)).toEqual([]);
  return plans.length === 0 ? "nothing" : plans.join("\n--\n");
}

it.each(Object.entries(sorts))("plans each change of one that is %s as in its golden file", async (name, sort) => {
  const bed = new PlannerBed({ settings: { ...defaults, ...sort.settings } });
  const made = bed
    .converge({ lb: desiredLb(sort.lb), nodes })
    .map(planText)
    .join("\n--\n");
  const cases = Object.keys(changes).map((change) => `## ${change}\n${caseText(change, sort)}`);
  await expect([`## make\n${made}`, ...cases, ""].join("\n\n")).toMatchFileSnapshot(`testdata/changes-${name}.txt`);
});
