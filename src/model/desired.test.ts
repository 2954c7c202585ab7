import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Service, ServiceSpec } from "../api/index.ts";
import { formatCidr, formatIp } from "../net/index.ts";
import { type ClassPolicy, desiredLoadBalancer, type Wish } from "./index.ts";

const plain: ClassPolicy = { provider: "proxy", loadBalancerClass: "berth.dev/proxy" };

function service(spec: ServiceSpec, annotations: Record<string, string> = {}): Service {
  return {
    metadata: { namespace: "shop", name: "web", uid: "u-1", creationTimestamp: "2026-01-01T00:00:00Z", annotations },
    spec: { type: "LoadBalancer", ports: [{ port: 80, nodePort: 30_080 }], ipFamilies: ["IPv4"], ...spec },
  };
}

function wish(spec: ServiceSpec, annotations?: Record<string, string>, policy: Partial<ClassPolicy> = {}): Wish {
  return desiredLoadBalancer(service(spec, annotations), "cluster", { ...plain, ...policy });
}

function refusals(found: Wish): string[] {
  return found.issues.map(({ severity, reason, path, message }) => `${severity} ${reason} ${path}: ${message}`);
}

it("reads a Service with defaults", () => {
  const { lb, issues, warnings } = wish({});
  expect([...issues, ...warnings]).toEqual([]);
  expect(lb).toEqual({
    id: { clusterId: "cluster", uid: "u-1", namespace: "shop", name: "web" },
    families: ["IPv4"],
    ports: [{ name: "", protocol: "TCP", port: 80, nodePort: 30_080 }],
    externalTrafficPolicy: "Cluster",
    sessionAffinity: { kind: "None" },
    sourceRanges: [],
    healthCheck: { protocol: "HTTP", port: 10_256, path: "/healthz" },
    requestedAddresses: [],
    addresses: [],
    annotations: {},
    loadBalancerClass: "berth.dev/proxy",
    createdAt: "2026-01-01T00:00:00Z",
    scheme: undefined,
    retain: false,
  });
});

it("sorts ports and reads what differs from the defaults", () => {
  const { lb } = wish({
    ipFamilies: ["IPv6", "IPv4"],
    externalTrafficPolicy: "Local",
    healthCheckNodePort: 31_000,
    sessionAffinity: "ClientIP",
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
    ports: [
      { name: "dns", protocol: "UDP", port: 53, nodePort: 30_053 },
      { name: "b", port: 443 },
      { name: "a", protocol: "TCP", port: 53, nodePort: 30_053 },
    ],
  });
  expect(lb.families).toEqual(["IPv6", "IPv4"]);
  expect(lb.healthCheck.port).toBe(31_000);
  expect(lb.sessionAffinity).toEqual({ kind: "ClientIP", timeoutSeconds: 60 });
  expect(lb.ports.map(({ name, nodePort }) => `${name}:${nodePort}`)).toEqual(["a:30053", "b:0", "dns:30053"]);
});

const rangesKey = "service.beta.kubernetes.io/load-balancer-source-ranges";
it.each<[string, ServiceSpec, Record<string, string>, string[]]>([
  ["none: allow all", {}, {}, []],
  ["field", { loadBalancerSourceRanges: [" 10.1.2.3/8", "fd00::/8"] }, {}, ["10.0.0.0/8", "fd00::/8"]],
  ["annotation", {}, { [rangesKey]: "192.0.2.0/24, 10.0.0.0/8" }, ["192.0.2.0/24", "10.0.0.0/8"]],
  ["the field wins", { loadBalancerSourceRanges: ["10.0.0.0/8"] }, { [rangesKey]: "nonsense" }, ["10.0.0.0/8"]],
])("helpers, source ranges parse: %s", (_, spec, annotations, expected) => {
  const found = wish(spec, annotations);
  expect(found.issues).toEqual([]);
  expect(found.lb.sourceRanges.map(formatCidr)).toEqual(expected);
});

const ipsKey = "berth.dev/load-balancer-ips";
it.each<[string, ServiceSpec, Record<string, string>, string[]]>([
  ["field", { loadBalancerIP: "192.0.2.1" }, {}, ["192.0.2.1"]],
  ["annotation", { ipFamilies: ["IPv4", "IPv6"] }, { [ipsKey]: "192.0.2.1, fd00::0:1" }, ["192.0.2.1", "fd00::1"]],
  ["both say the same", { loadBalancerIP: "192.0.2.1" }, { [ipsKey]: "192.0.2.1" }, ["192.0.2.1"]],
])("requested addresses: %s", (_, spec, annotations, expected) => {
  const found = wish(spec, annotations);
  expect(found.issues).toEqual([]);
  expect(found.lb.requestedAddresses.map(formatIp)).toEqual(expected);
});

it("node selector", () => {
  expect(wish({}, { "berth.dev/node-selector": "disk=ssd" })).toMatchObject({
    issues: [],
    nodeSelector: { matchExpressions: [{ key: "disk", operator: "In", values: ["ssd"] }] },
  });
  expect(wish({}, {}).nodeSelector).toBeUndefined();
});

it("node selector by the word of the AWS controller, which means nothing to others", () => {
  const both = {
    "berth.dev/node-selector": "disk=ssd",
    "service.beta.kubernetes.io/aws-load-balancer-target-node-labels": "pool=edge,tier=web",
  };
  const keysOf = (provider: string): unknown =>
    wish({}, both, { provider }).nodeSelector?.matchExpressions?.map(({ key }) => key);
  expect(keysOf("aws-nlb")).toEqual(["disk", "pool", "tier"]);
  expect(keysOf("proxy")).toEqual(["disk"]);
  const wrong = { "service.beta.kubernetes.io/aws-load-balancer-target-node-labels": "pool>edge" };
  expect(wish({}, wrong, { provider: "aws-nlb" }).issues).toEqual([
    expect.objectContaining({ reason: "InvalidNodeSelector", severity: "refuse" }),
  ]);
});

it.each<[string, ServiceSpec, Record<string, string>, string]>([
  [
    "source range field",
    { loadBalancerSourceRanges: ["10.0.0.0"] },
    {},
    'refuse InvalidSourceRanges spec.loadBalancerSourceRanges: "10.0.0.0" is no prefix; give ADDRESS/BITS, such as 192.0.2.0/24',
  ],
  [
    "source range annotation",
    {},
    { [rangesKey]: "10.0.0.0/33" },
    `refuse InvalidSourceRanges metadata.annotations[${rangesKey}]: "10.0.0.0/33" is no prefix; give ADDRESS/BITS, such as 192.0.2.0/24`,
  ],
  [
    "address annotation",
    {},
    { [ipsKey]: "web.example.com" },
    `refuse InvalidAddress metadata.annotations[${ipsKey}]: "web.example.com" is no IP address; give one, such as 192.0.2.10`,
  ],
  [
    "two addresses of a family",
    {},
    { [ipsKey]: "192.0.2.1,192.0.2.2" },
    `refuse AmbiguousAddress metadata.annotations[${ipsKey}]: more than one IPv4 address is asked for; give one`,
  ],
  [
    "field and annotation differ",
    { loadBalancerIP: "192.0.2.9" },
    { [ipsKey]: "192.0.2.1" },
    `refuse AmbiguousAddress metadata.annotations[${ipsKey}]: it asks for other addresses than spec.loadBalancerIP (192.0.2.9); remove one of the two`,
  ],
  [
    "address of a family that the Service lacks",
    { loadBalancerIP: "fd00::1" },
    {},
    "refuse AddressFamilyMismatch spec.loadBalancerIP: fd00::1 is IPv6, but the Service has IPv4; change one of the two",
  ],
  [
    "node selector",
    {},
    { "berth.dev/node-selector": "disk=ssd,zone>a" },
    'refuse InvalidNodeSelector metadata.annotations[berth.dev/node-selector]: "zone>a" is no requirement of a label selector; give such as zone=a, zone!=a, zone in (a,b), zone notin (a,b), zone or !zone, separated by commas',
  ],
  ["no port", { ports: [] }, {}, "refuse PortsMissing spec.ports: a load balancer needs at least one port; add one"],
  [
    "a scheme that there is not",
    {},
    { "berth.dev/scheme": "public" },
    'refuse InvalidScheme metadata.annotations[berth.dev/scheme]: "public" is no scheme; give internal or internet-facing',
  ],
  [
    "a deletion policy that there is not",
    {},
    { "berth.dev/deletion-policy": "retain" },
    'refuse InvalidDeletionPolicy metadata.annotations[berth.dev/deletion-policy]: "retain" is neither Retain nor Delete; give one of them',
  ],
  [
    "a pause that is none",
    {},
    { "berth.dev/paused": "yes" },
    'degrade InvalidAnnotation metadata.annotations[berth.dev/paused]: "yes" is neither true nor false and counts as false; give one of them',
  ],
])("one clear issue: %s", (_, spec, annotations, expected) => {
  expect(refusals(wish(spec, annotations))).toEqual([expected]);
});

it("names the annotation that is meant, or all that there are", () => {
  const { issues, warnings } = wish({}, { "berth.dev/load-balancer-ip": "192.0.2.1", "example.com/mine": "x" });
  expect(issues).toEqual([]);
  expect(warnings).toEqual([
    "metadata.annotations[berth.dev/load-balancer-ip]: it means nothing to Berth; berth.dev/load-balancer-ips may be meant",
  ]);
  expect(wish({}, { "berth.dev/x": "" }).warnings[0]).toContain(
    "known are berth.dev/address-names, berth.dev/address-pool, berth.dev/",
  );
});

it("never throws, whatever the annotations and ranges hold", () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), fc.string(), (ips, ranges, key) => {
      const found = wish({ loadBalancerSourceRanges: ranges }, { [ipsKey]: ips, [`berth.dev/${key}`]: "x" });
      expect(found.lb.sourceRanges.length).toBeLessThanOrEqual(ranges.length);
    }),
  );
});

const local: ServiceSpec = { externalTrafficPolicy: "Local" };
const port = { name: "tcp", port: 80, nodePort: 30_080 };

/** `expected`: what differs in what the load balancer has to be; nothing: it is none of its business. */
it.each<[string, Service, Service, string[]]>([
  ["the Ports are different", service({}), service({ ports: [{ port: 8001, nodePort: 30_080 }] }), ["ports"]],
  ["external ip counts are different", service({}), service({ externalIPs: ["192.0.2.1"] }), []],
  ["external ips are different", service({ externalIPs: ["192.0.2.1"] }), service({ externalIPs: ["192.0.2.2"] }), []],
  ["UID is different", service({}), withUid("u-2"), ["id"]],
  ["ExternalTrafficPolicy is different", service({}), service(local), ["externalTrafficPolicy"]],
  [
    "HealthCheckNodePort is different",
    service({ ...local, healthCheckNodePort: 31_000 }),
    service({ ...local, healthCheckNodePort: 31_001 }),
    ["healthCheck"],
  ],
  [
    "TargetGroup is different 1 (another node port)",
    service({ ports: [port] }),
    service({ ports: [{ ...port, nodePort: 30_081 }] }),
    ["ports"],
  ],
  [
    "TargetGroup is different 2 (another targetPort, behind the same node port)",
    service({ ports: [port] }),
    service({ ports: [{ ...port, targetPort: "dns" }] }),
    [],
  ],
  ["appProtocol is the same", service({ ports: [port] }), service({ ports: [port] }), []],
  [
    "appProtocol is set when previously unset",
    service({ ports: [port] }),
    service({ ports: [{ ...port, appProtocol: "http" }] }),
    [],
  ],
  [
    "appProtocol is set to a different value",
    service({ ports: [{ ...port, appProtocol: "http" }] }),
    service({ ports: [{ ...port, appProtocol: "tcp" }] }),
    [],
  ],
  ["IPFamilies from single stack to dual stack", service({}), service({ ipFamilies: ["IPv4", "IPv6"] }), ["families"]],
  ["IPFamilies from dual stack to single stack", service({ ipFamilies: ["IPv4", "IPv6"] }), service({}), ["families"]],
  ["IPFamilies not change", service({ ipFamilies: ["IPv6"] }), service({ ipFamilies: ["IPv6"] }), []],
  // What upstream's list has and its table leaves out.
  ["loadBalancerSourceRanges", service({}), service({ loadBalancerSourceRanges: ["10.0.0.0/8"] }), ["sourceRanges"]],
  ["loadBalancerIP", service({}), service({ loadBalancerIP: "192.0.2.1" }), ["requestedAddresses"]],
  ["sessionAffinity", service({}), service({ sessionAffinity: "ClientIP" }), ["sessionAffinity"]],
  ["an annotation of ours", service({}), service({}, { "berth.dev/scheme": "internal" }), ["annotations", "scheme"]],
  [
    "any other annotation (a provider may know it)",
    service({}),
    service({}, { "example.com/any": "x" }),
    ["annotations"],
  ],
])(
  "TestNeedsUpdate, by what the load balancer has to be instead of a list of fields: %s",
  (_, before, after, expected) => {
    const [a, b] = [before, after].map((one) => desiredLoadBalancer(one, "cluster", plain).lb);
    const fields = Object.keys({ ...a, ...b }) as (keyof Wish["lb"])[];
    expect(fields.filter((field) => !isDeepStrictEqual(a?.[field], b?.[field])).sort()).toEqual(expected);
  },
);

function withUid(uid: string): Service {
  const made = service({});
  return { ...made, metadata: { ...made.metadata, uid } };
}
