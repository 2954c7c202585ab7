import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { FakeIptables } from "../kernel/fake-iptables.ts";
import { node, port, service, slice } from "../model/testing/objects.ts";
import { createMetrics, type LogFields, nullLogger } from "../telemetry/index.ts";
import { AgentMetrics } from "./metrics.ts";
import { NodeProxy } from "./node-proxy.ts";
import { SyncHealth } from "./sync-health.ts";
import { nodeSettings } from "./testing/settings.ts";
import { MemoryState } from "./testing/state.ts";

const signal = new AbortController().signal;

function zoned(ip: string, zone: string) {
  return { ip, node: "node-b", zones: [zone] };
}

it("keeps the rules that depend on the Node while the object is away, and says so once", async () => {
  const iptables = new FakeIptables("IPv4");
  const clock = new FakeClock();
  const state = new MemoryState();
  const told: (LogFields | undefined)[] = [];
  state.nodeObject = { ...node("node-a", "zone-a"), spec: { podCIDRs: ["10.1.0.0/24"] } };
  state.services.set("ns/web", service("ns/web", { clusterIP: "172.30.0.41", ports: [port("p", 80)] }));
  state.allSlices.set("ns/web", [
    slice("s", [{ name: "p", port: 80 }], [zoned("10.9.0.1", "zone-a"), zoned("10.9.0.2", "zone-b")]),
  ]);
  const health = new SyncHealth(["IPv4"], clock);
  const proxy = new NodeProxy({
    settings: nodeSettings({ families: ["IPv4"], localTraffic: { mode: "NodeCIDR" } }),
    state,
    exec: iptables,
    localAddresses: () => ["192.168.0.2"],
    localSockets: async () => [],
    health,
    healthPorts: { update: async () => false },
    metrics: new AgentMetrics(createMetrics()),
    logger: { ...nullLogger, warn: (message, fields) => told.push(message.includes("node") ? fields : undefined) },
    clock,
  });
  proxy.serviceChanged("ns/web");
  await proxy.sync(signal);
  expect(iptables.save()).toContain("! -s 10.1.0.0/24");
  expect(iptables.save()).not.toContain("10.9.0.2");
  expect(told).toEqual([]);
  iptables.restores.length = 0;

  state.nodeObject = undefined;
  proxy.nodeChanged();
  await proxy.sync(signal);
  await proxy.sync(signal);
  expect(iptables.restores).toEqual([]);
  expect(told).toEqual([{ node: "node-a", why: "the Node object is gone; rules go by what it said last" }]);

  state.nodeObject = { ...node("node-a", "zone-b"), spec: { podCIDRs: ["10.2.0.0/24"] } };
  proxy.nodeChanged();
  await proxy.sync(signal);
  expect(iptables.save()).toContain("! -s 10.2.0.0/24");
  expect(iptables.save()).not.toContain("10.9.0.1");
  expect(told).toHaveLength(1);
});
