import { afterEach, expect, it, vi } from "vitest";
import { type EndpointSlice, type ObjectMeta, objectKey } from "../api/index.ts";
import { systemClock } from "../base/index.ts";
import { FakeIptables } from "../kernel/fake-iptables.ts";
import type { WatchEvent } from "../kube/index.ts";
import { node, port, service, slice } from "../model/testing/objects.ts";
import { createMetrics, nullLogger, serveEndpoints } from "../telemetry/index.ts";
import { runAgent } from "./agent.ts";
import type { ClusterSource } from "./cluster-state.ts";
import { nodeSettings } from "./testing/settings.ts";

interface Object {
  readonly metadata: ObjectMeta;
}

/** An API server of three collections; a collection answers watches once it is opened. */
class FakeSource implements ClusterSource {
  readonly paths: string[] = [];
  #version = 0;
  readonly #opened = new Map<string, PromiseWithResolvers<void>>();
  readonly #events = new Map<string, WatchEvent<Object>[]>();
  #wake = Promise.withResolvers<void>();

  open(plural: string): void {
    this.#gate(plural).resolve();
  }

  send(plural: string, type: "ADDED" | "MODIFIED" | "DELETED", object: Object): void {
    const resourceVersion = `${++this.#version}`;
    const metadata = { uid: objectKey(object.metadata), ...object.metadata, resourceVersion };
    this.#list(plural).push({ type, object: { ...object, metadata } });
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  list(): never {
    throw new Error("no watch breaks");
  }

  listAll(): never {
    throw new Error("watches bring the initial state");
  }

  async *watch<T>(path: string, query: object, signal: AbortSignal): AsyncGenerator<WatchEvent<T>, void, void> {
    const plural = path.split("/").at(-1) ?? "";
    this.paths.push(`${path} ${JSON.stringify(query)}`);
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    aborted.catch(() => {});
    await Promise.race([this.#gate(plural).promise, aborted]);
    const events = this.#list(plural) as WatchEvent<T>[];
    let sent = 0;
    while (sent < events.length) yield events[sent++]!;
    const annotations = { "k8s.io/initial-events-end": "true" };
    yield { type: "BOOKMARK", object: { metadata: { resourceVersion: `${this.#version}`, annotations } } };
    for (;;) {
      while (sent < events.length) yield events[sent++]!;
      await Promise.race([this.#wake.promise, aborted]);
    }
  }

  #gate(plural: string): PromiseWithResolvers<void> {
    return this.#opened.getOrInsertComputed(plural, () => Promise.withResolvers<void>());
  }

  #list(plural: string): WatchEvent<Object>[] {
    return this.#events.getOrInsertComputed(plural, () => []);
  }
}

const web = service("ns/web", { clusterIP: "172.30.0.41", ports: [port("p", 80)] });

function webSlice(...ips: string[]): EndpointSlice {
  const one = slice(
    "web-1",
    [{ name: "p", port: 8080 }],
    ips.map((ip) => ({ ip })),
  );
  return { ...one, metadata: { ...one.metadata, labels: { "kubernetes.io/service-name": "web" } } };
}

async function freePort(): Promise<number> {
  await using endpoint = await serveEndpoints({ host: "127.0.0.1", port: 0, routes: {} });
  return endpoint.port;
}

let stop = new AbortController();
let done: Promise<void> = Promise.resolve();

afterEach(async () => {
  stop.abort();
  await done;
});

async function start(source: FakeSource, kernel: FakeIptables): Promise<(path: string) => Promise<number>> {
  const healthz = { host: "127.0.0.1", port: await freePort() };
  stop = new AbortController();
  done = runAgent(
    {
      settings: nodeSettings({ families: ["IPv4"] }),
      client: source,
      server: "http://api",
      healthzAddress: healthz,
      metricsAddress: { host: "127.0.0.1", port: 0 },
      minSyncIntervalMs: 0,
      exec: kernel,
      drift: undefined,
      metrics: createMetrics(),
      logger: nullLogger,
      clock: systemClock,
      random: () => 0,
    },
    stop.signal,
  );
  const ask = async (path: string) => (await fetch(`http://127.0.0.1:${healthz.port}${path}`)).status;
  await vi.waitFor(async () => expect(await ask("/livez")).toBe(200));
  return ask;
}

it("writes nothing before it has read Services, slices and its Node, and then all in one restore", async () => {
  const source = new FakeSource();
  const kernel = new FakeIptables("IPv4");
  const ask = await start(source, kernel);
  source.send("services", "ADDED", web);
  source.send("endpointslices", "ADDED", webSlice("10.0.0.1"));
  source.send("nodes", "ADDED", node("node-a"));
  source.open("services");
  source.open("nodes");
  await vi.waitFor(() => expect(source.paths).toHaveLength(3));
  expect(await ask("/healthz")).toBe(503);
  expect(kernel.saves).toBe(0);
  source.open("endpointslices");
  await vi.waitFor(async () => expect(await ask("/healthz")).toBe(200));
  expect(kernel.restores).toHaveLength(1);
  expect(kernel.save()).toContain("--to-destination 10.0.0.1:8080");
  expect(source.paths.toSorted()).toEqual([
    expect.stringMatching(/^\/api\/v1\/nodes .*"fieldSelector":"metadata.name=node-a"/),
    expect.stringMatching(/^\/api\/v1\/services .*"labelSelector":"!service.kubernetes.io\/service-proxy-name"/),
    expect.stringMatching(/endpointslices .*"labelSelector":"!service.kubernetes.io\/headless"/),
  ]);
});

it("follows Services, slices and its Node", async () => {
  const source = new FakeSource();
  const kernel = new FakeIptables("IPv4");
  for (const plural of ["services", "endpointslices", "nodes"]) source.open(plural);
  const ask = await start(source, kernel);
  source.send("nodes", "ADDED", node("node-a"));
  await vi.waitFor(async () => expect(await ask("/healthz")).toBe(200));
  source.send("services", "ADDED", web);
  source.send("endpointslices", "ADDED", webSlice("10.0.0.1"));
  await vi.waitFor(() => expect(kernel.save()).toContain("--to-destination 10.0.0.1:8080"));
  source.send("endpointslices", "MODIFIED", webSlice("10.0.0.2"));
  await vi.waitFor(() => expect(kernel.save()).toContain("--to-destination 10.0.0.2:8080"));
  expect(kernel.save()).not.toContain("10.0.0.1");
  source.send("endpointslices", "DELETED", webSlice("10.0.0.2"));
  await vi.waitFor(() => expect(kernel.save()).toContain("ns/web:p has no endpoints"));
  source.send("services", "DELETED", web);
  await vi.waitFor(() => expect(kernel.save()).not.toContain("ns/web"));
  const leaving = { key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" };
  source.send("nodes", "MODIFIED", { ...node("node-a"), spec: { taints: [leaving] } } as Object);
  await vi.waitFor(async () => expect(await ask("/healthz")).toBe(503));
  expect(await ask("/livez")).toBe(200);
});
