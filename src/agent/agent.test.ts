import { afterEach, expect, it, vi } from "vitest";
import type { EndpointSlice, Node } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { systemClock } from "../base/index.ts";
import { FakeIptables } from "../kernel/fake-iptables.ts";
import type { Exec } from "../kernel/index.ts";
import { node, port, service, slice } from "../model/testing/objects.ts";
import { createMetrics, serveEndpoints } from "../telemetry/index.ts";
import { freePort } from "../telemetry/testing/free-port.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { runAgent } from "./agent.ts";
import type { AgentOptions } from "./agent-options.ts";
import { chainNames } from "./plan/index.ts";
import { FakeSource } from "./testing/fake-source.ts";
import { nodeSettings } from "./testing/settings.ts";

const web = service("ns/web", { clusterIP: "172.30.0.41", ports: [port("p", 80)] });

function webSlice(...ips: string[]): EndpointSlice {
  const one = slice(
    "web-1",
    [{ name: "p", port: 8080 }],
    ips.map((ip) => ({ ip })),
  );
  return { ...one, metadata: { ...one.metadata, labels: { "kubernetes.io/service-name": "web" } } };
}

let stop = new AbortController();
let done: Promise<void> = Promise.resolve();

afterEach(async () => {
  stop.abort();
  await done;
});

let healthz: number;
let metrics: number;
let log = new MemoryLog();

async function run(source: FakeSource, kernel: FakeIptables, own: Partial<AgentOptions> = {}): Promise<void> {
  [healthz, metrics] = [await freePort(), await freePort()];
  stop = new AbortController();
  log = new MemoryLog();
  done = runAgent(
    {
      settings: nodeSettings({ families: ["IPv4"] }),
      client: source,
      server: "http://api",
      namespace: "berth",
      identity: "host-a",
      healthzAddress: { host: "127.0.0.1", port: healthz },
      metricsAddress: { host: "127.0.0.1", port: metrics },
      bindAddressHardFail: true,
      configz: { mode: "iptables" },
      minSyncIntervalMs: 0,
      syncPeriodMs: 30_000,
      exec: kernel,
      drift: undefined,
      vipRoutes: "off",
      metrics: createMetrics(),
      logger: log,
      clock: systemClock,
      random: () => 0,
      ...own,
    },
    stop.signal,
  );
  done.catch(() => {});
}

const ask = async (path: string) => (await fetch(`http://127.0.0.1:${healthz}${path}`)).status;
const page = async (path: string) => await (await fetch(`http://127.0.0.1:${metrics}${path}`)).text();

async function start(source: FakeSource, kernel: FakeIptables, own: Partial<AgentOptions> = {}): Promise<void> {
  await run(source, kernel, own);
  await vi.waitFor(async () => expect(await ask("/livez")).toBe(200));
}

function opened(): FakeSource {
  const source = new FakeSource();
  for (const plural of ["services", "endpointslices", "nodes"]) source.open(plural);
  return source;
}

it("writes nothing before it has read Services, slices and its Node, and then all in one restore", async () => {
  const source = new FakeSource();
  const kernel = new FakeIptables("IPv4");
  await start(source, kernel);
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
  const source = opened();
  const kernel = new FakeIptables("IPv4");
  await start(source, kernel);
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
  source.send("nodes", "MODIFIED", { ...node("node-a"), spec: { taints: [leaving] } });
  await vi.waitFor(async () => expect(await ask("/healthz")).toBe(503));
  expect(await ask("/livez")).toBe(200);
});

it("shows what it is and believes, and tells the cluster of itself and of what it refuses", async () => {
  const source = opened();
  await start(source, new FakeIptables("IPv4"));
  source.send("nodes", "ADDED", node("node-a"));
  source.send("services", "ADDED", { ...web, spec: { ...web.spec, externalIPs: ["192.0.2.7"] } });
  source.send("endpointslices", "ADDED", webSlice("10.0.0.1"));
  await vi.waitFor(async () => expect(await ask("/healthz")).toBe(200));
  expect([await page("/proxyMode"), await page("/healthz")]).toEqual(["iptables", "ok"]);
  expect(await page("/configz")).toBe('{"kubeproxy.config.k8s.io":{"mode":"iptables"}}');
  expect(await page("/metrics")).toContain('kubeproxy_proxy_healthz_total{code="200"}');
  await vi.waitFor(async () =>
    expect(JSON.parse(await page("/debug/state"))).toMatchObject({
      node: "node-a",
      families: {
        IPv4: { healthy: true, pendingServices: [], lastFailure: null, programmed: expect.not.stringMatching(/^0+$/) },
      },
      changesWaiting: { services: 0, endpointSlices: 0 },
      refused: [],
      services: {
        total: 1,
        items: [{ service: "ns/web", ports: [{ endpoints: { known: 1, cluster: ["10.0.0.1:8080"], local: [] } }] }],
      },
    }),
  );
  const apiServer = slice("kubernetes", [{ name: "https", port: 80 }], [{ ip: "192.0.2.7" }]);
  const labels = { "kubernetes.io/service-name": "kubernetes" };
  source.send("endpointslices", "ADDED", {
    ...apiServer,
    metadata: { name: "kubernetes", namespace: "default", labels },
  });
  const events = () => source.writes.filter((text) => text.startsWith("Event"));
  await vi.waitFor(() => expect(events()).toHaveLength(2));
  expect(events()).toEqual([
    "Event Starting: ",
    "Event FrontendRefused: node node-a, perhaps others: ExternalIP 192.0.2.7:80/TCP is not served: this is the API server's own address and port",
  ]);
  expect(source.writes).toContain("Lease berth-agent-node-a");
  expect(JSON.parse(await page("/debug/state"))).toMatchObject({
    refused: [{ service: "ns/web", frontend: "ExternalIP 192.0.2.7:80/TCP" }],
  });
  stop.abort();
  await done;
});

it.each<[object, string, boolean]>([
  [{}, "!service.kubernetes.io/service-proxy-name", true],
  [{ serviceProxyName: "mine", chains: chainNames("BERTH") }, "service.kubernetes.io/service-proxy-name=mine", false],
])(
  "watches its own Services, and takes away kube-proxy's nftables tables only in its place: %#",
  async (own, selector, takes) => {
    const source = opened();
    const kernel = new FakeIptables("IPv4");
    source.send("services", "ADDED", web);
    source.send("nodes", "ADDED", node("node-a"));
    const programs: string[] = [];
    const exec: Exec = {
      run(program, args, options) {
        programs.push(program);
        return kernel.run(program, args, options);
      },
    };
    await start(source, kernel, { exec, settings: nodeSettings({ families: ["IPv4"], ...own }) });
    await vi.waitFor(async () => expect(await ask("/healthz")).toBe(200));
    expect(source.paths.find((path) => path.includes("/services "))).toContain(`"labelSelector":"${selector}"`);
    // That server sends what it has, whatever is asked for.
    expect(kernel.save().includes("ns/web")).toBe(takes);
    stop.abort();
    await done;
    expect(programs.includes("nft")).toBe(takes);
  },
);

it("takes kube-proxy's nftables tables away when its own rules are there, not when they could not be written", async () => {
  const clock = new FakeClock();
  const source = opened();
  const kernel = new FakeIptables("IPv4");
  kernel.failures.push({ code: 1, stdout: "", stderr: "no\n" });
  source.send("services", "ADDED", web);
  source.send("nodes", "ADDED", node("node-a"));
  const served: boolean[] = [];
  const exec: Exec = {
    run(program, args, options) {
      if (program === "nft") served.push(kernel.save().includes("ns/web"));
      return kernel.run(program, args, options);
    },
  };
  await start(source, kernel, { exec, clock });
  await vi.waitFor(async () => {
    await clock.run(500);
    expect(await ask("/healthz")).toBe(200);
  });
  stop.abort();
  await done;
  expect(kernel.failures).toEqual([]);
  expect(served).toEqual([true]);
});

it("warns once that it may not write its Lease, and does all else", async () => {
  const source = opened();
  source.mayReport = false;
  const kernel = new FakeIptables("IPv4");
  await start(source, kernel);
  source.send("nodes", "ADDED", node("node-a"));
  source.send("services", "ADDED", web);
  source.send("endpointslices", "ADDED", webSlice("10.0.0.1"));
  await vi.waitFor(() => expect(kernel.save()).toContain("--to-destination 10.0.0.1:8080"));
  await vi.waitFor(() => expect(log.fieldsOf("node report not written")).toHaveLength(1));
  expect(await ask("/healthz")).toBe(200);
});

it("ends when its pages cannot be served, or tries again, as told, and says so in an event", async () => {
  await using taken = await serveEndpoints({ host: "127.0.0.1", port: 0, routes: {} });
  const metricsAddress = { host: "127.0.0.1", port: taken.port };
  const failed = opened();
  await run(failed, new FakeIptables("IPv4"), { metricsAddress });
  await expect(done).rejects.toThrow(
    /^--metrics-bind-address: cannot listen on 127.0.0.1 port \d+: the port is taken .*; free it or give another$/,
  );
  expect(failed.writes).toEqual([expect.stringMatching(/^Event FailedToStartMetricServer: cannot listen on/)]);

  const both = { host: "127.0.0.1", port: await freePort() };
  await run(opened(), new FakeIptables("IPv4"), {
    healthzAddress: both,
    metricsAddress: both,
    bindAddressHardFail: false,
  });
  await expect(done).rejects.toThrow(/^--metrics-bind-address: cannot listen on/);

  const clock = new FakeClock();
  await run(opened(), new FakeIptables("IPv4"), { metricsAddress, bindAddressHardFail: false, clock });
  await vi.waitFor(async () => expect(await ask("/livez")).toBe(200));
  expect(log.messages("warn")).toContain("pages not served; tried again every five seconds");
  await taken[Symbol.asyncDispose]();
  metrics = metricsAddress.port;
  await vi.waitFor(async () => {
    await clock.run(5000);
    expect(await page("/proxyMode")).toBe("iptables");
  });
});

it("writes no rule before the Node has its pod prefixes, or five minutes later", async () => {
  const settings = nodeSettings({ families: ["IPv4"], localTraffic: { mode: "NodeCIDR" } });
  for (const comes of [true, false]) {
    const clock = new FakeClock();
    const source = opened();
    const kernel = new FakeIptables("IPv4");
    source.send("nodes", "ADDED", node("node-a"));
    await start(source, kernel, { settings, clock });
    await vi.waitFor(() => expect(source.writes).toContain("Event Starting: "));
    await clock.run(299_000);
    expect(kernel.saves).toBe(0);
    const ready: Node = { ...node("node-a"), spec: { podCIDRs: ["10.244.3.0/24"] } };
    if (comes) source.send("nodes", "MODIFIED", ready);
    await vi.waitFor(async () => {
      if (!comes) await clock.run(2000);
      expect(await ask("/healthz")).toBe(200);
    });
    expect(log.messages("warn").some((text) => text.startsWith("no spec.podCIDRs yet"))).toBe(!comes);
    stop.abort();
    await done;
  }
});
