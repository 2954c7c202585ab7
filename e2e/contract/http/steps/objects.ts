import { create, type Exchange, get, mergePatch, patch, remove, update } from "../exchange.ts";
import { inEveryForm, tryCreate, tryPatch } from "./variants.ts";

const namespaces = "/api/v1/namespaces";
const core = `${namespaces}/api`;
const leases = "/apis/coordination.k8s.io/v1/namespaces/api/leases";
const newEvents = "/apis/events.k8s.io/v1/namespaces/api/events";

function variantsOf(field: string, ...values: readonly object[]): object[] {
  return values.map((value) => ({ [field]: value }));
}

const lease = { metadata: { name: "lease" } };
const time = "2026-01-02T03:04:05.000001Z";

const leaseSteps: readonly Exchange[] = [
  ...tryCreate(
    leases,
    lease,
    variantsOf(
      "spec",
      {},
      { holderIdentity: "" },
      { holderIdentity: "a", leaseDurationSeconds: 15, renewTime: time, acquireTime: time },
      { leaseDurationSeconds: -1 },
      { leaseDurationSeconds: "long" },
      { leaseTransitions: -1 },
      { leaseTransitions: 0 },
      { renewTime: "now" },
      { renewTime: "2026-01-02T03:04:05Z" },
      { renewTime: "2026-01-02T03:04:05.123456789Z" },
      { strategy: "OldestEmulationVersion" },
      { strategy: "OldestEmulationVersion", preferredHolder: "b" },
      { strategy: "example.com/mine", preferredHolder: "b" },
      { strategy: "not a strategy" },
      { strategy: "" },
      { preferredHolder: "b" },
    ),
  ),
  create(leases, lease),
  ...tryPatch(`${leases}/lease`, variantsOf("spec", { leaseDurationSeconds: 0 }, { holderIdentity: "b" })),
  update(`${leases}/absent`, { metadata: { name: "absent" } }),
  update(`${leases}/absent`, { metadata: { name: "absent", resourceVersion: "1" } }),
  ...inEveryForm(leases),
  remove(leases),
];

/** Controllers of the real server write events, too. */
const mine = "fieldSelector=involvedObject.name%3Dfront";

const event = { metadata: { name: "event" }, involvedObject: { kind: "Service", namespace: "api", name: "front" } };
const newEvent = {
  metadata: { name: "event" },
  eventTime: time,
  type: "Normal",
  reason: "Ensured",
  action: "Ensure",
  regarding: { kind: "Service", namespace: "api", name: "front" },
  reportingController: "berth.dev/controller",
  reportingInstance: "berth-1",
};

const eventSteps: readonly Exchange[] = [
  ...tryCreate(`${core}/events`, event, [
    {},
    { involvedObject: { namespace: "default" } },
    { involvedObject: { namespace: "" } },
    { involvedObject: null },
    { type: "Loud" },
    { reason: "R".repeat(200), message: "m".repeat(1100), count: -1 },
    { eventTime: time },
    {
      eventTime: time,
      reportingComponent: "berth.dev/c",
      reportingInstance: "1",
      reason: "R",
      action: "A",
      type: "Normal",
    },
    {
      firstTimestamp: "2026-01-02T03:04:05Z",
      lastTimestamp: "2026-01-02T03:05:05Z",
      count: 3,
      source: { component: "a", host: "b" },
    },
    { firstTimestamp: time },
    { series: { count: 2, lastObservedTime: time } },
  ]),
  ...tryCreate(newEvents, newEvent, [
    {},
    { eventTime: null },
    { type: "Loud" },
    { type: "" },
    { reason: "" },
    { reason: "R".repeat(129) },
    { action: "A".repeat(129) },
    { note: "n".repeat(1025) },
    { reportingController: "" },
    { reportingController: "not a name" },
    { reportingInstance: "" },
    { reportingInstance: "i".repeat(129) },
    { regarding: { namespace: "default" } },
    { regarding: { namespace: "" } },
    { series: { count: 1, lastObservedTime: time } },
    { series: { count: 2 } },
    { series: { count: 2, lastObservedTime: time } },
    { deprecatedCount: 1 },
    { deprecatedSource: { component: "a" } },
    { deprecatedFirstTimestamp: "2026-01-02T03:04:05Z" },
    { related: { kind: "Pod", name: "a" } },
  ]),
  create(newEvents, newEvent),
  ...tryPatch(`${newEvents}/event`, [
    { note: "other" },
    { reason: "Other" },
    { type: "Warning" },
    { action: "Other" },
    { regarding: { name: "other" } },
    { reportingController: "berth.dev/other" },
    { eventTime: "2026-01-02T03:04:06.000001Z" },
    { series: { count: 2, lastObservedTime: time } },
    { series: { count: 1, lastObservedTime: time } },
    { metadata: { labels: { a: "b" } } },
  ]),
  ...tryPatch(`${core}/events/event`, [{ message: "other" }, { count: 2 }]),
  mergePatch(`${newEvents}/event`, { series: { count: 2, lastObservedTime: time } }),
  create(`${core}/events`, {
    ...event,
    metadata: { name: "old" },
    message: " two\nlines ",
    source: { component: "a", host: "b" },
    firstTimestamp: "2026-01-02T03:04:05Z",
    count: 3,
    type: "Warning",
    reason: "Failed",
  }),
  get(`${newEvents}?fieldSelector=type%3DWarning,regarding.name%3Dfront`),
  get(`${newEvents}?fieldSelector=regarding.name%3Dfront`),
  get(`${core}/events?fieldSelector=source%3Da`),
  get(`${core}/events?fieldSelector=reportingComponent%3Dberth.dev/controller`),
  get(`${core}/events?fieldSelector=involvedObject.kind%3DPod`),
  ...inEveryForm(`${core}/events?${mine}`),
  ...inEveryForm(`${newEvents}?fieldSelector=regarding.name%3Dfront`),
  remove(`${core}/events?${mine}`),
];

const node = { metadata: { name: "node-c" } };
const nodes = "/api/v1/nodes";
const nodeStatus = (status: object): Exchange => mergePatch(`${nodes}/node-c/status?dryRun=All`, { status });

const nodeSteps: readonly Exchange[] = [
  ...tryCreate(nodes, node, [
    {},
    { metadata: { name: "Node C" } },
    { spec: { podCIDR: "10.244.1.0/24" } },
    { spec: { podCIDRs: ["10.244.1.0/24", "10.244.2.0/24"] } },
    { spec: { podCIDRs: ["10.244.1.0/24", "fd00:244:1::/64"] } },
    { spec: { podCIDR: "10.244.9.0/24", podCIDRs: ["10.244.1.0/24"] } },
    { spec: { podCIDRs: ["everything"] } },
    { spec: { podCIDRs: ["10.244.1.1/24"] } },
    { spec: { taints: [{ key: "a", effect: "NoSchedule" }] } },
    { spec: { taints: [{ key: "a", effect: "Never" }] } },
    { spec: { taints: [{ key: "", effect: "NoSchedule" }] } },
    { spec: { taints: [{ key: "a", value: "not a value", effect: "NoExecute" }] } },
    {
      spec: {
        taints: [
          { key: "a", effect: "NoSchedule" },
          { key: "a", effect: "NoSchedule" },
        ],
      },
    },
    { spec: { providerID: "aws:///a/i-1", unschedulable: false } },
    { status: { addresses: [{ type: "InternalIP", address: "192.0.2.13" }] } },
  ]),
  create(nodes, { ...node, spec: { podCIDR: "10.244.3.0/24" } }),
  ...tryPatch(`${nodes}/node-c`, [
    { spec: { podCIDR: "10.244.4.0/24" } },
    { spec: { podCIDRs: ["10.244.3.0/24", "fd00:244:3::/64"] } },
    { spec: { providerID: "gce://p/z/n" } },
    { spec: { unschedulable: true } },
    { spec: { taints: [{ key: "a", effect: "Never" }] } },
    { metadata: { labels: { "node-role.kubernetes.io/control-plane": "" } } },
  ]),
  mergePatch(`${nodes}/node-c`, { spec: { providerID: "gce://p/z/n" } }),
  mergePatch(`${nodes}/node-c?dryRun=All`, { spec: { providerID: "gce://p/z/other" } }),
  nodeStatus({
    addresses: [
      { type: "InternalIP", address: "192.0.2.13" },
      { type: "Hostname", address: "node-c" },
    ],
  }),
  nodeStatus({
    addresses: [
      { type: "InternalIP", address: "192.0.2.13" },
      { type: "InternalIP", address: "192.0.2.13" },
    ],
  }),
  nodeStatus({ addresses: [{ type: "InternalIP", address: "" }] }),
  nodeStatus({ conditions: [{ type: "Ready", status: "Unknown" }], capacity: { cpu: "2", memory: "1Gi" } }),
  patch("application/strategic-merge-patch+json", `${nodes}/node-c/status`, {
    status: {
      addresses: [{ type: "InternalIP", address: "192.0.2.13" }],
      conditions: [{ type: "Ready", status: "True" }],
    },
  }),
  patch("application/strategic-merge-patch+json", `${nodes}/node-c/status`, {
    status: {
      addresses: [{ type: "ExternalIP", address: "198.51.100.13" }],
      conditions: [{ type: "Ready", status: "False" }],
    },
  }),
  get(`${nodes}?fieldSelector=spec.unschedulable%3Dfalse`),
  ...inEveryForm(nodes),
  remove(`${nodes}/node-c`),
];

const namespaceSteps: readonly Exchange[] = [
  ...tryCreate(namespaces, { metadata: { name: "life" } }, [
    {},
    { metadata: { name: "a.b" } },
    { metadata: { name: "a".repeat(64) } },
    { metadata: { labels: { "kubernetes.io/metadata.name": "other" } } },
    { spec: { finalizers: ["example.com/mine"] } },
    { spec: { finalizers: ["mine"] } },
    { status: { phase: "Terminating" } },
  ]),
  create(namespaces, { metadata: { name: "life", finalizers: ["example.com/held"] } }),
  mergePatch(`${namespaces}/life?dryRun=All`, {
    metadata: { labels: { "kubernetes.io/metadata.name": null, a: "b" } },
  }),
  mergePatch(`${namespaces}/life?dryRun=All`, { spec: { finalizers: [] } }),
  mergePatch(`${namespaces}/life/status?dryRun=All`, { status: { phase: "Sleeping" } }),
  get(`${namespaces}?fieldSelector=status.phase%3DTerminating`),
  remove(namespaces),
  remove(`${namespaces}/life`),
  create(`${namespaces}/life/configmaps`, { metadata: { name: "late" } }),
  // What is in it, and its own end, is up to a controller.
  create(namespaces, { metadata: { name: "life" } }),
  create(`${namespaces}/life/services?dryRun=All`, { metadata: { name: "late" }, spec: { ports: [{ port: 80 }] } }),
  remove(`${namespaces}/kube-system`),
];

const subset = { addresses: [{ ip: "10.244.1.5" }], ports: [{ port: 80 }] };
const subsets = (...list: readonly object[]): object => ({ subsets: list });
const endpoints = `${core}/endpoints`;

const endpointsSteps: readonly Exchange[] = [
  ...tryCreate(endpoints, { metadata: { name: "web" } }, [
    {},
    subsets(subset),
    subsets({}),
    subsets({ addresses: subset.addresses }),
    subsets({ ports: subset.ports }),
    subsets({ addresses: [{ ip: "nowhere" }] }),
    subsets({ addresses: [{ ip: "127.0.0.1" }] }),
    subsets({ addresses: [{ ip: "10.244.1.5", hostname: "Not_A_Host", nodeName: "node-a" }] }),
    subsets({ notReadyAddresses: [{ ip: "10.244.1.5", targetRef: { kind: "Pod", name: "a" } }], ports: subset.ports }),
    subsets({ ...subset, ports: [{ port: 80 }, { port: 81 }] }),
    subsets({ ...subset, ports: [{ port: 0, name: "A_B", protocol: "ICMP" }] }),
    subsets({ ...subset, ports: [{ port: 80, name: "a", appProtocol: "not a name" }] }),
  ]),
  create(endpoints, { metadata: { name: "web" }, ...subsets({ ...subset, ports: [{ port: 80, name: "http" }] }) }),
  mergePatch(`${endpoints}/web`, { subsets: null }),
  get(`${endpoints}/web`),
  ...inEveryForm(endpoints),
  remove(`${endpoints}/web`),
];

const configMaps = `${core}/configmaps`;
const secrets = `${core}/secrets`;

const dataSteps: readonly Exchange[] = [
  ...tryCreate(configMaps, { metadata: { name: "data" } }, [
    { data: { a: "1" }, binaryData: { b: "AA==" } },
    { data: { "not a key": "1" } },
    { data: { "..": "1" } },
    { data: { a: "1" }, binaryData: { a: "AA==" } },
    { binaryData: { b: "not base64" } },
    { data: {}, immutable: true },
    { data: { a: 1 } },
  ]),
  create(configMaps, { metadata: { name: "data" }, data: { a: "1" }, immutable: true }),
  ...tryPatch(`${configMaps}/data`, [
    { data: { a: "2" } },
    { immutable: false },
    { immutable: null },
    { metadata: { labels: { a: "b" } } },
  ]),
  ...inEveryForm(configMaps),
  remove(`${configMaps}/data`),
  ...tryCreate(secrets, { metadata: { name: "data" } }, [
    {},
    { stringData: { a: "text" }, data: { b: "AA==" } },
    { data: { "not a key": "AA==" } },
    { data: { a: "not base64" } },
    { type: "kubernetes.io/tls" },
  ]),
  create(secrets, { metadata: { name: "data" }, stringData: { a: "1" }, immutable: true }),
  ...tryPatch(`${secrets}/data`, [{ data: { a: "AA==" } }, { type: "Other" }, { immutable: null }]),
  get(`${secrets}?fieldSelector=type%3DOpaque`),
  ...inEveryForm(secrets),
  remove(`${secrets}/data`),
];

/** The other kinds that Berth reads or writes, field by field. */
export const objectSteps: readonly Exchange[] = [
  ...leaseSteps,
  ...eventSteps,
  ...nodeSteps,
  ...namespaceSteps,
  ...endpointsSteps,
  ...dataSteps,
];
