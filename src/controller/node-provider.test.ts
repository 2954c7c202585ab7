import { expect, it } from "vitest";
import { NodeAdapter } from "../../providers/node/adapter.ts";
import { endpointSlices, leases, loadBalancerClasses, type ServiceSpec } from "../api/index.ts";
import { slice } from "../model/testing/objects.ts";
import { parsePortRange } from "../net/index.ts";
import { Bench, type BenchOptions, type Running } from "./testing/bench.ts";

const namespace = "berth-node-lease";
const label = "node.kubernetes.io/exclude-from-external-load-balancers";

/** Nodes whose agents live, one Service after the other, and a controller that runs the provider `node`. */
class NodeBench extends Bench {
  #renewals = 0;

  constructor() {
    super();
    for (const node of ["node1", "node2"]) this.agent(node);
  }

  /** A sign of life of a node's agent. */
  agent(node: string, refused: readonly object[] = []): void {
    const annotations = { "berth.dev/report": JSON.stringify({ programmed: {}, refused, isolated: [] }) };
    const renewTime = `2026-01-01T00:00:00.${String(this.#renewals++).padStart(6, "0")}Z`;
    this.api.put(leases, { metadata: { namespace, name: `berth-agent-${node}`, annotations }, spec: { renewTime } });
  }

  service(name: string, spec: ServiceSpec = {}, metadata: object = {}): void {
    this.api.createService(name, { loadBalancerClass: "berth.dev/node", ...spec }, metadata);
  }

  endpoints(name: string, ...nodes: readonly string[]): void {
    const made = slice(
      `${name}-1`,
      [{ name: "http", port: 8080 }],
      nodes.map((node, i) => ({ ip: `10.0.0.${i + 1}`, node })),
    );
    const labels = { "kubernetes.io/service-name": name };
    this.api.put(endpointSlices, { ...made, metadata: { name: `${name}-1`, namespace: "default", labels } });
  }

  begin(options: Pick<BenchOptions, "nodesWithoutAgent"> = {}): Running {
    const reserved = [parsePortRange("22")].filter((range) => range !== undefined);
    return this.start({ ...options, providers: [new NodeAdapter(reserved)], pool: [] });
  }

  async has(name: string, ...addresses: readonly string[]): Promise<void> {
    const wanted = addresses.join();
    await this.until(() => this.addresses(name).join() === wanted, `${name}: ${wanted}`);
  }

  async pass(ms: number): Promise<void> {
    await this.settled();
    this.clock.advance(ms);
    await this.settled();
  }
}

it("a Service has the addresses of the nodes, without NodePorts, and they follow the nodes", async () => {
  const bench = new NodeBench();
  bench.service("web", { ports: [{ port: 80, protocol: "TCP" }] });
  const running = bench.begin();
  await bench.ready("web");
  expect(bench.addresses("web")).toEqual(["10.1.0.1", "10.1.0.2"]);
  expect(bench.api.service("web")?.status?.loadBalancer?.ingress?.[0]?.ipMode).toBe("VIP");
  expect(bench.finalizers("web")).toEqual(["node.berth.dev/resources"]);
  bench.api.updateNode("node1", { metadata: { labels: { [label]: "" } } });
  await bench.pass(1000);
  await bench.has("web", "10.1.0.2");
  bench.api.updateNode("node2", {
    status: {
      addresses: [...bench.api.node("node2")!.status!.addresses!, { type: "ExternalIP", address: "192.0.2.2" }],
    },
  });
  await bench.pass(1000);
  await bench.has("web", "192.0.2.2");
  bench.api.deleteService("web");
  await bench.until(() => bench.api.service("web") === undefined, "it goes");
  await running.stop();
});

it("without any node the address goes, once that is believed", async () => {
  const bench = new NodeBench();
  bench.service("web");
  const running = bench.begin();
  await bench.ready("web");
  for (const node of ["node1", "node2"]) bench.api.updateNode(node, { metadata: { labels: { [label]: "" } } });
  await bench.pass(1000);
  expect(bench.addresses("web")).toHaveLength(2);
  await bench.pass(60_000);
  await bench.has("web");
  expect(bench.condition("web", "ready")).toBe("False NoBackends");
  await running.stop();
});

it("policy Local: only nodes with endpoints, at once", async () => {
  const bench = new NodeBench();
  bench.endpoints("web", "node1");
  bench.service("web", { externalTrafficPolicy: "Local" });
  const running = bench.begin();
  await bench.ready("web");
  await bench.has("web", "10.1.0.1");
  bench.endpoints("web", "node2");
  await bench.has("web", "10.1.0.2");
  await running.stop();
});

it("a node whose agent is silent is left out until it gives a sign of life; renewals are no work", async () => {
  const bench = new NodeBench();
  bench.service("web");
  const running = bench.begin();
  await bench.ready("web");
  async function live(seconds: number, ...nodes: readonly string[]): Promise<void> {
    for (let i = 0; i < seconds; i += 10) {
      for (const node of nodes) bench.agent(node);
      await bench.pass(10_000);
    }
  }
  await live(30, "node1", "node2");
  const syncs = await running.metrics.getSingleMetricAsString("service_controller_loadbalancer_sync_total");
  await live(50, "node1", "node2");
  expect(await running.metrics.getSingleMetricAsString("service_controller_loadbalancer_sync_total")).toBe(syncs);
  await live(60, "node1");
  await bench.has("web", "10.1.0.1");
  bench.agent("node2");
  await bench.pass(1000);
  await bench.has("web", "10.1.0.1", "10.1.0.2");
  // All at once: that says more of what the controller sees than of the nodes.
  await bench.pass(60_000);
  await bench.until(() => bench.condition("web", "degraded") === "True AgentsMissing", "agents are missing");
  await bench.has("web", "10.1.0.1", "10.1.0.2");
  await running.stop();
});

it("A1: a restart changes nothing, although a node's agent has long been silent", async () => {
  const bench = new NodeBench();
  bench.service("web");
  bench.service("old", { ports: [{ port: 443, protocol: "TCP" }] }, { creationTimestamp: "2026-01-01T00:00:00Z" });
  bench.service("new", { ports: [{ port: 443, protocol: "TCP" }] }, { creationTimestamp: "2026-01-02T00:00:00Z" });
  const running = bench.begin();
  await bench.ready("web");
  for (let i = 0; i < 6; i++) {
    bench.agent("node1");
    await bench.pass(10_000);
  }
  await bench.has("web", "10.1.0.1");
  await running.stop();
  const { writes } = bench.api;
  const before = writes.length;
  const again = bench.begin();
  for (let i = 0; i < 6; i++) {
    bench.agent("node1");
    await bench.pass(10_000);
  }
  expect(writes.slice(before)).toEqual([]);
  await again.stop();
});

it("where another proxy serves nodes without an agent, nothing depends on agents but what they say", async () => {
  const bench = new NodeBench();
  bench.api.remove(leases, `${namespace}/berth-agent-node1`);
  bench.api.remove(leases, `${namespace}/berth-agent-node2`);
  bench.service("web");
  const running = bench.begin({ nodesWithoutAgent: "Include" });
  await bench.ready("web");
  expect(bench.condition("web", "degraded")).toBe("False NotDegraded");
  const before = bench.api.writes.length;
  bench.agent("node1");
  await bench.pass(60_000);
  await bench.pass(60_000);
  bench.agent("node1");
  await bench.pass(1000);
  expect(bench.api.writes.slice(before)).toEqual([]);
  await bench.has("web", "10.1.0.1", "10.1.0.2");
  const why = "a process of the node listens on this port";
  bench.agent("node1", [{ service: "default/web", frontend: "LoadBalancerIP 10.1.0.1:80/TCP", why }]);
  await bench.until(() => bench.condition("web", "degraded") === "True NotServedByNodes", "the agent says so");
  // It is taken from its node, and its last report stays.
  await bench.pass(60_000);
  await bench.ready("web");
  await bench.until(() => bench.condition("web", "degraded") === "False NotDegraded", "the other proxy serves all");
  await bench.has("web", "10.1.0.1", "10.1.0.2");
  await running.stop();
});

it("of two that want one port the older has it; the other says so and takes over", async () => {
  const bench = new NodeBench();
  bench.service("new", {}, { creationTimestamp: "2026-01-02T00:00:00Z" });
  const running = bench.begin();
  await bench.ready("new");
  bench.service("old", {}, { creationTimestamp: "2026-01-01T00:00:00Z" });
  await bench.ready("old");
  await bench.has("new");
  const text = "TCP port 80 of node1, node2 belongs to Service old; the older Service has it";
  expect(bench.condition("new", "programmed")).toBe("False PortConflict");
  expect(bench.message("new", "programmed")).toBe(text);
  expect(bench.events).toContain(`Warning SyncLoadBalancerFailed default/new: PortConflict: ${text}`);
  bench.api.deleteService("old");
  await bench.has("new", "10.1.0.1", "10.1.0.2");
  await bench.ready("new");
  await running.stop();
});

it("one that loses some nodes is degraded, and an owner in another namespace is not named", async () => {
  const bench = new NodeBench();
  const selector = { "berth.dev/node-selector": "edge" };
  bench.api.updateNode("node1", { metadata: { labels: { edge: "" } } });
  const rest = { creationTimestamp: "2026-01-01T00:00:00Z", annotations: selector };
  bench.service("secret", {}, { ...rest, namespace: "other" });
  bench.service("web", {}, { creationTimestamp: "2026-01-02T00:00:00Z" });
  const running = bench.begin();
  await bench.ready("web");
  expect(bench.addresses("web")).toEqual(["10.1.0.2"]);
  expect(bench.condition("web", "degraded")).toBe("True PortConflict");
  expect(bench.message("web", "degraded")).toContain("node1 belongs to 1 Service of other namespaces");
  await running.stop();
});

it("a port that nodes need is refused", async () => {
  const bench = new NodeBench();
  bench.service("web", { ports: [{ port: 22, protocol: "TCP" }] });
  const running = bench.begin();
  await bench.until(() => bench.condition("web", "accepted") === "False PortReserved", "refused");
  expect(bench.condition("web", "portsError")).toBe("True PortReserved");
  await running.stop();
});

it("what an agent refuses degrades the Service, and its address stays", async () => {
  const bench = new NodeBench();
  bench.service("web");
  const running = bench.begin();
  await bench.ready("web");
  const why = "a process of the node listens on this port";
  const refused = (ip: string) => [{ service: "default/web", frontend: `LoadBalancerIP ${ip}:80/TCP`, why }];
  bench.agent("node1", refused("10.1.0.1"));
  await bench.until(() => bench.condition("web", "degraded") === "True NotServedByNodes", "degraded");
  expect(bench.message("web", "degraded")).toBe(`nodes: TCP port 80 is not served: ${why} (node1)`);
  expect(bench.condition("web", "ready")).toBe("True TargetsReady");
  bench.agent("node2", refused("10.1.0.2"));
  await bench.until(() => bench.condition("web", "ready") === "False NoHealthyTargets", "nobody serves it");
  expect(bench.message("web", "ready")).toBe(`TCP port 80 is not served: ${why} (node1, node2)`);
  await bench.has("web", "10.1.0.1", "10.1.0.2");
  bench.agent("node1");
  bench.agent("node2");
  await bench.ready("web");
  await running.stop();
});

it("a class that goes keeps its Services on the addresses of nodes, also after a restart", async () => {
  const bench = new NodeBench();
  const name = "edge";
  bench.api.put(loadBalancerClasses, {
    metadata: { name, uid: "uid-edge", generation: 1 },
    spec: { loadBalancerClass: "example.com/edge", node: {}, nodeSelector: { matchLabels: { [name]: "" } } },
  });
  bench.api.updateNode("node1", { metadata: { labels: { [name]: "" } } });
  bench.service("web", { loadBalancerClass: "example.com/edge" });
  const running = bench.begin();
  await bench.ready("web");
  await bench.has("web", "10.1.0.1");
  bench.api.remove(loadBalancerClasses, name);
  await bench.until(() => bench.condition("web", "accepted") === "False ClassNotServed", "kept");
  await running.stop();
  const again = bench.begin();
  await bench.settled();
  expect(bench.addresses("web")).toEqual(["10.1.0.1"]);
  expect(bench.finalizers("web")).toEqual(["node.berth.dev/resources"]);
  await again.stop();
});

it("a Service that its class has no room for keeps no port from a younger one, also after a restart", async () => {
  const bench = new NodeBench();
  bench.api.put(loadBalancerClasses, {
    metadata: { name: "edge", uid: "uid-edge", generation: 1 },
    spec: { loadBalancerClass: "example.com/edge", node: {}, limits: { total: 1 } },
  });
  const ports = [{ port: 443, protocol: "TCP" }];
  const born = (day: number): object => ({ creationTimestamp: `2020-01-0${day}T00:00:00Z` });
  bench.service("first", { loadBalancerClass: "example.com/edge" }, born(1));
  bench.service("waits", { loadBalancerClass: "example.com/edge", ports }, born(2));
  const running = bench.begin();
  await bench.ready("first");
  await bench.until(() => bench.condition("waits", "accepted") === "False LimitExceeded", "kept out");
  bench.service("young", { ports }, born(3));
  await bench.ready("young");
  await running.stop();
  const before = bench.api.writes.length;
  const again = bench.begin();
  await bench.settled();
  expect(bench.addresses("young")).toEqual(["10.1.0.1", "10.1.0.2"]);
  expect(bench.api.writes.length).toBe(before);
  await again.stop();
});

it("an adapter that fails on one Service while all claim their ports harms that one alone", async () => {
  class Failing extends NodeAdapter {
    override validate(...args: Parameters<NodeAdapter["validate"]>): ReturnType<NodeAdapter["validate"]> {
      if (args[0].id.name === "bad") throw new TypeError("x is not a function");
      return super.validate(...args);
    }
  }
  const bench = new NodeBench();
  bench.service("bad");
  bench.service("good", { ports: [{ port: 443, protocol: "TCP" }] });
  const running = bench.start({ providers: [new Failing([])], pool: [] });
  await bench.ready("good");
  await bench.until(() => bench.message("bad", "programmed").includes("failed in validate"), "it shows");
  await running.stop();
});
