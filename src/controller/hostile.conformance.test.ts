import fc from "fast-check";
import { expect, it } from "vitest";
import {
  annotations,
  conditionTypes,
  type LoadBalancerClassSpec,
  loadBalancerClasses,
  namespaces,
  type Service,
  services,
  sourceRangesAnnotation,
} from "../api/index.ts";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench, type Running } from "./testing/bench.ts";

const served = "example.com/tenants";
const own = "proxy.berth.dev/resources";
const batches = 100;
const batchSize = 100;

const text = fc.oneof(
  fc.constantFrom("", " ", "true", "false", "Retain", "Delete", "internal", "192.0.2.3", "fd00::1", "10.0.0.0/8", ","),
  fc.constantFrom("__proto__", "constructor", "\u0000", "\ud800", "../..", "${x}", "1e999", "٣", "-0"),
  fc.string(),
  fc.string({ minLength: 300, maxLength: 400 }),
);
const number = fc.oneof(fc.constantFrom(-1, 0, 1, 80, 30_080, 65_535, 65_536, 1.5, 2 ** 53), fc.integer());
const key = fc.oneof(
  fc.constantFrom(...Object.values(annotations), sourceRangesAnnotation, "berth.dev/", "networking.gke.io/x"),
  text,
  text.map((name) => `berth.dev/${name}`),
);
const port = fc.record(
  {
    name: text,
    port: number,
    nodePort: number,
    protocol: fc.oneof(fc.constantFrom("TCP", "UDP", "SCTP"), text),
    targetPort: fc.oneof(number, text),
    appProtocol: text,
  },
  { requiredKeys: ["port"] },
);
const spec = fc.record(
  {
    type: fc.oneof({ weight: 8, arbitrary: fc.constant("LoadBalancer") }, fc.constantFrom("ClusterIP", "NodePort", "")),
    loadBalancerClass: fc.oneof({ weight: 8, arbitrary: fc.constant(served) }, text),
    ports: fc.array(port, { maxLength: 5 }),
    ipFamilies: fc.array(fc.oneof(fc.constantFrom("IPv4", "IPv6"), text), { maxLength: 3 }),
    ipFamilyPolicy: text,
    clusterIP: text,
    externalTrafficPolicy: fc.oneof(fc.constantFrom("Local", "Cluster"), text),
    healthCheckNodePort: number,
    sessionAffinity: fc.oneof(fc.constantFrom("ClientIP", "None"), text),
    sessionAffinityConfig: fc.record({ clientIP: fc.record({ timeoutSeconds: number }) }),
    loadBalancerSourceRanges: fc.array(text, { maxLength: 3 }),
    loadBalancerIP: text,
    allocateLoadBalancerNodePorts: fc.boolean(),
    externalIPs: fc.array(text, { maxLength: 2 }),
  },
  { requiredKeys: ["type"] },
);
/** Many leave the class, which few do by chance. */
const edit = fc.oneof(
  spec,
  spec.map((random) => ({ ...random, loadBalancerClass: "example.com/nobody" })),
);
const metadata = fc.record(
  {
    annotations: fc.dictionary(key, text, { maxKeys: 5 }),
    labels: fc.dictionary(text, text, { maxKeys: 2 }),
    finalizers: fc.array(fc.oneof(fc.constantFrom(own, "service.kubernetes.io/load-balancer-cleanup"), text), {
      minLength: 1,
      maxLength: 3,
    }),
    creationTimestamp: text,
    generation: number,
  },
  { requiredKeys: [] },
);
const ingress = fc.record({ ip: text, hostname: text, ipMode: text }, { requiredKeys: [] });
const status = fc.record({ loadBalancer: fc.record({ ingress: fc.array(ingress, { maxLength: 2 }) }) });
const wishes = fc.array(
  fc.record({ spec, metadata, status, edit, deleted: fc.boolean() }, { requiredKeys: ["spec", "metadata", "deleted"] }),
  { minLength: batchSize, maxLength: batchSize },
);
const wishKey = fc.constantFrom(...Object.values(annotations), sourceRangesAnnotation);
const atLeastOne = fc.integer({ min: 1, max: 80 });
/** As the API server lets them in. */
const classPolicy: fc.Arbitrary<Partial<LoadBalancerClassSpec>> = fc.record(
  {
    isDefault: fc.boolean(),
    defaults: fc.dictionary(wishKey, text, { maxKeys: 3 }),
    allowedOverrides: fc.uniqueArray(wishKey, { maxLength: 5 }),
    allowedNamespaces: fc.constantFrom({}, { matchLabels: { tenant: "yes" } }, { matchLabels: { tenant: "no" } }),
    limits: fc.record(
      { total: atLeastOne, perNamespace: atLeastOne, portsPerService: fc.integer({ min: 1, max: 3 }) },
      { requiredKeys: [] },
    ),
    schemes: fc.subarray(["internal", "internet-facing"] as const, { minLength: 1 }),
    deletionPolicy: fc.constantFrom("Delete", "Retain"),
  },
  { requiredKeys: [] },
);

/** Of every condition that has been seen. */
const seen = new Set<string>();

/** Why the Service is as it is, in our own words. */
function reasonsOf({ status }: Service): readonly string[] {
  const types: readonly string[] = Object.values(conditionTypes);
  return (status?.conditions ?? []).filter(({ type }) => types.includes(type)).map(({ reason }) => reason);
}

/** Whether the controller has to say something of it. */
function isOurs({ metadata: { deletionTimestamp, finalizers = [] }, spec }: Service): boolean {
  if (finalizers.includes(own)) return true;
  const { type, loadBalancerClass = served } = spec ?? {};
  return deletionTimestamp === undefined && type === "LoadBalancer" && loadBalancerClass === served;
}

/** One cluster and the life of its Services: made, changed, some of them deleted. */
class Life {
  readonly #bench = new Bench();
  readonly #names: readonly string[];
  /** Those that were ours at any time. */
  readonly #ours = new Set<string>();

  constructor(count: number, policy: Partial<LoadBalancerClassSpec>) {
    this.#names = Array.from({ length: count }, (_, i) => `s${i}`);
    const { api } = this.#bench;
    api.put(namespaces, { metadata: { name: "default", labels: { tenant: "yes" } } });
    const spec = { loadBalancerClass: served, proxy: {}, ...policy };
    api.put(loadBalancerClasses, { metadata: { name: "tenants", uid: "uid-tenants" }, spec });
  }

  /** Until the time is over in which a Service with an address waits for nodes, and says nothing of it. */
  async start(): Promise<Running> {
    const running = this.#bench.start({
      providers: [new MemoryProvider(this.#bench.world, { name: "proxy" })],
      unclassed: "proxy",
      pool: ["192.0.2.0/26", "fd00::/64"],
    });
    await this.#bench.settled();
    this.#bench.clock.advance(60_000);
    return running;
  }

  /** Does something to each Service, waits, and looks at what became of them. */
  async each(change: (name: string, i: number, api: Bench["api"]) => void): Promise<void> {
    for (const [i, name] of this.#names.entries()) {
      change(name, i, this.#bench.api);
      const now = this.#bench.api.service(name);
      if (now !== undefined && isOurs(now)) this.#ours.add(name);
    }
    await this.#bench.settled();
    const found = this.#names.flatMap((name) => this.#bench.api.service(name) ?? []);
    const silent = found.filter((service) => isOurs(service) && reasonsOf(service).length === 0);
    const touched = found.filter(
      (service) => !this.#ours.has(service.metadata.name ?? "") && reasonsOf(service).length > 0,
    );
    expect([...silent, ...touched].map((service) => JSON.stringify(service))).toEqual([]);
    for (const reason of found.flatMap(reasonsOf)) seen.add(reason);
  }
}

it(`${batches * batchSize} random Services never crash the controller, and each has a reason for what it is`, {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(wishes, classPolicy, async (found, policy) => {
      const life = new Life(found.length, policy);
      const running = await life.start();
      await life.each((name, i, api) => {
        const { spec, metadata, status = {} } = found[i]!;
        const identity = { name, namespace: "default", uid: `uid-${name}` };
        api.put(services, { metadata: { ...metadata, ...identity }, spec, status });
      });
      await life.each((name, i, api) => {
        const { edit } = found[i]!;
        if (edit !== undefined) api.put(services, { ...api.service(name)!, spec: edit });
      });
      await life.each((name, i, api) => {
        if (found[i]!.deleted) api.deleteService(name);
      });
      const { values } = await running.metrics.getSingleMetric("controller_runtime_reconcile_errors_total")!.get();
      expect(new Set(values.map(({ value }) => value))).toEqual(new Set([0]));
      await running.stop();
    }),
    { numRuns: batches, endOnFailure: true },
  );
  // They were no mere refusals of one kind.
  const common = ["Programmed", "Paused", "LimitExceeded", "NamespaceNotAllowed", "InvalidAddress", "ClassNotServed"];
  expect(common.filter((reason) => !seen.has(reason))).toEqual([]);
});
