import { beforeEach, expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { FakeIptables } from "../kernel/fake-iptables.ts";
import type { Exec } from "../kernel/index.ts";
import { port, service, slice } from "../model/testing/objects.ts";
import type { Family } from "../net/index.ts";
import { createMetrics, type Metrics } from "../telemetry/index.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { AgentMetrics } from "./metrics.ts";
import { NodeProxy } from "./node-proxy.ts";
import { SyncHealth } from "./sync-health.ts";
import { nodeSettings } from "./testing/settings.ts";
import { MemoryState } from "./testing/state.ts";

const { signal } = new AbortController();

const programmed = "service rules programmed";
let clock: FakeClock;
let state: MemoryState;
let v4: FakeIptables;
let v6: FakeIptables;
let registry: Metrics;
let health: SyncHealth;
let proxy: NodeProxy;
let log: MemoryLog;
let events: string[];
let conntrack: string[];
let healthPorts: string[];
let portsFailed: number;

beforeEach(() => {
  clock = new FakeClock();
  state = new MemoryState();
  [v4, v6] = [new FakeIptables("IPv4"), new FakeIptables("IPv6")];
  registry = createMetrics();
  health = new SyncHealth(["IPv4", "IPv6"], clock);
  log = new MemoryLog();
  [events, conntrack, healthPorts] = [[], [], []];
  portsFailed = 0;
  const exec: Exec = {
    async run(program, args, options) {
      if (program !== "conntrack") return await (program.startsWith("ip6") ? v6 : v4).run(program, args, options);
      conntrack.push(args.slice(0, 5).join(" "));
      return { code: 0, stdout: "", stderr: "" };
    },
  };
  proxy = new NodeProxy({
    settings: nodeSettings(),
    state,
    exec,
    localSockets: async () => [],
    localAddresses: () => ["192.168.0.2", "fd00:1::2"],
    health,
    healthPorts: {
      async update(family, changes) {
        for (const { key } of changes) healthPorts.push(`${family} ${key}`);
        return portsFailed;
      },
    },
    events: { serviceWarning: (...text) => void events.push(text.join(" | ")) },
    metrics: new AgentMetrics(registry),
    logger: log,
    clock,
  });
  state.services.set(
    "ns/web",
    service("ns/web", {
      clusterIP: "172.30.0.41",
      clusterIPs: ["172.30.0.41", "fd00::41"],
      ports: [port("p", 80, { protocol: "UDP" })],
    }),
  );
});

function endpoints(...ips: string[]): void {
  const ports = [{ name: "p", port: 8080, protocol: "UDP" }];
  state.allSlices.set(
    "ns/web",
    (["IPv4", "IPv6"] as const).map((addressType) => ({
      ...slice(
        `web-${addressType}`,
        ports,
        ips.filter((ip) => ip.includes(":") === (addressType === "IPv6")).map((ip) => ({ ip, node: "node-a" })),
      ),
      addressType,
    })),
  );
}

function changed(family: Family, changedAt?: number, isDeleted = false): void {
  proxy.endpointsChanged("ns/web", changedAt, { name: `web-${family}`, addressType: family, isDeleted });
}

async function values(name: string): Promise<Record<string, number>> {
  const { values: all } = await registry.getSingleMetric(`kubeproxy_${name}`)!.get();
  return Object.fromEntries(all.map(({ labels, value }) => [Object.values(labels).join(" "), value]));
}

/** How many latencies were measured in a family, and their sum in seconds. */
async function latencies(): Promise<Record<string, readonly number[]>> {
  const { values: all } = await registry.getSingleMetric("kubeproxy_network_programming_duration_seconds")!.get();
  const of = (family: Family, what: string) =>
    all.find(
      (each) =>
        (each as { metricName?: string }).metricName?.endsWith(what) === true && each.labels["ip_family"] === family,
    )?.value ?? 0;
  return Object.fromEntries(
    (["IPv4", "IPv6"] as const).map((family) => [family, [of(family, "_count"), of(family, "_sum")]]),
  );
}

it("does all that follows in one family though the other fails, and later there what was left", async () => {
  endpoints("10.0.0.1", "fd00:244::1");
  proxy.serviceChanged("ns/web");
  await proxy.sync(signal);
  log.clear();
  [conntrack, healthPorts] = [[], []];
  endpoints("10.0.0.2", "fd00:244::2");
  changed("IPv4", clock.now() + 1000);
  changed("IPv6", clock.now() + 1000);
  clock.advance(3000);
  v4.failures.push({ code: 4, stdout: "", stderr: "iptables-restore: line 2 failed\n" });
  expect(await proxy.sync(signal)).toBeGreaterThan(0);
  expect(log.fieldsOf(programmed)).toMatchObject([
    { service: "ns/web", family: "IPv6", endpointsBefore: 1, endpoints: 1 },
  ]);
  expect(conntrack).toEqual(["-L -p udp -f ipv6"]);
  expect(healthPorts).toEqual(["IPv6 ns/web"]);
  expect(await latencies()).toEqual({ IPv4: [0, 0], IPv6: [1, 2] });
  const failed = () => proxy.inspect().families.map(({ pending, lastFailure }) => [pending, lastFailure?.at]);
  expect(failed()).toEqual([
    [["ns/web"], clock.now()],
    [[], undefined],
  ]);
  clock.advance(60_000);
  expect([...health.families().values()].map(({ healthy }) => healthy)).toEqual([false, true]);

  endpoints("10.0.0.3", "fd00:244::2");
  changed("IPv4");
  await proxy.sync(signal);
  expect(log.fieldsOf(programmed).slice(1)).toMatchObject([
    {
      family: "IPv4",
      cause: "EndpointSlice web-IPv4",
      why: "endpoint 10.0.0.3:8080 added, endpoint 10.0.0.1:8080 removed (gone)",
    },
  ]);
  expect(conntrack.slice(1)).toEqual(["-L -p udp -f ipv4"]);
  expect(await latencies()).toEqual({ IPv4: [1, 62], IPv6: [1, 2] });
  expect([...health.families().values()].map(({ healthy }) => healthy)).toEqual([true, true]);
  expect(failed()[0]?.[0]).toEqual([]);
});

it("measures from pods' changes while it ran, each once, and not from what is deleted", async () => {
  endpoints("10.0.0.1");
  changed("IPv4", clock.now() - 1);
  await proxy.sync(signal);
  expect(await latencies()).toEqual({ IPv4: [0, 0], IPv6: [0, 0] });
  clock.advance(5000);
  changed("IPv4", clock.now() - 1000);
  changed("IPv4", clock.now() - 2000);
  await proxy.sync(signal);
  await proxy.sync(signal);
  expect(await latencies()).toEqual({ IPv4: [2, 3], IPv6: [0, 0] });
  changed("IPv6", clock.now() - 1000);
  changed("IPv6", clock.now() - 1000, true);
  changed("IPv6", clock.now() - 1000);
  await proxy.sync(signal);
  expect(await latencies()).toEqual({ IPv4: [2, 3], IPv6: [1, 1] });
});

it("counts pending Services once and slices each time", async () => {
  proxy.serviceChanged("ns/web");
  proxy.serviceChanged("ns/web");
  changed("IPv4");
  changed("IPv4");
  expect(await values("sync_proxy_rules_service_changes_pending")).toEqual({ "": 1 });
  expect(await values("sync_proxy_rules_service_changes_total")).toEqual({ "": 2 });
  expect(await values("sync_proxy_rules_endpoint_changes_pending")).toEqual({ "": 2 });
  expect(proxy.inspect().changesWaiting).toEqual({ services: 1, endpointSlices: 2 });
  await proxy.sync(signal);
  expect(await values("sync_proxy_rules_service_changes_pending")).toEqual({ "": 0 });
});

it("counts ports of policy Local without an endpoint here as they come and go", async () => {
  const spec = { ...state.services.get("ns/web")!.spec, internalTrafficPolicy: "Local" };
  state.services.set("ns/web", { ...state.services.get("ns/web")!, spec });
  endpoints("10.0.0.1");
  const [v4Slice] = state.allSlices.get("ns/web")!;
  const remote = { ...v4Slice!, endpoints: [{ addresses: ["10.0.0.1"], nodeName: "node-b" }] };
  const name = "sync_proxy_rules_no_local_endpoints_total";
  state.allSlices.set("ns/web", [remote]);
  proxy.serviceChanged("ns/web");
  await proxy.sync(signal);
  expect(await values(name)).toEqual({
    "internal IPv4": 1,
    "external IPv4": 0,
    "internal IPv6": 0,
    "external IPv6": 0,
  });
  endpoints("10.0.0.1");
  changed("IPv4");
  await proxy.sync(signal);
  expect(await values(name)).toMatchObject({ "internal IPv4": 0 });
  state.allSlices.set("ns/web", [remote]);
  changed("IPv4");
  await proxy.sync(signal);
  state.services.delete("ns/web");
  proxy.serviceChanged("ns/web");
  await proxy.sync(signal);
  expect(await values(name)).toMatchObject({ "internal IPv4": 0 });
});

it("comes again while health check node ports are not served, and counts them", async () => {
  const failed = async () =>
    (await registry.getSingleMetric("berth_agent_health_check_node_ports_failed")!.get()).values;
  portsFailed = 2;
  proxy.serviceChanged("ns/web");
  expect(await proxy.sync(signal)).toBe(30_000);
  expect(await failed()).toMatchObject([{ value: 2 }, { value: 2 }]);
  portsFailed = 0;
  expect(await proxy.sync(signal)).toBeUndefined();
  expect(await failed()).toMatchObject([{ value: 0 }, { value: 0 }]);
});

it("tells on the Service of a frontend that is refused, once, and again when it comes back", async () => {
  const web = state.services.get("ns/web")!;
  const taken = { ...web, spec: { ...web.spec, externalIPs: ["192.168.0.2"], ports: [port("p", 22)] } };
  const put = async (object: typeof web) => {
    state.services.set("ns/web", object);
    proxy.serviceChanged("ns/web");
    await proxy.sync(signal);
  };
  await put(taken);
  await put({ ...taken, spec: { ...taken.spec, sessionAffinity: "ClientIP" } });
  const event =
    "ns/web | FrontendRefused | Program | ExternalIP 192.168.0.2:22/TCP is not served: the node needs this port on its own address";
  expect(events).toEqual([event]);
  expect(proxy.inspect().standing.refused()).toHaveLength(1);
  await put(web);
  expect(proxy.inspect().standing.refused()).toEqual([]);
  await put(taken);
  expect(events).toEqual([event, event]);
});
