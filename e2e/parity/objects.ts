// Services of every kind and their slices, as both proxies see them.
import type { Operation } from "../churn/operations.ts";

type Request = Operation & { readonly kind: "request" };

/** The longest name that a namespace or a Service may have. */
const long = (prefix: string): string => prefix.padEnd(63, "x");

export const parityNamespaces: readonly string[] = ["shop", long("n-")];

export interface EndpointSpec {
  readonly addresses: readonly string[];
  readonly nodeName?: string;
  readonly conditions?: object;
  readonly hints?: object;
}

interface SliceSpec {
  readonly family?: string;
  readonly labels?: object;
  readonly ports?: readonly object[] | null;
  readonly endpoints: readonly EndpointSpec[];
}

export interface ServiceSpec {
  readonly namespace?: string;
  readonly name: string;
  readonly labels?: object;
  readonly spec: object;
  /** What its load balancer says that it has. */
  readonly ingress?: readonly object[];
  readonly slices: readonly SliceSpec[];
}

const http = { name: "http", port: 80, targetPort: 8080 };
const httpTo = { name: "http", port: 8080 };
const dual = { ipFamilyPolicy: "RequireDualStack" };
const vip = (host: number): object[] => [{ ip: `203.0.113.${host}`, ipMode: "VIP" }, { ip: `2001:db8:1::${host}` }];

/** `at("a", 1)`: a pod on node-a, in IPv4. */
export function at(node: "a" | "b", host: number, more: Partial<EndpointSpec> = {}): EndpointSpec {
  return { addresses: [`10.244.${node === "a" ? 1 : 2}.${host}`], nodeName: `node-${node}`, ...more };
}

function at6(node: "a" | "b", host: number, more: Partial<EndpointSpec> = {}): EndpointSpec {
  return { addresses: [`fd00:244:0:${node === "a" ? 1 : 2}::${host}`], nodeName: `node-${node}`, ...more };
}

const ending = { conditions: { ready: false, serving: true, terminating: true } };
const ended = { conditions: { ready: false, serving: false, terminating: true } };
const unready = { conditions: { ready: false, serving: false, terminating: false } };
const zones = (...names: string[]): object => ({ hints: { forZones: names.map((name) => ({ name })) } });
const forNodes = (...names: string[]): object => ({ hints: { forNodes: names.map((name) => ({ name })) } });

const v4 = (...endpoints: EndpointSpec[]): SliceSpec => ({ endpoints });
const v6 = (...endpoints: EndpointSpec[]): SliceSpec => ({ family: "IPv6", endpoints });
const three = v4(at("a", 2), at("b", 3), at("b", 4));
const remote = v4(at("b", 3));
const both = [three, v6(at6("a", 2), at6("b", 3))];

/** A Service with one port `http`, of the type and with what else is asked. */
function service(name: string, type: string, more: object, slices: readonly SliceSpec[] = [three]): ServiceSpec {
  return { name, spec: { type, ports: [http], ...more }, slices };
}

const local = { externalTrafficPolicy: "Local" };

const clusterIps: readonly ServiceSpec[] = [
  service("plain", "ClusterIP", {}),
  service("dual", "ClusterIP", dual, both),
  service("six", "ClusterIP", { ...dual, ipFamilies: ["IPv6", "IPv4"] }, both),
  service("only-six", "ClusterIP", { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv6"] }, both),
  service("many", "ClusterIP", {}, [v4(...Array.from({ length: 12 }, (_, i) => at(i % 2 === 0 ? "a" : "b", i + 1)))]),
  service("empty", "ClusterIP", dual, []),
  service("half-empty", "ClusterIP", dual, [three]),
  service("internal", "ClusterIP", { ...dual, internalTrafficPolicy: "Local" }, both),
  service("internal-none", "ClusterIP", { internalTrafficPolicy: "Local" }, [remote]),
  service("headless", "ClusterIP", { clusterIP: "None" }),
  service("elsewhere", "ExternalName", { externalName: "example.com", ports: undefined }),
  { ...service("other-proxy", "ClusterIP", {}), labels: { "service.kubernetes.io/service-proxy-name": "other" } },
  service("sticky", "ClusterIP", { ...dual, sessionAffinity: "ClientIP" }, both),
  service("sticky-second", "ClusterIP", {
    sessionAffinity: "ClientIP",
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } },
  }),
  {
    name: "unnamed",
    spec: { ports: [{ port: 443 }] },
    slices: [{ ports: [{ port: 6443 }], endpoints: [at("a", 9)] }],
  },
  {
    name: "protocols",
    spec: {
      ...dual,
      ports: ["TCP", "UDP", "SCTP"].map((protocol) => ({ name: protocol.toLowerCase(), port: 53, protocol })),
    },
    slices: [undefined, "IPv6"].map((family) => ({
      ...(family !== undefined && { family }),
      ports: ["TCP", "UDP", "SCTP"].map((protocol) => ({ name: protocol.toLowerCase(), port: 5353, protocol })),
      endpoints: family === undefined ? [at("a", 5), at("b", 6)] : [at6("a", 5)],
    })),
  },
  {
    name: "ports",
    spec: { type: "NodePort", ports: Array.from({ length: 20 }, (_, i) => ({ name: `p-${i}`, port: 9000 + i })) },
    slices: [
      {
        ports: Array.from({ length: 20 }, (_, i) => ({ name: `p-${i}`, port: 9100 + i })).filter((_, i) => i % 5 !== 4),
        endpoints: [at("a", 7), at("b", 8)],
      },
    ],
  },
  {
    namespace: long("n-"),
    name: long("s-"),
    spec: { type: "NodePort", ports: [{ ...http, name: long("p-") }] },
    slices: [{ ports: [{ name: long("p-"), port: 8080 }], endpoints: [at("a", 2)] }],
  },
];

const nodePorts: readonly ServiceSpec[] = [
  service("np", "NodePort", dual, both),
  service("np-local", "NodePort", { ...local, ...dual }, both),
  service("np-local-none", "NodePort", local, [remote]),
  service("np-empty", "NodePort", dual, []),
  service("np-all-local", "NodePort", { ...local, internalTrafficPolicy: "Local" }),
  service("np-all-local-none", "NodePort", { ...local, internalTrafficPolicy: "Local" }, [remote]),
  service("np-sticky", "NodePort", { ...local, sessionAffinity: "ClientIP" }),
  service("np-internal", "NodePort", { internalTrafficPolicy: "Local" }),
];

const balanced = (name: string, host: number, more: object, slices = both): ServiceSpec => ({
  ...service(name, "LoadBalancer", { ...dual, ...more }, slices),
  ingress: vip(host),
});

const ranges = (...loadBalancerSourceRanges: string[]): object => ({ loadBalancerSourceRanges });

const loadBalancers: readonly ServiceSpec[] = [
  balanced("lb", 1, {}),
  balanced("lb-local", 2, local),
  balanced("lb-local-none", 3, local, [remote]),
  balanced("lb-empty", 4, local, []),
  balanced("lb-no-node-port", 5, { allocateLoadBalancerNodePorts: false }),
  balanced("lb-ranges", 6, ranges("198.51.100.0/24", " 198.51.100.7/32 ", "2001:db8:2::/64")),
  balanced("lb-ranges-node", 7, ranges("192.0.2.0/24", "fd00:2::/64")),
  balanced("lb-ranges-all", 8, ranges("198.51.100.0/24", "0.0.0.0/0", "::/0")),
  balanced("lb-ranges-four", 9, ranges("198.51.100.128/25")),
  balanced("lb-ranges-odd", 10, ranges("198.51.100.0/24", "2001:DB8:2:0::/64")),
  balanced("lb-ranges-twice", 19, ranges("198.51.100.0/24", "198.51.100.0/24")),
  balanced("lb-ranges-local", 11, { ...local, ...ranges("198.51.100.0/24"), sessionAffinity: "ClientIP" }),
  balanced("lb-ranges-empty", 12, ranges("198.51.100.0/24"), []),
  balanced("lb-ranges-local-none", 13, { ...local, ...ranges("198.51.100.0/24") }, [remote]),
  { ...balanced("lb-proxy", 14, {}), ingress: [{ ip: "203.0.113.14", ipMode: "Proxy" }, { ip: "203.0.113.15" }] },
  { ...balanced("lb-name", 0, {}), ingress: [{ hostname: "lb.example.com" }] },
  { ...balanced("lb-two", 0, ranges("192.0.2.0/24")), ingress: [...vip(16), ...vip(17)] },
  { ...balanced("lb-pending", 0, local), ingress: [] },
  balanced("lb-external", 18, { externalIPs: ["198.51.100.18", "2001:db8:3::18"], ...ranges("192.0.2.0/25") }),
  // Two that want the same, and another port of an address that is in use.
  { ...balanced("lb-claim-a", 20, {}) },
  { ...balanced("lb-claim-b", 20, {}) },
  { ...balanced("lb-shared", 1, { ports: [{ ...http, port: 81 }] }), ingress: vip(1) },
];

const externalIps: readonly ServiceSpec[] = [
  service("external", "ClusterIP", { ...dual, externalIPs: ["198.51.100.1", "2001:db8:3::1"] }, both),
  service("external-local", "NodePort", { ...local, externalIPs: ["198.51.100.2"] }),
  service("external-local-none", "NodePort", { ...local, externalIPs: ["198.51.100.3"] }, [remote]),
  service("external-empty", "ClusterIP", { ...dual, externalIPs: ["198.51.100.4", "2001:db8:3::4"] }, []),
  service("external-cluster-ip-local", "ClusterIP", { externalIPs: ["198.51.100.5"], ...local }),
  service("external-internal", "ClusterIP", { externalIPs: ["198.51.100.6"], internalTrafficPolicy: "Local" }),
  // The node's own address, on a port that it does not need and on one that it does.
  service("external-node", "ClusterIP", { externalIPs: ["192.0.2.11"], ports: [{ ...http, port: 8000 }] }),
  service("external-ssh", "ClusterIP", { externalIPs: ["192.0.2.11"], ports: [{ ...http, port: 22 }] }),
];

const states: readonly ServiceSpec[] = [
  service("ending", "NodePort", dual, [
    v4(at("a", 2, ending), at("b", 3, ending), at("b", 4, ended)),
    v6(at6("b", 2, ended)),
  ]),
  service("ending-mixed", "NodePort", local, [v4(at("a", 2, ending), at("b", 3), at("b", 4, unready))]),
  service("ending-local", "NodePort", local, [v4(at("a", 2, ending), at("a", 3, ended), at("b", 3))]),
  service("unready", "NodePort", {}, [v4(at("a", 2, unready), at("b", 3, unready))]),
  service("unready-serving", "ClusterIP", {}, [v4(at("a", 2, { conditions: { ready: false, serving: true } }))]),
  service("unknown", "ClusterIP", {}, [v4(at("a", 2, { conditions: {} }), { addresses: ["10.244.9.9"] })]),
  service("nobody-s", "NodePort", local, [v4({ addresses: ["10.244.9.9"] })]),
  service("split", "ClusterIP", {}, [v4(at("a", 2)), v4(at("a", 3)), v4(at("b", 3))]),
  service("moving", "ClusterIP", {}, [v4(at("a", 2)), v4(at("a", 2), at("a", 3)), v4(at("a", 3, ending))]),
  { ...service("wrong-port", "ClusterIP", {}), slices: [{ ports: [{ name: "x", port: 1 }], endpoints: [at("a", 2)] }] },
  { ...service("no-port", "ClusterIP", {}), slices: [{ ports: [{ name: "http" }], endpoints: [at("a", 2)] }] },
  { ...service("no-ports", "ClusterIP", {}), slices: [{ ports: null, endpoints: [at("a", 2)] }] },
  {
    ...service("headless-slice", "ClusterIP", {}),
    slices: [{ labels: { "service.kubernetes.io/headless": "" }, endpoints: [at("a", 2)] }, remote],
  },
  service("fqdn", "ClusterIP", {}, [{ family: "FQDN", endpoints: [{ addresses: ["a.example.com"] }] }, remote]),
  // Pods with the network of their node that fight for one port: one of them works.
  service("twins", "ClusterIP", {}, [v4(at("a", 12), at("a", 12, unready), at("b", 3))]),
  service("giving", "ClusterIP", {}, [v4(at("a", 11))]),
  service("taking", "ClusterIP", {}, []),
  service("own-address", "ClusterIP", {}, [v4({ addresses: ["192.0.2.11"], nodeName: "node-a" })]),
];

const hints: readonly ServiceSpec[] = [
  service("zoned", "NodePort", dual, [
    v4(at("a", 2, zones("zone-a")), at("b", 3, zones("zone-b")), at("b", 4, zones("zone-a", "zone-b"))),
    v6(at6("a", 2, zones("zone-b")), at6("b", 3, zones("zone-b"))),
  ]),
  service("zoned-local", "NodePort", local, [v4(at("a", 2, zones("zone-b")), at("b", 3, zones("zone-a")))]),
  service("zoned-partly", "ClusterIP", {}, [v4(at("a", 2, zones("zone-a")), at("b", 3))]),
  service("zoned-unready", "ClusterIP", {}, [
    v4(at("a", 2, { ...zones("zone-a"), ...unready }), at("b", 3, zones("zone-a")), at("b", 4, zones("zone-b"))),
  ]),
  service("zoned-ending", "ClusterIP", {}, [
    v4(at("a", 2, { ...zones("zone-b"), ...ending }), at("b", 3, { ...zones("zone-a"), ...ending })),
  ]),
  service("same-node", "ClusterIP", {}, [v4(at("a", 2, forNodes("node-a")), at("b", 3, forNodes("node-b")))]),
  service("other-node", "ClusterIP", {}, [v4(at("b", 2, forNodes("node-c")), at("b", 3, forNodes("node-b")))]),
  service("node-and-zone", "ClusterIP", {}, [
    v4(
      at("a", 2, { hints: { forZones: [{ name: "zone-a" }], forNodes: [{ name: "node-b" }] } }),
      at("b", 3, { hints: { forZones: [{ name: "zone-b" }], forNodes: [{ name: "node-b" }] } }),
    ),
  ]),
  service("zoned-internal", "ClusterIP", { internalTrafficPolicy: "Local" }, [
    v4(at("a", 2, zones("zone-b")), at("b", 3, zones("zone-a"))),
  ]),
];

export const services: readonly ServiceSpec[] = [
  ...clusterIps,
  ...nodePorts,
  ...loadBalancers,
  ...externalIps,
  ...states,
  ...hints,
];

/** More endpoints than kube-proxy comments rules for. */
export const largeService: ServiceSpec = service(
  "large",
  "NodePort",
  {},
  Array.from({ length: 11 }, (_, slice) =>
    v4(
      ...Array.from({ length: 92 }, (__, i) => ({
        addresses: [`10.244.${20 + slice}.${i + 1}`],
        nodeName: "node-b",
      })),
    ),
  ),
);

/** What makes a Service, in the order of its parts. */
export function creation(given: ServiceSpec): readonly Request[] {
  const { namespace = "shop", name, labels = {}, spec, ingress = [], slices } = given;
  const path = servicePath(given);
  const status: Request[] =
    ingress.length === 0
      ? []
      : [{ kind: "request", method: "PATCH", path: `${path}/status`, body: { status: { loadBalancer: { ingress } } } }];
  return [
    { kind: "request", method: "POST", path: path.replace(/\/[^/]+$/, ""), body: { metadata: { name, labels }, spec } },
    ...status,
    ...slices.map(
      ({ family = "IPv4", labels: more = {}, ports = [httpTo], endpoints }, index): Request => ({
        kind: "request",
        method: "POST",
        path: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
        body: {
          metadata: { name: `${name}-${index}`, labels: { "kubernetes.io/service-name": name, ...more } },
          addressType: family,
          ports,
          endpoints,
        },
      }),
    ),
  ];
}

export function servicePath({ namespace = "shop", name }: Pick<ServiceSpec, "namespace" | "name">): string {
  return `/api/v1/namespaces/${namespace}/services/${name}`;
}

export function slicePath(service: string, index: number): string {
  return `/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/${service}-${index}`;
}
