import { expect, it } from "vitest";
import type { Service } from "../api/index.ts";
import { type ClassPolicy, deletionPolicyOf, desiredLoadBalancer, isPaused } from "./index.ts";

const scheme = "berth.dev/scheme";
const fate = "berth.dev/deletion-policy";
const ips = "berth.dev/load-balancer-ips";
const paused = "berth.dev/paused";

function service(annotations: Record<string, string>, spec: Service["spec"] = {}): Service {
  return {
    metadata: { namespace: "shop", name: "web", uid: "u-1", annotations },
    spec: { type: "LoadBalancer", ports: [{ port: 80 }], ipFamilies: ["IPv4"], ...spec },
  };
}

function policy(changes: Partial<ClassPolicy> = {}): ClassPolicy {
  return { provider: "proxy", loadBalancerClass: "example.com/tenants", ...changes };
}

function issuesOf(of: Service, by: ClassPolicy): readonly string[] {
  return desiredLoadBalancer(of, "c", by).issues.map(({ severity, reason, path }) => `${severity} ${reason} ${path}`);
}

it("takes the defaults of the class where the Service says nothing", () => {
  const defaults = { [scheme]: "internal", [ips]: "192.0.2.9" };
  const { lb, issues } = desiredLoadBalancer(service({ [ips]: "192.0.2.1", "x/y": "z" }), "c", policy({ defaults }));
  expect(issues).toEqual([]);
  expect(lb.annotations).toEqual({ [scheme]: "internal", [ips]: "192.0.2.1", "x/y": "z" });
  expect(lb.scheme).toBe("internal");
  expect(lb.requestedAddresses.length).toBe(1);
});

it("ignores what the class does not let Services set, naming the class and the key", () => {
  const asked = { [ips]: "192.0.2.1", [scheme]: "internal", "networking.gke.io/load-balancer-type": "Internal" };
  const { lb, issues } = desiredLoadBalancer(
    service({ ...asked, "x/y": "z" }),
    "c",
    policy({ allowedOverrides: [scheme], defaults: { [ips]: "192.0.2.9" } }),
  );
  expect(lb.annotations).toEqual({ [ips]: "192.0.2.9", [scheme]: "internal", "x/y": "z" });
  expect(issues.map(({ severity, reason, path, message }) => `${severity} ${reason} ${path}: ${message}`)).toEqual([
    `degrade OverrideNotAllowed metadata.annotations[${ips}]: ignored: class example.com/tenants does not let Services set ${ips}`,
    "degrade OverrideNotAllowed metadata.annotations[networking.gke.io/load-balancer-type]: ignored: class example.com/tenants does not let Services set networking.gke.io/load-balancer-type",
  ]);
});

it("takes a node selector by default of the class, and the Service's own only where it may have one", () => {
  const key = "berth.dev/node-selector";
  const selectorOf = (own: Record<string, string>, by: Partial<ClassPolicy>): object | undefined =>
    desiredLoadBalancer(service(own), "c", policy({ defaults: { [key]: "edge" }, ...by })).nodeSelector;
  const edge = { matchExpressions: [{ key: "edge", operator: "Exists" }] };
  expect(selectorOf({}, {})).toEqual(edge);
  expect(selectorOf({ [key]: "inner" }, { allowedOverrides: [] })).toEqual(edge);
  expect(selectorOf({ [key]: "inner" }, {})).toEqual({ matchExpressions: [{ key: "inner", operator: "Exists" }] });
});

it("does not let spec.loadBalancerIP in where the annotation is kept out", () => {
  const of = service({}, { loadBalancerIP: "192.0.2.1" });
  expect(issuesOf(of, policy({ allowedOverrides: [] }))).toEqual(["degrade OverrideNotAllowed spec.loadBalancerIP"]);
  expect(desiredLoadBalancer(of, "c", policy({ allowedOverrides: [] })).lb.requestedAddresses).toEqual([]);
  expect(issuesOf(of, policy({ allowedOverrides: [ips] }))).toEqual([]);
});

it("leaves alone what agents read from the Service and what is no wish of a load balancer", () => {
  const of = service({ "berth.dev/source-ranges-on-node-ports": "true", "kubectl.kubernetes.io/x": "y" });
  expect(issuesOf(of, policy({ allowedOverrides: [] }))).toEqual([]);
});

it.each<[string, Record<string, string>, Partial<ClassPolicy>, string | undefined, string[]]>([
  ["nobody says", {}, {}, undefined, []],
  ["the Service", { [scheme]: "internal" }, {}, "internal", []],
  ["the first of the class", {}, { schemes: ["internet-facing", "internal"] }, "internet-facing", []],
  ["one of the class", { [scheme]: "internal" }, { schemes: ["internet-facing", "internal"] }, "internal", []],
  [
    "one that the class has not",
    { [scheme]: "internet-facing" },
    { schemes: ["internal"] },
    "internet-facing",
    [`refuse SchemeNotAllowed metadata.annotations[${scheme}]`],
  ],
])("scheme: %s", (_, annotations, changes, expected, issues) => {
  expect(desiredLoadBalancer(service(annotations), "c", policy(changes)).lb.scheme).toBe(expected);
  expect(issuesOf(service(annotations), policy(changes))).toEqual(issues);
});

it.each<[string, Service, ClassPolicy | undefined, string | undefined]>([
  ["nobody says", service({}), policy(), "Delete"],
  ["the Service", service({ [fate]: "Retain" }), policy(), "Retain"],
  ["the class", service({}), policy({ deletionPolicy: "Retain" }), "Retain"],
  ["the Service against its class", service({ [fate]: "Delete" }), policy({ deletionPolicy: "Retain" }), "Delete"],
  ["defaults of the class", service({}), policy({ defaults: { [fate]: "Retain" } }), "Retain"],
  ["a Service that may not", service({ [fate]: "Retain" }), policy({ allowedOverrides: [] }), "Delete"],
  ["a Service of no class of ours any more", service({ [fate]: "Retain" }), undefined, "Retain"],
  ["nothing that can be read", service({ [fate]: "retain" }), policy(), undefined],
  ["one that is no load balancer any more", service({ [fate]: "Retain" }, { type: "ClusterIP" }), undefined, "Delete"],
])("deletion policy: %s", (_, of, by, expected) => {
  expect(deletionPolicyOf(of, by)).toBe(expected);
});

it.each<[string, Service, ClassPolicy | undefined, boolean]>([
  ["nobody says", service({}), policy(), false],
  ["the Service", service({ [paused]: "true" }), policy(), true],
  ["the Service says no", service({ [paused]: "false" }), policy({ defaults: { [paused]: "true" } }), false],
  ["what cannot be read", service({ [paused]: "True" }), policy(), false],
  ["the class", service({}), policy({ defaults: { [paused]: "true" } }), true],
  ["a Service that may not", service({ [paused]: "true" }), policy({ allowedOverrides: [] }), false],
  ["a Service of no class of ours any more", service({ [paused]: "true" }), undefined, true],
])("paused: %s", (_, of, by, expected) => {
  expect(isPaused(of, by)).toBe(expected);
});
