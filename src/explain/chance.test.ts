import fc from "fast-check";
import { expect, it } from "vitest";
import type {
  EndpointSlice,
  Event,
  Lease,
  LoadBalancerClass,
  LoadBalancerRecord,
  Node,
  Service,
} from "../api/index.ts";
import { node } from "../model/testing/objects.ts";
import { explain, formatTree, type Part, type Tree, type World } from "./index.ts";
import { ago, goodWorld, now } from "./testing/world.ts";

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 3 });
const oneOf = fc.constantFrom;
/** What an API server would not store, but another proxy, a fake or a broken client may hand over. */
const odd = fc.oneof(
  { weight: 8, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: oneOf("", "x\n- y", "10.0.0.300") },
);
const time = oneOf(ago(3), ago(500), "never");
const address = oneOf("10.0.0.1", "10.0.0.2", "fd00::1", "nonsense");
const nodeName = oneOf("a", "b", "gone");

function clean<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

const condition = fc.record({
  type: oneOf(
    "berth.dev/Accepted",
    "berth.dev/Programmed",
    "berth.dev/Ready",
    "berth.dev/Degraded",
    "LoadBalancerPortsError",
    "x/Y",
  ),
  status: oneOf("True", "False", "Unknown"),
  reason: oneOf("One", "Two"),
  message: oneOf("", "a", "a; b"),
  lastTransitionTime: time,
});

const service = fc.record({
  metadata: fc.record({
    namespace: fc.constant("ns"),
    name: fc.constant("web"),
    creationTimestamp: maybe(time),
    deletionTimestamp: fc.option(time, { nil: undefined, freq: 1 }),
    finalizers: maybe(fc.subarray(["proxy.berth.dev/resources", "service.kubernetes.io/load-balancer-cleanup", "x/y"])),
    annotations: maybe(
      fc.dictionary(
        oneOf("berth.dev/scheme", "berth.dev/paused", "berth.dev/shceme", "berth.dev/load-balancer-ips"),
        oneOf("true", "internal", "1.2.3", "10.9.9.9"),
      ),
    ),
    labels: maybe(fc.dictionary(oneOf("service.kubernetes.io/service-proxy-name"), oneOf("mine"))),
  }),
  spec: maybe(
    fc.record({
      type: oneOf("LoadBalancer", "ClusterIP", "NodePort", "ExternalName", "Else"),
      loadBalancerClass: oneOf(undefined, "berth.dev/proxy", "shop.example/own", "io.cilium/bgp", "x/y"),
      clusterIP: oneOf("10.96.0.7", "None", "", "nonsense"),
      clusterIPs: maybe(oneOf(["10.96.0.7", "fd00::7"], ["None"], [])),
      ipFamilies: maybe(oneOf(["IPv4"], ["IPv6", "IPv4"], ["IPv9"])),
      selector: maybe(oneOf({}, { app: "web" })),
      externalIPs: maybe(fc.array(address, { maxLength: 2 })),
      loadBalancerSourceRanges: maybe(fc.array(oneOf("10.0.0.0/8", "::/0", "x"), { maxLength: 2 })),
      externalTrafficPolicy: oneOf(undefined, "Local", "Cluster"),
      internalTrafficPolicy: oneOf(undefined, "Local", "Cluster"),
      sessionAffinity: oneOf(undefined, "ClientIP"),
      sessionAffinityConfig: maybe(fc.record({ clientIP: fc.record({ timeoutSeconds: oneOf(0, 10, 1e9) }) })),
      ports: maybe(
        fc.array(
          fc.record({
            name: oneOf(undefined, "http", "dns"),
            protocol: oneOf(undefined, "UDP", "ICMP"),
            port: oneOf(80, 53, 0, 70_000),
            nodePort: oneOf(undefined, 30_080, -1),
            targetPort: oneOf(undefined, 8080, "web"),
          }),
          { maxLength: 3 },
        ),
      ),
    }),
  ),
  status: maybe(
    fc.record({
      conditions: maybe(fc.array(condition, { maxLength: 4 })),
      loadBalancer: maybe(
        fc.record({
          ingress: maybe(
            fc.array(
              fc.record({
                ip: fc.oneof(address, odd),
                hostname: oneOf(undefined, "lb.example.com"),
                ipMode: oneOf(undefined, "VIP", "Proxy"),
                ports: maybe(fc.constant([{ port: 80, protocol: "TCP", error: "x/Y" }])),
              }),
              { maxLength: 2 },
            ),
          ),
        }),
      ),
    }),
  ),
});

const slice = fc.record({
  metadata: fc.record({ name: oneOf("s1", "s2") }),
  addressType: oneOf("IPv4", "IPv6", "FQDN"),
  ports: maybe(
    fc.array(
      fc.record({
        name: oneOf(undefined, "", "http", "dns"),
        protocol: oneOf(undefined, "UDP"),
        port: oneOf(undefined, 8080, 0),
      }),
      { maxLength: 2 },
    ),
  ),
  endpoints: maybe(
    fc.array(
      fc.record({
        addresses: fc.array(address, { maxLength: 2 }),
        nodeName: maybe(nodeName),
        conditions: maybe(
          fc.record({ ready: maybe(fc.boolean()), serving: maybe(fc.boolean()), terminating: maybe(fc.boolean()) }),
        ),
        hints: maybe(
          fc.record({
            forZones: maybe(fc.constant([{ name: "zone-a" }])),
            forNodes: maybe(fc.constant([{ name: "a" }])),
          }),
        ),
      }),
      { maxLength: 4 },
    ),
  ),
});

const report = oneOf(
  undefined,
  "{",
  "[]",
  '{"programmed":{"IPv4":"x"}}',
  '{"programmed":null,"refused":[1,null,{"service":"ns/web"}],"isolated":"x"}',
  '{"programmed":{},"refused":[{"service":"ns/web","frontend":"NodePort 1/TCP","why":"no"}],"isolated":[{"service":"ns/web","family":"IPv4","why":"no"}],"omitted":3}',
);
const lease = fc.record({
  metadata: fc.record({
    name: oneOf("berth-agent-a", "berth-agent-b", "berth-agent.kube2.a", "other"),
    annotations: report.map((text) => ({ "berth.dev/report": text })),
  }),
  spec: maybe(fc.record({ renewTime: maybe(time) })),
});

const record = fc.record({
  metadata: fc.record({ namespace: fc.constant("ns"), name: oneOf("web", "other") }),
  status: maybe(
    fc.record({
      targets: maybe(fc.constant({ ready: 0, total: 1, unhealthy: [{ node: "a", reason: "no answer" }] })),
      awaiting: maybe(fc.constant({ what: "it", reason: "Slow", since: "x" })),
      lastError: maybe(fc.constant({ kind: "k", reason: "r", message: "m", at: "x" })),
      nextTryAt: maybe(time),
    }),
  ),
});

const loadBalancerClass = fc.record({
  metadata: fc.record({ name: oneOf("one", "two"), creationTimestamp: maybe(time) }),
  spec: fc.record({
    loadBalancerClass: oneOf("berth.dev/proxy", "shop.example/own"),
    proxy: maybe(fc.constant({})),
    isDefault: maybe(fc.boolean()),
    allowedNamespaces: maybe(oneOf({}, { matchLabels: { team: "x" } })),
    nodeSelector: maybe(oneOf({}, { matchExpressions: [{ key: "x", operator: "Odd" }] })),
    allowedOverrides: maybe(fc.constant([])),
  }),
  status: maybe(
    fc.record({
      conditions: fc.array(
        fc.record({
          type: fc.constant("Accepted"),
          status: oneOf("True", "False"),
          reason: fc.constant("R"),
          message: fc.constant("m"),
          lastTransitionTime: time,
        }),
        { maxLength: 1 },
      ),
    }),
  ),
});

const nodes = fc.array(
  fc.record({
    name: nodeName,
    labels: maybe(
      oneOf(
        { "node.kubernetes.io/exclude-from-external-load-balancers": "" },
        { "topology.kubernetes.io/zone": "zone-a" },
      ),
    ),
    leaving: fc.boolean(),
  }),
  { maxLength: 3 },
);
const nodeOf = ({
  name,
  labels,
  leaving,
}: {
  name: string;
  labels: Record<string, string> | undefined;
  leaving: boolean;
}): Node => ({
  ...node(name),
  metadata: { name, ...(labels !== undefined && { labels }), ...(leaving && { deletionTimestamp: ago(3) }) },
});

function part<T>(items: fc.Arbitrary<unknown>): fc.Arbitrary<Part<T>> {
  const read = fc.array(items, { maxLength: 3 }).map((list) => clean(list) as T[]);
  return fc.oneof(
    { weight: 5, arbitrary: read },
    { weight: 1, arbitrary: fc.constant({ unread: "no right; grant it" }) },
  );
}

const event = fc.record({
  metadata: fc.record({ name: oneOf("e", "f") }),
  type: oneOf("Warning", "Normal"),
  reason: maybe(oneOf("R")),
  note: maybe(oneOf("n")),
  eventTime: maybe(time),
});

const worlds: fc.Arbitrary<World> = fc.record({
  now: fc.constant(now),
  services: service.map((one) => [clean(one) as unknown as Service]),
  slices: part<EndpointSlice>(slice),
  nodes: fc.oneof(
    { weight: 5, arbitrary: nodes.map((list) => list.map(nodeOf)) },
    { weight: 1, arbitrary: fc.constant({ unread: "no right; grant it" }) },
  ),
  namespaces: oneOf(goodWorld().namespaces, [], { unread: "no right; grant it" }),
  classes: part<LoadBalancerClass>(loadBalancerClass),
  records: part<LoadBalancerRecord>(record),
  leases: part<Lease>(lease),
  events: part<Event>(event),
});

function all(tree: Tree): Tree[] {
  return [tree, ...tree.children.flatMap(all)];
}

it("has a reason and a remedy for every part that does not serve, whatever the world", () => {
  const seen = { yes: 0, no: 0, unknown: 0 };
  fc.assert(
    fc.property(worlds, (world) => {
      const tree = explain(world, "ns/web");
      seen[tree.verdict] += 1;
      for (const { verdict, why } of all(tree)) {
        if (verdict === "yes") expect(why).toBeUndefined();
        else expect(why).toMatch(/^[^\s].*; ./s);
      }
      expect(explain(clean(world), "ns/web")).toEqual(tree);
      const lines = formatTree(tree).split("\n");
      expect(lines.pop()).toBe("");
      for (const line of lines) expect(line).toMatch(/^(?:yes|NO |\? {2}) {2}(?:[│ ] {2})*(?:[├└]─ )?\S/);
    }),
    { numRuns: 3000 },
  );
  // The worlds are none of one kind.
  expect(Math.min(seen.yes, seen.no, seen.unknown)).toBeGreaterThan(0);
});
