import { create, type Exchange, get, mergePatch, patch, remove, update } from "../exchange.ts";
import { inEveryForm, tryCreate, tryPatch } from "./variants.ts";

const slices = "/apis/discovery.k8s.io/v1/namespaces/api/endpointslices";
const base = {
  metadata: { name: "slice" },
  addressType: "IPv4",
  endpoints: [{ addresses: ["10.244.1.5"] }],
  ports: [],
};

function addresses(...list: string[]): object {
  return { endpoints: [{ addresses: list }] };
}

function endpoint(more: object): object {
  return { endpoints: [{ addresses: ["10.244.1.5"], ...more }] };
}

function ports(...list: object[]): object {
  return { ports: list };
}

function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

const variants: readonly object[] = [
  {},
  { addressType: null },
  { addressType: "IPv5" },
  { addressType: "FQDN", ...addresses("db.example.com") },
  { addressType: "FQDN", ...addresses("not a name") },
  { addressType: "IPv6", ...addresses("fd00:244::5") },
  { addressType: "IPv6" },
  { endpoints: null, ports: null },
  { endpoints: [], ports: [] },
  addresses(),
  addresses("10.244.1.5", "10.244.1.6"),
  addresses("fd00:244::5"),
  addresses("127.0.0.1"),
  addresses("0.0.0.0"),
  addresses("169.254.1.1"),
  addresses("224.0.0.1"),
  addresses("10.244.1.05"),
  { addressType: "IPv6", ...addresses("::ffff:10.0.0.1") },
  { addressType: "IPv6", ...addresses("fd00:0::5") },
  addresses(...many(101, (index) => `10.244.2.${index + 1}`)),
  endpoint({ conditions: { ready: false } }),
  endpoint({ conditions: { ready: true, serving: false, terminating: true } }),
  endpoint({ conditions: { ready: "yes" } }),
  endpoint({ hostname: "pod-1" }),
  endpoint({ hostname: "Not_A_Host" }),
  endpoint({ hostname: "a.b" }),
  endpoint({ nodeName: "node-a" }),
  endpoint({ nodeName: "Node A" }),
  endpoint({ nodeName: "" }),
  endpoint({ zone: "zone-1" }),
  endpoint({ zone: "not a zone" }),
  endpoint({ deprecatedTopology: { "topology.kubernetes.io/zone": "a" } }),
  endpoint({ deprecatedTopology: { "not a key": "a b" } }),
  endpoint({ deprecatedTopology: Object.fromEntries(many(17, (index) => [`k${index}`, "v"])) }),
  endpoint({ deprecatedTopology: { "kubernetes.io/hostname": "node-b" } }),
  endpoint({ targetRef: { kind: "Pod", name: "a", namespace: "api" } }),
  endpoint({ hints: {} }),
  endpoint({ hints: { forZones: [{ name: "a" }] } }),
  endpoint({ hints: { forZones: [{ name: "a" }, { name: "a" }] } }),
  endpoint({ hints: { forZones: [{ name: "" }] } }),
  endpoint({ hints: { forZones: [{ name: "not a zone" }] } }),
  endpoint({ hints: { forZones: many(9, (index) => ({ name: `zone-${index}` })) } }),
  endpoint({ hints: { forNodes: [{ name: "node-a" }] } }),
  endpoint({ hints: { forNodes: [{ name: "node-a" }, { name: "node-a" }] } }),
  endpoint({ hints: { forNodes: [{ name: "Node A" }] } }),
  endpoint({ hints: { forNodes: many(9, (index) => ({ name: `node-${index}` })) } }),
  ports({}),
  ports({ port: 80 }),
  ports({ name: "a", port: 80 }, { name: "a", port: 81 }),
  ports({ port: 80 }, { port: 81 }),
  ports({ name: "Not_A_Name", port: 80 }),
  ports({ name: "a".repeat(64), port: 80 }),
  ports({ name: "with.dot", port: 80 }),
  ports({ name: "a", port: 0 }),
  ports({ name: "a", port: 70_000 }),
  ports({ name: "a", port: "http" }),
  ports({ name: "a", port: 80, protocol: "ICMP" }),
  ports({ name: "a", port: 80, protocol: "" }),
  ports({ name: "a", port: 80, appProtocol: "kubernetes.io/h2c" }),
  ports({ name: "a", port: 80, appProtocol: "not a name" }),
  ports({ name: "a", port: 80, appProtocol: "" }),
  ports(...many(101, (index) => ({ name: `p${index}`, port: 80 }))),
  { metadata: { name: "Slice_1" } },
  { metadata: { name: "slice", labels: { "kubernetes.io/service-name": "Not_A_Service" } } },
];

/** EndpointSlices field by field, and Endpoints beside them. */
export const sliceSteps: readonly Exchange[] = [
  ...tryCreate(slices, base, variants),
  // More than 1,000 endpoints, in one line.
  create(
    `${slices}?dryRun=All`,
    JSON.stringify({
      ...base,
      endpoints: many(1001, (index) => ({ addresses: [`10.245.${index >> 8}.${index & 255}`] })),
    }),
  ),
  create(slices, { ...base, ports: [{ name: "a", port: 80 }] }),
  ...tryPatch(`${slices}/slice`, [
    { addressType: "IPv6" },
    { addressType: "IPv6", endpoints: null },
    { addressType: null },
    { endpoints: null },
    { ports: null },
    { endpoints: [{ addresses: ["10.244.1.500"] }] },
    { endpoints: [{ addresses: ["10.244.1.5"], hints: { forZones: [{ name: "a" }] } }] },
    { ports: [{ name: "a", port: 0 }] },
    { metadata: { labels: { a: "b" } } },
    { metadata: { annotations: { "example.com/a": "b" } } },
  ]),
  // Neither list has a merge key: a strategic merge replaces them.
  patch("application/strategic-merge-patch+json", `${slices}/slice`, { endpoints: [{ addresses: ["10.244.1.6"] }] }),
  mergePatch(`${slices}/slice`, { endpoints: [] }),
  mergePatch(`${slices}/slice`, { metadata: { labels: { "kubernetes.io/service-name": "web" } } }),
  update(`${slices}/slice`, { ...base, addressType: "IPv6", endpoints: [] }),
  update(`${slices}/absent`, { ...base, metadata: { name: "absent" } }),
  get(`${slices}?labelSelector=kubernetes.io/service-name%3Dweb`),
  get(`${slices}?fieldSelector=addressType%3DIPv4`),
  ...inEveryForm(slices),
  remove(`${slices}/slice`),
];
