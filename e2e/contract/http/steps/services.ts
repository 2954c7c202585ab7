import { create, type Exchange, get, mergePatch, patch, remove, update } from "../exchange.ts";
import { inEveryForm, tryCreate, tryPatch } from "./variants.ts";

const services = "/api/v1/namespaces/api/services";
const base = { metadata: { name: "web" }, spec: { clusterIP: "10.96.0.120", ports: [{ port: 80 }] } };

function spec(...specs: readonly object[]): object[] {
  return specs.map((each) => ({ spec: each }));
}

const lb = { type: "LoadBalancer", ports: [{ port: 80, nodePort: 30_020 }] };
const clientIp = (timeoutSeconds: number | null): object => ({
  sessionAffinity: "ClientIP",
  sessionAffinityConfig: { clientIP: { timeoutSeconds } },
});
const port = (more: object): object => ({ ports: [{ port: 80, ...more }] });

/** Every branch of the validation that a user can reach beyond what the kubectl script shows. */
const variants: readonly object[] = spec(
  // Ports.
  { ports: null },
  port({ targetPort: 0 }),
  port({ targetPort: "0" }),
  port({ targetPort: "" }),
  port({ targetPort: "a--b" }),
  port({ targetPort: "123" }),
  port({ targetPort: "-a" }),
  port({ targetPort: "a-name-that-is-too-long" }),
  port({ targetPort: 1.5 }),
  port({ protocol: "" }),
  port({ protocol: "tcp" }),
  port({ name: "a.b" }),
  port({ name: "" }),
  port({ appProtocol: "" }),
  port({ appProtocol: "kubernetes.io/h2c" }),
  port({ port: -1 }),
  port({ nodePort: 0 }),
  port({ nodePort: -1 }),
  {
    ports: [
      { name: "a", port: 53 },
      { name: "b", port: 53, protocol: "UDP" },
      { name: "c", port: 53, protocol: "SCTP" },
    ],
  },
  // Affinity.
  { sessionAffinity: "ClientIP" },
  clientIp(0),
  clientIp(-1),
  clientIp(86_400),
  clientIp(86_401),
  clientIp(null),
  { sessionAffinity: "ClientIP", sessionAffinityConfig: {} },
  { sessionAffinity: "None", sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } } },
  { sessionAffinity: "" },
  // Policies.
  { internalTrafficPolicy: "" },
  { internalTrafficPolicy: "Local" },
  { externalTrafficPolicy: "" },
  { type: "NodePort", externalTrafficPolicy: "Local", ports: lb.ports },
  { externalIPs: ["198.51.100.7"], externalTrafficPolicy: "Local" },
  { type: "ExternalName", clusterIP: null, externalName: "a.example.com", externalTrafficPolicy: "Local" },
  { type: "ExternalName", clusterIP: null, externalName: "a.example.com", internalTrafficPolicy: "Local" },
  { trafficDistribution: "" },
  { trafficDistribution: "PreferClose" },
  { trafficDistribution: "PreferSameZone" },
  { trafficDistribution: "PreferSameNode" },
  { type: "ExternalName", clusterIP: null, externalName: "a.example.com", trafficDistribution: "PreferClose" },
  { publishNotReadyAddresses: true },
  { publishNotReadyAddresses: "yes" },
  // External IPs and source ranges.
  { externalIPs: ["198.51.100.7", "198.51.100.7"] },
  { externalIPs: ["198.51.100.007"] },
  { externalIPs: ["2001:db8::7"] },
  { externalIPs: ["2001:DB8::7"] },
  { externalIPs: ["::ffff:198.51.100.7"] },
  { externalIPs: ["0.0.0.0", "169.254.1.1", "224.0.0.1", "::1", "fe80::1", "ff02::1"] },
  { externalIPs: [] },
  { ...lb, loadBalancerSourceRanges: ["192.0.2.0/24", " 198.51.100.0/24 "] },
  { ...lb, loadBalancerSourceRanges: ["192.0.2.1/24"] },
  { ...lb, loadBalancerSourceRanges: ["192.0.2.1"] },
  { ...lb, loadBalancerSourceRanges: ["2001:db8::/32", "::ffff:192.0.2.0/120"] },
  { ...lb, loadBalancerSourceRanges: [""] },
  { ...lb, loadBalancerIP: "nowhere" },
  { ...lb, loadBalancerIP: "203.0.113.8", loadBalancerClass: "" },
  { ...lb, loadBalancerClass: "a/b/c" },
  { ...lb, allocateLoadBalancerNodePorts: null },
  { ...lb, allocateLoadBalancerNodePorts: "no" },
  { ...lb, externalTrafficPolicy: "Local", healthCheckNodePort: 30_021 },
  { ...lb, externalTrafficPolicy: "Local", healthCheckNodePort: 30_020 },
  { ...lb, externalTrafficPolicy: "Local", healthCheckNodePort: 80 },
  { ...lb, externalTrafficPolicy: "Local", healthCheckNodePort: -1 },
  { type: "NodePort", ports: lb.ports, healthCheckNodePort: 30_021 },
  {
    type: "NodePort",
    ports: [
      { port: 80, nodePort: 30_020 },
      { port: 53, nodePort: 30_020, protocol: "UDP" },
    ],
  },
  // Families and addresses.
  { clusterIP: "", ipFamilies: ["IPv6"], clusterIPs: ["fd00:96::7"] },
  { clusterIP: "10.96.0.0" },
  { clusterIP: "10.96.255.255" },
  { clusterIP: "fd00:96::" },
  { clusterIP: "fd00:96::70", ipFamilies: ["IPv6"] },
  { clusterIP: "FD00:96::70", ipFamilies: ["IPv6"] },
  { clusterIP: "10.96.0.120", clusterIPs: ["10.96.0.120", "10.96.0.121"], ipFamilyPolicy: "RequireDualStack" },
  { clusterIP: "10.96.0.120", clusterIPs: ["10.96.0.120", "None"], ipFamilyPolicy: "RequireDualStack" },
  { clusterIP: "10.96.0.120", clusterIPs: ["10.96.0.120", "fd00:96::70", "fd00:96::71"] },
  { clusterIP: "None", clusterIPs: ["None", "fd00:96::70"] },
  { clusterIP: "None", ipFamilyPolicy: "RequireDualStack" },
  { clusterIP: "None", ipFamilies: ["IPv6"] },
  { clusterIP: "None", type: "LoadBalancer" },
  { clusterIP: "None", externalIPs: ["198.51.100.7"] },
  { clusterIP: "None", sessionAffinity: "ClientIP" },
  { clusterIP: "nowhere", clusterIPs: ["nowhere", "nobody"] },
  { ipFamilies: ["IPv6"] },
  { ipFamilies: ["IPv4", "IPv6"] },
  { ipFamilies: ["IPv4", "IPv6", "IPv4"] },
  { ipFamilyPolicy: "" },
  // Others.
  { type: "" },
  { selector: { "": "a" } },
  { selector: { "not a key": "b" } },
  { type: "ExternalName", clusterIP: null, externalName: "db.example.com." },
  { type: "ExternalName", clusterIP: null, externalName: "203.0.113.8" },
  { type: "ExternalName", clusterIP: null, externalName: "" },
  { type: "ExternalName", clusterIP: "None", externalName: "db.example.com" },
  { type: "ExternalName", clusterIP: null, externalName: "db.example.com", ipFamilyPolicy: "SingleStack" },
  { type: "ExternalName", clusterIP: null, externalName: "db.example.com", ports: [{ port: 80, nodePort: 30_020 }] },
  { type: "ExternalName", clusterIP: null, externalName: "db.example.com", externalIPs: ["198.51.100.7"] },
  { externalName: "db.example.com" },
);

/** What one Service goes through: each change is made, on top of the one before. */
const life: readonly object[] = [
  ...spec(
    // Dual stack: upgrade, other primary family, downgrade, and what must not change.
    { ipFamilyPolicy: "PreferDualStack", clusterIPs: ["10.96.0.120", "fd00:96::78"] },
    { clusterIPs: ["10.96.0.120", "fd00:96::79"] },
    { clusterIPs: ["10.96.0.120"] },
    { ipFamilies: ["IPv4"] },
    { ipFamilyPolicy: "SingleStack", clusterIPs: ["10.96.0.120"], ipFamilies: ["IPv4"] },
    { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6", "IPv4"] },
    { ipFamilyPolicy: "RequireDualStack", clusterIPs: ["10.96.0.120", "fd00:96::78"], ipFamilies: ["IPv4", "IPv6"] },
    { ipFamilyPolicy: "SingleStack" },
    { clusterIP: "None", clusterIPs: ["None"] },
    // NodePorts: taken by number, kept, changed, freed.
    { type: "NodePort", ports: [{ port: 80, nodePort: 30_020 }] },
    { ports: [{ port: 80, nodePort: 30_021 }] },
    {
      ports: [
        { name: "a", port: 80, nodePort: 30_021 },
        { name: "b", port: 80, protocol: "UDP", nodePort: 30_021 },
      ],
    },
    {
      ports: [
        { name: "a", port: 80, nodePort: 30_021 },
        { name: "b", port: 81, nodePort: 30_021 },
      ],
    },
    { ports: [{ port: 80, nodePort: 29_999 }] },
    { ports: [{ port: 80, nodePort: 30_021 }] },
    { externalTrafficPolicy: "Local" },
    { healthCheckNodePort: 30_022 },
    // A load balancer: health-check port given, kept, freed; the class only with the type.
    { type: "LoadBalancer", healthCheckNodePort: 30_022 },
    { healthCheckNodePort: 30_023 },
    { loadBalancerClass: "berth.dev/proxy" },
    { externalTrafficPolicy: "Cluster" },
    { externalTrafficPolicy: "Local", healthCheckNodePort: 30_021 },
    { externalTrafficPolicy: "Local", healthCheckNodePort: 30_024 },
    { loadBalancerSourceRanges: ["192.0.2.0/24"] },
    { allocateLoadBalancerNodePorts: false },
    { type: "NodePort" },
    { type: "NodePort", loadBalancerSourceRanges: null },
    { type: "LoadBalancer", loadBalancerClass: "berth.dev/l2" },
    { type: "LoadBalancer", loadBalancerClass: null },
    { type: "ClusterIP", loadBalancerClass: "berth.dev/l2" },
    { type: "ClusterIP", externalTrafficPolicy: "Cluster" },
    { type: "ClusterIP" },
    { sessionAffinity: "ClientIP" },
    { sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
    { sessionAffinity: "None" },
    { externalIPs: ["198.51.100.7"], externalTrafficPolicy: "Local" },
    { externalIPs: null },
    { externalIPs: null, externalTrafficPolicy: null },
    // Away from an address and back.
    { type: "ExternalName" },
    { type: "ExternalName", externalName: "db.example.com" },
    { type: "ClusterIP", externalName: null },
    { type: "ClusterIP", externalName: null, clusterIP: "10.96.0.121" },
    { type: "ExternalName", externalName: "db.example.com", clusterIP: "", clusterIPs: null },
    { type: "NodePort", clusterIP: "10.96.0.122", ports: [{ port: 80, nodePort: 30_021 }] },
    { type: "ExternalName", externalName: "db.example.com", clusterIP: "10.96.0.122" },
  ),
  { metadata: { name: "other" } },
  { metadata: { namespace: "default" } },
  { metadata: { generateName: "probe-" } },
  { metadata: { creationTimestamp: "2026-01-02T03:04:05Z", deletionTimestamp: "2026-01-02T03:04:05Z" } },
];

const one = (name: string, more: object): Exchange => create(services, { metadata: { name }, spec: more });

/** Services field by field, their changes, and what their allocators hold and let go. */
export const serviceSteps: readonly Exchange[] = [
  ...tryCreate(services, base, variants),
  create(services, base),
  ...tryPatch(`${services}/web`, [
    ...spec({ ipFamilyPolicy: null }, { clusterIP: null }, { clusterIP: "", clusterIPs: null }, { type: null }),
    { metadata: { generation: 7, managedFields: [] } },
  ]),
  ...life.map((change) => mergePatch(`${services}/web`, change)),
  remove(`${services}/web`),
  // What the Service let go on the way, others can have; what it was refused or tried in a dry run, nobody holds.
  one("a", { type: "NodePort", clusterIP: "10.96.0.120", ports: [{ port: 80, nodePort: 30_020 }] }),
  one("b", { type: "NodePort", clusterIP: "10.96.0.121", ports: [{ port: 80, nodePort: 30_021 }] }),
  one("c", {
    type: "LoadBalancer",
    clusterIP: "10.96.0.122",
    externalTrafficPolicy: "Local",
    healthCheckNodePort: 30_022,
    ports: [{ port: 80, nodePort: 30_023 }],
  }),
  one("d", { ipFamilies: ["IPv6"], clusterIP: "fd00:96::78", ports: [{ port: 80 }] }),
  ...tryCreate(services, base, [
    { spec: { clusterIP: "10.96.0.122" } },
    { spec: { clusterIP: "fd00:96::78", ipFamilies: ["IPv6"] } },
    { spec: { type: "NodePort", ports: [{ port: 80, nodePort: 30_022 }] } },
    { spec: { type: "NodePort", ports: [{ port: 80, protocol: "UDP", nodePort: 30_020 }] } },
    { spec: { type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 30_022 } },
    { spec: { type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 30_023, ports: lb.ports } },
  ]),
  ...tryPatch(`${services}/a`, [
    { spec: { type: "LoadBalancer" } },
    { spec: { ports: [{ port: 80, nodePort: 30_021 }] } },
    { spec: { ports: [{ port: 80, protocol: "UDP", nodePort: 30_020 }] } },
    { spec: { ipFamilyPolicy: "PreferDualStack", clusterIPs: ["10.96.0.120", "fd00:96::78"] } },
  ]),
  update(`${services}/a`, { metadata: { name: "a" }, spec: { ports: [{ port: 80 }] } }),
  update(
    `${services}/b`,
    { metadata: { name: "b" }, spec: { type: "NodePort", ports: [{ port: 80 }] } },
    { limit: "managedFields" },
  ),
  update(`${services}/c`, { metadata: { name: "c" }, spec: { type: "LoadBalancer", ports: [{ port: 80 }] } }),
  patch("application/strategic-merge-patch+json", `${services}/b`, {
    spec: { ports: [{ port: 80, protocol: "UDP", name: "udp" }] },
  }),
  get(`${services}/b`),
  // Another object of the same name has neither the uid nor the version.
  mergePatch(`${services}/c/status`, {
    status: { loadBalancer: { ingress: [{ ip: "203.0.113.9" }, { ip: "203.0.113.9" }] } },
  }),
  mergePatch(`${services}/c/status`, {
    status: { loadBalancer: { ingress: [{ ip: "203.0.113.9", ipMode: "Both" }] } },
  }),
  mergePatch(`${services}/c/status`, { status: { loadBalancer: { ingress: [{ ip: "203.0.113.09" }] } } }),
  mergePatch(`${services}/c/status`, { status: { loadBalancer: { ingress: [{ hostname: "203.0.113.9" }] } } }),
  mergePatch(`${services}/c/status`, { status: { loadBalancer: { ingress: [{ hostname: "Not A Name" }] } } }),
  mergePatch(`${services}/c/status`, {
    status: { loadBalancer: { ingress: [{ ip: "203.0.113.9", ports: [{ port: 80, protocol: "ICMP" }] }] } },
  }),
  mergePatch(`${services}/c/status`, {
    status: {
      loadBalancer: { ingress: [{ ip: "203.0.113.9", ports: [{ port: 0, protocol: "TCP", error: "busy" }] }] },
    },
  }),
  mergePatch(`${services}/c/status`, { status: { conditions: [{ type: "A" }] } }),
  mergePatch(`${services}/c/status`, {
    status: {
      conditions: ["A", "A"].map((type) => ({
        type,
        status: "True",
        reason: "Fine",
        message: "",
        lastTransitionTime: "2026-01-02T03:04:05Z",
      })),
    },
  }),
  mergePatch(`${services}/c/status`, { spec: { type: "ClusterIP" } }),
  // A policy survives as an ExternalName, unseen.
  mergePatch(`${services}/c`, { spec: { type: "ClusterIP", internalTrafficPolicy: "Local" } }),
  mergePatch(`${services}/c`, { spec: { type: "ExternalName", externalName: "db.example.com" } }),
  mergePatch(`${services}/c`, { spec: { internalTrafficPolicy: "Odd" } }),
  get(`${services}/c`),
  mergePatch(`${services}/c`, { spec: { type: "ClusterIP", clusterIP: "10.96.0.122" } }),
  ...inEveryForm(services),
  remove(services),
];
