import { expect, it } from "vitest";
import type { Node } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { node } from "../model/testing/objects.ts";
import { createMetrics, type RouteAnswer, serveEndpoints } from "../telemetry/index.ts";
import { healthRoutes, metricsRoutes } from "./health-pages.ts";
import { AgentMetrics } from "./metrics.ts";
import { nodeEligible } from "./node-facts.ts";
import { SyncHealth } from "./sync-health.ts";

const clock = new FakeClock();

function bench(eligible = true) {
  const health = new SyncHealth(["IPv4", "IPv6"], clock);
  const routes = healthRoutes(health, () => eligible, new AgentMetrics(createMetrics()), clock);
  const ask = (path: string): RouteAnswer => routes[path]!({} as never) as RouteAnswer;
  return { health, codes: () => [ask("/healthz").status, ask("/livez").status], ask };
}

/** A sync that writes these families. */
function sync(health: SyncHealth, ...families: readonly ("IPv4" | "IPv6")[]): void {
  health.begin();
  for (const family of families) health.updated(family);
}

it("is not healthy before the first sync of both families, but alive", () => {
  const { health, codes } = bench();
  health.queued();
  expect(codes()).toEqual([503, 200]);
  sync(health, "IPv4");
  expect(codes()).toEqual([503, 200]);
  sync(health, "IPv6");
  expect(codes()).toEqual([200, 200]);
});

it("is neither when something waits for longer than a minute in a family, and says in which", () => {
  const { health, codes, ask } = bench();
  sync(health, "IPv4", "IPv6");
  clock.advance(3_600_000);
  expect(codes()).toEqual([200, 200]);
  health.queued();
  clock.advance(59_000);
  health.queued();
  expect(codes()).toEqual([200, 200]);
  clock.advance(1000);
  expect(codes()).toEqual([503, 503]);
  sync(health, "IPv4");
  expect(codes()).toEqual([503, 503]);
  expect(JSON.parse(ask("/livez").body)).toMatchObject({
    healthy: false,
    status: { IPv4: { healthy: true }, IPv6: { healthy: false } },
  });
  sync(health, "IPv6");
  expect(codes()).toEqual([200, 200]);
});

it("does not count as written what came while a sync was writing", () => {
  const { health, codes } = bench();
  sync(health, "IPv4", "IPv6");
  health.queued();
  health.begin();
  clock.advance(30_000);
  health.queued();
  health.updated("IPv4");
  health.updated("IPv6");
  clock.advance(59_999);
  expect(codes()).toEqual([200, 200]);
  clock.advance(1);
  expect(codes()).toEqual([503, 503]);
});

it("has kube-proxy's body, fresh while all is well", () => {
  const { health, ask } = bench();
  const body = (path: string): unknown => JSON.parse(ask(path).body);
  const now = () => new Date(clock.now()).toISOString();
  const never = "0001-01-01T00:00:00Z";
  expect(body("/healthz")).toEqual({
    lastUpdated: never,
    currentTime: now(),
    nodeEligible: true,
    healthy: false,
    status: { IPv4: { lastUpdated: never, healthy: false }, IPv6: { lastUpdated: never, healthy: false } },
  });
  const synced = now();
  sync(health, "IPv4", "IPv6");
  clock.advance(5000);
  expect(body("/livez")).toEqual({
    lastUpdated: now(),
    currentTime: now(),
    healthy: true,
    status: { IPv4: { lastUpdated: synced, healthy: true }, IPv6: { lastUpdated: synced, healthy: true } },
  });
  const { headers, contentType } = ask("/healthz");
  expect([headers, contentType]).toEqual([{ "x-content-type-options": "nosniff" }, "application/json"]);
});

it("A9: takes an ineligible node out of load balancers (/healthz 503, /livez 200) without calling the agent dead", () => {
  const { health, codes, ask } = bench(false);
  sync(health, "IPv4", "IPv6");
  expect(codes()).toEqual([503, 200]);
  expect(JSON.parse(ask("/healthz").body)).toMatchObject({ nodeEligible: false, healthy: true });
  expect(JSON.parse(ask("/livez").body)).not.toHaveProperty("nodeEligible");
});

const tainted = (key: string): Node => ({ ...node("n"), spec: { taints: [{ key, effect: "NoSchedule" }] } });

it.each<[string, Node | undefined, boolean]>([
  ["there", node("n"), true],
  ["missing", undefined, false],
  ["cordoned", { ...node("n"), spec: { unschedulable: true } }, true],
  ["scaled away by the cluster autoscaler", tainted("ToBeDeletedByClusterAutoscaler"), false],
  ["disrupted by Karpenter", tainted("karpenter.sh/disrupted"), false],
  ["tainted by somebody else", tainted("example.com/gpu"), true],
  ["being deleted", { ...node("n"), metadata: { name: "n", deletionTimestamp: "2026-01-01T00:00:00Z" } }, false],
])("a node that is %s is eligible: %#", (_, object, eligible) => {
  expect(nodeEligible(object)).toBe(eligible);
});

it("has the pages of kube-proxy's metrics server", async () => {
  const routes = metricsRoutes({
    registry: createMetrics(),
    configz: { kind: "KubeProxyConfiguration" },
    state: async (query) => ({ asked: query.get("service") }),
  });
  await using server = await serveEndpoints({ host: "127.0.0.1", port: 0, routes });
  const base = `http://127.0.0.1:${server.port}`;
  const get = async (path: string, method = "GET") => await (await fetch(`${base}${path}`, { method })).text();
  expect(await get("/proxyMode")).toBe("iptables");
  expect(await get("/healthz")).toBe("ok");
  expect(await get("/healthz?verbose")).toBe("[+]ping ok\nhealthz check passed\n");
  expect(await get("/metrics/slis")).toContain('kubernetes_healthcheck{name="ping",type="healthz"} 1');
  expect(await get("/metrics/slis")).toContain(
    'kubernetes_healthchecks_total{name="ping",status="success",type="healthz"} 2',
  );
  expect(await get("/metrics/slis", "DELETE")).not.toContain("} 2");
  expect(await get("/metrics")).toContain("process_cpu_seconds_total");
  expect(await get("/configz")).toBe('{"kubeproxy.config.k8s.io":{"kind":"KubeProxyConfiguration"}}');
  expect(JSON.parse(await get("/debug/state?service=ns%2Fweb"))).toEqual({ asked: "ns/web" });
});
