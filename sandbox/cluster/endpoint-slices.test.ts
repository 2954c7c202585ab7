import fc from "fast-check";
import { expect, it } from "vitest";
import type { EndpointSlice, Pod, Service, ServiceSpec } from "../../src/api/index.ts";
import { endpointsPerSlice, planSlices, type SlicePlan } from "./endpoint-slices.ts";

const meta = { name: "web", namespace: "shop", uid: "u-web", creationTimestamp: "2026-01-01T00:00:00Z" };

function service(spec: Partial<ServiceSpec> = {}): Service {
  const ports = [{ name: "http", port: 80, targetPort: 8080, protocol: "TCP" }];
  return { metadata: meta, spec: { selector: { app: "web" }, ipFamilies: ["IPv4"], ports, ...spec } };
}

interface Facts {
  ready?: boolean;
  ending?: boolean;
  ips?: string[];
  node?: string;
  port?: number;
  phase?: string;
  labels?: Record<string, string>;
}

function pod(name: string, facts: Facts = {}): Pod {
  const { ready = true, ending = false, ips = [`10.0.0.${name.slice(1)}`], node = "n1", port = 8080 } = facts;
  const lastTransitionTime = "2026-01-01T00:00:05Z";
  return {
    metadata: {
      name,
      namespace: "shop",
      uid: `u-${name}`,
      labels: facts.labels ?? { app: "web" },
      ...(ending ? { deletionTimestamp: "2026-01-01T00:00:39Z", deletionGracePeriodSeconds: 30 } : {}),
    },
    spec: { nodeName: node, containers: [{ name: "c", ports: [{ name: "web", containerPort: port }] }] },
    status: {
      phase: facts.phase ?? "Running",
      podIPs: ips.map((ip) => ({ ip })),
      conditions: [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime }],
    },
  };
}

const zoneOf = (node: string): string | undefined => ({ n1: "zone-a", n2: "zone-b" })[node];

function plan(s: Service, pods: readonly Pod[], existing: readonly EndpointSlice[] = []): SlicePlan {
  return planSlices(s, pods, existing, zoneOf);
}

it("writes a slice as Kubernetes' own controller does", () => {
  const { create, update, remove } = plan(service(), [pod("p1")]);
  expect({ update, remove }).toEqual({ update: [], remove: [] });
  expect(create).toEqual([
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: expect.stringMatching(/^web-[0-9a-f]{8}$/),
        namespace: "shop",
        labels: {
          "kubernetes.io/service-name": "web",
          "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        },
        annotations: { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:05Z" },
        ownerReferences: [
          { apiVersion: "v1", kind: "Service", name: "web", uid: "u-web", controller: true, blockOwnerDeletion: true },
        ],
      },
      addressType: "IPv4",
      endpoints: [
        {
          addresses: ["10.0.0.1"],
          conditions: { ready: true, serving: true, terminating: false },
          nodeName: "n1",
          zone: "zone-a",
          targetRef: { kind: "Pod", namespace: "shop", name: "p1", uid: "u-p1" },
        },
      ],
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    },
  ]);
});

it.each<[string, Partial<ServiceSpec>, Facts, object]>([
  ["a pod that is not ready", {}, { ready: false }, { ready: false, serving: false, terminating: false }],
  ["a pod that ends but still answers", {}, { ending: true }, { ready: false, serving: true, terminating: true }],
  ["a pod that ends", {}, { ending: true, ready: false }, { ready: false, serving: false, terminating: true }],
  [
    "publishNotReadyAddresses",
    { publishNotReadyAddresses: true },
    { ready: false, ending: true },
    { ready: true, serving: false, terminating: true },
  ],
])("says the conditions of %s", (_, spec, facts, conditions) => {
  expect(plan(service(spec), [pod("p1", facts)]).create[0]?.endpoints?.[0]?.conditions).toEqual(conditions);
});

it.each<[string | undefined, object | undefined]>([
  [undefined, undefined],
  ["PreferClose", { forZones: [{ name: "zone-b" }] }],
  ["PreferSameZone", { forZones: [{ name: "zone-b" }] }],
  ["PreferSameNode", { forZones: [{ name: "zone-b" }], forNodes: [{ name: "n2" }] }],
])("gives hints for trafficDistribution %s", (trafficDistribution, hints) => {
  const spec = trafficDistribution === undefined ? {} : { trafficDistribution };
  const pods = [pod("p1", { node: "n2" }), pod("p2", { node: "n2", ready: false })];
  const [ready, waiting] = plan(service(spec), pods).create[0]?.endpoints ?? [];
  expect(ready?.hints).toEqual(hints);
  expect(waiting?.hints).toBeUndefined();
});

it.each<[string, Facts, string]>([
  ["a pod became ready", {}, "2026-01-01T00:00:05Z"],
  ["a pod was deleted, with 30 s of grace", { ending: true }, "2026-01-01T00:00:09Z"],
])("says when %s", (_, facts, time) => {
  const { annotations } = plan(service(), [pod("p1", facts)]).create[0]!.metadata;
  expect(annotations).toEqual({ "endpoints.kubernetes.io/last-change-trigger-time": time });
});

it("makes one slice per family, and an empty one where there is no pod", () => {
  const dual = service({ ipFamilies: ["IPv6", "IPv4"] });
  const { create } = plan(dual, [pod("p1", { ips: ["10.0.0.1", "fd00::1"] }), pod("p2")]);
  expect(create.map(({ addressType, endpoints }) => [addressType, endpoints?.map((e) => e.addresses[0])])).toEqual([
    ["IPv6", ["fd00::1"]],
    ["IPv4", ["10.0.0.1", "10.0.0.2"]],
  ]);
  expect(plan(dual, []).create.map(({ addressType, endpoints, ports }) => ({ addressType, endpoints, ports }))).toEqual(
    [
      { addressType: "IPv6", endpoints: [], ports: [] },
      { addressType: "IPv4", endpoints: [], ports: [] },
    ],
  );
});

it("separates pods whose named target port is another number", () => {
  const named = service({ ports: [{ name: "http", port: 80, targetPort: "web", protocol: "TCP" }] });
  const { create } = plan(named, [pod("p1"), pod("p2", { port: 9090 }), pod("p3", { port: 9090 })]);
  expect(create.map(({ ports, endpoints }) => [ports?.[0]?.port, endpoints?.length])).toEqual([
    [8080, 1],
    [9090, 2],
  ]);
});

it("lists a named host of a headless Service and marks its slices", () => {
  const named = pod("p1");
  const hosted: Pod = { ...named, spec: { ...named.spec!, hostname: "db-0", subdomain: "web" } };
  const [slice] = plan(service({ clusterIP: "None" }), [hosted]).create;
  expect(slice?.metadata.labels).toHaveProperty(["service.kubernetes.io/headless"], "");
  expect(slice?.endpoints?.[0]?.hostname).toBe("db-0");
});

it.each<[string, Service]>([
  ["no selector", service({ selector: undefined } as never)],
  ["type ExternalName", service({ type: "ExternalName" })],
])("leaves a Service with %s alone", (_, s) => {
  const existing = plan(service(), [pod("p1")]).create;
  expect(plan(s, [pod("p1")], existing)).toEqual({ create: [], update: [], remove: [] });
});

it("takes only pods that are selected, placed and alive", () => {
  const others = [
    pod("p1", { labels: { app: "other" } }),
    pod("p2", { ips: [] }),
    pod("p3", { phase: "Failed" }),
    pod("p4", { phase: "Succeeded" }),
  ];
  expect(plan(service(), others).create[0]?.endpoints).toEqual([]);
});

it("does not touch slices that somebody else keeps", () => {
  const [mine] = plan(service(), [pod("p1")]).create;
  const foreign = {
    ...mine!,
    metadata: { ...mine!.metadata, name: "custom", labels: { "kubernetes.io/service-name": "web" } },
  };
  expect(plan(service(), [pod("p1")], [mine!, foreign])).toEqual({ create: [], update: [], remove: [] });
});

it("patches only what changed, and takes away labels that the Service lost", () => {
  const labelled: Service = { ...service(), metadata: { ...meta, labels: { team: "a" } } };
  const [old] = plan(labelled, [pod("p1")]).create;
  const annotations = { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:05Z" };
  expect(plan(service(), [pod("p1")], [old!]).update).toEqual([
    { slice: old, patch: { metadata: { labels: { team: null }, annotations } } },
  ]);
});

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** What the API server holds after a plan. */
function applied(existing: readonly EndpointSlice[], { create, update, remove }: SlicePlan): EndpointSlice[] {
  const kept = existing.filter(({ metadata }) => !remove.includes(metadata.name ?? ""));
  const patched = kept.map((slice) => {
    const patch = update.find((one) => one.slice === slice)?.patch;
    return patch === undefined ? slice : { ...slice, ...patch, metadata: slice.metadata };
  });
  return [...patched, ...create];
}

it("lists every pod once whatever happened before, and then has nothing more to do", () => {
  const facts = fc.record({ ready: fc.boolean(), ending: fc.boolean(), node: fc.constantFrom("n1", "n2", "n9") });
  const population = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 250 }), facts), {
    selector: ([number]) => number,
    maxLength: 230,
  });
  fc.assert(
    fc.property(fc.array(population, { minLength: 1, maxLength: 4 }), (history) => {
      let slices: EndpointSlice[] = [];
      for (const pods of history) {
        const present = pods.map(([number, f]) => pod(`p${number}`, { ...f, ips: [`10.0.0.${number}`] }));
        slices = applied(slices, plan(service(), present, slices));
        const listed = slices.flatMap(({ endpoints }) => endpoints?.map(({ addresses }) => addresses[0] ?? "") ?? []);
        expect(listed.toSorted(byText)).toEqual(pods.map(([number]) => `10.0.0.${number}`).toSorted(byText));
        expect(slices.every(({ endpoints }) => (endpoints?.length ?? 0) <= endpointsPerSlice)).toBe(true);
        expect(plan(service(), present, slices)).toEqual({ create: [], update: [], remove: [] });
      }
    }),
    { numRuns: 40 },
  );
});

it("rewrites one slice when one pod changes", () => {
  const pods = Array.from({ length: 250 }, (_, i) => pod(`p${i + 1}`, { ips: [`10.0.0.${i + 1}`] }));
  const { create } = plan(service(), pods);
  expect(create.length).toBe(3);
  const changed = pods.map((p, i) => (i === 3 ? pod("p4", { ready: false }) : p));
  expect(plan(service(), changed, create).update).toHaveLength(1);
  expect(plan(service(), pods.slice(1), create).update).toHaveLength(1);
});
