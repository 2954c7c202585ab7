// What happens to Services in the life of a cluster, step by step; after each both proxies must have the same rules.
import type { Request } from "./cluster.ts";
import { at, creation, type EndpointSpec, type ServiceSpec, servicePath, services, slicePath } from "./objects.ts";

export interface Change {
  readonly what: string;
  readonly requests: readonly Request[];
}

function named(name: string): ServiceSpec {
  const found = services.find((service) => service.name === name);
  if (found === undefined) throw new Error(`no Service ${name}`);
  return found;
}

const patch = (path: string, body: object): Request => ({ kind: "request", method: "PATCH", path, body });
const patchService = (name: string, spec: object): Request => patch(servicePath({ name }), { spec });
const patchStatus = (name: string, ingress: readonly object[]): Request =>
  patch(`${servicePath({ name })}/status`, { status: { loadBalancer: { ingress } } });
const endpoints = (name: string, ...list: readonly EndpointSpec[]): Request =>
  patch(slicePath(name, 0), { endpoints: list });
const remove = (path: string): Request => ({ kind: "request", method: "DELETE", path });
const label = (name: string, labels: object): Request => patch(servicePath({ name }), { metadata: { labels } });
const zone = (name: string | null): Request =>
  patch("/api/v1/nodes/node-a", { metadata: { labels: { "topology.kubernetes.io/zone": name } } });

function ready(ready: boolean, serving: boolean, terminating: boolean): Partial<EndpointSpec> {
  return { conditions: { ready, serving, terminating } };
}

function again(name: string): readonly Request[] {
  return [remove(servicePath({ name })), ...creation({ ...named(name), slices: [] })];
}

/** On the Services of `objects.ts`. */
export const changes: readonly Change[] = [
  { what: "an endpoint goes", requests: [endpoints("plain", at("a", 2), at("b", 4))] },
  { what: "an endpoint comes", requests: [endpoints("plain", at("a", 2), at("b", 4), at("a", 10))] },
  { what: "an endpoint is not ready", requests: [endpoints("np", at("a", 2, ready(false, false, false)), at("b", 3))] },
  {
    what: "the local endpoint ends while it serves",
    requests: ["np-local", "lb-local"].map((name) => endpoints(name, at("a", 2, ready(false, true, true)), at("b", 3))),
  },
  { what: "the local endpoint is gone", requests: ["np-local", "lb-local"].map((name) => endpoints(name, at("b", 3))) },
  {
    what: "Services are scaled to zero",
    requests: ["plain", "np", "np-local", "lb", "lb-local", "lb-ranges", "external", "sticky", "internal"].map((name) =>
      endpoints(name),
    ),
  },
  {
    what: "and back",
    requests: ["plain", "np", "np-local", "lb", "lb-local", "lb-ranges", "external", "sticky", "internal"].map((name) =>
      endpoints(name, at("a", 2), at("b", 3)),
    ),
  },
  {
    what: "up, down and up between two writes of rules",
    requests: [true, false, true, false, true].map((up) => endpoints("plain", ...(up ? [at("a", 2)] : []))),
  },
  {
    what: "policies change",
    requests: [
      patchService("np-local", { externalTrafficPolicy: "Cluster" }),
      patchService("np", { externalTrafficPolicy: "Local" }),
      patchService("plain", { internalTrafficPolicy: "Local" }),
      patchService("internal", { internalTrafficPolicy: "Cluster" }),
      patchService("lb", { externalTrafficPolicy: "Local" }),
      patchService("lb-local", { externalTrafficPolicy: "Cluster", healthCheckNodePort: null }),
    ],
  },
  {
    what: "a Service is deleted while its slices stay",
    requests: ["dual", "np-sticky", "lb-ranges-local"].map((name) => remove(servicePath({ name }))),
  },
  {
    what: "and made again",
    requests: ["dual", "np-sticky", "lb-ranges-local"].flatMap((name) => creation({ ...named(name), slices: [] })),
  },
  { what: "one is deleted and made again at once", requests: [...again("lb-two"), ...again("six")] },
  {
    what: "slices are deleted while their Service stays",
    requests: [remove(slicePath("many", 0)), remove(slicePath("np-internal", 0)), remove(slicePath("split", 1))],
  },
  { what: "a ClusterIP Service becomes a NodePort one", requests: [patchService("plain", { type: "NodePort" })] },
  { what: "and a LoadBalancer one", requests: [patchService("plain", { type: "LoadBalancer" })] },
  { what: "which gets an address", requests: [patchStatus("plain", [{ ip: "203.0.113.90" }])] },
  { what: "and another one", requests: [patchStatus("plain", [{ ip: "203.0.113.91" }])] },
  { what: "that becomes a proxy's", requests: [patchStatus("plain", [{ ip: "203.0.113.91", ipMode: "Proxy" }])] },
  { what: "and a ClusterIP one again", requests: [patchService("plain", { type: "ClusterIP" })] },
  {
    what: "ports are renamed, renumbered and of another protocol",
    requests: [
      patchService("np", { ports: [{ name: "web", port: 80, targetPort: 8080 }] }),
      patchService("lb", { ports: [{ name: "http", port: 8000, targetPort: 8080 }] }),
      patchService("np-all-local", { ports: [{ name: "http", port: 80, protocol: "UDP" }] }),
      patch(slicePath("np", 0), { ports: [{ name: "web", port: 8081 }] }),
    ],
  },
  {
    what: "affinity comes, goes and gets another time-out",
    requests: [
      patchService("many", { sessionAffinity: "ClientIP" }),
      patchService("sticky", { sessionAffinity: "None", sessionAffinityConfig: null }),
      patchService("sticky-second", { sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }),
    ],
  },
  {
    what: "source ranges come, change and go",
    requests: [
      patchService("lb-external", { loadBalancerSourceRanges: ["198.51.100.0/25"] }),
      patchService("lb-local", { loadBalancerSourceRanges: ["192.0.2.0/24", "2001:db8:4::/64"] }),
      patchService("lb-ranges", { loadBalancerSourceRanges: null }),
    ],
  },
  {
    what: "external addresses come and go",
    requests: [
      patchService("internal", { externalIPs: ["198.51.100.80", "2001:db8:3::80"] }),
      patchService("external", { externalIPs: null }),
    ],
  },
  { what: "the node moves to another zone", requests: [zone("zone-b")] },
  { what: "the node has no zone", requests: [zone(null)] },
  { what: "the node has its zone again", requests: [zone("zone-a")] },
  {
    what: "another proxy takes a Service over, and gives one back",
    requests: [
      label("np-local", { "service.kubernetes.io/service-proxy-name": "other" }),
      label("other-proxy", { "service.kubernetes.io/service-proxy-name": null }),
    ],
  },
  {
    what: "a slice becomes another Service's",
    requests: [patch(slicePath("giving", 0), { metadata: { labels: { "kubernetes.io/service-name": "taking" } } })],
  },
  {
    what: "a Service loses a family",
    requests: [patchService("dual", { ipFamilyPolicy: "SingleStack" })],
  },
  { what: "all of a namespace goes", requests: services.map((service) => remove(servicePath(service))) },
];
