import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { baseName, sharedBaseName } from "../names.ts";
import { PlannerBed, type Wanted } from "../testing/bed.ts";
import { cidr, desiredLb, id, ip, node, settings, tcp, udp } from "../testing/values.ts";

type Changes = Partial<DesiredLoadBalancer>;
const b1 = node("b1", "b", "10.0.0.1");
const c1 = node("c1", "c", "10.0.0.2");
const six = [80, 81, 82, 90, 91, 443].map(tcp);
const local: Changes = {
  externalTrafficPolicy: "Local",
  healthCheck: { protocol: "HTTP", port: 31_000, path: "/healthz" },
};
const internal: Changes = { scheme: "internal" };
const dual: Changes = { families: ["IPv4", "IPv6"] };
const global: Changes = { ...internal, annotations: { "berth.dev/global-access": "true" } };

function wanted(changes: Changes, nodes: Wanted["nodes"] = [b1]): Wanted {
  return { lb: desiredLb(changes), nodes };
}

/** What is done, with short names. */
function done(bed: PlannerBed, from: number): readonly string[] {
  return bed.region.journal
    .slice(from)
    .map((text) =>
      text
        .replaceAll(baseName(id), "web")
        .replaceAll(sharedBaseName(id.clusterId), "all")
        .replaceAll("europe-west1-", ""),
    );
}

const shared = [
  "insert healthCheck all-health",
  "insert firewall all-fw-health-v4",
  "insert firewall all-fw-health-v6",
];
const createOutside = [
  ...shared,
  "insert address web-address-v4-65d0",
  "insert endpointGroup web in b",
  "attach web in b: b1",
  "insert firewall web-fw-allow-v4",
  "insert backendService web",
  "insert forwardingRule web-tcp-v4",
  "insert firewall web-fw-deny-v4",
];

it.each<[string, Wanted, readonly string[]]>([
  ["outside", wanted({}), createOutside],
  [
    "inside",
    wanted(internal),
    [
      ...shared,
      "insert address web-address-v4-dcb6",
      "insert endpointGroup web in b",
      "attach web in b: b1",
      "insert firewall web-fw-allow-v4",
      "insert backendService web",
      "insert forwardingRule web-tcp-v4",
    ],
  ],
  [
    "outside for nodes with endpoints",
    wanted(local),
    [
      ...shared,
      "insert address web-address-v4-65d0",
      "insert healthCheck web-health",
      "insert endpointGroup web in b",
      "attach web in b: b1",
      "insert firewall web-fw-allow-v4",
      "insert firewall web-fw-health-v4",
      "insert backendService web",
      "insert forwardingRule web-tcp-v4",
      "insert firewall web-fw-deny-v4",
    ],
  ],
  [
    "without nodes",
    wanted({}, []),
    [
      ...shared,
      "insert address web-address-v4-65d0",
      "insert backendService web",
      "insert firewall web-fw-allow-v4",
      "insert forwardingRule web-tcp-v4",
      "insert firewall web-fw-deny-v4",
    ],
  ],
])("makes a load balancer %s in this order", (_, wish, expected) => {
  const bed = new PlannerBed();
  bed.converge(wish);
  expect(done(bed, 0)).toEqual(expected);
});

const swap = ["delete forwardingRule web-tcp-v4", "insert forwardingRule web-tcp-v4"];
const policies = { Cluster: {}, Local: local } as const;

it.each<[string, Wanted, Wanted, readonly string[]]>([
  ["nothing", wanted({}), wanted({}), []],
  ["names of ports", wanted({}), wanted({ ports: [{ ...tcp(80), name: "other" }] }), []],
  ["a port", wanted({}), wanted({ ports: [tcp(81)] }), ["update firewall web-fw-allow-v4", ...swap]],
  ["more ports than a rule lists", wanted({}), wanted({ ports: six }), ["update firewall web-fw-allow-v4", ...swap]],
  [
    "the protocol",
    wanted({}),
    wanted({ ports: [udp(80)] }),
    [
      "update firewall web-fw-allow-v4",
      "delete forwardingRule web-tcp-v4",
      "update backendService web",
      "insert forwardingRule web-udp-v4",
    ],
  ],
  [
    "both protocols outside: a rule for each",
    wanted({}),
    wanted({ ports: [tcp(80), udp(53)] }),
    [
      "update firewall web-fw-allow-v4",
      "delete forwardingRule web-tcp-v4",
      "update backendService web",
      "insert forwardingRule web-tcp-v4",
      "insert forwardingRule web-udp-v4",
    ],
  ],
  [
    "both protocols inside: one rule for everything",
    wanted(internal),
    wanted({ ...internal, ports: [tcp(80), udp(53)] }),
    [
      "update firewall web-fw-allow-v4",
      "delete forwardingRule web-tcp-v4",
      "update backendService web",
      "insert forwardingRule web-l3-v4",
    ],
  ],
  ["global access", wanted(internal), wanted(global), ["patch forwardingRule web-tcp-v4"]],
  ["no global access", wanted(global), wanted(internal), ["patch forwardingRule web-tcp-v4"]],
  [
    "affinity",
    wanted({}),
    wanted({ sessionAffinity: { kind: "ClientIP", timeoutSeconds: 10_800 } }),
    ["update backendService web"],
  ],
  ["draining", wanted({}), wanted({ annotations: { "berth.dev/drain-seconds": "5" } }), ["update backendService web"]],
  [
    "weights",
    wanted(local),
    wanted({ ...local, annotations: { "berth.dev/weighted-nodes": "true" } }),
    ["update backendService web"],
  ],
  [
    "policy Cluster to Local",
    wanted(policies.Cluster),
    wanted(policies.Local),
    ["insert healthCheck web-health", "insert firewall web-fw-health-v4", "update backendService web"],
  ],
  [
    "policy Local to Cluster",
    wanted(policies.Local),
    wanted(policies.Cluster),
    ["update backendService web", "delete firewall web-fw-health-v4", "delete healthCheck web-health"],
  ],
  ["source ranges", wanted({}), wanted({ sourceRanges: [cidr("192.0.2.0/24")] }), ["update firewall web-fw-allow-v4"]],
  [
    "source ranges of the other family only",
    wanted({}),
    wanted({ sourceRanges: [cidr("2001:db8::/32")] }),
    ["delete firewall web-fw-allow-v4"],
  ],
  ["a node more", wanted({}), wanted({}, [b1, node("b2", "b", "10.0.0.3")]), ["attach web in b: b2"]],
  [
    "another node: first the one that comes",
    wanted({}),
    wanted({}, [node("b2", "b", "10.0.0.3")]),
    ["attach web in b: b2", "detach web in b: b1"],
  ],
  [
    "a zone more",
    wanted({}),
    wanted({}, [b1, c1]),
    ["insert endpointGroup web in c", "attach web in c: c1", "update backendService web"],
  ],
  ["a zone less: its group stays, empty", wanted({}, [b1, c1]), wanted({}), ["detach web in c: c1"]],
  ["no node at all", wanted({}), wanted({}, []), ["detach web in b: b1"]],
  [
    "a family more",
    wanted({}),
    wanted(dual),
    [
      "insert address web-address-v6-f852",
      "insert firewall web-fw-allow-v6",
      "insert forwardingRule web-tcp-v6",
      "insert firewall web-fw-deny-v6",
    ],
  ],
  [
    "a family less",
    wanted(dual),
    wanted({}),
    [
      "delete forwardingRule web-tcp-v6",
      "delete address web-address-v6-f852",
      "delete firewall web-fw-deny-v6",
      "delete firewall web-fw-allow-v6",
    ],
  ],
])("changes %s without touching the address", (_, from, to, expected) => {
  const bed = new PlannerBed();
  bed.converge(from);
  const [count, before] = [bed.region.journal.length, servedBy(bed)];
  const plans = bed.converge(to);
  expect(done(bed, count)).toEqual(expected);
  expect(plans.filter(({ replacesAddress }) => replacesAddress)).toEqual([]);
  expect(servedBy(bed)).toBe(before);
});

it.each<[string, Changes, Changes, readonly string[]]>([
  [
    "to the inside",
    {},
    internal,
    [
      "insert address web-address-v4-dcb6",
      "update firewall web-fw-allow-v4",
      "delete forwardingRule web-tcp-v4",
      "delete backendService web",
      "insert backendService web",
      "insert forwardingRule web-tcp-v4",
      "delete address web-address-v4-65d0",
      "delete firewall web-fw-deny-v4",
    ],
  ],
  [
    "to another tier",
    {},
    { annotations: { "berth.dev/network-tier": "Standard" } },
    [
      "insert address web-address-v4-afe4",
      "update firewall web-fw-allow-v4",
      ...swap,
      "update firewall web-fw-deny-v4",
      "delete address web-address-v4-65d0",
    ],
  ],
  [
    "to another subnetwork",
    internal,
    { ...internal, annotations: { "berth.dev/subnet": "lbs" } },
    [
      "insert address web-address-v4-0000",
      "update firewall web-fw-allow-v4",
      ...swap,
      "delete address web-address-v4-dcb6",
    ],
  ],
  [
    "to an address that is asked for",
    internal,
    { ...internal, requestedAddresses: [ip("10.0.0.9")] },
    [
      "insert address web-address-v4-0000",
      "update firewall web-fw-allow-v4",
      ...swap,
      "delete address web-address-v4-dcb6",
    ],
  ],
])("says that a change %s replaces the address, and holds the new one first", (_, from, to, expected) => {
  const bed = new PlannerBed();
  bed.converge(wanted(from));
  const count = bed.region.journal.length;
  expect(bed.plan({ kind: "service", id }, wanted(to)).replacesAddress).toBe(true);
  bed.converge(wanted(to));
  const anyHash = (text: string): string => text.replace(/(web-address-v4)-(?!65d0|dcb6).*/, "$1-new");
  expect(done(bed, count).map(anyHash)).toEqual(expected.map(anyHash));
});

it("takes everything away, rules first, and leaves what is shared", () => {
  const bed = new PlannerBed();
  bed.converge(wanted({ ...dual, ...local }, [b1, c1]));
  const count = bed.region.journal.length;
  bed.converge(null);
  expect(done(bed, count)).toEqual([
    "delete forwardingRule web-tcp-v4",
    "delete forwardingRule web-tcp-v6",
    "delete address web-address-v4-65d0",
    "delete address web-address-v6-f852",
    "delete firewall web-fw-deny-v4",
    "delete firewall web-fw-deny-v6",
    "delete firewall web-fw-allow-v4",
    "delete firewall web-fw-health-v4",
    "delete firewall web-fw-allow-v6",
    "delete firewall web-fw-health-v6",
    "delete backendService web",
    "delete healthCheck web-health",
    "delete endpointGroup web in b",
    "delete endpointGroup web in c",
  ]);
  expect([...bed.region.resources.keys()].sort()).toEqual(
    ["firewall ALL-fw-health-v4", "firewall ALL-fw-health-v6", "healthCheck ALL-health"].map((text) =>
      text.replace("ALL", sharedBaseName(id.clusterId)),
    ),
  );
});

it("makes no firewalls where somebody else opens the way", () => {
  const bed = new PlannerBed({ settings: { ...settings, disableFirewalls: true } });
  bed.converge(wanted({ ...dual, ...local }));
  expect(bed.region.all("firewall")).toEqual([]);
  expect(bed.region.all("forwardingRule").map(({ name }) => name.slice(-6))).toEqual(["tcp-v4", "tcp-v6"]);
});

function servedBy(bed: PlannerBed): string | undefined {
  return bed.region.all("forwardingRule").find(({ IPAddress }) => !IPAddress.includes(":"))?.IPAddress;
}
