import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { createMetrics, nullLogger, type RouteAnswer, serveEndpoints } from "../telemetry/index.ts";
import { healthRoutes } from "./health-pages.ts";
import { HealthPorts } from "./health-ports.ts";
import { AgentMetrics } from "./metrics.ts";
import { SyncHealth } from "./sync-health.ts";

const clock = new FakeClock();

function bench() {
  const health = new SyncHealth(["IPv4", "IPv6"], clock);
  const routes = healthRoutes(health, new AgentMetrics(createMetrics()), clock);
  const ask = (path: string): RouteAnswer => routes[path]!({} as never) as RouteAnswer;
  return { health, codes: () => [ask("/healthz").status, ask("/livez").status], ask };
}

it("is not healthy before the first sync of both families, but alive", () => {
  const { health, codes } = bench();
  health.nodeEligible = true;
  health.queued();
  expect(codes()).toEqual([503, 200]);
  health.updated("IPv4");
  expect(codes()).toEqual([503, 200]);
  health.updated("IPv6");
  expect(codes()).toEqual([200, 200]);
});

it("is neither when something waits for longer than a minute", () => {
  const { health, codes } = bench();
  health.nodeEligible = true;
  health.updated("IPv4");
  health.updated("IPv6");
  clock.advance(3_600_000);
  expect(codes()).toEqual([200, 200]);
  health.queued();
  clock.advance(59_000);
  health.queued();
  expect(codes()).toEqual([200, 200]);
  clock.advance(1000);
  expect(codes()).toEqual([503, 503]);
  health.updated("IPv4");
  expect(codes()).toEqual([503, 503]);
  health.updated("IPv6");
  expect(codes()).toEqual([200, 200]);
});

it("takes an ineligible node out of load balancers without calling the agent dead", () => {
  const { health, codes, ask } = bench();
  health.updated("IPv4");
  health.updated("IPv6");
  expect(codes()).toEqual([503, 200]);
  const time = new Date(clock.now()).toISOString();
  expect(JSON.parse(ask("/healthz").body)).toEqual({
    lastUpdated: time,
    currentTime: time,
    nodeEligible: false,
    healthy: false,
    status: { IPv4: { lastUpdated: time, healthy: true }, IPv6: { lastUpdated: time, healthy: true } },
  });
  expect(JSON.parse(ask("/livez").body)).not.toHaveProperty("nodeEligible");
});

async function freePort(): Promise<number> {
  await using endpoint = await serveEndpoints({ host: "127.0.0.1", port: 0, routes: {} });
  return endpoint.port;
}

it("tells the load balancer how many endpoints the node has, on the Service's own port", async () => {
  let healthy = true;
  await using ports = new HealthPorts("127.0.0.1", () => healthy, nullLogger);
  const port = await freePort();
  const update = (localEndpoints: number, on = port) =>
    ports.update([{ key: "ns/web", ports: [], healthCheck: { port: on, localEndpoints } }]);
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/anything`);
    return [answer.status, answer.headers.get("x-load-balancing-endpoint-weight"), await answer.json()];
  };
  await update(2);
  expect(await ask()).toEqual([
    200,
    "2",
    { service: { namespace: "ns", name: "web" }, localEndpoints: 2, serviceProxyHealthy: true },
  ]);
  await update(0);
  expect((await ask()).slice(0, 2)).toEqual([503, "0"]);
  await update(1);
  healthy = false;
  expect((await ask()).slice(0, 2)).toEqual([503, "1"]);
  await ports.update([]);
  await expect(ask()).rejects.toThrow("fetch failed");
});

it("tries again when the port of a Service is taken", async () => {
  await using ports = new HealthPorts("127.0.0.1", () => true, nullLogger);
  const service = (port: number) => [{ key: "ns/web", ports: [], healthCheck: { port, localEndpoints: 1 } }];
  let port = 0;
  {
    await using taken = await serveEndpoints({ host: "127.0.0.1", port: 0, routes: {} });
    port = taken.port;
    await ports.update(service(port));
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
  }
  await ports.update(service(port));
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
});
