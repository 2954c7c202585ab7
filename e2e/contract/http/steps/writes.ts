import { create, type Exchange, get, mergePatch, patch, remove, update } from "../exchange.ts";

const namespaces = "/api/v1/namespaces";
const services = `${namespaces}/api/services`;
const web = `${services}/web`;

function service(name: string, address: string, more: object = {}, metadata: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, ...metadata },
    spec: { clusterIP: address, ports: [{ port: 80 }], ...more },
  };
}

/** Create, update, patch and delete: answers in full, preconditions, bad requests. */
export const writeSteps: readonly Exchange[] = [
  create(namespaces, { metadata: { name: "api" } }),
  create(services, service("web", "10.96.0.90"), {
    capture: { first: "metadata.resourceVersion", uid: "metadata.uid" },
  }),
  create(services, service("web", "10.96.0.91")),
  create(services, service("versioned", "10.96.0.91", {}, { resourceVersion: "1" })),
  create(services, service("elsewhere", "10.96.0.91", {}, { namespace: "default" })),
  create(services, { apiVersion: "v1", kind: "Pod", metadata: { name: "web" } }),
  create(services, { apiVersion: "v2", kind: "Service", metadata: { name: "web" } }, { brief: true }),
  create(services, '{"kind":', { brief: true }),
  create(services, "", { brief: true }),
  create(services, service("bad", "10.96.0.91", { ports: [{ port: 0 }, { port: 1, protocol: "X" }], type: "Y" })),
  create(`${services}?dryRun=All`, service("dry", "10.96.0.91")),
  get(`${services}/dry`),
  create(`${services}?dryRun=Some`, service("dry", "10.96.0.91")),
  create(`${services}?fieldValidation=Strict`, service("strict", "10.96.0.91", { clazz: 1 })),
  create(`${services}?fieldValidation=Warn&dryRun=All`, service("strict", "10.96.0.91", { clazz: 1 })),
  create(`${services}?fieldValidation=Sometimes`, service("strict", "10.96.0.91")),
  create(services, service("yaml", "10.96.0.91"), { headers: { "content-type": "text/plain" }, brief: true }),
  get(web),
  get(`${services}/absent`),
  get("/api/v1/nothings"),
  get("/nowhere"),
  update(services, {}),
  create(web, {}),
  get(web, { headers: { authorization: "Bearer nobody" } }),
  get(`${namespaces}/nowhere/services`),
  get(`${namespaces}/nowhere/services/web`),
  create(`${namespaces}/nowhere/services`, service("web", "10.96.0.91")),

  // Optimistic concurrency.
  mergePatch(web, { metadata: { resourceVersion: "${first}", labels: { a: "1" } } }),
  mergePatch(web, { metadata: { resourceVersion: "${first}", labels: { a: "2" } } }),
  mergePatch(web, { metadata: { uid: "00000000-0000-0000-0000-000000000000" } }),
  mergePatch(web, { metadata: { labels: { a: "1" } } }, { capture: { second: "metadata.resourceVersion" } }),
  update(web, service("web", "10.96.0.90", {}, { resourceVersion: "${first}" })),
  update(web, service("web", "10.96.0.90", {}, { resourceVersion: "${second}", labels: { a: "3" } })),
  update(web, service("web", "10.96.0.90", {}, { labels: { a: "3" } })),
  update(web, service("web", "10.96.0.90", {}, { uid: "00000000-0000-0000-0000-000000000000" }), { brief: true }),
  update(web, service("other", "10.96.0.90")),
  update(`${web}?dryRun=All`, service("web", "10.96.0.90", {}, { labels: { a: "4" } })),
  update(`${namespaces}/api/pods/absent`, { apiVersion: "v1", kind: "Pod", metadata: { name: "absent" } }),

  // Patches.
  patch("application/strategic-merge-patch+json", web, { spec: { ports: [{ port: 81, name: "b" }] } }),
  patch("application/strategic-merge-patch+json", web, {
    spec: {
      ports: [
        { port: 81, name: "b" },
        { port: 80, name: "a" },
      ],
    },
  }),
  patch("application/strategic-merge-patch+json", web, { spec: { ports: [{ port: 81, $patch: "delete" }] } }),
  patch("application/strategic-merge-patch+json", web, {
    spec: { ports: [{ port: 82, name: "c" }, { $patch: "replace" }] },
  }),
  patch("application/strategic-merge-patch+json", web, { metadata: { finalizers: ["example.com/a"] } }),
  patch("application/strategic-merge-patch+json", web, { metadata: { finalizers: ["example.com/b"] } }),
  patch("application/strategic-merge-patch+json", web, {
    metadata: { "$deleteFromPrimitiveList/finalizers": ["example.com/a"] },
  }),
  patch("application/strategic-merge-patch+json", web, {
    status: { conditions: [{ type: "A", status: "True", reason: "R", message: "", lastTransitionTime: null }] },
  }),
  patch("application/json-patch+json", web, [
    { op: "add", path: "/metadata/annotations", value: { "example.com/c": "1" } },
    { op: "replace", path: "/metadata/annotations/example.com~1c", value: "2" },
    { op: "remove", path: "/metadata/finalizers/0" },
  ]),
  patch("application/json-patch+json", web, [{ op: "test", path: "/metadata/name", value: "other" }]),
  patch("application/json-patch+json", web, [{ op: "replace", path: "/spec/nothing/deep", value: 1 }]),
  patch("application/json-patch+json", web, { op: "remove" }, { brief: true }),
  patch("application/merge-patch+json", web, "[]", { brief: true }),
  patch("application/json", web, {}, { brief: true }),
  patch("application/strategic-merge-patch+json", `${services}/absent`, {}),
  mergePatch(web, { spec: { ports: null } }),
  mergePatch(`${web}?fieldValidation=Strict`, { spec: { clazz: 1 } }, { brief: true }),
  mergePatch(`${web}?fieldValidation=Warn`, { spec: { clazz: 1 } }),

  // The status subresource takes metadata and status; the object takes all but status.
  mergePatch(web, { spec: { type: "LoadBalancer", allocateLoadBalancerNodePorts: false } }),
  mergePatch(`${web}/status`, {
    metadata: { finalizers: ["proxy.berth.dev/resources"], labels: { a: "5" } },
    spec: { selector: { a: "b" } },
    status: {
      loadBalancer: {
        ingress: [{ ip: "203.0.113.20", ports: [{ port: 82, protocol: "TCP", error: "example.com/Busy" }] }],
      },
      conditions: [
        {
          type: "berth.dev/Ready",
          status: "True",
          reason: "R",
          message: "m",
          lastTransitionTime: "2026-01-02T03:04:05Z",
        },
      ],
    },
  }),
  mergePatch(`${web}/status`, { metadata: { resourceVersion: "${first}" }, status: { conditions: null } }),
  mergePatch(`${web}/status`, { status: { loadBalancer: { ingress: [{ ip: "nowhere" }] } } }),
  mergePatch(`${web}/status`, {
    status: { loadBalancer: { ingress: [{ hostname: "lb.example.com", ipMode: "Proxy" }] } },
  }),
  mergePatch(`${web}/status`, { status: { loadBalancer: { ingress: [{ hostname: "lb.example.com" }] } } }),
  patch("application/strategic-merge-patch+json", `${web}/status`, {
    status: {
      conditions: [
        { type: "Other", status: "False", reason: "R", message: "", lastTransitionTime: "2026-01-02T03:04:05Z" },
      ],
    },
  }),
  mergePatch(`${web}/status`, { status: { conditions: [{ type: "no type", status: "Maybe" }] } }),
  mergePatch(`${web}/status`, { status: { loadBalancer: null } }),
  get(`${web}/status`),
  get(`${web}/nothing`),

  // Deletion.
  remove(web, {
    kind: "DeleteOptions",
    apiVersion: "v1",
    preconditions: { uid: "00000000-0000-0000-0000-000000000000" },
  }),
  remove(web, { preconditions: { resourceVersion: "${first}" } }),
  remove(`${web}?dryRun=All`),
  remove(web, { propagationPolicy: "Sideways" }),
  remove(web),
  remove(web),
  create(services, service("web", "10.96.0.91")),
  mergePatch(web, { metadata: { labels: { late: "yes" } } }),
  mergePatch(web, { metadata: { finalizers: null } }),
  get(web),
  remove(web),
  create(services, service("web", "10.96.0.90")),
  remove(web, { preconditions: { uid: "${uid}" } }),
  remove(web),
  create(services, service("", "10.96.0.90", {}, { generateName: "probe-" })),
  remove(services),

  // A Pod with a node goes when its kubelet says so.
  create(`${namespaces}/api/pods`, {
    metadata: { name: "echo" },
    spec: { nodeName: "node-a", containers: [{ name: "echo", image: "example.com/echo:1" }] },
  }),
  remove(`${namespaces}/api/pods/echo`),
  remove(`${namespaces}/api/pods/echo?gracePeriodSeconds=5`),
  remove(`${namespaces}/api/pods/echo`, { gracePeriodSeconds: 0 }),
  get(`${namespaces}/api/pods/echo`),

  // Leases as elections use them, events as recorders send them, scale.
  create(
    "/apis/coordination.k8s.io/v1/namespaces/api/leases",
    {
      metadata: { name: "berth" },
      spec: { holderIdentity: "a", leaseDurationSeconds: 15, acquireTime: "2026-01-02T03:04:05.000001Z" },
    },
    { capture: { lease: "metadata.resourceVersion" } },
  ),
  update("/apis/coordination.k8s.io/v1/namespaces/api/leases/berth", {
    metadata: { name: "berth", resourceVersion: "${lease}" },
    spec: { holderIdentity: "b", leaseDurationSeconds: 15, leaseTransitions: 1 },
  }),
  update("/apis/coordination.k8s.io/v1/namespaces/api/leases/berth", {
    metadata: { name: "berth", resourceVersion: "${lease}" },
    spec: { holderIdentity: "c" },
  }),
  update("/apis/coordination.k8s.io/v1/namespaces/api/leases/berth", { metadata: { name: "berth" }, spec: {} }),
  create("/apis/events.k8s.io/v1/namespaces/api/events", { metadata: { generateName: "probe-" }, note: "?" }),
  create("/apis/events.k8s.io/v1/namespaces/api/events", {
    metadata: { name: "web.1" },
    eventTime: "2026-01-02T03:04:05.000001Z",
    type: "Normal",
    reason: "EnsuredLoadBalancer",
    action: "Ensure",
    note: "Ensured load balancer",
    regarding: { kind: "Service", namespace: "api", name: "web" },
    reportingController: "berth.dev/controller",
    reportingInstance: "berth-1",
  }),
  patch("application/strategic-merge-patch+json", "/apis/events.k8s.io/v1/namespaces/api/events/web.1", {
    series: { count: 2, lastObservedTime: "2026-01-02T03:05:05.000001Z" },
  }),
  get("/api/v1/namespaces/api/events/web.1"),
  get("/api/v1/namespaces/api/events?fieldSelector=involvedObject.name%3Dweb,reason%3DEnsuredLoadBalancer"),
  remove("/api/v1/namespaces/api/events/web.1"),
  create("/apis/apps/v1/namespaces/api/deployments", {
    metadata: { name: "echo" },
    spec: {
      selector: { matchLabels: { app: "echo" } },
      template: {
        metadata: { labels: { app: "echo" } },
        spec: { containers: [{ name: "echo", image: "example.com/echo:1" }] },
      },
    },
  }),
  get("/apis/apps/v1/namespaces/api/deployments/echo/scale"),
  mergePatch("/apis/apps/v1/namespaces/api/deployments/echo/scale", { spec: { replicas: 4 } }),
  mergePatch("/apis/apps/v1/namespaces/api/deployments/echo/scale", { spec: { replicas: -1 } }),
  remove("/apis/apps/v1/namespaces/api/deployments/echo", { propagationPolicy: "Background" }),
];
