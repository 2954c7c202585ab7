import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { EndpointSlice } from "../api/index.ts";
import { slice } from "../model/testing/objects.ts";
import { createMetrics, nullLogger } from "../telemetry/index.ts";
import { WatchedCluster } from "./cluster-state.ts";
import { FakeSource } from "./testing/fake-source.ts";

let source: FakeSource;
let told: unknown[];
let stop: AbortController;
let watching: Promise<void>;

beforeEach(async () => {
  source = new FakeSource();
  for (const plural of ["services", "endpointslices", "nodes"]) source.open(plural);
  source.send("endpointslices", "ADDED", web("2026-01-01T00:00:00Z"));
  const [registry, cluster] = [createMetrics(), new WatchedCluster("node-a", nullLogger, createMetrics())];
  stop = new AbortController();
  watching = cluster.watch(source, nullLogger, registry, stop.signal);
  await cluster.synced();
  told = [];
  cluster.subscribe({
    serviceChanged: (key) => told.push(key),
    endpointsChanged: (key, at, change) => told.push([key, at === undefined ? at : new Date(at).toISOString(), change]),
    nodeChanged: () => told.push("node"),
  });
});
afterEach(async () => {
  stop.abort();
  await watching;
});

function web(changedAt: string, service = "web"): EndpointSlice {
  const object = slice("web-1", [{ name: "p", port: 80 }], [{ ip: "10.0.0.1" }]);
  const annotations = { "endpoints.kubernetes.io/last-change-trigger-time": changedAt };
  return {
    ...object,
    metadata: { ...object.metadata, annotations, labels: { "kubernetes.io/service-name": service } },
  };
}

const change = (isDeleted = false) => ({ name: "web-1", addressType: "IPv4", isDeleted });

it.each([
  [undefined, "!service.kubernetes.io/service-proxy-name"],
  ["mine", "service.kubernetes.io/service-proxy-name=mine"],
])("watches the Services of the proxy %s, and slices, without the headless", async (name, labelSelector) => {
  const own = new FakeSource();
  for (const plural of ["services", "endpointslices", "nodes"]) own.open(plural);
  const cluster = new WatchedCluster("node-a", nullLogger, createMetrics(), name);
  const watched = cluster.watch(own, nullLogger, createMetrics(), stop.signal);
  await cluster.synced();
  const selectors = own.paths.map((path) =>
    path.replace(/^(\S+) (.*)$/, (_, url: string, query: string) => {
      const asked = JSON.parse(query) as { labelSelector?: string; fieldSelector?: string };
      return `${url.split("/").at(-1)} ${asked.labelSelector} ${asked.fieldSelector ?? ""}`.trim();
    }),
  );
  expect(selectors.slice(0, 2)).toEqual([
    `services ${labelSelector} spec.clusterIP!=None`,
    "endpointslices !service.kubernetes.io/headless",
  ]);
  stop.abort();
  await watched;
});

it("tells of slices with the time of the pod change that is new in each, and of their end", async () => {
  expect(told).toEqual([["ns/web", undefined, change()]]);
  source.send("endpointslices", "MODIFIED", web("2026-01-01T00:00:05Z"));
  source.send("endpointslices", "MODIFIED", web("2026-01-01T00:00:05Z"));
  source.send("endpointslices", "MODIFIED", web("not a time"));
  source.send("endpointslices", "MODIFIED", web("2026-01-01T00:00:09Z", "other"));
  source.send("endpointslices", "DELETED", web("2026-01-01T00:00:09Z", "other"));
  await vi.waitFor(() => expect(told).toHaveLength(7));
  expect(told.slice(1)).toEqual([
    ["ns/web", "2026-01-01T00:00:05.000Z", change()],
    ["ns/web", undefined, change()],
    ["ns/web", undefined, change()],
    ["ns/web", undefined, change(true)],
    ["ns/other", "2026-01-01T00:00:09.000Z", change()],
    ["ns/other", undefined, change(true)],
  ]);
});
