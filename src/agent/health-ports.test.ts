import { afterEach, beforeEach, expect, it } from "vitest";
import { proxiedService } from "../model/index.ts";
import { port, type SliceEndpoint, service, slice } from "../model/testing/objects.ts";
import { serveEndpoints } from "../telemetry/index.ts";
import { HealthPorts, type ServiceTurn } from "./health-ports.ts";

let healthy = true;
let failures: string[] = [];
let all: HealthPorts;
/** What the last update said. */
let due = 0;
let free: number;
const ports = {
  update: async (changes: readonly ServiceTurn[], addresses: readonly string[] | undefined) => {
    due = await all.update("IPv4", changes, addresses);
  },
};

beforeEach(async () => {
  healthy = true;
  failures = [];
  all = new HealthPorts({
    families: ["IPv4", "IPv6"],
    healthy: (family) => family === "IPv6" || healthy,
    onFailure: (key, at, why) => void failures.push(`${key} ${at === free} ${why}`),
  });
  await using endpoint = await serveEndpoints({ host: "127.0.0.1", port: 0, routes: {} });
  free = endpoint.port;
});
afterEach(() => all[Symbol.asyncDispose]());

const here = (ip: string, more: Partial<SliceEndpoint> = {}): SliceEndpoint => ({ ip, node: "node-a", ...more });

function turn(endpoints: SliceEndpoint[], at = free, key = "ns/web"): ServiceTurn {
  const object = service(key, {
    type: "LoadBalancer",
    clusterIP: "172.30.0.41",
    clusterIPs: ["172.30.0.41", "fd00::41"],
    ipFamilies: ["IPv4", "IPv6"],
    ports: [port("p", 80), port("q", 81)],
    externalTrafficPolicy: "Local",
    healthCheckNodePort: at,
  });
  const slices = (["IPv4", "IPv6"] as const).map((family) => ({
    ...slice(
      family,
      [
        { name: "p", port: 8080 },
        { name: "q", port: 8081 },
      ],
      endpoints.filter(({ ip }) => ip.includes(":") === (family === "IPv6")),
    ),
    addressType: family,
  }));
  return { key, after: proxiedService(object, slices, { name: "node-a", zone: undefined }) };
}

async function ask(host = "127.0.0.1"): Promise<unknown> {
  const answer = await fetch(`http://${host}:${free}/anything`);
  return [answer.status, answer.headers.get("x-load-balancing-endpoint-weight"), await answer.json()];
}

const body = (localEndpoints: number, serviceProxyHealthy = true) => ({
  service: { namespace: "ns", name: "web" },
  localEndpoints,
  serviceProxyHealthy,
});

it("tells the load balancer how many endpoints the node has, on the Service's own port", async () => {
  await ports.update([turn([here("10.0.0.1"), here("10.0.0.2"), { ip: "10.0.0.3", node: "node-b" }])], undefined);
  expect(await ask()).toEqual([200, "2", body(2)]);
  await ports.update([], undefined);
  expect(await ask()).toEqual([200, "2", body(2)]);
  await ports.update([turn([here("10.0.0.1", { ready: false, serving: true, terminating: true })])], undefined);
  expect(await ask()).toEqual([503, "0", body(0)]);
  await ports.update([turn([here("10.0.0.1")])], undefined);
  healthy = false;
  expect(await ask()).toEqual([503, "1", body(1, false)]);
  await ports.update([{ key: "ns/web", after: undefined }], undefined);
  await expect(ask()).rejects.toThrow("fetch failed");
});

it("serves each family with its own endpoints, on one port", async () => {
  const both = [turn([here("10.0.0.1"), here("10.0.0.2"), here("fd00::1")])];
  await all.update("IPv6", both, undefined);
  await ports.update(both, undefined);
  expect(failures).toEqual([]);
  expect(await ask()).toMatchObject([200, "2", {}]);
  expect(await ask("[::1]")).toMatchObject([200, "1", {}]);
  healthy = false;
  expect(await ask()).toMatchObject([503, "2", {}]);
  expect(await ask("[::1]")).toMatchObject([200, "1", {}]);
});

it("answers only where NodePorts do, and moves with them", async () => {
  const web = [turn([here("10.0.0.1")])];
  await ports.update(web, ["127.0.0.2"]);
  expect(await ask("127.0.0.2")).toMatchObject([200, "1", {}]);
  await expect(ask()).rejects.toThrow("fetch failed");
  await ports.update([], ["127.0.0.1", "127.0.0.3"]);
  expect(await ask()).toMatchObject([200, "1", {}]);
  expect(await ask("127.0.0.3")).toMatchObject([200, "1", {}]);
  await expect(ask("127.0.0.2")).rejects.toThrow("fetch failed");
});

it("tells once that a port is taken, and tries again", async () => {
  {
    await using _taken = await serveEndpoints({ host: "127.0.0.1", port: free, routes: {} });
    await ports.update([turn([here("10.0.0.1")])], ["127.0.0.9", "127.0.0.1"]);
    await ports.update([], ["127.0.0.9", "127.0.0.1"]);
    expect(failures).toEqual([expect.stringMatching(/^ns\/web true listen EADDRINUSE/)]);
    expect(due).toBe(1);
    await expect(ask("127.0.0.9")).rejects.toThrow("fetch failed");
  }
  await ports.update([], ["127.0.0.9", "127.0.0.1"]);
  expect(due).toBe(0);
  expect(await ask()).toMatchObject([200, "1", {}]);
});

it("has nothing left to try when a Service gives up a port that it could not get", async () => {
  await using _taken = await serveEndpoints({ host: "127.0.0.1", port: free, routes: {} });
  await ports.update([turn([here("10.0.0.1")])], ["127.0.0.1"]);
  expect(due).toBe(1);
  await ports.update([{ key: "ns/web", after: undefined }], ["127.0.0.1"]);
  expect(due).toBe(0);
});

it("gives one port to one Service, and to the other when that leaves it", async () => {
  await ports.update([turn([here("10.0.0.1")]), turn([here("10.0.0.1")], free, "ns/other")], undefined);
  expect(failures).toEqual(["ns/other true Service ns/web has the same healthCheckNodePort"]);
  expect(await ask()).toMatchObject([200, "1", { service: { name: "web" } }]);
  await ports.update([turn([here("10.0.0.1")], 0)], undefined);
  expect(await ask()).toMatchObject([200, "1", { service: { name: "other" } }]);
  expect(due).toBe(0);
});
