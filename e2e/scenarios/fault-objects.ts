// Objects of the fault scenarios: plain ones, those that an API server lets through though nobody can serve them, and
// kube-proxy's rights.

export function frontends(name: string, port: object, spec: object = {}): object {
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { ports: [{ name: "p", ...port }], ...spec } };
}

/** The only slice of a Service, unless `suffix` makes it another. */
export function slice(service: string, ips: readonly string[], port: object = {}, suffix = "1"): object {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${service}-${suffix}`, labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    ports: [{ name: "p", port: 8080, protocol: "TCP", ...port }],
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
  };
}

/** `own` is an address of the node, `api` that of the API server. */
export function awkward(own: string, api: string): readonly object[] {
  const longName = "n".repeat(63);
  const longPort = "p".repeat(63);
  const ports = { ssh: 22, kubelet: 10250, "node-port": 31000, listens: 4321, fine: 8081 };
  return [
    frontends(
      "own",
      {},
      {
        externalIPs: [own],
        ports: Object.entries(ports).map(([name, port]) => ({ name, port })),
      },
    ),
    { ...slice("own", ["10.0.7.1"]), ports: Object.keys(ports).map((name) => ({ name, port: 8080 })) },
    frontends("api", { port: 6443 }, { externalIPs: [api] }),
    slice("api", ["10.0.7.2"]),
    // Two want one address.
    ...["over-1", "over-2"].flatMap((name) => [
      frontends(name, { port: 80 }, { externalIPs: ["198.51.100.7"] }),
      slice(name, ["10.0.7.3"]),
    ]),
    // One endpoint in two slices.
    frontends("twice", { port: 80 }),
    slice("twice", ["10.0.3.1", "10.0.3.1"]),
    slice("twice", ["10.0.3.1"], {}, "2"),
    // Nothing that is said, and port 0.
    frontends("empty", { port: 80 }),
    { ...slice("empty", ["10.0.4.1"]), ports: [{}] },
    { ...slice("empty", [], {}, "2"), ports: null, endpoints: null },
    slice("empty", ["10.0.4.2"], { port: 0 }, "3"),
    // As many as a slice may hold.
    frontends("many", { port: 80 }),
    slice(
      "many",
      Array.from({ length: 1000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`),
    ),
    frontends(longName, { name: longPort, port: 80 }),
    {
      ...slice(longName, ["10.0.7.4"], { name: longPort }),
      metadata: { name: "s".repeat(253), labels: { "kubernetes.io/service-name": longName } },
    },
  ];
}

/** The account of kubeadm's kube-proxy, with the rights that Kubernetes gives it. */
export const nodeProxier: object = {
  apiVersion: "v1",
  kind: "List",
  items: [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "kube-proxy", namespace: "kube-system" } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "system:node-proxier" },
      rules: [
        { apiGroups: [""], resources: ["endpoints", "services"], verbs: ["list", "watch"] },
        { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] },
        { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch", "update"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
        { apiGroups: ["networking.k8s.io"], resources: ["servicecidrs"], verbs: ["list", "watch"] },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "kubeadm:node-proxier" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:node-proxier" },
      subjects: [{ kind: "ServiceAccount", name: "kube-proxy", namespace: "kube-system" }],
    },
  ],
};
